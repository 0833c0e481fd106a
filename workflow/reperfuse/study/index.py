"""Index a BIDS study: which scans it has, and which of them can be used."""

import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reperfuse.faults import DataFault
from reperfuse.study.acquisition import Acquired, read_scan
from reperfuse.study.folder import check_study
from reperfuse.study.given import GIVEN, find_given
from reperfuse.study.layout import File, Inherited, select, walk
from reperfuse.study.lookalikes import misnamed
from reperfuse.study.manifest import Manifest, Scan, StudyError
from reperfuse.study.names import PERFUSION
from reperfuse.study.visits import Visits, as_labels

_NO_SCAN = "no scan found; `inputs` in the config sets the names that are searched for"


def index_configured(config: Mapping[str, Any]) -> Manifest:
    """Index the study that a checked configuration names, see `index_study`."""
    folders = {kind: config[what.key] for kind, what in GIVEN.items()}
    return index_study(
        Path(config["bids_dir"]),
        inputs=config["inputs"],
        roles=config["sessions"],
        participants=as_labels(config["participants"]),
        excluded=as_labels(config["exclude_participants"]),
        sessions=as_labels(config["include_sessions"]),
        given={kind: Path(folder) for kind, folder in folders.items() if folder},
        acquisition=config["acquisition"],
        output_dir=Path(config["output_dir"]),
        without_session=config["role_without_session"],
    )


def index_study(
    bids_dir: Path,
    *,
    inputs: Mapping[str, Mapping[str, Any]],
    roles: Mapping[str, Any],
    participants: Sequence[str | int] = (),
    excluded: Sequence[str | int] = (),
    sessions: Sequence[str | int] = (),
    given: Mapping[str, Path] | None = None,
    acquisition: Mapping[str, float | None] | None = None,
    output_dir: Path | None = None,
    without_session: str = "baseline",
) -> Manifest:
    """Index a BIDS study.

    Parameters
    ----------
    bids_dir : Path
    inputs : mapping
        pybids filters for each kind of scan, such as ``{"dsc": {"suffix": "dsc"}}``.
    roles : mapping
        Session label of each role, or a list of labels.
    participants : sequence of str
        Labels to keep, with or without ``sub-``; empty for all.
    excluded : sequence of str
        Labels to leave out, with or without ``sub-``.
    sessions : sequence of str
        Labels to keep, with or without ``ses-``; empty for all.
    given : mapping of str to Path, optional
        Folders of what was drawn by hand on the scans: ``lesion``, ``aif`` (arterial inputs) and ``brain`` masks.
    acquisition : mapping, optional
        ``repetition_time_s`` and ``echo_time_s`` given once for the whole study.
    output_dir : Path, optional
        Where results go; they are no scans of the study.
    without_session : str
        The role of a patient's scans where the study has no ``ses-`` level.

    Returns
    -------
    Manifest

    Raises
    ------
    StudyError
        If there is no such folder, it is not BIDS, it holds no scan, a participant or session is unknown, or nothing
        in a folder of masks is named as it should be.
    """
    check_study(bids_dir)
    visits = Visits(roles, without_session)
    layout = walk(bids_dir, output_dir)
    visits.look_at(layout.files)
    scans: list[Scan] = []
    wanted = {kind: _stated(filters) for kind, filters in inputs.items()}
    found = {kind: select((file for file in layout.files if file.is_image), kind, wanted[kind]) for kind in wanted}
    finds = [file for files in found.values() for file in files]
    raw = [file for file in layout.files if not file.is_derived]
    for kind, filters in wanted.items():
        beside = (filters["suffix"], "aslcontext") if kind == "asl" else (filters["suffix"],)
        tables = Inherited(file for file in layout.files if file.entities.get("suffix") in beside)
        for group in _by_session(found[kind], visits).values():
            own = [file for file in group if not file.is_derived]
            scans += _choose(kind, own or group, tables, visits, acquisition or {})
        scans += misnamed(kind, filters, raw, found[kind], visits, {file.path for file in finds})
    scans = list(_one_perfusion(scans))
    for kind, folder in (given or {}).items():
        scans += find_given(kind, folder, visits, layout.subjects)
    if not finds and not layout.faults:
        hint = next((f"; {scan.reason}" for scan in scans if scan.kind in inputs), "")
        raise StudyError(f"{bids_dir}: {_NO_SCAN}{_held(layout.files)}{hint}")
    scans += [Scan(label, "", "", what, "", reason=reason) for label, what, reason in layout.faults]
    known = {scan.participant for scan in scans}
    scans += [
        Scan(label, "", "", "patient", str(bids_dir / f"sub-{label}"), reason=_NO_SCAN)
        for label in layout.subjects
        if label not in known
    ]
    people = _people({scan.participant for scan in scans}, participants, excluded)
    kept = _matching("include_sessions", "ses-", {scan.session for scan in scans if scan.session}, sessions) | {""}
    return Manifest(scan for scan in scans if scan.participant in people and scan.session in kept)


