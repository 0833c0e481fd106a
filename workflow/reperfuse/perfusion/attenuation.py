"""From the attenuation of a CT series to its enhancement, the measure of contrast agent concentration.

Attenuation rises in proportion to the iodine in a voxel, so the enhancement is HU less the mean before the bolus:
no logarithm and no echo time. A voxel that holds blood and tissue has the mean of their enhancements. Tissue and
blood differ in haematocrit and density as they do on MRI (Fieselmann et al. 2011, doi:10.1155/2011/467563).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import convolve1d, gaussian_filter1d

from reperfuse.faults import DataFault
from reperfuse.perfusion.arrival import Baseline, find_arrival
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.robust import sd_about_zero

#: Width at half maximum of the Gaussian among the voxels of tissue before the arterial delay is measured, mm.
SMOOTHING_FWHM_MM = 6.0
#: Standard deviation of the Gaussian that widens the arterial input for blood flow, s. In simulated patients the core
#: hardly changes from 1.2 to 1.7 s (docs/validation/ct.md).
WIDENING_SD_S = 1.4
#: Enhancement of a large vessel, HU: three times what blood-rich tissue has. It must not be smoothed into tissue.
VESSEL_HU = 40.0
#: HU of brain: what a relative change of its signal is referred to.
BRAIN_LEVEL_HU = 35.0
#: What a stored series holds where there is no value, and the least HU that is one.
MISSING_HU, _LEAST_HU = -1024.0, -500.0
#: The lowest value that a scanner stores for air, HU. At or below it there is padding, or air that was cut off.
PADDING_HU = -1024.0
#: Brain before contrast, HU: fluid 5 to 15, white matter about 29, grey about 37.
BRAIN_HU = (0.0, 80.0)
#: Added by scanners that store no negative numbers, HU, and not taken off where the header's intercept was lost.
_OFFSETS = (0.0, 1024.0, 1000.0)
#: Median of the brain's values, HU, and where it may lie.
_TYPICAL_HU, _MEDIAN_HU = 33.0, (15.0, 60.0)
#: Least share of an image that is brain, and of what lies within 300 HU of it: only a head on CT is so uniform.
_LEAST_BRAIN, _LEAST_UNIFORM, _AROUND_HU = 0.04, 0.5, 300.0
#: Air and padding, HU: what is below the first is below the second for the most part.
_NO_TISSUE_HU, _AIR_HU = -300.0, -800.0
#: Least share of an image that is air where something was added to it.
_LEAST_AIR = 0.02
#: Least HU of bone, and its least share; an image without bone is one of a brain cut out, on a background of one value.
_BONE_HU, _LEAST_BONE, _LEAST_BACKGROUND = 200.0, 0.003, 0.2
#: Mean enhancement of the brain below which there is no bolus, HU: 5 to 10 at the usual dose, a third of that after a
#: poor injection.
_LEAST_RISE_HU = 0.7
#: A frame before the bolus lies below the level there by no more, HU.
_STEADY_HU = 1.0
#: Fewest frames of a series, and before the bolus: every frame is dose, so there are few.
_FEWEST_FRAMES, _FEWEST_BEFORE = 15, 2
#: Share of the peak below which the brain's mean must come down; contrast agent recirculates for longer than on MRI,
#: as ten times as much is injected.
_DECAY_SHARE = 0.7
#: Level of the veins at the end, of their peak, above which half of all scans are too short (median of Kasasbeh).
_VEIN_LEFT = 0.4


def find_offset(stored: ArrayLike) -> float:
    """Find what was added to the HU of a head's image.

    Parameters
    ----------
    stored : (x, y, z) array
        Mean image of a series, as stored.

    Returns
    -------
    float
        HU: 0 as it should be; 1024 or 1000 where the rescaling of the scanner was certainly lost.

    Raises
    ------
    DataFault
        If no offset gives an image of a head in HU.
    """
    values = np.asarray(stored, dtype=float)
    values = values[np.isfinite(values)]
    if len(values) == 0 or values.min() == values.max():
        raise DataFault("the series is empty or constant; export it again")
    fits = {offset: _middle_of_brain(values - offset, offset) for offset in _OFFSETS}
    known = {offset: middle for offset, middle in fits.items() if middle is not None}
    if not known:
        low, high = np.percentile(values, [5, 95])
        raise DataFault(
            f"the values are not Hounsfield units: they lie from {low:.0f} to {high:.0f}, without a brain at 0 to 80; "
            "export the CT series with its rescaling, or name it as what it is (MRI: _dsc)"
        )
    return min(known, key=lambda offset: abs(known[offset] - _TYPICAL_HU))


def refuse_ct(image: Array) -> None:
    """Make sure that the mean image of a DSC series, as stored, is not one of CT.

    Raises
    ------
    DataFault
        If it is in Hounsfield units, or in those of a scanner that stores no negative numbers.
    """
    values = image[np.isfinite(image)]
    try:
        is_ct = find_offset(values) > 0 or bool((values < _NO_TISSUE_HU).mean() > _LEAST_AIR)
    except DataFault:
        return
    if is_ct:
        raise DataFault("the values are Hounsfield units, as of CT; name the series as what it is (_ctp)")


def _middle_of_brain(hu: Array, offset: float) -> float | None:
    """Return the median of what may be brain, HU; None where that, or the air and bone around it, are not a head's."""
    low, high = BRAIN_HU
    background, size = hu == hu.min(), len(hu)
    brain = hu[(hu > low) & (hu < high) & ~background]
    around = ((hu > low - _AROUND_HU) & (hu < high + _AROUND_HU) & ~background).sum()
    if len(brain) < _LEAST_BRAIN * size or len(brain) < _LEAST_UNIFORM * around:
        return None
    air = hu[hu < _NO_TISSUE_HU]
    if len(air) < (_LEAST_AIR * size if offset else 0) or (len(air) and np.median(air) > _AIR_HU):
        return None
    if (hu > _BONE_HU).mean() < _LEAST_BONE and background.mean() < _LEAST_BACKGROUND:
        return None
    middle = float(np.median(brain))
    return middle if _MEDIAN_HU[0] < middle < _MEDIAN_HU[1] else None


