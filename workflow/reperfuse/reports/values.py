"""Numbers as a reader sees them: rounded, with their unit, or with the reason why there is none."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reperfuse.reports.reasons import NO_VALUE

_DECIMALS = {"mL": 1, "s": 1, "h": 1, "mL/h": 1, "%": 1, "mm": 2, "1": 2}


_SHARES = {
    "salvage_fraction",
    "reperfusion_fraction",
    "imr_fraction",
    "rcbv_asymmetry_median",
    "rcbv_asymmetry_median_early",
    "rcbv_asymmetry_median_growth",
    "imr_covered",
}


@dataclass(frozen=True)
class Value:
    """A value as it is read: ``text`` with its ``unit``, and why there is none."""

    column: str
    description: str
    text: str
    unit: str = ""
    why: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether there is no value."""
        return self.text == "n/a"


@dataclass(frozen=True)
class Numbers:
    """The values there are, and by its reason what is missing: steps not computed, columns without value."""

    known: list[Value]
    missing: dict[str, tuple[list[str], list[str]]]

    @classmethod
    def of(cls, values: Iterable[Value], failures: Sequence[Sequence[str]]) -> "Numbers":
        """Sort values and failures ([what, reason])."""
        known: list[Value] = []
        missing: dict[str, tuple[list[str], list[str]]] = {}
        for what, reason in failures:
            missing.setdefault(reason, ([], []))[0].append(what)
        for value in values:
            if value.is_missing:
                missing.setdefault(value.why or "the reason is not recorded", ([], []))[1].append(value.column)
            else:
                known.append(value)
        return cls(known, missing)


def show(column: str, value: Any, entry: Mapping[str, Any], why: str = "") -> Value:
    """Write a value the way a reader wants it; ``entry`` is the column's in the data dictionary."""
    description, unit, levels = entry.get("Description", ""), entry.get("Units", ""), entry.get("Levels", {})
    if value in NO_VALUE:
        return Value(column, description, "n/a", why=why)
    if set(levels) == {"0", "1"}:
        return Value(column, description, levels[str(int(value))])
    try:
        number = float(value)
    except ValueError:
        return Value(column, description, str(value))
    if number in (float("inf"), float("-inf")):
        return Value(column, description, "∞" if number > 0 else "−∞")
    if column in _SHARES:
        return Value(column, description, _signed(f"{100 * number:.0f}"), "%")
    text = f"{number:.{_DECIMALS[unit]}f}" if unit in _DECIMALS else f"{number:g}"
    return Value(column, description, _signed(text), "" if unit == "1" else unit)


def _signed(text: str) -> str:
    zero = float(text) == 0
    return text.lstrip("-") if zero else text.replace("-", "−")
