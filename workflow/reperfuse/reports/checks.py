"""The figures to doubt a session by: whether images are aligned, and what absolute maps look like."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from reperfuse.reports.montage import CORE, DEFICIT, IMPAIRED, MUTED, Region, Row, montage
from reperfuse.reports.regions import Masks, Volume, brain_row, grey_window, named, refuse_unknown, union
from reperfuse.reports.slices import Slices

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_TILE_MM = 24.0


_CBF_WINDOW, _CBV_WINDOW = (0.0, 100.0), (0.0, 8.0)  # mL/100 g/min, mL/100 g


_RELATIVE_WINDOW = (0.0, 2.0)


_ATT_WINDOW_S = (0.0, 4.0)


_LOW_FLOW = 0.3  # of normal tissue's


def plot_alignment(
    title: str,
    image: Volume,
    others: Mapping[str, Volume],
    affine: Volume,
    brain: Volume,
    notes: Sequence[str] = (),
    slices: Slices | None = None,
) -> "Figure":
    """Draw an image with its brain, and tiles of it in turn with each image that is aligned with it.

    Parameters
    ----------
    title : str
    image : ndarray, (x, y, z)
        A.u.
    others : mapping of ndarray, (x, y, z)
        Images on the same grid (a.u.), by what their rows are called.
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    brain : ndarray of bool, (x, y, z)
    notes : sequence of str
        Lines below the images.
    slices : Slices, optional
    """
    mask = [Region("Brain mask", MUTED, brain)]
    rows = [brain_row(image, brain)]
    for name, other in others.items():
        tiled = tiles(_scaled(image, brain), _scaled(other, brain), affine)
        rows.append(Row(name, "", tiled, grey_window(tiled, brain), outlines=mask))
    return montage(title, rows, affine, brain, slices=slices, notes=notes)


def tiles(first: Volume, second: Volume, affine: Volume, size_mm: float = _TILE_MM) -> Volume:
    """Return an image of two in turn, like a chessboard in each axial slice; (x, y, z)."""
    sizes_mm = np.linalg.norm(affine[:3, :3], axis=0)
    upright = int(np.argmax(np.abs(affine[2, :3]) / sizes_mm))
    numbers = [
        np.arange(length) * sizes_mm[axis] // size_mm * (axis != upright) for axis, length in enumerate(first.shape)
    ]
    which = sum(np.meshgrid(*numbers, indexing="ij"))
    return np.where(which % 2 == 0, first, second)


def _scaled(image: Volume, brain: Volume) -> Volume:
    """Return an image whose median over the brain is 1."""
    inside = image[brain & np.isfinite(image)]
    middle = float(np.median(inside)) if inside.size else 1.0
    return image / middle if middle > 0 else image


def plot_labelling(
    title: str,
    maps: Mapping[str, Volume],
    affine: Volume,
    brain: Volume,
    masks: Masks,
    notes: Sequence[str] = (),
    slices: Slices | None = None,
) -> "Figure":
    """Draw blood flow and transit time of arterial spin labelling, and the tissue of low flow.

    Parameters
    ----------
    title : str
    maps : mapping of ndarray, (x, y, z)
        ``cbf`` (mL/100 g/min), and ``rcbf`` (1) and ``att`` (s) where there are any.
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    brain : ndarray of bool, (x, y, z)
    masks : mapping of ndarray of bool, (x, y, z)
        ``lowflow40``; where there are any, ``core`` of acute diffusion or ``late_lesion`` of later.
    notes : sequence of str
        Lines below the maps.
    slices : Slices, optional
    """
    refuse_unknown(masks, "lowflow40", "core", "late_lesion")
    lesion = ("Diffusion lesion", CORE)
    outlines = named(
        masks, lowflow40=("CBF < 40 % of the other side", DEFICIT), core=("Core", CORE), late_lesion=lesion
    )
    rows = [Row("CBF (ASL)", "mL/100 g\n/min", maps["cbf"], _CBF_WINDOW, "cividis")]
    if "rcbf" in maps:
        rows.append(Row("rCBF", "× normal", maps["rcbf"], _RELATIVE_WINDOW, "cividis", outlines=outlines))
    if "att" in maps:
        rows.append(Row("Transit time", "s", maps["att"], _ATT_WINDOW_S, "viridis"))
    return montage(title, rows, affine, brain, focus=union(masks), slices=slices, notes=notes)


def plot_flow(
    title: str,
    maps: Mapping[str, Volume],
    affine: Volume,
    brain: Volume,
    masks: Masks,
    notes: Sequence[str] = (),
    slices: Slices | None = None,
) -> "Figure":
    """Draw absolute flow and volume, and where flow is low.

    Parameters
    ----------
    title : str
    maps : mapping of ndarray, (x, y, z)
        ``cbf`` (mL/100 g/min), ``cbv`` (mL/100 g), and ``rcbf`` (1) where there is one.
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    brain : ndarray of bool, (x, y, z)
    masks : mapping of ndarray of bool, (x, y, z)
        ``tmax6``, inside which low flow is looked for.
    notes : sequence of str
        Lines below the maps.
    slices : Slices, optional
    """
    refuse_unknown(masks, "tmax6")
    rows = [
        Row("CBF", "mL/100 g\n/min", maps["cbf"], _CBF_WINDOW, "cividis"),
        Row("CBV", "mL/100 g", maps["cbv"], _CBV_WINDOW, "cividis"),
    ]
    if "rcbf" in maps:
        outlines = named(masks, tmax6=("Tmax > 6 s", DEFICIT))
        if "tmax6" in masks:
            low = (maps["rcbf"] < _LOW_FLOW) & masks["tmax6"]
            outlines.append(Region("rCBF < 30 % inside it", IMPAIRED, low))
        rows.append(Row("rCBF", "× normal", maps["rcbf"], _RELATIVE_WINDOW, "cividis", outlines=outlines))
    return montage(title, rows, affine, brain, focus=union(masks), slices=slices, notes=notes)


__all__ = ["plot_alignment", "plot_flow", "tiles"]
