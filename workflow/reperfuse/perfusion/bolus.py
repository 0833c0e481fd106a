"""When the bolus arrives and has passed, and what to do about frames that hold nothing."""

import warnings
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.faults import DataFault
from reperfuse.perfusion.arrival import Baseline, find_arrival
from reperfuse.volumes.arrays import Array, Mask


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
        raise DataFault(f"the series has {len(signal)} frames, at least {min_frames} needed; export the whole series")
    if not (np.isfinite(signal).all() and (signal > 0).all()):
        raise DataFault("the mean signal of the brain is not positive in every frame; export the series again")
    return find_arrival(
        -np.log(signal),
        dt_s,
        no_bolus="no bolus: the mean signal of the brain does not drop; check that it is a DSC series with contrast "
        "agent",
        min_baseline_frames=min_baseline_frames,
        min_rise=min_drop,
        arrival_share=arrival_share,
        arrival_margin_s=arrival_margin_s,
        steady_excess=steady_share,
        decay_share=decay_share,
        foot_s=foot_s,
        foot_share=foot_share,
    )


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


def bridge_frames(signal: ArrayLike, unusable: ArrayLike, arrival: int = 0, max_gap: int | None = None) -> Array:
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
        raise DataFault(
            "no frame of the series can be used: none could be realigned; check the series for motion and artefacts"
        )
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


def bridge_gaps(series: Array, replaced: Mask, baseline: Baseline, brain: Mask, dt_s: float, max_gap_s: float) -> Array:
    """Replace frames as `bridge_frames` does, and make sure that what is left still holds the bolus.

    Parameters
    ----------
    series : (x, y, z, t) array
        Signal, a.u.
    replaced : (t,) bool array
        Frames to replace.
    baseline : Baseline
    brain : (x, y, z) bool array
    dt_s : float
        Frame spacing, s.
    max_gap_s : float
        Longest time without a usable frame after bolus arrival; the series ends before a longer one, s.

    Returns
    -------
    (x, y, z, u) array
        As many frames as can be known.

    Raises
    ------
    DataFault
        If the series ends before the bolus has passed.
    """
    bridged = bridge_frames(series, replaced, baseline.arrival, int(max_gap_s / dt_s))
    left, frames = bridged.shape[3], len(replaced)
    if left < frames:
        try:
            find_baseline(brain_curve(bridged, brain), dt_s)
        except DataFault as fault:
            raise DataFault(f"only the first {left} of {frames} frames could be realigned: {fault}") from fault
    return bridged


def replaced_in_passage(curve: Array, replaced: Mask, baseline: Baseline, dt_s: float) -> list[str]:
    """Say which frames of the first passage of the bolus were replaced.

    Parameters
    ----------
    curve : (u,) array
        Mean signal of the brain, a.u.
    replaced : (t,) bool array
        Frames that were replaced.
    baseline : Baseline
    dt_s : float
        Frame spacing, s.

    Returns
    -------
    list of str
        A sentence, or nothing.

    Raises
    ------
    DataFault
        If two in a row were: the course of the bolus is not known then.
    """
    loss = -np.log(curve)
    end = first_passage_end(loss - loss[baseline.frames].mean(), baseline)
    lost = np.flatnonzero(replaced[baseline.arrival : end]) + baseline.arrival
    times = " and ".join(f"{frame * dt_s:g} s" for frame in lost)
    if (np.diff(lost) == 1).any():
        raise DataFault(
            f"the frames at {times} cannot be used, and the bolus passes in them, so its course is not known"
        )
    if len(lost) == 0:
        return []
    return [f"the frame at {times}, while the bolus passes, could not be used and was interpolated"]


def mean_of_known(series: np.ndarray) -> np.ndarray:
    """Mean over frames of what is known; NaN where no frame holds anything."""
    if not np.isnan(series).any():  # as most series are, whose mean then needs no copy
        return np.asarray(series.mean(axis=-1))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")
        return np.nanmean(series, axis=-1)


def brain_curve(series: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean over the voxels of a mask in each frame; NaN in a frame that holds nothing.

    Voxels at the border of the field of view come and go with motion (0 where a stored series has nothing), and the
    mean would with them, so they do not count.
    """
    curves = series[mask]
    known = curves > 0
    whole = known[:, known.any(axis=0)].all(axis=1)
    return mean_of_known(curves[whole].T if whole.any() else curves.T)


def usable_frames(baseline: Baseline, usable: np.ndarray) -> np.ndarray:
    """Return the indices of the usable frames of the baseline."""
    return np.flatnonzero(usable[baseline.frames]) + baseline.first


def _is_known(matrices: np.ndarray) -> np.ndarray:
    return np.isfinite(matrices).all(axis=(1, 2))
