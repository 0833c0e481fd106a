"""What is on a figure of a study, for the tests of what is drawn; and what the figures are drawn of."""

from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

MM_PER_INCH = 25.4


def cohort(n: int, seed: int = 1) -> pd.DataFrame:
    """Return an analysis table of n patients in whom some of everything is unknown."""
    rng = np.random.default_rng(seed)

    def gaps(values, share: float = 0.08) -> pd.Series:
        column = pd.Series(values)
        return column.mask(pd.Series(rng.random(n) < share), None if column.dtype == object else np.nan)

    frame = pd.DataFrame({"participant_id": [f"sub-{number:03d}" for number in range(n)]})
    frame["mtici"] = gaps(rng.choice(["0", "1", "2a", "2b50", "2b67", "2c", "3"], n).astype(object))
    frame["imr_ml"] = np.where(rng.random(n) < 0.3, 0.0, rng.gamma(0.7, 6, n).round(2))
    frame["imr_evaluable"] = (rng.random(n) < 0.85).astype(float)
    frame["imr_significant"] = (frame["imr_ml"] > 5).astype(float).where(frame["imr_evaluable"] == 1)
    for name, share in (("nihss_24h", 0.6), ("nihss_day5", 0.4)):
        frame[name] = gaps(np.clip(rng.integers(0, 25, n) * share + 0.4 * frame["imr_ml"], 0, 42).round())
    frame["mrs_90d"] = gaps(rng.integers(0, 7, n).astype(float))
    frame["mrs_0_2"] = (frame["mrs_90d"] <= 2).astype(float).where(frame["mrs_90d"].notna())
    frame["profile"] = gaps(rng.choice(["target", "no target"], n, p=[0.7, 0.3]).astype(object))
    frame["reperfused"] = gaps((rng.random(n) < 0.65).astype(float))
    frame["growth_ml"] = (rng.gamma(1.2, 20, n) - 5).round(1)
    return frame


#: The presets of the specification curve, with the threshold, cut (mL) and exclusions that are their own.
OWN = {
    "valls2025": (0.15, 5.0, "ica_occlusion;hemorrhagic_transformation;reocclusion;mtici"),
    "ng2022": (0.15, 0.0, "ica_occlusion;reocclusion;mtici"),
    "anzsoc2025": (0.15, 0.0, "ica_occlusion;reocclusion;mtici"),
    "schiphorst2021": (0.3, 0.0, "ica_occlusion;hemorrhagic_transformation;reocclusion;mtici"),
    "mujanovic2022": (0.15, 0.0, "ica_occlusion;reocclusion;mtici"),
}


def definitions() -> list[dict]:
    """Return the frequency of IMR under 1,600 definitions, as in group/imr.tsv."""
    rng = np.random.default_rng(2)
    names = ("ica_occlusion", "hemorrhagic_transformation", "reocclusion", "mtici")
    rows = []
    choices = product(OWN, (0.1, 0.15, 0.2, 0.25, 0.3), (0.0, 3.0, 5.0, 10.0), product((False, True), repeat=4))
    for preset, threshold, cut, flags in choices:
        without = ";".join(name for name, flag in zip(names, flags, strict=True) if flag)
        n = 60 - 4 * sum(flags)
        k = int(np.clip(rng.normal(n * (0.5 - 0.8 * threshold - 0.02 * cut), 2), 0, n))
        share = 100 * k / n
        row = {"preset": preset, "threshold": threshold, "cut_ml": cut, "exclusions": without, "k": k, "n": n}
        row |= {"percent": share, "low": 0.7 * share, "high": min(100.0, 1.3 * share + 8), "null_ml_median": 0.3}
        rows.append(row | {"is_preset": int((threshold, cut, without) == OWN[preset])})
    return rows


def texts(figure: Figure) -> list[Text]:
    """Return the texts that a figure shows."""
    figure.canvas.draw()
    hidden = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            labels = axis.get_ticklabels()
            away = (not low <= place <= high for place in axis.get_ticklocs())
            hidden |= {label for label, out in zip(labels, away, strict=True) if out or not axes.axison}
    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible() and text not in hidden]


def words(figure: Figure) -> str:
    """Return all that is written on a figure."""
    return " | ".join(text.get_text() for text in texts(figure))


def extent_mm(figure: Figure, artist) -> Bbox:
    """Return where an artist is in print (mm)."""
    return Bbox(artist.get_window_extent().get_points() / figure.dpi * MM_PER_INCH)


def overlaps(one: Bbox, other: Bbox, slack: float = 0.2) -> bool:
    """Tell whether two places share more than a hair's breadth (mm)."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    tall = min(one.y1, other.y1) - max(one.y0, other.y0)
    return wide > slack and tall > slack
