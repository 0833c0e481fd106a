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
    montage,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_DPI = 110


#: Windows, the same for every session so that sessions can be compared by eye.
_ADC_WINDOW = (0.0, 2.0)  # 10⁻³ mm²/s


_RELATIVE_WINDOW = (0.0, 2.0)


_MTT_WINDOW_S = (0.0, 15.0)


_TMAX_WINDOW_S = (0.0, 12.0)


_ASYMMETRY_WINDOW = (-0.5, 0.5)


#: Window of an image in arbitrary units, as shares of the brain's median.
_GREY_WINDOW = (0.2, 2.4)


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
    _refuse_unknown(masks, "core", "lesion")
    outlines = _named(masks, lesion=("Follow-up lesion", LESION), core=("Core", CORE))
    rows = [
        Row("Trace", "", trace, _grey_window(trace, brain)),
        Row("Trace,\noutlined", "", trace, _grey_window(trace, brain), outlines=outlines),
        Row("ADC", "10⁻³ mm²/s", np.where(brain, adc * 1e3, np.nan), _ADC_WINDOW, outlines=outlines),
    ]
    return montage(title, rows, affine, brain, focus=_union(masks), notes=notes)


def plot_flair(
    title: str, flair: Volume, affine: Volume, brain: Volume, masks: Masks, notes: Sequence[str] = ()
) -> "Figure":
    """Draw a FLAIR image (a.u.) with the outline of ``masks``: lesion; each (x, y, z)."""
    _refuse_unknown(masks, "lesion")
    window, outlines = _grey_window(flair, brain), _named(masks, lesion=("Follow-up lesion", LESION))
    rows = [Row("FLAIR", "", flair, window), Row("FLAIR,\noutlined", "", flair, window, outlines=outlines)]
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
        ``mtt``, ``tmax`` (s), and ``rcbf``, ``rcbv`` (1) where there are any.
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    brain : ndarray of bool, (x, y, z)
    masks : mapping of ndarray of bool, (x, y, z)
        ``tmax6``, and ``core`` and ``penumbra`` where there are any.
    notes : sequence of str
        Lines below the maps.
    """
    _refuse_unknown(masks, "tmax6", "core", "penumbra")
    outlines = _named(masks, tmax6=("Tmax > 6 s", DEFICIT), core=("Core", CORE))
    fills = _named(masks, penumbra=("Penumbra", PENUMBRA), core=("Core", CORE))
    rows = [
        Row("Mismatch", "", reference, _grey_window(reference, brain), fills=fills),
        Row("Tmax", "s", maps["tmax"], _TMAX_WINDOW_S, "viridis", outlines=outlines),
        Row("MTT", "s", maps["mtt"], _MTT_WINDOW_S, "viridis"),
    ]
    rows += [
        Row(short, "× normal", maps[name], _RELATIVE_WINDOW, "cividis")
        for name, short in (("rcbf", "rCBF"), ("rcbv", "rCBV"))
        if name in maps
    ]
    if not fills:
        rows[0] = Row("Reference", "", reference, _grey_window(reference, brain))
    return montage(title, rows, affine, brain, focus=_union(masks), notes=notes)


def _labelled(change: Volume, *names: tuple[str, str]) -> list[Region]:
    """Return a region for each label of a map, 1 and up, by its name and colour."""
    return [Region(name, colour, change == label) for label, (name, colour) in enumerate(names, start=1)]


def plot_growth(
    title: str, trace: Volume, change: Volume, affine: Volume, brain: Volume, notes: Sequence[str] = ()
) -> "Figure":
    """Draw what became of the core on the baseline's trace image; ``change`` is 1 stayed, 2 grown, 3 reversed."""
    fills = _labelled(change, ("Core that stayed", CORE), ("Grown", IMPAIRED), ("Reversed", PENUMBRA))
    window = _grey_window(trace, brain)
    rows = [Row("Trace", "", trace, window), Row("Growth", "", trace, window, fills=fills)]
    return montage(title, rows, affine, brain, focus=change > 0, notes=notes)


def plot_reperfusion(
    title: str,
    reference: Volume,
    maps: Mapping[str, Volume],
    change: Volume,
    affine: Volume,
    brain: Volume,
    notes: Sequence[str] = (),
) -> "Figure":
    """Draw Tmax (s) ``before`` and ``after`` treatment; ``change`` is 1 recovered, 2 persistent, 3 new."""
    fills = _labelled(change, ("Recovered", PENUMBRA), ("Persistent", CORE), ("New", IMPAIRED))
    tmax = [np.where(brain, maps[name], np.nan) for name in ("before", "after")]
    rows = [
        Row("Tmax\nbefore", "s", tmax[0], _TMAX_WINDOW_S, "viridis"),
        Row("Tmax\nafter", "s", tmax[1], _TMAX_WINDOW_S, "viridis"),
        Row("Tmax > 6 s", "", reference, _grey_window(reference, brain), fills=fills),
    ]
    return montage(title, rows, affine, brain, focus=change > 0, notes=notes)


def plot_reflow(
    title: str,
    reference: Volume,
    maps: Mapping[str, Volume],
    affine: Volume,
    brain: Volume,
    masks: Masks,
    notes: Sequence[str] = (),
) -> "Figure":
    """Draw ``rcbv``, ``mirrored`` and ``asymmetry`` (1) with ``lesion``, its ``homologue`` and the ``imr`` voxels."""
    lesion = _named(masks, lesion=("Lesion", LESION))
    both = _named(masks, lesion=("Lesion", LESION), homologue=("Its mirror", MUTED))
    impaired = _named(masks, imr=("Impaired reflow (IMR)", IMPAIRED))
    rows = [
        Row("IMR", "", reference, _grey_window(reference, brain), outlines=both, fills=impaired),
        Row("rCBV", "× normal", maps["rcbv"], _RELATIVE_WINDOW, "cividis", outlines=both),
        Row("Mirror\nof rCBV", "× normal", maps["mirrored"], _RELATIVE_WINDOW, "cividis", outlines=lesion),
        Row("Asymmetry", "1", maps["asymmetry"], _ASYMMETRY_WINDOW, "RdBu", outlines=[*lesion, *impaired]),
    ]
    return montage(title, rows, affine, brain, focus=masks["lesion"], notes=notes)


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
    Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)


def _refuse_unknown(masks: Masks, *known: str) -> None:
    """Raise KeyError for a region that a figure would leave out in silence."""
    if unknown := sorted(set(masks) - set(known)):
        raise KeyError(f"a figure of {', '.join(known)} was given {', '.join(unknown)}")


def _named(masks: Masks, **wanted: tuple[str, str]) -> list[Region]:
    return [Region(*wanted[name], masks[name]) for name in wanted if name in masks]


def _union(masks: Masks) -> NDArray[np.bool_] | None:
    return np.logical_or.reduce(list(masks.values())) if masks else None


def _grey_window(image: Volume, brain: Volume) -> tuple[float, float]:
    inside = image[brain & np.isfinite(image)]
    middle = float(np.median(inside)) if inside.size else 1.0
    return _GREY_WINDOW[0] * middle, _GREY_WINDOW[1] * middle


__all__ = [
    "house_style",
    "notice",
    "plot_diffusion",
    "plot_flair",
    "plot_growth",
    "plot_perfusion",
    "plot_reflow",
    "plot_reperfusion",
    "save",
]
