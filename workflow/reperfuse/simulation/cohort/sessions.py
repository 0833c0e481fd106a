"""The sessions of a cohort as rows of the study's tables."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from reperfuse.mismatch import session
from reperfuse.mismatch.criteria import Curve
from reperfuse.simulation.cohort.effects import Rules
from reperfuse.simulation.cohort.imaging import ASYMMETRY, curves
from reperfuse.simulation.cohort.people import Columns

Row = dict[str, Any]

#: Hours from treatment to the second scan after it.
HOURS_LATE = 26.0
#: What stands in the table of failures for a session without perfusion.
NO_PERFUSION = "the session has no usable perfusion scan (dsc)"
#: Quality figures: middle, spread, decimals.
_QUALITY = {
    "fd_mean_mm": (0.22, 0.4, 3), "fd_max_mm": (1.1, 0.45, 2), "bolus_cnr": (9.0, 0.3, 2), "aif_fwhm_s": (7.5, 0.2, 2),
    "tsnr": (52.0, 0.25, 1), "dvars_percent": (1.3, 0.25, 2), "edge_margin": (0.09, 0.1, 3),
}  # fmt: skip


@dataclass(frozen=True)
class Sessions:
    """Rows of the tables of sessions, thresholds, stability and failures."""

    sessions: list[Row]
    thresholds: list[Row]
    stability: list[Row]
    failures: list[Row]


def label(patient: int) -> str:
    """Return the label of a patient, as a table writes it."""
    return f"sub-{patient + 1:03d}"


def baseline(known: Columns, patient: int, rules: Rules, rng: Generator) -> Sessions:
    """Return the rows of a patient's session before treatment, with its class by every criterion."""
    here = _curves(known, patient, rules)
    row = _volumes(known, patient, here, "core_ml")
    row["hours_from_onset"] = float(known["hours_from_onset"][patient])
    clinical = {name: [float(known[name][patient]), ""] for name in ("age", "nihss_baseline", "hours_from_onset")}
    post = {"core_ml": known["post_core_ml"][patient]}
    post |= {"tmax6_ml": known["post_tmax6_ml"][patient]} if known["has_post"][patient] else {}
    knowledge = session.Knowledge(clinical, post, [], 3.0)
    classes = session.judge(row, rules.criteria, knowledge, here, rules.half_widths, rules.core_threshold)
    row |= classes.row
    failures = [{"what": what, "reason": reason} for what, reason in classes.failures]
    return _of_session(
        patient, "baseline", row | _quality(rng), session.tabulated(here, _MAPS), classes.stability, failures
    )


_MAPS = ("adc", "tmax", "delay", "rttp", "rcbf", "rmtt", "arterial_delay")


def after_treatment(known: Columns, patient: int, rules: Rules, rng: Generator) -> list[Sessions]:
    """Return the rows of the sessions within hours of treatment, perhaps a day after it, and at follow-up."""
    hours = float(known["hours_from_onset"][patient])
    treated = float(known["onset_to_reperfusion_min"][patient]) / 60 + float(known["hours_from_treatment"][patient])
    here, found = _curves(known, patient, rules, "post_"), []
    if known["has_post"][patient]:
        row = _volumes(known, patient, here, "post_core_ml") | {"hours_from_onset": round(treated, 2)}
        asymmetry = [
            {"map": "asymmetry", "threshold": at, "ml": round(float(known["imr_ml"][patient]) * share, 2)}
            for at, (share, _) in ASYMMETRY.items()
        ]
        rows = session.tabulated(here, _MAPS) + asymmetry
        found.append(_of_session(patient, "post", row | _quality(rng), rows))
    else:
        row = {"core_ml": float(known["post_core_ml"][patient]), "hours_from_onset": round(treated, 2), "status": "ok"}
        row["reasons"] = f"perfusion: {NO_PERFUSION}"
        failures = [{"what": "perfusion", "reason": NO_PERFUSION}]
        found.append(_of_session(patient, "post", row, failures=failures))
    if known["has_late"][patient]:
        late = _curves(known, patient, rules, "late_")
        row = _volumes(known, patient, late, "late_core_ml") | {"hours_from_onset": round(treated + HOURS_LATE, 2)}
        found.append(_of_session(patient, "late", row | _quality(rng)))
    row = {"core_ml": float(known["lesion_ml"][patient]), "hours_from_onset": round(hours + 118, 2)}
    return [*found, _of_session(patient, "followup", row | {"status": "ok", "reasons": ""})]


def _of_session(
    patient: int, role: str, row: Row, thresholds: list[Row] | None = None, stability: list[Row] | None = None,
    failures: list[Row] | None = None,
) -> Sessions:  # fmt: skip
    labels = {"participant_id": label(patient), "session_id": f"ses-{role}"}
    scans = {"perfusion": "dsc" if "tmax6_ml" in row else None, "core_source": "diffusion"}
    rest = ([labels | one for one in rows or []] for rows in (thresholds, stability, failures))
    return Sessions([labels | {"role": role} | scans | row], *rest)


def _curves(known: Columns, patient: int, rules: Rules, when: str = "") -> dict[str, Curve]:
    core, deficit, scale_s, covered = (
        float(known[name][patient]) for name in (f"{when}core_ml", f"{when}tmax6_ml", "tmax_scale_s", "core_covered")
    )
    return curves(core, deficit, scale_s, covered if deficit else 0.0, rules)


def _volumes(known: Columns, patient: int, here: Mapping[str, Curve], core: str) -> Row:
    """Return a session's volumes and sides."""
    late, outside = dict(here["tmax"]), dict(here["coreg_tmax"])
    masks = {f"tmax{limit}_ml": late[limit] for limit in (4, 6, 8, 10)} | {"core_ml": float(known[core][patient])}
    masks["rttp45_ml"] = dict(here["rttp"])[4.5]
    row = session.volumes(masks, outside[6.0], here)
    row |= {f"arterial_delay{limit:g}_ml": dict(here["arterial_delay"])[limit] for limit in (3.0, 6.0)}
    sign = 1.0 if known["side"][patient] == "right" else -1.0
    for name, volume in (("core", row["core_ml"]), ("deficit", row["tmax6_ml"])):
        row[f"{name}_side"] = str(known["side"][patient]) if volume else None
        row[f"{name}_laterality"] = sign if volume else math.nan
    has_deficit = row["tmax6_ml"] > 0
    return row | {"core_covered": float(known["core_covered"][patient]) if has_deficit else 0.0}


def _quality(rng: Generator) -> Row:
    """Return the quality figures of a session within all limits."""
    spread = {name: np.clip(rng.standard_normal(), -2, 2) for name in _QUALITY}
    row: Row = {
        name: round(float(middle * np.exp(width * spread[name])), decimals)
        for name, (middle, width, decimals) in _QUALITY.items()
    }
    shares = rng.random(5)
    row |= {
        "aif_score": round(0.6 + 0.38 * shares[0], 3),
        "registration_dice": round(0.90 + 0.07 * shares[1], 3),
        "outlier_frames": int(4 * shares[2]),
        "brain_lost_share": round(0.02 * shares[3], 4),
        "edge_agreement": round(0.5 + 0.3 * shares[4], 3),
    }
    return row | {"status": "ok", "reasons": ""}
