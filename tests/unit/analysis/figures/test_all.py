"""What holds for every figure: it can be read, it is the same each time, and it refuses what it does not know."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from drawn import MM_PER_INCH, cohort, definitions, extent_mm, overlaps, texts, words
from reperfuse.analysis.figures.effects import draw_effects
from reperfuse.analysis.figures.flow import draw_flow
from reperfuse.analysis.figures.growth import draw_growth
from reperfuse.analysis.figures.imr_by_mtici import draw_imr_by_mtici
from reperfuse.analysis.figures.mrs import draw_mrs_by_imr, draw_mrs_by_profile
from reperfuse.analysis.figures.nihss_imr import Band, draw_nihss_by_imr
from reperfuse.analysis.figures.profile_outcome import draw_profile_outcome
from reperfuse.analysis.figures.specification_curve import draw_specification_curve
from reperfuse.analysis.figures.style import Drawing, save
from reperfuse.faults import DataFault

NO_MODEL = "not estimable: only 7 patients, at least 10 needed for 2 coefficients, more than this study has"
SHARES = np.array([0.1, 0.2, 0.2, 0.2, 0.15, 0.1, 0.05])
LONG = (
    "no usable arterial input: the best candidates rise too late (score 0.12, at least 0.20 needed); series too short"
)


def nihss_rows(n: int) -> list[dict]:
    head = {"exposure": "imr_ml", "unit": "for each mL", "n": n, "beta": 0.11, "low": 0.02, "high": 0.19, "note": ""}
    return [
        head | {"outcome": outcome, "model": model}
        for outcome in ("nihss_24h", "nihss_day5")
        for model in ("unadjusted", "adjusted")
    ]


def effect_rows() -> dict[str, list[dict]]:
    odds = {"n": 52, "odds_ratio": 2.4, "low": 0.8, "high": 7.5, "note": "", "model": "adjusted"}
    lost = {"odds_ratio": np.nan, "low": np.nan, "high": np.nan, "note": NO_MODEL}
    of_imr = odds | {"exposure": "imr_significant", "unit": "yes against no"}
    return {
        "nihss": nihss_rows(52),
        "mrs": [
            of_imr | {"outcome": "mrs_90d", "note": "proportional odds not tested: patients are too few"},
            of_imr | {"outcome": "mrs_0_2", "low": 0.0004, "high": 31_000.0},
            of_imr | {"outcome": "death_90d"} | lost,
        ],
        "profile": [
            odds
            | {"outcome": "mrs_0_2", "profile": profile, "measure": measure, "value": 8.8, "low": 2.7, "high": 29.0}
            for profile, measure in (("target", "odds ratio"), ("interaction", "ratio of odds ratios"))
        ],
        "factors": [odds | {"factor": "a_column_of_their_own_with_a_long_name", "model": "together"}],
    }


def flow_rows(steps: int = 10) -> list[dict]:
    rows, n = [{"step": "enrolled", "n": 200, "left_out": 0, "reason": ""}], 200
    for number in range(1, steps):
        reasons = [(number, LONG), (1, "n" * 90), (2, "reocclusion")][: number % 4]
        n -= sum(count for count, _ in reasons)
        name = f"step {number} with a name that is longer than its box is wide, as happens"
        rows += [{"step": name, "n": n, "left_out": count, "reason": reason} for count, reason in reasons or [(0, "")]]
    return rows


def draw_all(frame: pd.DataFrame) -> dict[str, Callable[[], Drawing]]:
    x = np.linspace(0, 20, 20)
    band = Band(x, 5 + 0.1 * x, 3 + 0.05 * x, 7 + 0.2 * x)
    by_profile = {("target", 1.0): SHARES, ("target", 0.0): SHARES[::-1]}
    return {
        "flow": lambda: draw_flow(flow_rows()),
        "imr_by_mtici": lambda: draw_imr_by_mtici(frame, 5.0),
        "nihss_imr": lambda: draw_nihss_by_imr(frame, nihss_rows(len(frame)), {"nihss_24h": band}),
        "mrs_by_imr": lambda: draw_mrs_by_imr(frame, {}, NO_MODEL),
        "mrs_by_profile": lambda: draw_mrs_by_profile(frame, by_profile, "standardised for age, nihss_baseline"),
        "growth": lambda: draw_growth(frame),
        "effects": lambda: draw_effects(**effect_rows()),
        "profile_outcome": lambda: draw_profile_outcome(frame),
        "specification_curve": lambda: draw_specification_curve(definitions()),
    }


NAMES = list(draw_all(cohort(1)))
OF_PATIENTS = [name for name in NAMES if name not in ("flow", "effects", "specification_curve")]


@pytest.mark.parametrize(
    ("name", "n"), [(name, n) for name in NAMES for n in ((12, 60, 400) if name in OF_PATIENTS else (60,))]
)
def test_all_that_is_written_can_be_read(name: str, n: int) -> None:
    figure = draw_all(cohort(n))[name]().figure
    wide, tall = figure.get_size_inches() * MM_PER_INCH
    assert wide == pytest.approx(85) or wide == pytest.approx(170)
    shown = texts(figure)
    assert min(text.get_fontsize() for text in shown) >= 7
    places = [(text.get_text(), extent_mm(figure, text)) for text in shown]
    outside = [text for text, box in places if box.x0 < 0 or box.y0 < 0 or box.x1 > wide or box.y1 > tall]
    assert not outside
    touching = [(one[0], other[0]) for one, other in combinations(places, 2) if overlaps(one[1], other[1])]
    assert not touching


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_has_a_caption_and_words(name: str) -> None:
    drawing = draw_all(cohort(60))[name]()
    for text in (drawing.caption, drawing.alt):
        assert text.endswith(".")
        assert len(text) > 60
        assert "nan" not in text.split()
        assert any(letter.isdigit() for letter in text)
    assert "nan" not in words(drawing.figure).split()


@pytest.mark.parametrize("name", NAMES)
def test_same_bytes_each_time_whatever_the_users_settings(name: str, tmp_path: Path) -> None:
    save(draw_all(cohort(30))[name](), tmp_path / "one")
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "svg.hashsalt": "mine", "axes.grid": True}):
        save(draw_all(cohort(30))[name](), tmp_path / "other")
    for ending in ("svg", "png"):
        first, second = ((tmp_path / f"{stem}.{ending}").read_bytes() for stem in ("one", "other"))
        assert first == second
        assert str(Path.home()).encode() not in first
        assert str(tmp_path).encode() not in first
    svg = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert "<text" in svg
    assert "<dc:date>" not in svg
    assert len(svg) < 1_500_000


@pytest.mark.parametrize("name", OF_PATIENTS)
@pytest.mark.parametrize("n", [0, 1])
def test_nobody_or_all_unknown_says_so(name: str, n: int) -> None:
    frame = cohort(5).head(n)
    for column in frame.columns.drop(["participant_id", "imr_evaluable"]):
        frame[column] = None if frame[column].dtype == object else np.nan
    with pytest.raises(DataFault, match=r"^not drawn: no patient"):
        draw_all(frame)[name]()


@pytest.mark.parametrize("name", OF_PATIENTS)
def test_a_missing_column_is_named(name: str) -> None:
    whole = cohort(30)
    needed = 0
    for column in whole.columns:
        try:
            draw_all(whole.drop(columns=column))[name]()
        except KeyError as error:
            assert column in str(error)  # noqa: PT017
            needed += 1
    assert needed >= 3


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("imr_by_mtici", "mtici", "2d"),
        ("growth", "profile", "malignant"),
        ("growth", "reperfused", 0.5),
        ("mrs_by_imr", "mrs_90d", 2.5),
        ("mrs_by_imr", "imr_significant", 2.0),
        ("mrs_by_profile", "mrs_90d", 7.0),
        ("mrs_by_profile", "profile", "malignant"),
        ("mrs_by_profile", "reperfused", 0.5),
        ("profile_outcome", "profile", "malignant"),
        ("profile_outcome", "reperfused", 0.5),
        ("profile_outcome", "mrs_0_2", 3.0),
    ],
)
def test_a_value_without_a_place_is_not_left_out_in_silence(name: str, column: str, value: object) -> None:
    frame = cohort(60)
    known = frame.drop(columns="participant_id").notna().all(axis=1) & (frame["imr_evaluable"] == 1)
    frame.loc[known.idxmax(), column] = value
    with pytest.raises(ValueError, match=f"{column} is "):
        draw_all(frame)[name]()
