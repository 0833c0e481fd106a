"""A textured head, and poses of it."""

import numpy as np
from numpy.typing import NDArray
from reperfuse.volumes.image import Image
from scipy import ndimage
from scipy.spatial.transform import Rotation


def pose(angles_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


def textured(affine: NDArray[np.float64], shape: tuple[int, ...], seed: int = 3) -> Image:
    """Smooth noise inside an ellipsoid."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5)
    grid = np.indices(shape).T / (np.array(shape) - 1) - 0.5
    inside = np.linalg.norm(grid, axis=-1).T < 0.42
    return Image((inside * (1 + 4 * noise / np.abs(noise).max())).astype(np.float32), affine)
