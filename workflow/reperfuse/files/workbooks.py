"""Excel workbooks, as far as a table of values goes: the cells of the first sheet."""

from datetime import datetime, time
from pathlib import Path
from typing import Any

from reperfuse.faults import DataFault
from reperfuse.files.originals import begin


def read_sheet(path: Path) -> list[list[str]]:
    """Read the first sheet of a workbook as rows of cells; a cell without a value is empty.

    Raises
    ------
    DataFault
        If the file is missing, or is no workbook.
    """
    from openpyxl import load_workbook  # few studies have one

    begin(path)
    try:
        with path.open("rb") as file:
            sheet = load_workbook(file, read_only=True, data_only=True).worksheets[0]
            return [[_written(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    except Exception:  # a damaged part shows as an error of the archive, of XML or of a value
        raise DataFault(f"{path.name}: it cannot be read as an Excel workbook; save it as CSV") from None


def _written(value: Any) -> str:
    if isinstance(value, datetime) and value.time() == time():  # as a date is kept; a moment has its time
        value = value.date()
    return "" if value is None else str(value)
