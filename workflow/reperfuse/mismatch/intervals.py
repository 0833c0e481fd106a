"""Intervals of volumes and of what is made of them, from what the scans give with noise of their own kind added."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reperfuse.mismatch.criteria import VOLUMES, Criterion, Quantities, classify, needs
from reperfuse.mismatch.mismatch import volumetric_mismatch
from reperfuse.volumes.arrays import Array

#: Volumes of a session that have an interval.
MEASURED = ("core_ml", "tmax4_ml", "tmax6_ml", "tmax8_ml", "tmax10_ml")
#: What an interval leaves out on either side.
_TAIL = 0.05


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


def interval(value: float, plausible_values: Array | None) -> tuple[float, float]:
    """Return the interval that holds 90 % of plausible values; NaN where there is none.

    Parameters
    ----------
    value : float
    plausible_values : (n,) array, optional
        Those that are NaN do not count; a ratio may be infinite.
    """
    if plausible_values is None or math.isnan(value):
        return math.nan, math.nan
    ranked = np.sort(plausible_values[~np.isnan(plausible_values)])
    if not ranked.size:
        return math.nan, math.nan
    rank = max(round(_TAIL * (ranked.size + 1)), 1)
    return float(ranked[rank - 1]), float(ranked[-rank])


def columns(name: str, bounds: tuple[float, float]) -> dict[str, float]:
    """Return the two columns of an interval."""
    return {f"{name}_low": bounds[0], f"{name}_high": bounds[1]}


def plausible_volumes(row: Mapping[str, Any], resampled: Mapping[str, Sequence[float]]) -> dict[str, Array]:
    """Return what a session's volumes would be if the noise of its scans were drawn anew.

    Parameters
    ----------
    row : mapping
        The session's volumes, see `reperfuse.mismatch.session.volumes`.
    resampled : mapping of str to sequence of float
        Some of them, as the scans give them with noise added, mL.

    Returns
    -------
    dict of str to (n,) array
        mL, without those that are not known. One index is one draw of all of them.
    """
    found = {name: plausible(row[name], resampled.get(name)) for name in VOLUMES}
    return {name: drawn for name, drawn in found.items() if drawn is not None}


def bounds(row: Mapping[str, Any], draws: Mapping[str, Array]) -> dict[str, float]:
    """Return the intervals of a session's volumes, of its mismatch and of its ratio; NaN where one is not known."""
    drawn: dict[str, Array] = dict(draws)
    if {"core_ml", "tmax6_ml"} <= set(draws):
        found = [volumetric_mismatch(*pair) for pair in zip(draws["tmax6_ml"], draws["core_ml"], strict=True)]
        drawn["mismatch_ml"] = np.array([one.difference_ml for one in found])
        drawn["mismatch_ratio"] = np.array([one.ratio for one in found])
    names = (*MEASURED, "mismatch_ml", "mismatch_ratio")
    return {
        column: value for name in names for column, value in columns(name, interval(row[name], drawn.get(name))).items()
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
