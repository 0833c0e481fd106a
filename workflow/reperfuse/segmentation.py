"""Masks: brain, fluid, diffusion core, hypoperfused tissue, follow-up lesion, normal tissue.

All distances are in mm and measured between voxel centres, so a radius below the slice distance never reaches
across slices, and neither the order nor the direction of the axes matters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage, sparse

from reperfuse.faults import DataFault

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]

_BRAIN_SLICE_MM3 = 20e3
_NEIGHBOURS = np.ones((3, 3, 3), bool)
_FACES = ndimage.generate_binary_structure(3, 1)


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
        raise DataFault("No brain was found: the image is empty or constant.")
    image = np.clip(image, 0, np.percentile(positive, 99))
    if is_stripped(image, voxel):
        return _fill(_closed(_largest(image > 0), 2.0, voxel), voxel)

    # A second time below the first threshold, or an infarct on the trace image, fluid and the eyes would set it.
    bright = image > _otsu(np.minimum(positive, _otsu(positive)))
    brain = _largest(_opened(bright, opening_mm, voxel)) & bright
    for _ in range(3):
        if brain.sum() * voxel.prod() < _BRAIN_SLICE_MM3:
            raise DataFault("No brain was found: no bright region of its size.")
        # Fluid and fat, several times brighter than tissue, must not set the level.
        level = float(np.median(image[brain]))
        local = _smooth(np.minimum(image, 1.5 * level), brain, 2.355 * bias_mm, voxel)
        tissue = image > relative_intensity * np.maximum(local, 0.3 * level)
        thick = _eroded(tissue, opening_mm, voxel)
        pieces = _label_by_overlap(thick, slice_overlap, voxel) if voxel.max() > opening_mm else ndimage.label(thick)[0]
        lobes = _largest_and_lobes(pieces, lobe_share, lobe_radius_mm - opening_mm, voxel)
        brain = _dilated(lobes, opening_mm, voxel) & tissue
    if brain.sum() * voxel.prod() < _BRAIN_SLICE_MM3:
        raise DataFault("No brain was found: no bright region of its size.")
    return _fill(_closed(brain, closing_mm, voxel), voxel)


def csf_mask(
    brain: Mask,
    *,
    adc: Array | None = None,
    reference: Array | None = None,
    csf_adc: float | None = 1.5e-3,
    csf_ratio: float | None = 1.6,
) -> Mask:
    """Find cerebrospinal fluid by the ADC or by the pre-bolus perfusion image, or by both.

    Parameters
    ----------
    brain : (x, y, z) bool array
    adc : (x, y, z) array, optional
        mm²/s.
    reference : (x, y, z) array, optional
        T2- or T2*-weighted, a.u.
    csf_adc : float, optional
        The ADC of fluid is above, mm²/s; None not to ask the ADC.
    csf_ratio : float, optional
        Fluid is brighter than this × the brain's median; None not to ask the brightness.

    Returns
    -------
    (x, y, z) bool array
    """
    csf = np.zeros(brain.shape, bool)
    with np.errstate(invalid="ignore"):
        if adc is not None and csf_adc is not None:
            csf |= adc > csf_adc
        if reference is not None and csf_ratio is not None and brain.any():
            csf |= reference > csf_ratio * np.nanmedian(reference[brain])
    return csf & brain


def vessel_mask(brain: Mask, cbv: Array, relative_volume: float) -> Mask:
    """Find large vessels and sinuses: CBV above a multiple of the brain's median.

    Parameters
    ----------
    brain : (x, y, z) bool array
    cbv : (x, y, z) array
        In any unit.
    relative_volume : float
        Least CBV of a vessel, relative to the brain's median.

    Returns
    -------
    (x, y, z) bool array
    """
    known = brain & np.isfinite(cbv)
    return known & (np.nan_to_num(cbv) > relative_volume * np.median(cbv[known])) if known.any() else known


def core_mask(
    adc: Array,
    trace: Array,
    brain: Mask,
    voxel_size_mm: ArrayLike,
    *,
    adc_threshold: float = 620e-6,
    **options: Any,
) -> Mask:
    """Find the diffusion lesion of an acute stroke: `core_finder` at one threshold.

    Parameters
    ----------
    adc_threshold : float
        mm²/s (620e-6: Purushotham et al. 2015, Int J Stroke 10:348–353).

    Returns
    -------
    (x, y, z) bool array
    """
    return core_finder(adc, trace, brain, voxel_size_mm, **options)(adc_threshold)


def core_finder(
    adc: Array,
    trace: Array,
    brain: Mask,
    voxel_size_mm: ArrayLike,
    *,
    mirrored_trace: Array | None = None,
    relative_intensity: float = 0.9,
    peak_intensity: float = 1.25,
    csf_adc: float | None = 1.5e-3,
    smoothing_mm: float = 3.0,
    homologue_mm: float = 4.0,
    opening_mm: float = 1.0,
    fluid_mm: float = 2.0,
    border_mm: float = 10.0,
    min_volume_ml: float = 0.1,
) -> Callable[[float], Mask]:
    """Prepare to find the diffusion lesion of an acute stroke at any threshold of the ADC.

    A region belongs to the core if its ADC is below the threshold, its trace image is nowhere dark
    (signal voids, fluid) and somewhere brighter than its mirror image: artefacts at the skull base
    are much alike on both sides. What is thin or small, or no more than the lining of a ventricle or
    cistern, is removed. A voxel at the region's border holds injured and healthy tissue; it counts
    where its ADC lies nearer to that of the region, which the threshold alone would decide by how
    deep the ADC has fallen. Among core, a voxel as bright as tissue on the trace image is core too:
    fluid in it raises the ADC, but hardly shows on the trace.

    Parameters
    ----------
    adc : (x, y, z) array
        mm²/s; NaN where unknown.
    trace : (x, y, z) array
        Trace-weighted image, a.u.
    brain : (x, y, z) bool array
    voxel_size_mm : (3,) array_like
    mirrored_trace : (x, y, z) array, optional
        `trace` reflected at the head's mid-plane, NaN outside the field of view; without it, and
        where it is NaN, the brain's median is what a voxel is compared with.
    relative_intensity : float
        Least trace of a voxel, relative to normal tissue nearby.
    peak_intensity : float
        Trace, relative to the mirror image, that a region must reach somewhere.
    csf_adc : float, optional
        Voxels above are fluid: never core, and never averaged with tissue, mm²/s; None: no voxel is.
    smoothing_mm : float
        Width at half maximum of the Gaussian applied within tissue.
    homologue_mm : float
        The mirror image is the brightest within this radius: no head is quite symmetric.
    opening_mm : float
        Radius of the opening.
    fluid_mm : float
        A body of fluid at least twice as wide lowers the ADC of the tissue that lines it (its edge rings
        in the image without diffusion weighting, where it is brightest): that lining counts only
        where the core lies behind it.
    border_mm : float
        Width at half maximum of the Gaussian within which the ADC inside and outside of the core's
        border is measured.
    min_volume_ml : float
        Smallest lesion kept, before its border is decided.

    Returns
    -------
    callable
        From a threshold, mm²/s, to the core, (x, y, z) bool array.
    """
    voxel = np.asarray(voxel_size_mm, float)
    fluid_adc = np.inf if csf_adc is None else csf_adc
    with np.errstate(invalid="ignore"):
        tissue = brain & (adc > 0) & (adc < fluid_adc) & (trace > 0)
        fluid = brain & ~(adc < fluid_adc)
    if not tissue.any():
        return lambda _: tissue.copy()
    finest = 1.01 * voxel.min()
    lining_mm = max(smoothing_mm, finest)
    lining = _dilated(_opened(fluid, max(fluid_mm, finest), voxel), lining_mm, voxel)
    smoothed = _smooth(adc, tissue, smoothing_mm, voxel)
    near, mirror, _ = _brightness(trace, mirrored_trace, tissue, voxel, smoothing_mm, homologue_mm)
    bright = tissue & (near > relative_intensity)

    def find(adc_threshold: float) -> Mask:
        low = smoothed < adc_threshold
        core = _opened(bright & low & ~lining, opening_mm, voxel)
        core = remove_small(pieces_with(core, low & (mirror > peak_intensity)), min_volume_ml, voxel)
        core |= bright & low & lining & _dilated(core, 1.5 * lining_mm, voxel)
        if core.any():
            core |= bright & _border(core, smoothed, tissue, border_mm, voxel, adc_threshold)
            core |= bright & (ndimage.uniform_filter(core.astype(np.float32), 3) > 0.5)
        return core

    return find


def followup_lesion(
    image: Array,
    brain: Mask,
    voxel_size_mm: ArrayLike,
    *,
    mirrored: Array | None,
    adc: Array | None = None,
    relative_intensity: float = 1.2,
    peak_intensity: float = 1.4,
    csf_adc: float | None = 1.5e-3,
    smoothing_mm: float = 3.0,
    homologue_mm: float = 4.0,
    opening_mm: float = 2.0,
    border_mm: float = 10.0,
    rim_mm: float = 0.0,
    min_volume_ml: float = 0.5,
) -> Mask:
    """Find the infarct days after a stroke, bright on the trace image or on FLAIR.

    By then the ADC may be normal again, so only the asymmetry counts: regions brighter than their
    mirror image by `relative_intensity` that hold, somewhere, a core brighter by `peak_intensity`.
    A voxel at the region's border holds infarct and healthy tissue; it counts where its brightness lies
    nearer to that of the region than to that of the tissue outside.

    Parameters
    ----------
    image : (x, y, z) array
        Trace or FLAIR, a.u.
    brain : (x, y, z) bool array
    voxel_size_mm : (3,) array_like
    mirrored : (x, y, z) array or None
        `image` reflected at the head's mid-plane, NaN outside the field of view.
    adc : (x, y, z) array, optional
        mm²/s; only to leave fluid out.
    relative_intensity, peak_intensity : float
        Relative to the mirror image.
    csf_adc : float, optional
        Voxels above are fluid, mm²/s; None: no voxel is.
    rim_mm : float
        How far around what was found a voxel need only be brighter than the mirror image at its own place.
        On FLAIR, cortex is so much brighter than white matter that infarcted white matter beside it is no
        brighter than the brightest within `homologue_mm` on the other side.
    smoothing_mm, homologue_mm, opening_mm, border_mm, min_volume_ml : float
        As for :func:`core_finder`.

    Returns
    -------
    (x, y, z) bool array
    """
    voxel = np.asarray(voxel_size_mm, float)
    tissue = brain & (image > 0)
    if adc is not None and csf_adc is not None:
        with np.errstate(invalid="ignore"):
            tissue &= ~(adc > csf_adc)
    if not tissue.any():
        return tissue
    near, mirror, place = _brightness(image, mirrored, tissue, voxel, smoothing_mm, homologue_mm)
    bright = tissue & (mirror > relative_intensity)
    found = pieces_with(_opened(bright, opening_mm, voxel), mirror > peak_intensity)
    if rim_mm > 0:
        around = _opened(bright | (tissue & (place > relative_intensity)), opening_mm, voxel)
        found = pieces_with(found | (around & _dilated(found, rim_mm, voxel)), found)
    inside, outside = _sides(found, near, tissue, border_mm, voxel, fill=1.0)
    edge = found & ~ndimage.binary_erosion(found, _FACES)
    return remove_small(found & ~(edge & (near < (inside + outside) / 2)), min_volume_ml, voxel)


def hypoperfusion_mask(tmax: Array, brain: Mask, voxel_size_mm: ArrayLike, threshold_s: float, **options: Any) -> Mask:
    """Find the hypoperfused tissue: `hypoperfusion_finder` at one threshold.

    Parameters
    ----------
    threshold_s : float
        s; the mask holds Tmax > threshold.

    Returns
    -------
    (x, y, z) bool array
    """
    return hypoperfusion_finder(tmax, brain, voxel_size_mm, **options)(threshold_s)


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
) -> Callable[[float], Mask]:
    """Prepare to find the hypoperfused tissue, Tmax above any threshold, cleaned.

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
        Width at half maximum of the Gaussian applied within tissue; 0 for none. It also decides on voxels
        without a value, by their neighbours: where least blood arrives there may be no bolus to measure.
    opening_mm : float
        Radius of the opening; 0 for none.
    min_volume_ml : float
        Smallest region kept; 0 for all.

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
    smoothed = _smooth(tmax, tissue & np.isfinite(tmax), smoothing_mm, voxel)
    if half is not None:
        tissue &= half

    def find(threshold_s: float) -> Mask:
        return remove_small(_opened(tissue & (smoothed > threshold_s), opening_mm, voxel), min_volume_ml, voxel)

    return find


