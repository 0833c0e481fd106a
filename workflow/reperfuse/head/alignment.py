"""Rigid alignment of an image to a reference whose derivatives are known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reperfuse.faults import DataFault
from reperfuse.head.outline import _FEWEST_SLICES, find_head, has_contrast, sees_through_plane
from reperfuse.volumes.arrays import Array
from reperfuse.volumes.geometry import apply_matrix, average_blocks, linearize, rigid_matrix, voxel_sizes
from reperfuse.volumes.robust import bisquare

_MAX_ITERATIONS = 40


_STEP_TOLERANCE_MM = 0.002


_SETTLED_MM = 0.05


LEVER_MM = 50.0  # turns a rotation into a displacement: the radius of a head (Power 2012)


@dataclass(frozen=True)
class Normalization:
    """What is done to both images before they are compared.

    Attributes
    ----------
    sigma_mm : float
        Standard deviation of the Gaussian mean every image is divided by.
    contrast : float
        Relative deviation from that mean beyond which contrast saturates.
    smoothing_mm : float
        Standard deviation of the Gaussian that smooths the result.
    """

    sigma_mm: float = 12.0
    contrast: float = 0.4
    smoothing_mm: float = 4.0


@dataclass(frozen=True)
class Level:
    """What one resolution of a target knows beforehand.

    Attributes
    ----------
    block_mm : float
        Block size the normalised image is averaged to; 0 keeps the voxels as they are.
    margin_mm : float
        Rim of every grid that is left out: what is smoothed there leans on what lies outside.
    points : (n, 3) array
        World points (RAS+, mm) at which images are compared.
    values : (n,) array
        Normalised reference intensity at `points`.
    jacobian : (n, 6) array
        Its derivative by translation (1/mm) and rotation about the centre (1/rad).
    """

    block_mm: float
    margin_mm: float
    points: Array
    values: Array
    jacobian: Array


@dataclass(frozen=True)
class RigidTarget:
    """The reference side of an inverse-compositional Gauss–Newton aligner.

    Attributes
    ----------
    levels : tuple of Level
        From coarse to fine.
    center : (3,) array
        World point (RAS+, mm) the rotations turn about: the centre of the head.
    normalization : Normalization
        What is done to both images first.
    freedom : (6, k) array
        Orthonormal directions in which the head may move: of translations (mm) and of rotations about the
        centre, as the displacement of a point 50 mm off (mm).
    """

    levels: tuple[Level, ...]
    center: Array
    normalization: Normalization
    freedom: Array


@dataclass(frozen=True)
class Alignment:
    """Where an image was found relative to a target.

    Attributes
    ----------
    matrix : (4, 4) array
        Takes a world point of the reference to where that tissue is in the image (RAS+, mm).
    cost : float
        1 − correlation of the normalised image with the normalised reference; 0 is perfect.
    overlap : float
        Share of the reference points that lie inside the image's field of view.
    converged : bool
        Whether the last step was negligible.
    difference : (n,) array
        Normalised image less normalised reference at the points of the finest level; NaN outside the field of view.
    """

    matrix: Array
    cost: float
    overlap: float
    converged: bool
    difference: Array


def normalize(image: Array, affine: Array, how: Normalization) -> tuple[Array, Array]:
    """Divide an image by its own local mean, saturate and smooth.

    The division takes out a bolus and a coil's shading. Saturation keeps vessels and fluid, whose
    contrast changes most during a bolus, from outweighing tissue, and noise in air from counting.
    Smoothing takes out detail finer than a thick slice resolves: that detail is aliased, stays with
    the grid when the head moves, and pulls an alignment towards no motion.

    Parameters
    ----------
    image : (x, y, z) array
    affine : (4, 4) array
    how : Normalization

    Returns
    -------
    normalized : (x, y, z) float32 array
        Between −1 (air) and 1; 0 at the local mean. Voxels much finer than the smoothing are averaged
        to blocks of about its width.
    affine : (4, 4) array
        Of this grid.
    """
    filled = np.where(np.isfinite(image), image, 0).astype(np.float32, copy=False)
    filled, affine = average_blocks(filled, affine, how.smoothing_mm)
    size_mm = voxel_sizes(affine)
    mean = ndimage.gaussian_filter(filled, how.sigma_mm / size_mm, mode="nearest", truncate=2.5)
    floor = 0.05 * float(np.percentile(mean[::2, ::2], 95))
    ratio = filled / (np.maximum(mean, 0.0) + max(floor, np.finfo(np.float32).tiny))
    saturated = np.tanh((ratio - 1) / np.float32(how.contrast))
    smooth = ndimage.gaussian_filter(saturated, how.smoothing_mm / size_mm, mode="nearest", truncate=3.0)
    return smooth, affine


def prepare_target(
    image: Array,
    affine: Array,
    mask: NDArray[np.bool_] | None = None,
    normalization: Normalization | None = None,
    coarse_mm: float = 8.0,
    spacing_mm: float = 6.0,
) -> RigidTarget:
    """Precompute the reference of an alignment.

    Parameters
    ----------
    image : (x, y, z) array
    affine : (4, 4) array
        Voxel → world (RAS+, mm).
    mask : (x, y, z) bool array, optional
        Where to compare; by default the head with its edges.
    normalization : Normalization, optional
        What is done to both images first.
    coarse_mm : float
        Block size of the coarse level, which catches large jumps.
    spacing_mm : float
        Distance of the points that are compared.

    Raises
    ------
    DataFault
        If the image is empty or constant.
    """
    if image.ndim != 3 or not has_contrast(image):
        raise DataFault("the reference image of the alignment is empty or constant; export the scan again")
    head = find_head(image, affine) if mask is None else mask
    center = apply_matrix(affine, np.argwhere(head).mean(axis=0))
    how = normalization or Normalization()
    normalized, normalized_affine = normalize(image, affine, how)
    levels = []
    for block_mm in (coarse_mm, 0.0):
        level_image, level_affine = average_blocks(normalized, normalized_affine, block_mm)
        voxels = _lattice(head.shape, affine, max(spacing_mm, block_mm))
        voxels = voxels[head[tuple(np.round(voxels).astype(int).T)]]
        points = apply_matrix(affine, voxels)
        voxels = apply_matrix(np.linalg.inv(level_affine), points)
        inside = _is_within(voxels, level_image.shape, level_affine, how.smoothing_mm)
        values, gradient = linearize(level_image, level_affine, voxels[inside])
        points = points[inside]
        jacobian = np.hstack([gradient, np.cross(points - center, gradient)])
        levels.append(Level(block_mm, how.smoothing_mm, points, values, jacobian))
    return RigidTarget(tuple(levels), center, how, _freedom(image.shape, affine))


def align(target: RigidTarget, image: Array, affine: Array, start: Array | None = None) -> Alignment:
    """Find the rigid motion that takes the reference to an image.

    Inverse-compositional Gauss–Newton (Baker & Matthews 2004, doi:10.1023/B:VISI.0000011205.11775.fd)
    with bisquare weights, coarse to fine.

    Parameters
    ----------
    target : RigidTarget
    image : (x, y, z) array
        On any grid.
    affine : (4, 4) array
        Its voxel → world matrix (RAS+, mm).
    start : (4, 4) array, optional
        First guess of the matrix; the identity by default.

    Raises
    ------
    DataFault
        If the image is empty or constant, or has left the field of view.
    """
    if not has_contrast(image):
        raise DataFault("the image to align is empty or constant; export the scan again")
    matrix = np.eye(4) if start is None else np.array(start, dtype=float)
    normalized, normalized_affine = normalize(image, affine, target.normalization)
    for level in target.levels:
        moving, moving_affine = average_blocks(normalized, normalized_affine, level.block_mm)
        found = _fit(level, target, moving, moving_affine, matrix)
        matrix = found.matrix
    return found


def _lattice(shape: Sequence[int], affine: Array, spacing_mm: float) -> Array:
    """Points (n, 3), in voxels, of a lattice centred on a grid: the same whatever the order of its axes."""
    axes = []
    for size, voxel_mm in zip(shape, voxel_sizes(affine), strict=True):
        count = int((size - 1) / 2 * voxel_mm / spacing_mm)
        axes.append((size - 1) / 2 + np.arange(-count, count + 1) * spacing_mm / voxel_mm)
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _is_within(voxels: NDArray[Any], shape: Sequence[int], affine: Array, margin_mm: float) -> NDArray[np.bool_]:
    """Tell voxels (n, 3) inside a grid from those at its rim; the rim is an eighth of a thin grid at most."""
    last = np.array(shape) - 1
    margin = np.minimum(margin_mm / voxel_sizes(affine), last / 8) - 1e-3
    return ((voxels >= margin) & (voxels <= last - margin)).all(axis=1)


def _freedom(shape: Sequence[int], affine: Array) -> Array:
    """Directions (6, k) in which a head may move: all, or those in the plane of a few slices."""
    if sees_through_plane(shape, affine):
        return np.eye(6)
    axes = affine[:3, :3] / voxel_sizes(affine)
    through = int(np.argmin(shape)) if min(shape) < _FEWEST_SLICES else int(np.argmax(voxel_sizes(affine)))
    in_plane = [axis for axis in range(3) if axis != through]
    freedom = np.zeros((6, 3))
    freedom[:3, :2] = axes[:, in_plane]
    freedom[3:, 2] = np.cross(*axes[:, in_plane].T)
    return freedom


def _fit(level: Level, target: RigidTarget, moving: Array, affine: Array, matrix: Array) -> Alignment:
    """Gauss–Newton at one level."""
    to_voxel = np.linalg.inv(affine)
    order = 1 if level.block_mm else 3
    if order > 1:
        moving = ndimage.spline_filter(moving, order, np.float32, mode="mirror")
    units = np.repeat([1.0, LEVER_MM], 3)
    freedom = target.freedom
    tolerance = _STEP_TOLERANCE_MM * (10 if level.block_mm else 1)
    for iteration in range(_MAX_ITERATIONS):
        voxels = apply_matrix(to_voxel @ matrix, level.points)
        inside = _is_within(voxels, moving.shape, affine, level.margin_mm)
        overlap = float(inside.mean())
        if inside.sum() < 100:
            raise DataFault("the head has left the field of view")
        sampled = ndimage.map_coordinates(
            moving, voxels[inside].T, output=float, order=order, mode="mirror", prefilter=False
        )
        residual = sampled - level.values[inside]
        weight = bisquare(residual)
        jacobian = level.jacobian[inside]
        weighted = jacobian * weight[:, None]
        normal = freedom.T @ (weighted.T @ jacobian / units / units[:, None]) @ freedom
        slope = freedom.T @ (weighted.T @ residual / units)
        step = freedom @ np.linalg.pinv(normal, rcond=1e-6, hermitian=True) @ slope
        if iteration >= _MAX_ITERATIONS // 4:
            step = step / 2  # points that come and go with their weights can make full steps circle
        matrix = matrix @ np.linalg.inv(rigid_matrix(step[:3], step[3:] / LEVER_MM, target.center))
        if np.abs(step).max() < tolerance:
            break
    cost = 1.0 - float(np.corrcoef(sampled, level.values[inside])[0, 1])
    difference = np.full(len(inside), np.nan)
    difference[inside] = residual
    return Alignment(matrix, cost, overlap, bool(np.abs(step).max() < _SETTLED_MM), difference)