def enhancement(attenuation: ArrayLike, baseline: Baseline) -> Array:
    """Enhancement, HU less the mean of the frames before the bolus.

    Parameters
    ----------
    attenuation : (..., t) array
        HU.
    baseline : Baseline
        Frames before the bolus.

    Returns
    -------
    (..., t) array
        float32, HU.
    """
    series = np.asarray(attenuation, dtype=np.float32)
    rest = series[..., baseline.frames].mean(axis=-1, keepdims=True, dtype=np.float64)
    return series - rest.astype(np.float32)


def widened(arterial: Array, dt_s: float) -> Array:
    """Widen an arterial input in time, so that relative blood flow hangs less on its noise.

    Noise makes oSVD regularise more, which lowers the flow of normal tissue, whose curve is hardly wider than the
    arterial input, and not that of tissue with next to no flow. By a wider input, noise changes their ratio by less
    than half of that; without noise the ratio is the same.

    Parameters
    ----------
    arterial : (t,) array
        Arterial input, HU.
    dt_s : float
        Frame spacing, s.

    Returns
    -------
    (t,) array
        HU; of the same area, but for what reaches beyond the ends.
    """
    return np.asarray(gaussian_filter1d(np.asarray(arterial, float), WIDENING_SD_S / dt_s, mode="nearest"))


def is_vessel(curves: ArrayLike) -> Mask:
    """Tell curves of large vessels from those of tissue by their peak, a little smoothed in time.

    Parameters
    ----------
    curves : (..., t) array
        Enhancement, HU.

    Returns
    -------
    (...) bool array
        False where a curve holds no value.
    """
    values = np.nan_to_num(np.asarray(curves, dtype=np.float32))
    calm = convolve1d(values, [0.25, 0.5, 0.25], axis=-1, mode="nearest")
    return np.asarray(calm.max(axis=-1) > VESSEL_HU)


def measured(stored: ArrayLike) -> Array:
    """Return a stored series in HU, with NaN where it holds no value: bone, and what was not seen in a frame."""
    series = np.asarray(stored, dtype=np.float32)
    return np.where(series > _LEAST_HU, series, np.float32(np.nan))


