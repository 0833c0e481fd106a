"""The motion that a bolus feigns in a head at rest, told from motion that is there.

Contrast agent changes a picture: grey matter darkens more than white, vessels vanish, a late hemisphere follows. What
of that change looks like a shift or a turn of the head is found as one, in every frame in proportion to the contrast
agent in it: 0.3 mm where the brain loses 40 % of its signal. A head moves otherwise: it rests, drifts and jumps.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

# Points of the comparison, 6 mm apart, whose change of contrast is one: of the same tissue or vessel, and smoothed
# together. It scales how much motion a bolus may feign.
_RELATED_POINTS = 8.0
_DELAYS = (-1, 0, 1, 2, 4)  # frames by which contrast arrives after that of most of the brain
_HEAVY_TAIL = 3.0  # degrees of freedom of the changes of pose from frame to frame
_LEAST_STEP_MM = 0.004  # what noise alone moves a pose from frame to frame
_ITERATIONS = 60


def remove_apparent_motion(
    poses_mm: Array, differences: Array, jacobian_mm: Array, curve: Array, baseline: slice
) -> Array:
    """Take out of a head's poses what follows the bolus.

    A pose is the sum of the head's true pose and of apparent motion. Apparent motion is a combination of the bolus'
    mean curve at a few delays, of unknown weights in each direction; from frame to frame the true pose changes by
    Student's t: mostly little, at times by a jump. The weights are the most probable ones, found by iterative
    reweighting. Their prior is what the change of the picture itself, with no relation to the direction in which the
    head moves, would give by chance: a picture that hardly changes feigns no motion.

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
    frames = np.arange(len(curve))
    delayed = [np.interp(frames - delay, frames, curve) for delay in _DELAYS]
    basis, _ = np.linalg.qr(np.stack(delayed, axis=1))
    noise = float(np.median(differences[:, baseline].var(axis=1, ddof=1)))
    change = differences @ basis
    variance, turn = np.linalg.eigh(change.T @ change / len(change) - noise * np.eye(len(_DELAYS)))
    shapes = basis @ turn * np.sqrt(np.maximum(variance, 1e-12))
    doubt = _RELATED_POINTS * np.diag(np.linalg.pinv(jacobian_mm.T @ jacobian_mm))
    steps, rises = np.diff(poses_mm, axis=0), np.diff(shapes, axis=0)
    size = np.maximum(np.mean(steps**2, axis=0), _LEAST_STEP_MM**2)
    trust = np.ones(len(steps))
    weights = np.zeros((len(_DELAYS), poses_mm.shape[1]))
    for _ in range(_ITERATIONS):
        weighted = rises.T * trust
        for direction in range(poses_mm.shape[1]):
            information = weighted @ rises / size[direction] + np.eye(len(_DELAYS)) / doubt[direction]
            weights[:, direction] = np.linalg.solve(information, weighted @ steps[:, direction] / size[direction])
        left = steps - rises @ weights
        trust = (_HEAVY_TAIL + left.shape[1]) / (_HEAVY_TAIL + (left**2 / size).sum(axis=1))
        size = np.mean(trust[:, None] * left**2, axis=0) + _LEAST_STEP_MM**2
    return np.asarray(poses_mm - shapes @ weights)
