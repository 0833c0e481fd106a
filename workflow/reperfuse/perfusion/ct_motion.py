"""Rigid realignment of a CT series: found on soft tissue, and done without smearing bone into it.

Frames are compared in a window of soft tissue, in which bone is as bright as the densest tissue and the bolus changes
the brain by a few per cent, and without the holder, which stays where it is when the head moves. Bone is many times
as dense as the brain, so that any interpolation of it rings there; it is levelled to tissue before.
"""

import numpy as np

from reperfuse.faults import DataFault
from reperfuse.head.bone import bone_on_ct, head_on_ct
from reperfuse.perfusion.bolus import mean_of_known
from reperfuse.perfusion.motion import Motion, estimate_motion
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.geometry import voxel_sizes
from reperfuse.volumes.splines import sample_grid

#: Window in which frames are compared, HU: fat is black, bone and large vessels are white.
WINDOW_HU = (-100.0, 100.0)
#: Level of what is not tissue while it is interpolated, HU: brain instead of bone, fat instead of air.
_TISSUE_HU, _FAT_HU = 35.0, -100.0
#: Share of bone in a voxel of a frame from which it is levelled.
_LEAST_BONE = 0.05
#: Cosine between axes of a grid that are at right angles.
_SQUARE = 1e-3


def soft_tissue(hu: Array, voxel_size_mm: Array) -> Array:
    """Return an image of the head in the window of soft tissue, 0 outside of it.

    Parameters
    ----------
    hu : (x, y, z) array
        HU; NaN where unknown.
    voxel_size_mm : (3,) array

    Returns
    -------
    (x, y, z) float32 array
        HU above the lower end of the window.
    """
    low, high = WINDOW_HU
    head = head_on_ct(hu, voxel_size_mm)
    return np.where(head, np.clip(np.nan_to_num(hu, nan=low), low, high) - low, 0).astype(np.float32)


def estimate_ct_motion(series: Array, affine: Array, baseline: slice) -> Motion:
    """Estimate the motion of a CT series, see :func:`reperfuse.perfusion.motion.estimate_motion`.

    Parameters
    ----------
    series : (x, y, z, t) array
        HU; NaN where unknown.
    affine : (4, 4) array
    baseline : slice
        The pre-bolus frames.

    Returns
    -------
    Motion
        Its reference is in the window of soft tissue.
    """
    if series.shape[3] < 2:
        raise DataFault("the CT perfusion series has a single frame; export the whole series")
    voxel = voxel_sizes(affine)
    windowed = np.stack([soft_tissue(frame, voxel) for frame in np.moveaxis(series, 3, 0)], axis=3)
    return estimate_motion(windowed, affine, baseline)


def realign(
    series: Array, affine: Array, matrices: Array, baseline: slice, grid: tuple[tuple[int, ...], Array]
) -> tuple[Array, Array]:
    """Bring the frames of a CT series to the pose of the reference, each in one interpolation.

    Parameters
    ----------
    series : (x, y, z, t) array
        HU; NaN where unknown.
    affine : (4, 4) array
    matrices : (t, 4, 4) array
        Reference world point → where that tissue is in the frame (mm); a NaN matrix gives a NaN frame.
    baseline : slice
        The pre-bolus frames.
    grid : (shape, affine)
        Of the result, see :func:`square_grid`.

    Returns
    -------
    series : (u, v, w, t) array
        float32, HU; NaN in bone and where a frame has no voxel.
    reference : (u, v, w) array
        Mean of the pre-bolus frames, with bone, HU.
    """
    shape, square = grid
    steps = [np.linalg.inv(affine) @ matrix @ square for matrix in matrices]
    known = np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2)))
    before = known[(known >= baseline.start) & (known < baseline.stop)]
    if len(before) == 0:
        raise DataFault("no frame before the bolus could be aligned; check the CT series for motion and artefacts")
    reference = mean_of_known(np.stack([sample_grid(series[..., t], steps[t], shape, 1) for t in before], axis=3))
    bone = bone_on_ct(reference)
    output = np.full((len(matrices), *shape), np.nan, dtype=np.float32)
    for frame in known:
        levelled = _levelled(series[..., frame], bone, steps[frame])
        output[frame] = np.where(bone, np.nan, sample_grid(levelled, steps[frame], shape, 3, 0.1))
    return np.moveaxis(output, 0, 3), reference


def _levelled(frame: Array, bone: Mask, steps: Array) -> Array:
    """Frame with tissue in place of bone, and fat in place of air.

    ``steps`` takes a voxel of the grid of the bone to the frame's.
    """
    share = sample_grid(bone.astype(np.float32), np.linalg.inv(steps), frame.shape, 1)
    with np.errstate(invalid="ignore"):
        is_bone = share > _LEAST_BONE
    return np.where(is_bone, np.float32(_TISSUE_HU), np.maximum(frame, np.float32(_FAT_HU)))


def square_grid(shape: tuple[int, ...], affine: Array) -> tuple[tuple[int, ...], Array]:
    """Return a grid with axes at right angles that covers a sheared one, as a tilted gantry makes.

    Parameters
    ----------
    shape : (3,) tuple of int
    affine : (4, 4) array

    Returns
    -------
    shape : (3,) tuple of int
    affine : (4, 4) array
        The same grid if its axes are at right angles. Else that of the first two axes and their normal, with the
        slices as far apart as they are along it, and long enough to hold the head as it is stacked.
    """
    sizes = voxel_sizes(affine)
    axes = affine[:3, :3] / sizes
    if np.abs(np.triu(axes.T @ axes, 1)).max() < _SQUARE:
        return shape, affine
    normal = np.cross(axes[:, 0], axes[:, 1])
    normal *= np.sign(normal @ axes[:, 2]) / np.linalg.norm(normal)
    square = affine.copy()
    square[:3, 2] = normal * (normal @ affine[:3, 2])
    corners = np.array([*np.ndindex(2, 2, 2)]) * (np.array(shape) - 1)
    places = (corners @ affine[:3, :3].T) @ np.linalg.inv(square[:3, :3]).T
    low, high = np.floor(places.min(axis=0)), np.ceil(places.max(axis=0))
    square[:3, 3] += square[:3, :3] @ low
    return tuple(int(n) for n in high - low + 1), square
