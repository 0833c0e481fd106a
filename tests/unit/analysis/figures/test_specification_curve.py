import numpy as np
import pytest
from drawn import OWN, definitions, words
from reperfuse.analysis.figures.specification_curve import draw_specification_curve
from reperfuse.faults import DataFault


def row(percent: float, preset: str = "valls2025", **other) -> dict:
    head = {"preset": preset, "threshold": 0.15, "cut_ml": 5.0, "exclusions": "", "k": round(percent), "n": 100}
    return head | {"percent": percent, "low": percent / 2, "high": percent * 1.5, "is_preset": 0} | other


def ranks(axes) -> np.ndarray:
    """Return the sorted frequencies of the dots."""
    (dots,) = (line for line in axes.lines if line.get_marker() == "o")
    return np.asarray(dots.get_ydata())


def marks(axes) -> list[tuple[float, list[int]]]:
    """Return the lines of the matrix from above: height (mm), and the definitions marked in them."""
    found: dict[float, list[int]] = {}
    for line in axes.lines:
        x, y = line.get_data()
        if len(x) % 3 == 0 and len(x):
            found.setdefault(round(float(y[0]), 3), []).extend(int(one) for one in x[::3])
    return [(y, sorted(x)) for y, x in sorted(found.items())]


def test_all_definitions_in_rising_order_with_their_intervals() -> None:
    rows = definitions()
    drawing = draw_specification_curve(rows)
    curve = drawing.figure.axes[0]
    assert np.array_equal(ranks(curve), sorted(row["percent"] for row in rows))
    bars = next(line for line in curve.lines if line.get_marker() == "None" and len(line.get_xdata()) == 3 * len(rows))
    drawn = np.asarray(bars.get_ydata()).reshape(-1, 3)[:, :2]
    assert sorted(map(tuple, drawn)) == sorted((row["low"], row["high"]) for row in rows)
    assert "1600 definitions" in drawing.caption


def test_each_presets_own_choice_is_marked_and_labelled() -> None:
    rows = definitions()
    drawing = draw_specification_curve(rows)
    text = words(drawing.figure)
    own = [row for row in rows if row["is_preset"]]
    assert {row["preset"] for row in own} == set(OWN)
    for one in own:
        label = f"{one['preset']}: {one['k']}/{one['n']}, {one['percent']:.1f} %"
        assert label in text
        assert label in drawing.caption
    (diamonds,) = (line for line in drawing.figure.axes[0].lines if line.get_marker() == "D")
    assert sorted(diamonds.get_ydata()) == sorted(row["percent"] for row in own)


def test_the_matrix_says_which_definition_makes_which_choice() -> None:
    rows = [
        row(30, cut_ml=0.0, exclusions="reocclusion"),
        row(10, threshold=0.3),
        row(20, preset="ng2022", exclusions="ica_occlusion;reocclusion", is_preset=1),
    ]
    drawing = draw_specification_curve(rows)
    lines = [which for _, which in marks(drawing.figure.axes[2])]
    # ng2022, valls2025 | 15 %, 30 % | > 0, > 5 mL | carotid occlusion, reocclusion
    assert lines == [[1], [0, 2], [1, 2], [0], [2], [0, 1], [1], [1, 2]]
    for name in ("30 %", "> 0 mL", "carotid occlusion", "reocclusion"):
        assert name in words(drawing.figure)
    # what no definition leaves out has no line
    assert "haemorrhage" not in words(drawing.figure)


def test_a_preset_without_a_threshold_and_no_exclusion_at_all() -> None:
    nothing = [row(percent, preset="mujanovic2022", threshold=float("nan")) for percent in (20, 10)]
    drawing = draw_specification_curve([row(15), *nothing])
    assert [which for _, which in marks(drawing.figure.axes[2])] == [[0, 2], [1], [0, 2], [1], [0, 1, 2]]
    text = words(drawing.figure)
    assert "none | 15 %" in text
    assert "nan" not in text
    assert "Left out" not in text


def test_definitions_that_judge_nobody_are_counted() -> None:
    nobody = row(0, n=0) | {"percent": None, "low": "n/a", "high": float("nan")}
    drawing = draw_specification_curve([row(10), nobody])
    assert list(ranks(drawing.figure.axes[0])) == [10]
    assert "Not shown: 1 that can judge no patient" in drawing.caption
    with pytest.raises(DataFault, match="no definition of IMR can judge a patient"):
        draw_specification_curve([nobody])


def test_all_frequencies_zero() -> None:
    drawing = draw_specification_curve([row(0, high=3.7), row(0, high=3.7)])
    assert list(ranks(drawing.figure.axes[0])) == [0, 0]


def test_a_missing_column_is_named() -> None:
    with pytest.raises(KeyError, match="is_preset"):
        draw_specification_curve([{key: value for key, value in row(1).items() if key != "is_preset"}])
