"""The options of the steps, as config/config.yaml and its schema state them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reperfuse.study.yaml_lines import read_yaml

# a wheel carries what a checkout has beside the package
ROOT = next(folder for folder in (Path(__file__).parents[1] / "shipped", Path(__file__).parents[3]) if folder.is_dir())

CONFIG = ROOT / "config" / "config.yaml"
CONFIG_SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
REFLOW_PRESETS = ROOT / "config" / "reflow.yaml"
CRITERIA = ROOT / "config" / "criteria.yaml"
CRITERIA_SCHEMA = ROOT / "workflow" / "schemas" / "criteria.schema.yaml"
TABLES = ROOT / "workflow" / "schemas" / "tables.yaml"


@dataclass(frozen=True)
class Option:
    """An option of a step, as config/config.yaml and its schema state it.

    Attributes
    ----------
    default : object
    schema : mapping
        What it may be: its part of the JSON Schema.
    explanation : str
        The comment beside it.
    """

    default: Any
    schema: Mapping[str, Any]
    explanation: str


@cache
def options(section: str) -> dict[str, Option]:
    """Return the options of a section of the configuration that ships, by name.

    Those of ``imr`` have the values of the preset it names.
    """
    schema = read_yaml(CONFIG_SCHEMA)
    values = read_yaml(CONFIG)[section]
    text = CONFIG.read_text(encoding="utf-8").partition(f"\n{section}:")[2]
    explanations = {}
    for line in text.splitlines()[1:]:
        if line and not line.startswith(" "):
            break
        if commented := re.match(r" +(\w+): .*?# (.*)", line):
            explanations[commented[1]] = commented[2]
    if section == "imr":
        values = read_reflow(REFLOW_PRESETS, values)
    found = {}
    for name, part in schema["properties"][section]["properties"].items():
        part = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        found[name] = Option(values[name], part, explanations[name])
    return found


def defaults(section: str) -> dict[str, Any]:
    """Return the values of a section of the configuration that ships."""
    return dict(read_yaml(CONFIG)[section])


#: What of a definition of impaired reflow decides what is measured; the rest decides who counts.
MEASURED_BY = ("map", "lesion_source", "rule", "asymmetry_threshold")


def read_definitions(presets_path: Path, own: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Read every definition of impaired reflow, by name.

    Parameters
    ----------
    presets_path : Path
        The presets, as YAML.
    own : mapping
        The section ``imr`` of the configuration. Where it changes its preset, that is a definition called ``study``.

    Returns
    -------
    dict
    """
    presets = read_yaml(presets_path)
    unchanged = dict.fromkeys(presets[own["preset"]])
    found = {name: read_reflow(presets_path, {**own, **unchanged, "preset": name}) for name in presets}
    settings, preset = read_reflow(presets_path, own), found[own["preset"]]
    changed = [f"{key} {value}" for key, value in settings.items() if value != preset[key]]
    title = f"{own['preset']} with {', '.join(changed)}"
    return found | {"study": settings | {"title": title}} if changed else found


def measured_by(definitions: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what of each definition decides what is measured."""
    return {name: {key: settings[key] for key in MEASURED_BY} for name, settings in definitions.items()}


def read_reflow(presets_path: Path, own: Mapping[str, Any]) -> dict[str, Any]:
    """Read what counts as impaired reflow: the preset that `own` names, and what `own` puts in its place.

    Parameters
    ----------
    presets_path : Path
        The presets, as YAML.
    own : mapping
        The section ``imr`` of the configuration; an entry of None takes the preset's.

    Returns
    -------
    dict
    """
    preset = read_yaml(presets_path)[own["preset"]]
    settings = preset | {key: value for key, value in own.items() if value is not None}
    return settings | {"min_mtici": str(settings["min_mtici"])}
