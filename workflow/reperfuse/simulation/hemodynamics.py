"""Passage of a contrast bolus through arteries, tissue and veins.

Curves are ΔR2* in s⁻¹ over time in s. Tissue obeys the indicator-dilution equation

    Ct(t) = (ρ/kH) · CBF/6000 · (Ca ⊗ R)(t − delay),   CBV = CBF · MTT / 60,

with CBF in mL/100 g/min, MTT in s, CBV in mL/100 g (Østergaard et al. 1996, doi:10.1002/mrm.1910360510).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import fftconvolve

from reperfuse.simulation.anatomy import Array

Residue = Literal["exponential", "linear", "box"]


HAEMATOCRIT_FACTOR = (1 - 0.45) / (1 - 0.25)  # kH, arterial against capillary haematocrit


BRAIN_DENSITY_G_ML = 1.04


VENOUS_DELAY_S = 1.5  # from arteries to veins, besides the transit through tissue


@dataclass(frozen=True)
class Bolus:
    """Arterial input: a gamma variate, its recirculation and a slowly clearing tail.

    Attributes
    ----------
    arrival_s : float
        Arrival in the artery after the first frame.
    peak : float
        Height of the first passage, s⁻¹.
    alpha, beta_s : float
        Shape and time constant of the gamma variate; the peak lies ``alpha · beta_s`` after arrival.
    recirculation : float
        Area of the second passage relative to the first.
    recirculation_lag_s, recirculation_spread_s : float
        Lag of the second passage and the time constant by which it is broadened.
    tail : float
        Level to which mixed contrast rises, relative to the peak.
    clearance_s : float
        Time constant by which the tail clears.
    """

    arrival_s: float = 16.0
    peak: float = 100.0
    alpha: float = 3.0
    beta_s: float = 1.5
    recirculation: float = 0.22
    recirculation_lag_s: float = 11.0
    recirculation_spread_s: float = 4.0
    tail: float = 0.035
    clearance_s: float = 300.0


def arterial_curve(time_s: ArrayLike, bolus: Bolus | None = None) -> Array:
    """Arterial ΔR2* of a bolus.

    Parameters
    ----------
    time_s : (n,) array
        Time after the first frame, s.
    bolus : Bolus, optional
        Default: ``Bolus()``.

    Returns
    -------
    (n,) array
        s⁻¹.
    """
    shape = bolus or Bolus()
    since = np.asarray(time_s, dtype=float) - shape.arrival_s
    first = _gamma_variate(since, shape.alpha, shape.beta_s)
    wide = shape.beta_s + shape.recirculation_spread_s / shape.alpha
    second = _gamma_variate(since - shape.recirculation_lag_s, shape.alpha, wide) * shape.beta_s / wide
    late = np.clip(since - shape.alpha * shape.beta_s, 0, None)
    mixed = (1 - np.exp(-late / shape.recirculation_lag_s)) * np.exp(-late / shape.clearance_s)
    return shape.peak * (first + shape.recirculation * second + shape.tail * mixed)


def residue(time_s: ArrayLike, mtt_s: ArrayLike, shape: Residue = "exponential") -> Array:
    """Share of contrast still in the tissue a time after its entry.

    Parameters
    ----------
    time_s, mtt_s : array
        Time since entry and mean transit time (the area of the residue function), s; broadcast together.
    shape : {"exponential", "linear", "box"}
        Distribution of transit times.

    Returns
    -------
    array
        Between 0 and 1; 0 before entry.
    """
    ratio = np.asarray(time_s, dtype=float) / np.asarray(mtt_s, dtype=float)
    if shape == "exponential":
        curve = np.exp(-np.clip(ratio, 0, None))
    elif shape == "linear":
        curve = np.clip(1 - ratio / 2, 0, None)
    elif shape == "box":
        curve = (ratio < 1).astype(float)
    else:
        raise ValueError(f"unknown residue shape {shape!r}")
    return np.where(ratio >= 0, curve, 0.0)


def tissue_curves(
    time_s: ArrayLike,
    cbf: ArrayLike,
    mtt_s: ArrayLike,
    delay_s: ArrayLike = 0.0,
    *,
    bolus: Bolus | None = None,
    shape: Residue = "exponential",
    dispersion_s: float = 0.0,
    step_s: float = 0.05,
) -> Array:
    """Tissue ΔR2* of n voxels.

    Parameters
    ----------
    time_s : (t,) array
        Frame times, s.
    cbf, mtt_s, delay_s : (n,) array or float
        mL/100 g/min, s, s.
    bolus : Bolus, optional
        Arterial input.
    shape : {"exponential", "linear", "box"}
        Residue function.
    dispersion_s : float
        Time constant of an exponential dispersion of the bolus between artery and tissue (area kept), s.
    step_s : float
        Step of the fine time grid on which the convolution is done.

    Returns
    -------
    (n, t) array
        float32, s⁻¹.
    """
    times = np.asarray(time_s, dtype=float)
    cbf, mtt, delay = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, dtype=float)) for v in (cbf, mtt_s, delay_s)))
    start = min(0.0, float(times.min() - delay.max())) - step_s
    fine = start + step_s * np.arange(int(np.ceil((times.max() - min(delay.min(), 0.0) - start) / step_s)) + 2)
    inflow = disperse(arterial_curve(fine, bolus), step_s, dispersion_s)
    levels, level = _levels(mtt)
    bank = np.stack([_retained(inflow, fine - start, value, shape, step_s) for value in levels]).astype(np.float32)
    scale = (BRAIN_DENSITY_G_ML / HAEMATOCRIT_FACTOR / 6000 * cbf).astype(np.float32)
    curves = np.empty((cbf.size, times.size), dtype=np.float32)
    lower = np.minimum(level.astype(np.intp), len(levels) - 1)
    upper = np.minimum(lower + 1, len(levels) - 1)
    between = (level - lower).astype(np.float32)
    flat, width = bank.ravel(), bank.shape[1]
    for frame, moment in enumerate(times):
        place = (moment - delay - start) / step_s
        left = place.astype(np.intp)
        part = (place - left).astype(np.float32)
        low, high = lower * width + left, upper * width + left
        at_low = flat[low] + part * (flat[low + 1] - flat[low])
        at_high = flat[high] + part * (flat[high + 1] - flat[high])
        curves[:, frame] = scale * (at_low + between * (at_high - at_low))
    return curves


def venous_curve(
    time_s: ArrayLike,
    *,
    bolus: Bolus | None = None,
    transit_s: float = 4.5,
    delay_s: float = VENOUS_DELAY_S,
    step_s: float = 0.05,
) -> Array:
    """Venous ΔR2*: the arterial curve after the brain's transit, its area kept.

    Parameters
    ----------
    time_s : (t,) array
        Frame times, s.
    bolus : Bolus, optional
        Arterial input.
    transit_s, delay_s : float
        Mean transit time (exponential) and pure delay, s.
    step_s : float
        Step of the fine time grid.

    Returns
    -------
    (t,) array
        s⁻¹.
    """
    times = np.asarray(time_s, dtype=float)
    fine = np.arange(min(0.0, times.min() - delay_s), times.max() + step_s, step_s)
    return np.interp(times - delay_s, fine, disperse(arterial_curve(fine, bolus), step_s, transit_s))


def disperse(curve: Array, step_s: float, constant_s: float) -> Array:
    """Convolve a curve with an exponential of unit area.

    Parameters
    ----------
    curve : (n,) array
        Evenly sampled curve that starts at rest.
    step_s : float
        Its time step, s.
    constant_s : float
        Time constant, s; 0 returns the curve itself.

    Returns
    -------
    (n,) array
        The dispersed curve.
    """
    if constant_s <= 0:
        return curve
    elapsed = step_s * np.arange(len(curve))
    return _retained(curve, elapsed, constant_s, "exponential", step_s) / constant_s


def _gamma_variate(since: Array, alpha: float, beta: float) -> Array:
    """Gamma variate with a peak of one at ``alpha · beta``."""
    relative = np.clip(since, 0, None) / (alpha * beta)
    return relative**alpha * np.exp(alpha * (1 - relative))


def _retained(inflow: Array, elapsed: Array, mtt: float, shape: Residue, step: float) -> Array:
    """(inflow ⊗ R)(t): the inflow is smooth, so the residue is integrated exactly over each step."""
    edges = np.concatenate([[0.0], elapsed + step / 2])
    weights = np.diff(_residue_area(edges, mtt, shape))
    return fftconvolve(inflow, weights)[: len(inflow)]


def _residue_area(time: Array, mtt: float, shape: Residue) -> Array:
    """Integral of the residue function from entry to ``time``."""
    if shape == "exponential":
        return -mtt * np.expm1(-time / mtt)
    if shape == "linear":
        ratio = np.minimum(time / mtt, 2.0)
        return mtt * (ratio - ratio**2 / 4)
    return np.minimum(time, mtt)


def _levels(mtt: Array, most: int = 200) -> tuple[Array, Array]:
    """MTTs for which curves are computed, and the (fractional) index of each voxel among them."""
    exact, index = np.unique(mtt, return_inverse=True)
    if len(exact) <= most:
        return exact, index.reshape(mtt.shape).astype(float)
    levels = np.geomspace(exact[0], exact[-1], most)
    return levels, np.interp(mtt, levels, np.arange(most))
