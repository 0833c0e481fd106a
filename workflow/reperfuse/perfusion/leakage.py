"""Contrast agent that leaves the vessels (Boxerman, Schmainda and Weisskoff 2006, PMID 16611779)."""

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.faults import DataFault
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.robust import robust_sd

#: Tissue whose Tmax differs from most tissue's by less than this is not late, s.
_LATE_S = 2.0


def remove_leakage(tissue: Array, tmax: Array, dt_s: float) -> Array:
    """Correct curves with the mean of tissue that neither leaks nor is supplied late, see `correct_leakage`.

    Parameters
    ----------
    tissue : (n, t) array
        ΔR2*, s⁻¹.
    tmax : (n,) array
        Tmax before the correction, s; NaN where unknown.
    dt_s : float
        Frame spacing, s.

    Returns
    -------
    (n, t) array
        s⁻¹.

    Raises
    ------
    DataFault
        If there is no such tissue.
    """
    delay = np.nan_to_num(tmax - np.nanmedian(tmax))
    normal = ~is_leaking(tissue) & (np.abs(delay) < _LATE_S)
    if not normal.any():
        raise DataFault(
            "no tissue without leakage and delay as a reference for the correction; turn off "
            "concentration.leakage_correction"
        )
    reference = tissue[normal].mean(axis=0, dtype=float)
    return correct_leakage(tissue, reference, dt_s, delay)[0]


def correct_leakage(
    concentration: ArrayLike, reference: ArrayLike, dt_s: float, delay_s: ArrayLike = 0.0, *, step_s: float = 0.25
) -> tuple[Array, Array, Array]:
    """Remove the effect of contrast agent that leaks out of the vessels.

    Fits ΔR2*(t) ≈ K1 · m(t) − K2 · ∫m and adds K2 · ∫m (Boxerman, Schmainda and Weisskoff 2006,
    PMID 16611779): the area of the corrected curves gives the corrected CBV. Contrast that arrives later than
    in the reference would pass for leakage (6 s take half the CBV away), so m is shifted by each curve's
    delay. A longer transit still does: at an MTT of 10 s, CBV is 30 % too low.

    Parameters
    ----------
    concentration : (n, t) array
        ΔR2*, s⁻¹.
    reference : (t,) array
        Mean m of brain that does not enhance, s⁻¹.
    dt_s : float
        Frame spacing, s.
    delay_s : (n,) array or float
        How much later than in the reference contrast arrives, s.
    step_s : float
        Steps to which the delay is rounded, s.

    Returns
    -------
    corrected : (n, t) array
        float32, s⁻¹.
    k1 : (n,) array
        Blood volume relative to the reference.
    k2 : (n,) array
        Leakage, s⁻¹; negative where T2* effects prevail.
    """
    curves, mean = np.asarray(concentration, dtype=np.float32), np.asarray(reference, dtype=float)
    lags = np.rint(np.broadcast_to(delay_s, len(curves)) / step_s)
    time = np.arange(len(mean)) * dt_s
    corrected, factors = np.empty_like(curves), np.empty((len(curves), 2), dtype=np.float32)
    for lag in np.unique(lags):
        late = np.interp(time - lag * step_s, time, mean)
        integral = dt_s * (np.cumsum(late) - 0.5 * (late + late[0]))
        fit = np.linalg.pinv(np.stack([late, -integral])).astype(np.float32)
        alike = lags == lag
        factors[alike] = curves[alike] @ fit
        corrected[alike] = curves[alike] + factors[alike, 1:] * integral.astype(np.float32)
    return corrected, factors[:, 0], factors[:, 1]


def is_leaking(concentration: ArrayLike, last_frames: int = 10, limit: float = 2.0) -> Mask:
    """Tell which curves end higher or lower than most: contrast agent has leaked, or the signal has drifted.

    Both ends are told alike: a mean of curves chosen for not ending low would itself end too high.

    Parameters
    ----------
    concentration : (n, t) array
        ΔR2*, s⁻¹.
    last_frames : int
        Frames at the end whose mean is compared.
    limit : float
        Distance from the median that is unlike the others, in robust standard deviations.

    Returns
    -------
    (n,) array of bool
    """
    end = np.asarray(concentration)[:, -last_frames:].mean(axis=1)
    return np.asarray(np.abs(end - np.median(end)) > limit * robust_sd(end))
