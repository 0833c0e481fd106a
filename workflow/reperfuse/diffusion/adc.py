"""Diffusion: the ADC and the trace image from a series, the unit of a scanner's own map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reperfuse.faults import DataFault
from reperfuse.volumes.arrays import Array


@dataclass(frozen=True)
class Diffusion:
    """What a diffusion series says of the tissue.

    Attributes
    ----------
    adc : (x, y, z) float32 array
        Apparent diffusion coefficient, mm²/s; NaN where the signal allows none.
    trace : (x, y, z) float32 array
        Geometric mean of the diffusion-weighted images of the shell nearest to b = 1000 s/mm², a.u.
    b0 : (x, y, z) float32 array
        Geometric mean of the images without diffusion weighting, a.u.
    trace_b : float
        Mean b-value of that shell, s/mm².
    """

    adc: Array
    trace: Array
    b0: Array
    trace_b: float


def fit_adc(
    signal: Array,
    bvals: ArrayLike,
    bvecs: ArrayLike | None = None,
    *,
    b0_tolerance: float = 50.0,
    min_b: float = 500.0,
    max_b: float = 1500.0,
    trace_b: float = 1000.0,
    max_adc: float = 5e-3,
) -> Diffusion:
    """Fit ln S = ln S0 − b·ADC by least squares over all images.

    The directions of a shell are averaged geometrically, which makes the slope that of the mean
    diffusivity. Images above `max_b` are left out: kurtosis lowers their slope, and the thresholds
    in use were set at b ≈ 1000 s/mm².

    Parameters
    ----------
    signal : (x, y, z, n) array
    bvals : (n,) array
        s/mm².
    bvecs : (3, n) or (n, 3) array, optional
        Used only to refuse a series of one or two directions; an image without a direction, or
        along (1, 1, 1) only, is the scanner's trace-weighted mean.
    b0_tolerance : float
        Largest b that counts as unweighted, and half the width of a shell, s/mm².
    min_b, max_b : float
        A weighted image must exist between the two, s/mm².
    trace_b : float
        The trace image is the shell nearest to this, s/mm².
    max_adc : float
        Larger values are noise (free water at 37 °C: 3.0e-3), mm²/s.

    Returns
    -------
    Diffusion

    Raises
    ------
    DataFault
        If no ADC follows from such a series.
    """
    signal = np.asarray(signal, np.float32)
    b = np.asarray(bvals, float).ravel()
    used = _usable_images(signal, b, b0_tolerance, min_b, max_b)
    if bvecs is not None:
        _require_directions(np.asarray(bvecs, float), b, used & (b >= min_b))
    invalid = ~(signal[..., used] > 0).all(axis=-1)
    log_signal = np.log(np.where(signal > 0, signal, np.nan))

    deviation = np.where(used, b - b[used].mean(), 0.0)
    weights = (-deviation[used] / (deviation**2).sum()).astype(np.float32)
    adc = log_signal[..., used] @ weights
    with np.errstate(invalid="ignore"):
        adc[invalid | ~(adc > 0) | ~(adc <= max_adc)] = np.nan

    shell = trace_shell(b, b0_tolerance, min_b, max_b, trace_b)
    b0 = _geometric_mean(signal, b <= b0_tolerance)
    return Diffusion(adc, _geometric_mean(signal, shell), b0, float(b[shell].mean()))


def trace_shell(
    b: NDArray[np.float64],
    b0_tolerance: float = 50.0,
    min_b: float = 500.0,
    max_b: float = 1500.0,
    trace_b: float = 1000.0,
) -> NDArray[np.bool_]:
    """Tell the images that the trace is the mean of, by their b-values (n,) in s/mm²; see `fit_adc`."""
    weighted = b[(b >= min_b) & (b <= max_b)]
    nearest = weighted[np.abs(weighted - trace_b).argmin()]
    return np.asarray((np.abs(b - nearest) <= b0_tolerance) & (b <= max_b))


def _usable_images(
    signal: Array, b: NDArray[np.float64], b0_tolerance: float, min_b: float, max_b: float
) -> NDArray[np.bool_]:
    """Tell the images that enter the fit, or why there is none."""
    if signal.ndim != 4:
        raise DataFault(f"the diffusion series has {signal.ndim} dimensions, not 4; convert the scan again")
    if signal.shape[3] != b.size:
        raise DataFault(
            f"the diffusion series has {signal.shape[3]} volumes but {b.size} b-values; correct the .bval file"
        )
    if not np.isfinite(b).all() or (b < 0).any():
        raise DataFault("the b-values hold negative or missing numbers; correct the .bval file")
    if not (b <= b0_tolerance).any():
        raise DataFault(
            f"the diffusion series has no image without diffusion weighting (smallest b-value {b.min():g}, at most "
            f"{b0_tolerance:g} s/mm² needed); add one, or use the scanner's ADC map"
        )
    if not (b > b0_tolerance).any():
        raise DataFault("the diffusion series has no diffusion-weighted image; add one, or use the scanner's ADC map")
    if not ((b >= min_b) & (b <= max_b)).any():
        found = ", ".join(f"{value:g}" for value in np.unique(b[b > b0_tolerance]))
        raise DataFault(
            f"no b-value lies between {min_b:g} and {max_b:g} s/mm² (found {found}), and the ADC thresholds hold for b "
            "near 1000 s/mm²; use a series with such images"
        )
    used = b <= max_b
    values = signal[..., used]
    if not np.isfinite(values).any() or np.nanmax(values) == np.nanmin(values):
        raise DataFault("the diffusion series holds the same value everywhere; export the scan again")
    if not (values > 0).all(axis=-1).any():
        raise DataFault("no voxel of the diffusion series has a positive signal in every image; export the scan again")
    finite = values[np.isfinite(values)]
    negative = float((finite < -0.1 * np.percentile(np.abs(finite), 99)).mean())
    if negative > 0.01:  # a magnitude is never negative, and interpolation only makes it a little so
        raise DataFault(
            f"{100 * negative:.0f} % of the diffusion series is negative: an integer overflow; export the scan again"
        )
    return used


def _require_directions(bvecs: NDArray[np.float64], b: NDArray[np.float64], used: NDArray[np.bool_]) -> None:
    """Refuse a series whose few directions say nothing of the mean diffusivity."""
    if bvecs.shape == (3, b.size):
        bvecs = bvecs.T
    if bvecs.shape != (b.size, 3):
        raise DataFault(
            f"the diffusion series has {b.size} b-values but directions of shape {bvecs.shape}; correct the .bvec file"
        )
    directions = np.nan_to_num(bvecs[used])
    length = np.linalg.norm(directions, axis=1)
    directions = directions[length > 0.1] / length[length > 0.1, None]
    if len(directions) < used.sum():
        return  # an image without a direction is a trace-weighted mean
    if np.allclose(directions, 3**-0.5, atol=0.01):
        return  # the diagonal of the gradients is how converters note a trace-weighted mean
    if np.linalg.matrix_rank(directions, tol=0.1) < 3:
        raise DataFault(
            "the diffusion directions lie in one plane, and a mean diffusivity needs three that do not; check the "
            ".bvec file, or use a series with more directions"
        )


def _geometric_mean(signal: Array, images: NDArray[np.bool_]) -> Array:
    """Geometric mean of the chosen images; 0 where one of them has no positive signal."""
    chosen = signal[..., images]
    positive = (chosen > 0).all(axis=-1)
    mean = np.exp(np.log(np.where(chosen > 0, chosen, 1)).mean(axis=-1))
    return np.where(positive, mean, 0).astype(np.float32)
