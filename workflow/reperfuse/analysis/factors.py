"""What goes with impaired reflow (IMR): factors one by one, and together as far as the patients with IMR allow."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reperfuse.analysis.cohort import judged
from reperfuse.analysis.estimates.design import PER_COVARIATE
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
        Its columns of numbers.

    Returns
    -------
    list of rows
        ``factor, model, covariates, n, events, odds_ratio, low, high, p`` (Firth's penalised likelihood), ``note``.
    """
    people = judged(frame)
    known = [name for name in factors if people[name].nunique() > 1]
    rows = [_row(name, firth_effect(people, "imr_significant", name)) for name in factors]
    impaired = int((people["imr_significant"] == 1).sum())
    rarer = min(impaired, len(people) - impaired)
    together = known[: rarer // PER_COVARIATE]
    if len(together) < 2:
        least = 2 * PER_COVARIATE
        note = f"not estimable: {rarer} patients with or without IMR, and {least} are needed for two factors together"
        return [*rows, _row("", Estimate(len(people), events=impaired, note=note), model="together")]
    for name in together:
        others = [other for other in together if other != name]
        rows.append(_row(name, firth_effect(people, "imr_significant", name, others), others, model="together"))
    return rows


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
