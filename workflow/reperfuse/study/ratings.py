"""Readers' ratings of the sessions: who accepts, doubts or rejects which, as the pages' downloads say it."""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from reperfuse.faults import one_line
from reperfuse.files.tables import read_rows
from reperfuse.study.manifest import Manifest, StudyError
from reperfuse.study.people import Table, owner
from reperfuse.study.vocabulary import RATINGS, NotUnderstood, read_moment, read_name, read_rating

#: A row of ``group/ratings.tsv``: participant_id, session_id, rater, rating and time.
Row = dict[str, str]

_NAMED = "desc-rating"
#: A name of which no part can be that of a person, as a browser may save it a second time.
_HARMLESS = re.compile(r"(sub-[a-zA-Z0-9]+_)?([a-z]+-[a-zA-Z0-9]+_)*desc-rating ?(\(\d+\))?\.tsv")
_NEEDED = ("session_id", "rater", "rating")
#: Letters of a rater's name that are shown.
_LONGEST = 60
_PAST = dict(zip(RATINGS, ("accepted", "doubted", "rejected"), strict=True))


def find_ratings(given: str | Sequence[str] | None) -> list[Path]:
    """Find the tables of ratings: every ``…desc-rating.tsv`` below the folders that are named, and the files that are.

    Raises
    ------
    StudyError
        If a path that is named is not there, a folder may not be read, or a folder holds files and none is named so.
    """
    paths = [Path(path) for path in ([given] if isinstance(given, str) else given or ())]
    return list(dict.fromkeys(file for path in paths for file in _below(path)))