def _stated(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters that ask for something: null leaves one of the shipped configuration out."""
    return {name: value for name, value in filters.items() if value is not None}


def _one_perfusion(scans: Sequence[Scan]) -> Iterator[Scan]:
    """Leave one perfusion scan in each session: DSC before CT before ASL."""
    used: dict[tuple[str, str], Scan] = {}
    for kind in PERFUSION:
        for scan in scans:
            if scan.kind == kind and not scan.reason:
                used.setdefault((scan.participant, scan.session), scan)
    for scan in scans:
        best = used.get((scan.participant, scan.session), scan)
        is_second = scan.kind in PERFUSION and scan.kind != best.kind and not scan.reason
        names = (Path(scan.path).name, Path(best.path).name)
        yield replace(scan, reason="{}: {} of the same session is used instead".format(*names)) if is_second else scan


def _held(files: Iterable[File]) -> str:
    """Say which images a study holds in which no scan was found."""
    images = (file.entities for file in files if file.is_image and "subject" in file.entities)
    names = Counter(f"{entities.get('datatype', '?')}/*_{entities.get('suffix', '?')}" for entities in images)
    most = ", ".join(f"{number} {name}" for name, number in names.most_common(6))
    return f"; the study has {most}" if most else ""


def _by_session(files: Iterable[File], visits: Visits) -> dict[tuple[str, str], list[File]]:
    grouped: dict[tuple[str, str], list[File]] = defaultdict(list)
    for file in sorted(files, key=lambda file: str(file.path)):
        grouped[file.entities["subject"], visits.session(file)].append(file)
    return grouped


def _choose(
    kind: str, files: Sequence[File], tables: Inherited, visits: Visits, acquisition: Mapping[str, float | None]
) -> list[Scan]:
    """Return the rows of a session's scans of a kind: of those that can be used the one that holds most is, by name."""
    scans, usable = [], []
    for file in files:
        try:
            if file.fault:
                raise DataFault(file.fault)
            if not visits.session(file):
                raise DataFault(
                    f"{file.path.name}: its name has no session label (ses-), so its session is unknown; add the label"
                )
            usable.append((file, _read(kind, file, tables, acquisition)))
        except DataFault as fault:
            scans.append(visits.scan(file, kind, reason=str(fault)))
    if usable:
        best = max(usable, key=lambda pair: pair[1].volumes)
        for file, acquired in usable:
            reason = "" if file is best[0] else _instead(file, acquired, *best)
            scans.append(visits.scan(file, kind, acquired.settings, reason))
    return scans


def _read(kind: str, file: File, tables: Inherited, acquisition: Mapping[str, float | None]) -> Acquired:
    """Read what a scan's files say; what nobody has foreseen costs that scan, not the study.

    Raises
    ------
    DataFault
        If the scan cannot be used, or reading it failed; how is then printed.
    """
    try:
        return read_scan(kind, file, tables, acquisition)
    except (DataFault, MemoryError):
        raise
    except Exception as error:
        traceback.print_exc()
        raise DataFault(
            f"{file.path.name}: internal error ({type(error).__name__}) while reading it; please report what was "
            "printed at the start of the run"
        ) from error


def _instead(file: File, acquired: Acquired, used: File, more: Acquired) -> str:
    held = f" ({more.volumes} volumes against {acquired.volumes})" if more.volumes > acquired.volumes else ""
    return f"{file.path.name}: {used.path.name} of the same session is used instead{held}"


def _people(known: set[str], wanted: Sequence[str | int], excluded: Sequence[str | int]) -> set[str]:
    people = _matching("participants", "sub-", known, wanted)
    if excluded:
        people = people - _matching("exclude_participants", "sub-", known, excluded)
        if not people:
            raise StudyError("exclude_participants: nobody is left; take a label out of this list")
    return people


def _matching(key: str, prefix: str, known: set[str], wanted: Sequence[str | int]) -> set[str]:
    """Return the labels that are wanted, all if none is; ``key`` of the config names them."""
    kept: set[str] = set()
    for label in wanted:
        # a command line turns 01 into the number 1; in a file it stays as it is written
        matching = [
            name
            for name in known
            if (_is_number(name, label) if isinstance(label, int) else name == label.removeprefix(prefix))
        ]
        if len(matching) != 1:
            problem = f"is ambiguous, write {prefix}<label>" if matching else "is not in the study"
            raise StudyError(f"{key}: {label} {problem}; the study has {', '.join(sorted(known)[:20])}")
        kept.update(matching)
    return kept if wanted else known


def _is_number(name: str, number: int) -> bool:
    return name.isdecimal() and int(name) == number
