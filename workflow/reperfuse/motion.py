"""Rigid realignment of a perfusion series to its own pre-bolus mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from reperfuse.faults import DataFault

Array = NDArray[np.floating]

_MAX_ITERATIONS = 40
_STEP_TOLERANCE_MM = 0.002
_LEVER_MM = 50.0  # turns a rotation into a displacement: the radius of a head (Power 2012)


@dataclass(frozen=True)
class Level:
    """What one resolution of a target knows beforehand.

    Attributes
    ----------
    spacing_mm : float
        Block size the normalised image is averaged to; 0 keeps the voxels as they are.
    points : (n, 3) array
        World points (RAS+, mm) at which images are compared.
    values : (n,) array
        Normalised reference intensity at `points`.
    jacobian : (n, 6) array
        Its derivative by translation (1/mm) and rotation about the centre (1/rad).
    """

    spacing_mm: float
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
    sigma_mm : float
        Width of the local mean every image is divided by.
    """

    levels: tuple[Level, ...]
    center: Array
    sigma_mm: float


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
    """

    matrix: Array
    cost: float
    overlap: float
    converged: bool


@dataclass(frozen=True)
class Motion:
    """Rigid motion of a series.

    Attributes
    ----------
    matrices : (t, 4, 4) array
        Reference world point → where that tissue is in the frame (RAS+, mm); NaN where a frame
        could not be aligned.
    translations_mm, rotations_rad : (t, 3) arrays
        The same as displacement of the head's centre and as angles about world x, y, z (turned
        in this order, axes fixed).
    framewise_displacement_mm : (t,) array
        Sum of absolute changes since the last aligned frame, rotations on a sphere of 50 mm
        (Power 2012, doi:10.1016/j.neuroimage.2011.10.018); 0 for the first.
    outlier : (t,) bool array
        Frames that could not be aligned, or that fit far worse than their neighbours.
    reference : (x, y, z) array
        Mean of the realigned pre-bolus frames.
    """

    matrices: Array
    translations_mm: Array
    rotations_rad: Array
    framewise_displacement_mm: Array
    outlier: NDArray[np.bool_]
    reference: Array


def normalize_locally(image: Array, affine: Array, sigma_mm: float = 6.0, smoothing_mm: float = 3.0) -> Array:
    """Divide an image by its own local mean, then smooth it.

    The division takes out a bolus and a coil's shading. The smoothing takes out detail finer than
    a thick slice resolves: that detail is aliased, stays with the grid when the head moves, and
    would pull an alignment towards no motion.

    Parameters
    ----------
    image : (x, y, z) array
    affine : (4, 4) array
    sigma_mm : float
        Standard deviation of the Gaussian that defines "local".
    smoothing_mm : float
        Standard deviation of the Gaussian the quotient is smoothed with.

    Returns
    -------
    (x, y, z) float32 array
        About 1 in tissue, near 0 in air.
    """
    size_mm = voxel_sizes(affine)
    filled = np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32, copy=False)
    mean = ndimage.gaussian_filter(filled, sigma_mm / size_mm, mode="nearest", truncate=2.5)
    # A floor of a few per cent of the head's signal keeps noise in air from being blown up to 1.
    floor = 0.05 * float(np.percentile(mean[::2, ::2], 95))
    ratio = filled / (np.maximum(mean, 0.0) + max(floor, np.finfo(np.float32).tiny))
    return ndimage.gaussian_filter(ratio, smoothing_mm / size_mm, mode="nearest", truncate=3.0)


def prepare_target(
    image: Array,
    affine: Array,
    mask: NDArray[np.bool_] | None = None,
    sigma_mm: float = 6.0,
    coarse_mm: float = 8.0,
    max_points: int = 8_000,
    seed: int = 0,
) -> RigidTarget:
    """Precompute the reference of an alignment.

    Parameters
    ----------
    image : (x, y, z) array
    affine : (4, 4) array
        Voxel → world (RAS+, mm).
    mask : (x, y, z) bool array, optional
        Where to compare; by default the head with its edges.
    sigma_mm : float
        Width of the local mean both images are divided by.
    coarse_mm : float
        Block size of the coarse level, which catches large jumps.
    max_points : int
        Points compared at each level.
    seed : int
        Of the choice of these points.

    Raises
    ------
    DataFault
        If the image is empty or constant.
    """
    if image.ndim != 3 or not has_contrast(image):
        raise DataFault("The reference image of the alignment is empty or constant.")
    head = find_head(image, affine) if mask is None else mask
    center = apply_matrix(affine, np.argwhere(head).mean(axis=0))
    normalized = normalize_locally(image, affine, sigma_mm)
    levels = []
    for spacing_mm in (coarse_mm, 0.0):
        level_image, level_affine = _reduce(normalized, affine, spacing_mm)
        level_head = _reduce(head.astype(np.float32), affine, spacing_mm)[0] > 0.25
        levels.append(
            _prepare_level(level_image, level_affine, level_head, center, spacing_mm, max_points, seed)
        )
    return RigidTarget(tuple(levels), center, sigma_mm)


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
        raise DataFault("The image to align is empty or constant.")
    matrix = np.eye(4) if start is None else np.array(start, dtype=float)
    normalized = normalize_locally(image, affine, target.sigma_mm)
    for level in target.levels:
        moving, moving_affine = _reduce(normalized, affine, level.spacing_mm)
        matrix, cost, overlap, converged = _fit(level, target.center, moving, moving_affine, matrix)
    return Alignment(matrix, cost, overlap, converged)


def estimate_motion(
    series: Array,
    affine: Array,
    baseline: slice,
    sigma_mm: float = 6.0,
    min_overlap: float = 0.5,
    max_excess_cost: float = 0.01,
) -> Motion:
    """Estimate the motion of a series relative to the mean pose of its pre-bolus frames.

    Parameters
    ----------
    series : (x, y, z, t) array
    affine : (4, 4) array
    baseline : slice
        The pre-bolus frames.
    sigma_mm : float
        Width of the local mean that frames are divided by.
    min_overlap : float
        A frame that shares less of the head with the reference is not aligned.
    max_excess_cost : float
        A frame is an outlier when its cost lies above the running median of its neighbours by more
        than this and by more than that median.

    Returns
    -------
    Motion

    Raises
    ------
    DataFault
        If the series is not 4-D, has one frame, or has no usable pre-bolus frame.
    """
    if series.ndim != 4 or series.shape[3] < 2:
        raise DataFault("The perfusion series has a single frame: a time series is needed.")
    frames = [np.ascontiguousarray(frame, dtype=np.float32) for frame in np.moveaxis(series, 3, 0)]
    usable = [frame for frame in frames[baseline] if has_contrast(frame)]
    if not usable:
        raise DataFault("No pre-bolus frame holds an image: they are empty or constant.")
    first = prepare_target(usable[len(usable) // 2], affine, sigma_mm=sigma_mm)
    poses, _ = _track(first, usable, affine, min_overlap)
    poses = poses @ np.linalg.inv(_mean_pose(poses))
    reference = _mean_image(resample(np.stack(usable, axis=3), affine, poses))
    target = prepare_target(reference, affine, sigma_mm=sigma_mm)
    matrices, costs = _track(target, frames, affine, min_overlap)
    outlier = _is_outlier(costs, max_excess_cost)
    translations, rotations = _parameters(matrices, target.center)
    return Motion(
        matrices,
        translations,
        rotations,
        _framewise_displacement(translations, rotations),
        outlier,
        reference,
    )


def resample(series: Array, affine: Array, matrices: Array, order: int = 3) -> Array:
    """Bring every frame to the reference in one interpolation.

    Parameters
    ----------
    series : (x, y, z, t) array
    affine : (4, 4) array
    matrices : (t, 4, 4) array
        Reference world point → where that tissue is in the frame; a NaN matrix gives a NaN frame.
    order : int
        Of the spline; 3 by default.

    Returns
    -------
    (x, y, z, t) float32 array
        NaN where the frame has no voxel.
    """
    shape = series.shape[:3]
    output = np.full((series.shape[3], *shape), np.nan, dtype=np.float32)
    for frame, matrix in enumerate(matrices):
        if np.isfinite(matrix).all():
            image = np.ascontiguousarray(series[..., frame])
            output[frame] = sample_grid(image, np.linalg.inv(affine) @ matrix @ affine, shape, order)
    return np.moveaxis(output, 0, 3)


def sample_grid(image: Array, voxel_matrix: Array, shape: Sequence[int], order: int) -> Array:
    """Sample an image on a grid.

    Parameters
    ----------
    image : (x, y, z) array
    voxel_matrix : (4, 4) array
        Voxel of the new grid → voxel of the image.
    shape : sequence of int
        Of the new grid.
    order : int
        Of the spline.

    Returns
    -------
    float32 array
        NaN outside the image's voxels, and at voxels that are not finite.
    """
    finite = np.isfinite(image)
    filled = np.where(finite, image, 0).astype(np.float32)
    coefficients = ndimage.spline_filter(filled, order, np.float32, mode="mirror") if order > 1 else filled
    linear, shift = voxel_matrix[:3, :3], voxel_matrix[:3, 3]
    output = np.empty(shape, dtype=np.float32)
    ndimage.affine_transform(
        coefficients, linear, shift, output=output, order=order, mode="mirror", prefilter=False
    )
    if not finite.all():
        holes = ndimage.affine_transform(~finite, linear, shift, shape, order=0, mode="nearest")
        output[holes] = np.nan
    grid = [axis.astype(np.float32) for axis in np.ogrid[tuple(slice(n) for n in shape)]]
    row = linear.astype(np.float32)
    for axis, size in enumerate(image.shape):
        position = (
            row[axis, 0] * grid[0]
            + (row[axis, 1] * grid[1] + np.float32(shift[axis]))
            + row[axis, 2] * grid[2]
        )
        output[(position < -0.501) | (position > size - 0.499)] = np.nan
    return output


def find_head(image: Array, affine: Array, threshold: float = 0.15) -> NDArray[np.bool_]:
    """Tell the head and its edge from air: the smoothed image above a share of its 98th percentile."""
    smooth = ndimage.gaussian_filter(
        np.nan_to_num(image).astype(np.float32, copy=False), 4.0 / voxel_sizes(affine), mode="nearest"
    )
    return smooth > threshold * np.percentile(smooth, 98)


def apply_matrix(matrix: Array, points: Array) -> Array:
    """Apply a 4×4 matrix to points (…, 3)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def voxel_sizes(affine: Array) -> Array:
    """Voxel sizes (3,) in mm."""
    return np.linalg.norm(affine[:3, :3], axis=0)


