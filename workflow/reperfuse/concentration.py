"""From the signal of a bolus passage to ΔR2*, the measure of contrast agent concentration."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, median_filter

from reperfuse.faults import DataFault

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Baseline:
    """Frames ``first`` to ``arrival`` (not included) are at steady state and hold no contrast agent yet."""

    first: int
    arrival: int

    @property
    def frames(self) -> slice:
        """The frames as a slice of the series."""
        return slice(self.first, self.arrival)


def find_baseline(
    mean_signal: ArrayLike,
    dt_s: float,
    *,
    min_frames: int = 20,
    min_baseline_frames: int = 3,
    min_drop: float = 0.01,
    arrival_share: float = 0.03,
    arrival_margin_s: float = 1.0,
    steady_share: float = 0.01,
    decay_share: float = 0.5,
    foot_s: float = 4.0,
    foot_share: float = 0.15,
) -> Baseline:
    """Find the baseline frames on the mean signal of the brain.

    Parameters
    ----------
    mean_signal : (t,) array
        Mean signal over the brain, arbitrary units.
    dt_s : float
        Frame spacing, s.
    min_frames, min_baseline_frames : int
        Fewest frames of a series and of its baseline.
    min_drop : float
        Smallest drop of −ln S that is a bolus; it must also be ten times the noise. A spin echo or a short echo
        time gives 2 to 3 %.
    arrival_share : float
        Share of the peak of −ln S at which the bolus has arrived; never less than three times the noise.
    arrival_margin_s : float
        Time by which arteries fill before the brain's mean shows it, s.
    steady_share : float
        Largest relative excess of a frame at steady state; never less than three times the noise.
    decay_share : float
        Share of the peak below which the curve must come down before the series ends.
    foot_s, foot_share : float
        The foot of the bolus is where −ln S, in this time (s), has risen by less than this share of what is left to
        the peak: a curve that fluctuates is flat for a frame or two on its way up.

    Returns
    -------
    Baseline
        Frames at steady state before the bolus.

    Raises
    ------
    DataFault
        When the series is too short, holds no bolus, ends before the bolus has passed, or has too few frames
        before it.
    """
    signal = np.asarray(mean_signal, dtype=float)
    if len(signal) < min_frames:
        raise DataFault(f"the series has {len(signal)} frames; at least {min_frames} are needed")
    if not (np.isfinite(signal).all() and (signal > 0).all()):
        raise DataFault("the mean signal of the brain is not positive in every frame")
    loss = -np.log(signal)
    smooth = median_filter(loss, 3, mode="nearest")  # one bad frame is no bolus
    peak = int(smooth[1:].argmax()) + 1
    foot = _foot(smooth[: peak + 1], max(round(foot_s / dt_s), 2), foot_share)
    level = np.median(smooth[foot // 2 : foot + 1])  # the first frames may be too bright
    height = smooth[peak] - level
    noise = 1.4826 * np.median(np.abs(np.diff(loss, 2))) / np.sqrt(6)
    if height < max(min_drop, 10 * noise):
        raise DataFault("no bolus: the mean signal of the brain does not drop")
    if smooth[peak:].min() - level > decay_share * height:
        raise DataFault("the series ends before the bolus has passed: the curve does not come down from its peak")
    threshold = level + max(arrival_share * height, 3 * noise)
    onset = int(np.flatnonzero(smooth[:peak] <= threshold)[-1]) + 1
    arrival = onset - int(np.ceil(arrival_margin_s / dt_s - 1e-6))
    reference = np.median(loss[max(arrival - max(arrival // 2, min_baseline_frames), 0) : max(arrival, 1)])
    excess = reference - loss[: max(arrival, 0)]
    steady = excess <= max(steady_share, 3 * noise)
    first = int(steady.argmax()) if steady.any() else len(steady)
    # a frame that may hold contrast in arteries is better than none
    arrival = min(max(arrival, first + min_baseline_frames), onset - round(arrival_margin_s / dt_s))
    if arrival - first < min_baseline_frames:
        raise DataFault(
            f"the bolus arrives after {max(arrival - first, 0)} frames at steady state; "
            f"at least {min_baseline_frames} are needed"
        )
    return Baseline(first, arrival)


def _foot(rise: FloatArray, window: int, share: float) -> int:
    """Frame from which a curve rises to its last value: in the ``window`` before it, it rises by a small share only."""
    foot = len(rise) - 1
    while foot > 0:
        earlier = rise[max(foot - window, 0) : foot].min()
        if rise[foot] - earlier <= share * (rise[-1] - earlier):
            break
        foot -= 1
    return foot


def first_passage_end(curve: ArrayLike, baseline: Baseline, share: float = 0.4) -> int:
    """Frame after which a mean ΔR2* (or −ln S) has fallen to a share of its peak; the end of the series if it does not.

    Parameters
    ----------
    curve : (t,) array
        Above its level before the bolus.
    baseline : Baseline
    share : float
        Of the peak.

    Returns
    -------
    int
    """
    values = np.asarray(curve, dtype=float)
    peak = baseline.arrival + int(values[baseline.arrival :].argmax())
    low = np.flatnonzero(values[peak:] < share * values[peak])
    return peak + int(low[0]) + 1 if len(low) else len(values)


def bridge_frames(signal: ArrayLike, unusable: ArrayLike, arrival: int = 0, max_gap: int | None = None) -> FloatArray:
    """Replace unusable frames by interpolation in time, linear in ΔR2* (in the logarithm of the signal).

    Frames before the first usable one take its value: the bolus is yet to come. After the last usable frame
    nothing is known, so the series ends there. Nor is the course of the bolus known across a gap that is too
    long, and the series ends before it.

    Parameters
    ----------
    signal : (..., t) array
        Signal, arbitrary units.
    unusable : (t,) array of bool
        Frames to be replaced.
    arrival : int
        First frame that may hold contrast agent; a gap before it can be of any length.
    max_gap : int, optional
        Most frames in a row that are bridged from `arrival` on; without it, any number.

    Returns
    -------
    (..., t') array
        float32, t' ≤ t; NaN in a bridged frame where either neighbour is not positive.

    Raises
    ------
    DataFault
        When no frame is usable.
    """
    series, usable = np.asarray(signal, dtype=np.float32), np.flatnonzero(~np.asarray(unusable, dtype=bool))
    if usable.size == 0:
        raise DataFault("no frame of the series can be used")
    if max_gap is not None:
        missing = np.diff(usable) - 1
        beyond = (missing > max_gap) & (usable[1:] > arrival)
        usable = usable[: int(beyond.argmax()) + 1] if beyond.any() else usable
    bridged = series[..., : usable[-1] + 1].copy()
    bridged[..., : usable[0]] = series[..., usable[0], np.newaxis]
    for before, after in pairwise(usable):
        if after == before + 1:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = [np.log(np.where(series[..., end] > 0, series[..., end], np.nan)) for end in (before, after)]
        for frame in range(before + 1, after):
            share = np.float32((frame - before) / (after - before))
            bridged[..., frame] = np.exp((1 - share) * ends[0] + share * ends[1])
    return bridged


def delta_r2star(signal: ArrayLike, echo_time_s: float, baseline: Baseline) -> FloatArray:
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
        ratio = np.where((series > 0) & (rest > 0), series / rest, np.float32(np.nan))
        np.log(ratio, out=ratio)
    ratio *= np.float32(-1 / echo_time_s)
    return ratio


def relative_noise(signal: ArrayLike, mask: ArrayLike, baseline: Baseline) -> FloatArray:
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
    sigma = 1.4826 * float(np.median(change[np.isfinite(change)])) / np.sqrt(2)
    rest = steady.mean(axis=-1, dtype=float)
    return sigma / np.where(rest > 0, rest, np.nan)


def contrast_to_noise(concentration: ArrayLike, baseline: Baseline) -> float:
    """Peak of the mean curve over the noise of a voxel.

    Parameters
    ----------
    concentration : (n, t) array
        ΔR2* of the brain's voxels, s⁻¹.
    baseline : Baseline
        Frames before the bolus.

    Returns
    -------
    float
        Peak of the mean over the median standard deviation in the baseline; NaN when no voxel is valid.
    """
    curves = np.asarray(concentration)
    curves = curves[np.isfinite(curves).all(axis=1)]
    if len(curves) == 0:
        return float("nan")
    noise = np.median(curves[:, baseline.frames].std(axis=1, ddof=1))
    return float(curves.mean(axis=0, dtype=float).max() / noise) if noise > 0 else float("inf")


def align_slices(concentration: ArrayLike, slice_times_s: ArrayLike, dt_s: float, slice_axis: int = 2) -> FloatArray:
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


def smooth(series: ArrayLike, mask: ArrayLike, voxel_size_mm: ArrayLike, fwhm_mm: float) -> FloatArray:
    """Smooth with a Gaussian, normalised so that only voxels of the mask contribute.

    Parameters
    ----------
    series : (x, y, z) or (x, y, z, t) array
        A volume or a series.
    mask : (x, y, z) array
        Voxels that contribute and are filled.
    voxel_size_mm : (3,) array
        Voxel size, mm.
    fwhm_mm : float
        Full width at half maximum, mm; 0 leaves the voxels of the mask as they are.

    Returns
    -------
    array
        Same shape, float32. NaN outside the mask and in voxels that hold a NaN; those contribute nothing.

    Raises
    ------
    ValueError
        When the width is negative.
    """
    if fwhm_mm < 0:
        raise ValueError(f"the width of the filter must not be negative, not {fwhm_mm}")
    values = np.asarray(series, dtype=np.float32)
    frames = values if values.ndim == 4 else values[..., np.newaxis]
    valid = np.asarray(mask, dtype=bool) & np.isfinite(frames).all(axis=-1)
    sigma = fwhm_mm / np.sqrt(8 * np.log(2)) / np.asarray(voxel_size_mm, dtype=float)
    weight = gaussian_filter(valid.astype(np.float32), sigma, mode="constant")[valid]
    result = np.full_like(frames, np.nan)
    for frame in range(frames.shape[-1]):
        kept = np.where(valid, frames[..., frame], np.float32(0))
        result[valid, frame] = gaussian_filter(kept, sigma, mode="constant")[valid] / weight
    return result.reshape(values.shape)


def correct_leakage(
    concentration: ArrayLike, reference: ArrayLike, dt_s: float, delay_s: ArrayLike = 0.0, *, step_s: float = 0.25
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Remove the effect of contrast agent that leaks out of the vessels.

    Fits ΔR2*(t) ≈ K1 · m(t) − K2 · ∫m and adds K2 · ∫m (Boxerman, Schmainda and Weisskoff 2006,
    PMID 16611779): the area of the corrected curves gives the corrected CBV. Contrast that arrives later than
    in the reference would pass for leakage (6 s take half the CBV away), so m is shifted by each curve's
    delay. A longer transit still does: at an MTT of 10 s, CBV is 30 % too low.

    Parameters
    ----------
    concentration : (n, t) array
        ΔR2*, s⁻¹.
    reference : (t,) array
        Mean m of brain that does not enhance, s⁻¹.
    dt_s : float
        Frame spacing, s.
    delay_s : (n,) array or float
        How much later than in the reference contrast arrives, s.
    step_s : float
        Steps to which the delay is rounded, s.

    Returns
    -------
    corrected : (n, t) array
        float32, s⁻¹.
    k1 : (n,) array
        Blood volume relative to the reference.
    k2 : (n,) array
        Leakage, s⁻¹; negative where T2* effects prevail.
    """
    curves, mean = np.asarray(concentration, dtype=np.float32), np.asarray(reference, dtype=float)
    lags = np.rint(np.broadcast_to(delay_s, len(curves)) / step_s)
    time = np.arange(len(mean)) * dt_s
    corrected, factors = np.empty_like(curves), np.empty((len(curves), 2), dtype=np.float32)
    for lag in np.unique(lags):
        late = np.interp(time - lag * step_s, time, mean)
        integral = dt_s * (np.cumsum(late) - 0.5 * (late + late[0]))
        fit = np.linalg.pinv(np.stack([late, -integral])).astype(np.float32)
        alike = lags == lag
        factors[alike] = curves[alike] @ fit
        corrected[alike] = curves[alike] + factors[alike, 1:] * integral.astype(np.float32)
    return corrected, factors[:, 0], factors[:, 1]


def is_leaking(concentration: ArrayLike, last_frames: int = 10, limit: float = 2.0) -> BoolArray:
    """Tell which curves end higher or lower than most: contrast agent has leaked, or the signal has drifted.

    Both ends are told alike: a mean of curves chosen for not ending low would itself end too high.

    Parameters
    ----------
    concentration : (n, t) array
        ΔR2*, s⁻¹.
    last_frames : int
        Frames at the end whose mean is compared.
    limit : float
        Distance from the median that is unlike the others, in robust standard deviations.

    Returns
    -------
    (n,) array of bool
    """
    end = np.asarray(concentration)[:, -last_frames:].mean(axis=1)
    distance = np.abs(end - np.median(end))
    return np.asarray(distance > limit * 1.4826 * np.median(distance))
