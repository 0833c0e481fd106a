"""Frames of a head that moves: drawn once at rest, seen from where it has moved."""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from reperfuse.simulation.anatomy import Array
from reperfuse.simulation.geometry import Grid, voxel_indices


def box_mean(image: Array, parts: Sequence[int]) -> Array:
    """Mean over boxes of ``parts`` points that begin at each point; beyond the far rim all is dark."""
    for axis, count in enumerate(parts):
        total = image.copy()
        for shift in range(1, count):
            near, far = [slice(None)] * 3, [slice(None)] * 3
            near[axis], far[axis] = slice(None, -shift), slice(shift, None)
            total[tuple(near)] += image[tuple(far)]
        image = total
    image *= np.float32(1 / np.prod(parts))
    return image


def margin_voxels(grid: Grid, motion: Array) -> tuple[int, int, int]:
    """Voxels an axis by which the head moves at most, so that what enters the field of view is there."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(grid.shape) - 1)
    corners = np.concatenate([corners, np.ones((8, 1))], axis=1).T
    to_voxel = np.linalg.inv(grid.affine)
    seen = to_voxel @ np.linalg.inv(motion) @ grid.affine @ corners
    x, y, z = np.ceil(np.abs(seen - corners)[:, :3].max(axis=(0, 2)) - 1e-6).astype(int)
    return int(x), int(y), int(z)


def widen(grid: Grid, margin: Sequence[int]) -> Grid:
    """Grid with a margin of voxels on every side."""
    affine = grid.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ np.asarray(margin)
    x, y, z = (n + 2 * m for n, m in zip(grid.shape, margin, strict=True))
    return Grid((x, y, z), affine)


def moved_view(boxes: Array, grid: Grid, wide: Grid, parts: Sequence[int], motion: Array) -> Array:
    """Voxels of the grid when the head, drawn as boxes on the wide grid, has moved."""
    to_boxes = np.diag([*parts, 1.0]) @ np.linalg.inv(wide.affine) @ np.linalg.inv(motion) @ grid.affine
    index = (to_boxes.astype(np.float32) @ voxel_indices(grid))[:3]
    return ndimage.map_coordinates(boxes, index, order=1, mode="nearest").reshape(grid.shape)
