"""Faults of a study's config."""

import shutil
from typing import Any

from damages import Damage
from damages.patient import Patient

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"sesions": {}}, "sesions: unknown key; did you mean sessions?"),
    "unknown key in a section": ({"core": {"adc_treshold": 1}}, "did you mean adc_threshold?"),
    "text for a number": ({"core": {"adc_threshold": "low"}}, "core.adc_threshold: 'low' should be of type number"),
    "number out of range": ({"core": {"adc_threshold": 0.1}}, "core.adc_threshold: 0.1 should be below"),
    "negative length": ({"hypoperfusion": {"smoothing_mm": -1}}, "smoothing_mm: -1 should be 0 or more"),
    "word for yes or no": ({"growth": {"undo_swelling": "maybe"}}, "should be of type boolean"),
    "word that is no choice": ({"deconvolution": {"method": "svd"}}, "should be one of osvd or csvd or ssvd"),
    "list for a section": ({"quality": [1]}, "quality"),
    "nothing for a section": ({"quality": None}, "quality"),
    "list of three for a range": ({"quality": {"aif_area_ratio": [1, 2, 3]}}, "aif_area_ratio"),
    "label of a session with a hyphen": ({"sessions": {"post": "day-1"}}, "should be a BIDS label"),
    "label of a session empty": ({"sessions": {"post": ""}}, "should be a BIDS label"),
    "no label of a session": ({"sessions": {"post": []}}, "sessions.post"),
    "label of a session a truth value": ({"sessions": {"post": True}}, "sessions.post"),
    "one label for two roles": ({"sessions": {"post": "baseline"}}, "baseline"),
    "participant who is not there": ({"participants": ["77"]}, "participants: 77 is not in the study"),
    "participant of a blank": ({"participants": [" "]}, "participants:"),
    "participants a truth value": ({"participants": True}, "participants"),
    "session that is not there": ({"include_sessions": ["x"]}, "include_sessions: x is not in the study"),
    "column that is not there": ({"columns": {"age": "alter"}}, "columns.age: the study's tables have no column alter"),
    "column a number": ({"columns": {"age": 5}}, "columns.age"),
    "filter of an entity that BIDS has not": ({"inputs": {"dsc": {"suffix": "dsc", "colour": "red"}}}, "BIDS has no such entity"),
    "filters that find nothing": (
        {"inputs": {kind: {"suffix": "x"} for kind in ("dsc", "dwi", "adc", "trace", "flair")}}, "no scan found",
    ),
    "folder of masks missing": ({"lesion_masks": "/nowhere/masks"}, "lesion_masks: there is no folder"),
    "folder of brain masks missing": ({"brain_masks": "brains"}, "brain_masks: there is no folder"),
    "study missing": ({"bids_dir": "/nowhere"}, "there is no folder"),
    "study of a number": ({"bids_dir": 7}, "bids_dir"),
    "echo time of 0": ({"acquisition": {"echo_time_s": 0}}, "acquisition.echo_time_s"),
    "echo time as text": ({"acquisition": {"echo_time_s": "short"}}, "acquisition.echo_time_s"),
    "unknown preset": ({"imr": {"preset": "own"}}, "imr.preset"),
    "unknown exclusion": ({"imr": {"exclusions": ["gout"]}}, "imr.exclusions"),
    "criterion that cannot be parsed": (
        {"criteria": {"mine": {"title": "x", "doi": "none", "classes": [{"name": "a", "all": ["core_ml >> 3"]}], "otherwise": "b"}}},
        "criteria.mine.classes.0.all.0",
    ),
    "criterion that runs code": (
        {"criteria": {"mine": {"title": "x", "doi": "none", "classes": [{"name": "a", "all": ["__import__('os')"]}], "otherwise": "b"}}},
        "criteria.mine.classes.0.all.0",
    ),
    "criterion without classes": ({"criteria": {"mine": {"title": "x", "doi": "none", "otherwise": "b"}}}, "classes"),
    "criterion called as a column": (
        {"criteria": {"core_ml": {"title": "x", "doi": "none", "classes": [{"name": "a", "all": ["core_ml > 3"]}], "otherwise": "b"}}},
        "a column of the tables already has this name",
    ),
    "criterion a list": ({"criteria": {"mine": []}}, "criteria.mine"),
}  # fmt: skip


def _faulty(name: str, content: dict[str, Any], says: str) -> Damage:
    return Damage(name, lambda patient: patient.config.update(content), "all", says, "start", alone=True)


def _results_over_study(patient: Patient, up: bool) -> None:
    patient.config["output_dir"] = str(patient.root.parent if up else patient.root)


def _masks_without_any(patient: Patient) -> None:
    for path in patient.masks.rglob("*.nii.gz"):
        path.rename(path.with_name(path.name.replace("label-L_mask", "msk")))


def _study_of_files(patient: Patient) -> None:
    for folder in patient.root.glob("sub-*"):
        shutil.rmtree(folder)
    (patient.root / "sub-01").write_text("")


DAMAGES = [
    *(_faulty(name, content, says) for name, (content, says) in WRONG.items()),
    Damage("results in the study's folder", lambda p: _results_over_study(p, False), "all", "holds the study itself", "start", alone=True),
    Damage("results above the study", lambda p: _results_over_study(p, True), "all", "holds the study itself", "start", alone=True),
    Damage("no mask can be used", _masks_without_any, "all", "can be used, for example", "start", alone=True),
    Damage("no folder of a patient", _study_of_files, "all", "no scan found", "start", alone=True),
    Damage("label without its zeros", lambda p: p.config.update(participants=[int(p.label)]), found="start", alone=True),
    Damage("labels in one text", lambda p: p.config.update(participants=f"{p.label}"), found="start", alone=True),
    Damage("label with its prefix", lambda p: p.config.update(participants=[f"sub-{p.label}"]), found="start", alone=True),
]  # fmt: skip
