"""Bars of the modified Rankin scale (Grotta bars), as observed and as the model standardises them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reperfuse.analysis.figures.style import (
    INK,
    MUTED,
    PAPER,
    PROFILES,
    SMALL_PT,
    TEXT_PT,
    TWO_COLUMNS,
    Drawing,
    blank,
    counted,
    in_house_style,
    line_mm,
    refuse_others,
    require,
    sheet,
    text_width_mm,
    wrap_mm,
)
from reperfuse.faults import DataFault

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

#: mRS 0 to 6; the last, death, is hatched too.
_COLOURS = ("#fde737", "#d9c84a", "#b3a76f", "#93907f", "#5f6b78", "#33496b", "#00224e")
#: Where text must be light to be read.
_DARK_FROM = 4
#: Layout in mm: bars, and the room between bars of a pair, between pairs and between blocks.
_LEFT, _WIDE, _BAR, _WITHIN, _BETWEEN, _HEAD = 45.0, 122.0, 8.0, 4.5, 9.0, 11.0

Shares = Sequence[float] | NDArray[np.float64]


@dataclass(frozen=True)
class _Group:
    """A bar: whose, how many of each grade were seen (0 to 6), and the standardised shares where there are any."""

    label: str
    counts: NDArray[np.int64]
    shares: Shares | None

    @property
    def n(self) -> int:
        return int(self.counts.sum())


@in_house_style
def draw_mrs_by_imr(frame: "pd.DataFrame", standardised: Mapping[float, Shares], note: str) -> Drawing:
    """Draw the mRS at 90 days with and without significant IMR.

    Parameters
    ----------
    frame : DataFrame
        ``mrs_90d`` (0 to 6), ``imr_significant`` (0/1), ``imr_evaluable`` (0/1).
    standardised : mapping of (7,) shares
        Shares of the grades when all patients had ``imr_significant`` 0 or 1; empty where not estimable.
    note : str
        What the model adjusts for, or why there is none.

    Returns
    -------
    Drawing

    Raises
    ------
    DataFault
        No patient has both, or all are of one group.
    """
    require(frame, "mrs_90d", "imr_significant", "imr_evaluable")
    shown = frame[frame["imr_evaluable"] == 1].dropna(subset=["mrs_90d", "imr_significant"])
    refuse_others(shown["imr_significant"], (0, 1))
    pair = [
        _Group(label, _counts(shown.loc[shown["imr_significant"] == flag, "mrs_90d"]), standardised.get(flag))
        for flag, label in ((0, "No significant IMR"), (1, "Significant IMR"))
    ]
    return _draw([pair], note, "significant IMR", len(frame) - len(shown))


@in_house_style
def draw_mrs_by_profile(frame: "pd.DataFrame", standardised: Mapping[tuple[str, float], Shares], note: str) -> Drawing:
    """Draw the mRS at 90 days by mismatch profile and reperfusion.

    Parameters
    ----------
    frame : DataFrame
        ``mrs_90d`` (0 to 6), ``profile`` ("target"/"no target"), ``reperfused`` (0/1).
    standardised : mapping of (7,) shares
        Shares of the grades under (profile, reperfused); empty where not estimable.
    note : str
        What the model adjusts for, or why there is none.

    Returns
    -------
    Drawing

    Raises
    ------
    DataFault
        No patient has all three, or all are of one group.
    """
    require(frame, "mrs_90d", "profile", "reperfused")
    shown = frame.dropna(subset=["mrs_90d", "profile", "reperfused"])
    refuse_others(shown["profile"], PROFILES)
    refuse_others(shown["reperfused"], (0, 1))
    pairs = [
        [
            _Group(
                f"{profile.capitalize()}, {state}",
                _counts(shown.loc[(shown["profile"] == profile) & (shown["reperfused"] == flag), "mrs_90d"]),
                standardised.get((profile, flag)),
            )
            for flag, state in ((1, "reperfused"), (0, "not reperfused"))
        ]
        for profile in PROFILES
    ]
    return _draw(pairs, note, "profile and reperfusion", len(frame) - len(shown))


def _counts(grades: "pd.Series") -> NDArray[np.int64]:
    refuse_others(grades, range(7))
    return np.bincount(grades.to_numpy(int), minlength=7)


def _draw(pairs: list[list[_Group]], note: str, by: str, left_out: int) -> Drawing:
    pairs = [held for pair in pairs if (held := [group for group in pair if group.n])]
    groups = [group for pair in pairs for group in pair]
    if not groups:
        raise DataFault(f"not drawn: no patient has a known {by} and an mRS at 90 days")
    if len(groups) == 1:
        raise DataFault(f"not drawn: all patients with an mRS at 90 days are in one group ({groups[0].label})")
    _check(groups)
    estimated = any(group.shares is not None for group in groups)
    lines = wrap_mm(f"From the model: {note}", TWO_COLUMNS - 4, TEXT_PT, "bold")
    block = sum(len(pair) * (_BAR + _WITHIN) - _WITHIN + _BETWEEN for pair in pairs) - _BETWEEN
    second = _HEAD + 6 + block + 6
    height = second + len(lines) * line_mm(TEXT_PT) + (4.5 + block if estimated else 0) + 1
    figure = blank(TWO_COLUMNS, height)
    axes = sheet(figure)
    _draw_key(axes)
    axes.text(1, _HEAD + 1, "Unadjusted", fontsize=TEXT_PT, weight="bold", va="center")
    _draw_block(axes, _HEAD + 6, pairs, standardised=False)
    for number, line in enumerate(lines):
        y = second + number * line_mm(TEXT_PT) + 1
        axes.text(1, y, line, fontsize=TEXT_PT, weight="bold", va="center")
    if estimated:
        _draw_block(axes, second + len(lines) * line_mm(TEXT_PT) + 4, pairs, standardised=True)
    words = "; ".join(_in_words(group) for group in groups)
    below = f"Below: from the model, percent ({note}). " if estimated else f"From the model: {note}. "
    caption = (
        f"mRS at 90 days by {by}, n = {sum(group.n for group in groups)}. {'Above: as' if estimated else 'As'} "
        f"observed, patients (%). {below}Lines join the limits of the grades."
        + (f" Not shown: {counted(left_out, 'patient')} in whom one of these is not known." if left_out else "")
    )
    return Drawing(figure, caption, f"Stacked bars of mRS 0 to 6. As observed: {words}.")


def _check(groups: Sequence[_Group]) -> None:
    for group in groups:
        if group.shares is not None and not (len(group.shares) == 7 and np.isclose(np.sum(group.shares), 1)):
            raise ValueError(f"the standardised shares of {group.label} are not seven that make 1")


def _in_words(group: _Group) -> str:
    counts = ", ".join(f"{grade}: {count}" for grade, count in enumerate(group.counts))
    text = f"{group.label} (n = {group.n}) {counts}"
    if group.shares is not None:
        text += f"; standardised {', '.join(f'{100 * share:.0f} %' for share in group.shares)}"
    return text


def _draw_key(axes: "Axes") -> None:
    step = _WIDE / 7
    names = ("0", "1", "2", "3", "4", "5", "6 (dead)")
    axes.text(1, 4, "mRS at 90 days", fontsize=TEXT_PT, weight="bold", va="center")
    for grade, name in enumerate(names):
        _segment(axes, _LEFT + grade * step, 2, 5, 4, grade)
        axes.text(_LEFT + grade * step + 6, 4, name, fontsize=TEXT_PT, va="center")


def _draw_block(axes: "Axes", top: float, pairs: Sequence[Sequence[_Group]], *, standardised: bool) -> None:
    """Draw the bars of one kind, a pair close together with lines between the limits of the grades."""
    for pair in pairs:
        limits = []
        for group in pair:
            shares = group.shares if standardised else group.counts / group.n
            axes.text(
                1, top + _BAR / 2, _row_name(group, standardised), fontsize=SMALL_PT, va="center", linespacing=1.25
            )
            if shares is not None:
                edges = _LEFT + _WIDE * np.concatenate([[0.0], np.cumsum(shares)])
                limits.append(edges)
                _draw_bar(axes, top, edges, None if standardised else group.counts)
                if len(limits) == 1:
                    _write_grades(axes, top, edges)
                else:
                    for x in zip(*limits[-2:], strict=True):
                        axes.plot(x, (top - _WITHIN, top), color=MUTED, linewidth=0.6, zorder=1)
            top += _BAR + _WITHIN
        top += _BETWEEN - _WITHIN


def _row_name(group: _Group, standardised: bool) -> str:
    if standardised:
        return group.label if group.shares is not None else f"{group.label}\nnot estimable"
    return f"{group.label}\nn = {group.n}"


def _write_grades(axes: "Axes", top: float, edges: NDArray[np.float64]) -> None:
    for grade, (start, end) in enumerate(pairwise(edges)):
        if end - start > text_width_mm(str(grade), SMALL_PT) + 0.6:
            axes.text(
                (start + end) / 2, top - 0.6, str(grade), fontsize=SMALL_PT, color=MUTED, ha="center", va="bottom"
            )


def _draw_bar(axes: "Axes", top: float, edges: NDArray[np.float64], counts: NDArray[np.int64] | None) -> None:
    for grade, (start, end) in enumerate(pairwise(edges)):
        if end <= start:
            continue
        _segment(axes, start, top, end - start, _BAR, grade)
        percent = f"{100 * (end - start) / _WIDE:.0f} %"
        texts = (
            [percent]
            if counts is None
            else [f"{counts[grade]} ({percent})", f"{counts[grade]}\n{percent}", f"{counts[grade]}"]
        )
        for text in texts:
            if max(text_width_mm(line, SMALL_PT) for line in text.split("\n")) + 1.0 <= end - start:
                axes.text(
                    (start + end) / 2, top + _BAR / 2, text, fontsize=SMALL_PT, ha="center", va="center",
                    color=PAPER if grade >= _DARK_FROM else INK, linespacing=1.1, zorder=4,
                )  # fmt: skip
                break


def _segment(axes: "Axes", left: float, top: float, width: float, height: float, grade: int) -> None:
    from matplotlib.patches import Rectangle

    hatch = "////" if grade == 6 else None
    face = Rectangle((left, top), width, height, facecolor=_COLOURS[grade], edgecolor=PAPER, linewidth=0.6, zorder=2)
    axes.add_patch(face)
    if hatch:
        face.set(hatch=hatch, edgecolor=MUTED)


__all__ = ["draw_mrs_by_imr", "draw_mrs_by_profile"]
