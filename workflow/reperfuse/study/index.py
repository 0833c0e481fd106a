"""Index a BIDS study: which scans it has, and which of them can be used.

The only importer of pybids.
"""

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reperfuse.faults import DataFault
from reperfuse.study.acquisition import scan_settings
from reperfuse.study.manifest import Manifest, Scan, StudyError

_NO_SCAN = "no scan found; `inputs` in the config holds the names that are looked for"


_SESSION = r"sub-(?P<subject>[a-zA-Z0-9]+)_ses-(?P<session>[a-zA-Z0-9]+)_(.*_)?"


_LESION = re.compile(_SESSION + r"label-L_mask\.nii(\.gz)?$")


_BRAIN = re.compile(_SESSION + r"desc-brain_mask\.nii(\.gz)?$")


_ARTERY = re.compile(_SESSION + r"(label-AIF_mask\.nii(\.gz)?|desc-manual_timeseries\.tsv)$")


def index_configured(config: Mapping[str, Any]) -> Manifest:
    """Index the study that a checked configuration names, see `index_study`."""
    folders = {name: config[name] for name in ("lesion_masks", "arterial_inputs", "brain_masks")}
    return index_study(
        Path(config["bids_dir"]),
        inputs=config["inputs"],
        roles=config["sessions"],
        participants=_labels(config["participants"]),
        sessions=_labels(config["include_sessions"]),
        acquisition=config["acquisition"],
        **{name: Path(folder) if folder else None for name, folder in folders.items()},
    )


def _labels(given: Any) -> list[Any]:
    """Return a list of labels, which a command line gives as 01,02."""
    if isinstance(given, list):
        return given
    return given.split(",") if isinstance(given, str) else [given]


def index_study(
    bids_dir: Path,
    *,
    inputs: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, str],
    participants: Sequence[str | int] = (),
    sessions: Sequence[str | int] = (),
    lesion_masks: Path | None = None,
    arterial_inputs: Path | None = None,
    brain_masks: Path | None = None,
    acquisition: Mapping[str, float | None] | None = None,
) -> Manifest:
    """Index a BIDS study.

    Parameters
    ----------
    bids_dir : Path
    inputs : mapping
        pybids filters for each kind of scan, such as ``{"dsc": {"suffix": "dsc"}}``.
    roles : mapping
        Session label of each role.
    participants : sequence of str or int
        Labels to keep, with or without ``sub-``; empty for all.
    sessions : sequence of str or int
        Labels to keep, with or without ``ses-``; empty for all.
    lesion_masks : Path, optional
        Folder of the experts' lesion masks.
    arterial_inputs : Path, optional
        Folder of arterial inputs chosen by hand.
    brain_masks : Path, optional
        Folder of the study's own brain masks.
    acquisition : mapping, optional
        ``repetition_time_s`` and ``echo_time_s`` given once for the whole study.

    Returns
    -------
    Manifest

    Raises
    ------
    StudyError
        If there is no such folder, it is not BIDS, it holds no scan, or a participant or session is unknown.
    """
    _check_study(bids_dir)
    labels = {session: role for role, session in roles.items()}
    files = _walk(bids_dir)
    scans: list[Scan] = []
    for kind, filters in inputs.items():
        sidecars = _Sidecars(_select(files, kind, {"extension": ".json", "suffix": filters["suffix"]}))
        found = _select(files, kind, {"extension": [".nii", ".nii.gz"], **filters})
        for group in _by_session(found).values():
            used = None
            for file in group:
                scans.append(_scan(kind, file, used, sidecars, labels, acquisition or {}))
                used = used or (None if scans[-1].reason else file.path.name)
    if lesion_masks is not None:
        scans += _find_derivatives("lesion", "lesion_masks", lesion_masks, _LESION, labels)
    if arterial_inputs is not None:
        scans += _find_derivatives("aif", "arterial_inputs", arterial_inputs, _ARTERY, labels)
    if brain_masks is not None:
        found_masks = _find_derivatives("brain", "brain_masks", brain_masks, _BRAIN, labels)
        scans += [replace(scan, kind=f"brain_{json.loads(scan.settings)['datatype']}") for scan in found_masks]
    if not any(scan.kind in inputs for scan in scans):
        raise StudyError(f"{bids_dir}: {_NO_SCAN}")
    scans += _without_scans(bids_dir, {scan.participant for scan in scans})
    people = _matching("participants", "sub-", {scan.participant for scan in scans}, participants)
    visits = _matching("include_sessions", "ses-", {scan.session for scan in scans if scan.session}, sessions) | {""}
    return Manifest(scan for scan in scans if scan.participant in people and scan.session in visits)


def _without_scans(bids_dir: Path, known: set[str]) -> list[Scan]:
    """List the participants who have a folder, and in it nothing that is looked for."""
    labels = sorted(path.name.removeprefix("sub-") for path in bids_dir.glob("sub-*") if path.is_dir())
    return [
        Scan(label, "", "", "patient", str(bids_dir / f"sub-{label}"), reason=_NO_SCAN)
        for label in labels
        if label.isalnum() and label not in known
    ]


