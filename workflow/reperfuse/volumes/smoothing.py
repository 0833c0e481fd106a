"""Gaussian means in which only the voxels of a mask count."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage
from scipy.ndimage import gaussian_filter

from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import FACES


def smooth_inside(series: ArrayLike, mask: ArrayLike, voxel_size_mm: ArrayLike, fwhm_mm: float) -> Array:
    """Smooth with a Gaussian, normalised so that only voxels of the mask contribute.

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
    sigma = fwhm_mm / np.sqrt(8 * np.log(2)) / np.asarray(voxel_size_mm, dtype=float)
    weight = gaussian_filter(valid.astype(np.float32), sigma, mode="constant")[valid]
    result = np.full_like(frames, np.nan)
    for frame in range(frames.shape[-1]):
        kept = np.where(valid, frames[..., frame], np.float32(0))
        result[valid, frame] = gaussian_filter(kept, sigma, mode="constant")[valid] / weight
    return result.reshape(values.shape)


def sides(region: Mask, values: Array, tissue: Mask, fwhm_mm: float, voxel: Array, fill: float) -> tuple[Array, Array]:
    """Gaussian means of values inside a region and in the tissue outside of it, both without the region's border."""
    inside = smooth(values, ndimage.binary_erosion(region, FACES), fwhm_mm, voxel)
    inside = np.where(np.isfinite(inside), inside, smooth(values, region, fwhm_mm, voxel))
    return inside, smooth(values, tissue & ~ndimage.binary_dilation(region, FACES), fwhm_mm, voxel, fill=fill)


def smooth(values: Array, mask: Mask, fwhm_mm: float, voxel: Array, fill: float = np.nan) -> Array:
    """Gaussian mean of the values inside a mask; `fill` where the mask is out of reach."""
    inside = np.where(mask, values, 0).astype(np.float32)
    if fwhm_mm <= 0:
        return np.where(mask, inside, np.float32(fill))
    sigma = fwhm_mm / 2.355 / voxel
    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma, mode="constant", truncate=3)
    total = ndimage.gaussian_filter(inside, sigma, mode="constant", truncate=3)
    reached = weight > 1e-4
    return np.where(reached, total / np.where(reached, weight, 1), np.float32(fill))
