"""The patient flow (STROBE): who entered the study, who was left out at each step and why, who was analysed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from reperfuse.analysis.figures.style import (
    INK,
    MUTED,
    PAPER,
    SMALL_PT,
    TEXT_PT,
    TWO_COLUMNS,
    Drawing,
    blank,
    counted,
    in_house_style,
    line_mm,
    require,
    sheet,
    wrap_mm,
)
from reperfuse.faults import DataFault

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Layout in mm: the two columns of boxes, the room inside a box and between boxes.
_MAIN_LEFT, _MAIN_WIDTH, _SIDE_LEFT, _SIDE_WIDTH, _PAD, _GAP, _EDGE = 1.0, 66.0, 78.0, 91.0, 1.8, 4.5, 1.0


@dataclass(frozen=True)
class _Step:
    """A step, the patients who reached it, and how many were left out before it for each reason."""

    name: str
    n: int
    left_out: list[tuple[int, str]]


@in_house_style
def draw_flow(rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """Draw the patient flow.

    Parameters
    ----------
    rows : sequence of mapping
        ``step``; ``n``, patients who reached it; ``left_out``, patients left out between the step before and this
        one, with the ``reason``. Rows of one step that follow each other are its several reasons.

    Returns
    -------
    Drawing

    Raises
    ------
    DataFault
        No patient entered.
    ValueError
        The counts do not add up.
    """
    require(rows, "step", "n", "left_out", "reason")
    steps = _steps(rows)
    if not steps or steps[0].n == 0:
        raise DataFault("not drawn: no patient entered the study")
    main = [_lines(step.name, step.n) for step in steps]
    side = [_reasons(step.left_out) for step in steps]
    heights = [_height(lines) for lines in main]
    # the arrow into a step passes the box of those left out before it
    gaps = [0.0, *(_GAP if not lines else _height(lines) + _GAP for lines in side[1:])]
    figure = blank(TWO_COLUMNS, sum(heights) + sum(gaps) + 2 * _EDGE)
    axes = sheet(figure)
    top, middle = _EDGE, _MAIN_LEFT + _MAIN_WIDTH / 2
    for number in range(len(steps)):
        if number:
            _arrow(axes, (middle, top), (middle, top + gaps[number]))
        if side[number]:
            centre = top + gaps[number] / 2
            _arrow(axes, (middle, centre), (_SIDE_LEFT, centre))
            _box(axes, _SIDE_LEFT, centre - _height(side[number]) / 2, _SIDE_WIDTH, side[number])
        top += gaps[number]
        _box(axes, _MAIN_LEFT, top, _MAIN_WIDTH, main[number])
        top += heights[number]
    first, last = steps[0], steps[-1]
    caption = (
        f"Patient flow. Of {counted(first.n, 'patient')} ({first.name}), {last.n} reached the last step ({last.name}). "
        "Boxes at the right: patients left out before each step, and why."
    )
    return Drawing(figure, caption, _in_words(steps))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _steps(rows: Sequence[Mapping[str, Any]]) -> list[_Step]:
    """Return the steps of the rows, having checked that each count follows from the one before."""
    steps: list[_Step] = []
    for row in rows:
        name, n, left_out = _capital(str(row["step"])), int(row["n"]), int(row["left_out"])
        if not steps or steps[-1].name != name:
            steps.append(_Step(name, n, []))
        if left_out:
            steps[-1].left_out.append((left_out, str(row["reason"])))
        if steps[-1].n != n:
            raise ValueError(f"the flow gives two counts for {name}")
    for before, step in pairwise(steps):
        if before.n - sum(count for count, _ in step.left_out) != step.n:
            raise ValueError(f"the flow's counts do not add up at {step.name}")
    return steps


#: A line of a box: its text, size (pt) and weight.
_Line = tuple[str, float, str]


def _lines(name: str, n: int) -> list[_Line]:
    wide = _MAIN_WIDTH - 2 * _PAD
    return [(line, TEXT_PT, "bold") for line in wrap_mm(name, wide, TEXT_PT, "bold")] + [
        (f"n = {n}", TEXT_PT, "normal")
    ]


def _reasons(left_out: Sequence[tuple[int, str]]) -> list[_Line]:
    if not left_out:
        return []
    wide = _SIDE_WIDTH - 2 * _PAD
    texts = [f"{count}: {reason}" if len(left_out) > 1 else reason for count, reason in left_out]
    lines = [(line, SMALL_PT, "normal") for text in texts for line in wrap_mm(text, wide, SMALL_PT)]
    return [(f"Left out: {sum(count for count, _ in left_out)}", SMALL_PT, "bold"), *lines]


def _height(lines: Sequence[_Line]) -> float:
    return 2 * _PAD + sum(line_mm(size) for _, size, _ in lines)


def _box(axes: "Axes", left: float, top: float, width: float, lines: Sequence[_Line]) -> None:
    from matplotlib.patches import Rectangle

    box = Rectangle((left, top), width, _height(lines), facecolor=PAPER, edgecolor=INK, linewidth=0.7)
    axes.add_patch(box)
    y = top + _PAD
    for text, size, weight in lines:
        y += line_mm(size)
        axes.text(left + _PAD, y - 0.24 * line_mm(size), text, fontsize=size, weight=weight)


def _arrow(axes: "Axes", start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>,head_width=0.18,head_length=0.35", "color": MUTED, "linewidth": 0.7, "shrinkA": 0}
    axes.annotate("", end, start, arrowprops={**style, "shrinkB": 0})


def _in_words(steps: Sequence[_Step]) -> str:
    parts = [f"Flow diagram. {steps[0].name}: {steps[0].n}."]
    for step in steps[1:]:
        why = "; ".join(f"{count} {reason}" for count, reason in step.left_out)
        parts.append(f"{f'Left out: {why}. ' if why else ''}{step.name}: {step.n}.")
    return " ".join(parts)


__all__ = ["draw_flow"]
