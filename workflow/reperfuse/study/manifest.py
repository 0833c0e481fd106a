"""What was found of a study: a row a scan, with the reason where it cannot be used."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from reperfuse.files.tables import read_rows, table_text


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
        baseline, post, late, followup, or empty for a session without a role.
    kind : str
        dsc, ctp, asl, m0scan, dwi, adc, trace, flair, lesion or aif; brain_dwi, brain_perf or brain_anat for a brain
        mask of the study's own; patient for a participant without any scan, whose folder is the path.
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


_COLUMNS = [field.name for field in fields(Scan)]
# `dataclasses.astuple` copies deeply, which of a large study takes long
_ROW = attrgetter(*_COLUMNS)


class Manifest:
    """The scans of a study, by participant and session.

    Parameters
    ----------
    scans : iterable of Scan
    """

    def __init__(self, scans: Iterable[Scan]) -> None:
        self.scans = sorted(scans, key=_ROW)
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
        for kind in kinds:  # a large study asks a million times
            if scan := self._usable.get((participant, session, kind)):
                return scan
        return None

    def has(self, participant: str, session: str, *kinds: str) -> bool:
        """Tell whether the session has a usable scan of one of these kinds."""
        return self.find(participant, session, *kinds) is not None

    def has_any(self, kind: str) -> bool:
        """Tell whether some session has a usable scan of a kind."""
        return any(kind == found for _, _, found in self._usable)

    def role(self, participant: str, session: str) -> str:
        """Return the session's role, empty if it has none."""
        return self._roles[participant, session]

    def session_of(self, participant: str, role: str) -> str | None:
        """Return the participant's session with this role."""
        return next((ses for ses in self.sessions.get(participant, []) if self.role(participant, ses) == role), None)

    def changed_at(self, participant: str) -> float:
        """Return when the newest of the participant's usable scans was last changed, s since 1970."""
        own = (Path(scan.path) for key, scan in self._usable.items() if key[0] == participant)
        return max((path.stat().st_mtime for path in own if path.exists()), default=0.0)

    def reasons(self, participant: str, session: str) -> list[tuple[str, str]]:
        """Return (kind, reason) for each scan of the session that cannot be used."""
        return self._reasons[participant, session]

    def write(self, path: Path) -> None:
        """Write the manifest, leaving the file alone where it already says the same."""
        text = table_text(_COLUMNS, map(_ROW, self.scans))
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Read a manifest that `write` wrote."""
        return cls([Scan(**row) for row in read_rows(path)])
