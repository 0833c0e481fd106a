"""All adjusted effects side by side (forest plot), those that could not be estimated among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from reperfuse.analysis.figures.style import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    SMALL_PT,
    TEXT_PT,
    TWO_COLUMNS,
    Drawing,
    axes_at,
    blank,
    counted,
    in_house_style,
    interval,
    line_mm,
    minus,
    number,
    require,
    sheet,
    wrap_mm,
)
from reperfuse.faults import DataFault

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]

_ODDS = "Odds ratio"
#: Odds ratios beyond these are drawn as an arrow at the edge.
_ODDS_LIMITS = (0.01, 100.0)
_DECADES, _HALF_DECADES = (0.01, 0.1, 1, 10, 100), (0.01, 0.03, 0.1, 0.3, 0.5, 1, 2, 3, 10, 30, 100)
#: What a paper calls the columns; another column goes by its own name.
_NAMES = {
    "nihss_24h": "NIHSS at 24 h",
    "nihss_day5": "NIHSS at day 5",
    "mrs_90d": "mRS at 90 days (higher grade)",
    "mrs_0_1": "mRS 0–1",
    "mrs_0_2": "mRS 0–2",
    "death_90d": "Death within 90 days",
    "favourable_response": "Favourable response",
    "growth_ml": "Infarct growth",
    "imr_significant": "Significant IMR",
    "imr_ml": "IMR volume",
    "imr_percent": "IMR share of the lesion",
}
#: Layout in mm: where labels end and numbers start, the room of a row beyond its lines, and around a panel.
_LABELS, _PLOT_LEFT, _PLOT_RIGHT, _PAD, _TITLE, _AXIS = 61.0, 66.0, 120.0, 1.4, 6.0, 8.0


@dataclass(frozen=True)
class _Effect:
    """An effect: the panel it belongs to, what it is of, its estimate with interval, and what must be said of it."""

    panel: str
    label: str
    n: int
    value: float
    low: float
    high: float
    note: str

    @property
    def estimated(self) -> bool:
        return bool(np.isfinite([self.value, self.low, self.high]).all())

    @property
    def text(self) -> str:
        if not self.estimated:
            return self.note or "not estimable"
        return interval(self.value, self.low, self.high) + (f"; {self.note}" if self.note else "")


@in_house_style
def draw_effects(nihss: Rows, mrs: Rows, profile: Rows, factors: Rows) -> Drawing:
    """Draw the adjusted effects: a panel of odds ratios, and one for each unit of the others.

    Parameters
    ----------
    nihss, mrs, profile, factors : sequence of mapping
        The rows of nihss.tsv, mrs.tsv, profile.tsv and factors.tsv; those that hold no covariates are left aside.

    Returns
    -------
    Drawing

    Raises
    ------
    DataFault
        There is no adjusted model.
    """
    effects = [
        *(_linear(row) for row in _adjusted(nihss, "outcome", "exposure", "unit", "n", "beta")),
        *(_odds(row) for row in _adjusted(mrs, "outcome", "exposure", "unit", "n", "odds_ratio")),
        *(_of_profile(row) for row in _adjusted(profile, "outcome", "profile", "measure", "n", "value")),
        *(_factor(row) for row in _adjusted(factors, "factor", "n", "odds_ratio", model="together")),
    ]
    if not effects:
        raise DataFault("not drawn: no adjusted model was asked for")
    panels = {name: [effect for effect in effects if effect.panel == name] for name in _order(effects)}
    laid = {name: [_lay(effect) for effect in held] for name, held in panels.items()}
    figure = blank(TWO_COLUMNS, sum(_TITLE + _AXIS + sum(row[2] for row in rows) for rows in laid.values()) + 1)
    top = 0.5
    for name, held in panels.items():
        top = _draw_panel(figure, top, name, held, laid[name])
    lost = sum(not effect.estimated for effect in effects)
    caption = (
        f"Adjusted effects with 95 % intervals: {len(effects) - lost} of {len(effects)} could be estimated"
        f"{'; the others say why not' if lost else ''}. n: patients in the model."
    )
    words = "; ".join(f"{effect.label} (n = {effect.n}): {effect.text}" for effect in effects)
    return Drawing(figure, caption, f"Forest plot of {counted(len(effects), 'adjusted effect')}. {words}.")


def _adjusted(rows: Rows, *columns: str, model: str = "adjusted") -> Rows:
    require(rows, *columns, "model", "low", "high", "note")
    return [row for row in rows if row["model"] == model]


def _order(effects: Sequence[_Effect]) -> list[str]:
    return sorted(dict.fromkeys(effect.panel for effect in effects), key=lambda name: name != _ODDS)


def _name(column: str) -> str:
    return _NAMES.get(column, column.replace("_", " "))


def _limits(row: Mapping[str, Any]) -> tuple[float, float, str]:
    return number(row["low"]), number(row["high"]), str(row["note"] or "")


def _linear(row: Mapping[str, Any]) -> _Effect:
    label = f"{_name(row['outcome'])}: {_name(row['exposure'])}"
    return _Effect(f"β, {row['unit']}", label, int(row["n"]), number(row["beta"]), *_limits(row))


def _odds(row: Mapping[str, Any]) -> _Effect:
    label = f"{_name(row['outcome'])}: {_name(row['exposure'])}, {row['unit']}"
    return _Effect(_ODDS, label, int(row["n"]), number(row["odds_ratio"]), *_limits(row))


def _of_profile(row: Mapping[str, Any]) -> _Effect:
    of = "target against no target" if row["profile"] == "interaction" else f"profile {row['profile']}"
    label = f"{_name(row['outcome'])}: reperfusion, {of} ({row['measure']})"
    return _Effect(_ODDS, label, int(row["n"]), number(row["value"]), *_limits(row))


def _factor(row: Mapping[str, Any]) -> _Effect:
    label = f"Significant IMR: {_name(row['factor']) or 'factors together'}"
    return _Effect(_ODDS, label, int(row["n"]), number(row["odds_ratio"]), *_limits(row))


def _lay(effect: _Effect) -> tuple[list[str], list[str], float]:
    """Return the lines left and right of an effect, and the height of its row (mm)."""
    left = wrap_mm(f"{effect.label} (n\u00a0=\u00a0{effect.n})", _LABELS, SMALL_PT)
    right = wrap_mm(effect.text, TWO_COLUMNS - _PLOT_RIGHT - 4, SMALL_PT)
    return left, right, max(len(left), len(right)) * line_mm(SMALL_PT) + _PAD


def _draw_panel(
    figure: "Figure",
    top: float,
    name: str,
    effects: Sequence[_Effect],
    laid: Sequence[tuple[list[str], list[str], float]],
) -> float:
    """Draw a panel at a height of the figure (mm) and return where the next starts."""
    page = sheet(figure)
    page.text(
        (_PLOT_LEFT + _PLOT_RIGHT) / 2, top + _TITLE / 2, f"{name} (log axis)" if name == _ODDS else name,
        fontsize=TEXT_PT, weight="bold", ha="center", va="center",
    )  # fmt: skip
    page.text(1, top + _TITLE / 2, "outcome: exposure", fontsize=SMALL_PT, color=MUTED, va="center")
    page.text(
        _PLOT_RIGHT + 3, top + _TITLE / 2, "estimate [95 % interval]", fontsize=SMALL_PT, color=MUTED, va="center"
    )
    top += _TITLE
    tall = sum(height for _, _, height in laid)
    axes = axes_at(figure, _PLOT_LEFT, top, _PLOT_RIGHT - _PLOT_LEFT, tall)
    axes.set_ylim(tall, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    _scale(axes, name, effects)
    y = 0.0
    for effect, (left, right, height) in zip(effects, laid, strict=True):
        middle = y + height / 2
        for lines, x in ((left, 1.0), (right, _PLOT_RIGHT + 3)):
            page.text(
                x, top + middle, "\n".join(lines), fontsize=SMALL_PT, va="center", linespacing=1.2,
                color=INK if effect.estimated else MUTED, style="normal" if effect.estimated else "italic",
            )  # fmt: skip
        if effect.estimated:
            _draw_effect(axes, effect, middle)
        y += height
    return top + tall + _AXIS


def _scale(axes: "Axes", name: str, effects: Sequence[_Effect]) -> None:
    """Give a panel the axis of its numbers, with the line of no effect."""
    ends = [end for effect in effects if effect.estimated for end in (effect.low, effect.high)]
    if name == _ODDS:
        low = max(_ODDS_LIMITS[0], min([0.5, *(0.8 * end for end in ends)]))
        high = min(_ODDS_LIMITS[1], max([2.0, *(1.25 * end for end in ends)]))
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        wide = high > 300 * low
        ticks = [tick for tick in (_DECADES if wide else _HALF_DECADES) if low <= tick <= high]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
    else:
        reach = 1.1 * max([abs(end) for end in ends], default=1.0) or 1.0
        low, high = min([0.0, *ends]) - 0.05 * reach, max([0.0, *ends]) + 0.05 * reach
        axes.set_xlim(low, high)
        axes.locator_params(axis="x", nbins=5)
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        axes.set_xticks(ticks, [minus(f"{tick:g}") for tick in ticks])
    axes.axvline(1.0 if name == _ODDS else 0.0, color=MUTED, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1)


def _draw_effect(axes: "Axes", effect: _Effect, y: float) -> None:
    low, high = axes.get_xlim()
    axes.hlines(y, max(effect.low, low), min(effect.high, high), color=BLUE, linewidth=1.1, zorder=2)
    for beyond, edge, marker in ((effect.low < low, low, "<"), (effect.high > high, high, ">")):
        if beyond:
            axes.plot(edge, y, marker, color=BLUE, markersize=4, clip_on=False, zorder=3)
    if low <= effect.value <= high:
        axes.plot(effect.value, y, "s", color=BLUE, markersize=3.6, zorder=3)
    axes.axhline(y, color=FAINT, linewidth=0.4, zorder=0)


__all__ = ["draw_effects"]