def has_contrast(image: Array) -> bool:
    """Tell an image that holds more than one finite value from an empty or constant one."""
    low, high = float(image.min()), float(image.max())
    if np.isfinite(low) and np.isfinite(high):
        return low < high
    finite = image[np.isfinite(image)]
    return finite.size > 0.01 * image.size and bool(finite.min() < finite.max())


def _reduce(image: Array, affine: Array, spacing_mm: float) -> tuple[Array, Array]:
    """Average blocks of voxels to about `spacing_mm`; the affine follows."""
    factor = np.maximum(1, np.round(spacing_mm / voxel_sizes(affine)).astype(int))
    factor = np.minimum(factor, np.maximum(1, np.array(image.shape) // 4))
    if (factor == 1).all():
        return image, affine
    size = np.array(image.shape) // factor
    cropped = image[tuple(slice(n) for n in size * factor)]
    blocks = cropped.reshape(size[0], factor[0], size[1], factor[1], size[2], factor[2])
    to_full = np.diag([*factor, 1.0])
    to_full[:3, 3] = (factor - 1) / 2
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32), affine @ to_full


def _prepare_level(
    image: Array,
    affine: Array,
    head: NDArray[np.bool_],
    center: Array,
    spacing_mm: float,
    max_points: int,
    seed: int,
) -> Level:
    voxels = np.argwhere(head)
    margin = _edge_margin(image.shape, affine)
    voxels = voxels[((voxels >= margin) & (voxels <= np.array(image.shape) - 1 - margin)).all(axis=1)]
    if len(voxels) > max_points:
        chosen = np.random.default_rng(seed).choice(len(voxels), max_points, replace=False)
        voxels = voxels[np.sort(chosen)]
    where = tuple(voxels.T)
    steps = [
        np.gradient(image, axis=axis)[where] if size > 1 else np.zeros(len(voxels))
        for axis, size in enumerate(image.shape)
    ]
    gradient = np.stack(steps, axis=1) @ np.linalg.inv(affine[:3, :3])
    points = apply_matrix(affine, voxels)
    jacobian = np.hstack([gradient, np.cross(points - center, gradient)])
    return Level(spacing_mm, points, image[where].astype(float), jacobian)


def _edge_margin(shape: Sequence[int], affine: Array, smoothing_mm: float = 3.0) -> Array:
    """Voxels (3,) at each end of a grid whose smoothed values lean on what lies outside it."""
    return np.minimum(smoothing_mm / voxel_sizes(affine), (np.array(shape) - 1) / 8) - 1e-3


def _fit(
    level: Level, center: Array, moving: Array, affine: Array, matrix: Array
) -> tuple[Array, float, float, bool]:
    """Gauss–Newton at one level; returns the matrix, the cost, the overlap and whether it settled."""
    to_voxel = np.linalg.inv(affine)
    last = np.array(moving.shape) - 1
    margin = _edge_margin(moving.shape, affine)
    order = 1 if level.spacing_mm else 3
    if order > 1:
        moving = ndimage.spline_filter(moving, order, np.float32, mode="mirror")
    units = np.array([1, 1, 1, _LEVER_MM, _LEVER_MM, _LEVER_MM])
    tolerance = _STEP_TOLERANCE_MM * (10 if level.spacing_mm else 1)
    converged = False
    for _ in range(_MAX_ITERATIONS):
        voxels = apply_matrix(to_voxel @ matrix, level.points)
        inside = ((voxels >= margin) & (voxels <= last - margin)).all(axis=1)
        overlap = float(inside.mean())
        if inside.sum() < 100:
            raise DataFault("The head has left the field of view.")
        sampled = ndimage.map_coordinates(
            moving, voxels[inside].T, output=float, order=order, mode="mirror", prefilter=False
        )
        residual = sampled - level.values[inside]
        weight = _bisquare(residual)
        jacobian = level.jacobian[inside]
        weighted = jacobian * weight[:, None]
        step = np.linalg.pinv(weighted.T @ jacobian / units / units[:, None], rcond=1e-6, hermitian=True) @ (
            weighted.T @ residual / units
        )
        matrix = matrix @ np.linalg.inv(rigid_matrix(step[:3], step[3:] / _LEVER_MM, center))
        if np.abs(step).max() < tolerance:
            converged = True
            break
    cost = 1.0 - float(np.corrcoef(sampled, level.values[inside])[0, 1])
    return matrix, cost, overlap, converged


def _bisquare(residual: Array) -> Array:
    """Tukey's weights at 4.685 robust standard deviations."""
    scale = 4.685 * 1.4826 * np.median(np.abs(residual)) + 1e-12
    return np.clip(1 - (residual / scale) ** 2, 0, None) ** 2


def rigid_matrix(translation_mm: Array, rotation_rad: Array, center: Array) -> Array:
    """4×4 matrix of a rotation vector about a centre followed by a translation."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(rotation_rad).as_matrix()
    matrix[:3, 3] = center + translation_mm - matrix[:3, :3] @ center
    return matrix


def _track(
    target: RigidTarget, frames: Iterable[Array], affine: Array, min_overlap: float
) -> tuple[Array, Array]:
    """Align frames, each starting where the last was found, else at rest; NaN where both fail."""
    matrices, costs = [], []
    start = np.eye(4)
    for frame in frames:
        found = None
        for guess in (start, np.eye(4)):
            try:
                found = align(target, frame, affine, guess)
            except DataFault:
                continue
            if found.converged and found.overlap >= min_overlap:
                start = found.matrix
                break
            found = None
        matrices.append(found.matrix if found else np.full((4, 4), np.nan))
        costs.append(found.cost if found else np.nan)
    return np.array(matrices), np.array(costs)


def _mean_pose(matrices: Array) -> Array:
    """Average the poses that exist."""
    known = matrices[np.isfinite(matrices).all(axis=(1, 2))]
    mean = np.eye(4)
    mean[:3, :3] = Rotation.from_matrix(known[:, :3, :3]).mean().as_matrix()
    mean[:3, 3] = known[:, :3, 3].mean(axis=0)
    return mean


def _mean_image(series: Array) -> Array:
    """Mean of the frames that have a value; NaN where none has."""
    known = np.isfinite(series)
    count = known.sum(axis=3)
    total = np.where(known, series, 0).sum(axis=3, dtype=np.float32)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _is_outlier(costs: Array, max_excess: float, window: int = 7) -> NDArray[np.bool_]:
    """Tell frames without a cost, or with one far above the running median, from the rest.

    The running median follows the bolus, which raises the cost of a dozen frames together.
    """
    outlier = ~np.isfinite(costs)
    known = costs[~outlier]
    if known.size:
        typical = ndimage.median_filter(known, size=min(window, known.size), mode="nearest")
        outlier[~outlier] = known > typical + np.maximum(max_excess, typical)
    return outlier


def _parameters(matrices: Array, center: Array) -> tuple[Array, Array]:
    known = np.isfinite(matrices).all(axis=(1, 2))
    translations = np.full((len(matrices), 3), np.nan)
    rotations = np.full((len(matrices), 3), np.nan)
    translations[known] = matrices[known, :3, :3] @ center + matrices[known, :3, 3] - center
    rotations[known] = Rotation.from_matrix(matrices[known, :3, :3]).as_euler("xyz")
    return translations, rotations


def _framewise_displacement(translations: Array, rotations: Array) -> Array:
    """Power's sum against the last aligned frame; NaN where a frame was not aligned."""
    position = np.hstack([translations, _LEVER_MM * rotations])
    known = np.flatnonzero(np.isfinite(position).all(axis=1))
    displacement = np.full(len(position), np.nan)
    displacement[known] = np.abs(np.diff(position[known], axis=0, prepend=position[known[:1]])).sum(axis=1)
    return displacement
