"""Rigid realignment of a perfusion series to its own pre-bolus mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from reperfuse.alignment import (
    Alignment,
    Normalization,
    RigidTarget,
    align,
    apply_matrix,
    has_contrast,
    prepare_target,
    sample_grid,
    voxel_sizes,
)
from reperfuse.faults import DataFault

__all__ = ["Alignment", "Motion", "RigidTarget", "align", "estimate_motion", "prepare_target", "resample"]

Array = NDArray[np.floating]

_SHADING_ITERATIONS = 60
_LEVER_MM = 50.0  # turns a rotation into a displacement: the radius of a head (Power 2012)


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
        Mean of the realigned pre-bolus frames as scanned, to which all frames were aligned.
    """

    matrices: Array
    translations_mm: Array
    rotations_rad: Array
    framewise_displacement_mm: Array
    outlier: NDArray[np.bool_]
    reference: Array


def estimate_motion(
    series: Array,
    affine: Array,
    baseline: slice,
    normalization: Normalization | None = None,
    min_overlap: float = 0.5,
    max_excess_cost: float = 0.01,
    max_cost: float = 0.2,
) -> Motion:
    """Estimate the motion of a series relative to the mean pose of its pre-bolus frames.

    Parameters
    ----------
    series : (x, y, z, t) array
    affine : (4, 4) array
    baseline : slice
        The pre-bolus frames.
    normalization : Normalization, optional
        What is done to every frame before it is compared.
    min_overlap : float
        A frame that shares less of the head with the reference is not aligned.
    max_excess_cost : float
        A frame is an outlier when its cost lies above the running median of its neighbours by more
        than this and by more than that median.
    max_cost : float
        And when its cost, 1 less its correlation with the reference, is above this: it shows another picture, as
        frames of another grid do. Noise alone gives 0.16 at a signal-to-noise ratio of 5.

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
    first = prepare_target(usable[len(usable) // 2], affine, normalization=normalization)
    poses, costs = _track(first, usable, affine, min_overlap)
    poses[_is_outlier(costs, max_excess_cost, max_cost)] = np.nan
    if np.isnan(poses).all():
        raise DataFault("The pre-bolus frames could not be aligned with each other.")
    poses = poses @ np.linalg.inv(_mean_pose(poses))
    reference = _mean_image(resample(np.stack(usable, axis=3), affine, poses))
    target = prepare_target(reference, affine, normalization=normalization)
    matrices, costs = _track(target, frames, affine, min_overlap)
    outlier = _is_outlier(costs, max_excess_cost, max_cost)
    translations, rotations = _parameters(matrices, target.center)
    return Motion(
        matrices,
        translations,
        rotations,
        _framewise_displacement(translations, rotations),
        outlier,
        reference,
    )


def resample(series: Array, affine: Array, matrices: Array, order: int = 3, reach: float = 0.1) -> Array:
    """Bring every frame to the reference in one interpolation.

    Parameters
    ----------
    series : (x, y, z, t) array
    affine : (4, 4) array
    matrices : (t, 4, 4) array
        Reference world point → where that tissue is in the frame; a NaN matrix gives a NaN frame.
    order : int
        Of the spline; 3 by default.
    reach : float
        How far beyond the outermost voxel centres a sample may lie, in voxels. Beyond a thick slice
        nothing is known of the tissue that moved there, and a guess would last as a false deficit.

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
            steps = np.linalg.inv(affine) @ matrix @ affine
            output[frame] = sample_grid(image, steps, shape, order, reach)
    return np.moveaxis(output, 0, 3)


def _track(target: RigidTarget, frames: Iterable[Array], affine: Array, min_overlap: float) -> tuple[Array, Array]:
    """Align frames, each starting where the last was found, else at rest; NaN where both fail."""
    matrices, costs = [], []
    start: Array = np.eye(4)
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


