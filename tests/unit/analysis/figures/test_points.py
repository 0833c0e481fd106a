"""Figures in which a patient is a point: IMR by mTICI, NIHSS against IMR, growth."""

import numpy as np
import pandas as pd
import pytest
from drawn import cohort, words
from matplotlib.patches import Rectangle
from reperfuse.analysis.figures.growth import draw_growth
from reperfuse.analysis.figures.imr_by_mtici import draw_imr_by_mtici
from reperfuse.analysis.figures.nihss_imr import Band, draw_nihss_by_imr
from reperfuse.faults import DataFault


def points(axes) -> pd.DataFrame:
    """Return the points of axes: where they are, and their marker."""
    lines = [line for line in axes.lines if line.get_marker() not in ("None", "")]
    return pd.DataFrame(
        [(x, y, line.get_marker()) for line in lines for x, y in zip(*line.get_data(), strict=True)],
        columns=["x", "y", "marker"],
    )


def published() -> pd.DataFrame:
    """Return 33 patients with the counts of doi:10.3389/fneur.2025.1478240, and two who cannot be shown."""
    grades = ["2c"] * 11 + ["3"] * 22 + ["3", None]
    volumes = np.r_[[6.0] * 4, [5.0], np.linspace(0, 4, 6), [9.0] * 4, np.linspace(0, 4.5, 18), 30.0, 2.0]
    return pd.DataFrame({"mtici": grades, "imr_ml": volumes, "imr_evaluable": [1.0] * 33 + [0.0, 1.0]})


def test_imr_by_mtici_shows_every_patient_and_counts_those_above_the_cut() -> None:
    frame = published()
    drawing = draw_imr_by_mtici(frame, 5.0)
    axes = drawing.figure.axes[0]
    drawn = points(axes)
    for place, grade in enumerate(("2c", "3")):
        of_grade = drawn[(drawn.x - place).abs() < 0.5]
        given = frame[(frame["imr_evaluable"] == 1) & (frame["mtici"] == grade)]["imr_ml"]
        assert sorted(of_grade.y) == sorted(given)
        # exactly the cut is not above it
        assert (of_grade.marker == "^").sum() == (given > 5).sum() == 4
        assert len(set(of_grade.x.round(6))) == len(of_grade)
    text = words(drawing.figure)
    assert "4/11\n36 %" in text
    assert "4/22\n18 %" in text
    assert "2c\n(11)" in text
    assert "3\n(22)" in text
    assert "Above 5 mL" in text
    assert "in 33 patients" in drawing.caption
    assert "mTICI 2c: 4 of 11; mTICI 3: 4 of 22" in drawing.caption
    assert "Not shown: 2 patients" in drawing.caption
    medians = [line for line in axes.collections for line in line.get_segments()]
    assert [line[0, 1] for line in medians] == [
        frame["imr_ml"][:11].median(),
        pytest.approx(frame["imr_ml"][11:33].median()),
    ]
    low, high = axes.get_ylim()
    assert low == 0
    assert high > 9


def test_no_impaired_volume_and_a_cut_of_nothing() -> None:
    drawing = draw_imr_by_mtici(published().assign(imr_ml=0.0), 0.0)
    assert "0/11\n0 %" in words(drawing.figure)
    low, high = drawing.figure.axes[0].get_ylim()
    assert high > low == 0


def test_grades_stand_in_their_order() -> None:
    text = words(draw_imr_by_mtici(cohort(300), 5.0).figure)
    places = [text.index(f"{grade}\n(") for grade in ("0", "1", "2a", "2b50", "2b67", "2c", "3")]
    assert places == sorted(places)


def rows(beta: float = 0.11) -> list[dict]:
    head = {"unit": "for each mL", "n": 33, "low": 0.02, "high": 0.19, "note": ""}
    wanted = head | {"outcome": "nihss_24h", "exposure": "imr_ml", "model": "unadjusted", "beta": beta}
    others = [wanted | {"model": "adjusted", "beta": 7.0}, wanted | {"exposure": "imr_percent", "beta": 8.0}]
    lost = {"outcome": "nihss_day5", "beta": np.nan, "note": "not estimable: only 3 patients, at least 10 needed"}
    return [*others, wanted, wanted | lost]


def test_nihss_shows_every_patient_the_band_and_the_effect_of_the_table() -> None:
    frame = cohort(60)
    x = np.linspace(0, 20, 5)
    band = Band(x, 5 + 0.11 * x, 4 + 0.02 * x, 6 + 0.19 * x)
    drawing = draw_nihss_by_imr(frame, rows(), {"nihss_24h": band})
    first, second = drawing.figure.axes
    judged = frame[frame["imr_evaluable"] == 1]
    for axes, outcome in ((first, "nihss_24h"), (second, "nihss_day5")):
        given = judged.dropna(subset=[outcome])
        drawn = points(axes)
        pairs = zip(given["imr_ml"], given[outcome], strict=True)
        assert sorted(zip(drawn.x, drawn.y, strict=True)) == sorted(pairs)
        assert f"n = {len(given)}" in axes.get_title(loc="left")
    lines = [line.get_ydata() for line in first.lines if line.get_marker() in ("None", "")]
    for values in (band.fit, band.low, band.high):
        assert any(np.array_equal(values, line) for line in lines)
    assert not [line for line in second.lines if line.get_marker() in ("None", "")]
    text = words(drawing.figure)
    assert "β 0.11 [0.02, 0.19] points for each mL, unadjusted, n = 33" in text
    assert "not estimable: only 3 patients, at least 10 needed" in text.replace("\n", " ")
    assert "β 0.11 [0.02, 0.19]" in drawing.caption
    assert "7.00" not in text
    assert "8.00" not in text


def test_nihss_of_one_time_only() -> None:
    drawing = draw_nihss_by_imr(cohort(30).assign(nihss_day5=np.nan), rows(), {})
    assert "no patient has both" in words(drawing.figure)
    assert "band" not in drawing.caption


def test_growth_shows_every_patient_median_and_quartiles() -> None:
    frame = cohort(80).dropna(subset=["profile", "reperfused"])
    drawing = draw_growth(frame)
    axes = drawing.figure.axes[0]
    drawn, places = points(axes), (0.0, 1.0, 2.4, 3.4)
    boxes = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    medians = [line[0, 1] for lines in axes.collections for line in lines.get_segments()]
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    for number, (profile, flag) in enumerate((p, f) for p in ("target", "no target") for f in (1, 0)):
        given = frame[(frame["profile"] == profile) & (frame["reperfused"] == flag)]["growth_ml"]
        of_group = drawn[(drawn.x - places[number]).abs() < 0.5]
        assert sorted(of_group.y) == sorted(given)
        assert set(of_group.marker) == {"o" if flag else "^"}
        assert medians[number] == pytest.approx(given.median())
        quartiles = boxes[number].get_y(), boxes[number].get_y() + boxes[number].get_height()
        assert quartiles == pytest.approx((given.quantile(0.25), given.quantile(0.75)))
        assert ticks[number] == f"{'yes' if flag else 'no'}\n({len(given)})"
        assert f"n = {len(given)}" in drawing.alt


def test_growth_of_one_group() -> None:
    frame = cohort(30).assign(profile="target", reperfused=1.0)
    with pytest.raises(DataFault, match="the same profile and the same reperfusion"):
        draw_growth(frame)
