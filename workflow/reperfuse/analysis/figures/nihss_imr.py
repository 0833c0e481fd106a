"""NIHSS after treatment against IMR volume, with the line of the unadjusted model and its band."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.analysis.figures.style import (
    BLUE,
    MUTED,
    PAPER,
    SMALL_PT,
    TEXT_PT,
    TWO_COLUMNS,
    VERMILION,
    Drawing,
    axes_at,
    blank,
    counted,
    in_house_style,
    interval,
    line_mm,
    number,
    require,
    wrap_mm,
)
from reperfuse.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_TIMES = {"nihss_24h": "NIHSS at 24 h", "nihss_day5": "NIHSS at day 5"}
_PANEL_MM = 72.0


@dataclass(frozen=True)
class Band:
    """The line of a linear model over IMR volumes ``x`` (mL), and its 95 % band (NIHSS points)."""

    x: NDArray[np.float64]
    fit: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@in_house_style
def draw_nihss_by_imr(frame: "pd.DataFrame", rows: Sequence[Mapping[str, Any]], bands: Mapping[str, Band]) -> Drawing:
    """Draw the NIHSS at 24 h and at day 5 against the IMR volume.

    Parameters
    ----------
    frame : DataFrame
        ``nihss_24h``, ``nihss_day5`` (points), ``imr_ml`` (mL), ``imr_evaluable`` (0/1).
    rows : sequence of mapping
        The models, as in nihss.tsv: the unadjusted one of ``imr_ml`` is written in each panel.
    bands : mapping of Band
        Under the outcome's name; none where the model could not be estimated.

    Returns
    -------
    Drawing

    Raises
    ------
    DataFault
        No patient has an IMR volume that can be judged and an NIHSS.
    """
    require(frame, *_TIMES, "imr_ml", "imr_evaluable")
    judged = frame[(frame["imr_evaluable"] == 1) & frame["imr_ml"].notna()]
    points = {outcome: judged.dropna(subset=[outcome]) for outcome in _TIMES}
    if not any(len(shown) for shown in points.values()):
        raise DataFault("not drawn: no patient has both an IMR volume that can be judged and an NIHSS after treatment")
    widest = max(1.0, *(float(shown["imr_ml"].max()) for shown in points.values() if len(shown)))
    highest = max(_top(shown[outcome].to_numpy(float), bands.get(outcome)) for outcome, shown in points.items())
    effects = {outcome: _effect(rows, outcome, len(shown)) for outcome, shown in points.items()}
    heads = {outcome: wrap_mm(effect, _PANEL_MM, SMALL_PT) for outcome, effect in effects.items()}
    top = 7 + max(len(lines) for lines in heads.values()) * line_mm(SMALL_PT)
    figure = blank(TWO_COLUMNS, top + 67)
    for place, (outcome, title) in enumerate(_TIMES.items()):
        axes = axes_at(figure, 12 + place * (_PANEL_MM + 12), top, _PANEL_MM, 55)
        axes.set_xlim(-0.03 * widest, 1.05 * widest)
        axes.set_ylim(-0.03 * highest, 1.05 * highest)
        axes.locator_params(axis="y", integer=True)
        axes.yaxis.set_label_coords(-0.085, 0.5)
        axes.set_xlabel("IMR volume (mL)")
        axes.set_ylabel(f"{title} (points)")
        _head(axes, f"{title}, n = {len(points[outcome])}", heads[outcome])
        _draw(
            axes,
            points[outcome]["imr_ml"].to_numpy(float),
            points[outcome][outcome].to_numpy(float),
            bands.get(outcome),
        )
    words = [
        f"{title}: {counted(len(points[outcome]), 'patient')}, {effects[outcome]}" for outcome, title in _TIMES.items()
    ]
    line = "; line and band: unadjusted linear model with its 95 % interval (HC3 errors)" if bands else ""
    caption = f"NIHSS after treatment against IMR volume. A point is a patient{line}. {'; '.join(words)}."
    return Drawing(figure, caption, f"Two scatter plots of NIHSS against IMR volume in mL. {'; '.join(words)}.")


def _top(points: NDArray[np.float64], band: Band | None) -> float:
    """Return the highest value to be shown, on a scale that ends at 42."""
    ends = [10.0, *points, *(band.high if band else ())]
    return float(min(42.0, max(ends)))


def _effect(rows: Sequence[Mapping[str, Any]], outcome: str, drawn: int) -> str:
    """Return the unadjusted effect of a mL of IMR in words."""
    require(rows, "outcome", "exposure", "model", "unit", "n", "beta", "low", "high", "note")
    wanted = (outcome, "imr_ml", "unadjusted")
    for row in rows:
        if (row["outcome"], row["exposure"], row["model"]) == wanted:
            if np.isfinite(number(row["beta"])):
                values = interval(*(number(row[name]) for name in ("beta", "low", "high")))
                of = "" if row["n"] == drawn else f", n = {row['n']:.0f}"
                return f"β {values} points {row['unit']}, unadjusted{of}"
            return str(row["note"])
    return "no model of this outcome"


def _head(axes: "Axes", title: str, lines: Sequence[str]) -> None:
    """Write the title of a panel and the effect below it."""
    axes.set_title(title, fontsize=TEXT_PT, weight="bold", loc="left", pad=5 + 9 * len(lines))
    axes.text(0, 1.02, "\n".join(lines), transform=axes.transAxes, fontsize=SMALL_PT, va="bottom", linespacing=1.2)


def _draw(axes: "Axes", volumes: NDArray[np.float64], points: NDArray[np.float64], band: Band | None) -> None:
    if not len(points):
        axes.text(0.5, 0.5, "no patient has both", color=MUTED, ha="center", transform=axes.transAxes)
    if band is not None:
        axes.fill_between(band.x, band.low, band.high, color=VERMILION, alpha=0.16, linewidth=0, zorder=1)
        axes.plot(band.x, band.fit, color=VERMILION, linewidth=1.3, zorder=2)
        axes.plot(band.x, band.low, color=VERMILION, linewidth=0.6, linestyle=(0, (3, 2)), zorder=2)
        axes.plot(band.x, band.high, color=VERMILION, linewidth=0.6, linestyle=(0, (3, 2)), zorder=2)
    axes.plot(
        volumes, points, "o", color=BLUE, markersize=3.4, alpha=0.75,
        markeredgecolor=PAPER, markeredgewidth=0.4, clip_on=False, zorder=3,
    )  # fmt: skip


__all__ = ["Band", "draw_nihss_by_imr"]
