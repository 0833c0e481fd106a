"""Tables and figures of a paper as a reader sees them: rounded, an estimate with its interval, nothing computed."""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reperfuse.files.sidecars import read_sidecar
from reperfuse.files.tables import read_rows
from reperfuse.reports.rendering import embedded

#: The tables in the order of a paper, each with the figures that show it.
_PARTS = {
    "flow": ("flow", "flow_growth"),
    "baseline": (),
    "imaging": (),
    "frequency": ("imr_by_mtici", "specification_curve"),
    "nihss": ("nihss_imr",),
    "mrs": ("mrs_by_imr",),
    "profile": ("profile_outcome", "growth", "mrs_by_profile"),
    "factors": ("effects",),
    "agreement": (),
    "transitions": (),
    "not_done": (),
}
#: What names a row, from the dictionary of the analysis table.
_NAMING = ("variable", "factor", "outcome", "exposure", "other", "ours", "what")
#: Columns that stand in another: limits beside their estimate.
_MERGED = ("low", "high")
_ESTIMATES = {"beta": "points", "odds_ratio": "odds ratio", "value": "value", "percent": "%"}
_HEADS = {
    **{"imr_no": "without IMR", "imr_yes": "with IMR", "n_all": "n", "n_no": "n without IMR", "n_yes": "n with IMR"},
    **{"smd": "SMD", "r2": "R²", "k": "with IMR", "cut_ml": "cut, mL"},
    **{"proportional_odds_p": "p of proportional odds", "brant_p": "p by Brant's test"},
}
#: Columns of sentences.
_SENTENCES = ("note", "reason")
#: The pages show a picture of 200 dpi so that its 8 points are as large as the text around it.
_SHOWN_SCALE = 0.65


@dataclass(frozen=True)
class Head:
    """The head of a column: what it says, what that means, and its kind: name, number, sentence or text."""

    text: str
    description: str
    kind: str


@dataclass(frozen=True)
class StatisticsTable:
    """A table of a paper: its heads and its rows of text."""

    heads: list[Head]
    rows: list[list[str]]


@dataclass(frozen=True)
class StatisticsFigure:
    """A figure of a paper, embedded, with the size it is shown in (pixels)."""

    name: str
    source: str
    alt: str
    caption: str
    size: tuple[int, int]


@dataclass(frozen=True)
class Part:
    """A table of a paper, if it has any row, and the figures that show it."""

    name: str
    title: str
    table: StatisticsTable | None
    figures: list[StatisticsFigure]


def read_statistics(tables: Path, figures: Path, dictionary: Mapping[str, Mapping[str, Any]]) -> list[Part]:
    """Read the tables and figures of a paper, in its order; a part of neither is left out.

    Parameters
    ----------
    tables, figures : path
        Folders.
    dictionary : mapping
        The columns of the analysis table.

    Returns
    -------
    list of Part
    """
    parts = []
    for name, drawn in _PARTS.items():
        path = tables / f"{name}.tsv"
        about, rows = read_sidecar(path), read_rows(path) if path.is_file() else []
        pictures = [_figure(picture) for one in drawn if (picture := figures / f"{one}.png").is_file()]
        if rows or pictures:
            table = _as_read(rows, about, dictionary) if rows else None
            parts.append(Part(name, about.get("Description", name), table, pictures))
    return parts


def _figure(path: Path) -> StatisticsFigure:
    about, png = read_sidecar(path), path.read_bytes()
    # a PNG begins with its width and height
    wide, tall = struct.unpack(">II", png[16:24])
    size = round(wide * _SHOWN_SCALE), round(tall * _SHOWN_SCALE)
    return StatisticsFigure(path.stem, embedded(png), about["AlternativeText"], about["Description"], size)


def _as_read(
    rows: Sequence[Mapping[str, str]], about: Mapping[str, Any], dictionary: Mapping[str, Mapping[str, Any]]
) -> StatisticsTable:
    """Return the columns that say something."""
    columns = [name for name in rows[0] if name not in _MERGED and any(row[name] != "n/a" for row in rows)]
    if "variable" in columns and "unit" in columns:
        columns.remove("unit")
    cells = [[_cell(name, row, dictionary) for name in columns] for row in rows]
    heads = []
    for name, texts in zip(columns, zip(*cells, strict=True), strict=True):
        head = _HEADS.get(name, name.replace("_", " "))
        if name in _ESTIMATES:
            head = _ESTIMATES[name] + (" [95 % interval]" if any("[" in text for text in texts) else "")
        heads.append(Head(head, about.get(name, {}).get("Description", ""), _kind(name, texts)))
    return StatisticsTable(heads, cells)


def _kind(name: str, texts: Sequence[str]) -> str:
    if name in _SENTENCES:
        return "sentence"
    if name in _NAMING:
        return "name"
    return "number" if all(re.match(r"[<−]?\s?\d", text) for text in texts if text) else "text"


def _cell(name: str, row: Mapping[str, str], dictionary: Mapping[str, Mapping[str, Any]]) -> str:
    text = row[name]
    if text == "n/a":
        return ""
    if name in _NAMING:
        unit = row.get("unit", "n/a") if name == "variable" else "n/a"
        named = _named(text, dictionary)
        return named if unit in ("n/a", "1") else f"{named}, {unit}"
    if name == "covariates":
        return ", ".join(_named(one, dictionary) for one in text.split(", "))
    if name in ("p", "proportional_odds_p", "brant_p"):
        return written_p(text)
    if name in _ESTIMATES and row.get("low", "n/a") != "n/a":
        return f"{rounded(text)} [{rounded(row['low'])} to {rounded(row['high'])}]"
    return re.sub(r"(?<!\w)-(?=\d)", "−", rounded(text))


def _named(column: str, dictionary: Mapping[str, Mapping[str, Any]]) -> str:
    entry = dictionary.get(column, {})
    return str(entry.get("LongName", entry.get("Description", column)))


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
