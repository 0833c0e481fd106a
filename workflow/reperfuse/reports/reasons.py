"""Why a column has no value, from the failures that the measures record."""

from collections.abc import Mapping
from typing import Any

#: How measures and tables write that there is no value.
NO_VALUE = (None, "", "n/a")


_PERFUSION, _DIFFUSION = ("perfusion", "dsc"), ("diffusion", "dwi", "adc", "core")


#: Entries of a session's failures that leave a column without a value; a criterion's are the ratio's.
_SESSION_NEEDS = {
    "core_ml": _DIFFUSION,
    **{f"tmax{s}_ml": (f"tmax{s}", *_PERFUSION) for s in (4, 6, 8, 10)},
    "rcbf30_ml": ("rcbf", "deficit_curves", *_PERFUSION),
    "mismatch_ml": ("tmax6", *_PERFUSION, *_DIFFUSION),
    "mismatch_coreg_ml": ("penumbra", "tmax6", *_PERFUSION, *_DIFFUSION),
    "mismatch_ratio": ("tmax6", *_PERFUSION, *_DIFFUSION),
    "hir": ("tmax6", "tmax10", *_PERFUSION),
    "core_side": ("core_mirror", *_DIFFUSION),
    "core_laterality": ("core_mirror", *_DIFFUSION),
    "deficit_side": ("deficit_mirror", "tmax6", *_PERFUSION),
    "deficit_laterality": ("deficit_mirror", "tmax6", *_PERFUSION),
    "hours_from_onset": (),
    "fd_mean_mm": ("motion", *_PERFUSION),
    "fd_max_mm": ("motion", *_PERFUSION),
    **dict.fromkeys(("bolus_cnr", "aif_fwhm_s", "aif_score"), ("curves", *_PERFUSION)),
    **dict.fromkeys(("tsnr", "dvars_percent", "outlier_frames", "brain_lost_share"), ("motion", *_PERFUSION)),
    **dict.fromkeys(("registration_dice", "edge_agreement", "edge_margin"), ("transform", *_PERFUSION, *_DIFFUSION)),
}


_REFLOW, _GROWTH = ("reflow",), ("growth", "lesion")


#: The same for a patient's.
_PATIENT_NEEDS = {
    "infarct_followup_ml": ("lesion",),
    "lesion_source": ("lesion",),
    **dict.fromkeys(("growth_ml", "growth_voxelwise_ml", "reversal_ml", "salvage_fraction"), _GROWTH),
    "infarct_unswollen_ml": _GROWTH,
    **dict.fromkeys(("growth_penumbra_ml", "growth_oligaemia_ml", "growth_beyond_ml", "growth_unseen_ml"), _GROWTH),
    **dict.fromkeys(("deficit_recovered_ml", "deficit_persistent_ml", "deficit_new_ml"), ("reperfusion", "deficits")),
    **dict.fromkeys(("reperfusion_fraction", "reperfused_50", "reperfused_90"), ("reperfusion",)),
    **dict.fromkeys(("imr_ml", "imr_fraction", "imr_null_ml", "rcbv_asymmetry_median", "imr_significant"), _REFLOW),
    **dict.fromkeys(("imr_covered", "rcbv_asymmetry_median_early", "rcbv_asymmetry_median_growth"), _REFLOW),
}


#: The sessions' columns a patient's column is made of.
_MADE_OF = {
    "core_baseline_ml": (("baseline", "core_ml"),),
    "growth_ml": (("baseline", "core_ml"),),
    "growth_voxelwise_ml": (("baseline", "core_ml"),),
    "infarct_unswollen_ml": (("baseline", "core_ml"),),
    "reversal_ml": (("baseline", "core_ml"),),
    **dict.fromkeys(
        ("growth_penumbra_ml", "growth_oligaemia_ml", "growth_beyond_ml", "growth_unseen_ml"),
        (("baseline", "core_ml"), ("baseline", "tmax6_ml")),
    ),
    "initial_growth_ml_h": (("baseline", "core_ml"), ("baseline", "hours_from_onset")),
    "penumbra_ml": (("baseline", "mismatch_coreg_ml"),),
    "salvage_fraction": (("baseline", "mismatch_coreg_ml"),),
    "tmax6_baseline_ml": (("baseline", "tmax6_ml"),),
    "tmax6_post_ml": (("post", "tmax6_ml"),),
    "persistent_tmax6_ml": (("post", "tmax6_ml"),),
    **dict.fromkeys(
        (
            *("reperfusion_fraction", "reperfused_50", "reperfused_90"),
            *("deficit_recovered_ml", "deficit_persistent_ml", "deficit_new_ml"),
        ),
        (("baseline", "tmax6_ml"), ("post", "tmax6_ml")),
    ),
}


#: Quotients that have no value although everything was computed.
_UNDEFINED = {
    "mismatch_ratio": "there is neither core nor deficit",
    "hir": "there is no deficit",
    **dict.fromkeys(("core_covered", "core_side", "core_laterality"), "there is no core"),
    **dict.fromkeys(("deficit_side", "deficit_laterality"), "there is no deficit"),
    "hours_from_onset": "the time of onset or of the scan is not known",
    "hours_from_treatment": "the time of treatment or of the scan is not known",
    **dict.fromkeys(("rcbv_asymmetry_median_early", "rcbv_asymmetry_median_growth"), "the lesion has no such part"),
    "infarct_unswollen_ml": "swelling was not undone (growth.undo_swelling; needs diffusion at follow-up)",
    "imr_significant": "reflow cannot be judged in this patient (imr_exclusion)",
    "salvage_fraction": "there was no penumbra at baseline",
    "reperfusion_fraction": "there was no deficit at baseline",
    "reperfused_50": "there was no deficit at baseline",
    "reperfused_90": "there was no deficit at baseline",
}


def why_session(column: str, visit: Mapping[str, Any]) -> str:
    """Return why a column of a session's measures has no value; empty if nothing says so."""
    needs = _SESSION_NEEDS.get(column, _SESSION_NEEDS["mismatch_ratio"])
    needs = (*needs, column)
    failures = dict.fromkeys((what, reason) for what, reason in visit.get("Failures", []) if what in needs)
    faulty = {what for what, _ in failures}
    # what is wrong with the scan says more than that there is none
    vague = {name for name, kinds in (("perfusion", {"dsc"}), ("diffusion", {"dwi", "adc"})) if kinds & faulty}
    found = [reason for what, reason in failures if what not in vague] + visit.get("Reasons", [])
    return "; ".join(dict.fromkeys(found)) or _UNDEFINED.get(column, "")


def why_patient(column: str, subject: Mapping[str, Any], by_role: Mapping[str, Any]) -> str:
    """Return why a column of a patient's measures has no value; ``by_role`` holds the sessions' measures."""
    needs = _PATIENT_NEEDS.get(column, ())
    found = [reason for what, reason in subject.get("Failures", []) if what in needs] + subject.get("Reasons", [])
    for role, source in _MADE_OF.get(column, ()):
        visit = by_role.get(role)
        if visit is None:
            found = found or [f"there is no {role} session"]
        elif visit.get("Row", {}).get(source) in NO_VALUE:
            found.append(why_session(source, visit))
    return "; ".join(dict.fromkeys(filter(None, found))) or _UNDEFINED.get(column, "")


__all__ = ["NO_VALUE", "why_patient", "why_session"]
