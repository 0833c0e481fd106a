"""The folder of the results: whose it is, and what it is."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

from reperfuse import __version__
from reperfuse.files.sidecars import write_json
from reperfuse.study.manifest import Manifest, StudyError

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
)


#: The locks this process holds; they are given back when it ends, however it ends.
_CLAIMS: list[Any] = []


def begin(output_dir: Path, bids_dir: Path, manifest: Manifest) -> None:
    """Before the first job: keep other runs out of the results, describe them, and write what the jobs read.

    Raises
    ------
    StudyError
        If another run is at work in the folder, or it cannot be written.
    """
    try:
        claim(output_dir)
        describe_results(output_dir, bids_dir)
        manifest.write(output_dir / "logs" / "manifest.tsv")
    except (StudyError, OSError) as fault:
        raise StudyError(f"output_dir: {fault}") from None


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
        raise StudyError(f"another run is at work in {output_dir}; let it finish, or stop it") from None
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