def _is_outlier(costs: Array, max_excess: float, max_cost: float, window: int = 7) -> NDArray[np.bool_]:
    """Tell frames without a cost, or with one above the limit or far above the running median, from the rest.

    The running median follows the bolus, which raises the cost of a dozen frames together.
    """
    outlier = ~np.isfinite(costs) | (costs > max_cost)
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


def receive_field(image: Array, affine: Array, brain: NDArray[np.bool_], depth_mm: float = 8.0) -> Array:
    """Estimate the coil's shading, which stays with the scanner when the head moves.

    A head that moves through the field changes its signal by what the field changes, and a change
    of 1 % that outlasts the bolus moves CBV by tens of percent. Dividing the frames by the field
    before they are realigned takes that out.

    The logarithm of the image is taken for a quadratic in space plus the level of one of three
    tissues (white, grey, fluid), or for none of them, and the most probable quadratic is found by
    expectation–maximisation (Wells et al. 1996, doi:10.1109/42.511747). Without tissues a quadratic
    would follow the anatomy, whose rim is brighter and which moves with the head; finer terms would
    even so.

    Parameters
    ----------
    image : (x, y, z) array
        Mean of the pre-bolus frames, as scanned.
    affine : (4, 4) array
        Voxel → world (RAS+, mm).
    brain : (x, y, z) bool array
    depth_mm : float
        How deep in the brain it is looked at: at the surface, voxels hold fluid and skull in any proportion.

    Returns
    -------
    (x, y, z) float32 array
        Relative sensitivity, 1 on average over the brain; limited to 0.4–2.5 far from it.
    """
    inside = brain & (image > 0)
    deep = inside & (ndimage.distance_transform_edt(brain, sampling=voxel_sizes(affine)) > depth_mm)
    if deep.sum() < 500:
        return np.ones(image.shape, np.float32)
    center = apply_matrix(affine, np.argwhere(inside).mean(axis=0)[None])[0]
    points = (apply_matrix(affine, np.indices(image.shape).reshape(3, -1).T) - center) / 80.0
    x, y, z = points.T
    terms = np.stack([x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], axis=1)
    field = terms @ _fit_shading(np.log(image[deep].astype(float)), terms[deep.ravel()])
    field -= np.mean(field[inside.ravel()])
    return np.exp(np.clip(field, np.log(0.4), np.log(2.5))).reshape(image.shape).astype(np.float32)


def _fit_shading(logs: Array, terms: Array) -> Array:
    """Most probable coefficients (k,) of the terms (n, k) in the logarithms (n,) of an image of three tissues."""
    coefficients = np.zeros(terms.shape[1])
    middle = np.median(logs)
    spread = 1.4826 * np.median(np.abs(logs - middle)) + 1e-6
    levels, variances, shares = (
        middle + spread * np.array([-1.0, 0.0, 1.0]),
        np.full(3, spread**2 / 3),
        np.full(3, 1 / 3),
    )
    neither = 0.02 / (np.ptp(logs) + spread)  # density of what is none of the three
    for _ in range(_SHADING_ITERATIONS):
        flat = logs - terms @ coefficients
        density = shares / np.sqrt(2 * np.pi * variances) * np.exp(-((flat[:, None] - levels) ** 2) / (2 * variances))
        member = density / (density.sum(axis=1, keepdims=True) + neither)
        count = member.sum(axis=0) + 1e-9
        levels = (member * flat[:, None]).sum(axis=0) / count
        variances = np.maximum((member * (flat[:, None] - levels) ** 2).sum(axis=0) / count, 1e-5)
        shares = 0.98 * count / count.sum()
        weights = member / variances
        weight = weights.sum(axis=1)
        # of a single slice, some terms are multiples of others
        normal, target = (terms * weight[:, None]).T @ terms, terms.T @ (logs * weight - weights @ levels)
        step = np.linalg.lstsq(normal, target, rcond=None)[0] - coefficients
        coefficients += step
        if np.abs(step).max() < 1e-4:
            break
    return coefficients
