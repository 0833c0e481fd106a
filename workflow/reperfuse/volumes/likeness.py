"""Curves averaged with those of their neighbours, as far as they are alike.

A Gaussian mixes what lies on either side of a border. Here a neighbour counts the less the more its curve differs, as
in the filter by time–intensity similarity (Mendrik et al. 2011, doi:10.1088/0031-9155/56/13/008). Curves that are
noisy are told apart by little, so that they are compared once smoothed, and by the few shapes in which smoothed curves
differ most. What is averaged is the curve in a few more of these shapes: the others hold noise alone.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import box_of
from reperfuse.volumes.smoothing import FWHM_PER_SD, smoothed_curves

# On simulated patients the core hardly changes with any of these (docs/validation/ct.md).
#: Width at half maximum of the Gaussian over which neighbours count, mm, and where it ends, SD.
_REACH_FWHM_MM, _REACH_SD = 10.0, 2.0
#: Width at half maximum of the Gaussian of the curves that are compared, mm.
_COMPARED_FWHM_MM = 6.0
#: Shapes by which curves are compared, and in which they are averaged.
_COMPARED_SHAPES, _KEPT_SHAPES = 3, 16
#: SD of the Gaussian of the difference between two smoothed curves, in SDs of their noise.
_LIKENESS_SD = 6.0
#: Where no curve is, among the places of curves; voxels worked on at a time: their neighbours stay near the processor.
_FAR, _BLOCK = 1e6, 4096


def alike_means(series: Array, valid: Mask, voxel_size_mm: ArrayLike) -> Array:
    """Return the curves (n, t) of the voxels of a mask, each averaged with those of alike neighbours.

    Parameters
    ----------
    series : (x, y, z, t) array
        Of any unit, finite in the mask.
    valid : (x, y, z) bool array
        Voxels that contribute and are returned.
    voxel_size_mm : (3,) array_like

    Returns
    -------
    (n, t) array
        float32, in the order of the mask's voxels.
    """
    smoothed = smoothed_curves(series, valid, voxel_size_mm, _COMPARED_FWHM_MM)
    if not len(smoothed):
        return smoothed
    mean = smoothed.mean(axis=0)
    smoothed -= mean
    power, shapes = np.linalg.eigh(smoothed.T @ smoothed / np.float32(len(smoothed)))
    shapes = np.ascontiguousarray(shapes[:, : -_KEPT_SHAPES - 1 : -1])
    noise = np.sqrt(max(power[: len(power) // 2].mean(), 1e-6 * power[-1], np.finfo(np.float32).tiny))
    place = smoothed @ shapes[:, :_COMPARED_SHAPES] / (_LIKENESS_SD * noise)
    scores = (series[valid] - mean) @ shapes
    return np.asarray(_means(scores, place, valid[box_of(valid)], voxel_size_mm) @ shapes.T + mean)


def _means(values: Array, place: Array, within: Mask, voxel_size_mm: ArrayLike) -> Array:
    """Means (n, k) of values over neighbours, weighted by their distance in space and between places (n, s)."""
    numbers, steps, apart = _neighbourhood(within, voxel_size_mm)
    own = np.flatnonzero(numbers < len(values))
    nowhere = np.full((1, place.shape[1]), _FAR, np.float32)
    coordinates = np.concatenate([place, nowhere]).T.copy()
    known = np.concatenate([values, np.zeros((1, values.shape[1]), np.float32)])
    means = np.empty_like(values)
    for first in range(0, len(own), _BLOCK):
        block = slice(first, first + _BLOCK)
        others = numbers[own[block, np.newaxis] + steps]
        weights = np.broadcast_to(apart, others.shape).copy()
        for coordinate in coordinates:
            difference = coordinate[others]
            difference -= coordinate[:-1][block, np.newaxis]
            difference *= difference
            weights += difference
        weights *= np.float32(-0.5)
        np.exp(weights, out=weights)
        rows = np.arange(len(others) + 1) * len(steps)
        total = csr_matrix((weights.ravel(), others.ravel(), rows), (len(others), len(known))) @ known
        np.divide(total, weights.sum(axis=1, keepdims=True), out=means[block])
    return means


def _neighbourhood(within: Mask, voxel_size_mm: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.int_], Array]:
    """Return the number of each voxel of a mask in a flat image with a margin, steps to neighbours, and distances.

    Outside the mask stands the number of its voxels. Distances are squared, in SD of the Gaussian.
    """
    sd_voxels = _REACH_FWHM_MM / FWHM_PER_SD / np.asarray(voxel_size_mm, float)
    reach = np.floor(_REACH_SD * sd_voxels).astype(int)
    count = int(within.sum())
    numbers = np.full(np.array(within.shape) + 2 * reach, count, np.int32)
    inner = tuple(slice(r, r + n) for r, n in zip(reach, within.shape, strict=True))
    numbers[inner][within] = np.arange(count)
    offsets = np.argwhere(np.ones(2 * reach + 1)) - reach
    apart = ((offsets / sd_voxels) ** 2).sum(axis=1)
    near = apart <= _REACH_SD**2
    strides = np.array([numbers.shape[1] * numbers.shape[2], numbers.shape[2], 1])
    return numbers.ravel(), offsets[near] @ strides, apart[near].astype(np.float32)
