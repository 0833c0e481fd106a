"""Compare sessions: infarct growth, reperfusion, and flow that never came back."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reperfuse.concentration import smooth
from reperfuse.segmentation import remove_small

#: Smoothing tried for the asymmetry map, in mm FWHM, smallest first.
_SMOOTHING_MM = (0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)
#: Robust SD of a normal distribution from its median absolute deviation.
_MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class Growth:
    """What became of the tissue between baseline and follow-up, voxel by voxel, in mL.

    Attributes
    ----------
    growth_ml : float
        Follow-up lesion outside the baseline core.
    reversal_ml : float
        Baseline core outside the follow-up lesion.
    """

    growth_ml: float
    reversal_ml: float


def voxelwise_growth(core: NDArray[np.bool_], lesion: NDArray[np.bool_], voxel_ml: float) -> Growth:
    """Compare baseline core and follow-up lesion, both (x, y, z) on one grid."""
    return Growth(float((lesion & ~core).sum() * voxel_ml), float((core & ~lesion).sum() * voxel_ml))


def salvage_fraction(penumbra: NDArray[np.bool_], lesion: NDArray[np.bool_]) -> float:
    """Return the share of the baseline penumbra that is not in the follow-up lesion; NaN without penumbra."""
    total = int(penumbra.sum())
    return float((penumbra & ~lesion).sum() / total) if total else math.nan


def reperfusion_fraction(baseline_ml: float, post_ml: float) -> float:
    """Return the fall of the deficit's volume as a share of its baseline; NaN without a baseline deficit."""
    return 1 - post_ml / baseline_ml if baseline_ml > 0 else math.nan


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
    asymmetry_median : float
        Over the lesion.
    covered : float
        Share of the lesion where the asymmetry is known.
    smoothing_fwhm_mm : float
        The smoothing that brought normal tissue's asymmetry below the noise limit.
    noise_sd : float
        Robust SD of the asymmetry in normal tissue after smoothing.
    """

    mirror: NDArray[np.float32]
    asymmetry: NDArray[np.float32]
    imr: NDArray[np.bool_]
    imr_ml: float
    lesion_ml: float
    null_ml: float
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
) -> Reflow:
    """Find the voxels of the follow-up lesion whose rCBV stays below their mirror's.

    A voxel's noise alone would put many voxels below any threshold, so rCBV and its mirror are
    smoothed within tissue until the asymmetry of normal tissue is quiet enough; what noise still
    gives is returned beside the result.

    Parameters
    ----------
    rcbv, mirrored_rcbv : ndarray, (x, y, z)
        Relative CBV after treatment and the same at the homologous points; NaN where unknown.
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

    Returns
    -------
    Reflow

    References
    ----------
    Valls Carbó et al. 2025, doi:10.3389/fneur.2025.1478240
    """
    tissue = np.isfinite(rcbv) & np.isfinite(mirrored_rcbv) & (normal | lesion)
    for fwhm in _SMOOTHING_MM:
        mirror, asymmetry = _asymmetry(rcbv, mirrored_rcbv, tissue, voxel_size_mm, fwhm)
        quiet = asymmetry[normal & np.isfinite(asymmetry)]
        noise = _MAD_TO_SD * float(np.median(np.abs(quiet - np.median(quiet)))) if quiet.size else math.nan
        if noise < noise_limit:
            break
    judged = lesion & np.isfinite(asymmetry)
    voxel_ml = math.prod(voxel_size_mm) / 1000
    imr = remove_small(judged & (asymmetry < -asymmetry_threshold), min_volume_ml, np.asarray(voxel_size_mm))
    lesion_ml = float(judged.sum() * voxel_ml)
    return Reflow(
        mirror=mirror,
        asymmetry=asymmetry,
        imr=imr,
        imr_ml=float(imr.sum() * voxel_ml),
        lesion_ml=lesion_ml,
        null_ml=float(np.mean(quiet < -asymmetry_threshold)) * lesion_ml if quiet.size else math.nan,
        asymmetry_median=float(np.median(asymmetry[judged])) if judged.any() else math.nan,
        covered=float(judged.sum() / lesion.sum()) if lesion.any() else math.nan,
        smoothing_fwhm_mm=fwhm,
        noise_sd=noise,
    )


def _asymmetry(
    rcbv: NDArray[np.float32],
    mirrored: NDArray[np.float32],
    tissue: NDArray[np.bool_],
    voxel_size_mm: tuple[float, float, float],
    fwhm_mm: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    own, other = (smooth(volume, tissue, voxel_size_mm, fwhm_mm) for volume in (rcbv, mirrored))
    with np.errstate(invalid="ignore", divide="ignore"):
        asymmetry = np.where(other > 0, (own - other) / other, np.nan)
    return other.astype(np.float32), asymmetry.astype(np.float32)
