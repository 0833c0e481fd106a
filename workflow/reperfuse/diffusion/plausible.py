"""Whether a map can be that of the brain's ADC."""

from __future__ import annotations

import numpy as np

from reperfuse.faults import DataFault
from reperfuse.head.coverage import slice_axis
from reperfuse.volumes.arrays import Array, Mask

#: ADC of the brain's tissue, its median: lower than after a cardiac arrest, higher than in an infant, mm²/s.
_TISSUE_MEDIAN = (0.5e-3, 1.3e-3)
#: Above this is fluid, mm²/s.
_FLUID_ADC = 1.5e-3
#: Fluid, of the brain's median, in an ADC map and in a diffusion-weighted image; no infarct is as low.
_FLUID_BRIGHT, _FLUID_DARK = 1.7, 0.35
#: Least share of the brain that dark fluid takes.
_LEAST_DARK = 0.01
#: Least share of a slice of the brain whose ADC is known, and the smallest slice that counts, of the largest.
_LEAST_KNOWN, _SMALL_SLICE = 0.5, 0.3


def check_adc(adc: Array, brain: Mask, affine: Array) -> None:
    """Make sure that a map is the ADC of a brain.

    Parameters
    ----------
    adc : (x, y, z) array
        mm²/s; NaN where unknown.
    brain : (x, y, z) bool array
    affine : (4, 4) array
        Voxel to world (RAS+, mm).

    Raises
    ------
    DataFault
        If the median of the tissue cannot be a brain's, fluid is darker than tissue as on a diffusion-weighted image,
        or it is unknown in whole slices.
    """
    values = adc[brain & np.isfinite(adc)]
    tissue = values[values < _FLUID_ADC]
    least, most = _TISSUE_MEDIAN
    median = float(np.median(tissue)) if tissue.size else float("nan")
    if not least <= median <= most:
        found = "there is none" if np.isnan(median) else f"it is {median * 1e6:.0f}e-6 mm²/s"
        raise DataFault(
            f"the map is not the ADC of a brain: the median of its tissue is {found}, and {least * 1e6:.0f} to "
            f"{most * 1e6:.0f}e-6 mm²/s are possible; check the b-values, and that it is an ADC map"
        )
    level = np.median(values)
    dark, bright = (values < _FLUID_DARK * level).mean(), (values > _FLUID_BRIGHT * level).mean()
    if dark > max(bright, _LEAST_DARK):
        raise DataFault(
            "the map is not the ADC of a brain: its fluid is darker than its tissue, as on a diffusion-weighted image; "
            "check that it is not the trace image"
        )
    slices = np.moveaxis(brain, slice_axis(affine), 0)
    known = np.moveaxis(brain & np.isfinite(adc), slice_axis(affine), 0).sum(axis=(1, 2))
    areas = slices.sum(axis=(1, 2))
    lost = (areas > _SMALL_SLICE * areas.max()) & (known < _LEAST_KNOWN * areas)
    if lost.any():
        raise DataFault(f"most of the ADC is missing in {lost.sum()} of {len(areas)} slices; export the scan again")
