"""Hypoperfused tissue: Tmax above a threshold, cleaned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.faults import DataFault
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import dilated, opened, remove_small
from reperfuse.volumes.smoothing import smooth


def hypoperfusion_finder(
    tmax: Array,
    brain: Mask,
    voxel_size_mm: ArrayLike,
    *,
    csf: Mask | None = None,
    vessels: Mask | None = None,
    half: Mask | None = None,
    smoothing_mm: float = 3.0,
    opening_mm: float = 2.0,
    min_volume_ml: float = 3.0,
    vessel_reach_mm: float = 4.0,
) -> Callable[[float], Mask]:
    """Prepare to find the hypoperfused tissue, Tmax above any threshold, cleaned.

    At the border of late tissue, found by the plain mean of Tmax, a quadratic mean decides, in which late tissue weighs
    more: a voxel that holds late and normal tissue peaks with the one of more flow, which is the normal one until about
    0.6 of it is late, and with the plain mean the deficit would end inside its border. Elsewhere the plain mean
    decides, for the quadratic one takes noise for lateness.

    Beside a large vessel, a smoothed curve holds the vessel's blood: an artery that crosses a core hides how late the
    little blood of the tissue around it is. There the tissue beyond decides, as far as the Gaussian reaches.

    Parameters
    ----------
    tmax : (x, y, z) array
        s; NaN where unknown.
    brain : (x, y, z) bool array
    voxel_size_mm : (3,) array_like
    csf, vessels : (x, y, z) bool array, optional
        Fluid and large vessels (sinuses), left out.
    half : (x, y, z) bool array, optional
        The side of the stroke; the other is left out.
    smoothing_mm : float
        Width at half maximum of the Gaussian of either mean within tissue; 0 for none. It also decides on voxels
        without a value, by their neighbours: where least blood arrives there may be no bolus to measure.
    opening_mm : float
        Radius of the opening; 0 for none.
    min_volume_ml : float
        Smallest region kept; 0 for all.
    vessel_reach_mm : float
        As far from a vessel, a curve holds its blood: the width at half maximum by which the curves were smoothed.

    Returns
    -------
    callable
        From a threshold, s, to the mask, (x, y, z) bool array.
    """
    voxel = np.asarray(voxel_size_mm, float)
    tissue = brain.copy()
    for excluded in (csf, vessels):
        if excluded is not None:
            tissue &= ~excluded
    known, late = tissue & np.isfinite(tmax), np.maximum(tmax, 0)  # ahead of the arterial input is not late
    if vessels is not None:
        known &= ~dilated(vessels, vessel_reach_mm, voxel)

    def around(values: Array) -> Array:
        found = smooth(values, known, smoothing_mm, voxel)
        return np.where(np.isfinite(found), found, values)

    mean, quadratic = around(tmax), np.sqrt(around(late**2))
    if half is not None:
        tissue &= half

    def clean(mask: Mask) -> Mask:
        return remove_small(opened(tissue & mask, opening_mm, voxel), min_volume_ml, voxel)

    def find(threshold_s: float) -> Mask:
        sure = clean(mean > threshold_s)
        return clean(dilated(sure, smoothing_mm, voxel) & (quadratic > threshold_s)) if smoothing_mm else sure

    return find


def normal_level(values: Array, tissue: Mask, find: Callable[[float], Mask], later: float) -> float:
    """Return the median of a map in normal tissue: what is not found later than that median by a threshold.

    Parameters
    ----------
    values : (x, y, z) array
        A time, s; NaN where unknown.
    tissue : (x, y, z) bool array
        Where the map is of tissue.
    find : callable
        From a threshold, s, to the mask of what is late; see `hypoperfusion_finder`.
    later : float
        By how much late tissue is later than normal tissue, s.

    Returns
    -------
    float
        s.

    Raises
    ------
    DataFault
        When the map has no value in tissue, or all of it is late.
    """
    known = tissue & np.isfinite(values)
    late, before = np.zeros_like(known), np.ones_like(known)
    while not np.array_equal(late, before):  # what is late only grows: without it the median is earlier
        if not (known & ~late).any():
            raise DataFault("no normal tissue to compare late tissue with")
        normal = float(np.median(values[known & ~late]))
        late, before = late | find(normal + later), late
    return normal
