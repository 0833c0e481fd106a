"""The figures of a session: arrays in, a Matplotlib figure out; layout is all that is decided here."""

import textwrap
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reperfuse.reports.montage import (
    CORE,
    DARK,
    DEFICIT,
    DPI,
    GROWN,
    IMPAIRED,
    LESION,
    LIGHT,
    MUTED,
    PENUMBRA,
    WIDTH,
    Row,
    montage,
)
from reperfuse.reports.regions import Masks, Volume, brain_row, grey_window, labelled, named, refuse_unknown, union
from reperfuse.reports.slices import Slices

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: Colours that a picture keeps as they are, however little of it they take: a legend's patch may be all there is.
_KEPT = (CORE, DEFICIT, PENUMBRA, LESION, IMPAIRED, GROWN, DARK, LIGHT, MUTED)


#: Windows, the same for every session so that sessions can be compared by eye.
_ADC_WINDOW = (0.0, 2.0)  # 10⁻³ mm²/s


_RELATIVE_WINDOW = (0.0, 2.0)


_MTT_WINDOW_S = (0.0, 15.0)


_TMAX_WINDOW_S = (0.0, 12.0)


_ASYMMETRY_WINDOW = (-0.5, 0.5)


#: Regions that several figures show, always by one name and in one colour.
_CORE, _DEFICIT = ("Core", CORE), ("Tmax > 6 s", DEFICIT)


_LOW_FLOW = ("CBF < 40 % of the other side (ASL)", DEFICIT)


_LATE_LESION, _FOLLOWUP = ("Diffusion lesion", CORE), ("Follow-up lesion", LESION)


_IMR = ("Impaired reflow (IMR)", IMPAIRED)


@dataclass(frozen=True)
class Moment:
    """A session in the overview: its ``image`` (a.u.) and ``masks``, (x, y, z), on the grid that all share."""

    title: str
    image: Volume
    masks: Masks


def plot_overview(
    title: str,
    moments: Sequence[Moment],
    affine: Volume,
    brain: Volume,
    notes: Sequence[str] = (),
    slices: Slices | None = None,
) -> "Figure":
    """Draw what became of a stroke: a row a session, each column the same slice.

    Parameters
    ----------
    title : str
    moments : sequence of Moment
        Masks are ``core``, ``tmax6``, ``lowflow40``, ``persistent`` (deficit), ``imr``, ``lesion`` and ``grown``.
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    brain : ndarray of bool, (x, y, z)
    notes : sequence of str
        Lines below the images.
    slices : Slices, optional
    """
    rows = []
    for moment in moments:
        refuse_unknown(moment.masks, "core", "tmax6", "lowflow40", "persistent", "imr", "lesion", "grown")
        outlines = named(moment.masks, tmax6=_DEFICIT, lowflow40=_LOW_FLOW, core=_CORE, lesion=_FOLLOWUP)
        fills = named(moment.masks, persistent=("Persistent deficit", DEFICIT), imr=_IMR, grown=("Grown", GROWN))
        window = grey_window(moment.image, brain)
        rows.append(Row(moment.title, "", moment.image, window, outlines=outlines, fills=fills))
    every = {f"{number} {name}": mask for number, one in enumerate(moments) for name, mask in one.masks.items()}
    return montage(title, rows, affine, brain, focus=union(every), slices=slices, notes=notes)


def house_style() -> AbstractContextManager[Any]:
    """Return a context in which no user's Matplotlib settings change a figure."""
    import matplotlib.style

    style: AbstractContextManager[Any] = matplotlib.style.context("default")
    return style


def plot_diffusion(
    title: str,
    images: Mapping[str, Volume],
    affine: Volume,
    brain: Volume,
    masks: Masks,
    notes: Sequence[str] = (),
    slices: Slices | None = None,
) -> "Figure":
    """Draw a session's diffusion.

    Parameters
    ----------
    title : str
    images : mapping of ndarray, (x, y, z)
        ``trace`` (a.u.) and ``adc`` (mm²/s), and ``reference``, without diffusion weighting, where there is one.
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    brain : ndarray of bool, (x, y, z)
    masks : mapping of ndarray of bool, (x, y, z)
        ``core`` of acute diffusion, ``late_lesion`` of later diffusion, and ``lesion`` at follow-up.
    notes : sequence of str
        Lines below the images.
    slices : Slices, optional
    """
    refuse_unknown(masks, "core", "late_lesion", "lesion")
    outlines = named(masks, lesion=_FOLLOWUP, late_lesion=_LATE_LESION, core=_CORE)
    trace, adc = images["trace"], np.where(brain, images["adc"] * 1e3, np.nan)
    rows = [
        Row("Trace", "", trace, grey_window(trace, brain)),
        Row("Trace,\noutlined", "", trace, grey_window(trace, brain), outlines=outlines),
        Row("ADC", "10⁻³ mm²/s", adc, _ADC_WINDOW, outlines=outlines),
    ]
    rows += [brain_row(images["reference"], brain)] if "reference" in images else []
    return montage(title, rows, affine, brain, focus=union(masks), slices=slices, notes=notes)


def plot_flair(
    title: str,
    flair: Volume,
    affine: Volume,
    brain: Volume,
    masks: Masks,
    notes: Sequence[str] = (),
    slices: Slices | None = None,
) -> "Figure":
    """Draw a FLAIR image (a.u.) with its brain and the outline of ``masks``: lesion; each (x, y, z)."""
    refuse_unknown(masks, "lesion")
    window, outlines = grey_window(flair, brain), named(masks, lesion=_FOLLOWUP)
    rows = [brain_row(flair, brain), Row("FLAIR,\noutlined", "", flair, window, outlines=outlines)]
    return montage(title, rows, affine, brain, focus=union(masks), slices=slices, notes=notes)


