"""Damage to the names and folders of a study."""

import json
import os
import shutil

from damages import Damage
from damages.patient import Patient

LABEL = "a label has only letters and digits"


def _move(patient: Patient, folder: str) -> None:
    """Put perfusion into another folder of the session."""
    old = patient.scan("dsc").parent
    old.rename(old.with_name(folder))


def _copy(patient: Patient, extra: str, kind: str = "dsc") -> None:
    for ending in ("nii.gz", "json"):
        path = patient.beside(kind, ending)
        shutil.copy(path, path.with_name(path.name.replace(f"_{kind}", f"{extra}_{kind}")))


def _named(patient: Patient, old: str, new: str) -> None:
    """Change a part of the names of the perfusion scan and its sidecar."""
    for ending in ("nii.gz", "json"):
        path = patient.beside("dsc", ending)
        path.rename(path.with_name(path.name.replace(old, new)))


def _session(patient: Patient, name: str) -> None:
    (patient.folder / "ses-baseline").rename(patient.folder / name)


def _both(patient: Patient) -> None:
    import gzip

    path = patient.scan("dsc")
    path.with_name(path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))


def _aborted(patient: Patient) -> None:
    _copy(patient, "_run-1")
    _named(patient, "baseline_dsc", "baseline_run-2_dsc")
    run = patient.scan("dsc").with_name(patient.scan("dsc").name.replace("_dsc", "_run-1_dsc"))
    patient.image(lambda data: data[..., :5], path=run)


def _finder(patient: Patient) -> None:
    folder = patient.scan("dsc").parent
    for name in (".DS_Store", f"._{patient.scan('dsc').name}", f"._{patient.beside('dsc').name}", ".hidden_dsc.nii.gz"):
        (folder / name).write_bytes(b"\0\5\x16\7 of a Mac")


def _odd_file(patient: Patient, name: str) -> None:
    shutil.copy(patient.scan("dsc"), patient.scan("dsc").with_name(name))


def _loose(patient: Patient) -> None:
    """The scan lies beside the sessions."""
    (patient.folder / "perf").mkdir()
    for ending in ("nii.gz", "json"):
        path = patient.beside("dsc", ending)
        path.rename(patient.folder / "perf" / path.name.replace("_ses-baseline", ""))


def _derived(patient: Patient) -> None:
    for place in ("derivatives", "sourcedata"):
        folder = patient.scan("dsc").parent / place
        folder.mkdir()
        shutil.copy(patient.scan("dsc"), folder / patient.scan("dsc").name.replace("_dsc", "_run-9_dsc"))
    _copy(patient, "_desc-moco")


