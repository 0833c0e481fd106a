"""How much of the head an image covers: half a head, missing slices, a slab."""

from __future__ import annotations

import numpy as np

from reperfuse.faults import DataFault
from reperfuse.head.outline import has_contrast
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.geometry import voxel_sizes

#: The first plane of a whole brain is a small share of its largest, at a depth of 20 mm half of it: larger ones at a
#: side and at the top are a cut. Below, most scans begin at the cerebellum and the temporal lobes: half, tilted more.
_FLAT_SIDE, _FLAT_TOP, _FLAT_BOTTOM = 0.5, 0.4, 0.85
#: Slices are thicker than their voxels are wide by this, or else lie across the body.
_THICKER = 1.2
#: No slice's brain is smaller than this share of one above and of one below: 0.94 or more in heads real and simulated.
_NARROWEST = 0.7
#: Signal of a slice, of that of the others, below which it was not read.
_UNREAD = 0.1
#: Fewer slices of the brain, or less of it, mm: a lesion's volume in them says nothing of the lesion's.
_FEWEST_SLICES, _LEAST_MM = 3, 30.0


def slice_axis(affine: Array) -> int:
    """Return the voxel axis across the slices: of the thickest voxels, else from foot to head."""
    sizes = voxel_sizes(affine)
    thickest = int(np.argmax(sizes))
    if sizes[thickest] > _THICKER * np.delete(sizes, thickest).max():
        return thickest
    return int(np.argmax(np.abs(affine[2, :3]) / sizes))


def check_whole(image: Array, brain: Mask, affine: Array) -> None:
    """Make sure that the slices of an image show the whole section of the head, and that none between others is empty.

    Parameters
    ----------
    image : (x, y, z) array
        a.u.
    brain : (x, y, z) bool array
    affine : (4, 4) array
        Voxel to world (RAS+, mm).

    Raises
    ------
    DataFault
        If the brain ends in a flat cut in the plane of the slices, as half a head does, slices hold nothing, or are not
        in their order: the brain narrows between wider slices.
    """
    across = slice_axis(affine)
    slices = np.moveaxis(image, across, 0)
    filled = np.flatnonzero([has_contrast(one) for one in slices])
    levels = [_level(*pair) for pair in zip(slices, np.moveaxis(brain, across, 0), strict=True)]
    unread = np.flatnonzero(np.array(levels) < _UNREAD * np.nanmedian(levels))
    empty = set(range(filled[0], filled[-1] + 1)) - set(filled) if filled.size else set()
    missing = sorted(empty | set(unread))
    if missing:
        raise DataFault(
            f"{len(missing)} of {len(slices)} slices have no signal: the brain is not whole; export it again"
        )
    for axis in {0, 1, 2} - {across}:
        if max(_ends(brain, axis)) > _FLAT_SIDE:
            raise DataFault(
                "the brain is cut off in the plane of the slices: the image shows a part of the head only; export the "
                "whole scan"
            )
    areas = brain.sum(axis=tuple({0, 1, 2} - {across}))
    below, above = np.maximum.accumulate(areas), np.maximum.accumulate(areas[::-1])[::-1]
    if (areas < _NARROWEST * np.minimum(below, above)).any():
        raise DataFault(
            "the brain is narrow between wider slices, so they are not in their order; convert the scan again"
        )


def _level(image: Array, brain: Mask) -> float:
    known = image[brain & np.isfinite(image)]
    return float(np.median(known)) if known.size else float("nan")


def _ends(brain: Mask, axis: int) -> tuple[float, float]:
    """Return the area of the brain's first and last plane along an axis, of its largest."""
    areas = brain.sum(axis=tuple({0, 1, 2} - {axis}))
    planes = areas[areas > 0]
    return float(planes[0] / planes.max()), float(planes[-1] / planes.max())


def check_extent(brain: Mask, affine: Array) -> list[str]:
    """Make sure that an image shows enough of the brain for a lesion's volume, and say where it shows a part.

    Parameters
    ----------
    brain : (x, y, z) bool array
    affine : (4, 4) array
        Voxel to world (RAS+, mm).

    Returns
    -------
    list of str
        See `cut_off`.

    Raises
    ------
    DataFault
        If it shows one or two slices of the brain, or less than 30 mm.
    """
    count, covered_mm = _covered(brain, affine)
    if count < _FEWEST_SLICES or covered_mm < _LEAST_MM:
        slices = "1 slice" if count == 1 else f"{count} slices"
        raise DataFault(
            f"the image shows {slices} of the brain ({covered_mm:.0f} mm), too little to measure a lesion's volume "
            f"(at least {_FEWEST_SLICES} slices and {_LEAST_MM:g} mm needed); use a scan of the whole brain"
        )
    return cut_off(brain, affine)


def cut_off(brain: Mask, affine: Array) -> list[str]:
    """Say where an image shows a part of the brain only, as the slab of a perfusion series does.

    Parameters
    ----------
    brain : (x, y, z) bool array
    affine : (4, 4) array
        Voxel to world (RAS+, mm).

    Returns
    -------
    list of str
        A sentence if the brain is cut off above or below, else nothing.
    """
    if not brain.any():
        return []
    across, (_, covered_mm) = slice_axis(affine), _covered(brain, affine)
    bottom, top = _ends(brain, across)[:: -1 if affine[2, across] < 0 else 1]
    cut = " and ".join(["below"] * (bottom > _FLAT_BOTTOM) + ["above"] * (top > _FLAT_TOP))
    return (
        [f"the image shows {covered_mm:.0f} mm of the brain, cut off {cut}; volumes count this part only"]
        if cut
        else []
    )


def _covered(brain: Mask, affine: Array) -> tuple[int, float]:
    """Return how many slices show the brain, and how thick they are together, mm."""
    across = slice_axis(affine)
    count = int(np.moveaxis(brain, across, 0).any(axis=(1, 2)).sum())
    return count, count * float(voxel_sizes(affine)[across])
