"""The infarct days after a stroke."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from reperfuse.head.symmetry import brightness
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import FACES, dilated, opened, pieces_with, remove_small, surrounded
from reperfuse.volumes.smoothing import sides, smooth


def followup_lesion(
    image: Array,
    brain: Mask,
    voxel_size_mm: ArrayLike,
    *,
    mirrored: Array | None,
    adc: Array | None = None,
    relative_intensity: float = 1.2,
    peak_intensity: float = 1.4,
    csf_adc: float | None = 1.5e-3,
    smoothing_mm: float = 3.0,
    homologue_mm: float = 4.0,
    opening_mm: float = 1.0,
    border_mm: float = 10.0,
    rim_mm: float = 0.0,
    min_volume_ml: float = 0.5,
) -> Mask:
    """Find the infarct days after a stroke, bright on the trace image or on FLAIR.

    By then the ADC may be normal again, so only the asymmetry counts: regions brighter than their
    mirror image by `relative_intensity` that hold, somewhere, a core brighter by `peak_intensity`.
    A voxel at the region's border holds infarct and healthy tissue; it counts where its brightness lies
    nearer to that of the region than to that of the tissue outside. Fluid is dark on either image: among infarct, a
    voxel at least half as bright as the infarct is infarct too, be there fluid in it. The core is found in the same
    way (:func:`reperfuse.diffusion.core.core_finder`), so growth compares like with like.

    Parameters
    ----------
    image : (x, y, z) array
        Trace or FLAIR, a.u.
    brain : (x, y, z) bool array
    voxel_size_mm : (3,) array_like
    mirrored : (x, y, z) array or None
        `image` reflected at the head's mid-plane, NaN outside the field of view.
    adc : (x, y, z) array, optional
        mm²/s; only to leave fluid out.
    relative_intensity, peak_intensity : float
        Relative to the mirror image.
    csf_adc : float, optional
        Voxels above are fluid, mm²/s; None: no voxel is.
    rim_mm : float
        How far around what was found a voxel need only be brighter than the mirror image at its own place.
        On FLAIR, cortex is so much brighter than white matter that infarcted white matter beside it is no
        brighter than the brightest within `homologue_mm` on the other side.
    smoothing_mm, homologue_mm, opening_mm, border_mm, min_volume_ml : float
        As for :func:`reperfuse.diffusion.core.core_finder`.

    Returns
    -------
    (x, y, z) bool array
    """
    voxel = np.asarray(voxel_size_mm, float)
    tissue = brain & (image > 0)
    if adc is not None and csf_adc is not None:
        with np.errstate(invalid="ignore"):
            tissue &= ~(adc > csf_adc)
    if not tissue.any():
        return tissue
    near, mirror, place = brightness(image, mirrored, tissue, voxel, smoothing_mm, homologue_mm)
    bright = tissue & (mirror > relative_intensity)
    found = pieces_with(opened(bright, opening_mm, voxel), mirror > peak_intensity)
    if rim_mm > 0:
        around = opened(bright | (tissue & (place > relative_intensity)), opening_mm, voxel)
        found = pieces_with(found | (around & dilated(found, rim_mm, voxel)), found)
    inside, outside = sides(found, near, tissue, border_mm, voxel, fill=1.0)
    edge = found & ~ndimage.binary_erosion(found, FACES)
    found = remove_small(found & ~(edge & (near < (inside + outside) / 2)), min_volume_ml, voxel)
    half = smooth(image, found, border_mm, voxel, fill=np.inf) / 2
    return found | (brain & (image > half) & surrounded(found))
