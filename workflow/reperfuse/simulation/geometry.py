"""Grids, poses and rigid motion of a simulated scan.

A *pose* is the 4×4 matrix from the head frame to world millimetres (RAS+).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage
from scipy.spatial.transform import Rotation

from reperfuse.simulation.anatomy import Array, Head

Seed = int | Sequence[int]


@dataclass(frozen=True)
class Grid:
    """Voxel grid: shape (x, y, z) and affine (4×4, voxel → world mm)."""

    shape: tuple[int, int, int]
    affine: Array = field(compare=False)

    @property
    def voxel_mm(self) -> Array:
        """Voxel sizes, (3,), mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, mL."""
        return float(abs(np.linalg.det(self.affine[:3, :3])) / 1000)

    @property
    def centre(self) -> Array:
        """Centre of the field of view, (3,), world mm."""
        return self.affine[:3, :3] @ ((np.array(self.shape) - 1) / 2) + self.affine[:3, 3]


def sample_points(grid: Grid, pose: ArrayLike, head: Head, oversample: Sequence[int]) -> Array:
    """Template coordinates of a grid, each voxel divided into ``oversample`` parts an axis.

    Parameters
    ----------
    grid : Grid
        Voxel grid.
    pose : (4, 4) array
        Head → world.
    head : Head
        The head.
    oversample : (3,) ints
        Parts of a voxel along each axis.

    Returns
    -------
    (n, 3) array
        Points of the finer grid in C order, template mm.
    """
    parts = np.asarray(oversample)
    axes = [((np.arange(n * k) + 0.5) / k - 0.5).astype(np.float32) for n, k in zip(grid.shape, parts, strict=True)]
    to_head = np.linalg.inv(np.asarray(pose, dtype=float)) @ grid.affine
    points = to_head[:3, 3].astype(np.float32) + sum(
        axes[i].reshape([-1 if j == i else 1 for j in range(3)] + [1]) * to_head[:3, i].astype(np.float32)
        for i in range(3)
    )
    return head.to_template(np.asarray(points).reshape(-1, 3))


def average_voxels(values: Array, grid: Grid, oversample: Sequence[int]) -> Array:
    """Mean over each voxel of values at :func:`sample_points`.

    Parameters
    ----------
    values : (n,) array
        A value for each point.
    grid : Grid
        Voxel grid.
    oversample : (3,) ints
        As given to :func:`sample_points`.

    Returns
    -------
    (x, y, z) array
        Voxel means, float32.
    """
    (nx, ny, nz), (kx, ky, kz) = grid.shape, oversample
    return values.reshape(nx, kx, ny, ky, nz, kz).mean(axis=(1, 3, 5), dtype=np.float32)


def static_oversampling(grid: Grid) -> tuple[int, int, int]:
    """Parts of a voxel an axis for scans without motion: about 1.5 mm each."""
    x, y, z = (max(1, round(float(v) / 1.5)) for v in grid.voxel_mm)
    return x, y, z


def moving_oversampling(grid: Grid) -> tuple[int, int, int]:
    """Parts of a voxel an axis for series resampled at moved positions: at least two, about 2 mm each."""
    x, y, z = (max(2, round(float(v) / 2.0)) for v in grid.voxel_mm)
    return x, y, z


def rigid(rotation_deg: ArrayLike, translation_mm: ArrayLike, centre_mm: ArrayLike = (0, 0, 0)) -> Array:
    """Rigid transform: a rotation vector (degrees) about a centre, then a translation (mm).

    Parameters
    ----------
    rotation_deg, translation_mm, centre_mm : (3,) array
        Rotation vector, translation and centre of rotation.

    Returns
    -------
    (4, 4) array
        Matrix acting on points.
    """
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.asarray(rotation_deg, dtype=float), degrees=True).as_matrix()
    centre = np.asarray(centre_mm, dtype=float)
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre + np.asarray(translation_mm, dtype=float)
    return matrix


def draw_motion(
    frames: int,
    baseline: slice,
    jumps_at: Sequence[int],
    size_mm: float,
    size_deg: float,
    centre_mm: ArrayLike,
    seed: Seed,
) -> Array:
    """Draw rigid motion: a random walk plus jumps; the mean pose over the baseline frames is the identity.

    Parameters
    ----------
    frames : int
        Number of frames.
    baseline : slice
        Pre-bolus frames that define the reference pose.
    jumps_at : sequence of int
        Frames at which the head jumps to another place.
    size_mm, size_deg : float
        Length of each jump; the walk between jumps stays at about a third of it.
    centre_mm : (3,) array
        Centre of rotation, world mm.
    seed : int or sequence of ints
        Seed.

    Returns
    -------
    (frames, 4, 4) array
        Takes a world point of the reference pose to where that tissue is in the frame.
    """
    rng = np.random.default_rng(seed)
    size = np.repeat([size_deg, size_mm], 3)
    walk = np.cumsum(rng.normal(size=(frames, 6)), axis=0)
    walk = ndimage.gaussian_filter1d(walk, 1.0, axis=0) / np.sqrt(3 * frames)
    track = walk * size / 3
    for frame in jumps_at:
        for half in (slice(0, 3), slice(3, 6)):
            direction = rng.normal(size=3)
            track[frame:, half] += direction / np.linalg.norm(direction) * size[half]
    track -= track[baseline].mean(axis=0)
    return np.stack([rigid(row[:3], row[3:], centre_mm) for row in track])


def voxel_indices(grid: Grid) -> Array:
    """Homogeneous voxel indices in C order, (4, n)."""
    index = np.indices(grid.shape, dtype=np.float32).reshape(3, -1)
    return np.concatenate([index, np.ones((1, index.shape[1]), np.float32)])


def world_points(grid: Grid) -> Array:
    """World coordinates of voxel centres, (n, 3), mm."""
    return (grid.affine.astype(np.float32) @ voxel_indices(grid))[:3].T
