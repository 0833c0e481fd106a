"""Arterial input and venous output of the brain.

Arteries are high, narrow and early. Height and width of a curve are compared with the mean curve of the
brain, and time is the moment at which a curve rises through half its peak: where half a voxel is brain and
half is artery, the height is lost, the rise is not.

A voxel is saturated where the logarithm of its signal says nothing any more: below twice the noise. At a true
signal ν and noise σ in both channels the mean of ln S is ln ν + E₁(ν²/2σ²)/2 (Gudbjartsson and Patz 1995,
doi:10.1002/mrm.1910340618, for the distribution): too high by 0.02 at ν = 2σ and by 0.28 at σ, and noise alone
lies at 1.06 σ.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.faults import DataFault
from reperfuse.perfusion.arterial_input import ArterialInput, describe
from reperfuse.perfusion.bolus import Baseline
from reperfuse.perfusion.curves import Curves, Scan
from reperfuse.volumes.arrays import Mask
from reperfuse.volumes.geometry import apply_matrix

#: Arterial voxels without which there is no artery: one among thousands is chance.
_FEWEST = 2


#: What a curve does that is not arterial, by what its score is low for.
_WEAKNESSES = {
    "contrast": "hardly stand out from the noise",
    "lead": "rise too late",
    "width": "are too wide",
    "smoothness": "are too rough",
}


def select_aif(
    concentration: ArrayLike,
    mask: ArrayLike,
    dt_s: float,
    baseline: Baseline,
    *,
    echo_time_s: float | None,
    noise: ArrayLike,
    voxel_size_mm: ArrayLike,
    search: ArrayLike | None = None,
    scale_to_vof: bool = True,
    volume_ml: float = 0.25,
    min_voxels: int = 4,
    max_voxels: int = 6,
    min_height: float = 2.5,
    min_lead_s: float = 0.5,
    max_width: float = 1.0,
    min_excess: float = 3.0,
    min_score: float = 0.2,
) -> ArterialInput:
    """Take the arterial input from the voxels whose curves are highest, narrowest and earliest.

    Voxels that are ``min_height`` times as high as the mean curve of the brain, narrower, earlier, and not
    among the roughest are ranked by height / width × lead, and the first of them averaged; saturated ones only
    where there are too few others. Mouridsen et al. 2006 (doi:10.1002/mrm.20759) seek the same curves by clustering.

    Parameters
    ----------
    concentration : (x, y, z, t) array
        ΔR2*, s⁻¹, or enhancement, HU; not smoothed in space.
    mask : (x, y, z) array
        The brain.
    dt_s : float
        Frame spacing, s.
    baseline : Baseline
        Frames before the bolus.
    echo_time_s : float or None
        Echo time, s; None on CT.
    noise : (x, y, z) array
        Standard deviation of a voxel's noise over its signal before the bolus, see
        :func:`reperfuse.perfusion.concentration.relative_noise`; on CT, HU, see
        :func:`reperfuse.perfusion.attenuation.attenuation_noise`.
    voxel_size_mm : (3,) array
        Voxel size, mm.
    search : (x, y, z) array, optional
        Where arteries are taken if there are any, the hemisphere away from the lesion; without any there, and by
        default, they are taken from the whole brain.
    scale_to_vof : bool
        Give the arterial input the area of the venous output if that is larger (partial volume), see
        :func:`reperfuse.perfusion.partial_volume.remove_tissue`.
    volume_ml : float
        Volume of the voxels averaged, mL, within ``min_voxels`` and ``max_voxels``.
    min_voxels, max_voxels : int
        Fewest and most voxels averaged; fewer if there are no more.
    min_height : float
        Least peak over that of the brain's mean curve, by which it must be exceeded beyond doubt.
    min_lead_s : float
        Least time by which an artery rises before the brain's mean, s.
    max_width : float
        Largest FWHM over that of the brain's mean curve.
    min_excess : float
        Least excess of the peak over ``min_height``, in standard deviations of the voxel's baseline: of tens
        of thousands of voxels, some look arterial by chance.
    min_score : float
        Least score of an arterial input that is used at all.

    Returns
    -------
    ArterialInput
        Curves, voxels and quality.

    Raises
    ------
    DataFault
        When no curve looks arterial, those that do score too low, or half the brain is saturated.
    """
    scan = Scan(dt_s, baseline, echo_time_s, np.asarray(voxel_size_mm, dtype=float))
    brain = Curves.within(concentration, mask, noise, scan)
    shape, mean = brain.shape, brain.mean_shape
    lead = mean.rise_s - shape.rise_s
    # half blood, half tissue: however strong the bolus, its signal falls to half that of the tissue
    half = np.log(2) / echo_time_s if echo_time_s else np.inf
    height = np.minimum(min_height * mean.peak, mean.peak + half)
    arterial = (
        brain.inside
        & (shape.peak > height + min_excess * brain.noise)
        & (lead > min_lead_s)
        & (shape.fwhm_s < max_width * mean.fwhm_s)
        & (shape.rise_s >= (baseline.arrival - 1) * dt_s)
        & shape.has_passed
    )
    if arterial.sum() < _FEWEST:
        raise DataFault(
            "no artery in the field of view: no curve is high, narrow and early enough; mark arterial voxels by hand "
            "(arterial_inputs)"
        )
    elsewhere: tuple[str, ...] = ()
    if search is not None:
        preferred = arterial & np.asarray(search, dtype=bool)[tuple(brain.voxels.T)]
        if preferred.sum() >= _FEWEST:
            arterial = preferred
        else:
            elsewhere = ("no artery was found on the side opposite to the lesion, so arteries of both sides were used",)
    clear = arterial & ~brain.saturated
    candidates = np.flatnonzero(clear if clear.sum() >= min_voxels else arterial)
    if len(candidates) > 2 * max_voxels:  # leave out the roughest quarter where there are enough
        rough = shape.roughness[candidates]
        candidates = candidates[rough <= np.quantile(rough, 0.75)]
    merit = shape.peak[candidates] / shape.fwhm_s[candidates] * lead[candidates]
    voxel_ml = float(scan.voxel_size_mm.prod()) / 1000
    count = int(np.clip(round(volume_ml / voxel_ml), min_voxels, max_voxels))
    order = np.argsort(-merit, kind="stable")[:count]
    taken = candidates[order]
    found = describe(brain, brain.values[taken].mean(axis=0), taken, scale_to_vof, max_voxels)
    if found.score < min_score:
        raise DataFault(
            f"no usable arterial input: the best candidates {_WEAKNESSES[found.weakness]} "
            f"(score {found.score:.2f}, at least {min_score:.2f} needed); choose it by hand (arterial_inputs)"
        )
    return replace(found, warnings=(*found.warnings, *elsewhere))


def healthy_side(brain: ArrayLike, affine: ArrayLike, side: str) -> Mask | None:
    """Return the half of the field of view away from the lesion, in which arteries are sought.

    Parameters
    ----------
    brain : (x, y, z) bool array
    affine : (4, 4) array
        Voxel index to world (RAS+, mm).
    side : str
        Side of the lesion: left, right or unknown.

    Returns
    -------
    (x, y, z) bool array or None
        None where the side is not known.
    """
    if side == "unknown":
        return None
    mask = np.asarray(brain, dtype=bool)
    x = apply_matrix(np.asarray(affine), np.indices(mask.shape).reshape(3, -1).T)[:, 0].reshape(mask.shape)
    centre = x[mask].mean()
    return (x > centre) if side == "left" else (x < centre)
