"""What motion leaves in the curves of a series that has been realigned.

A voxel is the mean over a box of tissue, and a head that has moved is cut into other boxes. No interpolation
brings back what lay between them: at the edges of tissue, and most of all where a thick slice ends, the signal
changes by several per cent with the pose of the head. A change at the bolus that stays looks like contrast that
stays, which is what late and slow perfusion looks like.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reperfuse.concentration import Baseline

FloatArray = NDArray[np.floating]


def remove_motion_signal(
    concentration: ArrayLike,
    points_mm: ArrayLike,
    matrices: ArrayLike,
    aif: ArrayLike,
    dt_s: float,
    echo_time_s: float,
    baseline: Baseline,
    *,
    change_per_mm: float = 0.01,
) -> FloatArray:
    """Remove what follows the displacement of each voxel and is not perfusion.

    A curve is taken for the sum of three: perfusion, which is one of the curves that the arterial input gives
    with any delay and transit time; a change proportional to the voxel's displacement from its place before
    the bolus, along each axis; and noise. Each is normal with a known covariance, so the most probable change
    is linear in the curve (generalised least squares with a prior), and is subtracted. A head at rest, and a
    voxel whose changes perfusion explains, are left as they are.

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
        Frame spacing and echo time, s.
    baseline : Baseline
        Frames before the bolus, whose mean signal is the reference of ``concentration``.
    change_per_mm : float
        Standard deviation over voxels of the relative change of signal with displacement, 1/mm; 0 changes
        nothing.

    Returns
    -------
    (n, t) array
        float32, s⁻¹.
    """
    curves, arterial = np.asarray(concentration, dtype=np.float32), np.asarray(aif, dtype=float)
    motion = (np.asarray(matrices, dtype=float) - np.eye(4))[:, :3].reshape(-1, 12)
    motion -= motion[baseline.frames].mean(axis=0)
    prior = (change_per_mm / echo_time_s) ** 2
    if len(curves) == 0 or prior == 0 or not motion.any():
        return curves
    weighted = np.linalg.solve(_covariance(curves, arterial, dt_s, baseline), motion)
    normal = (motion.T @ weighted).reshape(3, 4, 3, 4)
    evidence = (curves @ weighted.astype(np.float32)).reshape(-1, 3, 4)
    place = np.column_stack([np.asarray(points_mm, dtype=float), np.ones(len(curves))])
    precision = np.empty((len(curves), 3, 3))
    for row in range(3):
        for column in range(3):
            precision[:, row, column] = ((place @ normal[row, :, column]) * place).sum(axis=1)
    precision += np.eye(3) / prior
    slope = np.linalg.solve(precision, np.einsum("nia,na->ni", evidence, place)[..., np.newaxis])
    return curves - (slope * place[:, np.newaxis]).reshape(-1, 12).astype(np.float32) @ motion.T.astype(np.float32)


def bridge_matrices(matrices: ArrayLike, replaced: ArrayLike) -> FloatArray:
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


def _covariance(curves: FloatArray, aif: FloatArray, dt_s: float, baseline: Baseline) -> FloatArray:
    """Second moment (t, t) of perfusion curves of all delays and transit times, and of noise.

    Any multiple of the mean curve is perfusion too: motion, different in each voxel, is not in the mean.
    """
    mean = curves.mean(axis=0, dtype=float)
    shapes = _perfusion_curves(aif, dt_s) * (mean.sum() / aif.sum())
    perfusion = shapes.T @ shapes / len(shapes) + 100 * np.outer(mean, mean)
    noise = float(np.median(curves[:, baseline.frames].std(axis=1, ddof=1)))
    floor = 1e-6 * np.trace(perfusion) / len(aif)  # no model is exact, even where there is no noise
    return np.asarray(perfusion + max(noise**2, floor) * np.eye(len(aif)))


def _perfusion_curves(
    aif: FloatArray,
    dt_s: float,
    delays_s: ArrayLike = tuple(range(-3, 16)),
    transits_s: ArrayLike = (1.0, 2.0, 4.0, 6.0, 9.0, 13.0, 18.0, 24.0),
    substeps: int = 8,
) -> FloatArray:
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
