"""The study's page from finished tables and figures: nothing is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reperfuse.files.tables import read_rows
from reperfuse.reports.rendering import embedded, render
from reperfuse.reports.statistics import read_statistics
from reperfuse.reports.strips import HEIGHT, WIDTH, strip_plots
from reperfuse.reports.thumbnails import choose_figure, thumbnail
from reperfuse.reports.values import Value, show
from reperfuse.study.dictionaries import is_flag, is_numeric
from reperfuse.study.ratings import rating_in_words

Dictionary = Mapping[str, Mapping[str, Any]]
Rows = Sequence[Mapping[str, str]]
#: What raters say, by patient and session.
Rated = Mapping[tuple[str, str], Rows]

#: The worst comes first.
_STATES = ("failed", "warn", "ok")
#: Columns that a reader of the sessions looks at first.
_FIRST = ("participant_id", "session_id", "status", "rating", "reasons")
#: Text of a column is wrapped if any of it is longer, in letters.
_SHORT = 30
_TITLES = {"sessions": "Sessions", "patients": "Patients", "failures": "What was not computed, and why"}


@dataclass(frozen=True)
class Head:
    """The head of a column; ``kind`` is name, status, number, text or long (text that is wrapped)."""

    column: str
    title: str
    description: str
    unit: str
    kind: str


@dataclass(frozen=True)
class Table:
    """A table of the study as a reader sees it; ``states`` and ``ratings`` are its rows', where the table has any."""

    name: str
    title: str
    heads: list[Head]
    rows: list[list[Value]]
    states: list[str]
    ratings: list[str]


@dataclass(frozen=True)
class Portrait:
    """A patient at a glance: the worst status of the sessions, and a small picture if there is one."""

    name: str
    status: str
    picture: str


def render_study(
    sessions: Path,
    patients: Path,
    failures: Path,
    *,
    ratings: Path | None = None,
    name: str,
    statistics: tuple[Path, Path],
    dictionaries: Mapping[str, Dictionary],
    limits: Mapping[str, Any],
    figures: Sequence[Path],
    has_pages: bool,
    version: str,
) -> str:
    """Write the study's page.

    Parameters
    ----------
    sessions, patients, failures : path
        Its tables (TSV).
    ratings : path, optional
        Table of what raters say of the sessions.
    name : str
        Of the dataset; empty if it has none.
    statistics : (path, path)
        Folders of a paper's tables and figures.
    dictionaries : mapping
        Data dictionary of each table.
    limits : mapping
        Section ``quality`` of the configuration.
    figures : sequence of path
        Folders ``sub-<p>/figures``.
    has_pages : bool
        Each patient has a page, to which it links.
    version : str
        Of the program.

    Returns
    -------
    str
        HTML with everything embedded.
    """
    visits = sorted(read_rows(sessions), key=lambda row: _rank(row.get("status", "")))
    people, broken = read_rows(patients), read_rows(failures)
    rated = _by_session(read_rows(ratings)) if ratings else {}
    if rated:
        visits = [row | {"rating": "; ".join(map(rating_in_words, _of(row, rated)))} for row in visits]
        columns = {**dictionaries["sessions"], "rating": dictionaries["ratings"]["rating"]}
        dictionaries = {**dictionaries, "sessions": columns}
    shown = {"sessions": visits, "patients": people, "failures": broken}
    return render(
        "study.html",
        scripts=("tables.js",),
        name=name or "The study",
        counts=_counts(people, visits, broken, rated),
        tables=[_table(table, rows, dictionaries[table], rated) for table, rows in shown.items()],
        portraits=_portraits(people, visits, figures) if has_pages else [],
        pages={row["participant_id"] for row in people} if has_pages else set(),
        strips=strip_plots(visits, dictionaries["sessions"], limits),
        strip_size=(WIDTH, HEIGHT),
        statistics=read_statistics(*statistics, dictionaries["analysis"]),
        dictionaries={table: dictionaries[table] for table in ("sessions", "patients")},
        titles=_TITLES,
        version=version,
    )


