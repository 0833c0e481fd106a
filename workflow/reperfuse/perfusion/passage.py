"""Whether a series can be the first passage of a bolus, in the order of time."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import median_filter

from reperfuse.faults import DataFault
from reperfuse.perfusion.bolus import Baseline
from reperfuse.volumes.arrays import Array

#: A bolus rises faster than it falls: steepest rise over steepest fall of one that does not, and of a doubtful one.
_BACKWARD, _DOUBTFUL = 0.7, 1.0
#: Contrast agent stays: level at the end, of the peak above the baseline, below which none is left.
_NOTHING_LEFT = 0.2
#: Frames that are compared, and difference from frame to frame, of that between slices: above one only if swapped.
_COMPARED, _SWAPPED = 10, 1.3
#: Share of the frames.
_MOST_COPIES = 0.3
#: Frames whose median is the level at the end.
_LAST = 5


def check_frames(series: Array) -> list[str]:
    """Tell frames that were read from copies of the one before: noise is never the same twice.

    Parameters
    ----------
    series : (x, y, z, t) array
        As stored, a.u.

    Returns
    -------
    list of str
        A sentence if there are copies, else nothing.

    Raises
    ------
    DataFault
        If they are many: the time between frames is not what it is said to be.
    """
    frames = np.moveaxis(series, 3, 0)
    copies = sum(bool((later == earlier).all()) for earlier, later in pairwise(frames))
    said = f"{copies} of {len(frames)} frames are copies of the frame before"
    if copies > _MOST_COPIES * len(frames):
        raise DataFault(f"{said}, so the course of the bolus is not known; export the series again")
    return [said] if copies else []


def check_order(series: Array) -> None:
    """Tell a series whose images were stored slice by slice, in place of volume by volume.

    What should be neighbouring slices are then one slice at successive times, and are more alike than two frames.

    Parameters
    ----------
    series : (x, y, z, t) array
        As stored, slices along z, a.u.

    Raises
    ------
    DataFault
        If it is one.
    """
    if series.shape[2] < 2 or series.shape[3] < 2:
        return
    picked = np.linspace(0, series.shape[3] - 2, min(_COMPARED, series.shape[3] - 1)).astype(int)
    over_time = np.nanmean(np.abs(series[..., picked + 1] - series[..., picked]))
    over_slices = np.nanmean(np.abs(np.diff(series[..., picked], axis=2)))
    if over_time > _SWAPPED * over_slices:
        raise DataFault(
            "slices and frames are swapped: neighbouring slices are more alike than one slice is from frame to frame; "
            "convert the series again"
        )


def check_direction(mean_signal: ArrayLike, baseline: Baseline) -> list[str]:
    """Tell a bolus from one whose frames are in reverse order.

    Tissue is a low-pass filter of what arrives, and recirculation keeps contrast agent in the blood: ΔR2* rises
    faster than it falls, and does not come back to where it was. A curve that does neither runs backwards.

    Parameters
    ----------
    mean_signal : (t,) array
        Mean signal over the brain, a.u.
    baseline : Baseline
        Frames before the bolus.

    Returns
    -------
    list of str
        A sentence where it is doubtful, else nothing.

    Raises
    ------
    DataFault
        If the curve runs backwards.
    """
    loss = -np.log(np.asarray(mean_signal, dtype=float))
    calm = median_filter(loss, 3, mode="nearest") - np.median(loss[baseline.frames])
    peak = baseline.arrival + int(calm[baseline.arrival :].argmax())
    if peak + 1 >= len(calm):
        return []
    steps = np.diff(calm)
    rise, fall = steps[:peak].max(initial=0.0), -steps[peak:].min(initial=0.0)
    left = np.median(calm[-_LAST:]) / calm[peak]
    if left > _NOTHING_LEFT or rise >= _DOUBTFUL * fall:
        return []
    said = "the bolus rises more slowly than it falls, and no contrast is left in the end"
    if rise < _BACKWARD * fall:
        raise DataFault(f"{said}, so the frames are in reverse order; sort them by time")
    return [f"{said}; check that the frames are in the order of time"]
