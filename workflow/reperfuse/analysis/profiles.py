"""Whether those with a target profile are those who profit from reperfusion (after doi:10.1016/S1474-4422(12)70203-X)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from reperfuse.analysis.estimates.contrasts import hodges_lehmann
from reperfuse.analysis.estimates.logistic import interaction_effect, logistic_effect

#: Outcomes of the table that are yes or no.
OUTCOMES = ("favourable_response", "mrs_0_2")
PROFILES = ("target", "no target")
_GROWTH = "growth_ml"


def profile_effects(
    frame: pd.DataFrame, covariates: Sequence[str], remarks: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Compare patients who reperfused with those who did not, in each profile.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.
    covariates : sequence of str
        Its columns, of the adjusted models.
    remarks : mapping
        How an outcome was made.

    Returns
    -------
    list of rows
        For each outcome, model and profile: ``n_reperfused, reperfused, n_not, not_reperfused`` (number with the
        outcome, or median [quartiles]), ``measure`` (odds ratio, or shift in mL), ``value, low, high, p, note``; and a
        row with the profile ``interaction``: the ratio of the odds ratios and its p.
    """
    people = frame[frame["profile"].notna() & frame["reperfused"].notna()]
    rows = [row for outcome in OUTCOMES for row in _odds(people, outcome, covariates, remarks.get(outcome, ""))]
    return rows + [_shift(people, profile) for profile in PROFILES]


def _odds(people: pd.DataFrame, outcome: str, covariates: Sequence[str], remark: str) -> Iterator[dict[str, Any]]:
    for model, names in (("unadjusted", ()), ("adjusted", covariates)):
        if model == "adjusted" and not names:
            continue
        both = interaction_effect(people, outcome, "reperfused", "profile", names)
        for profile in PROFILES:
            of_profile = people[people["profile"] == profile]
            # without covariates a profile is a model of its own; with them, one model holds both
            alone = logistic_effect(of_profile, outcome, "reperfused") if not names else None
            found = alone or both.strata.get(profile) or both.interaction
            yield {
                **_head(outcome, profile, model, names),
                **_counts(of_profile, outcome),
                "measure": "odds ratio",
                **_values(found, remark),
            }
        yield {
            **_head(outcome, "interaction", model, names),
            "measure": "ratio of odds ratios",
            **_values(_as_target(both.interaction, list(both.strata)), remark),
        }