def _nested(patient: Patient) -> None:
    """A dataset inside the session, with a scan of its own."""
    dataset = patient.folder / "ses-baseline" / "other"
    (dataset / "perf").mkdir(parents=True)
    (dataset / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.10.1"}))
    shutil.copy(patient.scan("dsc"), dataset / "perf" / patient.scan("dsc").name.replace("_dsc", "_run-9_dsc"))


def _loops(patient: Patient) -> None:
    (patient.folder / "again").symlink_to("..")
    (patient.folder / "ses-baseline" / "round").symlink_to(".")
    (patient.folder / "self").symlink_to("self")


def _self_at_top(patient: Patient) -> None:
    (patient.root / f"sub-{patient.label}loop").symlink_to(f"sub-{patient.label}loop")


def _second_patient(patient: Patient, label: str) -> None:
    shutil.copytree(patient.folder, patient.root / f"sub-{label}")


def _bytes_in_name(patient: Patient) -> None:
    path = os.fsencode(patient.scan("dsc"))
    os.rename(path, path.replace(b"_dsc", b"_acq-\xff_dsc"))  # noqa: PTH104 (a name that no str is)


def _other_format(patient: Patient, ending: str) -> None:
    patient.rename(patient.scan("dsc"), patient.scan("dsc").name.replace(".nii.gz", ending))


def _empty_folder(patient: Patient) -> None:
    shutil.rmtree(patient.masks / patient.folder.name)
    shutil.rmtree(patient.folder)
    patient.folder.mkdir()


DAMAGES = [
    Damage("name of another patient", lambda p: _named(p, f"sub-{p.label}", "sub-99"), "dsc", "lies in the folder of sub-"),
    Damage("name of another session", lambda p: _named(p, "ses-baseline", "ses-post"), "dsc", "lies in the folder of ses-"),
    Damage("name without a patient", lambda p: _named(p, f"sub-{p.label}_", "")),
    Damage("session with an underscore", lambda p: _session(p, "ses-day_5"), "session", LABEL),
    Damage("session with a hyphen", lambda p: _session(p, "ses-day-5"), "session", LABEL),
    Damage("session with a blank", lambda p: _session(p, "ses-day 5"), "session", LABEL),
    Damage("session with a line break", lambda p: _session(p, "ses-day\n5"), "session", LABEL),
    Damage("session without a label", lambda p: _session(p, "ses-"), "session", LABEL),
    Damage("session in another alphabet", lambda p: _session(p, "ses-базовый"), "session", LABEL),
    Damage("session folder in capitals", lambda p: _session(p, "SES-baseline")),
    Damage("second folder of the patient, with a hyphen", lambda p: _second_patient(p, f"{p.label}-2"), says=LABEL),
    Damage("second folder of the patient, with a blank", lambda p: _second_patient(p, f"{p.label} (2)"), says=LABEL),
    Damage("second folder of the patient, with a line break", lambda p: _second_patient(p, f"{p.label}\n2"), says=LABEL),
    Damage("second folder of the patient, with a tab", lambda p: _second_patient(p, f"{p.label}\t2"), says=LABEL),
    Damage("folder in capitals", lambda p: p.rename(p.folder, f"SUB-{p.label}"), "patient", "is named sub-<label>"),
    Damage("folder with an underscore", lambda p: p.rename(p.folder, f"sub_{p.label}"), "patient", "is named sub-<label>"),
    Damage("folder without any scan", _empty_folder, "patient", "no scan found"),
    Damage("perfusion in func", lambda p: _move(p, "func"), "dsc", "should lie in a folder perf"),
    Damage("perfusion in Perf", lambda p: _move(p, "Perf"), "dsc", "should lie in a folder perf"),
    Damage("perfusion in no folder", lambda p: _move(p, "a folder"), "dsc", "should lie in a folder perf"),
    Damage("perfusion a folder deeper", lambda p: _move(p, "perf2") or (p.folder / "ses-baseline/perf").mkdir()
           or (p.folder / "ses-baseline/perf2").rename(p.folder / "ses-baseline/perf/run1")),
    Damage("scan beside the sessions", _loose, "dsc", "no session label"),
    Damage("suffix in capitals", lambda p: _named(p, "_dsc", "_DSC"), "dsc", "the name should end in _dsc"),
    Damage("suffix of a copy", lambda p: _named(p, "_dsc", "_dsc (1)"), "dsc", "the name should end in _dsc"),
    Damage("suffix with a number", lambda p: _named(p, "_dsc", "_dsc-2"), "dsc", "the name should end in _dsc"),
    Damage("suffix with a word", lambda p: _named(p, "_dsc", "_dsc_final"), "dsc", "the name should end in _dsc"),
    Damage("ending in capitals", lambda p: _other_format(p, ".NII.GZ"), "dsc", "the name should end in _dsc"),
    Damage("image in two files", lambda p: _other_format(p, ".img"), "dsc", "the name should end in _dsc"),
    Damage("image of another format", lambda p: _other_format(p, ".nrrd"), "dsc", "the name should end in _dsc"),
    Damage("image zipped", lambda p: _other_format(p, ".nii.zip"), "dsc", "the name should end in _dsc"),
    Damage("ADC in small letters", lambda p: (p.scanner_adc(), p.rename(p.scan("adc"), p.scan("adc").name.replace("ADC", "adc"))),
           "adc", "the name should end in _ADC"),
    Damage("the same scan as .nii and .nii.gz", _both, says="is used instead"),
    Damage("two acquisitions", lambda p: _copy(p, "_acq-b"), says="is used instead"),
    Damage("two echoes", lambda p: _copy(p, "_echo-2"), says="is used instead"),
    Damage("first run aborted", _aborted, says="5 frames do not show the first passage"),
    Damage("run of letters", lambda p: _named(p, "_dsc", "_run-b_dsc")),
    Damage("unknown entity", lambda p: _named(p, "_dsc", "_foo-bar_dsc")),
    Damage("files of the Finder", _finder),
    Damage("line break in a file's name", lambda p: _named(p, "_dsc", "_acq-a\nb_dsc"), "dsc", "characters that cannot be written"),
    Damage("bytes that are no text in a file's name", _bytes_in_name, "dsc", "characters that cannot be written"),
    Damage("tab in a file's name", lambda p: _named(p, "_dsc", "_acq-a\tb_dsc"), "dsc", "characters that cannot be written"),
    Damage("umlaut in a file's name", lambda p: _named(p, "_dsc", "_acq-ü_dsc")),
    Damage("blank in a file's name", lambda p: _named(p, "_dsc", "_acq-a b_dsc")),
    Damage("derived scans beside the raw ones", _derived),
    Damage("dataset inside the session", _nested),
    Damage("links in a circle", _loops),
    Damage("link to itself at the top", _self_at_top, alone=True),
    Damage("label 01 beside 1", lambda p: (p.root / f"sub-{int(p.label)}").mkdir(), says="no scan found", alone=True),
    Damage("no dataset_description.json", lambda p: (p.root / "dataset_description.json").unlink(), "all",
           "dataset_description.json", alone=True),
    Damage("table of participants a folder", lambda p: p.participants.unlink() or p.participants.mkdir(), alone=True,
           says="is a folder"),
]  # fmt: skip
