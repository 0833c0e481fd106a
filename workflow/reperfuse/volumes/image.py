"""An image in memory: its data and where they lie."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.volumes.arrays import Array, Mask


@dataclass(frozen=True)
class Image:
    """An image in memory.

    Attributes
    ----------
    data : ndarray, (x, y, z) or (x, y, z, t)
        Float32 values in the file's voxel order.
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    """

    data: NDArray[Any]
    affine: NDArray[np.float64]

    @property
    def voxel_size_mm(self) -> tuple[float, float, float]:
        """Edge lengths of a voxel, in mm."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The data as a mask: above one half."""
        return self.data > 0.5


def crop(image: Image, mask: Mask, margin_mm: float = 0.0) -> tuple[Image, tuple[slice, ...]]:
    """Return the box of an image that holds a mask (x, y, z) with a margin, and the slices it was cut out by."""
    around = np.ceil(margin_mm / np.array(image.voxel_size_mm)).astype(int)
    places = np.argwhere(mask) if mask.any() else np.argwhere(np.ones_like(mask))
    first, last = np.maximum(places.min(axis=0) - around, 0), places.max(axis=0) + around + 1
    box = tuple(slice(int(low), int(high)) for low, high in zip(first, last, strict=True))
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ first
    return Image(image.data[box], affine), box


def is_same_grid(first: Image, second: Image, tolerance_mm: float = 1e-3) -> bool:
    """Tell whether two images sample the same points of the world."""
    if first.data.shape[:3] != second.data.shape[:3]:
        return False
    corners = np.array([*np.ndindex(2, 2, 2)]) * (np.array(first.data.shape[:3]) - 1)
    corners = np.c_[corners, np.ones(8)]
    return bool(np.abs(corners @ (first.affine - second.affine).T).max() <= tolerance_mm)


def volume_ml(mask: Mask, affine: Array) -> float:
    """Return the volume of a mask, in mL."""
    return float(mask.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000)


def dice(first: Mask, second: Mask) -> float:
    """Return the overlap of two masks, 2|A∩B|/(|A|+|B|); NaN if both are empty."""
    total = int(first.sum() + second.sum())
    return 2 * int((first & second).sum()) / total if total else float("nan")
