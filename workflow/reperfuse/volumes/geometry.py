"""Voxels and world: 4×4 matrices, voxel sizes, slopes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from reperfuse.volumes.arrays import Array


def apply_matrix(matrix: Array, points: NDArray[Any]) -> Array:
    """Apply a 4×4 matrix to points (…, 3)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def rigid_matrix(translation_mm: Array, rotation_rad: Array, center: Array) -> Array:
    """4×4 matrix of a rotation vector about a centre followed by a translation."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(rotation_rad).as_matrix()
    matrix[:3, 3] = center + translation_mm - matrix[:3, :3] @ center
    return matrix


def voxel_sizes(affine: Array) -> Array:
    """Voxel sizes (3,) in mm."""
    return np.linalg.norm(affine[:3, :3], axis=0)


def average_blocks(image: Array, affine: Array, block_mm: float) -> tuple[Array, Array]:
    """Average blocks of voxels up to about `block_mm` wide; the affine follows.

    What is left over is cut evenly from both ends, so that the order of the axes does not matter;
    where it cannot be halved, blocks are made smaller.
    """
    factor = []
    for size, voxel_mm in zip(image.shape, voxel_sizes(affine), strict=True):
        wanted = max(1, min(round(block_mm / voxel_mm), size // 4))
        factor.append(next(n for n in range(wanted, 0, -1) if size % n % 2 == 0))
    if max(factor) == 1:
        return image, affine
    cut = [size % n // 2 for size, n in zip(image.shape, factor, strict=True)]
    count = [size // n for size, n in zip(image.shape, factor, strict=True)]
    kept = image[tuple(slice(c, c + k * n) for c, k, n in zip(cut, count, factor, strict=True))]
    blocks = kept.reshape(count[0], factor[0], count[1], factor[1], count[2], factor[2])
    to_full = np.diag([*factor, 1.0])
    to_full[:3, 3] = np.array(cut) + (np.array(factor) - 1) / 2
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32), affine @ to_full


def linearize(image: Array, affine: Array, voxels: Array) -> tuple[Array, Array]:
    """Values and slopes of the cubic spline through an image.

    Parameters
    ----------
    image : (x, y, z) array
    affine : (4, 4) array
        Voxel → world (RAS+, mm).
    voxels : (n, 3) array
        Where, in voxels; beyond its rim the image is mirrored.

    Returns
    -------
    values : (n,) array
    slopes : (n, 3) array
        Per mm along the axes of the world.
    """
    coefficients = ndimage.spline_filter(image, 3, float, mode="mirror")

    def sample(at: Array) -> Array:
        return ndimage.map_coordinates(coefficients, at.T, order=3, mode="mirror", prefilter=False)

    steps = [sample(voxels + half) - sample(voxels - half) for half in 0.5 * np.eye(3)]
    return sample(voxels), np.stack(steps, axis=1) @ np.linalg.inv(affine[:3, :3])


def turns(angles_deg: Iterable[float], axes: str = "xyz") -> list[Array]:
    """Return rotations, (4, 4), about each of the axes by each angle."""
    turns = [Rotation.from_euler(axis, angle, degrees=True) for axis in axes for angle in angles_deg]
    matrices: list[Array] = [np.eye(4) for _ in turns]
    for matrix, turn in zip(matrices, turns, strict=True):
        matrix[:3, :3] = turn.as_matrix()
    return matrices


def shifts(distances_mm: Iterable[float], axes: Iterable[int] = (2,)) -> list[Array]:
    """Return translations, (4, 4), along each of the axes (0 x, 1 y, 2 z) by each distance."""
    return [shift(distance * np.eye(3)[axis]) for axis in axes for distance in distances_mm]


def shift(vector: Array) -> Array:
    """Return the translation, (4, 4), by a vector, (3,), mm."""
    matrix = np.eye(4)
    matrix[:3, 3] = vector
    return matrix
