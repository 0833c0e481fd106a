"""TSV tables: one way to write them, one to read them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.files.originals import begin


def format_cell(value: Any) -> str:
    """Write a value of a table: ``n/a`` where there is none, a float to six significant digits, text in one line."""
    if value is None or value == "":
        return "n/a"
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return "n/a" if np.isnan(value) else f"{value:.6g}"
    return re.sub(r"[\t\r\n]+", " ", str(value))


def table_text(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table as text: its head, and a line a row of cells."""
    return "".join("\t".join(cells) + "\n" for cells in (columns, *rows))


def read_cells(path: str | Path) -> tuple[list[list[str]], str]:
    """Read a TSV table of anyone's making as rows of cells, the head first, and a note on how it was read.

    UTF-8, UTF-16 and UTF-32 by their marks, else UTF-8, else Latin-1, which reads anything: the note says so.

    Raises
    ------
    DataFault
        If there is no file to be read.
    """
    begin(Path(path))
    content, note = Path(path).read_bytes(), ""
    if content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        text = content.decode("utf-32", errors="replace")
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
            note = f"{Path(path).name} is not UTF-8 and was read as Latin-1; save it as UTF-8"
    lines = [line for line in re.split(r"\r\n|\n|\r", text.replace("\x00", "")) if line.strip()]
    return [line.split("\t") for line in lines], note


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Read a TSV table that we wrote as one mapping a row, from a column to its text."""
    head, *rows = (line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines() or [""])
    return [dict(zip(head, row, strict=True)) for row in rows]


def read_columns(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Read a numeric TSV table as one array a column, ``n/a`` as NaN.

    Raises
    ------
    ValueError
        If a cell is no number, or a row has not as many cells as the head.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    names = lines[0].split("\t") if lines else []
    rows = [[np.nan if cell == "n/a" else float(cell) for cell in line.split("\t")] for line in lines[1:]]
    return dict(zip(names, np.array(rows, float).reshape(-1, len(names)).T, strict=True))
