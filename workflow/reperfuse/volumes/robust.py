"""Spread and weights that outliers do not move."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from reperfuse.volumes.arrays import Array


def bisquare(residual: Array) -> Array:
    """Tukey's weights at 4.685 robust standard deviations."""
    scale = 4.685 * 1.4826 * np.median(np.abs(residual)) + 1e-12
    return np.clip(1 - (residual / scale) ** 2, 0, None) ** 2


#: Robust SD of a normal distribution from its median absolute deviation.
MAD_TO_SD = 1.4826


def median(values: NDArray[np.float32]) -> float:
    """Return the median; NaN of nothing."""
    return float(np.median(values)) if values.size else math.nan


def robust_sd(values: NDArray[np.float32]) -> float:
    """Return the standard deviation of a normal distribution with this median absolute deviation; NaN of nothing."""
    return MAD_TO_SD * median(np.abs(values - median(values)))
