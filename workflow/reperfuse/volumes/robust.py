"""Spread and weights that outliers do not move."""

from __future__ import annotations

import math

import numpy as np

from reperfuse.volumes.arrays import Array

#: Standard deviation of a normal distribution over its median absolute deviation.
MAD_TO_SD = 1.4826


def median(values: Array) -> float:
    """Return the median; NaN of nothing."""
    return float(np.median(values)) if values.size else math.nan


def sd_about_zero(residual: Array) -> float:
    """Return the standard deviation of a normal distribution about zero with these absolute values' median."""
    return MAD_TO_SD * median(np.abs(residual))


def robust_sd(values: Array) -> float:
    """Return the standard deviation of a normal distribution with this median absolute deviation; NaN of nothing."""
    return sd_about_zero(values - median(values))


def bisquare(residual: Array) -> Array:
    """Tukey's weights at 4.685 robust standard deviations."""
    scale = 4.685 * MAD_TO_SD * median(np.abs(residual)) + 1e-12
    return np.clip(1 - (residual / scale) ** 2, 0, None) ** 2
