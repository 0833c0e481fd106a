"""What an image shows of a head: where it is, and whether it has thickness enough to turn in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reperfuse.volumes.arrays import Array
from reperfuse.volumes.geometry import voxel_sizes

_FEWEST_SLICES = 3  # that show motion through their plane


_THICKEST_MM = 20.0  # slice that does


def find_head(image: Array, affine: Array, threshold: float = 0.15) -> NDArray[np.bool_]:
    """Tell the head and its edge from air: the smoothed image above a share of its 98th percentile."""
    smooth = ndimage.gaussian_filter(
        np.nan_to_num(image).astype(np.float32, copy=False), 4.0 / voxel_sizes(affine), mode="nearest"
    )
    return smooth > threshold * np.percentile(smooth, 98)


def has_contrast(image: Array) -> bool:
    """Tell an image that holds more than one finite value from an empty or constant one."""
    low, high = float(image.min()), float(image.max())
    if np.isfinite(low) and np.isfinite(high):
        return low < high
    finite = image[np.isfinite(image)]
    return finite.size > 0.01 * image.size and bool(finite.min() < finite.max())


def sees_through_plane(shape: Sequence[int], affine: Array) -> bool:
    """Tell whether a grid shows motion through the plane of its slices.

    It takes three slices to tell a shift from a change of the picture, and slices that are not as far apart as a
    brain is deep.
    """
    return min(shape) >= _FEWEST_SLICES and float(voxel_sizes(affine).max()) <= _THICKEST_MM
