"""What was done in a study, as its methods text is told."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from reperfuse.analysis.agreements import KAPPA, OVERLAP, RATERS_KAPPA, RATERS_PERCENT
from reperfuse.analysis.cohort import judged
from reperfuse.analysis.estimates.logistic import FIRTH
from reperfuse.analysis.paper import Choices, Rows

#: Measures of agreement that are none of volumes.
_NO_VOLUMES = (KAPPA, OVERLAP, RATERS_KAPPA, RATERS_PERCENT)


def count_patients(frame: pd.DataFrame) -> dict[str, int]:
    """Count the patients that a methods text speaks of."""
    people = judged(frame)
    return {
        "patients": int(frame["rejected"].isna().sum()),
        "rejected": int(frame["rejected"].notna().sum()),
        "growth": int(frame["growth_ml"].notna().sum()),
        "reperfusion": int(frame["reperfusion_fraction"].notna().sum()),
        "judged": len(people),
        "impaired": int((people["imr_significant"] == 1).sum()),
    }


def what_was_done(
    frame: pd.DataFrame, tables: Mapping[str, Rows], choices: Choices, remarks: Mapping[str, str]
) -> dict[str, Sequence[str]]:
    """Return each step that was done in some patient, with the covariates of its models.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.
    tables : mapping
        See `reperfuse.analysis.paper.make_tables`.
    choices : Choices
    remarks : mapping
        How a derived column was made.

    Returns
    -------
    dict
        See `reperfuse.analysis.methods_text.STEPS`.
    """
    estimated = {name: [row for row in rows if _is_estimate(row)] for name, rows in tables.items()}
    growth = [row for row in estimated["profile"] if row["outcome"] == "growth_ml"]
    odds = [row for row in estimated["profile"] if row["outcome"] != "growth_ml"]
    response = any(row["outcome"] == "favourable_response" for row in odds)
    is_done: dict[str, object] = {
        "perfusion": _any(frame, "tmax6_baseline_ml", "post_tmax6_ml"),
        "diffusion": _any(frame, "core_baseline_ml", "post_core_ml"),
        "expert_lesions": (frame["lesion_source"] == "expert").any(),
        "automatic_lesions": (frame["lesion_source"] == "automatic").any(),
        "growth": _any(frame, "growth_ml"),
        "reperfusion": _any(frame, "reperfusion_fraction"),
        "reflow": len(judged(frame)),
        "late": tables["transitions"],
        "flow": tables["flow"],
        "characteristics": [row for row in tables["baseline"] if _is_known(row.get("p"))],
        "frequency": len(judged(frame)),
        "nihss": estimated["nihss"],
        "mrs": estimated["mrs"],
        "proportional_odds": [row for row in estimated["mrs"] if _is_known(row.get("proportional_odds_p"))],
        "brant": [row for row in estimated["mrs"] if _is_known(row.get("brant_p"))],
        "firth": [row for row in (*estimated["mrs"], *odds) if str(row["note"]).startswith(FIRTH)],
        "factors": estimated["factors"],
        "profile": odds,
        "favourable_day5": response and "day 5" in remarks["favourable_response"],
        "growth_groups": growth,
        "agreement": [row for row in estimated["agreement"] if row["measure"] not in _NO_VOLUMES],
        "agreement_of_classes": [row for row in estimated["agreement"] if row["measure"] == KAPPA],
        "agreement_of_masks": [row for row in estimated["agreement"] if row["measure"] == OVERLAP],
        "agreement_of_raters": [row for row in estimated["agreement"] if row["measure"] == RATERS_KAPPA],
        "transitions": tables["transitions"],
    }
    return {
        name: list(_held(estimated[name])) if name in choices.covariates else []
        for name, found in is_done.items()
        if found
    }


def _any(frame: pd.DataFrame, *columns: str) -> bool:
    return bool(frame[list(columns)].notna().any(axis=None))


def _is_known(value: Any) -> bool:
    return value is not None and value == value


def _is_estimate(row: Mapping[str, Any]) -> bool:
    return any(_is_known(row.get(name)) for name in ("beta", "odds_ratio", "value", "percent"))


def _held(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    return dict.fromkeys(name for row in rows for name in str(row["covariates"]).split(", ") if name)
