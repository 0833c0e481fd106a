"""What a study's scans do not allow, and why."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from reperfuse.faults import DataFault
from reperfuse.study import delivery, facts
from reperfuse.study.names import PERFUSION
from reperfuse.study.plan import Plan
from reperfuse.study.ratings import rejections
from reperfuse.study.results import removed

_GONE = "is no longer in the study; its earlier results are in the folder removed"


def absent_scans(plan: Plan, subject: str, session: str) -> list[list[str]]:
    """Return [what, reason] for the scans of a session that are missing or cannot be used."""
    absences = [[kind, reason] for kind, reason in plan.manifest.reasons(subject, session)]
    for what, kinds in (("perfusion", PERFUSION), ("diffusion", ("dwi", "adc"))):
        if not plan.has(subject, session, "|".join(kinds)):
            *others, last = kinds
            absences.append([what, f"the session has no usable {what} scan ({', '.join(others)} or {last})"])
    return absences


def lacking(plan: Plan, subject: str) -> dict[str, list[str]]:
    """Return what a patient lacks for each comparison of sessions; nothing where the scans allow it."""
    labels = labels_of_roles(plan)
    sessions = {role: plan.manifest.session_of(subject, role) for role in labels}

    def lacks(role: str, what: str, kinds: str) -> str:
        if sessions[role] is None:
            return f"no session {labels[role]}"
        return "" if plan.has(subject, sessions[role], kinds) else f"no {what} in session {sessions[role]}"

    lesion = lacks("followup", "diffusion or FLAIR scan", "dwi|adc|flair")
    diffusion, perfusion = (
        lacks("baseline", "diffusion scan", "dwi|adc"),
        lacks("baseline", "perfusion scan", "dsc|ctp"),
    )
    perfusion_after = lacks("post", "perfusion scan", "dsc|ctp")
    sources = {"followup": [lesion], "core": [diffusion, perfusion], "deficit": [perfusion]}
    judged_in = sources[plan.reflow_settings["lesion_source"]]
    # in the follow-up lesion, flow by ASL can be judged, too
    kinds = "|".join(PERFUSION) if plan.reflow_settings["lesion_source"] == "followup" else "dsc|ctp"
    late = [lacks("late", "perfusion scan", kinds), *judged_in] if "late" in labels else []
    needs = {
        "lesion": [lesion],
        "growth": [lacks("baseline", "diffusion scan", "dwi|adc|ctp"), lesion],
        "reperfusion": _reperfusion(plan, subject, sessions) or [perfusion, perfusion_after],
        "reflow": [lacks("post", "perfusion scan", kinds), *judged_in],
        "reflow_late": late,
    }
    return {what: [*filter(None, faults)] for what, faults in needs.items()}


def _reperfusion(plan: Plan, subject: str, sessions: Mapping[str, str | None]) -> list[str]:
    """Return why two perfusion scans of which one at least is ASL cannot be compared: an empty reason if they can."""
    found = {role: plan.perfusion(subject, sessions[role] or "") for role in ("baseline", "post")}
    if "asl" not in found.values() or "" in found.values():
        return []
    if set(found.values()) == {"asl"}:
        return [""]
    before, after = (kind.upper() for kind in found.values())
    return [f"perfusion is {before} before treatment and {after} after it, and only one of them measures Tmax"]


def absent_comparisons(plan: Plan, subject: str) -> list[list[str]]:
    """Return [what, reason] for the comparisons of sessions that a patient's scans do not allow."""
    needs = lacking(plan, subject)
    needs |= {"order of sessions": _disorder(plan, subject), "roles of sessions": _doubled(plan, subject)}
    found = [[what, "; ".join(faults)] for what, faults in needs.items() if faults]
    return found + [list(note) for note in plan.clinical.notes_of(subject)] + _not_understood(plan, subject)


def _not_understood(plan: Plan, subject: str) -> list[list[str]]:
    """Return [column, reason] of the values of the study's tables that are there and not understood."""
    sessions: list[str | None] = [ses for ses in plan.sessions(subject) if plan.role(subject, ses)]
    sessions = sessions or [None]
    found = [pair for session in sessions for pair in plan.clinical.not_understood(subject, session)]
    return [list(pair) for pair in dict.fromkeys(found)]


def labels_of_roles(plan: Plan) -> dict[str, str]:
    """Return what a message calls the session of each role that the study has."""
    given = {role: labels for role, labels in plan.config["sessions"].items() if labels is not None}
    return {role: " or ".join(labels) if isinstance(labels, list) else labels for role, labels in given.items()}


def _doubled(plan: Plan, subject: str) -> list[str]:
    """Return a sentence for each role that more than one of a patient's sessions has."""
    found = []
    for role in labels_of_roles(plan):
        sessions = [session for session in plan.sessions(subject) if plan.role(subject, session) == role]
        if len(sessions) > 1:
            found.append(
                f"sessions {', '.join(sessions)} all have the role {role}; {sessions[0]} is compared with the other "
                "roles"
            )
    return found


def _disorder(plan: Plan, subject: str) -> list[str]:
    """Return a sentence for each session that is dated before the one it should follow."""
    labels = labels_of_roles(plan)
    sessions = [(role, plan.manifest.session_of(subject, role)) for role in labels]
    try:
        dated = [(role, plan.clinical.scanned_at(subject, ses)) for role, ses in sessions if ses]
    except DataFault as fault:
        return [str(fault)]
    known = [(role, time) for role, time in dated if time]
    return [
        f"session {labels[later]} ({later}) is dated before session {labels[earlier]} ({earlier}); check `sessions` "
        "and acq_time"
        for (earlier, first), (later, second) in pairwise(known)
        if (first.tzinfo is None) is (second.tzinfo is None) and second < first
    ]


def left_out(plan: Plan) -> list[list[str]]:
    """Return [participant_id, what, reason] of what the tables leave out.

    Patients that are not finished, scans without a session, patients and sessions that are no longer in the study,
    what a rater rejects, ratings that are not used, and roles that no session of the study has.
    """
    tabulated = set(delivery.tabulated(plan))
    unfinished = [subject for subject in plan.subjects if subject not in tabulated]
    rows = [[f"sub-{subject}", "patient", "not finished; start the run again to finish it"] for subject in unfinished]
    rows += [[_called(scan.participant), scan.kind, scan.reason] for scan in plan.manifest.scans if not scan.session]
    gone = removed(Path(plan.config["output_dir"]), Path(plan.config["bids_dir"]))
    rows += [[name.partition("/")[0], "patient", f"{name} {_GONE}"] for name in gone]
    rows += [["n/a", table, note] for table, note in plan.clinical.notes()]
    judged = {(f"sub-{subject}", f"ses-{session}") for subject in plan.subjects for session in plan.roles(subject)}
    rows += [[name, "analysis", reason] for name, reason in rejections(facts.rated(plan), judged)]
    rows += facts.unused_ratings(plan)
    return rows + [["n/a", "sessions", reason] for reason in missing_roles(plan)]


def _called(participant: str) -> str:
    return participant if participant == "n/a" else f"sub-{participant}"


def missing_roles(plan: Plan) -> list[str]:
    """Return a sentence for each role that no session of the study has."""
    known = {plan.role(subject, session) for subject in plan.subjects for session in plan.sessions(subject)}
    labels = sorted({session for subject in plan.subjects for session in plan.sessions(subject)})
    return [
        f"no session is called {called} (role {role}); the study has {', '.join(labels[:20])}; set `sessions` in the "
        "config"
        for role, called in labels_of_roles(plan).items()
        if role not in known
    ]
