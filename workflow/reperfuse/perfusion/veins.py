"""Large veins and the curve of the blood in them.

A vein has the area of the arterial input that no artery shows, as no artery fills its voxels. With a strong bolus
nothing is left of the signal of its blood for most of the passage; its curve is then fitted, see
:mod:`reperfuse.perfusion.partial_volume`.
"""

import numpy as np
from scipy.ndimage import grey_opening, rank_filter

from reperfuse.perfusion.curves import Curves
from reperfuse.perfusion.partial_volume import DARK, restore_vein
from reperfuse.volumes.arrays import Array, Indices

#: Width of a large vein, mm.
_VEIN_MM = 4.0


#: Least loss of signal over the passage, of that of the darkest voxels in large veins, of voxels that are mostly blood.
_LOSS_SHARE = 0.9


#: Share of a vein's area that passes while hardly any signal of blood is left, above which that area is fitted: more
#: than half. Where most is seen, what is measured is worth more than what is fitted, above all if the head moved.
_HIDDEN = 0.55


def find_veins(brain: Curves, after_s: float, count: int) -> tuple[Indices, Indices]:
    """Curves of the largest first-passage area that rise after the arterial input and pass again, in large veins.

    The second are all in large veins, the dark ones of any width, that lose about as much signal as the darkest: other
    than the area, which noise and motion decide where no signal is left, the loss cannot be more than all.
    """
    shape, mean = brain.shape, brain.mean_shape
    venous = (
        (shape.peak > 2 * mean.peak)
        & (shape.peak > 6 * brain.noise)
        & (brain.signal_noise < 3 * np.median(brain.signal_noise[brain.inside]))  # bone is dark
        & (shape.rise_s > after_s)
        & shape.has_passed
    )
    is_narrow = shape.fwhm_s < 1.6 * mean.fwhm_s
    is_cut_off = brain.scan.signal_left(shape.peak) < DARK
    wide = _in_large_veins(brain, np.flatnonzero(venous & (is_narrow | is_cut_off)))
    passing = brain.values[wide, brain.scan.baseline.arrival :]
    loss = (1 - brain.scan.signal_left(passing)).sum(axis=1)
    darkest = np.median(np.sort(loss)[-count:]) if len(wide) else 0.0
    return _in_large_veins(brain, np.flatnonzero(venous & is_narrow))[:count], wide[loss > _LOSS_SHARE * darkest]


def _in_large_veins(brain: Curves, candidates: Indices) -> Indices:
    """Candidates in large veins, that of the largest area first.

    A sinus is wide in every direction, a vein of the cortex or of the fissure between the hemispheres is not: a
    candidate counts only in a block of candidates ``_VEIN_MM`` wide, and there for no more than the eighth largest
    area among its 26 neighbours and itself (the third largest of 9 in a single slice). Where a vein's signal is nearly
    gone, interpolation between frames of different poses can double the area of a single voxel; it does not lift eight
    together.
    """
    area, places = brain.shape.area[candidates], tuple(brain.voxels[candidates].T)
    volume = np.zeros(brain.voxels.max(axis=0) + 2)  # the border holds no vein
    volume[places] = area
    block = tuple(np.ceil(_VEIN_MM / brain.scan.voxel_size_mm).astype(int))
    is_wide = grey_opening(volume, size=block, mode="constant")[places] > 0
    around = np.where(np.ptp(brain.voxels, axis=0) > 0, 3, 1)
    shared = rank_filter(volume, -round(0.3 * around.prod()), size=tuple(around), mode="constant")[places]
    order = np.lexsort((-area, -np.minimum(shared, area)))
    return candidates[order[is_wide[order]]]


def venous_output(brain: Curves, veins: Indices, dark: Indices) -> tuple[Array, Array]:
    """Curve of large veins as measured (s⁻¹), and that of the blood in them: the same, or fitted.

    It is fitted if most of it passes while hardly any signal of blood is left, and if its area is then larger than that
    measured in ``veins``: mixing with tissue makes areas too small only. NaN where there is no vein.
    """
    scan, steady = brain.scan, brain.steady
    measured = brain.values[veins].mean(axis=0, dtype=float) if len(veins) else np.full(brain.values.shape[1], np.nan)
    is_dark = brain.saturated[dark] | (scan.signal_left(brain.shape.peak[dark]) < DARK)
    if scan.echo_time_s is None or not is_dark.any():
        return measured, measured
    fitted, hidden = restore_vein(brain.signals(dark), brain.typical[steady], scan.dt_s, scan.echo_time_s)
    if hidden <= _HIDDEN or fitted.sum() <= measured[steady].sum():
        return measured, measured
    return measured, np.concatenate([measured[: scan.baseline.first], fitted])