def _below(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.exists():
            raise StudyError(f"ratings: there is no file or folder {path}; check the path")
        return [path]

    def refuse(error: OSError) -> None:
        # a rejected session would be taken for one that nobody has rated
        raise StudyError(f"ratings: the folder {error.filename} may not be read; correct its permissions")

    inside = (Path(place, name) for place, _, names in os.walk(path, onerror=refuse) for name in names)
    files = sorted(file for file in inside if not file.name.startswith("."))
    found = [file for file in files if _NAMED in file.name]
    if files and not found:
        raise StudyError(
            f"ratings: no file in {path} is named sub-<label>_{_NAMED}.tsv; keep the names that the pages give"
        )
    return [file for file in found if file.suffix != ".json"]


class Ratings:
    """The ratings of a study, read when asked for.

    Parameters
    ----------
    files : sequence of Path
        Tables of ratings.
    sessions : mapping of str to collection of str
        Labels of the sessions that may be rated, by the label of their patient.
    bids_dir : Path
        Patients and sessions that have a folder there and are none of these are not asked for, and no fault.
    """

    def __init__(
        self, files: Sequence[Path] = (), sessions: Mapping[str, Collection[str]] | None = None, bids_dir: Path = Path()
    ) -> None:
        self._files, self._sessions, self._bids_dir = files, sessions or {}, bids_dir
        #: Each thing said, as (rating, time) by patient, session and rater, whose name counts in capitals or not.
        self._said: dict[tuple[str, str, str], list[tuple[str, datetime | None]]] = {}
        self._names: dict[str, str] = {}
        self._faults: list[list[str]] = []

    @classmethod
    def of_study(cls, config: Mapping[str, Any], manifest: Manifest) -> "Ratings":
        """Return the ratings that a checked configuration names, of the sessions that were found or have a row."""
        files = find_ratings(config["ratings"])
        sessions: dict[str, list[str]] = dict(manifest.sessions)
        if files and config["group_tables"]:
            for row in read_rows(Path(config["group_tables"]) / "sessions.tsv"):
                label = row["participant_id"].removeprefix("sub-")
                sessions.setdefault(label, []).append(row["session_id"].removeprefix("ses-"))
        return cls(files, sessions, Path(config["bids_dir"]))

    @property
    def rows(self) -> list[Row]:
        """What each rater says of each session, in order."""
        return self._read[0]

    @property
    def faults(self) -> list[list[str]]:
        """[participant_id, what, reason] of what is said and is not used."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[list[Row], list[list[str]]]:
        for file in self._files:
            self._read_table(file)
        rows = []
        for (label, session, key), said in sorted(self._said.items()):
            rater, chosen = self._names[key], _latest(said)
            if chosen is None:
                reason = (
                    f"rater {rater} gives session {session} different ratings without times that show the latest; keep "
                    "one"
                )
                self._refuse(label, reason)
                continue
            rating, time = chosen
            identity = {"participant_id": f"sub-{label}", "session_id": f"ses-{session}", "rater": rater}
            rows.append(identity | {"rating": rating, "time": time.isoformat() if time else ""})
        return rows, self._faults

    def _refuse(self, label: str, reason: str) -> None:
        row = [f"sub-{label}" if label else "n/a", "ratings", one_line(reason)]
        if row not in self._faults:
            self._faults.append(row)

    def _read_table(self, file: Path) -> None:
        called = file.name if _HARMLESS.fullmatch(file.name) else "a file of ratings"
        table = Table(file)
        unclear = [name for name in _NEEDED if len(table.places(name)) != 1]
        if table.note or not table.columns:
            self._refuse("", table.note.replace(file.name, called) or f"{called} is empty")
        elif unclear:
            self._refuse("", f"{called} is not used: it should have one column {', and one '.join(unclear)}")
        if table.is_ragged:
            self._refuse("", f"{called} has a row with more or fewer cells than columns; the row is not used")
        for name, row in table.rows((*_NEEDED, "time")) if not unclear else ():
            label = owner(name, "sub", self._sessions)
            if label is not None:
                self._read_row(label, row)
            elif not self._is_aside(name):
                self._refuse("", f"{called} has a row of a patient who is not in the study")

    def _read_row(self, label: str, row: Mapping[str, str]) -> None:
        if not row["rating"]:
            return  # a note alone
        session = owner(row["session_id"], "ses", self._sessions[label])
        rater = read_name(row["rater"])
        if session is None:
            if not self._is_aside(f"sub-{label}", row["session_id"]):
                self._refuse(label, "a rating names a session that this patient does not have; correct session_id")
            return
        if not rater:
            self._refuse(label, f"a rating of session {session} names no rater; add the name")
            return
        shown = self._names.setdefault(
            rater.casefold(), rater if len(rater) <= _LONGEST else f"{rater[: _LONGEST - 1]}…"
        )
        try:
            rating = read_rating(row["rating"])
        except NotUnderstood as fault:
            self._refuse(label, f"rating of session {session} by rater {shown} is not understood: {fault}")
            return
        time = None
        try:
            time = read_moment(row["time"]) if row.get("time") else None
        except NotUnderstood as fault:
            self._refuse(label, f"time of the rating of session {session} by rater {shown} is not understood: {fault}")
        self._said.setdefault((label, session, rater.casefold()), []).append((rating, time))

    def _is_aside(self, *names: str) -> bool:
        """Tell whether a patient, or a session of one, is in the study, which is not asked for all it has."""
        folder = self._bids_dir
        for prefix, name in zip(("sub-", "ses-"), names, strict=False):
            label = name.removeprefix(prefix)
            if not (label.isascii() and label.isalnum()):
                return False
            folder /= f"{prefix}{label}"
        return folder.is_dir()


def _latest(said: Sequence[tuple[str, datetime | None]]) -> tuple[str, datetime | None] | None:
    """Return the latest rating of a session by a rater, None if nothing says which that is."""
    times = [time for _, time in said if time]
    is_ordered = len({time.tzinfo is None for time in times}) < 2
    last = max(times) if times and is_ordered else None
    ratings = {rating for rating, _ in said}
    if len(ratings) > 1:
        ratings = {rating for rating, time in said if time == last} if last and len(times) == len(said) else set()
    return (ratings.pop(), last) if len(ratings) == 1 else None


def rating_in_words(row: Mapping[str, str]) -> str:
    """Return what a rater says of a session, as in "rejected by rater A"."""
    return f"{_PAST[row['rating']]} by rater {row['rater']}"


def rejections(rows: Iterable[Mapping[str, str]], judged: Collection[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield each patient who is left out of the analysis, and why, in order.

    Parameters
    ----------
    rows : iterable of Row
    judged : collection of (participant_id, session_id)
        The sessions that have a role: a patient's values rest on no other.
    """
    raters: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        if row["rating"] == "reject" and (row["participant_id"], row["session_id"]) in judged:
            raters.setdefault(row["participant_id"], {}).setdefault(row["session_id"], []).append(row["rater"])
    for participant, sessions in sorted(raters.items()):
        yield (
            participant,
            "; ".join(
                f"session {session.removeprefix('ses-')} rejected by {' and '.join(f'rater {name}' for name in names)}"
                for session, names in sessions.items()
            ),
        )
