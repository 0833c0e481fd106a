"""What a study holds: participants, sessions, roles and scans; and what the results are called.

The only importer of pybids. The study is indexed once, in the main process; the manifest this
gives is a TSV that every other process reads.
"""

import csv
import errno
import fcntl
import json
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from reperfuse import __version__, images
from reperfuse.faults import DataFault

_NO_SCAN = "no scan found; `inputs` in the config holds the names that are looked for"
#: Largest plausible values, in s; what lies above was written in milliseconds.
_LONGEST = {"RepetitionTime": 20.0, "EchoTime": 0.5}
_SESSION = r"sub-(?P<subject>[a-zA-Z0-9]+)_ses-(?P<session>[a-zA-Z0-9]+)_(.*_)?"
_LESION = re.compile(_SESSION + r"label-L_mask\.nii(\.gz)?$")
_BRAIN = re.compile(_SESSION + r"desc-brain_mask\.nii(\.gz)?$")
_ARTERY = re.compile(_SESSION + r"(label-AIF_mask\.nii(\.gz)?|desc-manual_timeseries\.tsv)$")


class StudyError(ValueError):
    """A study that cannot be worked on at all; the message says what to change."""


@dataclass(frozen=True)
class Scan:
    """One scan of a study: a row of the manifest.

    Attributes
    ----------
    participant, session : str
        Labels, without ``sub-`` and ``ses-``.
    role : str
        baseline, post, followup, or empty for a session without a role.
    kind : str
        dsc, dwi, adc, trace, flair, lesion or aif; brain_dwi, brain_perf or brain_anat for a brain mask
        of the study's own; patient for a participant without any scan, whose folder is the path.
    path : str
        Absolute path of the image, or of the curve.
    settings : str
        JSON of what its sidecar says and a step needs, such as ``echo_time_s``.
    reason : str
        Why the scan cannot be used; empty for a good one.
    """

    participant: str
    session: str
    role: str
    kind: str
    path: str
    settings: str = "{}"
    reason: str = ""


