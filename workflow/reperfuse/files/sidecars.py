"""The JSON beside a file: what it holds, and why a file has no value."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from reperfuse.faults import DataFault


def sidecar_path(path: str | Path) -> Path:
    """Return the JSON file that belongs to a file; a JSON document is its own."""
    path = Path(path)
    return path.with_name(path.name.removesuffix(".gz")).with_suffix(".json")


def read_sidecar(path: str | Path) -> dict[str, Any]:
    """Return the sidecar of a file, empty if there is none.

    Raises
    ------
    DataFault
        If it is no JSON object.
    """
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return {}
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise DataFault(f"{sidecar.name}: not readable as JSON; write it again, or remove it") from None
    if not isinstance(content, dict):
        raise DataFault(f"{sidecar.name}: not a JSON object; write it again, or remove it")
    return content


def write_json(path: str | Path, content: dict[str, Any]) -> None:
    """Write JSON the same way everywhere: sorted keys, and ``n/a`` for what is not a finite number."""
    text = json.dumps(_plain(content), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        if np.isnan(value):
            return "n/a"
        return float(value) if np.isfinite(value) else ("inf" if value > 0 else "-inf")
    return value if value is None else str(value)


def reasons(path: str | Path) -> list[str]:
    """Return why this file could not be computed; empty for a good one."""
    return list(read_sidecar(path).get("Reasons", []))


def read_number(value: Any) -> float:
    """Return a number that `write_json` wrote; NaN for ``n/a`` and for what is not there."""
    return math.nan if value in (None, "n/a") else float(value)
