"""What became of the perfusion deficit."""

import math

import numpy as np
from numpy.typing import NDArray

#: What became of the deficit: the values of `deficit_change`.
RECOVERED, PERSISTENT, NEW = 1, 2, 3


def deficit_change(
    before: NDArray[np.bool_], after: NDArray[np.bool_], brain: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Label each voxel by its deficit before and after treatment: 1 recovered, 2 persistent, 3 new, 0 never.

    Parameters
    ----------
    before, after : ndarray of bool, (x, y, z)
        Tissue with a deficit in either session, on one grid.
    brain : ndarray of bool, (x, y, z)
        What of it was seen after treatment.
    """
    labels = np.zeros(before.shape, np.float32)
    labels[before & ~after & brain] = RECOVERED
    labels[before & after] = PERSISTENT
    labels[~before & after] = NEW
    return labels


def reperfusion_fraction(baseline_ml: float, post_ml: float) -> float:
    """Return the fall of the deficit's volume as a share of its baseline; NaN without a baseline deficit."""
    return 1 - post_ml / baseline_ml if baseline_ml > 0 else math.nan


def is_reperfused(fraction: float, more_than: float) -> bool | None:
    """Tell whether the deficit fell by more than a share; None where that is not known."""
    return None if math.isnan(fraction) else fraction > more_than
