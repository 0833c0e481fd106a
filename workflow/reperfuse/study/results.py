"""The folder of the results: whose it is, and what it is."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reperfuse import __version__
from reperfuse.faults import DataFault
from reperfuse.files.sidecars import read_sidecar, write_json
from reperfuse.study.layout import scan_folders
from reperfuse.study.manifest import StudyError
from reperfuse.study.vocabulary import read_name

#: What the BIDS validator cannot know yet, for perfusion has no derivative names so far.
_IGNORED = (
    "perf/",
    "figures",
    "logs",
    "group",
    "*.html",
    "*_xfm.*",
    "*_timeseries.*",
    "*_measures.json",
    "*_growth.json",
    "*_dwiref.*",
    "removed",
    "*.zip",
)
#: Below the results: a file for each job in which the program failed, named by the patient; and what left the study.
_CRASHES, _REMOVED = Path("logs", "errors"), "removed"


#: The locks this process holds; they are given back when it ends, however it ends.
_CLAIMS: list[Any] = []


def claim(output_dir: Path) -> None:
    """Keep every other run out of an output folder while this process lives.

    Raises
    ------
    StudyError
        If another run is at work in it.
    """
    folder = output_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / ".lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StudyError(f"another run is at work in {output_dir}; wait until it ends, or stop it") from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP):  # a file system without locks
            raise
    _CLAIMS.append(lock)


def describe_results(output_dir: Path, bids_dir: Path) -> None:
    """Make the output folder a BIDS derivative: its description, and what a validator should ignore."""
    description = {
        "Name": "reperfuse: serial stroke MRI",
        "BIDSVersion": "1.10.1",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "reperfuse", "Version": __version__}],
        "SourceDatasets": [{"URL": os.path.relpath(bids_dir, output_dir)}],
        "DatasetLinks": {"raw": os.path.relpath(bids_dir, output_dir)},
    }
    output_dir.mkdir(parents=True, exist_ok=True)
    write_json(output_dir / "dataset_description.json", description)
    (output_dir / ".bidsignore").write_text("".join(f"{name}\n" for name in _IGNORED), encoding="utf-8")


def dataset_name(bids_dir: Path) -> str:
    """Return the name that a study gives itself; empty where it gives none."""
    try:
        name = read_sidecar(bids_dir / "dataset_description.json").get("Name")
    except (DataFault, OSError):
        return ""
    return read_name(name) if isinstance(name, str) else ""


def note_crash(output_dir: Path, job: str, sentence: str) -> None:
    """Note that the program failed in a patient's job, whose outputs say so: the next run computes the patient anew.

    Parameters
    ----------
    output_dir : Path
    job : str
        Patient, session and rule, such as ``sub-01_ses-baseline_compute_adc``.
    sentence : str
        What the user is told.
    """
    folder = output_dir / _CRASHES
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{job}.txt").write_text(f"{sentence}\n", encoding="utf-8")


def crashes(output_dir: Path) -> list[str]:
    """Return a sentence for each job in which the program failed."""
    return [path.read_text(encoding="utf-8").strip() for path in sorted((output_dir / _CRASHES).glob("*.txt"))]


def crashed(output_dir: Path) -> list[str]:
    """Return the labels of the patients in whose jobs the program failed."""
    names = {path.name.partition("_")[0] for path in (output_dir / _CRASHES).glob("*.txt")}
    return sorted(name.removeprefix("sub-") for name in names)


def forget(output_dir: Path, label: str) -> None:
    """Delete the results of a patient, and that the program failed in it."""
    shutil.rmtree(output_dir / f"sub-{label}", ignore_errors=True)
    (output_dir / f"sub-{label}.html").unlink(missing_ok=True)
    for path in (output_dir / _CRASHES).glob(f"sub-{label}_*.txt"):
        path.unlink()


def put_aside(output_dir: Path, bids_dir: Path) -> Iterator[str]:
    """Move the results of patients and sessions that are no longer in the study below ``removed``; yield their names.

    A patient's page and folder are moved with those of all sessions. What a study leaves out by its settings stays.
    """
    roots = scan_folders(bids_dir)
    for folder in sorted(output_dir.glob("sub-*/")):
        if not (bids_dir / folder.name).is_dir():
            _move(output_dir, folder.name, f"{folder.name}.html")
            yield folder.name
            continue
        has_sessions = any(any((root / folder.name).glob("ses-*/")) for root in roots)
        for session in sorted(folder.glob("ses-*/")) if has_sessions else []:
            if not any((root / folder.name / session.name).is_dir() for root in roots):
                _move(output_dir, f"{folder.name}/{session.name}")
                yield f"{folder.name}/{session.name}"


def removed(output_dir: Path, bids_dir: Path) -> list[str]:
    """Return what `put_aside` moved and is still not in the study."""
    folders = [path for name in ("sub-*/", "sub-*/ses-*/") for path in (output_dir / _REMOVED).glob(name)]
    names = sorted(path.relative_to(output_dir / _REMOVED) for path in folders)
    gone = [name for name in names if not any((root / name).is_dir() for root in scan_folders(bids_dir))]
    return [str(name) for name in gone if name.parent not in gone]


def _move(output_dir: Path, *names: str) -> None:
    for name in names:
        source, target = output_dir / name, output_dir / _REMOVED / name
        if source.exists():
            if target.is_dir():
                shutil.rmtree(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
