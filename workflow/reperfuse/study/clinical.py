"""The clinical columns of a study's tables."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from reperfuse.faults import DataFault
from reperfuse.study.columns import EXCLUSIONS, READERS, read_own
from reperfuse.study.people import Table
from reperfuse.study.vocabulary import (
    GRADES,
    NotUnderstood,
    read_flag,
    read_grade,
    read_moment,
    read_number,
    read_start,
)

T = TypeVar("T")

_LONGEST_H = 24 * 366


class Unknown(DataFault):
    """Nothing is said of a value."""


class ClinicalData:
    """The columns of participants.tsv and of the participants' sessions.tsv, read when asked for.

    Parameters
    ----------
    bids_dir : Path
    columns : mapping of str to str, optional
        What the study calls a column, where it has a name of its own.
    """

    def __init__(self, bids_dir: Path, columns: Mapping[str, str] | None = None) -> None:
        self._bids_dir, self._columns = bids_dir, columns or {}
        self._tables: dict[str, Table] = {}

    def notes(self) -> list[tuple[str, str]]:
        """Return (table, sentence) of what is wrong with the table of participants as a whole."""
        table = self._table("participants.tsv")
        return [("participants.tsv", table.note)] if table.note else []

    def notes_of(self, participant: str) -> list[tuple[str, str]]:
        """Return (table, sentence) of what is wrong with a participant's row, or with the table of their sessions."""
        own, people = f"sub-{participant}_sessions.tsv", self._table("participants.tsv")
        found = [(own, note)] if (note := self._table(f"sub-{participant}/{own}").note) else []
        fault = people.fault_of(f"sub-{participant}")
        return found + ([("participants.tsv", f"participants.tsv {fault}")] if fault else [])

    def scanned_at(self, participant: str, session: str) -> datetime | None:
        """Return the date and time of a session, None if they are not known.

        Raises
        ------
        DataFault
            If there are several.
        """
        try:
            return read_moment(self.value(participant, session, "acq_time"))
        except NotUnderstood:
            return None

    def without_scans(self, participants: Collection[str]) -> list[str]:
        """Return the labels in participants.tsv of people who are none of `participants`.

        A name that is no label is not one: it may be a patient's own.
        """
        others = self._table("participants.tsv").others([f"sub-{label}" for label in participants])
        return [bare for name in others if (bare := name.removeprefix("sub-")).isascii() and bare.isalnum()]

    def absent(self, shipped: Mapping[str, str], analysed: Collection[str]) -> list[str]:
        """Return a sentence for each column that the study has named itself and that none of its tables has.

        Parameters
        ----------
        shipped : mapping of str to str
            The names of the clinical columns in the configuration that ships.
        analysed : collection of str
            Columns of the study's own that its analysis asks for.
        """
        named = {f"columns.{name}": called for name, called in self._columns.items() if called != shipped[name]}
        named |= {f"analysis, {name}": name for name in analysed}
        there = ", ".join(column[:40] for column in sorted(self.columns)[:20]) or "none"
        return [
            f"{key}: the study's tables have no column {called}; they have {there}"
            for key, called in named.items()
            if not self.has(called)
        ]

    @cached_property
    def columns(self) -> set[str]:
        """The columns of the study's tables."""
        return {column for table in self._tables_there for column in table.columns}

    def has(self, called: str) -> bool:
        """Tell whether one of the tables has a column."""
        return any(table.places(called) for table in self._tables_there)

    @cached_property
    def _tables_there(self) -> list[Table]:
        """The table of participants and those of their sessions; of the same columns, one."""
        paths = self._bids_dir.glob("sub-*/sub-*_sessions.tsv")
        tables = [
            self._table("participants.tsv"),
            *(self._table(str(path.relative_to(self._bids_dir))) for path in paths),
        ]
        return [*{tuple(table.columns): table for table in tables}.values()]

    def value(self, participant: str, session: str | None, column: str) -> str:
        """Return a value, the session's own before the participant's; empty if it is not known.

        Raises
        ------
        DataFault
            If rows or columns contradict each other.
        """
        called = self._columns.get(column, column)
        own = self._table(f"sub-{participant}/sub-{participant}_sessions.tsv")
        found = own.values(f"ses-{session}", called) if session else set()
        found = found or self._table("participants.tsv").values(f"sub-{participant}", called)
        if len(found) > 1:
            raise DataFault(f"the study's tables give more than one {called} for sub-{participant}; keep one")
        return found.pop() if found else ""

    def _read(self, participant: str, session: str | None, column: str, read: Callable[[str], T]) -> T:
        called = self._columns.get(column, column)
        text = self.value(participant, session, column)
        if not text:
            fault = self._table("participants.tsv").fault_of(f"sub-{participant}")
            if fault:
                raise Unknown(f"participants.tsv {fault}; correct it")
            raise Unknown(f"the study's tables have no {called}; add it if known")
        try:
            return read(text)
        except NotUnderstood as fault:
            # not the value itself: text there may name a patient
            raise DataFault(f"{called} is not understood: {fault}") from None

    def known(self, participant: str, session: str | None, column: str) -> float | str:
        """Return the value of a column, read as that column is: a number, yes or no, or a word of its vocabulary.

        Raises
        ------
        DataFault
            If it is not understood; `Unknown` if nothing is said.
        """
        return self._read(participant, session, column, READERS.get(column, read_own))

    def is_set(self, participant: str, session: str | None, column: str) -> bool:
        """Tell whether a column says yes.

        Raises
        ------
        DataFault
            If it says neither yes nor no; `Unknown` if it says nothing.
        """
        return self._read(participant, session, column, read_flag)

    def grade(self, participant: str, session: str | None, column: str) -> str:
        """Return a grade such as mTICI in one spelling: 2a for TICI 2A, 1 for the 1.0 of a column with gaps.

        Raises
        ------
        DataFault
            If it is not understood; `Unknown` if nothing is said.
        """
        return self._read(participant, session, column, read_grade)

    def number(self, participant: str, session: str | None, column: str) -> float:
        """Return a value as a number.

        Raises
        ------
        DataFault
            If it is no number that it can be; `Unknown` if nothing is said.
        """
        return float(self.known(participant, session, column))

    def side(self, participant: str, session: str | None) -> str:
        """Return left, right or unknown: the symptomatic hemisphere."""
        try:
            return str(self.known(participant, session, "side"))
        except DataFault:
            return "unknown"

    def reflow_exclusions(
        self, participant: str, session: str | None, wanted: Collection[str], min_mtici: str
    ) -> list[str]:
        """Return the reasons, of those that are wanted, why a patient's reflow cannot be judged.

        Below a grade of reperfusion, `min_mtici`, what is left of the deficit may be that of larger arteries.
        """
        found = []
        for name in (name for name in EXCLUSIONS if name in wanted):
            try:
                found += [EXCLUSIONS[name]] if self.is_set(participant, session, name) else []
            except DataFault:
                continue  # `unknown_exclusions` names it
        try:
            grade = self.grade(participant, session, "mtici") if "mtici" in wanted else ""
        except DataFault:
            grade = ""
        is_closed = grade in GRADES and GRADES.index(grade) < GRADES.index(min_mtici)
        return found + ([f"not recanalised to mTICI {min_mtici} (mTICI {grade})"] if is_closed else [])

    def unknown_exclusions(self, participant: str, session: str | None, wanted: Collection[str]) -> list[str]:
        """Return the columns that would rule a patient out, and say nothing or nothing understood."""
        unknown = []
        for name in wanted:
            try:
                self.grade(participant, session, name) if name == "mtici" else self.is_set(participant, session, name)
            except DataFault:
                unknown.append(self._columns.get(name, name))
        return unknown

    def all_known(self, participant: str, sessions: Collection[str]) -> dict[str, float | str | None]:
        """Return every value that is there, a session's own before the participant's; None: it is not understood."""
        found: dict[str, float | str | None] = {}
        for name in READERS:
            for session in sessions:
                try:
                    found[name] = self.known(participant, session, name)
                except Unknown:
                    continue
                except DataFault:
                    found[name] = None
                break
        return found

    def not_understood(self, participant: str, session: str | None) -> list[tuple[str, str]]:
        """Return (column, reason) for each value that is there and not understood."""
        found = []
        for name in READERS:
            try:
                self.known(participant, session, name)
            except Unknown:
                continue
            except DataFault as fault:
                found.append((self._columns.get(name, name), str(fault)))
        return found

    def misread(self) -> dict[str, int]:
        """Return how many values of each column of the table of participants are there and not understood."""
        readers = {self._columns.get(name, name): read for name, read in READERS.items()}
        values = Counter(
            pair for _, row in self._table("participants.tsv").rows(readers) for pair in row.items() if pair[1]
        )
        found: Counter[str] = Counter()
        for (column, text), number in values.items():
            try:
                readers[column](text)
            except NotUnderstood:
                found[column] += number
        return dict(found)

    def hours_from(self, participant: str, session: str | None, column: str) -> float:
        """Return the hours from an event, such as the onset of symptoms, to a session.

        The column holds a date and time, or a time of day (the last one before the session); either is
        taken from the session's ``acq_time``. A plain number is the hours themselves.

        Raises
        ------
        DataFault
            If a time is not known, not readable, or the event lies after the session.
        """
        called = self._columns.get(column, column)
        text = self._read(participant, session, column, str)
        try:
            return read_number(text, 0, _LONGEST_H)
        except NotUnderstood:
            if text.lstrip("+-").replace(".", "", 1).replace(",", "", 1).isdigit():
                raise DataFault(f"{called} is not a plausible number of hours; correct it") from None
        scanned = self.value(participant, session, "acq_time")
        if not scanned:
            raise DataFault(f"sessions.tsv has no acq_time, so the hours from {called} are unknown; add it")
        try:
            end = read_moment(scanned)
        except NotUnderstood:
            raise DataFault(
                f"acq_time is not a date and time, so the hours from {called} are unknown; correct it"
            ) from None
        try:
            start = read_start(text, end)
        except NotUnderstood as fault:
            raise DataFault(f"{called} cannot be compared with acq_time: {fault}") from None
        hours = (end - start).total_seconds() / 3600
        if hours < 0:
            raise DataFault(f"{called} is later than the session; check both times")
        if hours > _LONGEST_H:
            raise DataFault(f"{called} is more than a year before the session; check both times")
        return hours

    def _table(self, name: str) -> Table:
        if name not in self._tables:
            self._tables[name] = Table(self._bids_dir / name)
        return self._tables[name]
