"""How far measurements of the same patients agree: another product or reader, and the automatic lesion."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from reperfuse.analysis.estimates.agreement import bland_altman, class_changes, icc_a1, kappa
from reperfuse.analysis.estimates.estimate import Estimate

#: A core of this volume decides on a patient, mL (DEFUSE 3, doi:10.1056/NEJMoa1713973).
_LARGE_CORE_ML = 70.0


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
        found["kappa of a core of 70 mL or more"] = kappa(*large)
        found["patients who change between below and above 70 mL"] = _changed(class_changes(*large))
    for measure, one in found.items():
        values = {"n": one.n, "value": one.value, "low": one.low, "high": one.high, "p": one.p, "note": one.note}
        yield {"other": other, "ours": ours, "measure": measure} | values


def _changed(table: pd.DataFrame) -> Estimate:
    counts = table.to_numpy()
    return Estimate(int(counts.sum()), float(counts.sum() - counts.trace()))