def normal_tissue(
    brain: Mask,
    lesion: Mask,
    half: Mask,
    *,
    csf: Mask | None = None,
    cbv: Array | None = None,
    vessel_ratio: float | None = 2.5,
    unilateral_share: float = 0.8,
) -> Mask:
    """Find the normal tissue of the side away from the lesion, the unit of relative CBF and CBV.

    Parameters
    ----------
    brain, lesion : (x, y, z) bool array
        `lesion` holds all that is abnormal: core and hypoperfused tissue.
    half : (x, y, z) bool array
        One side of the mid-plane, no matter which.
    csf : (x, y, z) bool array, optional
        Fluid, left out.
    cbv : (x, y, z) array, optional
        In any unit; NaN is left out.
    vessel_ratio : float, optional
        Vessels, left out, have more CBV than this × the median; None keeps them.
    unilateral_share : float
        Share of the lesion that must lie on one side; otherwise, and without a lesion, both sides count.

    Returns
    -------
    (x, y, z) bool array
    """
    normal = brain & ~lesion
    lesion = lesion & brain
    share = float((lesion & half).sum() / lesion.sum()) if lesion.any() else 0.5
    if share >= unilateral_share:
        normal &= ~half
    elif share <= 1 - unilateral_share:
        normal &= half
    if csf is not None:
        normal &= ~csf
    if cbv is not None:
        normal &= np.isfinite(cbv) & (np.nan_to_num(cbv) > 0)
        if vessel_ratio is not None and normal.any():
            normal &= np.nan_to_num(cbv) <= vessel_ratio * np.median(cbv[normal])
    return normal


