"""Why a column has no value, from the failures that the measures record."""

from collections.abc import Mapping
from typing import Any

#: How measures and tables write that there is no value.
NO_VALUE = (None, "", "n/a")


Columns = Mapping[str, Mapping[str, Any]]


def why_session(column: str, columns: Columns, visit: Mapping[str, Any]) -> str:
    """Return why a column of a session's measures has no value; empty if nothing says so.

    Parameters
    ----------
    column : str
    columns : mapping
        The dictionary of the table of sessions, with what each column ``needs`` and why it may be ``undefined``.
    visit : mapping
        The session's measures.
    """
    needs = (*columns[column].get("needs", ()), column)
    failures = dict.fromkeys((what, reason) for what, reason in visit.get("Failures", []) if what in needs)
    faulty = {what for what, _ in failures}
    # what is wrong with the scan says more than that there is none
    vague = {
        name for name, kinds in (("perfusion", {"dsc", "ctp", "asl"}), ("diffusion", {"dwi", "adc"})) if kinds & faulty
    }
    if visit.get("Row", {}).get("core_source") == "rcbf30":
        vague.add("diffusion")  # which nothing waits for
    found = [reason for what, reason in failures if what not in vague] + visit.get("Reasons", [])
    said = [one for one in dict.fromkeys(found) if not any(one != other and one in other for other in found)]
    return "; ".join(said) or str(columns[column].get("undefined", ""))


def why_patient(
    column: str, tables: Mapping[str, Columns], subject: Mapping[str, Any], by_role: Mapping[str, Any]
) -> str:
    """Return why a column of a patient's measures has no value; empty if nothing says so.

    Parameters
    ----------
    column : str
    tables : mapping
        The dictionaries of ``patients`` and ``sessions``.
    subject : mapping
        The patient's measures.
    by_role : mapping
        The sessions' measures.
    """
    entry = tables["patients"][column]
    failures = subject.get("Failures", [])
    found = [reason for what, reason in failures if what in entry.get("needs", ())] + subject.get("Reasons", [])
    for role, source in entry.get("made_of", ()):
        visit = by_role.get(role)
        if visit is None:
            found = found or [f"there is no {role} session"]
        elif visit.get("Row", {}).get(source) in NO_VALUE:
            found.append(why_session(source, tables["sessions"], visit))
    return "; ".join(dict.fromkeys(filter(None, found))) or str(entry.get("undefined", ""))
