"""The example cohort, as the tables of a finished study: ``python -m reperfuse.analysis.example FOLDER``."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reperfuse.files.sidecars import sidecar_path, write_json
from reperfuse.files.tables import format_cell, table_text
from reperfuse.simulation.clinical import COLUMNS
from reperfuse.simulation.cohort.draw import Cohort, draw_cohort
from reperfuse.simulation.cohort.effects import Effects, Rules
from reperfuse.study import options
from reperfuse.study.dictionaries import public_entry, table_dictionaries
from reperfuse.study.yaml_lines import read_yaml

#: Patients of the example, and its seed: each group of profile and reperfusion has some who respond and some who don't.
PATIENTS, SEED = 60, 20260505


def shipped_rules() -> Rules:
    """Return what the configuration that ships says of criteria and IMR."""
    core_threshold = options.defaults("core")["adc_threshold"]
    criteria, presets = read_yaml(options.CRITERIA), read_yaml(options.REFLOW_PRESETS)
    return Rules(criteria, presets, options.defaults("stability"), core_threshold)


def write_cohort(folder: Path, cohort: Cohort) -> None:
    """Write a cohort: the participants as a study has them, and the tables where the workflow puts them."""
    _describe(folder, "Simulated cohort of stroke patients, tables only", {"License": "CC0"})
    (folder / "README").write_text(_readme(cohort.effects), encoding="utf-8")
    _write(folder / "participants.tsv", ["participant_id", *COLUMNS], cohort.participants, COLUMNS)
    results = folder / "derivatives" / "reperfuse"
    _describe(results, "Results of the simulated cohort", {"GeneratedBy": [{"Name": "reperfuse.simulation"}]})
    definitions = options.read_definitions(options.REFLOW_PRESETS, options.defaults("imr"))
    dictionaries = table_dictionaries(options.TABLES, read_yaml(options.CRITERIA), definitions, has_late=True)
    for name, rows in cohort.tables.items():
        dictionary = {column: public_entry(entry) for column, entry in dictionaries[name].items()}
        _write(results / "group" / f"{name}.tsv", dictionary, rows, dictionary)


def _readme(true: Effects) -> str:
    """Say what the cohort was drawn with, so that what is estimated from it can be compared."""
    return (
        "Simulated stroke patients: the clinical table of a study, and the tables of its results. Nobody was scanned.\n"
        "Written by: python -m reperfuse.analysis.example <folder>\n\n"
        "Simulated effects (reperfuse.simulation.cohort.effects):\n"
        f"- NIHSS at 24 h: {true.nihss_24h_per_ml:+.2f} points per mL of IMR; at day 5: {true.nihss_day5_per_ml:+.2f}\n"
        f"- mRS at 90 days: common odds ratio of a higher grade {true.mrs_odds_ratio_per_ml:.2f} per mL of IMR\n"
        f"- IMR above 5 mL: odds {true.imr_odds_grade_3:.2f} at mTICI 3,"
        f" {true.imr_odds_ratio_below_3:.2f} times that at lower grades\n"
        f"- favourable response: odds ratio of reperfusion {true.response_odds_ratio_target:g} with the target profile,"
        f" {true.response_odds_ratio_other:g} without\n"
        f"- median growth, mL: {true.growth_ml[True, True]:g} reperfused and {true.growth_ml[True, False]:g} not,"
        f" with the target profile; {true.growth_ml[False, True]:g} and {true.growth_ml[False, False]:g} without\n"
    )


def _describe(folder: Path, name: str, more: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    kind = "derivative" if "GeneratedBy" in more else "raw"
    content = {"Name": name, "BIDSVersion": "1.10.1", "DatasetType": kind, **more}
    write_json(folder / "dataset_description.json", content)


def _write(
    path: Path, columns: Iterable[str], rows: Sequence[Mapping[str, Any]], dictionary: Mapping[str, Any]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(columns)
    cells = ([format_cell(row.get(column)) for column in columns] for row in rows)
    path.write_text(table_text(columns, cells), encoding="utf-8")
    write_json(sidecar_path(path), {column: dictionary[column] for column in columns if column in dictionary})


if __name__ == "__main__":
    write_cohort(Path(sys.argv[1]), draw_cohort(PATIENTS, SEED, shipped_rules()))
