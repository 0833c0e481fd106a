"""Gaussian means in which only the voxels of a mask count."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import FACES, box_of

#: Full width at half maximum of a Gaussian of standard deviation 1.
FWHM_PER_SD = float(np.sqrt(8 * np.log(2)))


#: Frames that are smoothed at a time, and rows of a matrix that are multiplied at a time: they stay near the processor.
_FRAMES, _BLOCK = 16, 32
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
    weight, total = _blurred(mask.astype(np.float32), sigma, 3), _blurred(inside, sigma, 3)
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
    finite = np.isfinite(values)
    valid = np.asarray(mask, dtype=bool) & (finite.all(axis=-1) if values.ndim == 4 else finite)
    result = np.full(values.shape, np.nan, np.float32)
    frames = values if values.ndim == 4 else values[..., np.newaxis]
    result[valid] = smoothed_curves(frames, valid, voxel_size_mm, fwhm_mm).reshape(result[valid].shape)
    return result


def smoothed_curves(series: Array, valid: Mask, voxel_size_mm: ArrayLike, fwhm_mm: float) -> Array:
    """Return the curves (n, t) of the voxels of a mask, smoothed with each other, from a series (x, y, z, t)."""
    curves = np.empty((int(valid.sum()), series.shape[-1]), np.float32)
    if not len(curves):
        return curves
    box = box_of(valid)
    within, sigma = valid[box], _sigma(fwhm_mm, voxel_size_mm)
    # a map shows what is cut off at 3 SD
    weight = _blurred(within.astype(np.float32), sigma, 4)[within][:, np.newaxis]
    for first in range(0, series.shape[-1], _FRAMES):
        some = slice(first, first + _FRAMES)
        kept = np.zeros((*within.shape, series[..., some].shape[-1]), np.float32)
        np.copyto(kept, series[(*box, some)], where=within[..., np.newaxis])
        np.divide(_blurred(kept, sigma, 4)[within], weight, out=curves[:, some])
    return curves


def cube_means(values: Array, places_mm: Array, size_mm: float) -> tuple[Array, NDArray[np.int_]]:
    """Return the mean rows (k, t) of values (n, t) in each cube of a size that holds places (n, 3), and how many.

    The middle of the places is the middle of a cube, so that the direction of the axes does not matter.
    """
    _, cube = np.unique(np.rint((places_mm - places_mm.mean(axis=0)) / size_mm), axis=0, return_inverse=True)
    cube = cube.ravel()
    counts = np.bincount(cube)
    totals = np.stack([np.bincount(cube, column) for column in values.T], axis=1)
    return totals / counts[:, np.newaxis], counts


def _blurred(values: Array, sigma: Array, truncate: float) -> Array:
    """Convolve (x, y, z) or (x, y, z, t) float32 values with a Gaussian (SD in voxels); beyond the image all is 0.

    Along an axis this is the product with a matrix of a few diagonals, for which processors are made.
    """
    for axis, width in enumerate(sigma):
        reach = int(truncate * width + 0.5)
        if reach == 0:
            continue
        size, place = values.shape[axis], np.arange(values.shape[axis])
        apart = place[:, np.newaxis] - place
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
        diagonals = np.where(np.abs(apart) <= reach, np.exp(-0.5 * (apart / width) ** 2) / kernel.sum(), 0)
        if axis == values.ndim - 1:
            values = values @ diagonals.T.astype(np.float32)
            continue
        lines = values.reshape(math.prod(values.shape[:axis]), size, -1)
        result = np.empty_like(lines)
        for first in range(0, size, _BLOCK):
            rows, near = slice(first, first + _BLOCK), slice(max(0, first - reach), first + _BLOCK + reach)
            result[:, rows] = diagonals[rows, near].astype(np.float32) @ lines[:, near]
        values = result.reshape(values.shape)
    return values


def _sigma(fwhm_mm: float, voxel_size_mm: ArrayLike) -> Array:
    return fwhm_mm / FWHM_PER_SD / np.asarray(voxel_size_mm, dtype=float)


def sides(region: Mask, values: Array, tissue: Mask, fwhm_mm: float, voxel: Array, fill: float) -> tuple[Array, Array]:
    """Gaussian means of values inside a region and in the tissue outside of it, both without the region's border."""
    inside = smooth(values, ndimage.binary_erosion(region, FACES), fwhm_mm, voxel)
    inside = np.where(np.isfinite(inside), inside, smooth(values, region, fwhm_mm, voxel))
    return inside, smooth(values, tissue & ~ndimage.binary_dilation(region, FACES), fwhm_mm, voxel, fill=fill)
