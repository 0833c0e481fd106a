"""Who the patients are, and how they look after treatment, with and without impaired reflow (IMR)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from reperfuse.analysis.cohort import judged
from reperfuse.analysis.estimates.contrasts import (
    Comparison,
    Kind,
    compare_groups,
    standardised_difference,
    too_few_in_group,
)
from reperfuse.analysis.wording import quartiles
from reperfuse.study.dictionaries import is_flag, is_numeric
from reperfuse.study.vocabulary import GRADES

#: What describes a patient before treatment is over, and what was seen after it.
BASELINE = (
    *("age", "sex", "side", "mrs_premorbid"),
    *("hypertension", "diabetes", "atrial_fibrillation", "glucose"),
    *("nihss_baseline", "occlusion_site", "tpa", "baseline_hours_from_onset"),
    *("onset_to_reperfusion_min", "passes", "anaesthesia", "mtici"),
    *("core_baseline_ml", "baseline_tmax4_ml", "tmax6_baseline_ml", "baseline_tmax8_ml"),
    *("baseline_tmax10_ml", "baseline_mismatch_ml", "baseline_mismatch_ratio", "baseline_hir"),
    *("initial_growth_ml_h", "profile"),
)
AFTER_TREATMENT = (
    *("hours_from_treatment", "post_core_ml", "tmax6_post_ml", "reperfusion_fraction"),
    *("reperfused_50", "reperfused_90", "rcbv_asymmetry_median", "imr_ml"),
    *("imr_percent", "imr_null_ml", "infarct_followup_ml", "growth_ml"),
    *("growth_voxelwise_ml", "reversal_ml", "salvage_fraction"),
)
#: What the groups are made by.
_DEFINING = ("imr_ml", "imr_percent")
#: Text with an order of its own.
_ORDERED = {"mtici": GRADES}


def characteristics(
    frame: pd.DataFrame, variables: Sequence[str], dictionary: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Describe the patients in whom reflow can be judged, all and by IMR.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.
    variables : sequence of str
        Its columns to describe; one that nobody has a value of is left out.
    dictionary : mapping
        The columns of the analysis table.

    Returns
    -------
    list of rows
        ``variable, unit, level, all, imr_no, imr_yes`` (median [quartiles], or n (%)) with ``n_all, n_no, n_yes``
        (known values), ``missing``, ``test``, ``p``, ``smd`` and ``note``.
    """
    people = judged(frame)
    rows: list[dict[str, Any]] = []
    for name in variables:
        if people[name].notna().any():
            rows += _describe(people, name, dictionary[name])
    return rows


def _describe(people: pd.DataFrame, name: str, entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    values, impaired = people[name], people["imr_significant"]
    kind: Kind = "numeric" if is_numeric(entry) and not is_flag(entry) else "categories"
    known = {group: values[chosen].dropna() for group, chosen in _groups(impaired)}
    tested, smd = _compare(name, people, kind, fewest=min(len(known["no"]), len(known["yes"])))
    head = {
        "variable": name,
        "unit": entry.get("Units"),
        **{f"n_{group}": len(part) for group, part in known.items()},
        "missing": int(values.isna().sum()),
        "test": tested.test,
        "p": tested.p,
        "smd": smd,
        "note": tested.note,
    }
    if kind == "numeric":
        yield head | {_CELLS[group]: quartiles(part) for group, part in known.items()}
        return
    levels = [1.0] if is_flag(entry) else list(_ORDERED.get(name, sorted(values.dropna().unique())))
    for level in (level for level in levels if is_flag(entry) or (values == level).any()):
        shown = "yes" if is_flag(entry) else level
        yield head | {"level": shown} | {_CELLS[group]: _share(part == level) for group, part in known.items()}
        head = {"variable": name}


def _compare(name: str, people: pd.DataFrame, kind: Kind, *, fewest: int) -> tuple[Comparison, float]:
    """Return the test of a variable by IMR and its standardised difference, or why there are none."""
    if name in _DEFINING:
        return Comparison(len(people), note="not tested: it is IMR itself"), math.nan
    if why := too_few_in_group(fewest):
        return Comparison(len(people), note=f"not estimable: {why}"), math.nan
    groups = people[name], people["imr_significant"]
    return compare_groups(*groups, kind), standardised_difference(*groups, kind)


_CELLS = {"all": "all", "no": "imr_no", "yes": "imr_yes"}


def _groups(impaired: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    yield "all", impaired.notna()
    yield "no", impaired == 0
    yield "yes", impaired == 1


def _share(chosen: pd.Series) -> str | None:
    return f"{int(chosen.sum())} ({100 * chosen.mean():.0f} %)" if len(chosen) else None
