"""What impaired reflow (IMR) goes with: the deficit in the first days, and disability at 90 days."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from reperfuse.analysis.cohort import judged
from reperfuse.analysis.estimates.estimate import Estimate
from reperfuse.analysis.estimates.linear import linear_effect
from reperfuse.analysis.estimates.logistic import logistic_effect
from reperfuse.analysis.estimates.ordinal import brant_test, ordinal_effect, proportional_odds_test

#: Outcomes at 90 days that are yes or no.
YES_OR_NO = ("mrs_0_1", "mrs_0_2", "death_90d")
#: What one more of an exposure is, where its unit is not enough.
_STEPS = {"imr_significant": "yes against no", "imr_ml": "for each mL", "imr_percent": "for each % of the lesion"}


def linear_models(
    frame: pd.DataFrame, outcomes: Sequence[str], exposures: Sequence[str], covariates: Sequence[str]
) -> list[dict[str, Any]]:
    """Explain the deficit by IMR, in the patients in whom reflow can be judged.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.
    outcomes, exposures, covariates : sequence of str
        Its columns.

    Returns
    -------
    list of rows
        For each outcome, exposure and model: ``n, beta, low, high`` (95 % interval, HC3), ``p, r2, note``.
    """
    people = judged(frame)
    rows = []
    for head, names in _models(outcomes, exposures, covariates):
        found = linear_effect(people, head["outcome"], head["exposure"], names)
        rows.append(head | _interval("beta", found) | {"r2": found.r2, "note": found.note})
    return rows


def disability_models(frame: pd.DataFrame, exposures: Sequence[str], covariates: Sequence[str]) -> list[dict[str, Any]]:
    """Explain disability at 90 days by IMR: every grade (ordinal), and grades taken together.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.
    exposures, covariates : sequence of str
        Its columns.

    Returns
    -------
    list of rows
        For each outcome, exposure and model: ``method, n, events, odds_ratio, low, high, p`` (an odds ratio above 1 of
        ``mrs_90d`` is one of more disability), ``proportional_odds_p`` (score test), ``brant_p`` and ``note``.
    """
    people = judged(frame)
    rows = []
    for head, names in _models(["mrs_90d", *YES_OR_NO], exposures, covariates):
        asked = (people, head["outcome"], head["exposure"], names)
        if head["outcome"] == "mrs_90d":
            found, proportional, brant = (test(*asked) for test in (ordinal_effect, proportional_odds_test, brant_test))
            # a p that comes with a caution is no p to print
            more = {"method": "proportional odds", "proportional_odds_p": proportional.p}
            more |= {"brant_p": math.nan if brant.note else brant.p}
            note = "; ".join(filter(None, (found.note, _untested(found, proportional))))
        else:
            found = logistic_effect(*asked)
            more, note = {"method": found.method}, found.note
        rows.append(head | more | {"events": found.events} | _interval("odds_ratio", found) | {"note": note})
    return rows


def _untested(effect: Estimate, proportional: Estimate) -> str:
    """Say that odds were not tested to be proportional, where there is an effect."""
    if not proportional.note or effect.note.startswith("not estimable"):
        return ""
    return f"proportional odds not tested: {proportional.note.removeprefix('not estimable: ')}"


def _models(
    outcomes: Sequence[str], exposures: Sequence[str], covariates: Sequence[str]
) -> Iterator[tuple[dict[str, Any], Sequence[str]]]:
    """Yield what a row begins with, and the covariates of its model."""
    for outcome in outcomes:
        for exposure in exposures:
            head = {"outcome": outcome, "exposure": exposure, "unit": _STEPS.get(exposure, "for each unit")}
            yield head | {"model": "unadjusted", "covariates": ""}, ()
            if names := [name for name in covariates if name not in (outcome, exposure)]:
                yield head | {"model": "adjusted", "covariates": ", ".join(names)}, names


def _interval(name: str, found: Estimate) -> dict[str, Any]:
    return {"n": found.n, name: found.value, "low": found.low, "high": found.high, "p": found.p}
