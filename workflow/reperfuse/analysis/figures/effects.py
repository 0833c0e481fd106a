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
    "imr_percent": "IMR share",
    "age": "age, for each year",
    "nihss_baseline": "NIHSS at baseline, for each point",
    "glucose": "glucose, for each unit",
    "tpa": "thrombolysis",
    "passes": "each pass",
    "onset_to_reperfusion_min": "onset to reperfusion, for each min",
    "core_baseline_ml": "core, for each mL",
    "tmax6_baseline_ml": "Tmax > 6 s, for each mL",
    "baseline_hir": "hypoperfusion intensity ratio",
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
        return bool(np.isfinite(self.value) and not np.isnan([self.low, self.high]).any())

    @property
    def text(self) -> str:
        if not self.estimated:
            return self.note or "not estimable"
        return interval(self.value, self.low, self.high)


@in_house_style
def draw_effects(nihss: Rows, mrs: Rows, profile: Rows, factors: Rows) -> Drawing:
    """Draw the adjusted effects: a panel of odds ratios, and one for each unit of the others.

    Parameters
    ----------
    nihss, mrs, profile, factors : sequence of mapping
        The rows of nihss.tsv, mrs.tsv, profile.tsv and factors.tsv; those of a ``model`` without covariates are left
        aside.

    Returns
    -------
    Drawing

    Raises
    ------
    DataFault
        There is no adjusted model, or none could be estimated.
    """
    effects = [
        *(_linear(row) for row in _of(nihss, "adjusted", "outcome", "exposure", "unit", "beta")),
        *(_odds(row) for row in _of(mrs, "adjusted", "outcome", "exposure", "unit", "odds_ratio")),
        *(_of_profile(row) for row in _of(profile, "adjusted", "outcome", "profile", "measure", "value")),
        *(_of_factor(row) for row in _of(factors, "together", "factor", "odds_ratio")),
    ]
    if not effects:
        raise DataFault("not drawn: no adjusted model was asked for; name covariates (analysis.covariates)")
    if not any(effect.estimated for effect in effects):
        raise DataFault("not drawn: no adjusted effect could be estimated")
    panels = {name: [effect for effect in effects if effect.panel == name] for name in _order(effects)}
    notes = list(dict.fromkeys(effect.note for effect in effects if effect.estimated and effect.note))
    laid = {name: [_lay(effect, notes) for effect in held] for name, held in panels.items()}
    foot = [
        line for mark, note in enumerate(notes, 1) for line in wrap_mm(f"({mark}) {note}", TWO_COLUMNS - 4, SMALL_PT)
    ]
    tall = sum(_TITLE + _AXIS + sum(row[2] for row in rows) for rows in laid.values())
    figure = blank(TWO_COLUMNS, tall + len(foot) * line_mm(SMALL_PT) + 1)
    top = 0.5
    for name, held in panels.items():
        top = _draw_panel(figure, top, name, held, laid[name])
    sheet(figure).text(1, top, "\n".join(foot), fontsize=SMALL_PT, color=MUTED, va="top", linespacing=1.2)
    lost = sum(not effect.estimated for effect in effects)
    caption = (
        f"Adjusted effects with 95 % intervals: {len(effects) - lost} of {len(effects)} could be estimated"
        f"{'; the others give the reason' if lost else ''}. n: patients in the model."
    )
    words = "; ".join(_in_words(effect) for effect in effects)
    return Drawing(figure, caption, f"Forest plot of {counted(len(effects), 'adjusted effect')}. {words}.")


def _of(rows: Rows, model: str, *columns: str) -> Rows:
    require(rows, *columns, "model", "n", "low", "high", "note")
    return [row for row in rows if row["model"] == model]


def _order(effects: Sequence[_Effect]) -> list[str]:
    return sorted(dict.fromkeys(effect.panel for effect in effects), key=lambda name: name != _ODDS)


def _name(column: str) -> str:
    return _NAMES.get(column, column.replace("_", " "))


def _numbers(row: Mapping[str, Any], value: str) -> tuple[int, float, float, float, str]:
    return int(row["n"]), number(row[value]), number(row["low"]), number(row["high"]), str(row["note"] or "")


def _linear(row: Mapping[str, Any]) -> _Effect:
    outcome = _name(row["outcome"])
    of = "points" if str(row["outcome"]).startswith("nihss") else outcome
    return _Effect(f"β, {of}, {row['unit']}", f"{outcome}: {_name(row['exposure'])}", *_numbers(row, "beta"))


def _odds(row: Mapping[str, Any]) -> _Effect:
    label = f"{_name(row['outcome'])}: {_name(row['exposure'])}, {row['unit']}"
    return _Effect(_ODDS, label, *_numbers(row, "odds_ratio"))


def _of_profile(row: Mapping[str, Any]) -> _Effect:
    of = "ratio of the odds ratios" if row["profile"] == "interaction" else f"profile {row['profile']}"
    panel = _ODDS if "odds ratio" in row["measure"] else str(row["measure"])
    return _Effect(panel, f"{_name(row['outcome'])}: reperfusion, {of}", *_numbers(row, "value"))


def _of_factor(row: Mapping[str, Any]) -> _Effect:
    label = f"Significant IMR: {_name(row['factor'] or 'factors together')}"
    return _Effect(_ODDS, label, *_numbers(row, "odds_ratio"))


def _in_words(effect: _Effect) -> str:
    caution = f" ({effect.note})" if effect.estimated and effect.note else ""
    return f"{effect.label} (n = {effect.n}): {effect.text}{caution}"


def _lay(effect: _Effect, notes: Sequence[str]) -> tuple[list[str], list[str], float]:
    """Return the lines left and right of an effect, and the height of its row (mm)."""
    left = wrap_mm(f"{effect.label} (n\u00a0=\u00a0{effect.n})", _LABELS, SMALL_PT)
    mark = f" ({notes.index(effect.note) + 1})" if effect.note in notes else ""
    right = wrap_mm(effect.text + mark, TWO_COLUMNS - _PLOT_RIGHT - 4, SMALL_PT)
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
