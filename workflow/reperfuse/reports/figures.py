"""The figures of a session: arrays in, a Matplotlib figure out; layout is all that is decided here."""

import textwrap
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.reports.montage import (
    CORE,
    DARK,
    DEFICIT,
    IMPAIRED,
    LESION,
    LIGHT,
    MUTED,
    PENUMBRA,
    WIDTH,
    Region,
    Row,
    crop,
    montage,
    radiological,
    write_sides,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

_DPI = 110
#: Windows, the same for every session so that sessions can be compared by eye.
_ADC_WINDOW = (0.0, 2.0)  # 10⁻³ mm²/s
_RELATIVE_WINDOW = (0.0, 2.0)
_MTT_WINDOW_S = (0.0, 15.0)
_TMAX_WINDOW_S = (0.0, 12.0)
_ASYMMETRY_WINDOW = (-0.5, 0.5)
#: Window of an image in arbitrary units, as shares of the brain's median.
_GREY_WINDOW = (0.2, 2.4)
_ARTERY, _VEIN = "#d55e00", "#0072b2"
_AXES_COLOURS = ("#0072b2", "#d55e00", "#009e73")
_PAPER, _INK = "#ffffff", "#1b2733"

Volume = NDArray[Any]
Masks = Mapping[str, NDArray[np.bool_]]


def house_style() -> AbstractContextManager[Any]:
    """Return a context in which no user's Matplotlib settings change a figure."""
    import matplotlib.style

    style: AbstractContextManager[Any] = matplotlib.style.context("default")
    return style


def plot_diffusion(
    title: str,
    trace: Volume,
    adc: Volume,
    affine: Volume,
    brain: Volume,
    masks: Masks,
    notes: Sequence[str] = (),
) -> "Figure":
    """Draw trace and ADC (mm²/s) with the outlines of ``masks``: core, lesion; each (x, y, z)."""
    outlines = _named(masks, lesion=("Follow-up lesion", LESION), core=("Core", CORE))
    rows = [
        Row("Trace", "", trace, _grey_window(trace, brain)),
        Row("Trace,\noutlined", "", trace, _grey_window(trace, brain), outlines=outlines),
        Row("ADC", "10⁻³ mm²/s", np.where(brain, adc * 1e3, np.nan), _ADC_WINDOW, outlines=outlines),
    ]
    return montage(title, rows, affine, brain, focus=_union(masks), notes=notes)


def plot_perfusion(
    title: str,
    reference: Volume,
    maps: Mapping[str, Volume],
    affine: Volume,
    brain: Volume,
    masks: Masks,
    notes: Sequence[str] = (),
) -> "Figure":
    """Draw the perfusion maps of a session.

    Parameters
    ----------
    title : str
    reference : ndarray, (x, y, z)
        Anatomy under the penumbra: trace-weighted image or perfusion reference (a.u.).
    maps : mapping of ndarray, (x, y, z)
        ``rcbf``, ``rcbv`` (1), ``mtt``, ``tmax`` (s).
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    brain : ndarray of bool, (x, y, z)
    masks : mapping of ndarray of bool, (x, y, z)
        ``tmax6``, and ``core`` and ``penumbra`` where there are any.
    notes : sequence of str
        Lines below the maps.
    """
    outlines = _named(masks, tmax6=("Tmax > 6 s", DEFICIT), core=("Core", CORE))
    fills = _named(masks, penumbra=("Penumbra", PENUMBRA), core=("Core", CORE))
    rows = [
        Row("Mismatch", "", reference, _grey_window(reference, brain), fills=fills),
        Row("Tmax", "s", maps["tmax"], _TMAX_WINDOW_S, "viridis", outlines=outlines),
        Row("MTT", "s", maps["mtt"], _MTT_WINDOW_S, "viridis"),
        Row("rCBF", "× normal", maps["rcbf"], _RELATIVE_WINDOW, "cividis"),
        Row("rCBV", "× normal", maps["rcbv"], _RELATIVE_WINDOW, "cividis"),
    ]
    if not fills:
        rows[0] = Row("Reference", "", reference, _grey_window(reference, brain))
    return montage(title, rows, affine, brain, focus=_union(masks), notes=notes)


def plot_reflow(
    title: str,
    reference: Volume,
    maps: Mapping[str, Volume],
    affine: Volume,
    brain: Volume,
    masks: Masks,
    notes: Sequence[str] = (),
) -> "Figure":
    """Draw ``rcbv``, ``mirrored`` rCBV and ``asymmetry`` (1) with the ``lesion`` and the ``imr`` voxels."""
    lesion = _named(masks, lesion=("Follow-up lesion", LESION))
    impaired = _named(masks, imr=("Impaired reflow (IMR)", IMPAIRED))
    rows = [
        Row("IMR", "", reference, _grey_window(reference, brain), outlines=lesion, fills=impaired),
        Row("rCBV", "× normal", maps["rcbv"], _RELATIVE_WINDOW, "cividis", outlines=lesion),
        Row("Mirror\nof rCBV", "× normal", maps["mirrored"], _RELATIVE_WINDOW, "cividis", outlines=lesion),
        Row("Asymmetry", "1", maps["asymmetry"], _ASYMMETRY_WINDOW, "RdBu", outlines=[*lesion, *impaired]),
    ]
    return montage(title, rows, affine, brain, focus=masks["lesion"], notes=notes)


def plot_quality(
    title: str,
    reference: Volume,
    affine: Volume,
    brain: Volume,
    motion: Mapping[str, Volume],
    curves: Mapping[str, Volume],
    voxels: Mapping[str, Volume],
    notes: Sequence[str] = (),
) -> "Figure":
    """Draw what a session's perfusion rests on: motion, arterial input, and where that was taken.

    Parameters
    ----------
    title : str
    reference : ndarray, (x, y, z)
        Perfusion reference (a.u.).
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    brain : ndarray of bool, (x, y, z)
    motion : mapping of ndarray, (frames,)
        ``trans_x … rot_z`` (mm, rad), ``framewise_displacement`` (mm), ``outlier``; empty if not known.
    curves : mapping of ndarray, (frames,)
        ``time`` (s), ``aif``, ``vof`` (ΔR2*, s⁻¹); empty if not known.
    voxels : mapping of ndarray of int, (n, 3)
        Voxel indices under ``artery`` and ``vein``.
    notes : sequence of str
        Lines below the panels.
    """
    from matplotlib.figure import Figure

    lines = [line for note in notes for line in textwrap.wrap(note, 150)]
    height = 5.4 + 0.22 * len(lines)
    figure = Figure(figsize=(WIDTH, height), facecolor=_PAPER)
    figure.text(0.012, 1 - 0.27 / height, title, color=_INK, fontsize=13, weight="bold", va="center")
    bottom, top = (0.62 + 0.22 * len(lines)) / height, 1 - 0.75 / height
    plots = figure.add_gridspec(3, 2, left=0.055, right=0.64, top=top, bottom=bottom, hspace=0.4, wspace=0.22)
    _draw_motion([figure.add_subplot(plots[row, 0]) for row in range(3)], motion)
    _draw_curves(figure.add_subplot(plots[:, 1]), curves)
    _draw_places(
        figure,
        figure.add_gridspec(2, 2, left=0.67, right=0.99, top=top, bottom=bottom, hspace=0.12, wspace=0.03),
        reference,
        affine,
        brain,
        voxels,
    )
    for number, line in enumerate(lines):
        y = (0.22 * (len(lines) - number) - 0.08) / height
        figure.text(0.012, y, line, color="#8a4b00", fontsize=8.5, va="center", parse_math=False)
    return figure


def notice(title: str, reasons: Sequence[str]) -> "Figure":
    """Draw the reasons why there is nothing to see."""
    from matplotlib.figure import Figure

    lines = [line for reason in reasons for line in textwrap.wrap(reason, 120)]
    height = 1.0 + 0.26 * len(lines)
    figure = Figure(figsize=(WIDTH, height), facecolor=DARK)
    figure.text(0.012, 1 - 0.3 / height, title, color=LIGHT, fontsize=13, weight="bold", va="center")
    figure.text(0.012, 1 - 0.62 / height, "Not computed:", color=MUTED, fontsize=10, va="center")
    for number, line in enumerate(lines):
        y = 1 - (0.9 + 0.26 * number) / height
        figure.text(0.012, y, line, color=IMPAIRED, fontsize=10.5, va="center", parse_math=False)
    return figure


def save(figure: "Figure", path: str | Path) -> None:
    """Write a figure as a PNG of 256 colours: the same bytes for the same figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    # a rare colour (an outline) matters as much as a common one, so a colour counts by its root
    codes, counts = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    codes = np.repeat(codes, np.ceil(np.sqrt(counts)).astype(int))
    sample = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)
    palette = Image.fromarray(sample[None]).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=3)
    Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE).save(
        path, "PNG", optimize=True
    )


def _named(masks: Masks, **wanted: tuple[str, str]) -> list[Region]:
    return [Region(*wanted[name], masks[name]) for name in wanted if name in masks]


def _union(masks: Masks) -> NDArray[np.bool_] | None:
    return np.logical_or.reduce(list(masks.values())) if masks else None


def _grey_window(image: Volume, brain: Volume) -> tuple[float, float]:
    inside = image[brain & np.isfinite(image)]
    middle = float(np.median(inside)) if inside.size else 1.0
    return _GREY_WINDOW[0] * middle, _GREY_WINDOW[1] * middle


def _style(axes: "Axes", title: str, ylabel: str) -> None:
    axes.set_title(title, color=_INK, fontsize=10, loc="left")
    axes.set_ylabel(ylabel, color=_INK, fontsize=9)
    axes.tick_params(colors=_INK, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e3e8ee", linewidth=0.6)
    axes.set_axisbelow(True)


def _say_nothing(axes: "Axes") -> None:
    axes.text(0.5, 0.5, "not computed", color="#5b6875", ha="center", va="center", transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_motion(panels: Sequence["Axes"], motion: Mapping[str, Volume]) -> None:
    names = ("Translation (mm)", "Rotation (°)", "Framewise displacement (mm)")
    for axes, name in zip(panels, names, strict=True):
        _style(axes, name, "")
        if not motion:
            _say_nothing(axes)
    if not motion:
        return
    for axes in panels[:2]:
        axes.tick_params(labelbottom=False)
    for kind, axes, scale in (("trans", panels[0], 1.0), ("rot", panels[1], 180 / np.pi)):
        for letter, colour in zip("xyz", _AXES_COLOURS, strict=True):
            axes.plot(motion[f"{kind}_{letter}"] * scale, color=colour, linewidth=1.2, label=letter)
    panels[0].legend(
        ncols=3, frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.98), borderaxespad=0
    )
    displacement = motion["framewise_displacement"]
    panels[2].plot(displacement, color=_INK, linewidth=1.2)
    outliers = np.flatnonzero(motion["outlier"] > 0)
    if outliers.size:
        panels[2].plot(outliers, displacement[outliers], "o", color=_ARTERY, markersize=4, label="outlier")
        panels[2].legend(frameon=False, fontsize=8, loc="upper right")
    panels[2].set_ylim(bottom=0)
    panels[2].set_xlabel("frame", color=_INK, fontsize=9)


def _draw_curves(axes: "Axes", curves: Mapping[str, Volume]) -> None:
    _style(axes, "Arterial input and venous output", "ΔR2* (s⁻¹)")
    if not curves:
        _say_nothing(axes)
        return
    axes.plot(curves["time"], curves["aif"], color=_ARTERY, linewidth=1.8, label="artery (AIF)")
    axes.plot(curves["time"], curves["vof"], color=_VEIN, linewidth=1.8, linestyle="--", label="vein (VOF)")
    axes.set_xlabel("time (s)", color=_INK, fontsize=9)
    axes.legend(frameon=False, fontsize=9)


def _draw_places(
    figure: "Figure",
    grid: "GridSpec",
    reference: Volume,
    affine: Volume,
    brain: Volume,
    voxels: Mapping[str, Volume],
) -> None:
    """Mark the voxels of the curves on the slices that hold most of them, arteries first."""
    stack, turned = radiological(reference, affine)
    rows, columns = crop(radiological(brain, affine)[0])
    pixel_mm = np.linalg.norm(turned[:3, 1:3], axis=0)
    marks = {name: _in_stack(indices, reference.shape, affine) for name, indices in voxels.items()}
    places = _busiest(marks)
    window = (0.0, float(np.nanpercentile(stack, 99.5)))
    spots = (
        [grid[0, :], grid[1, :]][: len(places)] if len(places) < 3 else [grid[number] for number in range(4)]
    )
    for spot, k in zip(spots, places, strict=False):
        axes = figure.add_subplot(spot)
        axes.imshow(stack[k], "gray", vmin=window[0], vmax=window[1], aspect=pixel_mm[0] / pixel_mm[1])
        for name, colour, marker in (("artery", _ARTERY, "s"), ("vein", _VEIN, "o")):
            here = marks[name][marks[name][:, 0] == k]
            axes.scatter(
                here[:, 2], here[:, 1], s=26, marker=marker, color=colour, edgecolor="white", linewidth=0.8
            )
        axes.set_xlim(columns.start - 0.5, min(columns.stop, stack.shape[2]) - 0.5)
        axes.set_ylim(min(rows.stop, stack.shape[1]) - 0.5, rows.start - 0.5)
        middle = turned[2] @ [k, (stack.shape[1] - 1) / 2, (stack.shape[2] - 1) / 2, 1]
        axes.set_title(f"z {middle:.0f} mm".replace("-", "−"), color=_INK, fontsize=8, pad=3)
        write_sides(axes)
        axes.set_axis_off()


def _in_stack(indices: Volume, shape: tuple[int, ...], affine: Volume) -> Volume:
    """Take voxel indices (n, 3) to indices of the stack (slice, row, column)."""
    chosen = np.zeros(shape, bool)
    chosen[tuple(np.reshape(indices, (-1, 3)).astype(int).T)] = True
    return np.argwhere(radiological(chosen, affine)[0])


def _busiest(marks: Mapping[str, Volume]) -> list[int]:
    """Return up to four slices: three for the arteries, the rest for the veins."""
    places: list[int] = []
    for name, most in (("artery", 3), ("vein", 4)):
        numbers, counts = np.unique(marks[name][:, 0], return_counts=True)
        ranked = [int(k) for k in numbers[np.lexsort((numbers, -counts))] if k not in places]
        places += ranked[: max(0, most - len(places))]
    return sorted(places)


__all__ = [
    "house_style",
    "notice",
    "plot_diffusion",
    "plot_perfusion",
    "plot_quality",
    "plot_reflow",
    "save",
]
