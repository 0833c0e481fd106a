"""What is in the curves of a realigned series and is not perfusion.

*Motion.* A voxel is the mean over a box of tissue, and a head that has moved is cut into other boxes. No interpolation
brings back what lay between them: at the edges of tissue, and most of all where a thick slice ends, the signal
changes by several per cent with the pose of the head. A change at the bolus that stays looks like contrast that
stays, which is what late and slow perfusion looks like.

*Level.* A few frames before the bolus say what signal the voxel has without contrast, and their noise shifts the whole
curve: summed over the passage, it is most of the noise of CBV. The frames after the passage know the level too.
"""

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.perfusion.bolus import Baseline
from reperfuse.volumes.arrays import Array


def remove_nuisance(
    concentration: ArrayLike,
    points_mm: ArrayLike,
    matrices: ArrayLike,
    aif: ArrayLike,
    dt_s: float,
    echo_time_s: float,
    baseline: Baseline,
    *,
    change_per_mm: float = 0.01,
) -> Array:
    """Remove what follows the displacement of each voxel, and the error of its level before the bolus.

    A curve is taken for the sum of four: perfusion, which is one of the curves that the arterial input gives
    with any delay and transit time; a change proportional to the voxel's displacement along each axis; a constant
    of any size; and noise. Perfusion, change and noise are normal with a known covariance, so the most probable
    change and constant are linear in the curve (generalised least squares, with a prior for the change), and are
    subtracted. Without noise the frames before the bolus decide the constant alone.

    Parameters
    ----------
    concentration : (n, t) array
        ΔR2*, s⁻¹.
    points_mm : (n, 3) array
        Where the voxels are, world mm.
    matrices : (t, 4, 4) array
        World point of the reference → where that tissue is in the frame; see :func:`bridge_matrices`.
    aif : (t,) array
        Arterial input, s⁻¹.
    dt_s, echo_time_s : float
        Frame spacing and echo time, s. On CT, curves are HU, of which a relative change makes as many as brain has:
        1 over that stands for the echo time.
    baseline : Baseline
        Frames before the bolus.
    change_per_mm : float
        Standard deviation over voxels of the relative change of signal with displacement, 1/mm; 0: the head's
        motion is not looked at.

    Returns
    -------
    (n, t) array
        float32, s⁻¹.
    """
    curves: Array = np.asarray(concentration, dtype=np.float32)
    arterial = np.asarray(aif, dtype=float)
    if len(curves) == 0:
        return curves
    precision = np.linalg.inv(_covariance(curves, arterial, dt_s, baseline))
    level = precision.sum(axis=0) / precision.sum()  # the constant of a curve, once its motion is gone
    motion = (np.asarray(matrices, dtype=float) - np.eye(4))[:, :3].reshape(-1, 12)
    prior = (change_per_mm / echo_time_s) ** 2
    if prior > 0 and np.ptp(motion, axis=0).any():
        place = np.column_stack([np.asarray(points_mm, dtype=float), np.ones(len(curves))])
        regardless = precision - np.outer(precision.sum(axis=0), level)  # of any constant
        curves = curves - _motion_signal(curves, place, motion, regardless, prior)
    return curves - (curves @ level.astype(np.float32))[:, np.newaxis]


def _motion_signal(curves: Array, place: Array, motion: Array, precision: Array, prior: float) -> Array:
    """Most probable change with displacement (n, t), of variance `prior` a mm² along each axis.

    ``place`` (n, 4) are the voxels' world points, ``motion`` (t, 12) the rows of the frames' displacement matrices.
    """
    weighted = precision @ motion
    normal = (motion.T @ weighted).reshape(3, 4, 3, 4)
    evidence = (curves @ weighted.astype(np.float32)).reshape(-1, 3, 4)
    information = np.empty((len(curves), 3, 3))
    for row in range(3):
        for column in range(3):
            information[:, row, column] = ((place @ normal[row, :, column]) * place).sum(axis=1)
    information += np.eye(3) / prior
    slope = np.linalg.solve(information, np.einsum("nia,na->ni", evidence, place)[..., np.newaxis])
    return np.asarray((slope * place[:, np.newaxis]).reshape(-1, 12).astype(np.float32) @ motion.T.astype(np.float32))


def bridge_matrices(matrices: ArrayLike, replaced: ArrayLike) -> Array:
    """Interpolate the poses of frames that are interpolated themselves.

    Parameters
    ----------
    matrices : (t, 4, 4) array
        Rigid transforms; NaN where a frame was not aligned.
    replaced : (t,) array of bool
        Frames whose signal was interpolated between their neighbours.

    Returns
    -------
    (t, 4, 4) array
        Linear in time between the other frames, and as the nearest one before the first and after the last.
    """
    flat = np.asarray(matrices, dtype=float).reshape(-1, 16)
    known = np.flatnonzero(np.isfinite(flat).all(axis=1) & ~np.asarray(replaced, dtype=bool))
    frames = np.arange(len(flat))
    return np.stack([np.interp(frames, known, entry[known]) for entry in flat.T], axis=1).reshape(-1, 4, 4)


def _covariance(curves: Array, aif: Array, dt_s: float, baseline: Baseline) -> Array:
    """Second moment (t, t) of perfusion curves of all delays and transit times, and of noise.

    Any multiple of the mean curve is perfusion too, a little earlier or later: motion, different in each voxel, is
    not in the mean. Where the arterial signal saturated, none of the arterial input's curves is as steep as it.
    """
    mean = curves.mean(axis=0, dtype=float)
    shapes = _perfusion_curves(aif, dt_s) * (mean.sum() / aif.sum())
    known = np.stack([mean, np.gradient(mean, dt_s)])  # to first order, a shift in time adds the derivative
    perfusion = shapes.T @ shapes / len(shapes) + 100 * known.T @ known
    noise = float(np.median(curves[:, baseline.frames].std(axis=1, ddof=1)))
    floor = 1e-6 * np.trace(perfusion) / len(aif)  # no model is exact, even where there is no noise
    return np.asarray(perfusion + max(noise**2, floor) * np.eye(len(aif)))


def _perfusion_curves(
    aif: Array,
    dt_s: float,
    delays_s: ArrayLike = tuple(range(-3, 16)),
    transits_s: ArrayLike = (1.0, 2.0, 4.0, 6.0, 9.0, 13.0, 18.0, 24.0),
    substeps: int = 8,
) -> Array:
    """Curves (n, t) of the arterial input's area: delayed, and with exponential residue functions."""
    step = dt_s / substeps
    time = np.arange(len(aif)) * dt_s
    fine = np.arange(len(aif) * substeps) * step
    inflow = np.interp(fine, time, aif)
    shapes = []
    for transit in np.asarray(transits_s):
        outflow = np.exp(-fine / transit)
        curve = np.convolve(inflow, outflow / outflow.sum())[: len(fine)]
        shapes += [np.interp(time - delay, fine, curve, left=0.0) for delay in np.asarray(delays_s)]
    return np.array(shapes)
