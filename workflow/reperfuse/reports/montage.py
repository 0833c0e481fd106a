"""Slices of volumes side by side, in radiological convention: the patient's left is on the image's right."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend


#: Colours that stay apart for every kind of colour vision, on the colour maps used here too.
CORE, DEFICIT, PENUMBRA, LESION, IMPAIRED = "#ff5fb0", "#ffffff", "#1fbf8f", "#56c8f5", "#ffd23f"
GROWN = "#ff8a3d"


DARK, LIGHT, MUTED = "#0d1117", "#f0f3f6", "#9aa7b4"


#: Layout, in inches: the figure's width, what a row's label and colour bar take, and the lines of text.
WIDTH, LABEL, _BAR, HEAD, _FOOT, _LINE, _GAP = 12.8, 1.1, 0.85, 0.62, 0.4, 0.21, 0.05


N_SLICES = 8
#: Width of a slice, inches.
PANEL = (WIDTH - LABEL - _BAR) / N_SLICES


_LINE_LENGTH = 165


_FOOT_TEXT = "Radiological convention: R, the patient's right, is on the left of each image."


_BLACK_TEXT = " Black in a map with a colour bar: outside the brain mask, or a voxel without a value."


_MARGIN_VOXELS = 3


#: Share of the focus at either end that may lie outside the slices shown.
_SPECKS = 0.03


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


def radiological(volume: NDArray[Any], affine: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Turn a volume so that it reads as a stack of axial images.

    Parameters
    ----------
    volume : ndarray, (x, y, z)
        In any voxel order; an oblique grid is turned to the closest axes, never interpolated.
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).

    Returns
    -------
    stack : ndarray, (slice, row, column)
        Slices go up, rows go to the back, columns go to the patient's left.
    affine : ndarray, (4, 4)
        Index of the stack to world (RAS+, mm).
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    # the voxel axis along each of the world's: the assignment that agrees best as a whole
    order = max(permutations(range(3)), key=lambda axes: sum(abs(directions[w, a]) for w, a in enumerate(axes)))
    axes = (order[2], order[1], order[0])
    stack = np.transpose(volume, axes)
    turned = affine.astype(float)
    turned[:, :3] = affine[:, axes]
    for position, (world, sign) in enumerate(((2, 1), (1, -1), (0, -1))):
        if turned[world, position] * sign < 0:
            stack = np.flip(stack, position)
            turned[:, 3] += turned[:, position] * (stack.shape[position] - 1)
            turned[:, position] *= -1
    return stack, turned


def choose_slices(brain: NDArray[np.bool_], focus: NDArray[np.bool_] | None, count: int = N_SLICES) -> NDArray[np.intp]:
    """Choose the slices of a stack (slice, row, column) that show the focus; without one, the brain.

    The slice with most of the focus is always among them.
    """
    area = brain.sum(axis=(1, 2))
    inside = np.flatnonzero(area > 0.15 * area.max()) if area.any() else np.arange(len(brain))
    first, last = int(inside[0]), int(inside[-1])
    held = np.zeros(len(brain), int) if focus is None else focus.sum(axis=(1, 2))
    if held.any():
        # specks far from the rest do not decide what is shown
        share = np.cumsum(held) / held.sum()
        found = np.flatnonzero((held > 0) & (share > _SPECKS) & (share - held / held.sum() < 1 - _SPECKS))
        lack = max(0, count - (int(found[-1]) - int(found[0]) + 3))
        low, high = found[0] - 1 - lack // 2, found[-1] + 1 + (lack + 1) // 2
        # what does not fit at one end of the brain is added at the other
        low, high = low - max(0, high - last), high + max(0, first - low)
        first, last = max(min(first, int(found[0])), int(low)), min(max(last, int(found[-1])), int(high))
    chosen = np.unique(np.linspace(first, last, min(count, last - first + 1)).round().astype(int))
    if held.any() and held.argmax() not in chosen:
        chosen[np.abs(chosen - held.argmax()).argmin()] = held.argmax()
    return chosen


def crop(brain: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns of a stack that hold the brain, with a margin."""
    if not brain.any():
        return slice(0, brain.shape[1]), slice(0, brain.shape[2])
    bounds = []
    for axes in ((0, 2), (0, 1)):
        found = np.flatnonzero(brain.any(axis=axes))
        bounds.append(slice(max(0, int(found[0]) - _MARGIN_VOXELS), int(found[-1]) + 1 + _MARGIN_VOXELS))
    return bounds[0], bounds[1]


