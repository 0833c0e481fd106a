"""What the scans of a cohort show: core, deficit, growth and reflow, as volumes."""

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from reperfuse.mismatch.criteria import Curve
from reperfuse.mismatch.stability import COREGISTERED, TABULATED, thresholds
from reperfuse.serial.reflow import THRESHOLDS
from reperfuse.simulation.cohort.effects import Effects, Rules
from reperfuse.simulation.cohort.people import Columns

#: Volume of IMR at each threshold of the asymmetry, and of what noise gives for it, over those at 15 %.
ASYMMETRY = dict(
    zip(THRESHOLDS, ((1.5, 2.4), (1.0, 1.0), (0.7, 0.45), (0.5, 0.15), (0.3, 0.05), (0.1, 0.01)), strict=True)
)
#: What is impaired by more than this counts, mL.
SIGNIFICANT_ML = 5.0
#: The least volume of a deficit that is told from noise, mL.
_LEAST_ML = 3.0


def draw_baseline(people: Columns, rng: Generator, effects: Effects) -> Columns:
    """Draw core and deficit before treatment, and both after it, in mL."""
    n = len(people["age"])
    large = rng.standard_normal(n)
    core = np.clip(np.exp(np.log(22) + 0.95 * (0.5 * large + 0.87 * rng.standard_normal(n))), 1.5, 150)
    deficit = np.clip(np.exp(np.log(85) + 0.45 * large), 12, 260)
    covered = 0.75 + 0.24 * rng.random(n)
    core = np.round(np.minimum(core, 0.95 * deficit / covered), 2)
    shares = np.array([effects.reperfused_shares[grade] for grade in people["mtici"]])
    fell, depth = rng.random(n) < shares, rng.random(n)
    left = np.where(fell, 0.45 * (1 - depth) ** 3, 0.55 + 0.55 * depth)
    after = np.round(deficit * left, 2)
    after = np.where(after < _LEAST_ML, 0.0, after)
    return {
        "core_ml": core,
        "tmax6_ml": np.round(deficit, 2),
        "core_covered": np.round(covered, 3),
        "tmax_scale_s": np.round(2.5 + 5.5 * rng.random(n), 2),
        "post_core_ml": np.round(core * (0.92 + 0.35 * rng.random(n)), 2),
        "post_tmax6_ml": after,
        "late_tmax6_ml": np.where(after < 2 * _LEAST_ML, 0.0, np.round(0.5 * after, 2)),
        "has_post": rng.random(n) >= effects.without_post,
        "has_late": rng.random(n) < effects.with_late,
    }


def draw_course(known: Columns, target: NDArray[np.bool_], rng: Generator, effects: Effects) -> Columns:
    """Draw the follow-up lesion and what of it is not reperfused, in mL.

    Parameters
    ----------
    known : dict of str to (n,) array
        The people and what their baseline shows.
    target : (n,) bool array
        Who has the target profile.
    rng : Generator
    effects : Effects
    """
    n, core = len(target), known["core_ml"]
    reperfused = known["post_tmax6_ml"] < 0.5 * known["tmax6_ml"]
    middle = np.array([effects.growth_ml[bool(a), bool(b)] for a, b in zip(target, reperfused, strict=True)])
    growth = middle + 12 * (np.exp(0.6 * rng.standard_normal(n)) - 1)
    odds = effects.imr_odds_grade_3 * np.where(known["steps"] > 0, effects.imr_odds_ratio_below_3, 1.0)
    impaired = rng.random(n) < odds / (1 + odds)
    size, noise, stays = rng.random(n), rng.random(n), rng.random(n)
    large = SIGNIFICANT_ML + 0.3 - 6 * np.log(1 - 0.98 * size)
    # a lesion holds what of it is impaired
    lesion = np.round(np.maximum(np.maximum(core + growth, 0.3 * core), np.where(impaired, large / 0.85, 0.5)), 2)
    imr = np.round(np.where(impaired, large, np.minimum(4.6 * np.maximum(noise - 0.4, 0), 0.4 * lesion)), 2)
    late = stays < np.where(impaired, effects.late_persistent, effects.late_onset)
    return {
        "lesion_ml": lesion,
        "late_core_ml": np.round(0.9 * lesion, 2),
        "unswollen_ml": np.round(lesion * (0.92 + 0.08 * rng.random(n)), 2),
        "imr_ml": imr,
        "imr_null_ml": np.round(lesion * (0.004 + 0.03 * rng.random(n)), 2),
        "asymmetry": np.round(0.06 * rng.standard_normal(n) + 0.04 - 0.5 * imr / lesion, 3),
        "imr_covered": np.round(0.8 + 0.2 * rng.random(n), 3),
        "late_imr_ml": np.round(np.where(late, np.maximum(imr, SIGNIFICANT_ML + 0.5), 0.3 * np.minimum(imr, 4.0)), 2),
        "expert": rng.random(n) < 0.7,
    }


