"""Masks as the regions of a figure, and the window of an image without a unit."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.reports.montage import MUTED, Region, Row

#: Window of an image in arbitrary units, as shares of the brain's median.
_GREY_WINDOW = (0.2, 2.4)


Volume = NDArray[Any]


Masks = Mapping[str, NDArray[np.bool_]]


def labelled(change: Volume, *names: tuple[str, str]) -> list[Region]:
    """Return a region for each label of a map, 1 and up, by its name and colour."""
    return [Region(name, colour, change == label) for label, (name, colour) in enumerate(names, start=1)]


def refuse_unknown(masks: Masks, *known: str) -> None:
    """Raise KeyError for a region that a figure would leave out in silence."""
    if unknown := sorted(set(masks) - set(known)):
        raise KeyError(f"a figure of {', '.join(known)} was given {', '.join(unknown)}")


def named(masks: Masks, **wanted: tuple[str, str]) -> list[Region]:
    """Return the masks that are there as regions, in the order wanted, each by its name and colour."""
    return [Region(*wanted[name], masks[name]) for name in wanted if name in masks]


def union(masks: Masks) -> NDArray[np.bool_] | None:
    """Return where any of the masks is; None without one."""
    return np.logical_or.reduce(list(masks.values())) if masks else None


def grey_window(image: Volume, brain: Volume) -> tuple[float, float]:
    """Return the window of an image in arbitrary units: shares of the brain's median."""
    inside = image[brain & np.isfinite(image)]
    middle = float(np.median(inside)) if inside.size else 1.0
    return _GREY_WINDOW[0] * middle, _GREY_WINDOW[1] * middle


def brain_row(image: Volume, brain: Volume) -> Row:
    """Return the row that shows a brain mask on the image (a.u.) it is of."""
    mask = Region("Brain mask", MUTED, brain)
    return Row("Brain mask", "", image, grey_window(image, brain), outlines=[mask])


__all__ = ["Masks", "Volume", "brain_row", "grey_window", "labelled", "named", "refuse_unknown", "union"]
