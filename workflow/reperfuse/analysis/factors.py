"""What goes with impaired reflow (IMR): factors one by one, and together as far as the patients with IMR allow."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reperfuse.analysis.cohort import judged
from reperfuse.analysis.estimates.design import EVENTS_PER_COEFFICIENT
from reperfuse.analysis.estimates.estimate import Estimate
from reperfuse.analysis.estimates.logistic import firth_effect


def factors_of_imr(frame: pd.DataFrame, factors: Sequence[str]) -> list[dict[str, Any]]:
    """Explain IMR by each factor alone, and by the first of them together.

    Each factor more than one asks for 5 patients with IMR, or without if they are fewer (Vittinghoff & McCulloch 2007,
    doi:10.1093/aje/kwk052). The factors of the joint model are taken in the order they are given, not by their p.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.
    factors : sequence of str
        Its columns; of text each class but the first is a factor.

    Returns
    -------
    list of rows
        ``factor, model, covariates, n, events, odds_ratio, low, high, p`` (Firth's penalised likelihood), ``note``.
    """
    people, names = _as_numbers(judged(frame), factors)
    rows = [_row(name, firth_effect(people, "imr_significant", name)) for name in names]
    impaired = int((people["imr_significant"] == 1).sum())
    rarer, which = min((impaired, "with"), (len(people) - impaired, "without"))
    together = [name for name in names if people[name].min() < people[name].max()][: rarer // EVENTS_PER_COEFFICIENT]
    if len(together) < 2:
        least = 2 * EVENTS_PER_COEFFICIENT
        note = f"not estimable: only {rarer} patients {which} IMR, at least {least} needed for two factors together"
        return [*rows, _row("", Estimate(len(people), events=impaired, note=note), model="together")]
    for name in together:
        others = [other for other in together if other != name]
        rows.append(_row(name, firth_effect(people, "imr_significant", name, others), others, model="together"))
    return rows


def _as_numbers(people: pd.DataFrame, factors: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Return the patients with a column of 0 and 1 for each class of text but the first, and the factors' columns."""
    names = []
    for factor in factors:
        if pd.api.types.is_numeric_dtype(people[factor]):
            names.append(factor)
            continue
        for level in sorted(people[factor].dropna().unique())[1:]:
            is_it = (people[factor] == level).astype(float).where(people[factor].notna())
            people = people.assign(**{f"{factor} {level}": is_it})
            names.append(f"{factor} {level}")
    return people, names


def _row(name: str, found: Estimate, others: Sequence[str] = (), model: str = "alone") -> dict[str, Any]:
    return {
        "factor": name,
        "model": model,
        "covariates": ", ".join(others),
        "n": found.n,
        "events": found.events,
        "odds_ratio": found.value,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "note": found.note,
    }
