"""From the signal of a bolus passage to ΔR2*, the measure of contrast agent concentration."""

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.perfusion.bolus import Baseline
from reperfuse.volumes.arrays import Array
from reperfuse.volumes.robust import sd_about_zero


def delta_r2star(signal: ArrayLike, echo_time_s: float, baseline: Baseline) -> Array:
    """Change of the transverse relaxation rate, −ln(S/S0)/TE.

    Parameters
    ----------
    signal : (..., t) array
        Signal, arbitrary units.
    echo_time_s : float
        Echo time TE, s.
    baseline : Baseline
        Frames whose mean signal is S0.

    Returns
    -------
    (..., t) array
        float32, s⁻¹; NaN where the signal or S0 is not positive.

    Raises
    ------
    ValueError
        When the echo time is not positive.
    """
    if not echo_time_s > 0:
        raise ValueError(f"the echo time must be positive, not {echo_time_s}")
    series = np.asarray(signal, dtype=np.float32)
    rest = series[..., baseline.frames].mean(axis=-1, keepdims=True, dtype=np.float64).astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = series / np.where(rest > 0, rest, np.float32(np.nan))
        np.copyto(ratio, np.float32(np.nan), where=~(series > 0))
        np.log(ratio, out=ratio)
    ratio *= np.float32(-1 / echo_time_s)
    return ratio


def relative_noise(signal: ArrayLike, mask: ArrayLike, baseline: Baseline) -> Array:
    """Noise of each voxel over its signal before the bolus.

    The noise is that of the receiver, the same in all voxels: the robust standard deviation of what changes from
    frame to frame in the brain, over √2. A drift does not count, nor does the pulsation of a vessel.

    Parameters
    ----------
    signal : (..., t) array
        Signal, arbitrary units.
    mask : (...) array
        The brain.
    baseline : Baseline
        Frames before the bolus.

    Returns
    -------
    (...) array
        1/SNR; NaN where the mean signal is not positive.
    """
    steady = np.asarray(signal, dtype=np.float32)[..., baseline.frames]
    change = np.abs(np.diff(steady[np.asarray(mask, dtype=bool)], axis=-1))
    sigma = sd_about_zero(change[np.isfinite(change)]) / np.sqrt(2)
    rest = steady.mean(axis=-1, dtype=float)
    return sigma / np.where(rest > 0, rest, np.nan)


def align_slices(concentration: ArrayLike, slice_times_s: ArrayLike, dt_s: float, slice_axis: int = 2) -> Array:
    """Bring all slices to the times at which their frames begin, by cubic splines in time.

    Parameters
    ----------
    concentration : (x, y, z, t) array
        Curves, each sampled when its slice was acquired.
    slice_times_s : (n_slices,) array
        Acquisition of each slice after the beginning of the frame, s.
    dt_s : float
        Frame spacing, s.
    slice_axis : int
        Axis of the slices, 0 to 2.

    Returns
    -------
    (x, y, z, t) array
        float32; a frame before the first sample takes its value.

    Raises
    ------
    ValueError
        When there is not one time a slice, or one lies outside a frame.
    """
    from scipy.interpolate import CubicSpline  # few series state their slices' times

    series = np.asarray(concentration, dtype=np.float32)
    times = np.asarray(slice_times_s, dtype=float)
    if times.shape != (series.shape[slice_axis],) or (times < 0).any() or (times >= dt_s).any():
        raise ValueError(f"{series.shape[slice_axis]} slice times between 0 and {dt_s} s are needed")
    frames = np.arange(series.shape[-1])
    spline = CubicSpline(frames, np.eye(len(frames)))
    aligned = np.empty_like(series)
    source, target = np.moveaxis(series, slice_axis, 0), np.moveaxis(aligned, slice_axis, 0)
    for time in np.unique(times):
        weights = spline(np.clip(frames - time / dt_s, 0, None)).T.astype(np.float32)
        target[times == time] = source[times == time] @ weights
    return aligned
