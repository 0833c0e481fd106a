"""The ADC of a voxel's tissue, where the voxel holds fluid beside it."""

from __future__ import annotations

import numpy as np

from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.smoothing import smooth

#: Diffusion coefficient of water at body temperature, and of cerebrospinal fluid, mm²/s (doi:10.1039/b005319h).
FLUID_ADC = 3.0e-3
#: A voxel of fluid alone has at least this ADC, mm²/s, and one of tissue alone at most the other.
_PURE, _CLEAN = 2.2e-3, 0.95e-3
#: Without diffusion weighting, grey matter is brighter than the mean of the tissue around it by some 1.1 to 1.2.
_GREY = 1.2
#: The brightness that 90 % of the injured tissue stays below: an injury raises T2.
_INJURED_PERCENT = 90
#: Width at half maximum of the Gaussian within which the mean of tissue is taken, mm: it follows the coil.
_AROUND_MM = 25.0
#: Fluid against tissue where no voxel holds fluid alone, at an echo time of 80 ms.
_BRIGHT = 3.0
#: Of a voxel that is mostly fluid, the tissue is not known.
_MOST = 0.5


def adc_without_fluid(
    adc: Array,
    trace: Array,
    b_value: float,
    tissue: Mask,
    brain: Mask,
    injured: Mask,
    voxel: Array,
    smoothing_mm: float,
) -> Array:
    """Return the ADC of tissue without the fluid of its voxels, smoothed within tissue.

    A voxel whose signal without diffusion weighting, S0, is above G, that of grey matter or of injured tissue, holds a
    fraction f of fluid: S0 = (1 - f) G + f F, where F is the signal of fluid alone. Fluid's part of either signal,
    f F and f F exp(-b D), is taken out, and the ADC is that of what is left. A voxel that is not brighter than grey
    matter keeps its ADC, be there fluid beside white matter: it cannot be told.

    Parameters
    ----------
    adc, trace : (x, y, z) array
        mm²/s; a.u.
    b_value : float
        Of the trace image, s/mm².
    tissue, brain, injured : (x, y, z) bool array
        Voxels with tissue, the whole brain, and voxels that are surely injured.
    voxel : (3,) array
        mm.
    smoothing_mm : float
        Width at half maximum.

    Returns
    -------
    (x, y, z) array
        mm²/s; infinite where a voxel is mostly fluid.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        known = brain & np.isfinite(adc) & np.isfinite(trace)
        unweighted = np.where(known, trace * np.exp(b_value * adc), 0.0)
        clean, pure = tissue & (adc < _CLEAN), known & (adc > _PURE)
    usual = float(np.median(unweighted[clean])) if clean.any() else 0.0
    if usual <= 0:
        return np.full(adc.shape, np.inf)
    around = smooth(unweighted, clean, _AROUND_MM, voxel, fill=usual)
    edema = np.percentile(unweighted[injured] / around[injured], _INJURED_PERCENT) if injured.any() else 0.0
    grey = max(_GREY, float(edema)) * around
    fluid = float(np.percentile(unweighted[pure], 90)) if pure.sum() >= 50 else _BRIGHT * usual
    fraction = np.clip((unweighted - grey) / np.maximum(fluid - grey, 0.5 * grey), 0.0, 0.95)
    least = 1e-6 * usual
    before = np.maximum(unweighted - fraction * fluid, least)
    after = np.maximum(trace - fraction * fluid * np.exp(-b_value * FLUID_ADC), least)
    dry = smooth(np.log(before / after) / b_value, tissue, smoothing_mm, voxel)
    return np.where(fraction < _MOST, dry, np.inf)
