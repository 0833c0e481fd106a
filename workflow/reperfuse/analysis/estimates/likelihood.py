"""The maximum of a log likelihood by Newton's method."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Gives, of the coefficients: log likelihood, its gradient, and the information (minus its second derivative).
Likelihood = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]

MOST_STEPS = 200
SMALLEST_STEP = 1e-10
LARGEST_STEP = 5.0  # of a coefficient for an SD of its column


@dataclass(frozen=True)
class Maximum:
    """Where a log likelihood is largest.

    Attributes
    ----------
    coefficients : (k,) float array
    covariance : (k, k) float array
        Inverse of the information.
    value : float
        Log likelihood.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    value: float


def maximise(likelihood: Likelihood, start: np.ndarray, free: np.ndarray | None = None) -> Maximum | None:
    """Return the maximum of a log likelihood over some or all of its coefficients.

    Parameters
    ----------
    likelihood : Likelihood
    start : (k,) float array
        Where to begin.
    free : (k,) bool array, optional
        Coefficients that may move; all if not given.

    Returns
    -------
    Maximum or None
        None where it is not reached, or the information there is singular.
    """
    moving = np.ones(len(start), bool) if free is None else free
    here = start.astype(float)
    value, gradient, information = likelihood(here)
    for _ in range(MOST_STEPS):
        step = np.zeros_like(here)
        try:
            step[moving] = np.linalg.solve(information[np.ix_(moving, moving)], gradient[moving])
        except np.linalg.LinAlgError:
            return None
        largest = np.abs(step).max(initial=0)
        if not np.isfinite(largest):
            return None
        if largest < SMALLEST_STEP:
            return _maximum(here, value, information)
        step *= min(1.0, LARGEST_STEP / largest)
        there = likelihood(here + step)
        while there[0] < value - 1e-12 * abs(value) and np.abs(step).max() > SMALLEST_STEP:
            step /= 2
            there = likelihood(here + step)
        here, (value, gradient, information) = here + step, there
    return None


def _maximum(coefficients: np.ndarray, value: float, information: np.ndarray) -> Maximum | None:
    if np.linalg.cond(information) > 1e12:
        return None
    return Maximum(coefficients, np.linalg.inv(information), value)
