"""Gaussian means in which only the voxels of a mask count."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import FACES

#: Full width at half maximum of a Gaussian of standard deviation 1.
FWHM_PER_SD = float(np.sqrt(8 * np.log(2)))


#: Weight of the mask below which a place is out of its reach.
_LEAST_WEIGHT = 1e-4


def smooth(values: Array, mask: Mask, fwhm_mm: float, voxel_size_mm: ArrayLike, fill: float = np.nan) -> Array:
    """Return at each place the Gaussian mean of the values inside a mask.

    Parameters
    ----------
    values : (x, y, z) array
    mask : (x, y, z) bool array
        Voxels that contribute.
    fwhm_mm : float
        Full width at half maximum, mm; 0 leaves the voxels of the mask as they are.
    voxel_size_mm : (3,) array_like
    fill : float
        What stands where the mask is out of reach.

    Returns
    -------
    (x, y, z) array of float32
    """
    inside = np.where(mask, values, 0).astype(np.float32)
    if fwhm_mm <= 0:
        return np.where(mask, inside, np.float32(fill))
    sigma = _sigma(fwhm_mm, voxel_size_mm)
    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma, mode="constant", truncate=3)
    total = ndimage.gaussian_filter(inside, sigma, mode="constant", truncate=3)
    reached = weight > _LEAST_WEIGHT
    return np.where(reached, total / np.where(reached, weight, 1), np.float32(fill))


def smooth_inside(series: ArrayLike, mask: ArrayLike, voxel_size_mm: ArrayLike, fwhm_mm: float) -> Array:
    """Smooth the voxels of a mask with each other, in every frame of a series.

    Parameters
    ----------
    series : (x, y, z) or (x, y, z, t) array
        A volume or a series.
    mask : (x, y, z) array
        Voxels that contribute and are filled.
    voxel_size_mm : (3,) array
        Voxel size, mm.
    fwhm_mm : float
        Full width at half maximum, mm; 0 leaves the voxels of the mask as they are.

    Returns
    -------
    array
        Same shape, float32. NaN outside the mask and in voxels that hold a NaN; those contribute nothing.

    Raises
    ------
    ValueError
        When the width is negative.
    """
    if fwhm_mm < 0:
        raise ValueError(f"the width of the filter must not be negative, not {fwhm_mm}")
    values = np.asarray(series, dtype=np.float32)
    frames = values if values.ndim == 4 else values[..., np.newaxis]
    valid = np.asarray(mask, dtype=bool) & np.isfinite(frames).all(axis=-1)
    sigma = _sigma(fwhm_mm, voxel_size_mm)
    # a map shows what is cut off at 3 SD
    weight = ndimage.gaussian_filter(valid.astype(np.float32), sigma, mode="constant", truncate=4)[valid]
    result = np.full_like(frames, np.nan)
    for frame in range(frames.shape[-1]):
        kept = np.where(valid, frames[..., frame], np.float32(0))
        result[valid, frame] = ndimage.gaussian_filter(kept, sigma, mode="constant", truncate=4)[valid] / weight
    return result.reshape(values.shape)


def _sigma(fwhm_mm: float, voxel_size_mm: ArrayLike) -> Array:
    return fwhm_mm / FWHM_PER_SD / np.asarray(voxel_size_mm, dtype=float)


def sides(region: Mask, values: Array, tissue: Mask, fwhm_mm: float, voxel: Array, fill: float) -> tuple[Array, Array]:
    """Gaussian means of values inside a region and in the tissue outside of it, both without the region's border."""
    inside = smooth(values, ndimage.binary_erosion(region, FACES), fwhm_mm, voxel)
    inside = np.where(np.isfinite(inside), inside, smooth(values, region, fwhm_mm, voxel))
    return inside, smooth(values, tissue & ~ndimage.binary_dilation(region, FACES), fwhm_mm, voxel, fill=fill)
