"""The head on CT: away with the holder, bone and metal by their HU, and the brain inside the skull.

The limits are of images of a few millimetres a voxel before contrast: fat −100 HU, fluid 5 to 15, white and grey
matter 29 and 37, muscle 50, fresh blood 60 to 90, and bone above 300, of which a tenth in a voxel of brain is enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from reperfuse.faults import DataFault
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import closed, dilated, eroded, fill, largest, opened
from reperfuse.volumes.smoothing import smooth

#: The window in which a brain is looked at, HU: air is black, and bone white.
WINDOW_HU = (0.0, 100.0)
#: Fluid is below, HU: half way between it and white matter.
_FLUID_BELOW_HU = 20.0
#: Width at half maximum of the Gaussian by which noise is taken from fluid, mm.
_FLUID_FWHM_MM = 4.0
#: Anything but air, foam and hair, HU.
_SOLID_HU = -300.0
#: The shell of a head holder is thinner than twice this, mm.
_HOLDER_MM = 5.0
#: Bone and calcification before contrast, HU.
BONE_HU = 100.0
#: No bone is so dense in a voxel of a few millimetres, HU; streaks reach so far from metal, mm.
_METAL_HU, _STREAK_MM = 2500.0, 10.0
#: Least and largest HU of a voxel that can be brain, or fluid in it.
_TISSUE_HU = (0.0, 80.0)
#: Least HU of what is added to the brain between its parts: fluid with some noise, no air and no fat.
_FLUID_HU = -20.0
#: Foramina and bridges through the skull base are thinner than twice this, mm.
_BRIDGE_MM = 4.0
#: Gaps of the skull in a slice that are closed, and of the brain, half as wide, mm.
_SKULL_GAP_MM, _BRAIN_GAP_MM = 8.0, 10.0
#: Another piece of brain than the largest has this share of its size, and a place so deep, mm.
_LOBE_SHARE, _LOBE_MM = 0.1, 10.0
#: Share of a piece inside the skull.
_ENCLOSED_SHARE = 0.5
#: No slice of a brain is smaller, mm³.
_LEAST_BRAIN_MM3 = 20e3


def head_on_ct(hu: Array, voxel_size_mm: ArrayLike) -> Mask:
    """Find the head, without the holder it rests in.

    Parameters
    ----------
    hu : (x, y, z) array
        HU; NaN where unknown.
    voxel_size_mm : (3,) array_like

    Returns
    -------
    (x, y, z) bool array
        The largest solid piece once all that is thinner than 10 mm is gone.
    """
    with np.errstate(invalid="ignore"):
        solid = hu > _SOLID_HU
    return largest(opened(solid, _HOLDER_MM, np.asarray(voxel_size_mm, float)))


def bone_on_ct(hu: Array) -> Mask:
    """Find bone, calcification and metal in an image before contrast, HU."""
    with np.errstate(invalid="ignore"):
        return np.asarray(hu > BONE_HU)


def metal_on_ct(hu: Array, voxel_size_mm: ArrayLike) -> Mask:
    """Find metal and what its streaks spoil, in an image before contrast, HU."""
    with np.errstate(invalid="ignore"):
        return dilated(hu > _METAL_HU, _STREAK_MM, np.asarray(voxel_size_mm, float))


def fluid_on_ct(hu: Array, brain: Mask, voxel_size_mm: ArrayLike) -> Mask:
    """Find cerebrospinal fluid in an image before contrast, HU."""
    with np.errstate(invalid="ignore"):
        return np.asarray(brain & (smooth(hu, brain, _FLUID_FWHM_MM, voxel_size_mm) < _FLUID_BELOW_HU))


def brain_on_ct(hu: Array, voxel_size_mm: ArrayLike) -> Mask:
    """Find the brain in an image before contrast.

    The brain is what has the HU of tissue, lies inside the skull, and stays connected when thin bridges are cut. In
    a slab the skull is a ring in each slice, open at the slab's ends, so that it encloses in the plane of the slices.
    Where the skull encloses nothing (it was stripped off, or a part is missing), the largest piece is the brain.

    Parameters
    ----------
    hu : (x, y, z) array
        HU; NaN where unknown.
    voxel_size_mm : (3,) array_like

    Returns
    -------
    (x, y, z) bool array
        With its fluid and vessels, without bone and calcification.

    Raises
    ------
    DataFault
        If nothing is as large as a slice of a brain.
    """
    voxel = np.asarray(voxel_size_mm, float)
    known = np.nan_to_num(np.asarray(hu, np.float32), nan=-1000.0)
    head, bone = head_on_ct(known, voxel), bone_on_ct(known)
    tissue = head & ~bone & (known > _TISSUE_HU[0]) & (known < _TISSUE_HU[1])
    inside = _inside_skull(bone, voxel)
    pieces = _brain_pieces(eroded(tissue, _BRIDGE_MM, voxel), inside, voxel)
    brain = dilated(pieces, _BRIDGE_MM, voxel) & tissue
    if brain.sum() * voxel.prod() < _LEAST_BRAIN_MM3:
        raise DataFault(
            "no brain was found: no region of 0 to 80 HU has its size; check the CT scan, or give a mask (brain_masks)"
        )
    whole = fill(closed(brain, _BRAIN_GAP_MM, voxel), voxel)
    return np.asarray(largest(whole & ~bone & (known > _FLUID_HU)) if whole.any() else whole)


def _inside_skull(bone: Mask, voxel: Array) -> Mask:
    """Find what the skull encloses in each slice."""
    skull = closed(bone, _SKULL_GAP_MM, voxel)
    return fill(skull, voxel) & ~bone


def _brain_pieces(thick: Mask, inside: Mask, voxel: Array) -> Mask:
    """Keep the largest piece inside the skull, and others there that are large and deep."""
    labels, count = ndimage.label(thick)
    if count == 0:
        return thick
    sizes = np.bincount(labels.ravel(), minlength=count + 1).astype(float)
    enclosed = np.bincount(labels[inside], minlength=count + 1) >= _ENCLOSED_SHARE * sizes
    sizes[0], enclosed[0] = 0, False
    candidates = np.where(enclosed, sizes, 0) if enclosed.any() else sizes
    main = int(candidates.argmax())
    if not enclosed.any():
        return np.asarray(labels == main)
    large = enclosed & (sizes >= _LOBE_SHARE * sizes[main])
    deep = np.zeros(count + 1, bool)
    deep[labels[eroded(large[labels], _LOBE_MM - _BRIDGE_MM, voxel)]] = True
    deep[main], deep[0] = True, False
    return (large & deep)[labels]
