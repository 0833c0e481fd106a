"""Fluid, large vessels, and the normal tissue of the side away from the lesion."""

from __future__ import annotations

import numpy as np

from reperfuse.volumes.arrays import Array, Mask


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
