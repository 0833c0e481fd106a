"""Patients of every kind that the trials' criteria tell apart, none of them near a threshold."""

import math
from collections.abc import Mapping
from typing import Any

from reperfuse.mismatch.criteria import POST, VOLUMES, Criterion, classify
from reperfuse.simulation.patients import HOURS_AFTER_ONSET, Patient

_BASELINE: dict[str, tuple[str, ...]] = {"baseline": ("dsc", "dwi")}


_WITH_POST = _BASELINE | {"post": ("dsc", "dwi")}


_ONSET = "2025-03-04T08:10:00"


#: Target, malignant, small lesion, no mismatch, healthy, side not known, both sides.
PROFILE_PATIENTS = {
    "target": Patient(
        "target",
        core_ml=20.0,
        deficit_ml=95.0,
        post_core_ml=12.0,
        hours_late=4.5,
        scans=_WITH_POST,
        clinical={"age": 70, "side": "left", "onset_time": _ONSET, "nihss_baseline": 15},
    ),
    "malignant": Patient(
        "malignant",
        side="right",
        core_ml=130.0,
        deficit_ml=270.0,
        post_core_ml=160.0,
        post_deficit_ml=240.0,
        hours_late=4.5,
        scans=_WITH_POST,
        clinical={"age": 62, "side": "right", "onset_time": _ONSET, "nihss_baseline": 23},
    ),
    "small": Patient(
        "small",
        core_ml=2.5,
        deficit_ml=6.0,
        oligaemia_ml=0.0,
        core_centre_mm=(50.0, -20.0, 24.0),
        deficit_centre_mm=(50.0, -20.0, 24.0),
        hours_late=4.5,
        scans=_BASELINE,
        clinical={"age": 58, "side": "left", "onset_time": _ONSET, "nihss_baseline": 3},
    ),
    "none": Patient(
        "none",
        side="right",
        core_ml=60.0,
        deficit_ml=30.0,
        oligaemia_ml=0.0,
        deficit_centre_mm=(35.0, -3.0, 14.0),
        hours_late=4.5,
        scans=_BASELINE,
        clinical={"age": 73, "side": "right", "onset_time": _ONSET, "nihss_baseline": 12},
    ),
    "healthy": Patient(
        "healthy",
        core_ml=0.0,
        deficit_ml=0.0,
        hours_late=4.5,
        scans=_BASELINE,
        clinical={"age": 49, "side": "left", "onset_time": _ONSET, "nihss_baseline": 0},
    ),
    "unknown": Patient(
        "unknown",
        side="right",
        core_ml=35.0,
        deficit_ml=115.0,
        hours_late=6.5,
        scans=_BASELINE,
        clinical={"age": 84, "onset_time": _ONSET, "nihss_baseline": 18},
    ),
    "bilateral": Patient(
        "bilateral",
        core_ml=25.0,
        deficit_ml=115.0,
        bilateral=True,
        hours_late=16.5,
        scans=_BASELINE,
        clinical={"age": 66, "onset_time": _ONSET, "nihss_baseline": 22},
    ),
}


def true_classes(
    catalogue: Mapping[str, Criterion], patient: Patient, sessions: Mapping[str, Mapping[str, Any]]
) -> dict[str, str | None]:
    """Classify a patient by the true volumes.

    Parameters
    ----------
    catalogue : mapping
        Criteria by name.
    patient : Patient
        Who.
    sessions : mapping
        The rows of the table of true volumes, by role.

    Returns
    -------
    dict
        Criterion → class, None where it asks what is not known.
    """
    known: dict[str, Any] = {name: patient.clinical.get(name) for name in ("age", "nihss_baseline")}
    known["hours_from_onset"] = HOURS_AFTER_ONSET["baseline"] + patient.hours_late
    known |= {name: sessions.get("post", {}).get(name.removeprefix("post_")) for name in POST}
    known |= {name: sessions["baseline"].get(name) for name in (*VOLUMES, "mismatch_coreg_ml")}
    quantities = {name: math.nan if value in (None, "n/a") else float(value) for name, value in known.items()}
    return {name: classify(criterion, quantities)[0] for name, criterion in catalogue.items()}
