"""Damage to the tables of people."""

import re
from collections.abc import Callable
from typing import Any

from damages import Damage
from damages.patient import Patient


def _recoded(change: Callable[[str], bytes]) -> Callable[[Patient], object]:
    """Return a damage that writes the table of participants in another way."""

    def do(patient: Patient) -> None:
        patient.participants.write_bytes(change(patient.participants.read_text()))

    return do


def _text(change: Callable[[str], str]) -> Callable[[Patient], object]:
    return _recoded(lambda text: change(text).encode())


def _own_line(change: Callable[[str], str]) -> Callable[[Patient], object]:
    """Return a damage to the line of the patient alone."""

    def do(patient: Patient) -> None:
        start, lines = f"sub-{patient.label}\t", patient.participants.read_text().splitlines()
        changed = [change(line) if line.startswith(start) else line for line in lines]
        patient.participants.write_text("\n".join(changed) + "\n")

    return do


def _as_id(change: Callable[[str], str]) -> Callable[[Patient], object]:
    """Return a damage to the patient's identifier."""

    def do(patient: Patient) -> None:
        old = f"sub-{patient.label}"
        text = patient.participants.read_text()
        patient.participants.write_text(re.sub(rf"^{old}\t", lambda _: f"{change(old)}\t", text, flags=re.MULTILINE))

    return do


def _cell(column: str, text: str, value: Any = None, says: str = "is not understood") -> Damage:
    """Return what a cell must be read as; by default its value is not known."""
    name = f"{column} written {text if len(text) < 30 else text[:6] + ' … of ' + str(len(text)) + ' letters'!r}"
    costs, says = (column, says) if value is None else ("", "")
    return Damage(
        name, lambda p: p.row(**{column: text}), costs, says, value=value if value is None else (column, value)
    )


def _visit(text: str, says: str) -> Damage:
    """Return a time of the scan that no hours from onset can be taken from."""
    return Damage(f"acq_time written {text}", lambda p: p.visit(acq_time=text), "onset_time", says)


def _second_column(patient: Patient, value: str, name: str = "age") -> None:
    head, *rows = patient.participants.read_text().splitlines()
    patient.participants.write_text("\n".join([f"{head}\t{name}", *(f"{row}\t{value}" for row in rows)]) + "\n")


def _utf16(patient: Patient) -> None:
    patient.visits.write_bytes(patient.visits.read_text().encode("utf-16"))


KNOWN = [
    ("age", "72,5", 72.5), ("age", " 72 ", 72.0), ("age", '"72"', 72.0), ("age", "\u00a072", 72.0), ("age", "7e1", 70.0),
    ("side", "L", "left"), ("side", "left MCA", "left"), ("side", "LEFT", "left"), ("side", "R", "right"),
    ("side", "Right-sided", "right"), ("side", "M1 right", "right"), ("side", "lt", "left"),
    ("mtici", "TICI 2a", "2a"), ("mtici", "2C", "2c"), ("mtici", "mTICI=2b", "2b"), ("mtici", "3.0", "3"), ("mtici", "IIb", "2b"),
    ("mtici", "2 b", "2b"), ("mtici", "eTICI 2b50", "2b50"),
    ("ica_occlusion", "Y", True), ("ica_occlusion", "1.0", True), ("ica_occlusion", "TRUE", True), ("ica_occlusion", "no", False),
    ("ica_occlusion", "0.0", False),
    ("nihss_baseline", "14.0", 14.0),
    ("onset_time", "08:10", 3.5), ("onset_time", "3,5", 3.5), ("onset_time", "2025-03-04 08:10", 3.5), ("onset_time", "23:40", 12.0),
]  # fmt: skip
NOT_KNOWN = [
    ("age", "about 70"), ("age", "72 years"), ("age", "-3"), ("age", "712"), ("age", "1953-04-02"), ("age", "inf"), ("age", "7_2"),
    ("age", "²"), ("age", 200_000 * "7"), ("age", "<80"), ("age", "=A1+1"),
    ("side", "both"), ("side", "left/right"), ("side", "links"), ("side", "1"), ("side", "right-handed"), ("side", "not left"),
    ("side", "left hemiparesis"), ("side", "<b>left</b>"),
    ("mtici", "2"), ("mtici", "2d"), ("mtici", "-1"), ("mtici", "M1"), ("mtici", "2a-2b"), ("mtici", "good"), ("mtici", "2.5"),
    ("mtici", "99"), ("mtici", "02-Feb"),
    ("ica_occlusion", "2"), ("ica_occlusion", "maybe"), ("ica_occlusion", "yes?"), ("ica_occlusion", "left"), ("ica_occlusion", "-1"),
    ("nihss_baseline", "43"), ("nihss_baseline", "14/42"), ("nihss_baseline", "-1"), ("nihss_baseline", "14 (est.)"),
]  # fmt: skip
NO_TIME = [
    ("2025-03-04", "be compared with acq_time"), ("04.03.2025 08:10", "be compared with acq_time"), ("45720.34", "not a plausible number"),
    ("-3", "not a plausible number"), ("25:10", "be compared with acq_time"), ("2025-03-05T08:10:00", "is later than the session"),
    ("2023-03-05T08:10:00", "more than a year"), ("2025-03-04T08:10:00Z", "be compared with acq_time"),
    ("morning", "be compared with acq_time"), ("8.10 h", "be compared with acq_time"),
]  # fmt: skip

