"""What a study's scans do not allow, and why."""

from itertools import pairwise

from reperfuse.study.plan import Plan


def absent_scans(plan: Plan, subject: str, session: str) -> list[list[str]]:
    """Return [what, reason] for the scans of a session that are missing or cannot be used."""
    absences = [[kind, reason] for kind, reason in plan.manifest.reasons(subject, session)]
    for what, kinds in (("perfusion", ("dsc",)), ("diffusion", ("dwi", "adc"))):
        if not plan.has(subject, session, "|".join(kinds)):
            absences.append([what, f"the session has no usable {' or '.join(kinds)} scan"])
    return absences


def absent_comparisons(plan: Plan, subject: str) -> list[list[str]]:
    """Return [what, reason] for the comparisons of sessions that a patient's scans do not allow."""
    labels = plan.config["sessions"]
    sessions = {role: plan.manifest.session_of(subject, role) for role in labels}

    def lacks(role: str, what: str, kinds: str) -> str:
        if sessions[role] is None:
            return f"no session {labels[role]}"
        return "" if plan.has(subject, sessions[role], kinds) else f"no {what} in session {sessions[role]}"

    lesion = lacks("followup", "diffusion or FLAIR scan", "dwi|adc|flair")
    diffusion, perfusion = (
        lacks("baseline", "diffusion scan", "dwi|adc"),
        lacks("baseline", "perfusion scan", "dsc"),
    )
    perfusion_after = lacks("post", "perfusion scan", "dsc")
    judged_in = {"followup": [lesion], "core": [diffusion, perfusion], "deficit": [perfusion]}
    needs = {
        "lesion": [lesion],
        "growth": [diffusion, lesion],
        "reperfusion": [perfusion, perfusion_after],
        "reflow": [perfusion_after, *judged_in[plan.reflow_settings["lesion_source"]]],
        "order of sessions": _disorder(plan, subject),
    }
    return [[what, "; ".join(filter(None, faults))] for what, faults in needs.items() if any(faults)]


def _disorder(plan: Plan, subject: str) -> list[str]:
    """Return a sentence for each session that is dated before the one it should follow."""
    sessions = [(role, plan.manifest.session_of(subject, role)) for role in plan.config["sessions"]]
    dated = [(role, ses, plan.clinical.value(subject, ses, "acq_time")) for role, ses in sessions if ses]
    dated = [entry for entry in dated if entry[2]]
    labels = plan.config["sessions"]
    return [
        f"session {labels[later]} ({later}) is dated before session {labels[earlier]} ({earlier}); check `sessions`"
        for (earlier, _, first), (later, _, second) in pairwise(dated)
        if second < first
    ]


def left_out(plan: Plan) -> list[list[str]]:
    """Return [participant_id, what, reason] of patients the tables leave out, and of scans without a session."""
    unfinished = [subject for subject in plan.subjects if not plan.is_tabulated(subject)]
    return [[f"sub-{subject}", "patient", "not finished; the next run resumes"] for subject in unfinished] + [
        [f"sub-{scan.participant}", scan.kind, scan.reason] for scan in plan.manifest.scans if not scan.session
    ]
