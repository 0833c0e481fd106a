"""The files of a study: where raw scans lie, what their names say, and which of them no label can be read from."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from reperfuse.study.manifest import StudyError

#: What a BIDS label is made of.
LABEL = re.compile(r"[a-zA-Z0-9]+")
_IMAGES, _TABLES = (".nii", ".nii.gz"), (".json", ".bval", ".bvec")
#: Folders that hold no raw scan, wherever they lie.
_NOT_RAW = ("derivatives", "sourcedata", "code", "stimuli")


@dataclass(frozen=True)
class File:
    """A file of the study.

    Attributes
    ----------
    path : Path
    entities : mapping
        The BIDS entities of its name; ``subject`` and ``session`` are those of the folders it lies in.
    fault : str
        Why it cannot be a scan of that patient and session; empty for a good one.
    """

    path: Path
    entities: Mapping[str, Any]
    fault: str = ""


@dataclass
class Layout:
    """What was found of a study.

    Attributes
    ----------
    files : list of File
        Images and the tables that go with them, without what was derived from them.
    faults : list of (patient, what, reason)
        Folders that are left out.
    subjects : list of str
        Labels of the patients who have a folder.
    """

    files: list[File] = field(default_factory=list)
    faults: list[tuple[str, str, str]] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)


def walk(bids_dir: Path, output_dir: Path | None = None) -> Layout:
    """Find the raw files of a study: below its ``sub-<label>`` folders, and the tables beside those.

    A folder is visited once, however many links lead to it. Derivatives, other datasets inside the study, and the
    results themselves hold no raw scan.

    Parameters
    ----------
    bids_dir : Path
    output_dir : Path, optional
        Where results go.

    Returns
    -------
    Layout
    """
    root, layout = bids_dir.absolute(), Layout()
    seen = {_identity(folder) for folder in (root, output_dir) if folder is not None and folder.is_dir()}
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        if not entry.is_dir() and entry.name.endswith(_TABLES):
            layout.files.append(File(Path(entry.path), _entities(f"/{entry.name}")))
        elif entry.is_dir() and entry.name.startswith("sub-"):
            label = entry.name.removeprefix("sub-")
            if not LABEL.fullmatch(label):
                layout.faults.append((label, "patient", _no_label(entry.name, "sub-")))
                continue
            layout.subjects.append(label)
            _walk_subject(Path(entry.path), label, seen, layout)
    return layout


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _no_label(name: str, prefix: str) -> str:
    usable = re.sub("[^a-zA-Z0-9]", "", name.removeprefix(prefix))
    example = f", for instance to {prefix}{usable}" if usable else ""
    return f"the folder {name} is left out: a label is letters and digits only; rename it and its files{example}"


def _walk_subject(folder: Path, subject: str, seen: set[tuple[int, int]], layout: Layout) -> None:
    for place, names, files in os.walk(folder, followlinks=True):
        here = Path(place)
        identity = _identity(here)
        if identity in seen or (here != folder and (here / "dataset_description.json").is_file()):
            names.clear()
            continue
        seen.add(identity)
        kept = [name for name in sorted(names) if name not in _NOT_RAW and not name.startswith(".")]
        names[:] = []
        for name in kept:
            if here == folder and name.startswith("ses-") and not LABEL.fullmatch(name.removeprefix("ses-")):
                layout.faults.append((subject, "session", _no_label(name, "ses-")))
            else:
                names.append(name)
        parts = here.relative_to(folder).parts
        session = parts[0].removeprefix("ses-") if parts and parts[0].startswith("ses-") else ""
        layout.files += _files(here, files, subject, session, "/".join(("", folder.name, *parts)))


def _files(folder: Path, names: Iterable[str], subject: str, session: str, below: str) -> Iterator[File]:
    for name in sorted(names):
        if name.startswith(".") or not name.endswith((*_IMAGES, *_TABLES)):
            continue
        entities = _entities(f"{below}/{name}")
        if "desc" in entities or "_desc-" in name:
            continue  # derived, wherever it lies
        yield File(
            folder / name,
            entities | {"subject": subject} | ({"session": session} if session else {}),
            _contradiction(name, subject, session),
        )


def _contradiction(name: str, subject: str, session: str) -> str:
    """Say that a file is named after another patient or session than the folder it lies in."""
    own = re.match(r"sub-([^_]*)", name)
    if own and own[1] != subject:
        return f"{name} lies in the folder of sub-{subject}: one of the two names is wrong"
    visit = re.search(r"_ses-([^_]*)", name)
    if visit and session and visit[1] != session:
        return f"{name} lies in the folder of ses-{session}: one of the two names is wrong"
    if visit and not LABEL.fullmatch(visit[1]):
        return f"{name}: a session label holds letters and digits only"
    return "" if name.isprintable() else "a file name with characters that cannot be written"


@cache
def _definitions() -> list[Any]:
    """Return pybids' entities. Its own index, a database, takes a hundred times as long to build."""
    from bids.layout.models import Config

    return [entity for entity in Config.load("bids").entities.values() if entity.name not in ("scans", "fmap")]


def _entities(path: str) -> dict[str, Any]:
    matches = ((entity, entity.regex.search(path)) for entity in _definitions())
    return {entity.name: entity.dtype(match[1]) for entity, match in matches if match}


def select(files: Iterable[File], kind: str, filters: Mapping[str, Any]) -> list[File]:
    """Keep the files whose entities have these values, or one of a list of values.

    Raises
    ------
    StudyError
        If a filter asks for an entity that BIDS does not have; ``kind`` names it.
    """
    from bids.layout.models import Config

    for name in set(filters) - set(Config.load("bids").entities):
        raise StudyError(f"inputs.{kind}.{name}: BIDS has no such entity")
    wanted = {name: values if isinstance(values, list) else [values] for name, values in filters.items()}
    return [
        file
        for file in files
        if all(name in file.entities and _is_one_of(file.entities[name], values) for name, values in wanted.items())
    ]


def _is_one_of(found: Any, values: Iterable[Any]) -> bool:
    # run-02 is asked for as 2 or as "02"
    return any(found == value or str(found) == str(value) for value in values)


class Inherited:
    """The tables of one suffix, found for an image as BIDS' inheritance principle says.

    Parameters
    ----------
    files : iterable of File
    """

    def __init__(self, files: Iterable[File]) -> None:
        self._by_folder: dict[Path, list[File]] = defaultdict(list)
        for file in files:
            self._by_folder[file.path.parent].append(file)

    def of(self, image: File, ending: str) -> list[Path]:
        """Return the tables of an image with an ending, the nearest last."""
        found = []
        for folder in reversed(image.path.parents):
            applicable = [
                file
                for file in self._by_folder.get(folder, ())
                if file.path.name.endswith(ending)
                and all(image.entities.get(key) == value for key, value in file.entities.items() if key != "extension")
            ]
            found += [file.path for file in sorted(applicable, key=lambda file: len(file.entities))]
        return found
