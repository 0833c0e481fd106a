"""The diffusion lesion of an acute stroke: ADC below 620e-6 mm²/s, and bright on the trace image.

The threshold is an option, `core.adc_threshold`: config/config.yaml states its source.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from reperfuse.diffusion.fluid import adc_without_fluid
from reperfuse.head.symmetry import brightness
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import FACES, box_of, dilated, opened, pieces_with, remove_small, surrounded
from reperfuse.volumes.smoothing import FWHM_PER_SD, sides, smooth

#: Tissue whose ADC is below this is injured whatever the threshold, mm²/s.
_INJURED = 620e-6
#: How far the threshold of the ADC gives way: at the core's border where the ADC is nearer to the core's, and the
#: other way where fluid had to be taken out first, which leaves more noise.
_MARGIN = 0.03


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
    reach_mm: float = 8.0,
    border_mm: float = 10.0,
    min_volume_ml: float = 0.1,
    b_value: float = 1000.0,
) -> Callable[[float], Mask]:
    """Prepare to find the diffusion lesion of an acute stroke at any threshold of the ADC.

    A region belongs to the core if its ADC is below the threshold, its trace image is nowhere dark
    (signal voids, fluid) and somewhere brighter than its mirror image: artefacts at the skull base
    are much alike on both sides. What is thin or small, or no more than the lining of a ventricle or
    cistern, is removed. A voxel at the region's border holds injured and healthy tissue; it counts
    where its ADC lies nearer to that of the region, which the threshold alone would decide by how
    deep the ADC has fallen. Near the core, the ADC is that of the tissue without the fluid of its voxels
    (`reperfuse.diffusion.fluid`), and among core, a voxel as bright as tissue on the trace image is core too:
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
    reach_mm : float
        As far from where the ADC itself is low, a voxel counts whose tissue has a low ADC.
    border_mm : float
        Width at half maximum of the Gaussian within which the ADC inside and outside of the core's
        border is measured.
    min_volume_ml : float
        Smallest lesion kept, before its border is decided.
    b_value : float
        Of the trace image, s/mm².

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
    lining = dilated(opened(fluid, max(fluid_mm, finest), voxel), lining_mm, voxel)
    smoothed = smooth(adc, tissue, smoothing_mm, voxel)
    near, mirror, _ = brightness(trace, mirrored_trace, tissue, voxel, smoothing_mm, homologue_mm)
    bright = tissue & (near > relative_intensity)
    injured = bright & (smoothed < _INJURED) & (mirror > peak_intensity)
    dry = np.minimum(smoothed, adc_without_fluid(adc, trace, b_value, tissue, brain, injured, voxel, smoothing_mm))

    def find(adc_threshold: float) -> Mask:
        low = smoothed < adc_threshold
        core = opened(bright & low & ~lining, opening_mm, voxel)
        core = remove_small(pieces_with(core, low & (mirror > peak_intensity)), min_volume_ml, voxel)
        if not core.any():
            return core
        # what the core may grow by, and what decides on that, lies near it
        far_mm = 1.5 * lining_mm + reach_mm + 3 * border_mm / FWHM_PER_SD
        box = box_of(core, (far_mm // voxel).astype(int) + 3)
        core[box] = grow(core[box], box, low, adc_threshold)
        return core

    def grow(core: Mask, box: tuple[slice, ...], low: Mask, adc_threshold: float) -> Mask:
        shines, without_fluid = bright[box], dry[box]
        core |= shines & low[box] & lining[box] & dilated(core, 1.5 * lining_mm, voxel)
        injured_beside_fluid = shines & (without_fluid < (1 - _MARGIN) * adc_threshold) & dilated(core, reach_mm, voxel)
        core = pieces_with(core | injured_beside_fluid, core)
        reached = ndimage.binary_dilation(core, FACES)
        beyond = tissue.copy()
        beyond[box] &= ~reached
        normal = float(np.median(dry[beyond])) if beyond.any() else adc_threshold
        core |= shines & _border(core, reached, without_fluid, tissue[box], border_mm, voxel, adc_threshold, normal)
        return core | shines & surrounded(core)

    return find


def _border(
    core: Mask, reached: Mask, adc: Array, tissue: Mask, fwhm_mm: float, voxel: Array, least_adc: float, normal: float
) -> Mask:
    """Find the voxels next to the core whose ADC is below `least_adc` or nearer to the core's than to its outside's.

    Not by more than `_MARGIN`: a lesion that fades ends where its ADC reaches the threshold. The outside, at most as
    high as the tissue's median (`normal`), is measured beyond the border itself: where the ADC rises slowly, little is
    added. `reached` is the core and what is next to it.
    """
    inside, outside = sides(core, np.minimum(adc, normal), tissue, fwhm_mm, voxel, fill=normal)
    nearer = np.clip((inside + outside) / 2, least_adc, (1 + _MARGIN) * least_adc)
    return reached & ~core & (adc < nearer)
