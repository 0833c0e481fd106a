"""Strip plots of the quality figures: a point a session, and the limit of the configuration."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reperfuse.reports.statistics import rounded

#: Size of a plot, and where its axis begins, ends and lies (in its own units, about a pixel).
WIDTH, HEIGHT, _LEFT, _RIGHT, _MIDDLE = 360.0, 112.0, 12.0, 348.0, 52.0
#: Diameter of a point; how far from the middle points are stacked.
_POINT, _REACH = 7.0, 38.0
#: An upper limit is seen by what lies near it: the axis ends at so many times the limit.
_WORTH_SEEING = 4.0


@dataclass(frozen=True)
class Limit:
    """A limit of the configuration.

    Attributes
    ----------
    setting : str
        Its name.
    is_least : bool
        It is the least value, not the largest.
    role : str
        Of the sessions it is for; all if empty.
    share_of : str
        It is a share of this, which the table does not count, and has no place on the plot.
    """

    setting: str
    is_least: bool = False
    role: str = ""
    share_of: str = ""


#: The figures drawn, with the limit that `reperfuse.mismatch.doubts` holds them to.
_FIGURES = {
    "fd_max_mm": Limit("max_framewise_displacement_mm"),
    "brain_lost_share": Limit("max_brain_lost_share"),
    "outlier_frames": Limit("max_outlier_share", share_of="the frames of a series"),
    "tsnr": Limit("min_temporal_snr", is_least=True),
    "bolus_cnr": Limit("min_bolus_cnr", is_least=True),
    "aif_score": Limit("min_aif_score", is_least=True),
    "registration_dice": Limit("min_registration_dice", is_least=True),
    "edge_margin": Limit("min_edge_margin", is_least=True),
    "hours_from_onset": Limit("max_hours_from_onset", role="baseline"),
}


@dataclass(frozen=True)
class Point:
    """A session: where it is drawn, and what it is."""

    x: float
    y: float
    participant: str
    session: str
    text: str
    is_beyond: bool


@dataclass(frozen=True)
class Strip:
    """The plot of a quality figure; ``beyond`` are the points beyond the limit, the farthest first."""

    column: str
    title: str
    description: str
    unit: str
    points: list[Point]
    beyond: list[Point]
    missing: int
    role: str
    limit_x: float | None
    limit_text: str
    ticks: list[tuple[float, str]]


def strip_plots(
    sessions: Sequence[Mapping[str, str]], dictionary: Mapping[str, Mapping[str, Any]], limits: Mapping[str, Any]
) -> list[Strip]:
    """Lay out a plot for each quality figure that any session has.

    Parameters
    ----------
    sessions : sequence of mapping
        Rows of the table of sessions.
    dictionary : mapping
        Its columns.
    limits : mapping
        Section ``quality`` of the configuration.

    Returns
    -------
    list of Strip
    """
    strips = (_strip(column, limit, sessions, dictionary, limits) for column, limit in _FIGURES.items())
    return [strip for strip in strips if strip is not None]


def _strip(
    column: str,
    limit: Limit,
    sessions: Sequence[Mapping[str, str]],
    dictionary: Mapping[str, Mapping[str, Any]],
    limits: Mapping[str, Any],
) -> Strip | None:
    entry, is_least = dictionary.get(column, {}), limit.is_least
    asked = [row for row in sessions if limit.role in ("", row.get("role"))]
    values = [(number, row) for row in asked if math.isfinite(number := _number(row.get(column)))]
    if not values:
        return None
    setting = float(limits[limit.setting])
    edge = math.nan if limit.share_of else setting
    unit = "" if entry.get("Units", "1") == "1" else entry["Units"]
    numbers = [number for number, _ in values]
    low, high = _axis(numbers, edge, is_least=is_least)

    def across(number: float) -> float:
        share = (min(max(number, low), high) - low) / (high - low)
        return round(_LEFT + share * (_RIGHT - _LEFT), 1)

    drawn = []
    for (number, row), y in zip(values, _stacked([across(number) for number in numbers]), strict=True):
        text = f"{rounded(row[column])} {unit}".strip()
        is_beyond = number < edge if is_least else number > edge
        names = row.get("participant_id", "n/a"), row.get("session_id", "n/a")
        drawn.append((number, Point(across(number), y, *names, text, is_beyond)))
    drawn.sort(key=lambda one: one[0], reverse=not is_least)
    of = f"of {limit.share_of}" if limit.share_of else unit
    stated = f"{'at least' if is_least else 'at most'} {rounded(str(setting))} {of}".strip()
    return Strip(
        column,
        entry.get("LongName", column),
        entry.get("Description", ""),
        unit,
        [point for _, point in drawn],
        [point for _, point in drawn if point.is_beyond],
        len(asked) - len(values),
        limit.role,
        None if math.isnan(edge) else across(edge),
        stated,
        [(across(tick), rounded(str(tick))) for tick in _ticks(low, high)],
    )


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _axis(numbers: Sequence[float], edge: float, *, is_least: bool) -> tuple[float, float]:
    """Return the ends of an axis that shows the limit too; a value far beyond an upper limit stands at the end."""
    ends = numbers if math.isnan(edge) else [*numbers, edge]
    low, high = min(ends), max(ends)
    # what has a least value may lie close together far from zero, and would be one blot
    if low >= 0 and (not is_least or low < high / 2):
        low = 0.0
    if edge > 0 and not is_least:
        high = min(high, _WORTH_SEEING * edge)
    return low, high if high > low else low + 1.0


def _stacked(places: Sequence[float]) -> list[float]:
    """Return how high each point is drawn, so that points of one place stand above and below each other."""
    columns: dict[int, list[int]] = {}
    for number, x in enumerate(places):
        columns.setdefault(round(x / _POINT), []).append(number)
    heights = [0.0] * len(places)
    for members in columns.values():
        step = min(_POINT, 2 * _REACH / max(1, len(members) - 1))
        for rank, number in enumerate(members):
            side = 1 if rank % 2 else -1
            heights[number] = round(_MIDDLE + side * ((rank + 1) // 2) * step, 1)
    return heights


def _ticks(low: float, high: float) -> list[float]:
    """Return three to six round numbers from low to high."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
