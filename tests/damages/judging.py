"""A small study with a damaged patient beside a good one, and what is made of it before any step runs."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from reperfuse.faults import DataFault
from reperfuse.study import absences, delivery, facts, options, settings
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.index import index_configured
from reperfuse.study.manifest import Manifest, StudyError
from reperfuse.study.names import Names
from reperfuse.study.plan import Plan
from reperfuse.study.setup import set_up
from reperfuse.study.yaml_lines import read_yaml

from damages.patient import Patient

DEFAULTS = read_yaml(options.CONFIG)


def two_patients(template: Path, root: Path) -> Patient:
    """Write a study of two patients, of whom the first is to be damaged and the second has diffusion alone."""
    patient = Patient.copied(template, root, "01")
    other = Patient(root, "02")
    other.scan("dwi").parent.mkdir(parents=True)
    for ending in ("nii.gz", "json", "bval", "bvec"):
        shutil.copyfile(patient.beside("dwi", ending), other.beside("dwi", ending))
    lesion = Patient(root, "02").mask()
    lesion.parent.mkdir(parents=True)
    shutil.copyfile(patient.mask(), lesion)
    shutil.copy(template / "dataset_description.json", root)
    head, row = (template / "participants.tsv").read_text().splitlines()[:2]
    patient.participants.write_text("\n".join([head, row, row.replace("sub-01", "sub-02")]) + "\n")
    return patient


def plan_of(patient: Patient) -> Plan:
    """Plan a run of the patient's study, as a user's call of the workflow does."""
    paths = {"bids_dir": str(patient.root), "output_dir": str(patient.root / "derivatives" / "reperfuse")}
    config = _merged(DEFAULTS, paths | {"lesion_masks": str(patient.masks)} | patient.config)
    config = settings.check_config(config, options.CONFIG_SCHEMA)
    settings.fill_in_paths(config)
    setup = set_up(config)
    manifest = index_configured(config)
    if absent := setup.absent_columns():
        raise StudyError("\n  ".join(absent))
    return setup.plan(manifest, Names(config["output_dir"]))


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **one,
        **{key: _merged(one[key], new) if _both_are_sections(one.get(key), new) else new for key, new in other.items()},
    }


def _both_are_sections(one: Any, other: Any) -> bool:
    return isinstance(one, dict) and isinstance(other, dict)


def said(plan: Plan, subject: str) -> Iterator[str]:
    """Yield what the tables would say of a patient, and of the study as a whole."""
    yield from (" ".join(row[1:]) for row in absences.left_out(plan))
    if subject not in plan.subjects:
        return
    for session in plan.sessions(subject):
        yield from (" ".join(pair) for pair in absences.absent_scans(plan, subject, session))
        yield from (reason for _, reason in facts.asked_by_criteria(plan, subject, session).values() if reason)
    yield from (" ".join(pair) for pair in absences.absent_comparisons(plan, subject))
    yield from (f"unknown exclusion: {column}" for column in facts.unknown_exclusions(plan, subject))


def finish(plan: Plan, folder: Path) -> None:
    """Ask what else a run asks before its first job: its targets, and the manifest that the jobs read."""
    delivery.missing_results(plan)
    plan.manifest.write(folder / "manifest.tsv")
    assert Manifest.read(folder / "manifest.tsv").scans == plan.manifest.scans
    for subject in plan.subjects:
        for session in plan.sessions(subject):
            assert list(delivery.delivered(plan, subject, session)) is not None
        assert facts.hours_from_treatment(plan, subject) is not None
        assert facts.reflow_exclusions(plan, subject) is not None


def value_of(clinical: ClinicalData, subject: str, column: str) -> Any:
    """Return what a column is read as; `None` if it is not known."""
    read: Callable[[], Any] = {
        "side": lambda: clinical.side(subject, "baseline"),
        "mtici": lambda: clinical.grade(subject, "baseline", "mtici"),
        "ica_occlusion": lambda: clinical.is_set(subject, "baseline", "ica_occlusion"),
        "onset_time": lambda: clinical.hours_from(subject, "baseline", "onset_time"),
    }.get(column, lambda: clinical.number(subject, "baseline", column))
    try:
        value = read()
    except DataFault:
        return None
    return None if value == "unknown" else value
