"""How often reflow is impaired by every definition: preset, threshold, volume that counts, and who is left out.

Published rates run from 0 to 43 % of patients, by what was ruled out before reflow was judged impaired
(doi:10.1177/0271678X231209069).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reperfuse.analysis.estimates.proportions import wilson
from reperfuse.study.columns import EXCLUSIONS
from reperfuse.study.vocabulary import GRADES

#: Impaired volumes above which a patient counts, mL: any, and those that papers use.
CUTS_ML = (0.0, 3.0, 5.0, 10.0)
#: What may rule a patient out, in the order of the table.
MAY_RULE_OUT = (*EXCLUSIONS, "mtici")

Flags = NDArray[np.bool_]


def definitions_table(
    reflow: pd.DataFrame,
    cohort: pd.DataFrame,
    presets: Mapping[str, Mapping[str, Any]],
    hours_allowed: Sequence[float] | None = None,
) -> list[dict[str, Any]]:
    """Count the patients with impaired reflow by every definition.

    Parameters
    ----------
    reflow : DataFrame
        Columns ``participant_id, role, preset, threshold, imr_ml, imr_null_ml, judged``: a row a patient, preset and
        threshold; the threshold is NaN where the preset has none. Those of the role ``post`` that are judged count.
    cohort : DataFrame
        Columns ``participant_id``, ``ica_occlusion``, ``hemorrhagic_transformation``, ``reocclusion`` (1, 0 or NaN)
        and ``mtici`` (a grade or None): a row a patient. Nobody is left out for what is not known; a column that is
        not there, or says nothing of anybody, is not varied.
    presets : mapping
        The settings of each definition, see `reperfuse.study.options.read_definitions`.
    hours_allowed : (first, last), optional
        Patients who were scanned at another time after treatment (``hours_from_treatment`` of the cohort, h) are left
        out of every row.

    Returns
    -------
    list of rows
        ``preset``, ``threshold``, ``cut_ml``, ``exclusions`` (joined by ";"), ``k`` of ``n`` patients with a larger
        impaired volume, ``percent`` with Wilson's 95 % interval ``low`` and ``high``, ``null_ml_median`` (what noise
        alone gives, mL), ``is_preset`` (1 where all choices are the preset's own), and ``not_varied``.
    """
    cohort = cohort.drop_duplicates("participant_id").set_index("participant_id")
    varied = [name for name in MAY_RULE_OUT if name in cohort and cohort[name].notna().any()]
    post = reflow[(reflow["role"] == "post") & (reflow["judged"] == 1) & reflow["imr_ml"].notna()]
    post = post.drop_duplicates(["participant_id", "preset", "threshold"])
    if hours_allowed is not None:
        hours = cohort["hours_from_treatment"].reindex(post["participant_id"]).to_numpy()
        post = post[~((hours < hours_allowed[0]) | (hours > hours_allowed[1]))]
    rows = []
    for name, preset in presets.items():
        own = post[post["preset"] == name]
        for threshold in sorted(own["threshold"].unique()):
            at = own[own["threshold"].isna() if np.isnan(threshold) else own["threshold"] == threshold]
            ruled_out = _ruled_out(cohort.reindex(at["participant_id"]), varied, preset["min_mtici"])
            for row in _rows(at, ruled_out, preset, threshold):
                rows.append({"preset": name, "threshold": threshold} | row)
    unvaried = ";".join(name for name in MAY_RULE_OUT if name not in varied)
    return [row | {"not_varied": unvaried} for row in rows]


def _ruled_out(people: pd.DataFrame, varied: Sequence[str], min_mtici: str) -> dict[str, Flags]:
    """Tell who is ruled out by each column; what is not known rules nobody out."""
    found = {name: (people[name] == 1).to_numpy() for name in varied if name != "mtici"}
    if "mtici" in varied:
        too_low = GRADES[: GRADES.index(min_mtici)]
        found["mtici"] = people["mtici"].isin(too_low).to_numpy()
    return found


def _rows(
    at: pd.DataFrame, ruled_out: Mapping[str, Flags], preset: Mapping[str, Any], threshold: float
) -> Iterator[dict[str, Any]]:
    """Yield a row a cut and set of exclusions."""
    impaired_ml, null_ml = at["imr_ml"].to_numpy(), at["imr_null_ml"].to_numpy()
    is_own_threshold = np.isnan(threshold) or abs(threshold - preset["asymmetry_threshold"]) < 1e-9
    own_exclusions = {name for name in preset["exclusions"] if name in ruled_out}
    for names in _subsets(list(ruled_out)):
        counted = ~np.logical_or.reduce([np.zeros(len(at), bool), *(ruled_out[name] for name in names)])
        null = null_ml[counted]
        null_median = float(np.nanmedian(null)) if np.isfinite(null).any() else np.nan
        for cut in sorted({*CUTS_ML, float(preset["significant_ml"])}):
            k, n = int((impaired_ml[counted] > cut).sum()), int(counted.sum())
            is_own = is_own_threshold and cut == preset["significant_ml"] and set(names) == own_exclusions
            yield {
                "cut_ml": cut,
                "exclusions": ";".join(names),
                "k": k,
                "n": n,
                **_percent(k, n),
                "null_ml_median": null_median,
                "is_preset": int(is_own),
            }


def _subsets(names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield every subset of names, the smallest first."""
    for size in range(len(names) + 1):
        yield from combinations(names, size)


@cache
def _percent(k: int, n: int) -> Mapping[str, float]:
    found = wilson(k, n)
    return {"percent": 100 * found.value, "low": 100 * found.low, "high": 100 * found.high}
