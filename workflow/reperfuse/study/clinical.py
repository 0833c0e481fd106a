"""The clinical columns of a study's tables."""

import math
import re
from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta
from pathlib import Path

from reperfuse.faults import DataFault
from reperfuse.files.tables import read_rows

#: Why reflow cannot be judged in a patient whose column says 1.
_EXCLUSIONS = {
    "ica_occlusion": "carotid occlusion",
    "hemorrhagic_transformation": "haemorrhagic transformation",
    "reocclusion": "reocclusion",
}


#: mTICI of an artery that never opened: the deficit says nothing of the microvessels.
_NOT_RECANALISED = ("0", "1", "2a")


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
        self._tables: dict[str, dict[str | None, list[dict[str, str]]]] = {}

    def value(self, participant: str, session: str | None, column: str) -> str:
        """Return a value, the session's own before the participant's; empty if it is not known."""
        column = self._columns.get(column, column)
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
        called = self._columns.get(column, column)
        if not text:
            raise DataFault(f"the study's tables have no {called}")
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise DataFault(f"{called} is {text!r}, which is no number")
        return number

    def side(self, participant: str, session: str | None) -> str:
        """Return left, right or unknown: the symptomatic hemisphere."""
        side = self.value(participant, session, "side").lower()
        return {"left": "left", "l": "left", "right": "right", "r": "right"}.get(side, "unknown")

    def reflow_exclusions(self, participant: str, session: str | None, wanted: Collection[str]) -> list[str]:
        """Return the reasons, of those that are wanted, why a patient's reflow cannot be judged."""
        asked = [name for name in _EXCLUSIONS if name in wanted]
        found = [_EXCLUSIONS[name] for name in asked if self.is_set(participant, session, name)]
        grade = self.grade(participant, session, "mtici") if "mtici" in wanted else ""
        return found + ([f"not recanalised (mTICI {grade})"] if grade in _NOT_RECANALISED else [])

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
        text = self.value(participant, session, column)
        try:
            return self.number(participant, session, column)
        except DataFault:
            if not text:
                raise
        scanned = self.value(participant, session, "acq_time")
        if not scanned:
            raise DataFault(f"sessions.tsv has no acq_time to take {called} from")
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
            raise DataFault(f"{called} ({text}) cannot be taken from acq_time ({scanned})") from error
        if hours < 0:
            raise DataFault(f"{called} ({text}) lies after the session ({scanned})")
        return hours

    def _read(self, name: str, key: str) -> dict[str | None, list[dict[str, str]]]:
        """Return the rows of a table by the value of a column."""
        if name not in self._tables:
            path = self._bids_dir / name
            rows = self._tables[name] = {}
            for row in read_rows(path) if path.is_file() else []:
                rows.setdefault(row.get(key), []).append(row)
        return self._tables[name]
