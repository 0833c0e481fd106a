"""Tissue of low flow where no Tmax is known: CBF below a share of that of normal tissue on the other side, cleaned.

A share of one mean would take all white matter for starved, which normally has less than half of the mean flow. So a
voxel is compared with its homologue, as a reader compares the sides.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.faults import DataFault
from reperfuse.head.tissue import normal_tissue
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import dilated, opened, remove_small
from reperfuse.volumes.smoothing import smooth

#: Shares of normal flow in use (doi:10.1161/STROKEAHA.122.040759 takes 40 %).
SHARES = (0.3, 0.4, 0.5)
#: A homologue counts for at least this share of normal tissue's mean, so that a voxel in which neither side has much
#: flow, as beside a ventricle or where both sides are starved, is not told by the noise of a ratio.
_LEAST_REFERENCE = 0.4
#: How often normal tissue is found again without what is starved.
_ROUNDS = 3
#: What smoothing leaves of a step at its border: half of it.
_AT_BORDER = 0.5


def low_flow_finder(
    flow: Array,
    mirrored: Array,
    tissue: Mask,
    half: Mask,
    voxel_size_mm: ArrayLike,
    *,
    counts: Mask | None = None,
    smoothing_mm: float = 6.0,
    opening_mm: float = 2.0,
    min_volume_ml: float = 3.0,
) -> Callable[[float], Mask]:
    """Prepare to find tissue whose flow is below any share of that of normal tissue on the other side.

    Noise is smoothed away, which draws the border of a region inwards: half of the fall of flow is left there. So a
    region that is found is let grow, no further than the width of the smoothing, to where half of the fall between
    normal flow and its own is reached.

    Parameters
    ----------
    flow : (x, y, z) array
        CBF, mL/100 g/min; NaN where unknown.
    mirrored : (x, y, z) array
        CBF of the homologue of each voxel.
    tissue : (x, y, z) bool array
        Brain without fluid.
    half : (x, y, z) bool array
        One side of the mid-plane, no matter which.
    voxel_size_mm : (3,) array_like
    counts : (x, y, z) bool array, optional
        The side of the stroke; the other is left out.
    smoothing_mm : float
        Width at half maximum of the Gaussian within tissue; 0 for none.
    opening_mm : float
        Radius of the opening; 0 for none.
    min_volume_ml : float
        Smallest region kept; 0 for all.

    Returns
    -------
    callable
        From a share of normal flow to the mask, (x, y, z) bool array.

    Raises
    ------
    DataFault
        If there is no normal tissue.
    """
    voxel = np.asarray(voxel_size_mm, float)
    own = smooth(flow, tissue & np.isfinite(flow), smoothing_mm, voxel)
    other = smooth(mirrored, np.isfinite(mirrored), smoothing_mm, voxel)
    allowed = tissue if counts is None else tissue & counts

    def clean(mask: Mask) -> Mask:
        return remove_small(opened(allowed & mask, opening_mm, voxel), min_volume_ml, voxel)

    def ratio(normal: Mask) -> Array:
        if not normal.any():
            raise DataFault("no normal tissue on the other side to compare with")
        return own / np.fmax(other, _LEAST_REFERENCE * float(own[normal].mean()))

    low = np.zeros_like(tissue)
    for _ in range(_ROUNDS):
        normal = normal_tissue(tissue & np.isfinite(own), low, half)
        relative = ratio(normal)
        low = clean(relative < 0.4)

    def find(share: float) -> Mask:
        sure = clean(relative < share)
        if not (smoothing_mm and sure.any()):
            return sure
        depth = smooth(relative, sure, 2 * smoothing_mm, voxel)
        grown = dilated(sure, smoothing_mm / 2, voxel) & (relative < 1 - _AT_BORDER * (1 - depth))
        return clean(sure | grown)

    return find
