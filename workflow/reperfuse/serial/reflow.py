"""Blood volume of the lesion against its mirror: asymmetry = (rCBV − mirror)/mirror, of flow that never came back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reperfuse.volumes.morphology import highest_within, pieces_with, remove_small
from reperfuse.volumes.robust import median, robust_sd
from reperfuse.volumes.smoothing import smooth_inside

#: Smoothing tried for the asymmetry map, in mm FWHM, smallest first. No mirror brings homologous points of two
#: unlike halves together better than by some 2.5 mm; with less than this, anatomy passes for asymmetry.
_SMOOTHING_MM = (8.0, 10.0, 12.5, 16.0)


#: Thresholds of the asymmetry at which the volume is always given: those that are in use, and some between.
THRESHOLDS = (0.10, 0.15, 0.20, 0.25, 0.30, 0.40)


#: In standard deviations of the noise: what a region reaches somewhere, what it nowhere falls short of, and by how
#: much the deepest of several noisy values lies too deep.
_PEAK_SD, _EXTENT_SD, _EXCESS_SD = 3.3, 1.9, 0.3


@dataclass(frozen=True)
class Reflow:
    """Blood volume of the follow-up lesion against its mirror, after treatment.

    Attributes
    ----------
    mirror : ndarray, (x, y, z)
        rCBV of the homologous point, smoothed like ``asymmetry``.
    asymmetry : ndarray, (x, y, z)
        (rCBV − mirror)/mirror.
    imr : ndarray of bool, (x, y, z)
        Voxels of the lesion with impaired microvascular reperfusion.
    imr_ml, lesion_ml, null_ml : float
        Volume of those voxels, of the lesion where it could be judged, and what noise alone gives.
    sweep : dict of float to ndarray of bool, (x, y, z)
        ``imr`` at other thresholds of the asymmetry, and at the one that counts.
    sweep_ml, null_sweep_ml : dict of float to float
        ``imr_ml`` and ``null_ml`` at the same thresholds.
    asymmetry_median : float
        Over the lesion, smoothed inside it alone.
    covered : float
        Share of the lesion where the asymmetry is known.
    smoothing_fwhm_mm : float
        The smoothing that brought normal tissue's asymmetry below the noise limit, or the widest there is.
    noise_sd : float
        Robust SD of the asymmetry in normal tissue after smoothing.
    """

    mirror: NDArray[np.float32]
    asymmetry: NDArray[np.float32]
    imr: NDArray[np.bool_]
    imr_ml: float
    lesion_ml: float
    null_ml: float
    sweep: dict[float, NDArray[np.bool_]]
    sweep_ml: dict[float, float]
    null_sweep_ml: dict[float, float]
    asymmetry_median: float
    covered: float
    smoothing_fwhm_mm: float
    noise_sd: float


def find_impaired_reflow(
    rcbv: NDArray[np.float32],
    mirrored_rcbv: NDArray[np.float32],
    lesion: NDArray[np.bool_],
    normal: NDArray[np.bool_],
    voxel_size_mm: tuple[float, float, float],
    *,
    asymmetry_threshold: float = 0.15,
    noise_limit: float = 0.075,
    min_volume_ml: float = 0.5,
    vessel_ratio: float | None = 2.5,
    sweep: Sequence[float] = THRESHOLDS,
) -> Reflow:
    """Find the voxels of the lesion whose rCBV stays below their mirror's.

    A voxel's noise alone would put many voxels below any threshold, so rCBV and its mirror are
    smoothed within tissue until the asymmetry of normal tissue is quiet enough; what noise still
    gives is returned beside the result. Smoothing blurs the edges of what it finds, so a region of
    the lesion is first outlined where the asymmetry is half as deep as nearby (the edge of a blurred
    step) and beyond the noise, and the map is then smoothed inside that region alone. A region
    counts if it is somewhere deeper than noise explains.

    Parameters
    ----------
    rcbv, mirrored_rcbv : ndarray, (x, y, z)
        Relative CBV (or CBF) after treatment and the same at the homologous points; NaN where unknown.
    lesion : ndarray of bool, (x, y, z)
        The follow-up lesion.
    normal : ndarray of bool, (x, y, z)
        Brain outside lesion and hypoperfusion and outside their mirror images.
    voxel_size_mm : tuple of float
    asymmetry_threshold : float
        A voxel is impaired below (1 − this) of its mirror.
    noise_limit : float
        Largest robust SD of the asymmetry in normal tissue.
    min_volume_ml : float
        Smallest component that counts.
    vessel_ratio : float, optional
        Where either side has more than this times normal tissue's median, it is a vessel: left out. None keeps it.
    sweep : sequence of float
        Other thresholds at which the volume is given.

    Returns
    -------
    Reflow

    References
    ----------
    Valls Carbó et al. 2025, doi:10.3389/fneur.2025.1478240
    """
    seen = np.isfinite(rcbv) & np.isfinite(mirrored_rcbv) & (normal | lesion)
    # a large vessel beside its homologue makes one side look starved over the whole width of the smoothing
    tissue = seen
    if vessel_ratio is not None:
        tissue = seen & ~(np.fmax(rcbv, mirrored_rcbv) > vessel_ratio * median(rcbv[seen & normal]))
    for fwhm in _SMOOTHING_MM:
        mirror, asymmetry = _asymmetry(rcbv, mirrored_rcbv, tissue, voxel_size_mm, fwhm)
        known = normal & np.isfinite(asymmetry)
        quiet = asymmetry[known]
        noise = robust_sd(quiet)
        if noise < noise_limit:
            break
    judged = lesion & np.isfinite(asymmetry)
    # noise adds to blood volume, so it matters more where there is less of that
    with np.errstate(divide="ignore", invalid="ignore"):
        local_noise = np.where(judged, robust_sd(quiet * mirror[known]) / mirror, np.inf)
    depth = np.where(judged, -asymmetry, -np.inf)
    thresholds = sorted({*sweep, asymmetry_threshold})
    outlined = _outline(depth, local_noise, thresholds[0], voxel_size_mm, fwhm)
    if outlined.any():
        inside = _asymmetry(rcbv, mirrored_rcbv, outlined, voxel_size_mm, fwhm)
        mirror, asymmetry = (np.where(outlined, new, old) for new, old in zip(inside, (mirror, asymmetry), strict=True))
    voxel_ml = math.prod(voxel_size_mm) / 1000

    def below(threshold: float) -> NDArray[np.bool_]:
        found = outlined & (asymmetry < -threshold)
        found = pieces_with(found, depth > np.maximum(threshold, _PEAK_SD * local_noise))
        return remove_small(found, min_volume_ml, np.asarray(voxel_size_mm))

    found = {threshold: below(threshold) for threshold in thresholds}
    imr = found[asymmetry_threshold]
    lesion_ml = float(judged.sum() * voxel_ml)
    null_ml = {
        threshold: float(np.mean(quiet < -threshold)) * lesion_ml if quiet.size else math.nan
        for threshold in thresholds
    }
    return Reflow(
        mirror=mirror,
        asymmetry=asymmetry,
        imr=imr,
        imr_ml=float(imr.sum() * voxel_ml),
        lesion_ml=lesion_ml,
        null_ml=null_ml[asymmetry_threshold],
        sweep=found,
        sweep_ml={threshold: float(mask.sum() * voxel_ml) for threshold, mask in found.items()},
        null_sweep_ml=null_ml,
        asymmetry_median=regional_asymmetry(rcbv, mirrored_rcbv, judged, voxel_size_mm, fwhm),
        covered=float((lesion & seen).sum() / lesion.sum()) if lesion.any() else math.nan,
        smoothing_fwhm_mm=fwhm,
        noise_sd=noise,
    )


def regional_asymmetry(
    rcbv: NDArray[np.float32],
    mirrored_rcbv: NDArray[np.float32],
    region: NDArray[np.bool_],
    voxel_size_mm: tuple[float, float, float],
    fwhm_mm: float,
) -> float:
    """Return the median over a region of (rCBV − mirror)/mirror, smoothed inside it alone; NaN where unknown."""
    known = region & np.isfinite(rcbv) & np.isfinite(mirrored_rcbv)
    asymmetry = _asymmetry(rcbv, mirrored_rcbv, known, voxel_size_mm, fwhm_mm)[1][known]
    return float(np.nanmedian(asymmetry)) if np.isfinite(asymmetry).any() else math.nan


def _outline(
    depth: NDArray[np.floating],
    noise: NDArray[np.floating],
    least: float,
    voxel_size_mm: tuple[float, float, float],
    fwhm_mm: float,
) -> NDArray[np.bool_]:
    """Tell where the asymmetry is half as deep as within the smoothing's width, and deeper than noise."""
    credible = np.full(depth.shape, -np.inf)
    known = np.isfinite(noise)
    credible[known] = depth[known] - _EXCESS_SD * noise[known]
    nearby = highest_within(credible, fwhm_mm, voxel_size_mm, outside=-np.inf)
    with np.errstate(invalid="ignore"):
        return np.asarray((nearby > least) & (depth > np.maximum(nearby / 2, _EXTENT_SD * noise)))


def _asymmetry(
    rcbv: NDArray[np.float32],
    mirrored: NDArray[np.float32],
    tissue: NDArray[np.bool_],
    voxel_size_mm: tuple[float, float, float],
    fwhm_mm: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    own, other = (smooth_inside(volume, tissue, voxel_size_mm, fwhm_mm) for volume in (rcbv, mirrored))
    with np.errstate(invalid="ignore", divide="ignore"):
        asymmetry = np.where(other > 0, (own - other) / other, np.nan)
    return other.astype(np.float32), asymmetry.astype(np.float32)
