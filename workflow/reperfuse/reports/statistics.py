"""Tables and figures of a paper as a reader sees them: rounded, an estimate with its interval, nothing computed."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reperfuse.files.sidecars import read_sidecar
from reperfuse.files.tables import read_rows

#: Tables and figures in the order of a paper.
_ORDER = (
    *("flow", "flow_growth", "baseline", "imaging", "frequency", "imr_by_mtici", "specification_curve", "nihss"),
    *("nihss_imr", "mrs"),
    *("mrs_by_imr", "profile", "profile_outcome", "growth", "mrs_by_profile", "factors", "effects", "agreement"),
    *("transitions", "not_done"),
)
#: What names a row, from the dictionary of the analysis table.
_NAMING = ("variable", "factor", "outcome", "exposure", "other", "ours")
#: Columns that stand in another: limits beside their estimate, counts beside their shares.
_MERGED = ("low", "high")
_ESTIMATES = ("beta", "odds_ratio", "value", "percent")
_HEADS = {"imr_no": "without IMR", "imr_yes": "with IMR", "smd": "SMD", "p": "p", "r2": "R²", "k": "with IMR"}


@dataclass(frozen=True)
class StatisticsTable:
    """A table of a paper: what it tells, its head and its rows of text."""

    name: str
    title: str
    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class StatisticsFigure:
    """A figure of a paper, embedded."""

    name: str
    source: str
    alt: str
    caption: str


def read_statistics(
    tables: Path, figures: Path, dictionary: Mapping[str, Mapping[str, Any]]
) -> list[StatisticsTable | StatisticsFigure]:
    """Read the tables and figures of a paper, in its order; a table without rows is left out.

    Parameters
    ----------
    tables, figures : path
        Folders.
    dictionary : mapping
        The columns of the analysis table.

    Returns
    -------
    list of StatisticsTable or StatisticsFigure
    """
    found: list[StatisticsTable | StatisticsFigure] = []
    for name in _ORDER:
        path, picture = tables / f"{name}.tsv", figures / f"{name}.png"
        if path.is_file() and (rows := read_rows(path)):
            found.append(StatisticsTable(name, read_sidecar(path)["Description"], *_as_read(rows, dictionary)))
        if picture.is_file():
            about = read_sidecar(picture)
            source = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")
            found.append(StatisticsFigure(name, source, about["AlternativeText"], about["Description"]))
    return found


def _as_read(
    rows: Sequence[Mapping[str, str]], dictionary: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], list[list[str]]]:
    """Return the head and the cells of the columns that say something."""
    columns = [name for name in rows[0] if name not in _MERGED and any(row[name] != "n/a" for row in rows)]
    if "variable" in columns and "unit" in columns:
        columns.remove("unit")
    head = [_HEADS.get(name, name.replace("_", " ")) for name in columns]
    return head, [[_cell(name, row, dictionary) for name in columns] for row in rows]


def _cell(name: str, row: Mapping[str, str], dictionary: Mapping[str, Mapping[str, Any]]) -> str:
    text = row[name]
    if text == "n/a":
        return ""
    if name in _NAMING:
        unit = row.get("unit", "n/a") if name == "variable" else "n/a"
        described = str(dictionary.get(text, {}).get("Description", text))
        return described if unit in ("n/a", "1") else f"{described}, {unit}"
    if name in ("p", "proportional_odds_p", "brant_p"):
        return written_p(text)
    if name in _ESTIMATES and row.get("low", "n/a") != "n/a":
        return f"{rounded(text)} [{rounded(row['low'])} to {rounded(row['high'])}]"
    return rounded(text)


def rounded(text: str) -> str:
    """Return a number to three significant digits; other text as it is."""
    try:
        number = float(text)
    except ValueError:
        return text
    if number != 0 and not 1e-3 <= abs(number) < 1e5:
        return f"{number:.1e}".replace("-", "−")
    digits = f"{number:.3g}" if abs(number) < 1000 else f"{number:.0f}"
    return digits.replace("-", "−")


def written_p(text: str) -> str:
    """Return a p as it is printed: three decimals, or that it is smaller."""
    return "< 0.001" if float(text) < 0.001 else f"{float(text):.3f}"
