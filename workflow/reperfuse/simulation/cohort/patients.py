"""The patients of a cohort as rows of the study's tables."""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.random import Generator

from reperfuse.serial.definitions import Preset
from reperfuse.serial.growth import growth_ml, initial_growth_rate
from reperfuse.serial.reperfusion import is_reperfused, reperfusion_fraction
from reperfuse.serial.verdict import judge
from reperfuse.simulation.cohort.effects import GRADES, Rules
from reperfuse.simulation.cohort.imaging import ASYMMETRY, SIGNIFICANT_ML
from reperfuse.simulation.cohort.people import Columns
from reperfuse.simulation.cohort.sessions import HOURS_LATE, NO_PERFUSION, Row, label

#: Columns of the table of participants, and of those that are missing here and there.
_ALWAYS = (
    "age", "sex", "side", "mtici", "nihss_baseline", "occlusion_site", "onset_to_reperfusion_min",
    "ica_occlusion", "hemorrhagic_transformation", "reocclusion", "sich", "death_90d",
)  # fmt: skip
_SOMETIMES = (
    "mrs_premorbid", "tpa", "glucose", "hypertension", "diabetes", "atrial_fibrillation", "passes", "anaesthesia",
    "nihss_24h", "nihss_day5", "nihss_day30", "mrs_90d",
)  # fmt: skip
_EXCLUDED = {
    "ica_occlusion": "carotid occlusion",
    "hemorrhagic_transformation": "haemorrhagic transformation",
    "reocclusion": "reocclusion",
}
#: The least mTICI of a patient whose reflow is judged.
_LEAST_GRADE = "2c"


def participants(known: Columns, missing: float, rng: Generator) -> list[Row]:
    """Return the rows of the table of participants, as people write them: some values nobody wrote down."""
    gaps = rng.random((len(known["age"]), len(_SOMETIMES))) < missing
    rows = []
    for patient, unknown in enumerate(gaps):
        onset = datetime(2025, 1, 6, 7, 0) + timedelta(hours=53 * patient, minutes=37 * patient % 60)
        treated = onset + timedelta(minutes=int(known["onset_to_reperfusion_min"][patient]))
        row: Row = {"participant_id": label(patient), "onset_time": onset.isoformat()}
        row |= {"treatment_time": treated.isoformat()} | {name: known[name][patient] for name in _ALWAYS}
        gone = dict(zip(_SOMETIMES, unknown, strict=True))
        rows.append(row | {name: None if gone[name] else known[name][patient] for name in _SOMETIMES})
    return rows


def patient_row(known: Columns, patient: int, baseline: Mapping[str, Any]) -> Row:
    """Return a patient's row of the table of results."""
    one = {name: values[patient] for name, values in known.items()}
    row: Row = {"participant_id": label(patient)} | _growth(one, baseline)
    before = float(baseline["tmax6_ml"])
    after = float(one["post_tmax6_ml"]) if one["has_post"] else np.nan
    fraction = reperfusion_fraction(before, after)
    row |= {
        "tmax6_baseline_ml": before,
        "tmax6_post_ml": after,
        "reperfusion_fraction": fraction,
        "reperfused_50": is_reperfused(fraction, 0.5),
        "reperfused_90": is_reperfused(fraction, 0.9),
        "persistent_tmax6_ml": after,
        "deficit_persistent_ml": round(0.9 * min(after, before), 2),
        "deficit_new_ml": round(after - round(0.9 * min(after, before), 2), 2),
        "deficit_recovered_ml": round(before - 0.9 * min(after, before), 2),
    }
    return row | _reflow(one) | _reflow_late(one)


def _growth(one: Mapping[str, Any], baseline: Mapping[str, Any]) -> Row:
    """Return how the core became the lesion: of the lesion without its swelling, a part lay outside the core."""
    core, lesion, unswollen = float(baseline["core_ml"]), float(one["lesion_ml"]), float(one["unswollen_ml"])
    penumbra = float(baseline["mismatch_coreg_ml"])
    reversal = round(max(0.06 * core, core - unswollen + 0.1), 2)
    grown = round(unswollen - core + reversal, 2)
    into = round(min(0.8 * grown, 0.95 * penumbra), 2)
    benign = round(0.7 * (grown - into), 2)
    return {
        "core_baseline_ml": core,
        "infarct_followup_ml": lesion,
        "lesion_source": "expert" if one["expert"] else "automatic",
        "lesion_automatic_ml": float(one["automatic_ml"]) if one["expert"] else math.nan,
        "lesion_dice": float(one["dice"]) if one["expert"] else math.nan,
        "infarct_unswollen_ml": unswollen,
        "growth_ml": round(growth_ml(core, lesion), 2),
        "growth_voxelwise_ml": grown,
        "growth_penumbra_ml": into,
        "growth_oligaemia_ml": benign,
        "growth_beyond_ml": round(grown - into - benign, 2),
        "growth_unseen_ml": 0.0,
        "initial_growth_ml_h": initial_growth_rate(core, float(one["hours_from_onset"])),
        "reversal_ml": reversal,
        "penumbra_ml": penumbra,
        "salvage_fraction": 1 - into / penumbra,
    }