def tissue_curve(series: Array, mask: Mask) -> Array:
    """Mean HU of a mask in each frame, over the voxels that have a value in all of them."""
    curves = series[mask]
    whole = np.isfinite(curves).all(axis=1)
    return np.asarray(curves[whole].mean(axis=0, dtype=float) if whole.any() else np.full(curves.shape[1], np.nan))


def attenuation_noise(attenuation: ArrayLike, mask: ArrayLike, baseline: Baseline) -> Array:
    """Noise of each voxel: robust standard deviation of what changes from frame to frame, over √2.

    Parameters
    ----------
    attenuation : (x, y, z, t) array
        HU.
    mask : (x, y, z) array
        The brain.
    baseline : Baseline
        Frames before the bolus.

    Returns
    -------
    (x, y, z) array
        HU, the same in every voxel; NaN where the voxel has no value before the bolus.
    """
    steady = np.asarray(attenuation, dtype=np.float32)[..., baseline.frames]
    change = np.abs(np.diff(steady[np.asarray(mask, dtype=bool)], axis=-1))
    sigma = sd_about_zero(change[np.isfinite(change)]) / np.sqrt(2)
    return np.where(np.isfinite(steady.mean(axis=-1)), sigma, np.nan)


def find_ct_baseline(mean_attenuation: ArrayLike, dt_s: float) -> Baseline:
    """Find the frames before the bolus on the mean attenuation of the brain.

    Parameters
    ----------
    mean_attenuation : (t,) array
        HU.
    dt_s : float
        Frame spacing, s.

    Returns
    -------
    Baseline

    Raises
    ------
    DataFault
        When the series is too short, holds no bolus, loses signal as a bolus passes (DSC), ends before the bolus has
        passed, or has too few frames before it.
    """
    curve = np.asarray(mean_attenuation, dtype=float)
    if len(curve) < _FEWEST_FRAMES:
        raise DataFault(
            f"the CT series has {len(curve)} frames, at least {_FEWEST_FRAMES} needed; export the whole series"
        )
    if not np.isfinite(curve).all():
        raise DataFault("the brain has no value in a frame of the CT series; export the series again")
    try:
        return _find(curve, dt_s)
    except DataFault:
        if _falls(curve, dt_s):
            raise DataFault(
                "the signal falls as the bolus passes, as on DSC-MRI, and that of CT rises; name the series as what "
                "it is (_dsc)"
            ) from None
        raise


def _find(curve: Array, dt_s: float) -> Baseline:
    return find_arrival(
        curve,
        dt_s,
        no_bolus="no bolus: the brain does not enhance; check that it is a CT perfusion series with contrast agent",
        min_rise=_LEAST_RISE_HU,
        steady_excess=_STEADY_HU,
        min_baseline_frames=_FEWEST_BEFORE,
        decay_share=_DECAY_SHARE,
    )


def _falls(curve: Array, dt_s: float) -> bool:
    """Tell a curve that passes a bolus upside down."""
    try:
        _find(-curve, dt_s)
    except DataFault:
        return False
    middle = np.median(curve)
    return bool(middle - curve.min() > curve.max() - middle)


def truncation(venous: ArrayLike) -> list[str]:
    """Say that a series ends before the blood has left the brain.

    The veins are the last to see the bolus. In 59 scans the shortest duration that gave the volumes of the whole
    scan left them at 0.39 of their peak (median), and 60 to 70 s are advised (Kasasbeh et al., PMC5134896).

    Parameters
    ----------
    venous : (t,) array
        Venous output, HU; NaN where there is none.

    Returns
    -------
    list of str
        A sentence, or nothing.
    """
    curve = np.asarray(venous, dtype=float)
    if not np.isfinite(curve).any():
        return []
    calm = np.convolve(curve[np.isfinite(curve)], np.ones(3) / 3, mode="valid")
    left = calm[-1] / calm.max() if calm.max() > 0 else 0.0
    if left <= _VEIN_LEFT:
        return []
    return [
        f"the series ends while the veins are still at {left:.0%} of their peak: CBV and MTT are too low, and late "
        "tissue may be missed; scan for 60 to 70 s"
    ]
