"""How often reflow is impaired (IMR): in all patients and by the grade of reperfusion."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from reperfuse.analysis.cohort import judged
from reperfuse.analysis.estimates.proportions import wilson
from reperfuse.study.vocabulary import GRADES

#: Volumes above which IMR counts that papers use, mL.
CUTS_ML = (3.0, 5.0, 10.0)
#: Asymmetries that papers use.
THRESHOLDS = (0.10, 0.15, 0.20, 0.30)


def frequency(frame: pd.DataFrame, reflow: pd.DataFrame, preset: str) -> list[dict[str, Any]]:
    """Count the patients with IMR, at each threshold and cut.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.
    reflow : DataFrame
        Columns ``participant_id, role, preset, threshold, imr_ml``: impaired volumes by each definition.
    preset : str
        The definition in use; the patients it can judge are counted.

    Returns
    -------
    list of rows
        ``group`` (all, or a grade), ``threshold``, ``cut_ml``, ``k``, ``n``, ``percent``, ``low``, ``high`` (Wilson's
        95 % interval). The first rows are of the definition as it is, without a threshold or cut of their own.
    """
    people = judged(frame)
    rows = _by_grade(people, people["imr_significant"] == 1, None, None)
    volumes = reflow[(reflow["preset"] == preset) & (reflow["role"] == "post")]
    for threshold in THRESHOLDS:
        at = volumes[(volumes["threshold"] - threshold).abs() < 1e-6].set_index("participant_id")["imr_ml"]
        known = people[people["participant_id"].isin(at.dropna().index)]
        impaired = known["participant_id"].map(at)
        for cut in CUTS_ML if len(known) else ():
            rows += _by_grade(known, impaired > cut, threshold, cut)
    return rows


def _by_grade(
    people: pd.DataFrame, impaired: pd.Series, threshold: float | None, cut: float | None
) -> list[dict[str, Any]]:
    there = [grade for grade in GRADES if (people["mtici"] == grade).any()]
    groups: Sequence[tuple[str, pd.Series]] = [("all", people["imr_evaluable"] == 1)]
    groups = [*groups, *((f"mTICI {grade}", people["mtici"] == grade) for grade in there)]
    rows = []
    for name, chosen in groups:
        found = wilson(int(impaired[chosen].sum()), int(chosen.sum()))
        shares = {"percent": 100 * found.value, "low": 100 * found.low, "high": 100 * found.high}
        head = {"group": name, "threshold": threshold, "cut_ml": cut, "k": found.events, "n": found.n}
        rows.append(head | shares | {"note": found.note})
    return rows