def _exclusions(one: Mapping[str, Any]) -> list[str]:
    reasons = [reason for name, reason in _EXCLUDED.items() if one[name]]
    if GRADES.index(one["mtici"]) > GRADES.index(_LEAST_GRADE):
        reasons.append(f"not recanalised to mTICI {_LEAST_GRADE} (mTICI {one['mtici']})")
    return reasons


def _reflow(one: Mapping[str, Any]) -> Row:
    imr = float(one["imr_ml"]) if one["has_post"] else np.nan
    verdict = judge(
        imr,
        _exclusions(one),
        hours=float(one["hours_from_treatment"]),
        hours_allowed=(0, 2),
        significant_ml=SIGNIFICANT_ML,
        why_unknown=[NO_PERFUSION],
    )
    row: Row = {"imr_ml": imr, "imr_fraction": imr / one["lesion_ml"]}
    if one["has_post"]:
        row |= {
            "imr_null_ml": float(one["imr_null_ml"]),
            "rcbv_asymmetry_median": float(one["asymmetry"]),
            "rcbv_asymmetry_median_early": round(float(one["asymmetry"]) - 0.03, 3),
            "rcbv_asymmetry_median_growth": round(float(one["asymmetry"]) + 0.04, 3),
            "imr_covered": float(one["imr_covered"]),
        }
    return row | {
        "imr_significant": verdict.significant,
        "imr_evaluable": verdict.evaluable,
        "imr_exclusion": verdict.exclusion,
        "hours_from_treatment": float(one["hours_from_treatment"]),
    }


def _reflow_late(one: Mapping[str, Any]) -> Row:
    imr, hours = (float(one["late_imr_ml"]), HOURS_LATE) if one["has_late"] else (math.nan, math.nan)
    why = ["no session late"]
    verdict = judge(
        imr, _exclusions(one), hours=None, hours_allowed=(0, math.inf), significant_ml=SIGNIFICANT_ML, why_unknown=why
    )
    return {
        "imr_late_ml": imr,
        "imr_late_significant": verdict.significant,
        "imr_late_evaluable": verdict.evaluable,
        "imr_late_exclusion": verdict.exclusion,
        "hours_from_treatment_late": hours,
    }


def reflow_rows(known: Columns, patient: int, rules: Rules) -> Iterator[Row]:
    """Yield a patient's rows of the table of reflow: by every preset and threshold, at each scan after treatment."""
    one = {name: values[patient] for name, values in known.items()}
    for role, imr in (("post", "imr_ml"), ("late", "late_imr_ml")):
        if not one[f"has_{role}"]:
            continue
        for preset, definition in rules.presets.items():
            one_of = {name: definition[name] for name in ("map", "lesion_source", "rule", "asymmetry_threshold")}
            for threshold in Preset(**one_of).thresholds():
                ml, null, within = _impaired(one, definition, threshold, float(one[imr]))
                yield {
                    "participant_id": label(patient), "role": role, "preset": preset,
                    "threshold": threshold, "imr_ml": ml, "imr_fraction": ml / within, "imr_null_ml": null, "judged": 1,
                }  # fmt: skip


def _impaired(
    one: Mapping[str, Any], definition: Mapping[str, Any], threshold: float, imr_ml: float
) -> tuple[float, float, float]:
    """Return what is impaired by a definition, what noise alone gives for it, and the lesion it is a part of, in mL."""
    lesion, deficit = float(one["lesion_ml"]), float(one["tmax6_ml"])
    if math.isnan(threshold):
        return round(float(one["post_tmax6_ml"]) * 0.95, 2), math.nan, deficit
    share, noise = (
        float(np.interp(threshold, list(ASYMMETRY), values)) for values in zip(*ASYMMETRY.values(), strict=True)
    )
    null = round(float(one["imr_null_ml"]) * noise, 2)
    if definition["rule"] == "voxelwise":
        return round(min(imr_ml * share, 0.95 * lesion), 2), null, lesion
    parts = {"regional": [(1.0, 0.0)], "subregions": [(1.0, 0.0), (0.6, -0.03), (0.4, 0.04)]}[definition["rule"]]
    low = [part for part, shift in parts if float(one["asymmetry"]) + shift < -threshold]
    return round(min(sum(low), 1.0) * lesion, 2), null, lesion
