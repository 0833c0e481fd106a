"""Frames of a realigned series that show something else than the head with contrast agent in it.

A bolus changes the picture more than most faults do, so the change itself tells nothing. Two things tell a fault from
a bolus: contrast agent in a gradient or spin echo makes tissue darker, hardly anywhere brighter; and what it does in
one frame it does in others too, more or less. A frame with a ghost, of another head, torn between slices or half empty
follows from no other frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from reperfuse.volumes.arrays import Array

_LEAST_UNEXPLAINED = 0.08  # of the signal before the bolus, root mean square over the brain


_UNEXPLAINED_SHARE = 0.28  # of what the frame adds: the stronger the bolus, the more of it is like in no other frame


_LEAST_BRIGHTER = 0.12


_OVER_NOISE = 2.0  # times what noise leaves unexplained in most frames


_COMMON_PICTURES = 3


_TRUSTED_PICTURES = 12


_FEWEST_VOXELS = 200


_AIR_MM = 15.0  # from the head: it moves


_LEAST_GHOST = 0.03  # of the brain's signal before the bolus, mean over the air


_VESSEL_SHARE = 0.15


_FEW = 3  # frames that may be outliers where a voxel is darkest


def air_signal(series: Array, head: NDArray[np.bool_], voxel_size_mm: ArrayLike) -> Array:
    """Mean signal of each frame well outside the head, where ghosts and other artefacts are seen best.

    Parameters
    ----------
    series : (x, y, z, t) array
        As scanned, a.u.
    head : (x, y, z) bool array
    voxel_size_mm : (3,) array_like

    Returns
    -------
    (t,) array
        a.u.; 0 where there is too little air.
    """
    air = ndimage.distance_transform_edt(~head, sampling=np.asarray(voxel_size_mm)) > _AIR_MM
    if air.sum() < _FEWEST_VOXELS:
        return np.zeros(series.shape[3])
    return np.array([np.nan_to_num(frame[air]).mean(dtype=float) for frame in np.moveaxis(series, 3, 0)])


def find_outliers(
    curves: Array, baseline: slice, usable: NDArray[np.bool_], air: Array | None = None
) -> NDArray[np.bool_]:
    """Tell frames that are neither the head at rest nor the head during the bolus.

    Pictures are what a frame adds to the mean before the bolus, relative to it. A frame is trusted when it is no
    brighter than that mean and a combination of the few pictures that most other frames share, each of the same
    weight, however strong. A frame that is not trusted may still follow from trusted ones, as the peak of a bolus
    does from its rise and fall; it is then trusted too, and so on. What is left is an outlier.

    Parameters
    ----------
    curves : (n, t) array
        Realigned signal of the brain's voxels, a.u.
    baseline : slice
        Frames before the bolus.
    usable : (t,) bool array
        Frames that could be aligned; the others are neither looked at nor compared with.
    air : (t,) array, optional
        Mean signal outside the head, see :func:`air_signal`. A frame in which it rises holds a ghost.

    Returns
    -------
    (t,) bool array
        True where a frame is usable but shows something else.
    """
    outlier = np.zeros(curves.shape[1], dtype=bool)
    frames = np.flatnonzero(usable)
    frames = frames[frames >= baseline.start]  # what comes before steady state is brighter, and not used
    before = frames[frames < baseline.stop]
    known = np.isfinite(curves[:, frames]).all(axis=1)
    if known.sum() < _FEWEST_VOXELS or len(before) < 2:
        return outlier
    level = np.median(curves[known][:, before], axis=1)
    bright = level > 0.3 * np.median(level)
    pictures = np.clip(curves[known][bright][:, frames] / level[bright, None], 0, 3) - 1
    # vessels, the darkest voxels in the bolus, are alike in no two frames
    depth = np.partition(pictures, _FEW, axis=1)[:, _FEW]
    pictures = pictures[depth >= np.quantile(depth, _VESSEL_SHARE)]
    brighter = np.mean(np.maximum(pictures, 0) ** 2, axis=0)
    products = pictures.T @ pictures / len(pictures)
    everyone = range(len(frames))
    common = np.array(
        [_unexplained(products, frame, np.delete(everyone, frame), _COMMON_PICTURES) for frame in everyone]
    )
    noise = np.median(common)
    least = np.maximum(_LEAST_UNEXPLAINED**2, _UNEXPLAINED_SHARE**2 * np.diag(products))
    limit = np.maximum(_OVER_NOISE**2 * noise, noise + least)
    dark = brighter < np.maximum(_OVER_NOISE**2 * np.median(brighter), np.median(brighter) + _LEAST_BRIGHTER**2)
    if air is not None:
        dark &= air[frames] < np.median(air[frames]) + _LEAST_GHOST * np.median(level)
    trusted = dark & (common < limit)
    while True:
        sources = np.flatnonzero(trusted)
        doubted = [frame for frame in everyone if dark[frame] and not trusted[frame]]
        follows = [frame for frame in doubted if _unexplained(products, frame, sources) < limit[frame]]
        if not follows:
            break
        trusted[follows] = True
    outlier[frames] = ~trusted
    return outlier


def _unexplained(products: Array, frame: int, sources: NDArray[np.integer], alike: int | None = None) -> float:
    """Mean square of a picture that no combination of the main components of others gives.

    Parameters
    ----------
    products : (t, t) array
        Mean products of pictures.
    frame : int
        The picture.
    sources : (k,) array
        The others.
    alike : int, optional
        Number of components, the others having the same weight; by default, the strong ones weigh more.
    """
    weight = 1 / np.sqrt(np.maximum(np.diag(products)[sources], 1e-12)) if alike else np.ones(len(sources))
    strength, pictures = np.linalg.eigh(products[np.ix_(sources, sources)] * np.outer(weight, weight))
    count = alike or _TRUSTED_PICTURES
    main = pictures[:, -count:] / np.sqrt(np.maximum(strength[-count:], 1e-12))
    return float(products[frame, frame] - ((main.T @ (weight * products[sources, frame])) ** 2).sum())
