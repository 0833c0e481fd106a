"""Infarct growth by mismatch profile and reperfusion."""

from typing import TYPE_CHECKING

import numpy as np

from reperfuse.analysis.figures.style import (
    BLUE,
    INK,
    MUTED,
    ONE_COLUMN,
    PAPER,
    PROFILES,
    TEXT_PT,
    VERMILION,
    Drawing,
    axes_at,
    blank,
    counted,
    in_house_style,
    minus,
    refuse_others,
    require,
    root_scale,
    spread,
)
from reperfuse.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: Reperfused or not: name, colour and marker.
_LOOKS = {1: ("yes", BLUE, "o"), 0: ("no", VERMILION, "^")}


@in_house_style
def draw_growth(frame: "pd.DataFrame") -> Drawing:
    """Draw infarct growth by profile and reperfusion.

    Parameters
    ----------
    frame : DataFrame
        ``profile`` ("target"/"no target"), ``reperfused`` (0/1), ``growth_ml`` (mL).

    Returns
    -------
    Drawing

    Raises
    ------
    DataFault
        No patient has all three, or all are of one group.
    """
    require(frame, "profile", "reperfused", "growth_ml")
    shown = frame.dropna(subset=["profile", "reperfused", "growth_ml"])
    refuse_others(shown["profile"], PROFILES)
    refuse_others(shown["reperfused"], _LOOKS)
    groups = {
        (profile, flag): shown.loc[(shown["profile"] == profile) & (shown["reperfused"] == flag), "growth_ml"].to_numpy(
            float
        )
        for profile in PROFILES
        for flag in _LOOKS
    }
    held = [group for group, growth in groups.items() if len(growth)]
    if not held:
        raise DataFault("not drawn: no patient has a profile, a known reperfusion and an infarct growth")
    if len(held) == 1:
        raise DataFault("not drawn: all patients with a known growth have the same profile and the same reperfusion")
    figure = blank(ONE_COLUMN, 80)
    axes = axes_at(figure, 15, 3, ONE_COLUMN - 17, 56)
    low, high = float(shown["growth_ml"].min()), float(shown["growth_ml"].max())
    root_scale(axes, "y", min(0.0, 1.15 * low), max(5.0, 1.15 * high))
    axes.set_ylabel("Infarct growth (mL)")
    _draw_groups(axes, groups)
    texts = "; ".join(_summary(group, groups[group]) for group in held)
    rest = len(frame) - len(shown)
    caption = (
        f"Infarct growth by profile and reperfusion in "
        f"{counted(len(shown), 'patient')} (square-root axis). A point is a patient; line: median; box: quartiles."
        + (f" Not shown: {counted(rest, 'patient')} in whom one of the three is not known." if rest else "")
    )
    return Drawing(figure, caption, f"Points of infarct growth in four groups, median (quartiles) in mL. {texts}.")


def _summary(group: tuple[str, int], growth: "np.ndarray") -> str:
    first, middle, third = np.percentile(growth, [25, 50, 75])
    name = f"{group[0]}, reperfused {_LOOKS[group[1]][0]}"
    return minus(f"{name}: {middle:.1f} ({first:.1f} to {third:.1f}), n = {len(growth)}")


def _draw_groups(axes: "Axes", groups: "dict[tuple[str, int], np.ndarray]") -> None:
    from matplotlib.patches import Rectangle

    places = (0.0, 1.0, 2.4, 3.4)
    axes.axhline(0, color=MUTED, linewidth=0.6, zorder=1)
    for place, ((_, flag), growth) in zip(places, groups.items(), strict=True):
        if not len(growth):
            continue
        _, colour, marker = _LOOKS[flag]
        first, middle, third = np.percentile(growth, [25, 50, 75])
        axes.add_patch(
            Rectangle((place - 0.36, first), 0.72, third - first, fill=False, edgecolor=INK, linewidth=0.7, zorder=2)
        )
        axes.hlines(middle, place - 0.36, place + 0.36, color=INK, linewidth=1.6, zorder=2)
        axes.plot(
            place + spread(growth, 0.55), growth, marker, color=colour, markersize=3.4,
            markeredgecolor=PAPER, markeredgewidth=0.4, clip_on=False, zorder=3,
        )  # fmt: skip
    axes.set_xlim(-0.6, 4.0)
    axes.set_xticks(places, [f"{_LOOKS[flag][0]}\n({len(growth)})" for (_, flag), growth in groups.items()])
    axes.set_xlabel("Reperfused (n patients)")
    for middle, profile in zip((0.5, 2.9), PROFILES, strict=True):
        axes.text(
            middle, -0.27, f"{profile.capitalize()} profile", transform=axes.get_xaxis_transform(),
            fontsize=TEXT_PT, weight="bold", ha="center", va="top",
        )  # fmt: skip


__all__ = ["draw_growth"]
