"""Every file of a patient and every column of a table, for docs/outputs.md.

A file's description and unit are those of its sidecar: the output of the step that the rule names.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from reperfuse import interfaces
from reperfuse.study import options
from reperfuse.study.dictionaries import is_flag, public_entry, table_dictionaries
from reperfuse.study.names import COMPARISONS, RESULTS, Result
from reperfuse.study.settings import read_criteria
from reperfuse.study.yaml_lines import read_yaml

from pages.markdown import escape, item

RULES = Path(__file__).parents[2] / "workflow" / "rules"

_MADE = re.compile(r'"?(\w+)"?(?:=|: )result\("(\w+)"')
_CONSTANT = re.compile(r"^[A-Z_]+ = .*?\n\n", flags=re.MULTILINE | re.DOTALL)
_FOLDERS = {"{datatype}": "each"}
_SCANS = {
    "dsc": "DSC",
    "ctp": "CT perfusion",
    "asl": "ASL",
    "dsc|ctp": "DSC or CT perfusion",
    "dsc|ctp|asl": "perfusion",
    "dwi|adc": "diffusion",
    "dwi|adc|ctp": "diffusion, else CT perfusion",
    "flair": "FLAIR",
}
_ROLES = {
    "baseline": "before treatment",
    "post": "after treatment",
    "late": "a day after treatment",
    "followup": "at follow-up",
}


def part(name: str) -> str:
    """Return a part of the page: the files of a folder, or the columns of a table."""
    kind, _, called = name.partition(" ")
    return _columns(called) if kind == "columns" else _files(name)


@cache
def _outputs() -> dict[str, Any]:
    """Return the output trait of each result, by its name."""
    found = {}
    for path in sorted(RULES.glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        shared = dict(_MADE.findall("".join(_CONSTANT.findall(text))))
        step = ""
        for rule in re.split(r"^ *(?:use )?rule ", text, flags=re.MULTILINE)[1:]:
            # a rule that uses another has its step
            step = named[1] if (named := re.search(r'step\(\s*"(\w+)"', rule)) else step
            if "    output:" not in rule or not step:
                continue
            spec = getattr(interfaces, step).output_spec()
            written = rule.partition("    output:")[2].partition("    log:")[0].partition("    message:")[0]
            made = dict(_MADE.findall(written)) | (shared if "**" in written else {})
            found |= {
                result: spec.trait(trait) for trait, result in made.items() if trait in spec.copyable_trait_names()
            }
    return found


def _files(folder: str) -> str:
    lines = []
    for name, result in RESULTS.items():
        if _FOLDERS.get(result.folder, result.folder) == folder:
            lines.append(item(f"`{result.ending}`: {escape(_outputs()[name].desc)}{_when(result)}"))
    return "\n".join(lines)


def _when(result: Result) -> str:
    """Return which scans a file needs, and in which sessions it is."""
    kinds = [_SCANS[need] for need in result.needs if need not in COMPARISONS]
    said = f". It needs {' and '.join(kinds)}" if len(kinds) > 1 else ""
    return said + (f". Sessions {' or '.join(_ROLES[role] for role in result.roles)}" if result.roles else "")


@cache
def tables() -> dict[str, dict[str, Any]]:
    """Return the columns of each table, by its name."""
    catalogue = read_criteria(
        options.CRITERIA, {}, options.CRITERIA_SCHEMA, taken=read_yaml(options.TABLES)["sessions"], written_in=[]
    )
    presets = options.read_definitions(options.REFLOW_PRESETS, read_yaml(options.CONFIG)["imr"])
    tables = table_dictionaries(options.TABLES, catalogue, presets, has_late=True)
    papers = {f"tables/{name}": table["columns"] for name, table in read_yaml(options.STATISTICS).items()}
    return tables | papers


def _columns(table: str) -> str:
    columns = tables()[table]
    if table == "analysis":  # those of sessions and patients are told once, there
        own = read_yaml(options.TABLES)
        columns = {name: columns[name] for name in (*own["clinical"], *own["derived"])}
    return "\n".join(_column(name, public_entry(entry)) for name, entry in columns.items())


def _column(name: str, entry: Mapping[str, Any]) -> str:
    unit = "" if entry.get("Units", "1") == "1" else f" ({escape(entry['Units'])})"
    lines = [item(f"`{name}`{unit}: {escape(entry['Description'])}{' (0: no, 1: yes)' if is_flag(entry) else ''}")]
    if not is_flag(entry):
        lines += [item(f"`{level}`: {escape(meaning)}", "  ") for level, meaning in entry.get("Levels", {}).items()]
    return "\n".join(lines)
