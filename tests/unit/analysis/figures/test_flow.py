import pytest
from drawn import extent_mm, overlaps, texts
from matplotlib.patches import Rectangle
from reperfuse.analysis.figures.flow import draw_flow
from reperfuse.faults import DataFault


def row(step: str, n: int, left_out: int = 0, reason: str = "") -> dict:
    return {"step": step, "n": n, "left_out": left_out, "reason": reason}


LONG = "no usable arterial input, " * 12
ROWS = [
    row("enrolled", 60),
    row("baseline scan", 57, 3, "no baseline session"),
    row("maps", 52, 4, LONG),
    row("maps", 52, 1, "x" * 120),
    row("follow-up scan", 52),
    *(row(f"step {number}", 52 - number, 1, "reocclusion") for number in range(1, 7)),
]


def contents(figure) -> list[list[str]]:
    """Return the lines in each box, having checked that each text lies within one box and touches no other."""
    shown = texts(figure)
    boxes = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    places = [extent_mm(figure, box) for box in boxes]
    for number, place in enumerate(places):
        assert not any(overlaps(place, other) for other in places[number + 1 :])
    held: list[list[str]] = [[] for _ in boxes]
    for text in shown:
        where = extent_mm(figure, text)
        inside = [
            number
            for number, place in enumerate(places)
            if place.x0 <= where.x0 and where.x1 <= place.x1 and place.y0 <= where.y0 and where.y1 <= place.y1
        ]
        assert len(inside) == 1, text.get_text()
        assert sum(overlaps(where, place) for place in places) == 1
        held[inside[0]].append(text.get_text())
    return held


def test_every_text_lies_in_its_box_and_every_count_is_there() -> None:
    held = contents(draw_flow(ROWS).figure)
    steps = [lines for lines in held if lines[-1].startswith("n = ")]
    assert [lines[-1] for lines in steps] == [f"n = {n}" for n in (60, 57, 52, 52, 51, 50, 49, 48, 47, 46)]
    assert [lines[0] for lines in steps[:4]] == ["Enrolled", "Baseline scan", "Maps", "Follow-up scan"]
    side = [lines for lines in held if lines not in steps]
    assert [lines[0] for lines in side] == ["Left out: 3", "Left out: 5", *["Left out: 1"] * 6]
    assert side[0][1:] == ["no baseline session"]
    several = " ".join(side[1][1:])
    assert several.startswith("4: no usable arterial input")
    assert several.replace(" ", "").endswith("1:" + "x" * 120)
    assert several.count("no usable arterial input") == 12


def test_words_hold_every_count() -> None:
    drawing = draw_flow(ROWS[:2])
    assert drawing.alt == "Flow diagram. Enrolled: 60. Left out: 3 no baseline session. Baseline scan: 57."
    assert "Of 60 patients (Enrolled), 57 reached the last step (Baseline scan)" in drawing.caption


def test_a_lone_step() -> None:
    assert contents(draw_flow([row("enrolled", 1)]).figure) == [["Enrolled", "n = 1"]]


@pytest.mark.parametrize("rows", [[row("enrolled", 60), row("scan", 56, 3, "none")], [row("a", 5), row("a", 4)]])
def test_counts_that_do_not_add_up(rows: list[dict]) -> None:
    with pytest.raises(ValueError, match=r"add up|two counts"):
        draw_flow(rows)


@pytest.mark.parametrize("rows", [[], [row("enrolled", 0), row("scan", 0)]])
def test_nobody(rows: list[dict]) -> None:
    with pytest.raises(DataFault, match="no patient entered"):
        draw_flow(rows)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(KeyError, match="reason"):
        draw_flow([{"step": "enrolled", "n": 1, "left_out": 0}])