def _by_session(ratings: Rows) -> Rated:
    rated: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in ratings:
        rated.setdefault((row["participant_id"], row["session_id"]), []).append(row)
    return rated


def _of(visit: Mapping[str, str], rated: Rated) -> Rows:
    return rated.get((visit["participant_id"], visit["session_id"]), ())


def _rank(status: str) -> int:
    return _STATES.index(status) if status in _STATES else len(_STATES)


def _table(name: str, rows: Rows, dictionary: Dictionary, rated: Rated) -> Table:
    """Return a table whose units stand in its head."""
    columns = [column for column in rows[0] if "end_of" not in dictionary.get(column, {})] if rows else []
    columns.sort(key=lambda column: _FIRST.index(column) if column in _FIRST else len(_FIRST))
    cells = [[show(column, row[column], dictionary.get(column, {})) for column in columns] for row in rows]
    heads = []
    for column, values in zip(columns, zip(*cells, strict=True), strict=True):
        entry = dictionary.get(column, {})
        stated = "" if entry.get("Units", "1") == "1" else entry["Units"]
        unit = next((value.unit for value in values if value.unit), stated)
        title, kind = entry.get("LongName", column), _kind(column, entry, values)
        heads.append(Head(column, title, entry.get("Description", ""), unit, kind))
    states = [row.get("status", "") for row in rows] if "status" in columns else []
    ratings = [" ".join(one["rating"] for one in _of(row, rated)) or "none" for row in rows if "rating" in columns]
    return Table(name, _TITLES[name], heads, cells, states, ratings)


def _kind(column: str, entry: Mapping[str, Any], values: Sequence[Value]) -> str:
    if column in ("participant_id", "status"):
        return {"participant_id": "name", "status": "status"}[column]
    if is_numeric(entry) and not is_flag(entry):
        return "number"
    return "long" if any(len(value.text) > _SHORT for value in values) else "text"


def _portraits(people: Rows, visits: Rows, figures: Sequence[Path]) -> list[Portrait]:
    folders = {folder.parent.name: folder for folder in figures}
    # before treatment first, for that is where core and deficit are seen
    in_order = sorted(visits, key=lambda row: row.get("role") != "baseline")
    portraits = []
    for person in people:
        label = person["participant_id"]
        own = [row for row in in_order if row["participant_id"] == label]
        status = min((row.get("status", "") for row in own), key=_rank, default="failed")
        folder = folders.get(label)
        chosen = choose_figure(folder, label, [row["session_id"] for row in own]) if folder else None
        portraits.append(Portrait(label, status, embedded(thumbnail(chosen)) if chosen else ""))
    return sorted(portraits, key=lambda one: _rank(one.status))


def _counts(patients: Rows, sessions: Rows, failures: Rows, rated: Rated) -> list[tuple[str, str, str]]:
    def of(rows: Rows, column: str) -> str:
        judged = [row for row in rows if row.get(column) in ("0", "1")]
        return f"{sum(row[column] == '1' for row in judged)} of {len(judged)}" if judged else "n/a"

    states = [sum(row.get("status") == state for row in sessions) for state in ("ok", "warn", "failed")]
    rejected = [rows for rows in rated.values() if any(row["rating"] == "reject" for row in rows)]
    told = f"; {len(rejected)} rejected by a rater" if rated else ""
    evaluable = [row for row in patients if row.get("imr_evaluable") == "1"]
    return [
        ("Patients", str(len(patients)), ""),
        ("Sessions", str(len(sessions)), "{} ok, {} with a warning, {} failed".format(*states) + told),
        (
            "Reperfused by more than half",
            of(patients, "reperfused_50"),
            "of the patients with a deficit before treatment and a scan after it",
        ),
        ("Significant IMR", of(evaluable, "imr_significant"), "of the patients in whom reflow can be judged"),
        ("Not computed", str(len(failures)), "listed below with the reasons"),
    ]
