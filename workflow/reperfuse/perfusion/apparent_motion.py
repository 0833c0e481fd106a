"""The motion that a bolus feigns in a head at rest, told from motion that is there.

Contrast agent changes a picture: grey matter darkens more than white, vessels vanish, a late hemisphere follows. What
of that change looks like a shift or a turn of the head is found as one, in every frame in proportion to the contrast
agent in it: 0.3 mm where the brain loses 40 % of its signal. A head moves otherwise: it rests, drifts and jumps.
"""

from __future__ import annotations

import numpy as np

from reperfuse.volumes.arrays import Array

# Of the points at which pictures are compared, 6 mm apart: how many share their noise, since pictures are smoothed, and
# how many share their change of contrast, being of one tissue or vessel.
_SHARE_NOISE = 8.0


_SHARE_CONTRAST = 3.0  # at least; a series' own factor is found, with a prior worth so many weights:


_PRIOR_WEIGHTS = 6.0


_DELAYS = (-1, 0, 1, 2, 3, 4, 6)  # frames by which contrast arrives after that of most of the brain


_HEAVY_TAIL = 3.0  # degrees of freedom of the changes of pose from frame to frame


_LEAST_STEP_MM = 0.002  # of those of a head at rest


_LEAST_NOISE = 1e-8  # mean square, of a series without noise


_ITERATIONS = 40


def remove_apparent_motion(
    poses_mm: Array, differences: Array, jacobian_mm: Array, curve: Array, baseline: slice
) -> Array:
    """Take out of a head's poses what follows the bolus, and some of their noise.

    A pose as found is the sum of the head's true pose, of apparent motion and of noise. Apparent motion is a
    combination of the bolus' mean curve at a few delays, of unknown weights in each direction. From frame to frame the
    true pose changes by Student's t: mostly little, at times by a jump. Poses and weights are the most probable ones,
    found by expectation–maximisation. The weights' prior is a multiple of what the change of the picture would give by
    chance, had it nothing to do with the direction in which the head moves: a picture that hardly changes feigns no
    motion. The multiple is found with them.

    Parameters
    ----------
    poses_mm : (t, k) array
        Pose of each frame as it was found, k directions, mm.
    differences : (n, t) array
        Realigned frames less the reference, at points of the head, as compared; 0 where nothing is known.
    jacobian_mm : (n, k) array
        Derivative of the reference along the directions of the poses, 1/mm.
    curve : (t,) array
        Mean of −ln S over the head, above its level before the bolus.
    baseline : slice
        Frames before the bolus.

    Returns
    -------
    (t, k) array
        Poses, mm.
    """
    frames, directions = poses_mm.shape
    shapes, noise = _bolus_shapes(differences, curve, baseline)
    share = np.diag(np.linalg.pinv(jacobian_mm.T @ jacobian_mm))  # of a picture's variance that passes for motion
    parts = np.hstack([np.eye(frames), shapes])
    step = np.diff(np.eye(frames), axis=0)
    size = np.maximum(np.mean((step @ poses_mm) ** 2, axis=0), _LEAST_STEP_MM**2)
    trust, multiple = np.ones(frames - 1), 1.0
    poses = np.array(poses_mm, dtype=float)
    change = np.empty((frames - 1, directions))
    for _ in range(_ITERATIONS):
        used = 0.0
        for direction in range(directions):
            prior = _SHARE_CONTRAST * share[direction]
            weight = 1 / (_SHARE_NOISE * share[direction] * noise)
            information = (parts.T * weight) @ parts
            information[:frames, :frames] += (step.T * (trust / size[direction])) @ step
            information[frames:, frames:] += np.eye(len(_DELAYS)) / (multiple * prior)
            covariance = np.linalg.inv(information)
            both = covariance @ (parts.T @ (weight * poses_mm[:, direction]))
            poses[:, direction] = both[:frames]
            used += ((both[frames:] ** 2).sum() + np.trace(covariance[frames:, frames:])) / prior
            doubt = np.diag(step @ covariance[:frames, :frames] @ step.T)
            change[:, direction] = (step @ poses[:, direction]) ** 2 + doubt
        multiple = (_PRIOR_WEIGHTS + used) / (_PRIOR_WEIGHTS + directions * len(_DELAYS))
        trust = (_HEAVY_TAIL + directions) / (_HEAVY_TAIL + (change / size).sum(axis=1))
        size = np.mean(trust[:, None] * change, axis=0) + _LEAST_STEP_MM**2
    return poses


def _bolus_shapes(differences: Array, curve: Array, baseline: slice) -> tuple[Array, Array]:
    """Split the change of pictures into courses (t, d) that follow the bolus and noise.

    The courses are orthogonal, each as strong as the pictures' root mean square change along it; the noise is the mean
    square (t,) of what is left of each frame.
    """
    frames = np.arange(len(curve))
    delayed = [np.interp(frames - delay, frames, curve) for delay in _DELAYS]
    basis, _ = np.linalg.qr(np.stack(delayed, axis=1))
    change = differences @ basis
    least = float(np.median(differences[:, baseline].var(axis=1, ddof=1)))
    strength, turn = np.linalg.eigh(change.T @ change / len(change) - least * np.eye(len(_DELAYS)))
    left = np.mean((differences - change @ basis.T) ** 2, axis=0)
    return basis @ turn * np.sqrt(np.maximum(strength, 1e-12)), np.maximum(left, max(least, _LEAST_NOISE))
