"""Rigid motion of a labelled series, in which nothing but the label changes."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from reperfuse.faults import DataFault
from reperfuse.head.alignment import align, prepare_target
from reperfuse.head.outline import has_contrast
from reperfuse.perfusion.motion import (
    Motion,
    _framewise_displacement,
    _is_excursion,
    _matrices,
    _mean_image,
    _mean_pose,
    _most_typical,
    _parameters,
    _track,
    resample,
)
from reperfuse.volumes.arrays import Array
from reperfuse.volumes.geometry import rigid_matrix
from reperfuse.volumes.splines import sample_grid

#: A volume that shares less of the head with the reference is not aligned.
_LEAST_OVERLAP = 0.5


def estimate_label_motion(series: Array, affine: Array, types: Sequence[str]) -> Motion:
    """Estimate the motion of a labelled series relative to the mean pose of its controls and labels.

    The label itself darkens tissue, most where background suppression has darkened it already, and would pass for a
    motion back and forth: so the mean pose of the labels is made that of the controls (Wang 2012, Magn Reson Imaging
    30:1409). Differences that the scanner made show no head, and are left where they are.

    Parameters
    ----------
    series : (x, y, z, t) array
    affine : (4, 4) array
        Voxel → world (RAS+, mm).
    types : sequence of str
        Type of each volume.

    Returns
    -------
    Motion
        The reference is the mean of the realigned controls, or of all volumes where there is none.

    Raises
    ------
    DataFault
        If no control or label can be aligned.
    """
    kinds = np.asarray(types)
    matrices = np.tile(np.eye(4), (len(kinds), 1, 1))
    followed = np.flatnonzero(np.isin(kinds, ("control", "label")))
    if followed.size == 0:
        still = np.zeros((len(kinds), 3))
        blank = np.array([not has_contrast(series[..., one]) for one in range(len(kinds))])
        return Motion(matrices, still, still, np.zeros(len(kinds)), blank, _mean_image(series))
    frames = [np.ascontiguousarray(series[..., one], dtype=np.float32) for one in followed]
    usable = [frame for frame in frames if has_contrast(frame)]
    if not usable:
        raise DataFault("all control and label volumes are empty or constant; export the series again")
    first = prepare_target(_most_typical(usable), affine)
    poses = _matrices(_track(first, frames, affine, _LEAST_OVERLAP))
    if np.isnan(poses).all():
        raise DataFault("the volumes could not be aligned with each other; check the series for motion and artefacts")
    poses = poses @ np.linalg.inv(_mean_pose(poses))
    controls = kinds[followed] == "control"
    reference = _mean_image(resample(series[..., followed[controls]], affine, poses[controls]))
    target = prepare_target(np.nan_to_num(reference), affine)
    poses = _without_labelling(_matrices(_track(target, frames, affine, _LEAST_OVERLAP)), controls, target.center)
    matrices[followed] = poses
    translations, rotations = _parameters(matrices, target.center)
    outlier = np.zeros(len(kinds), dtype=bool)
    outlier[followed] = _is_excursion(translations[followed], rotations[followed])
    return Motion(
        matrices,
        translations,
        rotations,
        _framewise_displacement(translations, rotations),
        outlier,
        _mean_image(resample(series[..., followed[controls]], affine, poses[controls])),
    )


def _without_labelling(matrices: Array, controls: np.ndarray, center: Array) -> Array:
    """Give labels the mean pose of controls."""
    known = np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2)))
    is_control, poses = controls[known], matrices[known]
    if is_control.all() or not is_control.any():
        return matrices
    translations = poses[:, :3, :3] @ center + poses[:, :3, 3] - center
    turns = Rotation.from_matrix(poses[:, :3, :3]).as_rotvec()
    for values in (translations, turns):
        values[~is_control] -= values[~is_control].mean(axis=0) - values[is_control].mean(axis=0)
    moved = matrices.copy()
    moved[known] = [rigid_matrix(*pose, center) for pose in zip(translations, turns, strict=True)]
    return moved


def bring_to(image: Array, image_affine: Array, reference: Array, affine: Array) -> Array:
    """Bring an image of the same head to the grid of a reference, along the rigid motion between the two.

    Parameters
    ----------
    image : (i, j, k) array
        Of the same contrast, much the same one, such as M0.
    image_affine, affine : (4, 4) array
        Voxel → world (RAS+, mm) of either.
    reference : (x, y, z) array

    Returns
    -------
    (x, y, z) float32 array
        NaN where the image does not reach.

    Raises
    ------
    DataFault
        If the two cannot be aligned.
    """
    found = align(prepare_target(np.nan_to_num(reference), affine), image, image_affine)
    if not found.converged or found.overlap < _LEAST_OVERLAP:
        raise DataFault("M0 could not be aligned with the labelled series; check that both are of one examination")
    steps = np.linalg.inv(image_affine) @ found.matrix @ affine
    return np.asarray(sample_grid(np.ascontiguousarray(image, dtype=np.float32), steps, reference.shape, 1))
