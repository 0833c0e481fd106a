"""What tells of the quality of a flow map from arterial spin labelling, and of label that came too late for it."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from reperfuse.perfusion.label_pairs import Differences
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import dilated, opened, remove_small
from reperfuse.volumes.smoothing import smooth

#: Grey matter is mostly so near to the surface of the brain, mm.
_CORTEX_MM = 12.0
#: An artery full of label is brighter than this times the mean of normal tissue.
_BRIGHT = 2.0
#: Share of the tissue in and around low flow that is as bright, where label still lies in arteries; and how many times
#: as much that is as elsewhere.
_BRIGHT_SHARE, _BRIGHT_EXCESS = 2e-3, 3.0
#: Tissue with less of the brain's median M0 is mostly air or bone; differences that vary so many times as much as
#: those of the brain are torn by motion.
_LEAST_M0, _TORN = 0.25, 3.0
#: No scan is so free of noise that a difference varies less, relative to M0.
_NO_NOISE = 1e-4
#: How far around low flow its arteries are looked for, mm.
_AROUND_MM = 10.0
#: Cortex with less than this share of the mean flow, smoothed by so many mm, of so many mL on either side, is what a
#: border zone looks like that label has not reached.
_BORDERZONE_SHARE, _BORDERZONE_MM, _BORDERZONE_ML = 0.4, 8.0, 3.0


def cortex_of(tissue: Mask, brain: Mask, voxel_size_mm: ArrayLike) -> Mask:
    """Return the tissue near the surface of the brain, most of which is grey matter.

    Parameters
    ----------
    tissue, brain : (x, y, z) bool array
        Brain without and with fluid.
    voxel_size_mm : (3,) array_like
    """
    padded = np.pad(ndimage.binary_fill_holes(brain), 1)
    depth = ndimage.distance_transform_edt(padded, sampling=np.asarray(voxel_size_mm, float))[1:-1, 1:-1, 1:-1]
    return tissue & (depth <= _CORTEX_MM)


def spatial_variation(flow: Array, tissue: Mask) -> float:
    """Spatial coefficient of variation; it grows as label comes late (doi:10.1177/0271678X16683690)."""
    values = flow[tissue & np.isfinite(flow)]
    return float(values.std() / values.mean()) if values.size and values.mean() > 0 else np.nan


def negative_share(flow: Array, cortex: Mask) -> float:
    """Share of grey matter with a negative flow, which tells of noise and artefacts."""
    values = flow[cortex & np.isfinite(flow)]
    return float((values < 0).mean()) if values.size else np.nan


def pair_spread(differences: Differences) -> Array | None:
    """SD of the difference of a pair at each voxel, (x, y, z); None where no delay has two pairs."""
    squares, free = np.zeros(differences.images.shape[:3]), 0
    for condition in differences.conditions:
        repeats = differences.images[..., differences.at(condition)]
        squares += ((repeats - repeats.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
        free += repeats.shape[-1] - 1
    return np.asarray(np.sqrt(squares / free)) if free else None


def trustworthy(differences: Differences, m0: Array, brain: Mask) -> Mask:
    """Tell where a difference can be trusted: in all volumes, with enough signal, and not torn by motion.

    At the first and the last slice, and beside bone and air, a small motion between control and label changes the
    signal by more than the label does.

    Parameters
    ----------
    differences : Differences
    m0 : (x, y, z) array
        Relaxed signal of tissue.
    brain : (x, y, z) bool array

    Returns
    -------
    (x, y, z) bool array
    """
    known = brain & np.isfinite(differences.images).all(axis=-1) & (np.nan_to_num(m0) > 0)
    if not known.any():
        return known
    usual = float(np.median(m0[known]))
    known &= np.nan_to_num(m0) > _LEAST_M0 * usual
    spread = pair_spread(differences)
    if spread is None:
        return known
    return known & (np.nan_to_num(spread) < max(_TORN * float(np.median(spread[known])), _NO_NOISE * usual))


def pair_noise(differences: Differences, tissue: Mask) -> float | None:
    """SD of the difference of a pair, by the median over the tissue; None where no delay has two pairs."""
    spread = pair_spread(differences)
    known = np.array([]) if spread is None else spread[tissue & np.isfinite(spread)]
    if not known.size:
        return None
    free = differences.images.shape[-1] - len(differences.conditions)
    # the median of a variance lies below its mean (Wilson and Hilferty 1931)
    return float(np.median(known) / (1 - 2 / (9 * free)) ** 1.5)


def bright_shares(flow: Array, tissue: Mask, low: Mask, voxel_size_mm: ArrayLike) -> tuple[float, float]:
    """Share of tissue as bright as an artery full of label: in and around low flow, and elsewhere.

    Parameters
    ----------
    flow : (x, y, z) array
        mL/100 g/min.
    tissue, low : (x, y, z) bool array
        Brain without fluid, and its low flow.
    voxel_size_mm : (3,) array_like
    """
    known = tissue & np.isfinite(flow)
    near = known & dilated(low, _AROUND_MM, np.asarray(voxel_size_mm, float))
    elsewhere = known & ~near
    if not (near.any() and elsewhere.any()):
        return 0.0, 0.0
    bright = flow > _BRIGHT * flow[elsewhere].mean()
    return float(bright[near].mean()), float(bright[elsewhere].mean())


def has_transit_artefact(shares: tuple[float, float]) -> bool:
    """Tell whether the shares of `bright_shares` are those of label that still lies in arteries."""
    near, elsewhere = shares
    return near > _BRIGHT_SHARE and near > _BRIGHT_EXCESS * elsewhere


def borderzone_ml(flow: Array, cortex: Mask, half: Mask, voxel_size_mm: ArrayLike) -> float:
    """Volume of low flow in the cortex of that side that has less of it, mL: where both have, label is late.

    Parameters
    ----------
    flow : (x, y, z) array
        mL/100 g/min.
    cortex, half : (x, y, z) bool array
        See `cortex_of`; and one side of the mid-plane.
    voxel_size_mm : (3,) array_like
    """
    voxel, known = np.asarray(voxel_size_mm, float), cortex & np.isfinite(flow)
    if not known.any():
        return 0.0
    mean = smooth(flow, known, _BORDERZONE_MM, voxel)
    low = opened(known & (mean < _BORDERZONE_SHARE * float(flow[known].mean())), 2.0, voxel)
    return min(
        float(remove_small(low & side, _BORDERZONE_ML, voxel).sum() * voxel.prod() / 1000) for side in (half, ~half)
    )
