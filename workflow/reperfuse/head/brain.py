"""The brain on an unweighted diffusion, perfusion reference or FLAIR image."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, sparse

from reperfuse.faults import DataFault
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import FACES, closed, dilated, eroded, fill, largest, opened
from reperfuse.volumes.smoothing import FWHM_PER_SD, smooth

_BRAIN_SLICE_MM3 = 20e3


def brain_mask(
    image: Array,
    voxel_size_mm: ArrayLike,
    *,
    relative_intensity: float = 0.4,
    bias_mm: float = 20.0,
    opening_mm: float = 4.0,
    closing_mm: float = 10.0,
    slice_overlap: float = 0.65,
    lobe_share: float = 0.1,
    lobe_radius_mm: float = 12.0,
) -> Mask:
    """Find the brain on an unweighted diffusion, perfusion reference or FLAIR image.

    The brain is the largest piece brighter than a fraction of its own local level that stays
    connected when thin bridges (optic nerves, veins, partial volume with the scalp) are cut. Thick
    slices hide the thin roof of an orbit, so pieces of neighbouring slices are one only where most of
    the smaller one lies under the other. In a thin slab of the skull base the temporal lobes and the
    cerebellum are pieces of their own, so other large and thick pieces are brain too. Its
    fluid, dark or bright, is added by closing. An image that is already skull-stripped is
    recognised by its empty surroundings and kept as it is.

    Parameters
    ----------
    image : (x, y, z) array
        Magnitude, a.u.
    voxel_size_mm : (3,) array_like
    relative_intensity : float
        Darkest brain relative to the local mean of the brain.
    bias_mm : float
        Standard deviation of the Gaussian that measures the local mean.
    opening_mm : float
        Bridges up to twice as wide are cut.
    closing_mm : float
        Gaps up to twice as wide are filled.
    slice_overlap : float
        Overlap that connects pieces of neighbouring thick slices, relative to the smaller piece.
    lobe_share : float
        Smallest other piece of brain, relative to the largest piece.
    lobe_radius_mm : float
        Least depth of another piece of brain; eyes, mucosa and scalp are thinner.

    Returns
    -------
    (x, y, z) bool array

    Raises
    ------
    DataFault
        If the image is empty or constant, or nothing in it is as large as a brain's slice.
    """
    voxel = np.asarray(voxel_size_mm, float)
    image = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    positive = image[image > 0]
    if positive.size == 0 or positive.min() == image.max() == image.min():
        raise DataFault("no brain was found: the image is empty or constant; export the scan again")
    image = np.clip(image, 0, np.percentile(positive, 99))
    if is_stripped(image, voxel):
        return fill(closed(largest(image > 0), 2.0, voxel), voxel)

    # A second time below the first threshold, or an infarct on the trace image, fluid and the eyes would set it.
    bright = image > _otsu(np.minimum(positive, _otsu(positive)))
    brain = largest(opened(bright, opening_mm, voxel)) & bright
    for _ in range(3):
        if brain.sum() * voxel.prod() < _BRAIN_SLICE_MM3:
            raise DataFault(
                "no brain was found: no bright region has its size; check the scan, or give a mask (brain_masks)"
            )
        # Fluid and fat, several times brighter than tissue, must not set the level.
        level = float(np.median(image[brain]))
        local = smooth(np.minimum(image, 1.5 * level), brain, FWHM_PER_SD * bias_mm, voxel)
        tissue = image > relative_intensity * np.maximum(local, 0.3 * level)
        thick = eroded(tissue, opening_mm, voxel)
        pieces = _label_by_overlap(thick, slice_overlap, voxel) if voxel.max() > opening_mm else ndimage.label(thick)[0]
        lobes = _largest_and_lobes(pieces, lobe_share, lobe_radius_mm - opening_mm, voxel)
        brain = dilated(lobes, opening_mm, voxel) & tissue
    if brain.sum() * voxel.prod() < _BRAIN_SLICE_MM3:
        raise DataFault(
            "no brain was found: no bright region has its size; check the scan, or give a mask (brain_masks)"
        )
    return fill(closed(brain, closing_mm, voxel), voxel)


def _label_by_overlap(mask: Mask, overlap: float, voxel: Array) -> NDArray[np.intp]:
    """Label pieces, connected within slices, and across them by an overlap relative to the smaller piece."""
    across = int(np.argmax(voxel))
    in_slice = np.moveaxis(FACES.copy(), across, 0)
    in_slice[[0, 2]] = False
    slices = np.moveaxis(mask, across, 0)
    labels, count = ndimage.label(slices, in_slice)
    shared = slices[:-1] & slices[1:]
    pairs = np.int64(count + 1) * labels[:-1][shared] + labels[1:][shared]
    pairs, overlaps = np.unique(pairs, return_counts=True)
    ends = np.divmod(pairs, count + 1)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    linked = overlaps >= overlap * np.minimum(areas[ends[0]], areas[ends[1]])
    links = sparse.coo_array((linked, ends), shape=(count + 1, count + 1))
    links.eliminate_zeros()
    return np.moveaxis(sparse.csgraph.connected_components(links, directed=False)[1][labels], 0, across)


def _largest_and_lobes(labels: NDArray[np.intp], share: float, radius_mm: float, voxel: Array) -> Mask:
    """Keep the largest piece, and others of a share of its size that hold something deeper than a radius."""
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    large = sizes >= max(1, share * sizes.max())
    if large.sum() < 2:
        return large[labels]
    kept = np.zeros_like(large)
    kept[labels[eroded(large[labels], radius_mm, voxel)]] = True
    kept[sizes.argmax()] = True
    kept[0] = False
    return kept[labels]


def _otsu(values: Array) -> float:
    """Threshold between two classes of largest variance (Otsu 1979, doi:10.1109/TSMC.1979.4310076)."""
    counts, edges = np.histogram(values, 256)
    centers = (edges[1:] + edges[:-1]) / 2
    below = counts.cumsum()[:-1]
    above = counts.sum() - below
    moment = (counts * centers).cumsum()
    difference = moment[:-1] / below - (moment[-1] - moment[:-1]) / above
    return float(edges[1:-1][np.argmax(below * above * difference**2)])


def is_stripped(image: Array, voxel_size_mm: ArrayLike) -> bool:
    """Tell an image without a head around the brain.

    Its surroundings are empty, and no dark layer (the skull) lies within 12 mm of its surface.

    Parameters
    ----------
    image : (x, y, z) array
        Magnitude, a.u.; without missing values.
    voxel_size_mm : (3,) array_like

    Returns
    -------
    bool
    """
    voxel = np.asarray(voxel_size_mm, float)
    inside = fill(image > 0, voxel)
    if inside.mean() > 0.6:
        return False
    depth = ndimage.distance_transform_edt(inside, sampling=voxel)
    deep = depth > 15
    if not deep.any():
        return False
    rim = image[inside & (depth > 2) & (depth <= 12)]
    return float((rim < 0.3 * np.median(image[deep])).mean()) < 0.25
