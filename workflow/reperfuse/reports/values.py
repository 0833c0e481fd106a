"""Numbers as a reader sees them: rounded, with their unit, or with the reason why there is none."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    """A value as it is read: ``text`` with its ``unit`` and the ends of its ``interval``, or why there is none."""

    column: str
    description: str
    text: str
    unit: str = ""
    why: str = ""
    interval: str = ""

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


def show_row(
    row: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]], why: Callable[[str], str]
) -> dict[str, Value]:
    """Write the values of a row of a table, each with the interval whose ends are columns of their own.

    Parameters
    ----------
    row : mapping
    entries : mapping
        The table's dictionary.
    why : callable
        From a column to the reason why it has no value.
    """
    found = {}
    for column, entry in entries.items():
        if "end_of" in entry:
            continue
        value = show(column, row.get(column), entry, why(column))
        ends = [show(column, row.get(f"{column}_{end}"), entry) for end in ("low", "high")]
        if entry.get("interval") and not any(one.is_missing for one in (value, *ends)):
            between = " to " if any("−" in end.text for end in ends) else "–"
            value = replace(value, interval=f"[{between.join(end.text for end in ends)}]")
        found[column] = value
    return found


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
    if entry.get("end_of", column) in _SHARES:
        return Value(column, description, _signed(f"{100 * number:.0f}"), "%")
    text = f"{number:.{_DECIMALS[unit]}f}" if unit in _DECIMALS else f"{number:g}"
    return Value(column, description, _signed(text), "" if unit == "1" else unit)


def _signed(text: str) -> str:
    zero = float(text) == 0
    return text.lstrip("-") if zero else text.replace("-", "−")
