"""TSV tables."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def format_cell(value: Any) -> str:
    """Write a value of a table: ``n/a`` where there is none, a float to six significant digits."""
    if value is None or value == "":
        return "n/a"
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        return "n/a" if np.isnan(value) else f"{value:.6g}"
    return str(value)


def read_columns(path: str | Path) -> dict[str, NDArray[np.float64]]:
    """Read a numeric TSV table as one array a column, ``n/a`` as NaN."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    names = lines[0].split("\t")
    rows = [[np.nan if cell == "n/a" else float(cell) for cell in line.split("\t")] for line in lines[1:]]
    return dict(zip(names, np.array(rows, float).reshape(-1, len(names)).T, strict=True))
