"""Intervals of volumes and of what is made of them, from what the scans give with noise of their own kind added.

An interval holds two things: what the scan would give with its noise drawn anew, and what it would give without noise,
as far as that can be told (Cook and Stefanski 1994, doi:10.1080/01621459.1994.10476871).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reperfuse.mismatch.criteria import VOLUMES, Criterion, Quantities, classify, needs
from reperfuse.mismatch.mismatch import volumetric_mismatch
from reperfuse.volumes.arrays import Array

#: Volumes of a session that have an interval.
MEASURED = ("core_ml", "tmax4_ml", "tmax6_ml", "tmax8_ml", "tmax10_ml")
#: What an interval leaves out on either side.
_TAIL = 0.05
#: Noise added to noise has √2 times its SD. How many such steps it is to none.
_STEPS_TO_NONE = 1 / (math.sqrt(2) - 1)


def plausible(value: float, resampled: Sequence[float] | Array | None) -> Array | None:
    """Return what the volume would be if the noise of its scan were drawn anew.

    Noise added to a noisy scan spreads its volume as the noise that is in it did, and shifts it as a whole, there
    being more noise now: the spread alone is put around the volume.

    Parameters
    ----------
    value : float
        Volume of the scan, mL.
    resampled : sequence of float, optional
        Volumes of the scan with noise added, mL.

    Returns
    -------
    (n,) array or None
        mL, none below 0; None where either is not known.
    """
    if resampled is None or not len(resampled) or math.isnan(value) or not np.isfinite(resampled).all():
        return None
    drawn = np.asarray(resampled, float)
    return np.maximum(value + drawn - drawn.mean(), 0.0)


def without_noise(value: float, resampled: Sequence[float] | Array | None) -> Array | None:
    """Return what the volume would be without noise, as uncertain as it is with it.

    By as much as noise added to noise has shifted the volume, for each step of its SD, the noise that is in the scan
    is taken to have shifted it. Volumes whose shift is no line in the SD are not brought back whole by this.

    Parameters
    ----------
    value, resampled
        As for :func:`plausible`.

    Returns
    -------
    (n,) array or None
        mL, none below 0; None where either is not known.
    """
    if resampled is None or plausible(value, resampled) is None:
        return None
    drawn = np.asarray(resampled, float)
    return np.maximum(value - _STEPS_TO_NONE * (drawn.mean() - value) + drawn - drawn.mean(), 0.0)


def interval(value: float, *drawn: Array | None) -> tuple[float, float]:
    """Return the interval that holds 90 % of each set of draws; NaN where there is none.

    Parameters
    ----------
    value : float
    *drawn : (n,) array, optional
        Those that are NaN do not count; a ratio may be infinite.
    """
    known = [np.sort(values[~np.isnan(values)]) for values in drawn if values is not None]
    ends = []
    for ranked in known:
        if ranked.size:
            rank = max(round(_TAIL * (ranked.size + 1)), 1)
            ends.append((float(ranked[rank - 1]), float(ranked[-rank])))
    if not ends or math.isnan(value):
        return math.nan, math.nan
    return min(low for low, _ in ends), max(high for _, high in ends)


def columns(name: str, bounds: tuple[float, float]) -> dict[str, float]:
    """Return the two columns of an interval."""
    return {f"{name}_low": bounds[0], f"{name}_high": bounds[1]}


def drawn_volumes(
    row: Mapping[str, Any],
    resampled: Mapping[str, Sequence[float]],
    draw: Callable[[float, Sequence[float] | None], Array | None],
) -> dict[str, Array]:
    """Return draws of a session's volumes.

    Parameters
    ----------
    row : mapping
        The session's volumes, see `reperfuse.mismatch.session.volumes`.
    resampled : mapping of str to sequence of float
        Some of them, as the scans give them with noise added, mL.
    draw : callable
        :func:`plausible` or :func:`without_noise`.

    Returns
    -------
    dict of str to (n,) array
        mL, without those that are not known. One index is one draw of all of them.
    """
    found = {name: draw(row[name], resampled.get(name)) for name in VOLUMES}
    return {name: drawn for name, drawn in found.items() if drawn is not None}


def bounds(row: Mapping[str, Any], *draws: Mapping[str, Array]) -> dict[str, float]:
    """Return the intervals of a session's volumes, of its mismatch and of its ratio; NaN where one is not known."""
    sets = [_with_mismatch(one) for one in draws]
    found = {
        name: interval(row[name], *(one.get(name) for one in sets))
        for name in (*MEASURED, "mismatch_ml", "mismatch_ratio")
    }
    return {column: value for name, ends in found.items() for column, value in columns(name, ends).items()}


def _with_mismatch(draws: Mapping[str, Array]) -> dict[str, Array]:
    """Return draws of volumes with those of mismatch and ratio, where core and deficit have any."""
    if not {"core_ml", "tmax6_ml"} <= set(draws):
        return dict(draws)
    found = [volumetric_mismatch(*pair) for pair in zip(draws["tmax6_ml"], draws["core_ml"], strict=True)]
    return {
        **draws,
        "mismatch_ml": np.array([one.difference_ml for one in found]),
        "mismatch_ratio": np.array([one.ratio for one in found]),
    }


def share_held(criterion: Criterion, quantities: Quantities, draws: Mapping[str, Array]) -> float:
    """Return the share of draws in which a criterion gives the class it gives the session itself.

    Parameters
    ----------
    criterion, quantities : mapping
        As for :func:`reperfuse.mismatch.criteria.classify`.
    draws : mapping of str to (n,) array
        Plausible values of some of the quantities, of one draw at one index; the others stay.

    Returns
    -------
    float
        NaN without a class or a draw.
    """
    own, _ = classify(criterion, quantities)
    moved = {name: values for name, values in draws.items() if name in needs(criterion)}
    count = min((len(values) for values in moved.values()), default=0)
    if own is None or not count:
        return math.nan
    drawn = ({**quantities, **{name: float(values[i]) for name, values in moved.items()}} for i in range(count))
    return sum(classify(criterion, one)[0] == own for one in drawn) / count
