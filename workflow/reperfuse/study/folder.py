"""Whether a folder is a BIDS study of raw scans, and if not, what it is and which folder was meant."""

import json
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from reperfuse.study.layout import RAW
from reperfuse.study.manifest import StudyError

_DESCRIPTION = "dataset_description.json"
_WANTED = f"name the folder that holds {_DESCRIPTION} and the sub-<label> folders"
_EXAMPLE = "sub-01/ses-baseline/perf/sub-01_ses-baseline_dsc.nii.gz"
_TO_BIDS = "make a BIDS study of them first, for instance with dcm2bids, HeuDiConv or BIDScoin"
#: Files that are looked at to say what a folder holds.
_LOOKED_AT = 2000


def check_study(bids_dir: Path) -> None:
    """Make sure that a folder is a BIDS study.

    Raises
    ------
    StudyError
        Saying what it is instead, and what to name or to do.
    """
    if not bids_dir.is_dir():
        wrong = (
            f"{bids_dir} is a file; {_WANTED}"
            if bids_dir.exists()
            else f"there is no folder {bids_dir}; check the path"
        )
        raise StudyError(f"bids_dir: {wrong}")
    if not os.access(bids_dir, os.R_OK | os.X_OK):
        raise StudyError(f"bids_dir: the folder {bids_dir} may not be read; correct its permissions")
    if not (bids_dir / _DESCRIPTION).is_file() and not _is_raw(bids_dir):
        raise StudyError(f"bids_dir: {_no_dataset(bids_dir)}")
    if (made_by := _derivative(bids_dir)) is not None:
        raise StudyError(f"bids_dir: {_results(bids_dir, made_by)}")
    if not any(bids_dir.glob("sub-*")):
        raise StudyError(
            f"bids_dir: {bids_dir} holds no sub-<label> folder, so there is nothing to compute{_hint(bids_dir)}"
        )


def _no_dataset(folder: Path) -> str:
    """Say what a folder without a description of a dataset is."""
    study = next((above for above in folder.parents if _is_study(above)), None)
    near = (folder, *folder.parents[:2])
    if patient := next((one for one in near if re.fullmatch(r"sub-[a-zA-Z0-9]+", one.name)), None):
        what = "is the folder of one patient" if patient == folder else f"lies in the folder of {patient.name}"
        alone = f"participants: [{patient.name}] in the config keeps this patient alone"
        return f"{folder} {what}, not a study; name the study, {study or patient.parent}; {alone}"
    if study and "derivatives" in folder.parts[len(study.parts) :]:
        return f"{folder} lies among what was made from a study; name the study itself, {study}"
    not_bids = f"{folder} is not a BIDS study: it has no {_DESCRIPTION}"
    if any(folder.glob("sub-*/")):
        line = '{"Name": "my study", "BIDSVersion": "1.10.0"}'
        return f"{not_bids}; it has sub-<label> folders, so write that file, with the line {line}"
    if not any(folder.iterdir()):
        return f"{folder} is empty; {_WANTED}"
    return f"{not_bids}{_hint(folder) or f'; {_WANTED}'}"


def _is_raw(folder: Path) -> bool:
    """Tell whether a folder is named as one of raw scans, and holds patients: that says what a description would."""
    return folder.name in RAW and any(folder.glob("sub-*/"))


def _hint(folder: Path) -> str:
    """Say what to do with what a folder without patients holds; empty where that is not known."""
    described = sorted(islice(folder.glob(f"*/{_DESCRIPTION}"), _LOOKED_AT))
    studies = [below.parent for below in described if _is_study(below.parent)]
    studies += [folder / name for name in RAW if _is_raw(folder / name) and folder / name not in studies]
    raw = [study for study in studies if _derivative(study) is None]
    if raw:
        return f"; it holds the study {raw[0]}: name that" + (", or another of its studies" if len(raw) > 1 else "")
    files = list(islice(_files(folder), _LOOKED_AT))
    if any(map(_is_dicom, files)):
        return f"; it holds DICOM files: {_TO_BIDS}"
    if any(file.name.lower().endswith((".nii", ".nii.gz")) for file in files):
        return f"; it holds NIfTI images that are not named as BIDS says, as {_EXAMPLE} is: rename them, or {_TO_BIDS}"
    return ""


def _is_study(folder: Path) -> bool:
    return (folder / _DESCRIPTION).is_file() and any(folder.glob("sub-*"))


def _derivative(folder: Path) -> str | None:
    """Return what made a dataset of results, empty if it does not say; None for a dataset that is none."""
    try:
        said = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or said.get("DatasetType") != "derivative":
        return None
    makers = said.get("GeneratedBy")
    maker = makers[0] if isinstance(makers, list) and makers else {}
    name = maker.get("Name") if isinstance(maker, dict) else None
    return name if isinstance(name, str) and re.fullmatch(r"[\w .-]{1,40}", name) else ""


def _results(folder: Path, made_by: str) -> str:
    maker = f" of {made_by}" if made_by else ""
    study = next((above for above in folder.parents if _is_study(above) and _derivative(above) is None), None)
    if study:
        return f"{folder} holds results{maker}, not raw scans; name the study they were made from, {study}"
    return (
        f"{folder} holds results{maker}, not raw scans: its {_DESCRIPTION} says DatasetType derivative; name the study "
        "they were made from, or, if these are the scans themselves, write raw there"
    )


def _files(folder: Path) -> Iterator[Path]:
    for place, names, files in os.walk(folder):
        names.sort()
        yield from (Path(place, name) for name in sorted(files) if not name.startswith("."))


def _is_dicom(file: Path) -> bool:
    """Tell whether a file is DICOM, by its ending or, as scanners write it without one, by its mark."""
    if file.suffix.lower() in (".dcm", ".ima") or file.name == "DICOMDIR":
        return True
    if re.search(r"\.[a-zA-Z]", file.name):
        return False
    try:
        with file.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False