def draw_automatic(lesion_ml: NDArray[np.float64], rng: Generator) -> Columns:
    """Draw the follow-up lesion as it is found automatically (mL), and its overlap with an expert's.

    The overlap (Dice) is less than volumes so different allow, by what lies elsewhere.

    Parameters
    ----------
    lesion_ml : (n,) array
        The expert's.
    rng : Generator
    """
    n = len(lesion_ml)
    found = np.round(lesion_ml * np.exp(0.1 * rng.standard_normal(n)), 2)
    most = 2 * np.minimum(lesion_ml, found) / (lesion_ml + found)
    placed = np.clip(0.84 + 0.05 * rng.standard_normal(n), 0.6, 0.98)
    return {"automatic_ml": found, "dice": np.round(most * placed, 3)}


def curves(core_ml: float, deficit_ml: float, scale_s: float, covered: float, rules: Rules) -> dict[str, Curve]:
    """Return volume (mL) against the threshold of each map, for a session.

    The volume above a threshold of Tmax falls exponentially, tissue without any delay has a Tmax of 3 s, and relative
    TTP is 1.5 s less than Tmax; that of the core rises a little with the one of ADC.

    Parameters
    ----------
    core_ml, deficit_ml : float
        At the core's own threshold, and at Tmax > 6 s.
    scale_s : float
        Over which the deficit falls by a factor e.
    covered : float
        Share of the core that lies in the deficit.
    rules : Rules
    """

    def curve(source: str, volume: Callable[[float], float]) -> Curve:
        core_at = rules.core_threshold if source == "adc" else None
        return [(at, round(volume(at), 2)) for at in thresholds(source, rules.half_widths[source], core_at)]

    def late(at_s: float) -> float:
        return deficit_ml * math.exp(-(at_s - 6) / scale_s)

    def lesion(at: float) -> float:
        return core_ml * (1 + 0.8 * (at / rules.core_threshold - 1))

    def outside(deficit: float, core: float) -> float:
        return max(deficit - covered * core, 0.05 * deficit)

    low_flow = 0.9 * min(core_ml, deficit_ml)
    return {
        "adc": curve("adc", lesion),
        "tmax": curve("tmax", late),
        "delay": curve("delay", lambda at_s: late(at_s + 3)),
        "arterial_delay": [(at_s, round(late(at_s + 3), 2)) for at_s in TABULATED["arterial_delay"]],
        "rttp": [(at_s, round(late(at_s + 1.5), 2)) for at_s in TABULATED["rttp"]],
        "rcbf": curve("rcbf", lambda share: low_flow * (share / 0.3) ** 1.5),
        "rmtt": curve("rmtt", lambda share: late(4.5) * (1.5 / share) ** 2),
        COREGISTERED["core_ml"]: curve("adc", lambda at: outside(deficit_ml, lesion(at))),
        COREGISTERED["tmax6_ml"]: curve("tmax", lambda at_s: outside(late(at_s), core_ml)),
    }
