"""The head's own reflection: the plane that carries each half onto the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from reperfuse.alignment import (
    Normalization,
    align,
    apply_matrix,
    average_blocks,
    normalize,
    prepare_target,
    sample_grid,
)
from reperfuse.faults import DataFault

Array = NDArray[np.floating]

# Narrower than for motion: a lesion on one side is itself what the division has to take out.
_NORMALIZATION = Normalization(sigma_mm=6.0, contrast=0.4, smoothing_mm=2.0)


@dataclass(frozen=True)
class Mirror:
    """A reflection in world space (RAS+, mm).

    Attributes
    ----------
    normal : (3,) array
        Unit normal of the plane, towards the patient's right half-space of the world (x > 0).
    offset_mm : float
        The plane holds the points p with normal · p = offset.
    matrix : (4, 4) array
        World point → its mirror image.
    quality : float
        Correlation of the locally normalised head with its reflection; 1 is a perfect symmetry.
    """

    normal: Array
    offset_mm: float
    matrix: Array
    quality: float


def find_mirror(
    image: Array,
    affine: Array,
    mask: NDArray[np.bool_] | None = None,
    normalization: Normalization | None = None,
    max_tilt_deg: float = 18.0,
    max_shift_mm: float = 12.0,
) -> Mirror:
    """Find the plane that reflects a head onto itself.

    The header is believed about where left and right are: the search starts from planes through
    the head's centre whose normal is within `max_tilt_deg` of world x. The best of them starts a
    rigid alignment of the head with its own flip, of which the nearest exact reflection is kept.

    Parameters
    ----------
    image : (x, y, z) array
        On any grid: oblique, flipped, permuted or anisotropic.
    affine : (4, 4) array
        Voxel → world (RAS+, mm).
    mask : (x, y, z) bool array, optional
        Voxels whose match counts, for instance the head without a lesion; by default the head.
    normalization : Normalization, optional
        What is done to the image first; it takes out a coil's shading.
    max_tilt_deg, max_shift_mm : float
        Reach of the coarse search.

    Raises
    ------
    DataFault
        If the image is empty or constant, or no reflection matches.
    """
    target = prepare_target(image, affine, mask, normalization or _NORMALIZATION)
    start = _search(image, affine, mask, max_tilt_deg, max_shift_mm)
    quality = np.nan
    for _ in range(2):
        # A flipped image is the same voxels under a reflected affine: nothing is interpolated.
        found = align(target, image, start @ affine)
        if not found.converged:
            raise DataFault("The head could not be matched with its own reflection.")
        start = _nearest_reflection(start @ found.matrix, target.center)
        quality = 1.0 - found.cost
    normal = _normal(start)
    return Mirror(normal, float(normal @ start[:3, 3] / 2), start, quality)


def reflect(image: Array, affine: Array, mirror: Mirror, order: int = 1) -> Array:
    """Give each voxel the value at its mirror image.

    Parameters
    ----------
    image : (x, y, z) array
    affine : (4, 4) array
    mirror : Mirror
    order : int
        Of the spline; 0 for labels, 1 for maps and masks (a mask then holds fractions).

    Returns
    -------
    (x, y, z) float32 array
        On the same grid; NaN where the mirror image lies outside the field of view.
    """
    return sample_grid(image, np.linalg.inv(affine) @ mirror.matrix @ affine, image.shape, order)


def reflection_matrix(normal: Array, offset_mm: float) -> Array:
    """4×4 world reflection at the plane normal · p = offset."""
    matrix = np.eye(4)
    matrix[:3, :3] -= 2 * np.outer(normal, normal)
    matrix[:3, 3] = 2 * offset_mm * normal
    return matrix


def _normal(matrix: Array) -> Array:
    """Return the unit normal of an (almost) exact reflection, with positive x."""
    symmetric = (matrix[:3, :3] + matrix[:3, :3].T) / 2
    normal = np.linalg.eigh(symmetric)[1][:, 0]
    return normal if normal[0] > 0 else -normal


def _nearest_reflection(matrix: Array, center: Array) -> Array:
    """Reflection whose plane halves the way from the head's centre to its image."""
    normal = _normal(matrix)
    return reflection_matrix(normal, float(normal @ (center + apply_matrix(matrix, center)) / 2))


def _search(
    image: Array, affine: Array, mask: NDArray[np.bool_] | None, max_tilt_deg: float, max_shift_mm: float
) -> Array:
    """Best plane of a grid of tilts and shifts, compared at the points of a coarse target."""
    how = Normalization(sigma_mm=20.0, smoothing_mm=3.5)
    target = prepare_target(image, affine, mask, how, coarse_mm=7.0)
    level = target.levels[0]
    coarse, coarse_affine = average_blocks(*normalize(image, affine, how), level.block_mm)
    to_voxel = np.linalg.inv(coarse_affine)
    best: Array = np.eye(4)
    best_match = -np.inf
    for candidate in _candidates(target.center, max_tilt_deg, max_shift_mm):
        mirrored = apply_matrix(to_voxel @ candidate, level.points)
        inside = ((mirrored >= 0) & (mirrored <= np.array(coarse.shape) - 1)).all(axis=1)
        if inside.mean() < 0.4:
            continue
        sampled = ndimage.map_coordinates(coarse, mirrored[inside].T, order=1)
        match = np.corrcoef(sampled, level.values[inside])[0, 1]
        if match > best_match:
            best, best_match = candidate, match
    if not np.isfinite(best_match):
        raise DataFault("No mirror plane through the head matches its two halves.")
    return best


def _candidates(
    center: Array, max_tilt_deg: float, max_shift_mm: float, step_deg: float = 6.0, step_mm: float = 6.0
) -> Iterator[Array]:
    """Reflections at planes near the head's centre whose normals are near world x."""
    tilts = np.arange(-max_tilt_deg, max_tilt_deg + 0.1, step_deg)
    shifts = np.arange(-max_shift_mm, max_shift_mm + 0.1, step_mm)
    for about_y, about_z, shift in product(tilts, tilts, shifts):
        normal = Rotation.from_euler("yz", [about_y, about_z], degrees=True).apply([1.0, 0.0, 0.0])
        yield reflection_matrix(normal, float(normal @ center + shift))
