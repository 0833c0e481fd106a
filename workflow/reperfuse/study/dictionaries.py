"""The data dictionaries of the tables: what each column holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reperfuse.mismatch.criteria import VOLUMES, needs
from reperfuse.study.yaml_lines import read_yaml

#: Roles whose sessions the analysis has columns of, and what their descriptions begin with.
_VISITS = {"baseline": "Before treatment", "post": "After treatment", "late": "A day after treatment"}
#: Columns of a session that are no result of it.
_NOT_OF_A_VISIT = ("participant_id", "session_id", "role", "reasons")


def table_dictionaries(
    path: Path,
    catalogue: Mapping[str, Any],
    definitions: Mapping[str, Mapping[str, Any]],
    *,
    has_late: bool = False,
) -> dict[str, Any]:
    """Return the dictionary of each table, with a column of the sessions for every criterion of the catalogue.

    Parameters
    ----------
    path : Path
        The columns that every study has, as YAML.
    catalogue : mapping
        The criteria.
    definitions : mapping
        The definitions of impaired reflow, see `reperfuse.study.options.read_definitions`.
    has_late : bool
        The study has sessions of the role ``late``, and the columns of that.

    Returns
    -------
    dict
        Table to column to entry, in the order of the columns; see `public_entry`.
    """
    left_out = () if has_late else ("late",)
    tables = {
        table: {name: entry for name, entry in columns.items() if entry.get("role") not in left_out}
        for table, columns in read_yaml(path).items()
    }
    columns = {}
    for name, entry in tables.pop("sessions").items():
        columns[name] = entry
        if name == "hir":
            needs = {"needs": columns["mismatch_ratio"]["needs"]}
            columns |= {criterion: _criterion_column(definition) | needs for criterion, definition in catalogue.items()}
    columns, tables["patients"] = (_with_ends(found) for found in (columns, tables["patients"]))
    clinical, derived = tables.pop("clinical"), tables.pop("derived")
    visits = {
        f"{role}_{name}": entry | {key: f"{when}: {entry[key]}" for key in ("LongName", "Description")}
        for role, when in _VISITS.items()
        for name, entry in columns.items()
        if role not in left_out
        and name not in _NOT_OF_A_VISIT
        and not (role != "baseline" and name in catalogue)  # criteria judge the baseline
    }
    identity, *results = tables["patients"].items()
    analysis = dict([identity]) | clinical | visits | dict(results) | derived
    levels = {name: f"{found['title']}. {_capital(found['differs'])}" for name, found in definitions.items()}
    for name in ("reflow", "imr"):
        tables[name]["preset"]["Levels"] = levels
    return {"sessions": columns, **tables, "analysis": analysis}


def _capital(text: str) -> str:
    """Return text as a sentence begins."""
    return text[:1].upper() + text[1:]


def _with_ends(columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return columns with those of the ends of their intervals, each behind its own."""
    found: dict[str, Any] = {}
    for name, entry in columns.items():
        found[name] = entry
        for end, which in (("low", "Lower"), ("high", "Upper")) if entry.get("interval") else ():
            found[f"{name}_{end}"] = {
                "LongName": f"{entry['LongName']}, {which.lower()} end",
                "Description": f"{which} end of the 90 % interval of {name}, for the mean of repeated scans of this "
                "patient on this scanner, and for a scan without noise as far as that can be told. It does not contain "
                "the choice of the arterial input, the reader, another scanner, or motion",
                "Units": entry["Units"],
                "end_of": name,
            }
    return found


def public_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what BIDS knows of a column's entry, without what the pages say where there is no value."""
    return {key: value for key, value in entry.items() if key[0].isupper()}


def is_flag(entry: Mapping[str, Any]) -> bool:
    """Tell whether a column holds yes and no, as 1 and 0."""
    return set(entry.get("Levels", ())) == {"0", "1"}


def is_numeric(entry: Mapping[str, Any]) -> bool:
    """Tell whether a column holds numbers, or yes and no as 1 and 0."""
    return "Units" in entry or is_flag(entry)


def _criterion_column(criterion: Mapping[str, Any]) -> dict[str, Any]:
    """Return a criterion's entry: where it is from, and each class with its rules."""
    levels: dict[str, list[str]] = {}
    for candidate in criterion["classes"]:
        rules = " and ".join(candidate["all"]) if "all" in candidate else " or ".join(candidate["any"])
        levels.setdefault(candidate["name"], []).append(rules)
    compared = f"deficit {criterion.get('deficit', 'tmax6_ml')}, core {criterion.get('core', 'core_ml')}"
    source = "" if criterion["doi"] == "none" else f", doi:{criterion['doi']}"
    is_of_labelling = any(VOLUMES.get(name, ("",))[0] == "lowflow" for name in needs(criterion))
    return {
        "LongName": criterion["title"],
        "Description": f"Class of a baseline session by {criterion['title']}{source}; {compared}",
        "Levels": {name: "; or ".join(rules) for name, rules in levels.items()}
        | {criterion["otherwise"]: "none of the others"},
    } | ({"undefined": "needs ASL"} if is_of_labelling else {})