def _check_study(bids_dir: Path) -> None:
    if not bids_dir.is_dir():
        raise StudyError(f"bids_dir: there is no folder {bids_dir}")
    if not (bids_dir / "dataset_description.json").is_file():
        raise StudyError(
            f"bids_dir: {bids_dir} is not a BIDS study, for it has no dataset_description.json; "
            "name the folder that holds that file and the sub-<label> folders"
        )
    if not any(bids_dir.glob("sub-*")):
        raise StudyError(f"bids_dir: {bids_dir} holds no sub-<label> folder, so there is nothing to compute")


@dataclass(frozen=True)
class _File:
    """A file of the study and the BIDS entities in its name."""

    path: Path
    entities: Mapping[str, Any]


def _walk(bids_dir: Path) -> list[_File]:
    """Find the images and sidecars of a study, without what was derived from it.

    The entities are those of pybids. Its own index, a database, takes a hundred times as long to build.
    """
    from bids.layout.models import Config

    definitions = [entity for entity in Config.load("bids").entities.values() if entity.name not in ("scans", "fmap")]
    root = bids_dir.absolute()
    found = []
    for folder, names, files in os.walk(root, followlinks=True):
        below = folder[len(str(root)) :]
        left_out = () if below else ("derivatives", "sourcedata", "code", "stimuli")
        names[:] = [name for name in names if name not in left_out and not name.startswith(".")]
        for name in files:
            if name.endswith((".json", ".nii", ".nii.gz")) and not name.startswith("."):
                matches = ((entity, entity.regex.search(f"{below}/{name}")) for entity in definitions)
                entities = {entity.name: entity.dtype(match[1]) for entity, match in matches if match}
                found.append(_File(Path(folder, name), entities))
    return found


def _select(files: Iterable[_File], kind: str, filters: Mapping[str, Any]) -> list[_File]:
    """Keep the files whose entities have these values, or one of a list of values."""
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


class _Sidecars:
    """The JSON sidecars of one suffix, merged for an image as BIDS' inheritance principle says."""

    def __init__(self, files: Iterable[_File]) -> None:
        self._by_folder: dict[Path, list[_File]] = defaultdict(list)
        for file in files:
            self._by_folder[file.path.parent].append(file)

    def merged(self, image: _File) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for folder in reversed(image.path.parents):
            applicable = [
                file
                for file in self._by_folder.get(folder, ())
                if all(image.entities.get(key) == value for key, value in file.entities.items() if key != "extension")
            ]
            for file in sorted(applicable, key=lambda file: len(file.entities)):
                merged |= _read_json(file.path)
        return merged


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataFault(f"{path.name}: not readable as JSON ({error})") from error
    if not isinstance(content, dict):
        raise DataFault(f"{path.name}: the sidecar is not a JSON object")
    return content


def _by_session(files: Iterable[_File]) -> dict[tuple[str, str], list[_File]]:
    grouped: dict[tuple[str, str], list[_File]] = defaultdict(list)
    for file in sorted(files, key=lambda file: str(file.path)):
        grouped[file.entities.get("subject", ""), file.entities.get("session", "")].append(file)
    return grouped


def _scan(
    kind: str,
    file: _File,
    used: str | None,
    sidecars: _Sidecars,
    labels: Mapping[str, str],
    acquisition: Mapping[str, float | None],
) -> Scan:
    subject, session, path = file.entities.get("subject", ""), file.entities.get("session", ""), file.path
    settings: dict[str, Any] = {}
    reason = ""
    try:
        if not session:
            raise DataFault(f"{path.name}: no session label (ses-) in its name, so its time is unknown")
        if used:
            raise DataFault(f"{path.name}: {used} of the same session is used instead")
        settings = scan_settings(kind, path, sidecars.merged(file), acquisition)
    except DataFault as fault:
        reason = " ".join(str(fault).split())
    return Scan(
        subject,
        session,
        labels.get(session, ""),
        kind,
        str(path),
        json.dumps(settings, sort_keys=True),
        reason,
    )


def _find_derivatives(
    kind: str, key: str, folder: Path, name: re.Pattern[str], labels: Mapping[str, str]
) -> list[Scan]:
    """Find what was drawn by hand on the scans of a session; ``key`` of the config names the folder."""
    if not folder.is_dir():
        raise StudyError(f"{key}: there is no folder {folder}")
    scans = []
    for path in sorted(folder.glob("sub-*/ses-*/*/*")):
        found = name.match(path.name)
        if found and path.parent.name in (("perf",) if kind == "aif" else ("dwi", "anat", "perf")):
            subject, session = found["subject"], found["session"]
            settings = json.dumps({"datatype": path.parent.name})
            scans.append(Scan(subject, session, labels.get(session, ""), kind, str(path.resolve()), settings))
    return scans


def _matching(key: str, prefix: str, known: set[str], wanted: Sequence[str | int]) -> set[str]:
    """Return the labels that are wanted, all if none is; ``key`` of the config names them."""
    kept: set[str] = set()
    for label in wanted:
        # a command line turns 01 into the number 1
        matching = [
            name
            for name in known
            if (name.isdigit() and int(name) == label if isinstance(label, int) else name == label.removeprefix(prefix))
        ]
        if len(matching) != 1:
            problem = f"is ambiguous, write {prefix}<label>" if matching else "is not in the study"
            raise StudyError(f"{key}: {label} {problem}; the study has {', '.join(sorted(known)[:20])}")
        kept.update(matching)
    return kept if wanted else known
