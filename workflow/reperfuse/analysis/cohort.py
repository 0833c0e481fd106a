"""The analysis table: a row a patient, what is known of them and what was measured."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reperfuse.faults import DataFault
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.columns import READERS
from reperfuse.study.dictionaries import is_numeric
from reperfuse.study.vocabulary import GRADES

Row = Mapping[str, str]
Entries = Mapping[str, Mapping[str, Any]]

#: Where a patient's clinical values are looked for: the session after treatment before the others.
_ROLES = ("post", "followup", "baseline")
#: A glucose above this is in mg/dL, below it in mmol/L: nobody lives at 40 mmol/L, few strokes at 40 mg/dL.
_GLUCOSE_MG_DL = 40.0
#: Points of NIHSS by which a patient must improve, or the most that may be left (doi:10.1016/S1474-4422(12)70203-X).
_IMPROVED, _NEARLY_NONE = 8, 1


def as_frame(rows: Sequence[Mapping[str, Any]], dictionary: Entries) -> pd.DataFrame:
    """Return rows as a frame with the columns of a dictionary: numbers and flags as float with NaN, text with None."""
    frame = pd.DataFrame(rows, columns=list(dictionary))
    for column, entry in dictionary.items():
        cells = [_as_number(cell) if is_numeric(entry) else _as_text(cell) for cell in frame[column]]
        frame[column] = pd.Series(cells, dtype=float if is_numeric(entry) else object)
    return frame


def build_cohort(
    patients: Sequence[Row],
    sessions: Sequence[Row],
    clinical: ClinicalData,
    dictionary: Entries,
    *,
    rejected: Mapping[str, str] | None = None,
    own_columns: Collection[str] = (),
    enrolled: bool = True,
) -> tuple[pd.DataFrame, list[tuple[str, str, str]]]:
    """Join what a study's people and results tables say of each patient.

    Parameters
    ----------
    patients, sessions : sequence of rows
        The tables of results, as text.
    clinical : ClinicalData
        The study's own tables.
    dictionary : mapping
        The columns of the analysis table.
    rejected : mapping of str to str, optional
        Why a patient is left out, see `reperfuse.study.ratings.rejections`: nothing measured of them is joined.
    own_columns : collection of str
        Further columns of the study's tables: numbers, or yes and no.
    enrolled : bool
        Whether people of participants.tsv without any scan count too.

    Returns
    -------
    frame : DataFrame
        A row a patient of either table, by name; numbers and flags as float with NaN, text with None.
    notes : list of (participant_id, column, reason)
        Values that are there and not used.
    """
    measured = {row["participant_id"]: row for row in patients}
    # of several sessions with one role the first counts, as in the plan
    visits = {(row["participant_id"], row["role"]): row for row in reversed(sessions)}
    known = {*measured, *(row["participant_id"] for row in sessions)}
    others = clinical.without_scans([name.removeprefix("sub-") for name in known]) if enrolled else []
    names = sorted(known | {f"sub-{label}" for label in others})
    notes: list[tuple[str, str, str]] = []
    left_out = rejected or {}
    rows = []
    for name in names:
        labels = [visits[name, role]["session_id"] for role in _ROLES if (name, role) in visits]
        row: dict[str, Any] = {"participant_id": name}
        for column in (*READERS, *own_columns):
            row[column], note = _clinical_value(clinical, name, labels, column)
            notes += [(name, column, note)] if note else []
        if name in left_out:
            rows.append(row | {"rejected": left_out[name]})
            continue
        for role in ("baseline", "post", "late"):
            row |= {f"{role}_{key}": text for key, text in visits.get((name, role), {}).items()}
        rows.append(row | dict(measured.get(name, {})))
    columns = [*dictionary, *(name for name in own_columns if name not in dictionary)]
    frame = as_frame(rows, {name: dictionary.get(name, {"Units": "1"}) for name in columns})
    return frame, notes + _check(frame)


def derive(
    frame: pd.DataFrame, *, profile: str, target: str, reperfused: str, min_mtici: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Add the columns that are made of others.

    Parameters
    ----------
    frame : DataFrame
        See `build_cohort`.
    profile, target : str
        Criterion, and its class that should profit from reperfusion.
    reperfused : str
        The column that tells who reperfused.
    min_mtici : str
        Lowest grade that counts as recanalised.

    Returns
    -------
    frame : DataFrame
    remarks : dict of str to str
        Column to how it was made, where there are several ways.
    """
    frame = frame.copy()
    frame["imr_percent"] = 100 * frame["imr_fraction"]
    opened = frame["mtici"].map(lambda grade: GRADES.index(grade) >= GRADES.index(min_mtici), na_action="ignore")
    frame["recanalised"] = opened.astype(float)
    classes = frame[f"baseline_{profile}"]
    frame["profile"] = classes.map(lambda name: "target" if name == target else "no target", na_action="ignore")
    frame["reperfused"] = frame[reperfused]
    grade = frame["mrs_90d"]
    frame["mrs_0_1"], frame["mrs_0_2"] = ((grade <= most).astype(float).where(grade.notna()) for most in (1, 2))
    when = "nihss_day30" if frame["nihss_day30"].notna().any() else "nihss_day5"
    change, left = frame["nihss_baseline"] - frame[when], frame[when]
    response = ((change >= _IMPROVED) | (left <= _NEARLY_NONE)).astype(float)
    frame["favourable_response"] = response.where(change.notna() | (left <= _NEARLY_NONE))
    remarks = {"favourable_response": "at day 30" if when == "nihss_day30" else "at day 5: the study has no day 30"}
    return frame, remarks


def judged(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the patients in whom reflow can be judged."""
    return frame[frame["imr_evaluable"] == 1]


def _clinical_value(
    clinical: ClinicalData, name: str, sessions: Sequence[str], column: str
) -> tuple[float | str | None, str]:
    """Return a patient's value, and why it is not used although it is there."""
    label = name.removeprefix("sub-")
    for session in [*(text.removeprefix("ses-") for text in sessions), None]:
        try:
            if clinical.value(label, session, column):
                return clinical.known(label, session, column), ""
        except DataFault as fault:
            return None, str(fault)
    return None, ""


def _check(frame: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Make values that contradict each other unknown, and say so."""
    notes = []
    by_scale = frame["mrs_90d"] == 6
    alive_and_dead = by_scale & (frame["death_90d"] == 0) | (frame["mrs_90d"] < 6) & (frame["death_90d"] == 1)
    for name in frame["participant_id"][alive_and_dead]:
        notes.append(
            (
                name,
                "mrs_90d",
                "mrs_90d and death_90d contradict each other, so both are treated as unknown; correct one of them",
            )
        )
    frame["death_90d"] = frame["death_90d"].where(frame["mrs_90d"].isna(), by_scale.astype(float))
    frame.loc[alive_and_dead, ["mrs_90d", "death_90d"]] = np.nan
    high = frame["glucose"] > _GLUCOSE_MG_DL
    if high.any() and (frame["glucose"] <= _GLUCOSE_MG_DL).any():
        reason = (
            "glucose is in mg/dL in some patients and in mmol/L in others, so it is treated as unknown in all; use "
            "one unit"
        )
        notes.append(("n/a", "glucose", reason))
        frame["glucose"] = np.nan
    return notes


def _as_number(value: Any) -> float:
    return np.nan if value in (None, "", "n/a") else float(value)


def _as_text(value: Any) -> str | None:
    return None if not isinstance(value, str) or value in ("", "n/a") else value
