"""The files of a study: where raw scans lie, what their names say, and which of them no label can be read from."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from reperfuse.faults import one_line
from reperfuse.study.manifest import StudyError

#: What a BIDS label is made of.
LABEL = re.compile(r"[a-zA-Z0-9]+")
_IMAGES, TABLES = (".nii", ".nii.gz"), (".json", ".bval", ".bvec", "aslcontext.tsv")
#: How images end that cannot be read here, or are named in capitals.
_OTHER_IMAGE = re.compile(r"\.(nii|img|hdr|mgz|mgh|nrrd|mha|mhd|dcm|ima)(\.(gz|zip|bz2|xz|zst|7z))?$", re.IGNORECASE)
#: Characters that would break a line or a cell of a table, or that no text has.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
#: A folder that was meant to be a patient's.
_NEARLY_SUBJECT = re.compile(r"sub[-_ ]?[a-zA-Z0-9]+", re.IGNORECASE)
#: What names what a file holds, not which scan it belongs to.
_OF_THE_FILE = ("extension", "suffix")
#: A folder of raw scans beside one of what was derived from them: as BIDS calls it, and as ISLES does.
RAW = ("rawdata", "raw_data")
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
    is_image : bool
        It is named as a NIfTI image.
    is_derived : bool
        It was derived from a raw scan, and is used where a session has no raw one.
    """

    path: Path
    entities: Mapping[str, Any]
    fault: str = ""
    is_image: bool = True
    is_derived: bool = False


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
    results themselves hold no raw scan. Beside a folder ``rawdata``, images may lie in ``derivatives/sub-<label>``.

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
    if _UNWRITABLE.search(str(root)):
        raise StudyError("bids_dir: the path of the study holds characters that cannot be written; rename its folders")
    seen = {_identity(folder) for folder in (root, output_dir) if folder is not None and folder.is_dir()}
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        path, label = Path(entry.path), entry.name.removeprefix("sub-")
        if not path.is_dir():
            if entry.name.endswith(TABLES) and not _UNWRITABLE.search(entry.name):
                layout.files.append(File(path, _entities(f"/{entry.name}")))
        elif entry.name.startswith("sub-") and LABEL.fullmatch(label):
            layout.subjects.append(label)
            _walk_subject(path, label, seen, layout)
        elif entry.name.startswith("sub-"):
            layout.faults.append((one_line(label), "patient", _no_label(entry.name, "sub-")))
        elif _NEARLY_SUBJECT.fullmatch(entry.name):
            reason = f"the folder {entry.name} is left out: the folder of a patient is named sub-<label>; rename it"
            layout.faults.append((re.sub("(?i)^sub[-_ ]?", "", entry.name), "patient", reason))
    for folder in scan_folders(root)[1:]:
        for label in layout.subjects:
            if (folder / f"sub-{label}").is_dir():
                _walk_subject(folder / f"sub-{label}", label, seen, layout, is_derived=True)
    return layout


def scan_folders(bids_dir: Path) -> list[Path]:
    """Return the folders whose ``sub-<label>`` folders hold scans: the study's, and that beside its ``rawdata``."""
    derived = bids_dir.parent / "derivatives"
    return [bids_dir, derived] if bids_dir.name in RAW and any(derived.glob("sub-*/")) else [bids_dir]


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _no_label(name: str, prefix: str) -> str:
    usable = re.sub("[^a-zA-Z0-9]", "", name.removeprefix(prefix))
    example = f", for instance to {prefix}{usable}" if usable else ""
    return one_line(
        f"the folder {name} is left out: a label has only letters and digits; rename it and its files{example}"
    )


def _walk_subject(
    folder: Path, subject: str, seen: set[tuple[int, int]], layout: Layout, is_derived: bool = False
) -> None:
    def unreadable(error: OSError) -> None:
        name = Path(error.filename).name
        reason = one_line(f"the folder {name} cannot be read; correct its permissions")
        layout.faults.append((subject, "folder", reason))

    for place, names, files in os.walk(folder, onerror=unreadable, followlinks=True):
        here = Path(place)
        identity = _identity(here)
        if identity in seen or (here != folder and "dataset_description.json" in files):
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
        below = "/".join(("", folder.name, *parts))
        found = _files(here, [*files, *_in_place_of_files(names)], subject, session, below)
        layout.files += (replace(file, is_derived=is_derived) for file in found)


def _in_place_of_files(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.endswith((*_IMAGES, *TABLES))]


def _files(folder: Path, names: Iterable[str], subject: str, session: str, below: str) -> Iterator[File]:
    for name in sorted(names):
        is_known = name.endswith((*_IMAGES, *TABLES))
        if name.startswith(".") or not (is_known or _OTHER_IMAGE.search(name)):
            continue
        entities = _entities(f"{below}/{name}")
        if "desc" in entities or "_desc-" in name:
            continue  # derived, wherever it lies
        yield File(
            folder / name,
            entities | {"subject": subject} | ({"session": session} if session else {}),
            _contradiction(name, subject, session),
            is_known and not name.endswith(TABLES),
        )


def _contradiction(name: str, subject: str, session: str) -> str:
    """Say that a file is named after another patient or session than the folder it lies in."""
    if _UNWRITABLE.search(name):
        return f"{one_line(name)}: its name holds characters that cannot be written; rename it"
    own = re.match(r"sub-([^_]*)", name)
    if own and own[1] != subject:
        return f"{name} lies in the folder of sub-{subject}; correct the name that is wrong"
    visit = re.search(r"_ses-([^_]*)", name)
    if visit and session and visit[1] != session:
        return f"{name} lies in the folder of ses-{session}; correct the name that is wrong"
    if visit and not LABEL.fullmatch(visit[1]):
        return f"{name}: a session label has only letters and digits; rename it"
    return ""


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
        raise StudyError(
            f"inputs.{kind}.{name}: BIDS has no such entity; use one that BIDS has, such as suffix or datatype"
        )
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
    """The tables of one kind of scan, found for an image as BIDS' inheritance principle says.

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
                and all(
                    image.entities.get(key) == value for key, value in file.entities.items() if key not in _OF_THE_FILE
                )
            ]
            found += [file.path for file in sorted(applicable, key=lambda file: len(file.entities))]
        return found
