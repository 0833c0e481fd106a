"""When the bolus arrives, on a curve that rises with the contrast agent in the brain."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import median_filter

from reperfuse.faults import DataFault
from reperfuse.volumes.arrays import Array
from reperfuse.volumes.robust import sd_about_zero


@dataclass(frozen=True)
class Baseline:
    """Frames ``first`` to ``arrival`` (not included) are at steady state and hold no contrast agent yet."""

    first: int
    arrival: int

    @property
    def frames(self) -> slice:
        """The frames as a slice of the series."""
        return slice(self.first, self.arrival)


def find_arrival(
    rise: ArrayLike,
    dt_s: float,
    *,
    no_bolus: str,
    min_rise: float,
    steady_excess: float,
    min_baseline_frames: int = 3,
    arrival_share: float = 0.03,
    arrival_margin_s: float = 1.0,
    decay_share: float = 0.5,
    foot_s: float = 4.0,
    foot_share: float = 0.15,
) -> Baseline:
    """Find the frames before the bolus.

    Parameters
    ----------
    rise : (t,) array
        Mean of the brain, in a unit that rises in proportion to contrast agent: −ln S, or HU.
    dt_s : float
        Frame spacing, s.
    no_bolus : str
        What is said where there is no bolus.
    min_rise : float
        Smallest rise that is a bolus, in the unit of the curve; it must also be ten times the noise.
    steady_excess : float
        How far below the level before the bolus a frame at steady state lies at most, in the unit of the curve; never
        less than three times the noise.
    min_baseline_frames : int
        Fewest frames before the bolus.
    arrival_share, arrival_margin_s, decay_share, foot_s, foot_share : float
        See :func:`reperfuse.perfusion.bolus.find_baseline`.

    Returns
    -------
    Baseline

    Raises
    ------
    DataFault
        When the curve holds no bolus, ends before the bolus has passed, or has too few frames before it.
    """
    loss = np.asarray(rise, dtype=float)
    calm = median_filter(loss, 3, mode="nearest")  # one bad frame is no bolus
    peak = int(calm[1:].argmax()) + 1
    foot = _foot(calm[: peak + 1], max(round(foot_s / dt_s), 2), foot_share)
    level = np.median(calm[foot // 2 : foot + 1])  # the first frames may be too bright
    height = calm[peak] - level
    noise = sd_about_zero(np.diff(loss, 2)) / np.sqrt(6)
    if height < max(min_rise, 10 * noise):
        raise DataFault(no_bolus)
    if calm[peak:].min() - level > decay_share * height:
        raise DataFault(
            "the series ends before the bolus has passed: the curve does not return from its peak; export the whole "
            "series"
        )
    threshold = level + max(arrival_share * height, 3 * noise)
    onset = int(np.flatnonzero(calm[:peak] <= threshold)[-1]) + 1
    arrival = onset - int(np.ceil(arrival_margin_s / dt_s - 1e-6))
    reference = np.median(loss[max(arrival - max(arrival // 2, min_baseline_frames), 0) : max(arrival, 1)])
    excess = reference - loss[: max(arrival, 0)]
    steady = excess <= max(steady_excess, 3 * noise)
    first = int(steady.argmax()) if steady.any() else len(steady)
    # a frame that may hold contrast in arteries is better than none
    arrival = min(max(arrival, first + min_baseline_frames), onset - round(arrival_margin_s / dt_s))
    if arrival - first < min_baseline_frames:
        raise DataFault(
            f"the bolus arrives after {max(arrival - first, 0)} frames at steady state, at least {min_baseline_frames} "
            "needed; export the series from its first frame"
        )
    return Baseline(first, arrival)


def _foot(rise: Array, window: int, share: float) -> int:
    """Frame from which a curve rises to its last value: in the ``window`` before it, it rises by a small share only."""
    foot = len(rise) - 1
    while foot > 0:
        earlier = rise[max(foot - window, 0) : foot].min()
        if rise[foot] - earlier <= share * (rise[-1] - earlier):
            break
        foot -= 1
    return foot
