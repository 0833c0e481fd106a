"""The specification curve: how frequent IMR is under every definition, and which choice makes it so."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.analysis.figures.style import (
    BLUE,
    FAINT,
    MUTED,
    PAPER,
    SKY,
    SMALL_PT,
    TEXT_PT,
    TWO_COLUMNS,
    VERMILION,
    Drawing,
    axes_at,
    blank,
    in_house_style,
    line_mm,
    number,
    require,
    sheet,
    text_width_mm,
)
from reperfuse.faults import DataFault

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EXCLUSIONS = {
    "ica_occlusion": "carotid occlusion",
    "hemorrhagic_transformation": "haemorrhage",
    "reocclusion": "reocclusion",
    "mtici": "not recanalised",
}
#: Layout in mm: the plots' left edge and width, the curve's height, a row of the matrix, the room between its parts.
_LEFT, _WIDE, _TALL, _ROW, _GAP = 42.0, 126.0, 58.0, 3.3, 2.2
_POINTS_PER_MM = 72 / 25.4


@in_house_style
def draw_specification_curve(rows: Sequence[Mapping[str, Any]]) -> Drawing:
    """Draw the frequency of IMR under every definition, in rising order, over the choices each makes.

    Parameters
    ----------
    rows : sequence of mapping
        As in group/imr.tsv: ``preset``, ``threshold`` (share; NaN: none), ``cut_ml`` (mL), ``exclusions`` (joined by
        ";"), ``k``, ``n``, ``percent``, ``low``, ``high`` (%), ``is_preset`` (0/1).

    Returns
    -------
    Drawing

    Raises
    ------
    DataFault
        No definition can judge a patient.
    """
    require(rows, "preset", "threshold", "cut_ml", "exclusions", "k", "n", "percent", "low", "high", "is_preset")
    judged = [row for row in rows if number(row["n"]) > 0]
    if not judged:
        raise DataFault("not drawn: no definition of IMR can judge a patient")
    judged = sorted(judged, key=_place)
    matrix = _matrix(judged)
    labels = _preset_labels(judged)
    head = 3 + len(labels) * line_mm(SMALL_PT) if labels else 3
    tall = sum(_ROW * len(part) + _GAP for part in matrix.values())
    figure = blank(TWO_COLUMNS, head + _TALL + 3 + tall + 5)
    axes = axes_at(figure, _LEFT, head, _WIDE, _TALL)
    _draw_curve(axes, judged)
    page = sheet(figure)
    _write_presets(page, axes, judged, labels, head)
    below = axes_at(figure, _LEFT, head + _TALL + 3, _WIDE, tall)
    _draw_matrix(below, page, matrix, judged, head + _TALL + 3)
    page.text(
        _LEFT + _WIDE / 2, head + _TALL + 3 + tall + 1.5,
        f"{len(judged)} definitions, from the lowest to the highest frequency",
        fontsize=TEXT_PT, ha="center", va="center",
    )  # fmt: skip
    return Drawing(figure, *_in_words(rows, judged))


def _threshold(row: Mapping[str, Any]) -> float:
    """Return a definition's threshold, a share; -1 where it has none."""
    value = number(row["threshold"])
    return -1.0 if np.isnan(value) else value


def _place(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        number(row["percent"]), number(row["low"]), str(row["preset"]),
        _threshold(row), -number(row["cut_ml"]), str(row["exclusions"] or ""),
    )  # fmt: skip


def _names(row: Mapping[str, Any]) -> list[str]:
    text = str(row["exclusions"] or "")
    return [] if text in ("", "n/a") else text.split(";")


