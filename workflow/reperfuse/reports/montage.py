"""Slices of volumes side by side, in radiological convention: the patient's left is on the image's right."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.reports.slices import N_SLICES, Slices, choose_slices, crop, radiological

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend


#: Colours that stay apart for every kind of colour vision, on the colour maps used here too.
CORE, DEFICIT, PENUMBRA, LESION, IMPAIRED = "#ff5fb0", "#ffffff", "#1fbf8f", "#56c8f5", "#ffd23f"
GROWN = "#ff8a3d"


DARK, LIGHT, MUTED = "#0d1117", "#f0f3f6", "#9aa7b4"


#: Of the pictures that are saved: what is written is laid out for it.
DPI = 110


#: Layout, in inches: the figure's width, what a row's label and colour bar take, and the lines of text.
WIDTH, LABEL, _BAR, HEAD, _FOOT, _LINE, _GAP = 12.8, 1.1, 0.85, 0.62, 0.4, 0.21, 0.05


#: Width of a slice, inches.
PANEL = (WIDTH - LABEL - _BAR) / N_SLICES


_LINE_LENGTH = 165


_FOOT_TEXT = "Radiological convention: R, the patient's right, is on the left of each image."


_BLACK_TEXT = " Black in a map with a colour bar: outside the brain mask, or a voxel without a value."


@dataclass(frozen=True)
class Region:
    """A mask (x, y, z), with the name and the colour it is drawn in."""

    name: str
    colour: str
    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class Row:
    """A row of the montage: a map (x, y, z; NaN is black) and the regions outlined or filled on it.

    ``window`` holds the values of the first and the last colour of the colour map ``colours``.
    """

    title: str
    unit: str
    data: NDArray[Any]
    window: tuple[float, float]
    colours: str = "gray"
    outlines: Sequence[Region] = ()
    fills: Sequence[Region] = ()


def montage(
    title: str,
    rows: Sequence[Row],
    affine: NDArray[np.float64],
    brain: NDArray[np.bool_],
    *,
    focus: NDArray[np.bool_] | None = None,
    slices: Slices | None = None,
    notes: Sequence[str] = (),
) -> "Figure":
    """Draw maps of one grid: a row a map, a column a slice.

    Parameters
    ----------
    title : str
    rows : sequence of Row
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    brain : ndarray of bool, (x, y, z)
        The part of the grid worth showing.
    focus : ndarray of bool, (x, y, z), optional
        What is shown, and what slices are chosen for that are not given.
    slices : Slices, optional
    notes : sequence of str
        Lines below the montage.

    Returns
    -------
    Figure
    """
    from matplotlib.figure import Figure

    head, turned = radiological(brain, affine)
    where = None if focus is None else radiological(focus, affine)[0]
    box = crop(head if where is None else head | where)
    shape = [len(range(*part.indices(size))) for part, size in zip(box, head.shape[1:], strict=True)]
    if slices is None:
        chosen = [int(k) for k in choose_slices(head, where)]
        middle = [part.start + size / 2 for part, size in zip(box, shape, strict=True)]
        slices = Slices(chosen, [float(turned[2] @ [k, *middle, 1]) for k in chosen])
    height_mm, width_mm = np.linalg.norm(turned[:3, 1:3], axis=0)
    tall = PANEL * shape[0] * height_mm / (shape[1] * width_mm)
    lines = [line for note in notes for line in textwrap.wrap(note, _LINE_LENGTH)]
    height = HEAD + len(rows) * tall + _FOOT + _LINE * len(lines)
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor=DARK)
    for number, row in enumerate(rows):
        top = HEAD + number * tall
        axes = _axes_at(figure, LABEL, top, PANEL * len(slices.numbers) - _GAP, tall - _GAP)
        _draw_row(axes, tall - _GAP, row, slices, lambda volume: radiological(volume, affine)[0][:, box[0], box[1]])
        for column in range(len(slices.numbers) if number == 0 else 1):
            write_sides(axes, column * PANEL, PANEL - _GAP)
        if number == 0:
            _write_heights(axes, slices)
        figure.text(0.12 / WIDTH, 1 - (top + tall / 2) / height, row.title, color=LIGHT, fontsize=11, va="center")
        if row.unit:
            _draw_bar(figure, row, _axes_at(figure, WIDTH - _BAR + 0.08, top + 0.12 * tall, 0.1, 0.72 * tall))
    _write_head(figure, title, rows, height)
    _write_foot(figure, rows, lines)
    return figure


def _axes_at(figure: "Figure", left: float, top: float, width: float, tall: float) -> "Axes":
    """Return axes at a place from the left and from the top, inches."""
    height = figure.get_figheight()
    return figure.add_axes((left / WIDTH, 1 - (top + tall) / height, width / WIDTH, tall / height))


def _draw_row(
    axes: "Axes", tall: float, row: Row, slices: Slices, view: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    """Draw the slices of a map with its regions; ``view`` turns a volume to a stack and crops it.

    All in the same axes, in inches, for axes cost more time than what is drawn in them.
    """
    from matplotlib.colors import Normalize

    maps, colours, norm = view(row.data), _colour_map(row.colours), Normalize(*row.window)
    width = PANEL - _GAP
    for column, k in enumerate(slices.numbers):
        left = column * PANEL
        if k is None:
            axes.text(
                left + width / 2, tall / 2, "outside\nthe scan", color=MUTED, fontsize=8, ha="center", va="center"
            )
            continue
        axes.imshow(maps[k], colours, norm, aspect="auto", extent=(left, left + width, tall, 0))
    voxel = width / maps.shape[2], tall / maps.shape[1]
    for region, filled in _regions(row):
        stack = view(region.mask)
        nothing = np.zeros(stack.shape[1:], bool)
        _draw_region(axes, region, [nothing if k is None else stack[k] for k in slices.numbers], filled, voxel)
    axes.set_axis_off()
    axes.set_xlim(0, PANEL * len(slices.numbers) - _GAP)
    axes.set_ylim(tall, 0)


def _write_heights(axes: "Axes", slices: Slices) -> None:
    for column, z in enumerate(slices.heights_mm):
        middle, text = column * PANEL + (PANEL - _GAP) / 2, f"z {round(z)} mm".replace("-", "−")
        axes.annotate(
            text, (middle, 0), (0, 3), textcoords="offset points", color=MUTED, fontsize=8, ha="center", va="bottom"
        )


def _write_foot(figure: "Figure", rows: Sequence[Row], notes: Sequence[str]) -> None:
    foot = _FOOT_TEXT + (_BLACK_TEXT if any(row.unit for row in rows) else "")
    for number, line in enumerate([*notes, foot]):
        y = (_LINE * (len(notes) - number) + 0.16) / figure.get_figheight()
        colour = MUTED if line == foot else IMPAIRED
        figure.text(0.12 / WIDTH, y, line, color=colour, fontsize=8.5, va="center", parse_math=False)


def _regions(row: Row) -> list[tuple[Region, bool]]:
    return [(region, True) for region in row.fills] + [(region, False) for region in row.outlines]


def _colour_map(name: str) -> Any:
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad="black")


def _draw_region(
    axes: "Axes", region: Region, masks: Sequence[NDArray[np.bool_]], filled: bool, voxel: tuple[float, float]
) -> None:
    from matplotlib.patheffects import Normal, Stroke

    # a frame of nothing closes the outline of what reaches the edge, and keeps slices apart
    padded = np.concatenate([np.pad(mask.astype(float), 1) for mask in masks], axis=1)
    if not padded.any():
        return
    across, down = (size * (np.arange(n) + 0.5) for size, n in zip(voxel, masks[0].shape[::-1], strict=True))
    edge = min(voxel[0], 0.9 * _GAP) / 2
    of_slice = np.concatenate([[-edge], across, [across[-1] + voxel[0] / 2 + edge]])
    x = np.concatenate([column * PANEL + of_slice for column in range(len(masks))])
    y = np.concatenate([[-voxel[1] / 2], down, [down[-1] + voxel[1]]])
    if filled:
        axes.contourf(x, y, padded, levels=[0.5, 1.5], colors=[region.colour], alpha=0.45)
    lines = axes.contour(x, y, padded, levels=[0.5], colors=[region.colour], linewidths=1.0)
    lines.set_path_effects([Stroke(linewidth=2.2, foreground="black", alpha=0.75), Normal()])


def write_sides(axes: "Axes", left: float, width: float) -> None:
    """Write R and L on an image in radiological convention, by where its left edge and its width are in the axes."""
    from matplotlib.patheffects import withStroke

    across = axes.get_xaxis_transform()
    for letter, x in (("R", 0.03), ("L", 0.91)):
        written = axes.text(left + x * width, 0.96, letter, color=LIGHT, fontsize=8, va="top", transform=across)
        written.set_path_effects([withStroke(linewidth=1.5, foreground="black")])


def _draw_bar(figure: "Figure", row: Row, axes: "Axes") -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar = figure.colorbar(ScalarMappable(Normalize(*row.window), _colour_map(row.colours)), cax=axes)
    bar.outline.set_visible(False)
    axes.tick_params(colors=LIGHT, labelsize=8, length=2)
    axes.set_title(row.unit, color=LIGHT, fontsize=8, loc="left", pad=4)


def _write_head(figure: "Figure", title: str, rows: Sequence[Row], height: float) -> None:
    """Write the title and the legend; of a title that is too long the end, which says what the figure shows."""
    written = figure.text(0.12 / WIDTH, 1 - 0.24 / height, title, color=LIGHT, fontsize=13, weight="bold", va="center")
    legend = _write_legend(figure, rows, height)
    room = (legend.get_window_extent().x0 if legend else figure.bbox.width) - _GAP * figure.dpi
    while written.get_window_extent().x1 > room and title:
        title = title[1:]
        written.set_text(f"…{title}")


def _write_legend(figure: "Figure", rows: Sequence[Row], height: float) -> "Legend | None":
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    regions = [one for row in rows for one in _regions(row)]
    colours = {region.name: region.colour for region, _ in regions}
    if not colours:
        return None
    lines = {region.name for region, filled in regions if not filled}
    handles = [
        Line2D([], [], color=colour, linewidth=2.5) if name in lines else Patch(color=colour)
        for name, colour in colours.items()
    ]
    return figure.legend(
        handles,
        list(colours),
        loc="upper right",
        bbox_to_anchor=(1 - 0.1 / WIDTH, 1 - 0.08 / height),
        ncols=len(colours),
        columnspacing=1.2,
        handlelength=1.6,
        frameon=False,
        labelcolor=LIGHT,
        fontsize=9.5,
        borderaxespad=0,
    )


__all__ = [
    "CORE", "DARK", "DEFICIT", "DPI", "GROWN", "HEAD", "IMPAIRED", "LABEL", "LESION", "LIGHT", "MUTED", "PANEL",
    "PENUMBRA", "WIDTH", "Region", "Row", "montage", "write_sides",
]  # fmt: skip