def _brightness(
    image: Array, mirrored: Array | None, tissue: Mask, voxel: Array, smoothing_mm: float, homologue_mm: float
) -> tuple[Array, Array, Array]:
    """Brightness relative to normal tissue nearby, to that or the mirror image nearby, and to that at its place."""
    smoothed = _smooth(image, tissue, smoothing_mm, voxel)
    median = float(np.median(image[tissue]))
    if mirrored is None:
        return (smoothed / median,) * 3
    mirrored = mirrored * _shading(image, mirrored, tissue, voxel)
    known = np.isfinite(mirrored)
    # The darker of the two sides is normal: its local mean follows the coil, not the lesion.
    darker = np.clip(np.fmin(image, mirrored), 0.5 * median, 1.5 * median)
    usual = _smooth(darker, tissue, 50.0, voxel, fill=median)
    homologue = _smooth(mirrored, known, smoothing_mm, voxel, fill=0.0)
    brightest = ndimage.maximum_filter(homologue, footprint=ball(homologue_mm, voxel), mode="constant")
    # white matter on FLAIR, the darkest of tissues, has some 0.7 of the mean
    return smoothed / usual, smoothed / np.maximum(brightest, usual), smoothed / np.maximum(homologue, 0.7 * usual)


def _shading(image: Array, mirrored: Array, tissue: Mask, voxel: Array) -> Array:
    """Ratio of the two sides' coil sensitivities: a log-linear field, fitted with lesions trimmed."""
    with np.errstate(invalid="ignore"):
        places = np.argwhere(tissue & (mirrored > 0) & (image > 0))
    if len(places) < 1000:
        return np.ones(image.shape, np.float32)
    places = places[:: max(1, len(places) // 20000)]
    log_ratio = np.log(image[tuple(places.T)] / mirrored[tuple(places.T)])
    design = np.column_stack([np.ones(len(places)), places * voxel / 100])
    kept = np.ones(len(places), bool)
    residual = log_ratio - np.median(log_ratio)
    for _ in range(10):
        spread = 1.4826 * np.median(np.abs(residual[kept]))
        kept = np.abs(residual) <= 1.5 * spread
        field = np.linalg.lstsq(design[kept], log_ratio[kept], rcond=None)[0]
        residual = log_ratio - design @ field
    axes = np.ogrid[tuple(slice(n) for n in image.shape)]
    linear = field[0] + sum(field[i + 1] * voxel[i] / 100 * axes[i] for i in range(3))
    return np.exp(np.clip(linear, -0.7, 0.7)).astype(np.float32)


def _border(core: Mask, adc: Array, tissue: Mask, fwhm_mm: float, voxel: Array, least_adc: float) -> Mask:
    """Find the voxels next to the core whose ADC is below `least_adc` or nearer to the core's than to its outside's.

    The outside, at most as high as the tissue's median, is measured beyond the border itself: where
    the ADC rises slowly, little is added.
    """
    reached = ndimage.binary_dilation(core, _FACES)
    beyond = tissue & ~reached
    normal = float(np.median(adc[beyond])) if beyond.any() else least_adc
    inside, outside = _sides(core, np.minimum(adc, normal), tissue, fwhm_mm, voxel, fill=normal)
    return reached & ~core & (adc < np.maximum((inside + outside) / 2, least_adc))


def _sides(region: Mask, values: Array, tissue: Mask, fwhm_mm: float, voxel: Array, fill: float) -> tuple[Array, Array]:
    """Gaussian means of values inside a region and in the tissue outside of it, both without the region's border."""
    inside = _smooth(values, ndimage.binary_erosion(region, _FACES), fwhm_mm, voxel)
    inside = np.where(np.isfinite(inside), inside, _smooth(values, region, fwhm_mm, voxel))
    return inside, _smooth(values, tissue & ~ndimage.binary_dilation(region, _FACES), fwhm_mm, voxel, fill=fill)


def pieces_with(mask: Mask, evidence: Mask) -> Mask:
    """Keep the pieces (26 neighbours) of a mask that hold evidence."""
    labels, count = ndimage.label(mask, _NEIGHBOURS)
    kept = np.zeros(count + 1, bool)
    kept[labels[mask & evidence]] = True
    kept[0] = False
    return kept[labels]


def _smooth(values: Array, mask: Mask, fwhm_mm: float, voxel: Array, fill: float = np.nan) -> Array:
    """Gaussian mean of the values inside a mask; `fill` where the mask is out of reach."""
    inside = np.where(mask, values, 0).astype(np.float32)
    if fwhm_mm <= 0:
        return np.where(mask, inside, np.float32(fill))
    sigma = fwhm_mm / 2.355 / voxel
    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma, mode="constant", truncate=3)
    total = ndimage.gaussian_filter(inside, sigma, mode="constant", truncate=3)
    reached = weight > 1e-4
    return np.where(reached, total / np.where(reached, weight, 1), np.float32(fill))


def _eroded(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    """Keep what is farther than a radius from anything outside; the image's edge is not outside."""
    if mask.all() or not mask.any() or radius_mm <= 0:
        return mask.copy()
    kept, box = np.zeros_like(mask), _box(mask, np.ones(3, int))
    kept[box] = ndimage.distance_transform_edt(mask[box], sampling=voxel) > radius_mm
    return kept


def _dilated(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    """Add what lies within a radius."""
    if not mask.any() or radius_mm <= 0:
        return mask.copy()
    grown, box = np.zeros_like(mask), _box(mask, (radius_mm // voxel).astype(int) + 1)
    grown[box] = ndimage.distance_transform_edt(~mask[box], sampling=voxel) <= radius_mm
    return grown


def _box(mask: Mask, margin: NDArray[np.intp]) -> tuple[slice, ...]:
    """Return the smallest box that holds a mask, with a margin: distances far from it need not be known."""
    (found,) = ndimage.find_objects(mask.astype(np.uint8))
    return tuple(slice(max(0, side.start - more), side.stop + more) for side, more in zip(found, margin, strict=True))


def _opened(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    return _dilated(_eroded(mask, radius_mm, voxel), radius_mm, voxel)


def _closed(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    margin = [(int(radius_mm / size) + 1,) * 2 for size in voxel]
    closed = _eroded(_dilated(np.pad(mask, margin), radius_mm, voxel), radius_mm, voxel)
    return closed[tuple(slice(before, -after) for before, after in margin)]


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask.copy()
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def _label_by_overlap(mask: Mask, overlap: float, voxel: Array) -> NDArray[np.intp]:
    """Label pieces, connected within slices, and across them by an overlap relative to the smaller piece."""
    across = int(np.argmax(voxel))
    in_slice = np.moveaxis(_FACES.copy(), across, 0)
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
    kept[labels[_eroded(large[labels], radius_mm, voxel)]] = True
    kept[sizes.argmax()] = True
    kept[0] = False
    return kept[labels]


def _fill(mask: Mask, voxel: Array) -> Mask:
    """Fill what is enclosed, in space and in each slice (the planes across the largest voxel size)."""
    across = int(np.argmax(voxel))
    filled = np.moveaxis(ndimage.binary_fill_holes(mask), across, 0)
    return np.moveaxis(np.stack([ndimage.binary_fill_holes(plane) for plane in filled]), 0, across)


def ball(radius_mm: float, voxel: ArrayLike) -> Mask:
    """Return the voxels within a radius of the one in the middle, as a footprint."""
    offsets = [np.arange(-(radius_mm // size), radius_mm // size + 1) * size for size in np.asarray(voxel, float)]
    return np.asarray(sum(part**2 for part in np.meshgrid(*offsets, indexing="ij")) <= radius_mm**2)


def remove_small(mask: Mask, min_volume_ml: float, voxel: Array) -> Mask:
    """Keep the pieces (26 neighbours) of at least a volume."""
    labels, _ = ndimage.label(mask, _NEIGHBOURS)
    volumes_ml = np.bincount(labels.ravel()) * float(voxel.prod()) / 1000
    kept = volumes_ml >= min_volume_ml
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
    inside = _fill(image > 0, voxel)
    if inside.mean() > 0.6:
        return False
    depth = ndimage.distance_transform_edt(inside, sampling=voxel)
    deep = depth > 15
    if not deep.any():
        return False
    rim = image[inside & (depth > 2) & (depth <= 12)]
    return float((rim < 0.3 * np.median(image[deep])).mean()) < 0.25