DAMAGES = [
    *(_cell(column, text, value) for column, text, value in KNOWN),
    *(_cell(column, text) for column, text in NOT_KNOWN),
    *(_cell("onset_time", text, says=says) for text, says in NO_TIME),
    *(_cell(column, text, says=f"have no {column}") for column in ("age",) for text in ("", "n/a", "NA", "unknown", "#N/A", "-")),
    _visit("", "no acq_time"),
    _visit("2025-03-04", "acq_time is not a date and time"),
    _visit("04/03/2025 11:40", "acq_time is not a date and time"),
    _visit("45720.49", "acq_time is not a date and time"),
    _visit("0001-01-01T00:00:00", "later than the session"),
    Damage("acq_time of year 1, onset a time of day", lambda p: (p.visit(acq_time="0001-01-01T00:00:00"), p.row(onset_time="08:10")),
           "onset_time", "cannot be compared with acq_time"),
    Damage("identifier without sub-", _as_id(lambda old: old.removeprefix("sub-")), value=("age", 71.0)),
    Damage("identifier as a number", _as_id(lambda old: old.removeprefix("sub-0") + ".0"), value=("age", 71.0), alone=True),
    Damage("identifier with blanks", _as_id(lambda old: f"  {old} "), value=("age", 71.0)),
    Damage("identifier in quotes", _as_id(lambda old: f'"{old}"'), value=("age", 71.0)),
    Damage("identifier of nobody", _as_id(lambda _: "sub-o1"), "age", "participants.tsv has no row for"),
    Damage("identifier with a letter too much", _as_id(lambda old: f"{old}x"), "age", "participants.tsv has no row for"),
    Damage("identifier of a digit above the line", _as_id(lambda _: "²"), "age", "participants.tsv has no row for"),
    Damage("identifier of 5,000 digits", _as_id(lambda _: 5000 * "1"), "age", "participants.tsv has no row for"),
    Damage("row missing", _own_line(lambda _: ""), "age", "participants.tsv has no row for"),
    Damage("row twice", _own_line(lambda line: f"{line}\n{line}"), value=("age", 71.0)),
    Damage("row twice, with other values", _own_line(lambda line: f"{line}\n{line.replace('71', '17', 1)}"), "age", "more than one age"),
    Damage("row with a cell too many", _own_line(lambda line: line.replace("\t71", "\t\t71", 1)), "age", "more cells than"),
    Damage("row with a cell too few", _own_line(lambda line: line.replace("\t71", "", 1)), "age", "fewer cells than"),
    Damage("row with blanks for tabs", _own_line(lambda line: line.replace("\t", " ")), "age", "participants.tsv has no row for"),
    Damage("row with empty cells at its end", _own_line(lambda line: f"{line}\t\t\t"), value=("age", 71.0)),
    Damage("NUL in a row", _own_line(lambda line: line.replace("71", "7\x001")), value=("age", 71.0)),
    Damage("table missing", lambda p: p.participants.unlink(), "age", "have no age", alone=True),
    Damage("table empty", _recoded(lambda _: b""), "age", "have no age", alone=True),
    Damage("table of one line", _text(lambda text: text.splitlines()[0]), "age", "no row for", alone=True),
    Damage("table with commas", _text(lambda text: text.replace("\t", ",")), "age", "separated by commas", alone=True),
    Damage("table with semicolons", _text(lambda text: text.replace("\t", ";")), "age", "separated by semicolons", alone=True),
    Damage("table with blanks", _text(lambda text: text.replace("\t", "  ")), "age", "no column participant_id", alone=True),
    Damage("table without participant_id", _text(lambda text: text.replace("participant_id", "patient")), "age",
           "no column participant_id", alone=True),
    Damage("column participant_id not the first", _text(lambda text: "".join(
        "\t".join(line.split("\t")[1:] + line.split("\t")[:1]) + "\n" for line in text.splitlines())), value=("age", 71.0), alone=True),
    Damage("heads in capitals", _text(lambda text: text.replace("age", "AGE").replace("participant_id", "Participant_ID")),
           value=("age", 71.0), alone=True),
    Damage("heads with blanks", _text(lambda text: text.replace("\tage\t", "\t age \t")), value=("age", 71.0), alone=True),
    Damage("heads in quotes", _text(lambda text: text.replace("\tage\t", '\t"age"\t')), value=("age", 71.0), alone=True),
    Damage("UTF-8 with a byte order mark", _recoded(lambda text: text.encode("utf-8-sig")), value=("age", 71.0), alone=True),
    Damage("UTF-16", _recoded(lambda text: text.encode("utf-16")), value=("age", 71.0), alone=True),
    Damage("UTF-16 of the other byte order", _recoded(lambda text: b"\xfe\xff" + text.encode("utf-16-be")), value=("age", 71.0), alone=True),
    Damage("UTF-16 without a mark", _recoded(lambda text: text.encode("utf-16-le")), value=("age", 71.0), alone=True),
    Damage("UTF-32", _recoded(lambda text: text.encode("utf-32")), value=("age", 71.0), alone=True),
    Damage("Latin-1", _recoded(lambda text: text.replace("left", "left ü").encode("latin-1")), "side", "read as Latin-1", alone=True),
    Damage("lines that end as on Windows", _text(lambda text: text.replace("\n", "\r\n")), value=("age", 71.0), alone=True),
    Damage("lines that end as on an old Mac", _text(lambda text: text.replace("\n", "\r")), value=("age", 71.0), alone=True),
    Damage("blank lines", _text(lambda text: text.replace("\n", "\n\n")), value=("age", 71.0), alone=True),
    Damage("a column twice, alike", lambda p: _second_column(p, "71"), value=("age", 71.0), alone=True),
    Damage("a column twice, with other values", lambda p: _second_column(p, "44"), "age", "more than one age", alone=True),
    Damage("a column in two cases", lambda p: _second_column(p, "44", "Age"), value=("age", 71.0), alone=True),
    Damage("a head of a megabyte", lambda p: _second_column(p, "44", 1_000_000 * "x"), value=("age", 71.0), alone=True),
    Damage("table is a link to nowhere", lambda p: p.link(p.participants), "age", "not fetched", alone=True),
    Damage("table is a link to itself", lambda p: p.link(p.participants, "participants.tsv"), "age", "not fetched", alone=True),
    Damage("table is a pointer of Git LFS", _recoded(lambda _: b"version https://git-lfs.github.com/spec/v1\n"), "age", "not fetched",
           alone=True),
    Damage("table is a spreadsheet", _recoded(lambda _: b"PK\3\4" + bytes(range(256)) * 9), "age", "no column participant_id", alone=True),
    Damage("table of sessions in UTF-16", _utf16, value=("onset_time", 3.5)),
    Damage("table of sessions with commas", lambda p: p.visits.write_text(p.visits.read_text().replace("\t", ",")), "onset_time",
           "separated by commas"),
    Damage("table of sessions without session_id", lambda p: p.visits.write_text(p.visits.read_text().replace("session_id", "visit")),
           "onset_time", "no column session_id"),
    Damage("table of sessions missing", lambda p: p.visits.unlink(), "onset_time", "no acq_time"),
    Damage("sessions dated the wrong way round", lambda p: p.visit(acq_time="2026-03-04T11:40:00"), "", "is dated before session"),
]  # fmt: skip
