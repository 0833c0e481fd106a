"""What the study's tables say of a patient, as the steps are told it.

A side counts only where the images say which side is left.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from reperfuse.faults import DataFault
from reperfuse.study.names import KINDS
from reperfuse.study.phenotype import phenotype_files
from reperfuse.study.plan import File, Plan


def is_oriented(plan: Plan, subject: str, session: str) -> bool:
    """Tell whether the headers of all scans of the session say which side is left."""
    scans = (plan.manifest.find(subject, session, kind) for kinds in KINDS.values() for kind in kinds)
    return not any(scan and '"is_oriented": false' in scan.settings for scan in scans)


def side(plan: Plan, subject: str, session: str) -> str:
    """Return left, right or unknown: the symptomatic hemisphere, where the images say which side is left."""
    return plan.clinical.side(subject, session) if is_oriented(plan, subject, session) else "unknown"


def mirror_of_known_side(plan: Plan, subject: str, session: str) -> File:
    """Return the mirror plane in perfusion space, if only the symptomatic side is to count and is known."""
    wanted = plan.config["hypoperfusion"]["symptomatic_side_only"] and side(plan, subject, session) != "unknown"
    return plan.own("mirror", subject, session, "perf") if wanted else []


def asked_by_criteria(plan: Plan, subject: str, session: str) -> dict[str, list[Any]]:
    """Return [value, why it is not known] of what criteria may ask of a patient."""
    return {
        "age": _or_reason(lambda: plan.clinical.number(subject, session, "age")),
        "nihss_baseline": _or_reason(lambda: plan.clinical.number(subject, session, "nihss_baseline")),
        "hours_from_onset": _or_reason(lambda: plan.clinical.hours_from(subject, session, "onset_time")),
    }


def hours_from_treatment(plan: Plan, subject: str, role: str = "post") -> list[Any]:
    """Return [hours from treatment to a scan after it, why they are not known]."""
    session = plan.manifest.session_of(subject, role)
    return _or_reason(lambda: plan.clinical.hours_from(subject, session, "treatment_time"))


def unknown_exclusions(plan: Plan, subject: str) -> list[str]:
    """Return the columns that would rule a patient's reflow out, and are not known."""
    post = plan.manifest.session_of(subject, "post")
    return plan.clinical.unknown_exclusions(subject, post, plan.reflow_settings["exclusions"])


def reflow_exclusions(plan: Plan, subject: str, role: str = "post") -> list[str]:
    """Return why a patient's reflow cannot be judged at a scan after treatment, by the clinical columns."""
    session, settings = plan.manifest.session_of(subject, role), plan.reflow_settings
    return plan.clinical.reflow_exclusions(subject, session, settings["exclusions"], settings["min_mtici"])


def clinical_values(plan: Plan, subject: str) -> dict[str, float | str | None]:
    """Return what the study's tables say of a patient, as the vocabulary reads it; None: it is not understood."""
    return plan.clinical.all_known(subject, plan.sessions(subject))


def rated(plan: Plan, subject: str | None = None) -> list[dict[str, str]]:
    """Return what each rater says of each session, of a patient or of all."""
    return [row for row in plan.ratings.rows if subject is None or row["participant_id"] == f"sub-{subject}"]


def unused_ratings(plan: Plan) -> list[list[str]]:
    """Return [participant_id, what, reason] of what ratings say and is not used."""
    return plan.ratings.faults


def people(plan: Plan) -> list[str]:
    """Return the study's own tables of people and of their sessions."""
    study = Path(plan.config["bids_dir"])
    tables = [study / "participants.tsv"]
    tables += [study / f"sub-{subject}" / f"sub-{subject}_sessions.tsv" for subject in plan.subjects]
    return [str(path) for path in (*tables, *phenotype_files(study)) if path.is_file()]


def _or_reason(ask: Callable[[], float]) -> list[Any]:
    try:
        return [ask(), ""]
    except DataFault as fault:
        return [None, str(fault)]