def _matrix(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Return which row makes which choice: a part a kind of choice, a line a choice."""
    presets = np.array([str(row["preset"]) for row in rows])
    thresholds = np.array([_threshold(row) for row in rows])
    cuts = np.array([number(row["cut_ml"]) for row in rows])
    without = [_names(row) for row in rows]
    named = dict.fromkeys(name for names in without for name in names)
    order = [*(name for name in _EXCLUSIONS if name in named), *sorted(named.keys() - _EXCLUSIONS.keys())]
    parts = {
        "Preset": {str(one): presets == one for one in np.unique(presets)},
        "Threshold": {f"{100 * one:g} %" if one >= 0 else "none": thresholds == one for one in np.unique(thresholds)},
        "Cut": {f"> {one:g} mL": cuts == one for one in np.unique(cuts)},
        "Left out": {
            _EXCLUSIONS.get(one, one.replace("_", " ")): np.array([one in names for names in without]) for one in order
        },
    }
    return {title: part for title, part in parts.items() if part}


def _draw_curve(axes: "Axes", rows: Sequence[Mapping[str, Any]]) -> None:
    percent, low, high = (np.array([number(row[name]) for row in rows]) for name in ("percent", "low", "high"))
    ranks = np.arange(len(rows))
    own = np.array([number(row["is_preset"]) == 1 for row in rows])
    thin = min(1.2, 0.8 * _WIDE * _POINTS_PER_MM / len(rows))
    _bars(axes, ranks, low, high, color=SKY, linewidth=thin, alpha=0.6, zorder=1)
    axes.plot(ranks, percent, "o", color=BLUE, markersize=np.clip(3 * thin, 1.0, 3.4), markeredgewidth=0, zorder=2)
    _bars(axes, ranks[own], low[own], high[own], color=VERMILION, linewidth=1.2, zorder=3)
    axes.plot(
        ranks[own], percent[own], "D", color=VERMILION, markersize=4,
        markeredgecolor=PAPER, markeredgewidth=0.5, clip_on=False, zorder=4,
    )  # fmt: skip
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(0, min(100.0, 1.05 * float(high.max())))
    axes.set_xticks([])
    axes.set_ylabel("Patients with IMR (%),\n95 % interval")


def _bars(axes: "Axes", x: NDArray[Any], low: NDArray[np.float64], high: NDArray[np.float64], **look: Any) -> None:
    """Draw vertical bars as one broken line: a file of thousands stays small."""
    gaps = np.full(len(x), np.nan)
    axes.plot(np.repeat(x, 3), np.column_stack([low, high, gaps]).ravel(), "-", solid_capstyle="butt", **look)


def _preset_labels(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """Return the place and the label of each preset's own choice."""
    return [
        (rank, f"{row['preset']}: {row['k']:.0f}/{row['n']:.0f}, {number(row['percent']):.1f} %")
        for rank, row in enumerate(rows)
        if number(row["is_preset"]) == 1
    ]


def _write_presets(
    page: "Axes", axes: "Axes", rows: Sequence[Mapping[str, Any]], labels: Sequence[tuple[int, str]], head: float
) -> None:
    """Write the presets' own choices above the curve, a line each, and lead from each to its point."""
    low, high = axes.get_ylim()
    for line, (rank, label) in enumerate(labels):
        x = _LEFT + _WIDE * (rank + 0.5) / len(rows)
        # the leftmost stands highest, so that the leaders of the others end below its text
        y = 1 + (line + 0.5) * line_mm(SMALL_PT)
        point = head + _TALL * (1 - (number(rows[rank]["high"]) - low) / (high - low))
        page.plot((x, x), (y, point), color=VERMILION, linewidth=0.5, zorder=1)
        fits = x + 1 + text_width_mm(label, SMALL_PT) < TWO_COLUMNS
        page.text(
            x + (1 if fits else -1), y, label, fontsize=SMALL_PT, va="center", ha="left" if fits else "right", zorder=2,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.3},
        )  # fmt: skip


def _draw_matrix(
    axes: "Axes",
    page: "Axes",
    matrix: Mapping[str, Mapping[str, NDArray[np.bool_]]],
    rows: Sequence[Mapping[str, Any]],
    top: float,
) -> None:
    """Draw a mark in each line of choices under each definition that makes it."""
    own = np.array([number(row["is_preset"]) == 1 for row in rows])
    thin = min(3.0, _WIDE * _POINTS_PER_MM / len(rows))
    axes.set_xlim(-0.5, len(rows) - 0.5)
    axes.set_ylim(sum(_ROW * len(part) + _GAP for part in matrix.values()), 0)
    axes.set_axis_off()
    y = 0.0
    for title, part in matrix.items():
        page.text(1, top + y + _ROW / 2, title, fontsize=SMALL_PT, weight="bold", va="center")
        for name, chosen in part.items():
            page.text(_LEFT - 1.5, top + y + _ROW / 2, name, fontsize=SMALL_PT, ha="right", va="center")
            axes.axhline(y + _ROW / 2, color=FAINT, linewidth=0.4, zorder=0)
            for which, colour, width in ((chosen & ~own, MUTED, thin), (chosen & own, VERMILION, max(thin, 1.5))):
                ranks = np.flatnonzero(which)
                ends = np.full(len(ranks), y + 0.3), np.full(len(ranks), y + _ROW - 0.3)
                _bars(axes, ranks, *ends, color=colour, linewidth=width)
            y += _ROW
        y += _GAP


def _in_words(rows: Sequence[Mapping[str, Any]], judged: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the caption and the alternative text."""
    first, last = (number(judged[place]["percent"]) for place in (0, -1))
    middle = float(np.median([number(row["percent"]) for row in judged]))
    own = "; ".join(label for _, label in _preset_labels(judged))
    lost = len(rows) - len(judged)
    spread = f"from {first:.1f} to {last:.1f} % (median {middle:.1f} %)"
    caption = (
        f"Frequency of IMR under {len(judged)} definitions, {spread}, with Wilson's 95 % interval; below, the choices "
        f"of each definition. Diamonds and orange-red marks: each preset's own choice ({own or 'none among them'})."
        + (f" Not shown: {lost} that can judge no patient." if lost else "")
    )
    alt = (
        f"Curve of the frequency of IMR over {len(judged)} definitions, rising {spread}. Own choices: {own or 'none'}."
    )
    return caption, alt


__all__ = ["draw_specification_curve"]