def plot_perfusion(
    title: str,
    reference: Volume,
    maps: Mapping[str, Volume],
    affine: Volume,
    brain: Volume,
    masks: Masks,
    notes: Sequence[str] = (),
    slices: Slices | None = None,
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
        ``tmax6``; where there are any, ``core`` of acute diffusion or ``late_lesion`` of later, and ``penumbra``.
    notes : sequence of str
        Lines below the maps.
    slices : Slices, optional
    """
    refuse_unknown(masks, "tmax6", "core", "late_lesion", "penumbra")
    outlines = named(masks, tmax6=_DEFICIT, core=_CORE, late_lesion=_LATE_LESION)
    fills = named(masks, penumbra=("Penumbra", PENUMBRA), core=_CORE, late_lesion=_LATE_LESION)
    first = "Lesion" if "late_lesion" in masks else "Mismatch" if fills else "Reference"
    rows = [
        Row(first, "", reference, grey_window(reference, brain), fills=fills),
        Row("Tmax", "s", maps["tmax"], _TMAX_WINDOW_S, "viridis", outlines=outlines),
        Row("MTT", "s", maps["mtt"], _MTT_WINDOW_S, "viridis"),
    ]
    rows += [
        Row(short, "× normal", maps[name], _RELATIVE_WINDOW, "cividis")
        for name, short in (("rcbf", "rCBF"), ("rcbv", "rCBV"))
        if name in maps
    ]
    return montage(title, rows, affine, brain, focus=union(masks), slices=slices, notes=notes)


def plot_growth(
    title: str,
    trace: Volume,
    change: Volume,
    affine: Volume,
    brain: Volume,
    notes: Sequence[str] = (),
    slices: Slices | None = None,
) -> "Figure":
    """Draw what became of the core on the baseline's trace image; ``change`` is 1 stayed, 2 grown, 3 reversed."""
    fills = labelled(change, ("Core that stayed", CORE), ("Grown", GROWN), ("Reversed", PENUMBRA))
    window = grey_window(trace, brain)
    rows = [Row("Trace", "", trace, window), Row("Growth", "", trace, window, fills=fills)]
    return montage(title, rows, affine, brain, focus=change > 0, slices=slices, notes=notes)


def plot_reperfusion(
    title: str,
    reference: Volume,
    maps: Mapping[str, Volume],
    change: Volume,
    affine: Volume,
    brain: Volume,
    notes: Sequence[str] = (),
    slices: Slices | None = None,
) -> "Figure":
    """Draw Tmax (s) ``before`` and ``after`` treatment; ``change`` is 1 recovered, 2 persistent, 3 new."""
    fills = labelled(change, ("Recovered", PENUMBRA), ("Persistent", DEFICIT), ("New", IMPAIRED))
    tmax = [np.where(brain, maps[name], np.nan) for name in ("before", "after")]
    rows = [
        Row("Tmax\nbefore", "s", tmax[0], _TMAX_WINDOW_S, "viridis"),
        Row("Tmax\nafter", "s", tmax[1], _TMAX_WINDOW_S, "viridis"),
        Row("Tmax > 6 s", "", reference, grey_window(reference, brain), fills=fills),
    ]
    return montage(title, rows, affine, brain, focus=change > 0, slices=slices, notes=notes)


def plot_reflow(
    title: str,
    reference: Volume,
    maps: Mapping[str, Volume],
    affine: Volume,
    brain: Volume,
    masks: Masks,
    notes: Sequence[str] = (),
    slices: Slices | None = None,
) -> "Figure":
    """Draw ``rcbv``, ``mirrored`` and ``asymmetry`` (1) with ``lesion``, its ``homologue`` and the ``imr`` voxels."""
    lesion = named(masks, lesion=("Lesion", LESION))
    both = named(masks, lesion=("Lesion", LESION), homologue=("Its mirror", MUTED))
    impaired = named(masks, imr=_IMR)
    rows = [
        Row("IMR", "", reference, grey_window(reference, brain), outlines=both, fills=impaired),
        Row("rCBV", "× normal", maps["rcbv"], _RELATIVE_WINDOW, "cividis", outlines=both),
        Row("Mirror\nof rCBV", "× normal", maps["mirrored"], _RELATIVE_WINDOW, "cividis", outlines=lesion),
        Row("Asymmetry", "1", maps["asymmetry"], _ASYMMETRY_WINDOW, "RdBu", outlines=[*lesion, *impaired]),
    ]
    return montage(title, rows, affine, brain, focus=masks["lesion"], slices=slices, notes=notes)


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

    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    # a rare colour (an outline) matters as much as a common one, so a colour counts by its root
    codes, counts = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]), return_counts=True)
    codes = np.repeat(codes, np.ceil(np.sqrt(counts)).astype(int))
    sample = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)
    chosen = Image.fromarray(sample[None]).quantize(256 - len(_KEPT), method=Image.Quantize.MEDIANCUT, kmeans=3)
    palette = Image.new("P", (1, 1))
    palette.putpalette([*bytes.fromhex("".join(_KEPT).replace("#", "")), *(chosen.getpalette() or [])])
    Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE).save(path, "PNG")


__all__ = [
    "Moment",
    "house_style",
    "notice",
    "plot_diffusion",
    "plot_flair",
    "plot_growth",
    "plot_overview",
    "plot_perfusion",
    "plot_reflow",
    "plot_reperfusion",
    "save",
]