def montage(
    title: str,
    rows: Sequence[Row],
    affine: NDArray[np.float64],
    brain: NDArray[np.bool_],
    *,
    focus: NDArray[np.bool_] | None = None,
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
        What the slices are chosen to show.
    notes : sequence of str
        Lines below the montage.

    Returns
    -------
    Figure
    """
    from matplotlib.figure import Figure

    head, turned = radiological(brain, affine)
    where = None if focus is None else radiological(focus, affine)[0]
    chosen, box = choose_slices(head, where), crop(head if where is None else head | where)
    n_rows, n_columns = (len(range(*part.indices(size))) for part, size in zip(box, head.shape[1:], strict=True))
    height_mm, width_mm = np.linalg.norm(turned[:3, 1:3], axis=0)
    tall = PANEL * n_rows * height_mm / (n_columns * width_mm)
    lines = [line for note in notes for line in textwrap.wrap(note, _LINE_LENGTH)]
    height = HEAD + len(rows) * tall + _FOOT + _LINE * len(lines)
    figure = Figure(figsize=(WIDTH, height), facecolor=DARK)

    def axes_at(left: float, top: float, width: float, tall: float) -> "Axes":
        return figure.add_axes((left / WIDTH, 1 - (top + tall) / height, width / WIDTH, tall / height))

    def view(volume: NDArray[Any]) -> NDArray[Any]:
        return radiological(volume, affine)[0][chosen][:, box[0], box[1]]

    for number, row in enumerate(rows):
        top = HEAD + number * tall
        pictures = view(row.data)
        regions = [(region, view(region.mask), filled) for region, filled in _regions(row)]
        for column, picture in enumerate(pictures):
            axes = axes_at(LABEL + column * PANEL, top, PANEL - _GAP, tall - _GAP)
            shown = axes.imshow(
                picture, _colour_map(row.colours), vmin=row.window[0], vmax=row.window[1], aspect="auto"
            )
            axes.set_axis_off()
            for region, masks, filled in regions:
                _draw_region(axes, region, masks[column], filled)
            if column == 0 or number == 0:
                write_sides(axes)
            if number == 0:
                middle = [chosen[column], (box[0].start + n_rows / 2), (box[1].start + n_columns / 2), 1]
                axes.set_title(f"z {turned[2] @ middle:.0f} mm".replace("-", "−"), color=MUTED, fontsize=8, pad=3)
        figure.text(0.12 / WIDTH, 1 - (top + tall / 2) / height, row.title, color=LIGHT, fontsize=11, va="center")
        bar = axes_at(WIDTH - _BAR + 0.08, top + 0.12 * tall, 0.1, 0.72 * tall)
        _draw_bar(figure, shown, bar, row.unit)
    _write_head(figure, title, rows, height)
    foot = _FOOT_TEXT + (_BLACK_TEXT if any(row.unit for row in rows) else "")
    for number, line in enumerate([*lines, foot]):
        y = (_LINE * (len(lines) - number) + 0.16) / height
        figure.text(
            0.12 / WIDTH,
            y,
            line,
            color=MUTED if line == foot else IMPAIRED,
            fontsize=8.5,
            va="center",
            parse_math=False,
        )
    return figure


def _regions(row: Row) -> list[tuple[Region, bool]]:
    return [(region, True) for region in row.fills] + [(region, False) for region in row.outlines]


def _colour_map(name: str) -> Any:
    from matplotlib import colormaps

    return colormaps[name].with_extremes(bad="black")


def _draw_region(axes: "Axes", region: Region, mask: NDArray[np.bool_], filled: bool) -> None:
    from matplotlib.patheffects import Normal, Stroke

    if not mask.any():
        return
    # a frame of nothing closes the outline of what reaches the edge
    padded = np.pad(mask.astype(float), 1)
    x, y = np.arange(-1, mask.shape[1] + 1), np.arange(-1, mask.shape[0] + 1)
    if filled:
        axes.contourf(x, y, padded, levels=[0.5, 1.5], colors=[region.colour], alpha=0.45)
    lines = axes.contour(x, y, padded, levels=[0.5], colors=[region.colour], linewidths=1.0)
    lines.set_path_effects([Stroke(linewidth=2.2, foreground="black", alpha=0.75), Normal()])
    axes.set_xlim(-0.5, mask.shape[1] - 0.5)
    axes.set_ylim(mask.shape[0] - 0.5, -0.5)


def write_sides(axes: "Axes") -> None:
    """Write R and L on an image in radiological convention."""
    for letter, x in (("R", 0.03), ("L", 0.91)):
        axes.text(x, 0.96, letter, color=LIGHT, fontsize=8, va="top", transform=axes.transAxes)


def _draw_bar(figure: "Figure", shown: Any, axes: "Axes", unit: str) -> None:
    if not unit:
        axes.remove()
        return
    bar = figure.colorbar(shown, cax=axes)
    bar.outline.set_visible(False)
    axes.tick_params(colors=LIGHT, labelsize=8, length=2)
    axes.set_title(unit, color=LIGHT, fontsize=8, loc="left", pad=4)


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
        frameon=False,
        labelcolor=LIGHT,
        fontsize=9.5,
        borderaxespad=0,
    )


__all__ = [
    "CORE", "DARK", "DEFICIT", "GROWN", "HEAD", "IMPAIRED", "LABEL", "LESION", "LIGHT", "MUTED", "N_SLICES", "PANEL",
    "PENUMBRA", "WIDTH", "Region", "Row", "choose_slices", "crop", "montage", "radiological", "write_sides",
]  # fmt: skip