class Manifest:
    """The scans of a study, by participant and session.

    Parameters
    ----------
    scans : iterable of Scan
    """

    def __init__(self, scans: Iterable[Scan]) -> None:
        self.scans = sorted(scans, key=astuple)
        self._usable: dict[tuple[str, str, str], Scan] = {}
        self._reasons: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for scan in self.scans:
            if scan.reason:
                self._reasons[scan.participant, scan.session].append((scan.kind, scan.reason))
            else:
                self._usable[scan.participant, scan.session, scan.kind] = scan
        self.sessions: dict[str, list[str]] = defaultdict(list)
        for participant, session in sorted({(scan.participant, scan.session) for scan in self.scans}):
            if session:
                self.sessions[participant].append(session)
        self._roles = {(scan.participant, scan.session): scan.role for scan in self.scans}

    def find(self, participant: str, session: str, *kinds: str) -> Scan | None:
        """Return the session's usable scan of the first of these kinds that it has."""
        found = (self._usable.get((participant, session, kind)) for kind in kinds)
        return next((scan for scan in found if scan), None)

    def has(self, participant: str, session: str, *kinds: str) -> bool:
        """Tell whether the session has a usable scan of one of these kinds."""
        return self.find(participant, session, *kinds) is not None

    def role(self, participant: str, session: str) -> str:
        """Return the session's role, empty if it has none."""
        return self._roles[participant, session]

    def session_of(self, participant: str, role: str) -> str | None:
        """Return the participant's session with this role."""
        return next((ses for ses in self.sessions.get(participant, []) if self.role(participant, ses) == role), None)

    def reasons(self, participant: str, session: str) -> list[tuple[str, str]]:
        """Return (kind, reason) for each scan of the session that cannot be used."""
        return self._reasons[participant, session]

    def write(self, path: Path) -> None:
        """Write the manifest, leaving the file alone where it already says the same."""
        rows = [[field.name for field in fields(Scan)], *(list(astuple(scan)) for scan in self.scans)]
        text = "".join("\t".join(row) + "\n" for row in rows)
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest that `write` wrote."""
        with path.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            return cls([Scan(**row) for row in rows])


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
        settings = _settings(kind, path, sidecars.merged(file), acquisition)
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


def _settings(
    kind: str, path: Path, sidecar: Mapping[str, Any], acquisition: Mapping[str, float | None]
) -> dict[str, Any]:
    """Return what a step must know of a scan, or raise the DataFault that rules the scan out."""
    header = images.read_header(path)
    if kind == "dsc":
        if len(header.shape) != 4:
            raise DataFault(f"{path.name}: a DSC series has four dimensions, this image has shape {header.shape}")
        repetition = _seconds("RepetitionTime", "repetition_time_s", path, sidecar, acquisition)
        spacing = header.frame_spacing_s
        stated_once = acquisition.get("repetition_time_s") is not None
        # 0 and 1 s are what converters write when they do not know
        if spacing not in (None, 0.0, 1.0) and not stated_once and abs(spacing / repetition - 1) > 0.02:
            raise DataFault(
                f"{path.name}: its header says {spacing:g} s between frames, its sidecar's RepetitionTime "
                f"{repetition:g} s; mend one, or give acquisition.repetition_time_s in the config"
            )
        return {
            "repetition_time_s": repetition,
            "echo_time_s": _seconds("EchoTime", "echo_time_s", path, sidecar, acquisition),
        } | _slice_timing(path, sidecar, header.shape, repetition)
    if kind == "dwi":
        bvals = Path(str(path).removesuffix(".gz").removesuffix(".nii") + ".bval")
        if not bvals.is_file():
            raise DataFault(f"{bvals.name}: missing, so the b-values of {path.name} are unknown")
        bvecs = bvals.with_suffix(".bvec")
        directions = {"bvecs": str(bvecs)} if bvecs.is_file() else {}
        return {"bvals": str(bvals)} | directions | _phase_encoding(sidecar)
    if kind == "adc":
        units = {"units": sidecar["Units"]} if isinstance(sidecar.get("Units"), str) else {}
        return units | _phase_encoding(sidecar)
    return {}


def _phase_encoding(sidecar: Mapping[str, Any]) -> dict[str, str]:
    """Return the voxel axis of phase encoding, where the sidecar says; its sign may be unknown (PhaseEncodingAxis)."""
    stated = str(sidecar.get("PhaseEncodingDirection", sidecar.get("PhaseEncodingAxis"))).removesuffix("-")
    return {"phase_encoding_axis": stated} if stated in ("i", "j", "k") else {}


def _seconds(
    key: str,
    setting: str,
    path: Path,
    sidecar: Mapping[str, Any],
    acquisition: Mapping[str, float | None],
) -> float:
    value = acquisition.get(setting)
    value = sidecar.get(key) if value is None else value
    where = images.sidecar_path(path).name
    if value is None:
        raise DataFault(f"{where}: {key} is missing; add it (in s), or give acquisition.{setting} in the config")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST[key]:
        raise DataFault(f"{where}: {key} is {value!r}, which is no plausible number of seconds")
    return float(value)


def _slice_timing(
    path: Path, sidecar: Mapping[str, Any], shape: tuple[int, ...], repetition_s: float
) -> dict[str, Any]:
    """Return the axis of the slices and the time of each in the order of its voxels, where the sidecar says."""
    times = sidecar.get("SliceTiming")
    if times is None:
        return {}
    where = images.sidecar_path(path).name
    direction = str(sidecar.get("SliceEncodingDirection", "k"))
    if direction.removesuffix("-") not in ("i", "j", "k"):
        raise DataFault(f"{where}: SliceEncodingDirection is {direction!r}; it should be i, j or k, with or without -")
    axis = "ijk".index(direction[0])
    numbers = isinstance(times, list) and all(isinstance(time, int | float) for time in times)
    if not numbers or len(times) != shape[axis] or not all(0 <= time < repetition_s for time in times):
        raise DataFault(
            f"{where}: SliceTiming should hold {shape[axis]} times, one a slice, from 0 to less than "
            f"{repetition_s:g} s; mend it, or leave it out"
        )
    return {"slice_axis": axis, "slice_times_s": times[::-1] if direction.endswith("-") else times}


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


class ClinicalData:
    """The columns of participants.tsv and of the participants' sessions.tsv, read when asked for.

    Parameters
    ----------
    bids_dir : Path
    """

    def __init__(self, bids_dir: Path) -> None:
        self._bids_dir = bids_dir
        self._tables: dict[str, dict[str | None, list[dict[str, str]]]] = {}

    def value(self, participant: str, session: str | None, column: str) -> str:
        """Return a value, the session's own before the participant's; empty if it is not known."""
        own = self._read(f"sub-{participant}/sub-{participant}_sessions.tsv", "session_id")
        everyone = self._read("participants.tsv", "participant_id")
        rows = [*(own.get(f"ses-{session}", []) if session else []), *everyone.get(f"sub-{participant}", [])]
        values = (row.get(column) or "n/a" for row in rows)
        return next((value for value in values if value.lower() != "n/a"), "")

    def is_set(self, participant: str, session: str | None, column: str) -> bool:
        """Tell whether a 0/1 column says 1."""
        return self.value(participant, session, column).lower() in ("1", "1.0", "true", "yes")

    def grade(self, participant: str, session: str | None, column: str) -> str:
        """Return a grade such as mTICI in one spelling: 2a for 2A, 1 for the 1.0 of a column with gaps."""
        text = self.value(participant, session, column).lower()
        return re.sub(r"^(\d+)\.0*$", r"\1", text)

    def number(self, participant: str, session: str | None, column: str) -> float:
        """Return a value as a number.

        Raises
        ------
        DataFault
            If it is not known, or no number.
        """
        text = self.value(participant, session, column)
        if not text:
            raise DataFault(f"the study's tables have no {column}")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise DataFault(f"{column} is {text!r}, which is no number")
        return number

    def hours_from_onset(self, participant: str, session: str, column: str) -> float:
        """Return the hours from the onset of symptoms to a session.

        The column holds a date and time, or a time of day (the last one before the session); either is
        taken from the session's ``acq_time``. A plain number is the hours themselves.

        Raises
        ------
        DataFault
            If a time is not known, not readable, or the onset lies after the session.
        """
        text = self.value(participant, session, column)
        try:
            return self.number(participant, session, column)
        except DataFault:
            if not text:
                raise
        scanned = self.value(participant, session, "acq_time")
        if not scanned:
            raise DataFault(f"sessions.tsv has no acq_time to take {column} from")
        try:
            end = datetime.fromisoformat(scanned)
            if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", text):
                clock = time.fromisoformat(text if text[2] == ":" else f"0{text}")
                start = datetime.combine(end.date(), clock, end.tzinfo)
                start -= timedelta(days=1) if start > end else timedelta(0)
            else:
                start = datetime.fromisoformat(text)
            hours = (end - start).total_seconds() / 3600
        except (TypeError, ValueError) as error:
            raise DataFault(f"{column} ({text}) cannot be taken from acq_time ({scanned})") from error
        if hours < 0:
            raise DataFault(f"{column} ({text}) lies after the session ({scanned})")
        return hours

    def _read(self, name: str, key: str) -> dict[str | None, list[dict[str, str]]]:
        """Return the rows of a table by the value of a column."""
        if name not in self._tables:
            path = self._bids_dir / name
            text = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
            rows = self._tables[name] = {}
            for row in csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
                rows.setdefault(row.get(key), []).append(row)
        return self._tables[name]


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
    images.write_json(output_dir / "dataset_description.json", description)
    (output_dir / ".bidsignore").write_text("".join(f"{name}\n" for name in _IGNORED), encoding="utf-8")
