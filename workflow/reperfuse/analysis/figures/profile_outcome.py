"""From the profile at baseline by reperfusion to the outcome: streams as wide as the patients are many."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from reperfuse.analysis.figures.style import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    PROFILES,
    SMALL_PT,
    TEXT_PT,
    TWO_COLUMNS,
    VERMILION,
    Drawing,
    blank,
    in_house_style,
    line_mm,
    refuse_others,
    require,
    sheet,
)
from reperfuse.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: The stages: title, column, and the name of each of its values. What has no name is unknown.
_STAGES: tuple[tuple[str, str, Mapping[object, str]], ...] = (
    ("Profile at baseline", "profile", {name: name for name in PROFILES}),
    ("Reperfusion", "reperfused", {1.0: "yes", 0.0: "no"}),
    ("mRS at 90 days", "mrs_0_2", {1.0: "0–2", 0.0: "3–6"}),
)
_UNKNOWN = "unknown"
#: Colour and hatch of the streams, by the profile they come from.
_LOOKS = {"target": (BLUE, None), "no target": (VERMILION, "////"), _UNKNOWN: (MUTED, "....")}
#: Layout in mm: the places of the stages, width of their boxes, height of all patients, room between boxes, at the
#: head, and between a box and its name.
_PLACES, _BOX, _TALL, _GAP, _HEAD, _AWAY = (32.0, 83.0, 134.0), 4.0, 66.0, 6.5, 12.0, 1.6


@in_house_style
def draw_profile_outcome(frame: "pd.DataFrame") -> Drawing:
    """Draw how many patients go from each profile by reperfusion to each outcome.

    Parameters
    ----------
    frame : DataFrame
        ``profile`` ("target"/"no target"), ``reperfused`` (0/1), ``mrs_0_2`` (0/1); what is not known has its own
        stream.

    Returns
    -------
    Drawing

    Raises
    ------
    DataFault
        No patient has a profile.
    """
    require(frame, *(column for _, column, _ in _STAGES))
    if not frame["profile"].notna().any():
        raise DataFault("not drawn: no patient has a profile at baseline")
    paths = _paths(frame)
    sizes = [_totals(paths, stage) for stage in range(3)]
    n = len(frame)
    figure = blank(TWO_COLUMNS, _HEAD + _TALL + 2 * _GAP + 6)
    axes = sheet(figure)
    scale = _TALL / n
    tops = [_tops(size, scale) for size in sizes]
    for stage in (0, 1):
        _draw_streams(axes, paths, stage, tops, scale)
    for stage, (title, _, _) in enumerate(_STAGES):
        axes.text(_PLACES[stage] + _BOX / 2, 3, title, fontsize=TEXT_PT, weight="bold", ha="center", va="center")
        _draw_boxes(axes, stage, sizes[stage], tops[stage], scale)
    first = "; ".join(f"{a}, reperfused {b}: {count}" for (a, b), count in _pairs(paths, 0).items())
    second = "; ".join(f"{a}, reperfused {b}, mRS {c}: {count}" for (a, b, c), count in paths.items())
    caption = (
        f"From the profile at baseline by reperfusion to the mRS at 90 days in "
        f"{n} patients. Width: number of patients; colour and hatching: profile. {first}."
    )
    return Drawing(figure, caption, f"Streams of {n} patients from profile by reperfusion to mRS. {second}.")


_Path = tuple[str, str, str]


def _paths(frame: "pd.DataFrame") -> dict[_Path, int]:
    """Return how many patients take each way, in the order in which they are drawn."""
    named = []
    for _, column, names in _STAGES:
        refuse_others(frame[column], names)
        named.append([names.get(value, _UNKNOWN) for value in frame[column]])
    order = [[*names.values(), _UNKNOWN] for _, _, names in _STAGES]
    taken = list(zip(*named, strict=True))
    ways = [(a, b, c) for a in order[0] for b in order[1] for c in order[2]]
    return {way: taken.count(way) for way in ways if way in taken}


def _totals(paths: Mapping[_Path, int], stage: int) -> dict[str, int]:
    names = [*_STAGES[stage][2].values(), _UNKNOWN]
    totals = {name: sum(count for path, count in paths.items() if path[stage] == name) for name in names}
    return {name: total for name, total in totals.items() if total}


def _pairs(paths: Mapping[_Path, int], stage: int) -> dict[tuple[str, str], int]:
    pairs: dict[tuple[str, str], int] = {}
    for path, count in paths.items():
        pair = (path[stage], path[stage + 1])
        pairs[pair] = pairs.get(pair, 0) + count
    return pairs


def _tops(totals: Mapping[str, int], scale: float) -> dict[str, float]:
    top, tops = _HEAD + (3 - len(totals)) * _GAP / 2, {}
    for name, total in totals.items():
        tops[name] = top
        top += total * scale + _GAP
    return tops


def _draw_boxes(axes: "Axes", stage: int, totals: Mapping[str, int], tops: Mapping[str, float], scale: float) -> None:
    from matplotlib.patches import Rectangle

    left = _PLACES[stage]
    for name, total in totals.items():
        top, tall = tops[name], total * scale
        axes.add_patch(Rectangle((left, top), _BOX, tall, facecolor=INK, linewidth=0, zorder=3))
        # the names of the middle stand where no stream passes: above a box, and below the last
        last = name == [*totals][-1] and len(totals) > 1
        x, y, ha, va = (
            (left - 1.2, top + tall / 2, "right", "center"),
            (left + _BOX / 2, *((top + tall + _AWAY, "center", "top") if last else (top - _AWAY, "center", "bottom"))),
            (left + _BOX + 1.2, top + tall / 2, "left", "center"),
        )[stage]
        axes.text(x, y, f"{name}, n = {total}", fontsize=TEXT_PT, ha=ha, va=va, zorder=5)


def _draw_streams(
    axes: "Axes", paths: Mapping[_Path, int], stage: int, tops: Sequence[Mapping[str, float]], scale: float
) -> None:
    """Draw the streams between two stages, by profile, with their numbers."""
    streams: dict[_Path, int] = {}
    for path, count in paths.items():
        key = (path[0], path[stage], path[stage + 1])
        streams[key] = streams.get(key, 0) + count
    leave, arrive, numbers = dict(tops[stage]), dict(tops[stage + 1]), []
    left, right = _PLACES[stage] + _BOX, _PLACES[stage + 1]
    here, there = list(leave), list(arrive)
    # out of a box and into one, streams come in the order of the boxes at their other ends
    for key in sorted(streams, key=lambda key: (here.index(key[1]), there.index(key[2]))):
        profile, source, sink = key
        wide = streams[key] * scale
        _stream(axes, (left, leave[source]), (right, arrive[sink]), wide, profile)
        # next to where it arrives, where streams no longer cross
        numbers.append((streams[key], right - 1.2, arrive[sink] + wide / 2))
        leave[source] += wide
        arrive[sink] += wide
    _write_numbers(axes, numbers)


def _write_numbers(axes: "Axes", numbers: Sequence[tuple[int, float, float]]) -> None:
    """Write the number of each stream, the large before the small, as far as they do not touch."""
    used: list[float] = []
    for count, x, y in sorted(numbers, key=lambda number: -number[0]):
        if all(abs(y - other) >= line_mm(SMALL_PT) for other in used):
            used.append(y)
            axes.text(
                x, y, str(count), fontsize=SMALL_PT, ha="right", va="center", zorder=4,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.4, "alpha": 0.8},
            )  # fmt: skip


def _stream(axes: "Axes", start: tuple[float, float], end: tuple[float, float], wide: float, profile: str) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, y0), (x1, y1) = start, end
    middle = (x0 + x1) / 2
    corners = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
    back = [(x1, y1 + wide), (middle, y1 + wide), (middle, y0 + wide), (x0, y0 + wide)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    colour, hatch = _LOOKS[profile]
    axes.add_patch(
        PathPatch(
            Path([*corners, *back, corners[0]], codes), facecolor=colour, edgecolor=PAPER, hatch=hatch,
            alpha=0.5, linewidth=0.5, zorder=2,
        )
    )  # fmt: skip


__all__ = ["draw_profile_outcome"]
