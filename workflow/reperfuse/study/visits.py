"""Which session a file is of, and which role that has."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from reperfuse.faults import one_line
from reperfuse.study.layout import File
from reperfuse.study.manifest import Scan, StudyError


def as_labels(given: Any) -> list[Any]:
    """Return a list of labels, which a command line gives as 01,02; None is none."""
    if given is None or isinstance(given, list):
        return given or []
    return given.split(",") if isinstance(given, str) else [given]


class Visits:
    """Which session a file is of, and which role that has.

    Parameters
    ----------
    roles : mapping
        Session label of each role, a list of labels, or None for a role that the study does not have.
    without_session : str
        The role of a patient's scans where there is no ``ses-`` level.
    """

    def __init__(self, roles: Mapping[str, Any], without_session: str) -> None:
        self.roles: dict[str, str] = {}
        for role, labels in roles.items():
            for label in map(str, as_labels(labels)):
                if self.roles.setdefault(label, role) != role:
                    raise StudyError(
                        f"sessions: {label} has two roles, {self.roles[label]} and {role}; keep one of them"
                    )
        self._single = next((label for label, role in self.roles.items() if role == without_session), without_session)
        self._with_level: set[str] = set()

    def look_at(self, files: Iterable[File]) -> None:
        """Note which patients have sessions."""
        self._with_level |= {
            file.entities["subject"] for file in files if "session" in file.entities and "subject" in file.entities
        }

    def session(self, file: File) -> str:
        """Return the session of a file: the only one there is, where a patient has no ses- level."""
        own = str(file.entities.get("session", ""))
        return own or ("" if file.entities["subject"] in self._with_level else self._single)

    def role(self, session: str) -> str:
        """Return the role of a session, empty if it has none."""
        return self.roles.get(session, "")

    def scan(self, file: File, kind: str, settings: Mapping[str, Any] | None = None, reason: str = "") -> Scan:
        """Return a file's row of the manifest."""
        session = self.session(file)
        said = json.dumps(settings or {}, sort_keys=True)
        # a name that no table can hold is not used, and its reason says so
        path = one_line(str(file.path)) if reason else str(file.path)
        return Scan(file.entities["subject"], session, self.role(session), kind, path, said, one_line(reason))
