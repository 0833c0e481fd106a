"""Excel workbooks, as far as a table of values goes: the cells of the first sheet."""

import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from reperfuse.faults import DataFault
from reperfuse.files.originals import begin

_SHEET, _TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
_NAMES = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def read_sheet(path: Path) -> list[list[str]]:
    """Read the first sheet of a workbook as rows of cells; a cell without a value is empty.

    Raises
    ------
    DataFault
        If the file is missing, or is no workbook.
    """
    begin(path)
    try:
        with zipfile.ZipFile(path) as parts:
            texts = _texts(parts.read(_TEXTS)) if _TEXTS in parts.namelist() else []
            sheet = ElementTree.fromstring(parts.read(_SHEET))
        return [_cells(row, texts) for row in sheet.iterfind(".//x:row", _NAMES)]
    except (zipfile.BadZipFile, KeyError, ElementTree.ParseError, ValueError, IndexError, OSError):
        raise DataFault(f"{path.name}: it cannot be read as an Excel workbook; save it as CSV") from None


def _texts(content: bytes) -> list[str]:
    """Return the texts that cells refer to by number."""
    return [_text(item) for item in ElementTree.fromstring(content).iterfind("x:si", _NAMES)]


def _text(element: ElementTree.Element) -> str:
    return "".join(part.text or "" for part in element.iterfind(".//x:t", _NAMES))


def _cells(row: ElementTree.Element, texts: list[str]) -> list[str]:
    found: list[str] = []
    for cell in row.iterfind("x:c", _NAMES):
        place = _column(cell.get("r", "")) if cell.get("r") else len(found)
        found += [""] * (place - len(found))
        value = cell.findtext("x:v", "", _NAMES)
        kind = cell.get("t")
        found.append(texts[int(value)] if kind == "s" else _text(cell) if kind == "inlineStr" else value)
    return found


def _column(reference: str) -> int:
    """Return the number of a column, from 0, of a reference such as AB12."""
    letters = re.match("[A-Z]+", reference)
    if not letters:
        raise ValueError(reference)
    number = 0
    for letter in letters[0]:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1
