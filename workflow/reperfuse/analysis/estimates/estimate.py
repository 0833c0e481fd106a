"""An estimate with its interval, or why there is none."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

Z95 = float(norm.ppf(0.975))


@dataclass(frozen=True)
class Estimate:
    """A number, its 95 % interval, and on how many patients it rests.

    Attributes
    ----------
    n : int
        Patients used: those of whom every value is known. Nothing is imputed.
    value, low, high : float
        The estimate and its 95 % interval; NaN where there is none.
    p : float
        Two-sided p of no effect; NaN where there is no such test.
    note : str
        ``"not estimable: <why>"``, or a caution to be read with the number.
    events : int, optional
        Patients with the outcome, where that is yes or no.
    method : str
        How it was computed, where that depends on the data.
    r2 : float
        Share of the outcome's variance that a linear model explains.
    """

    n: int
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    note: str = ""
    events: int | None = None
    method: str = ""
    r2: float = math.nan


def not_estimable(reason: str, n: int, events: int | None = None) -> Estimate:
    """Return the estimate that there is none, and why."""
    return Estimate(n, note=f"not estimable: {reason}", events=events)


def to_ratios(value: float, low: float, high: float) -> tuple[float, float, float]:
    """Return exp of each; infinite where that is too large for a number."""
    with np.errstate(over="ignore"):
        return float(np.exp(value)), float(np.exp(low)), float(np.exp(high))
