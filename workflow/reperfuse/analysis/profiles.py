"""Whether patients with a target profile are those who profit from reperfusion (doi:10.1016/S1474-4422(12)70203-X)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from reperfuse.analysis.estimates.contrasts import hodges_lehmann, too_few_in_group
from reperfuse.analysis.estimates.estimate import Estimate, not_estimable
from reperfuse.analysis.estimates.logistic import interaction_effect, logistic_effect
from reperfuse.analysis.wording import patients, quartiles

#: Outcomes of the table that are yes or no.
OUTCOMES = ("favourable_response", "mrs_0_2")
PROFILES = ("target", "no target")


def profile_effects(frame: pd.DataFrame, covariates: Sequence[str], remarks: Mapping[str, str]) -> list[dict[str, Any]]:
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
        For each outcome, model and profile: ``reperfused`` and ``not_reperfused`` (number with the outcome of all, or
        median [quartiles] and n), ``measure`` (odds ratio, or Hodges and Lehmann's shift in mL), ``value, low, high,
        p, note``; and with the profile ``interaction`` the ratio of the odds ratio with a target profile to that
        without one.
    """
    people = frame[frame["profile"].notna() & frame["reperfused"].notna()]
    rows = [row for outcome in OUTCOMES for row in _odds(people, outcome, covariates, remarks.get(outcome, ""))]
    return rows + [_shift(people[people["profile"] == profile], profile) for profile in PROFILES]


def _odds(people: pd.DataFrame, outcome: str, covariates: Sequence[str], remark: str) -> Iterator[dict[str, Any]]:
    for model, names in {"unadjusted": (), "adjusted": tuple(covariates)}.items():
        if model == "adjusted" and not names:
            continue
        both = interaction_effect(people, outcome, "reperfused", "profile", names)
        head = {"outcome": outcome, "model": model, "covariates": ", ".join(names)}
        for profile in PROFILES:
            of_profile = people[people["profile"] == profile]
            # without covariates a profile is a model of its own; with them one model holds both
            found = (
                both.strata.get(profile, both.interaction)
                if names
                else logistic_effect(of_profile, outcome, "reperfused")
            )
            counts = {
                name: f"{int((group == 1).sum())} of {len(group)}" for name, group in _groups(of_profile, outcome)
            }
            yield head | {"profile": profile} | counts | _estimate("odds ratio", found, remark)
        yield head | {"profile": "interaction"} | _estimate("ratio of odds ratios", both.interaction, remark)


def _shift(people: pd.DataFrame, profile: str) -> dict[str, Any]:
    groups = dict(_groups(people, "growth_ml"))
    why = too_few_in_group(min(map(len, groups.values())))
    found = not_estimable(why, len(people)) if why else hodges_lehmann(groups["reperfused"], groups["not_reperfused"])
    shown = {
        name: ", ".join(filter(None, (quartiles(values), patients(len(values))))) for name, values in groups.items()
    }
    head = {"outcome": "growth_ml", "model": "unadjusted", "covariates": "", "profile": profile}
    return head | shown | _estimate("shift, mL", found, "")


def _groups(people: pd.DataFrame, outcome: str) -> Iterator[tuple[str, pd.Series]]:
    for name, value in (("reperfused", 1), ("not_reperfused", 0)):
        yield name, people.loc[people["reperfused"] == value, outcome].dropna()


def _estimate(measure: str, found: Estimate, remark: str) -> dict[str, Any]:
    note = "; ".join(filter(None, (found.note, remark)))
    values = {"n": found.n, "value": found.value, "low": found.low, "high": found.high, "p": found.p}
    return {"measure": measure} | values | {"note": note}
