"""Rigid realignment of a perfusion series to its own pre-bolus mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from reperfuse.faults import DataFault
from reperfuse.head.alignment import LEVER_MM, Alignment, Normalization, RigidTarget, align, prepare_target
from reperfuse.head.outline import find_head, has_contrast
from reperfuse.perfusion.apparent_motion import remove_apparent_motion
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.geometry import rigid_matrix, shift, voxel_sizes
from reperfuse.volumes.morphology import box_of
from reperfuse.volumes.splines import sample_grid


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
        Frames that could not be aligned, or in which the head is elsewhere for a moment: it has moved while their
        slices were read. See also :func:`reperfuse.perfusion.outliers.find_outliers`.
    reference : (x, y, z) array
        Mean of the realigned pre-bolus frames as scanned, to which all frames were aligned.
    """

    matrices: Array
    translations_mm: Array
    rotations_rad: Array
    framewise_displacement_mm: Array
    outlier: NDArray[np.bool_]
    reference: Array


_EXCURSION_MM = 5.0  # from where the head is before and after, at a point 50 mm off its centre


_EXCURSION_FRAMES = 5

#: How far beyond the outermost voxel centres a sample may lie, in voxels. Beyond a thick slice nothing is known of the
#: tissue that moved there, and a guess would last as a false deficit.
_REACH = 0.1
#: How much of the air around the head is kept.
_AIR_MM = 10.0
_NO_FRAME = slice(0)


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

    Each frame is aligned to the mean of the pre-bolus frames; what then follows the bolus is taken out again, see
    :func:`reperfuse.perfusion.apparent_motion.remove_apparent_motion`. A series of one or two slices is aligned in
    their plane.

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
        A pre-bolus frame is left out of the reference when its cost, 1 less its correlation with the first reference,
        lies above the running median of its neighbours by more than this and by more than that median.
    max_cost : float
        And when its cost is above this. Noise alone gives 0.16 at a signal-to-noise ratio of 5.

    Returns
    -------
    Motion

    Raises
    ------
    DataFault
        If the series is not 4-D, has one frame, or has no usable pre-bolus frame.
    """
    if series.ndim != 4 or series.shape[3] < 2:
        raise DataFault("the perfusion series has a single frame; export the whole series")
    frames = [np.ascontiguousarray(frame, dtype=np.float32) for frame in np.moveaxis(series, 3, 0)]
    usable = [frame for frame in frames[baseline] if has_contrast(frame)]
    if not usable:
        raise DataFault("all frames before the bolus are empty or constant; export the series again")
    first = prepare_target(_most_typical(usable), affine, normalization=normalization)
    found = _track(first, usable, affine, min_overlap)
    poses = _matrices(found)
    poses[_is_outlier(_costs(found), max_excess_cost, max_cost)] = np.nan
    if np.isnan(poses).all():
        raise DataFault(
            "the frames before the bolus could not be aligned with each other; check the series for motion and "
            "artefacts"
        )
    poses = poses @ np.linalg.inv(_mean_pose(poses))
    reference = _mean_image(resample(np.stack(usable, axis=3), affine, poses))
    target = prepare_target(reference, affine, normalization=normalization)
    matrices = _without_apparent_motion(_track(target, frames, affine, min_overlap), target, frames, affine, baseline)
    translations, rotations = _parameters(matrices, target.center)
    return Motion(
        matrices,
        translations,
        rotations,
        _framewise_displacement(translations, rotations),
        _is_excursion(translations, rotations),
        reference,
    )


def resample(
    series: Array, affine: Array, matrices: Array, head: Mask | None = None, whole: slice = _NO_FRAME
) -> Array:
    """Bring every frame to the reference in one interpolation, by a cubic spline.

    Parameters
    ----------
    series : (x, y, z, t) array
    affine : (4, 4) array
    matrices : (t, 4, 4) array
        Reference world point → where that tissue is in the frame; a NaN matrix gives a NaN frame.
    head : (x, y, z) bool array, optional
        The air beyond the box around it stays as scanned, for nothing is looked at there; by default there is none.
    whole : slice
        Frames that are interpolated everywhere all the same.

    Returns
    -------
    (x, y, z, t) float32 array
        NaN where the frame has no voxel.
    """
    output = np.full((series.shape[3], *series.shape[:3]), np.nan, dtype=np.float32)
    everywhere = tuple(slice(0, size) for size in series.shape[:3])
    boxes = [everywhere if head is None else box_of(head, np.ceil(_AIR_MM / voxel_sizes(affine)))] * len(output)
    boxes[whole] = [everywhere] * len(boxes[whole])
    for frame in np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2))):
        image, box = np.ascontiguousarray(series[..., frame]), boxes[frame]
        corner = shift(np.array([side.start for side in box], dtype=float))
        steps = np.linalg.inv(affine) @ matrices[frame] @ affine @ corner
        output[frame] = image
        output[frame][box] = sample_grid(image, steps, image[box].shape, 3, _REACH)
    return np.moveaxis(output, 0, 3)


def _track(target: RigidTarget, frames: Iterable[Array], affine: Array, min_overlap: float) -> list[Alignment | None]:
    """Align frames, each starting where the last was found, else at rest; None where both fail."""
    alignments: list[Alignment | None] = []
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
        alignments.append(found)
    return alignments


def _matrices(alignments: list[Alignment | None]) -> Array:
    return np.array([found.matrix if found else np.full((4, 4), np.nan) for found in alignments])


def _costs(alignments: list[Alignment | None]) -> Array:
    return np.array([found.cost if found else np.nan for found in alignments])


def _without_apparent_motion(
    alignments: list[Alignment | None], target: RigidTarget, frames: list[Array], affine: Array, baseline: slice
) -> Array:
    """Matrices (t, 4, 4) of the frames' alignments without what follows the bolus."""
    matrices, center = _matrices(alignments), target.center
    known = np.flatnonzero([found is not None for found in alignments])
    before = slice(*np.searchsorted(known, [baseline.start, baseline.stop]))
    if before.stop - before.start < 2:
        return matrices
    level = target.levels[-1]
    head = find_head(np.stack([frames[frame] for frame in known[before]]).mean(axis=0), affine)
    loss = -np.log([np.nanmean(frames[frame][head]) for frame in known])
    loss -= loss[before].mean()
    loss[: before.start] = 0  # the approach to steady state is no bolus
    translations = matrices[known, :3, :3] @ center + matrices[known, :3, 3] - center
    rotations = Rotation.from_matrix(matrices[known, :3, :3]).as_rotvec()
    poses = (
        remove_apparent_motion(
            np.hstack([translations, LEVER_MM * rotations]) @ target.freedom,
            np.nan_to_num([found.difference for found in alignments if found]).T,
            level.jacobian / np.repeat([1.0, LEVER_MM], 3) @ target.freedom,
            loss,
            before,
        )
        @ target.freedom.T
    )
    matrices[known] = [rigid_matrix(pose[:3], pose[3:] / LEVER_MM, center) for pose in poses]
    return matrices


def _most_typical(frames: list[Array]) -> Array:
    """Return the frame that is most like the others: any one of them may be damaged."""
    coarse = np.nan_to_num([frame[::3, ::3, ::2].ravel() for frame in frames])
    distances = np.abs(coarse[:, None] - coarse).mean(axis=2)
    return frames[int(np.median(distances, axis=1).argmin())]


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


def _is_excursion(translations: Array, rotations: Array) -> NDArray[np.bool_]:
    """Tell frames without a pose, and those whose pose is far from the running median, from the rest."""
    position = np.hstack([translations, LEVER_MM * rotations])
    outlier = np.ones(len(position), dtype=bool)
    known = np.isfinite(position).all(axis=1)
    usual = ndimage.median_filter(position[known], size=(_EXCURSION_FRAMES, 1), mode="nearest")
    outlier[known] = np.linalg.norm(position[known] - usual, axis=1) > _EXCURSION_MM
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
    position = np.hstack([translations, LEVER_MM * rotations])
    known = np.flatnonzero(np.isfinite(position).all(axis=1))
    displacement = np.full(len(position), np.nan)
    displacement[known] = np.abs(np.diff(position[known], axis=0, prepend=position[known[:1]])).sum(axis=1)
    return displacement
