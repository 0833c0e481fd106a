"""Which results of a study go into the tables, are delivered, and are missing."""

from collections.abc import Iterator
from pathlib import Path

from reperfuse.study.names import RESULTS, TOLD
from reperfuse.study.plan import Plan


def tabulated(plan: Plan) -> list[str]:
    """Return the patients that go into the tables: all do, unless only those that are finished are wanted."""
    is_for_all = plan.config["group_over"] == "all"
    return [subject for subject in plan.subjects if is_for_all or _is_finished(plan, subject)]


def _is_finished(plan: Plan, subject: str) -> bool:
    """Tell whether all of a patient's results are there, and were made of the scans as they are now."""
    row = Path(plan.names.path("patient", subject))
    rows = [row, *map(Path, plan.each("measures", subject))]
    if _missing_of(plan, subject) or not all(path.exists() for path in rows):
        return False
    return plan.manifest.changed_at(subject) <= row.stat().st_mtime


def tabulated_patients(plan: Plan) -> list[str]:
    """Return the rows of the patients that go into the tables."""
    return [plan.names.path("patient", subject) for subject in tabulated(plan)]


def tabulated_sessions(plan: Plan) -> list[str]:
    """Return the rows of the sessions that go into the tables."""
    return [path for subject in tabulated(plan) for path in plan.each("measures", subject)]


def delivered(plan: Plan, subject: str, session: str) -> Iterator[tuple[str, bool]]:
    """Yield the path of each result the session delivers, and whether it compares the session with others."""
    if plan.makes("brain", subject, session, "perf"):
        yield plan.names.path("brain", subject, session, datatype="perf"), False
    for name, result in RESULTS.items():
        datatype = plan.lesion_datatype(subject) if result.folder == "{datatype}" else None
        if result.delivered and plan.makes(name, subject, session, datatype):
            yield plan.names.path(name, subject, session, datatype=datatype), bool(result.roles)


def told_results(plan: Plan, subject: str) -> list[str]:
    """Return the results whose making the patient's page tells: one of each step, for each costs the graph."""
    lesion = plan.with_lesion("lesion", subject)
    found = [path for name in TOLD for path in plan.each(name, subject)]
    return [*found, lesion] if isinstance(lesion, str) else found


def missing_results(plan: Plan) -> list[str]:
    """Return the results that are not there, be it that one was deleted.

    Those of a session alone are left to its row of the tables while that is not there either: a large study has
    a hundred thousand of them.
    """
    return [path for subject in plan.subjects for path in _missing_of(plan, subject)]


def _missing_of(plan: Plan, subject: str) -> list[str]:
    missing = []
    for session in plan.sessions(subject):
        is_measured = Path(plan.names.path("measures", subject, session)).exists()
        found = [path for path, compares in delivered(plan, subject, session) if compares or is_measured]
        missing += [path for path in found if not Path(path).exists()]
    return missing
