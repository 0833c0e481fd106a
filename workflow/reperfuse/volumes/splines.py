"""Sampling by B-splines.

SciPy weighs all neighbours of one voxel, then those of the next. Here one neighbour of many voxels is taken at a time,
which takes less than half the time (docs/validation/performance.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reperfuse.volumes.arrays import Array

#: How many voxels are sampled at a time, so that what belongs to them stays near the processor.
_AT_ONCE = 24_000
#: By how many voxels the image goes on beyond its rim, mirrored: a cubic spline reaches as far.
_RIM = 2


def sample_grid(image: Array, voxel_matrix: Array, shape: Sequence[int], order: int, reach: float = 0.5) -> Array:
    """Sample an image on a grid.

    Parameters
    ----------
    image : (x, y, z) array
    voxel_matrix : (4, 4) array
        Voxel of the new grid → voxel of the image.
    shape : sequence of int
        Of the new grid.
    order : int
        Of the spline: 0, 1 or 3.
    reach : float
        How far beyond the outermost voxel centres a sample may lie, in voxels; half a voxel at most.

    Returns
    -------
    float32 array
        NaN farther out, and at voxels that are not finite.
    """
    finite = np.isfinite(image)
    knots = np.where(finite, image, 0).astype(np.float32, order="C")
    if order > 1:
        knots = ndimage.spline_filter(knots, order, np.float32, mode="mirror")
    knots = np.pad(knots, _RIM, mode="reflect")
    steps = [stride // knots.itemsize for stride in knots.strides]
    output = np.empty(shape, dtype=np.float32)
    thickness = max(1, _AT_ONCE // (shape[1] * shape[2]))
    for start in range(0, shape[0], thickness):
        slab = output[start : start + thickness]
        x, y, z = np.ogrid[start : start + len(slab), : shape[1], : shape[2]]
        first: Any = 0
        beyond: Any = False
        weights = []
        for row, size, step in zip(voxel_matrix, image.shape, steps, strict=False):
            place = row[0] * x + (row[1] * y + row[3]) + row[2] * z
            inside = np.clip(place, -reach - 1e-3, size - 1 + reach + 1e-3)
            beyond |= inside != place
            inside -= (order - 1) / 2
            knot = np.floor(inside)
            weights.append(_weights((inside - knot).astype(np.float32), order))
            first += (knot.astype(np.intp) + _RIM) * step
        slab[:] = _weighted_sum(knots.ravel(), first, weights, steps)
        slab[beyond] = np.nan
    if not finite.all():
        output[sample_grid(~finite, voxel_matrix, shape, 0, reach) > 0.5] = np.nan
    return output


def _weights(after: Array, order: int) -> list[Any]:
    """Weights of the knots around each place, which lies by this part of a voxel after the last knot before it."""
    if order == 0:
        return [1]
    before = 1 - after
    if order == 1:
        return [before, after]
    first, last = before * before * before / 6, after * after * after / 6
    second = 2 / 3 - after * after * (1 - after / 2)
    return [first, second, 1 - first - second - last, last]


def _weighted_sum(knots: Array, first: NDArray[np.intp], weights: list[list[Any]], steps: list[int]) -> Array:
    """Sum up the knots around each place, along one axis after the other."""
    if not weights:
        return knots.take(first)
    total: Any = 0
    for neighbour, weight in enumerate(weights[0]):
        part = _weighted_sum(knots[neighbour * steps[0] :], first, weights[1:], steps[1:])
        part *= weight
        total = np.add(total, part, out=part)
    return total
