"""What becomes of the patients of a cohort."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr

from reperfuse.simulation.cohort.effects import Effects
from reperfuse.simulation.cohort.people import Columns

#: The worst of the NIH Stroke Scale.
_WORST = 42


def draw_outcomes(
    known: Columns, target: NDArray[np.bool_], reperfused: NDArray[np.bool_], rng: Generator, effects: Effects
) -> Columns:
    """Draw the NIH Stroke Scale at 24 h, day 5 and day 30, and the mRS at 90 days.

    What a patient's outcomes share beyond their causes is drawn once, so that who does badly does so throughout; each
    outcome by itself is as its model says.

    Parameters
    ----------
    known : dict of str to (n,) array
        The people and what their scans show.
    target, reperfused : (n,) bool array
        Who has the target profile, and whose deficit fell by more than half.
    rng : Generator
    effects : Effects
    """
    n = len(target)
    shared = rng.standard_normal(n)
    first, second, third, fourth = (0.8 * shared + 0.6 * rng.standard_normal(n) for _ in range(4))
    points, steps = known["nihss_baseline"], known["steps"]

    def nihss(at_0: float, per_point: float, per_ml: float, luck: NDArray[np.float64]) -> NDArray[np.int_]:
        expected = at_0 + per_point * points + effects.nihss_per_step * steps + per_ml * known["imr_ml"]
        # noise in proportion keeps the scale above 0, so that the expected value stays linear
        return np.clip(np.rint(expected * (1 + effects.nihss_noise * np.clip(luck, -2.5, 2.5))), 0, _WORST).astype(int)

    mrs = _draw_mrs(_log_odds_of_worse(known, target, reperfused, effects), ndtr(third), effects)
    responds = ndtr(fourth) < expit(_log_odds_of_response(known, target, reperfused, effects))
    return {
        "nihss_24h": nihss(effects.nihss_24h_at_0, effects.nihss_24h_per_point, effects.nihss_24h_per_ml, first),
        "nihss_day5": nihss(effects.nihss_day5_at_0, effects.nihss_day5_per_point, effects.nihss_day5_per_ml, second),
        "nihss_day30": _draw_day_30(points, responds, rng),
        "mrs_90d": mrs,
        "death_90d": (mrs == 6).astype(int),
    }


def _log_odds_of_worse(
    known: Columns, target: NDArray[np.bool_], reperfused: NDArray[np.bool_], effects: Effects
) -> NDArray[np.float64]:
    of_reperfusion = np.where(target, effects.mrs_odds_ratio_target, effects.mrs_odds_ratio_other)
    return (
        np.log(effects.mrs_odds_ratio_per_ml) * known["imr_ml"]
        + np.log(effects.mrs_odds_ratio_per_year) * (known["age"] - 70)
        + np.log(effects.mrs_odds_ratio_per_point) * (known["nihss_baseline"] - 15)
        + np.log(effects.mrs_odds_ratio_per_grade) * known["mrs_premorbid"]
        + np.log(of_reperfusion) * reperfused
    )


def _draw_mrs(worse: NDArray[np.float64], luck: NDArray[np.float64], effects: Effects) -> NDArray[np.int_]:
    """Draw grades by proportional odds: log odds of at most k are those of `Effects.mrs_shares`, less what is worse."""
    at_most = expit(logit(np.cumsum(effects.mrs_shares)[:-1])[None, :] - worse[:, None])
    return (luck[:, None] > at_most).sum(axis=1).astype(int)


def _log_odds_of_response(
    known: Columns, target: NDArray[np.bool_], reperfused: NDArray[np.bool_], effects: Effects
) -> NDArray[np.float64]:
    odds = np.where(target, effects.response_odds_target, effects.response_odds_other)
    ratio = np.where(target, effects.response_odds_ratio_target, effects.response_odds_ratio_other)
    return (
        np.log(odds) + np.log(ratio) * reperfused + np.log(effects.response_odds_ratio_per_year) * (known["age"] - 70)
    )


def _draw_day_30(points: NDArray[np.int_], responds: NDArray[np.bool_], rng: Generator) -> NDArray[np.int_]:
    """Draw the scale at day 30: 0, 1 or lower by 8 or more for who responds, else neither."""
    least = np.where(responds, 0, np.maximum(2, points - 7))
    most = np.where(responds, np.maximum(1, points - 8), np.minimum(_WORST, points + 4))
    return (least + np.floor(rng.random(len(points)) ** 1.3 * (most - least + 1))).astype(int)
