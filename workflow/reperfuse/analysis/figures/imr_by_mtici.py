"""IMR volume by mTICI grade: every patient a point, and how many lie above the cut."""

from typing import TYPE_CHECKING

import numpy as np

from reperfuse.analysis.figures.style import (
    BLUE,
    INK,
    MUTED,
    ONE_COLUMN,
    PAPER,
    SMALL_PT,
    VERMILION,
    Drawing,
    axes_at,
    blank,
    counted,
    in_house_style,
    refuse_others,
    require,
    root_scale,
    spread,
)
from reperfuse.faults import DataFault
from reperfuse.study.vocabulary import GRADES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@in_house_style
def draw_imr_by_mtici(frame: "pd.DataFrame", cut_ml: float) -> Drawing:
    """Draw the IMR volume of each patient who can be judged, by mTICI grade.

    Parameters
    ----------
    frame : DataFrame
        ``mtici``, ``imr_ml`` (mL), ``imr_evaluable`` (0/1).
    cut_ml : float
        IMR above this volume is significant (mL).

    Returns
    -------
    Drawing

    Raises
    ------
    DataFault
        No patient has both.
    """
    require(frame, "mtici", "imr_ml", "imr_evaluable")
    judged = frame[frame["imr_evaluable"] == 1]
    shown = judged.dropna(subset=["mtici", "imr_ml"])
    if shown.empty:
        raise DataFault("not drawn: no patient has both an IMR volume that can be judged and an mTICI grade")
    refuse_others(shown["mtici"], GRADES)
    groups = {
        grade: shown.loc[shown["mtici"] == grade, "imr_ml"].to_numpy(float)
        for grade in GRADES
        if (shown["mtici"] == grade).any()
    }
    figure = blank(ONE_COLUMN, 78)
    axes = axes_at(figure, 13, 11, ONE_COLUMN - 15, 54)
    root_scale(axes, "y", 0, max(1.0, 2.2 * cut_ml, 1.1 * float(shown["imr_ml"].max())))
    axes.set_ylabel("IMR volume (mL)")
    _draw_groups(axes, groups, cut_ml)
    above = {grade: int((volumes > cut_ml).sum()) for grade, volumes in groups.items()}
    rates = "; ".join(f"mTICI {grade}: {above[grade]} of {len(groups[grade])}" for grade in groups)
    caption = (
        f"IMR volume by mTICI grade in {counted(len(shown), 'patient')} (square-root axis). A point is a patient; "
        f"solid line: median; dashed line: the cut of {cut_ml:g} mL. Above the cut: {rates}."
        + _left_out(len(frame), len(shown))
    )
    medians = "; ".join(f"{grade} {np.median(volumes):.1f} mL" for grade, volumes in groups.items())
    alt = f"Points of IMR volume by mTICI grade. Above {cut_ml:g} mL: {rates}. Medians: {medians}."
    return Drawing(figure, caption, alt)


def _draw_groups(axes: "Axes", groups: "dict[str, np.ndarray]", cut_ml: float) -> None:
    axes.axhline(cut_ml, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    for place, volumes in enumerate(groups.values()):
        over = volumes > cut_ml
        across = place + spread(volumes, 0.5)
        for which, colour, marker in ((over, VERMILION, "^"), (~over, BLUE, "o")):
            axes.plot(
                across[which], volumes[which], marker, color=colour, markersize=3.4,
                markeredgecolor=PAPER, markeredgewidth=0.4, clip_on=False, zorder=3,
            )  # fmt: skip
        axes.hlines(float(np.median(volumes)), place - 0.32, place + 0.32, color=INK, linewidth=1.6, zorder=2)
        share = f"{over.sum()}/{len(volumes)}\n{100 * over.mean():.0f} %"
        axes.text(place, 1.01, share, transform=axes.get_xaxis_transform(), fontsize=SMALL_PT, ha="center", va="bottom")
    axes.set_title(f"Above {cut_ml:g} mL:", fontsize=SMALL_PT, color=MUTED, loc="left", x=-0.17, y=1.14, pad=0)
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_xticks(range(len(groups)), [f"{grade}\n({len(volumes)})" for grade, volumes in groups.items()])
    axes.set_xlabel("mTICI grade (n patients)")


def _left_out(total: int, shown: int) -> str:
    return f" Not shown: {counted(total - shown, 'patient')} without a grade or a volume that can be judged." * (
        total > shown
    )


__all__ = ["draw_imr_by_mtici"]
