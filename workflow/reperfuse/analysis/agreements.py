"""How far measurements of the same patients agree: another product or reader, and the automatic lesion."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import pandas as pd

from reperfuse.analysis.estimates.agreement import bland_altman, class_changes, icc_a1, kappa
from reperfuse.analysis.estimates.estimate import Estimate, not_estimable
from reperfuse.analysis.estimates.proportions import wilson
from reperfuse.study.vocabulary import RATINGS

#: A core of this volume decides on a patient, mL (DEFUSE 3, doi:10.1056/NEJMoa1713973).
_LARGE_CORE_ML = 70.0
#: Measures that the methods text has a sentence of.
KAPPA, OVERLAP = "kappa of a core of 70 mL or more", "Dice, median"
RATERS_KAPPA, RATERS_PERCENT = "weighted kappa of the ratings", "sessions rated alike, %"
#: Sessions rated by both. With 8 of 10 alike, kappa's interval reaches 0.4 either way: of fewer it would say nothing.
_LEAST_SESSIONS = 10


def agreements(frame: pd.DataFrame, compared: Mapping[str, str]) -> list[dict[str, Any]]:
    """Set volumes of another product or reader against ours.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.
    compared : mapping of str to str
        The other's column, and ours.

    Returns
    -------
    list of rows
        ``other, ours, measure, n, value, low, high, p, note``: Bland and Altman's bias (other − ours) and limits of
        agreement, ICC(A,1), and for cores κ of being large and how many patients change that.
    """
    return [row for other, ours in compared.items() for row in _compare(frame, other, ours)]


def lesion_agreement(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Set the automatic follow-up lesion against an expert's, where that is the one used.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.

    Returns
    -------
    list of rows
        Of the volumes as `agreements` has them, and the median overlap of the masks; none without such patients.
    """
    drawn = frame[frame["lesion_source"] == "expert"]
    drawn = drawn[drawn["lesion_automatic_ml"].notna()]
    if drawn.empty:
        return []
    volumes = ("lesion_automatic_ml", "infarct_followup_ml")
    return [*_compare(drawn, *volumes), _row(*volumes, OVERLAP, _quartiles(drawn["lesion_dice"].dropna()))]


def agreement_of_raters(ratings: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Set the ratings of two readers against each other, for each two who rate some session both.

    Parameters
    ----------
    ratings : sequence of rows
        ``participant_id, session_id, rater, rating``: one of each rater and session.

    Returns
    -------
    list of rows
        As `agreements` has them: the share of sessions rated alike, %, with Wilson's interval, and Cohen's κ of
        accept, doubt and reject, weighted by the squared distance.
    """
    by_rater: dict[str, dict[tuple[str, str], str]] = {}
    for row in ratings:
        by_rater.setdefault(row["rater"], {})[row["participant_id"], row["session_id"]] = row["rating"]
    rows = []
    for one, other in combinations(sorted(by_rater), 2):
        both = sorted(by_rater[one].keys() & by_rater[other].keys())
        if both:
            pair = [by_rater[one][key] for key in both], [by_rater[other][key] for key in both]
            for measure, found in _of_two_raters(*pair).items():
                rows.append(_row(f"rater {other}", f"rater {one}", measure, found))
    return rows


def _of_two_raters(one: Sequence[str], other: Sequence[str]) -> dict[str, Estimate]:
    n = len(one)
    if n < _LEAST_SESSIONS:
        none = not_estimable(f"only {n} sessions are rated by both, at least {_LEAST_SESSIONS} needed", n)
        return {RATERS_PERCENT: none, RATERS_KAPPA: none}
    alike = wilson(sum(a == b for a, b in zip(one, other, strict=True)), n)
    percent = Estimate(n, 100 * alike.value, 100 * alike.low, 100 * alike.high)
    weighted = kappa(one, other, RATINGS)
    note = weighted.note or "n counts sessions, and sessions of one patient are treated as independent"
    return {RATERS_PERCENT: percent, RATERS_KAPPA: replace(weighted, note=note)}


def _compare(frame: pd.DataFrame, other: str, ours: str) -> Iterator[dict[str, Any]]:
    pair = frame[[other, ours]].dropna()
    limits = bland_altman(pair[other], pair[ours])
    found = {
        "bias, mL": limits.bias,
        "lower limit of agreement, mL": limits.lower,
        "upper limit of agreement, mL": limits.upper,
        "ICC(A,1)": icc_a1(pair[other], pair[ours]),
    }
    if "core" in ours:
        large = pair[other] >= _LARGE_CORE_ML, pair[ours] >= _LARGE_CORE_ML
        found[KAPPA] = kappa(*large)
        found["patients who change between below and above 70 mL"] = _changed(class_changes(*large))
    yield from (_row(other, ours, measure, one) for measure, one in found.items())


def _row(other: str, ours: str, measure: str, one: Estimate) -> dict[str, Any]:
    values = {"n": one.n, "value": one.value, "low": one.low, "high": one.high, "p": one.p, "note": one.note}
    return {"other": other, "ours": ours, "measure": measure} | values


def _quartiles(overlaps: pd.Series) -> Estimate:
    if overlaps.empty:
        return not_estimable("both lesions are empty in every patient", 0)
    low, middle, high = (float(overlaps.quantile(share)) for share in (0.25, 0.5, 0.75))
    return Estimate(len(overlaps), middle, low, high, note="low and high are the quartiles")


def _changed(table: pd.DataFrame) -> Estimate:
    counts = table.to_numpy()
    return Estimate(int(counts.sum()), float(counts.sum() - counts.trace()))
