"""CBF, CBV, MTT and Tmax by deconvolution of tissue curves with the arterial input.

The indicator-dilution equation is Ct = (ρ/kH) · CBF · (Ca ⊗ R); the deconvolved curve k = (ρ/kH) · CBF · R is
estimated by truncated singular value decomposition. A method is one function that prepares a solver for one
arterial input, and one entry in ``METHODS``. Blocks of voxels are solved as products of small matrices.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import toeplitz

from reperfuse.faults import DataFault
from reperfuse.perfusion.circulant import Scratch, decompose, smooth_peaks
from reperfuse.volumes.arrays import Array

#: kH, (1 − arterial)/(1 − capillary haematocrit), and ρ of brain, g/mL.
HAEMATOCRIT_FACTOR, DENSITY_G_ML = (1 - 0.45) / (1 - 0.25), 1.04


#: Deconvolution prepared for one arterial input: from tissue curves (n, n_frames) to height (s⁻¹) and lag (frames,
#: negative where tissue is ahead of the arterial input) of the peak of k, each (n,).
Solver = Callable[[Array], tuple[Array, Array]]


@dataclass(frozen=True)
class PerfusionMaps:
    """Perfusion of n voxels, each (n,) float32; NaN where the voxel could not be measured.

    Attributes
    ----------
    cbf : (n,) array
        Cerebral blood flow, mL/100 g/min.
    cbv : (n,) array
        Cerebral blood volume, mL/100 g.
    mtt : (n,) array
        Mean transit time, s.
    tmax : (n,) array
        Time at which the deconvolved curve peaks, s; negative where tissue is ahead of the arterial input.
    """

    cbf: Array
    cbv: Array
    mtt: Array
    tmax: Array


@dataclass(frozen=True)
class Regularisation:
    """What tells signal from noise; see :func:`deconvolve`."""

    oscillation_index: float
    oscillation_spacing_s: float
    svd_threshold: float | None
    svd_floor: float


def deconvolve(
    tissue: ArrayLike,
    aif: ArrayLike,
    dt_s: float,
    method: str = "osvd",
    *,
    oscillation_index: float = 0.035,
    oscillation_spacing_s: float = 1.0,
    svd_threshold: float | None = None,
    svd_floor: float = 0.01,
    haematocrit_factor: float = HAEMATOCRIT_FACTOR,
    density_g_ml: float = DENSITY_G_ML,
    block_voxels: int = 8000,
    threads: int = 1,
) -> PerfusionMaps:
    """Perfusion maps from tissue curves and an arterial input.

    CBF = 6000 · (kH/ρ) · max k, CBV = 100 · (kH/ρ) · ∫Ct/∫Ca, MTT = 60 · CBV/CBF, and Tmax is the time of
    max k. Height and time of the peak are those of a parabola through the largest sample and its neighbours:
    the height of the sample alone would vary with the delay within a frame.

    Parameters
    ----------
    tissue : (n_voxels, n_frames) array
        ΔR2*, s⁻¹, evenly sampled.
    aif : (n_frames,) array
        Arterial input on the same frames, s⁻¹.
    dt_s : float
        Frame spacing, s.
    method : {"osvd", "csvd", "ssvd"}
        Oscillation-limited block-circulant, block-circulant (both Wu et al. 2003, doi:10.1002/mrm.10522) or
        standard decomposition (Østergaard et al. 1996, doi:10.1002/mrm.1910360510).
    oscillation_index : float
        ``osvd``: the oscillation index that k must stay below.
    oscillation_spacing_s : float
        Frame spacing at which that limit holds, s. The index is a second difference and grows as the square
        of the spacing; so does the limit, or CBF would halve and Tmax lengthen by a second from 0.5 to 2 s.
        ``oscillation_spacing_s=dt_s`` is the limit as published.
    svd_threshold : float, optional
        ``ssvd``, ``csvd``: share of the largest singular value below which one is left out.
        Default: 0.2 for ``ssvd``, 0.1 for ``csvd``.
    svd_floor : float
        ``osvd``: the same, before any oscillation is looked at. A spike at a single lag oscillates little
        among many lags; no arterial input is known well enough to tell what lies below.
    haematocrit_factor, density_g_ml : float
        kH = (1 − arterial)/(1 − capillary haematocrit), and ρ of brain, g/mL.
    block_voxels : int
        Voxels solved at a time. Smaller blocks keep threads waiting for the interpreter, larger ones leave the
        processor's cache, and the rows of a power of two would displace each other from it.
    threads : int
        Blocks solved at the same time; the result does not depend on it.

    Returns
    -------
    PerfusionMaps
        NaN where a curve holds a NaN or has no positive area.

    Raises
    ------
    DataFault
        When the arterial input is not finite or has no positive area.
    ValueError
        When shapes do not fit, ``dt_s`` is not positive or the method is unknown.
    """
    curves, arterial = np.asarray(tissue), np.asarray(aif, dtype=float)
    if curves.ndim != 2 or arterial.shape != curves.shape[1:]:
        raise ValueError(f"tissue {curves.shape} and arterial input {arterial.shape} do not fit")
    if not dt_s > 0:
        raise ValueError(f"the frame spacing must be positive, not {dt_s}")
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; there are {', '.join(METHODS)}")
    if not (np.isfinite(arterial).all() and arterial.sum() > 0):
        raise DataFault("the arterial input is not finite or has no positive area; choose it by hand (arterial_inputs)")
    limits = Regularisation(oscillation_index, oscillation_spacing_s, svd_threshold, svd_floor)
    solve = METHODS[method](arterial, dt_s, limits)
    height, lag, area = np.full((3, len(curves)), np.nan, dtype=np.float32)

    def fill(start: int) -> None:
        block = slice(start, start + block_voxels)
        valid, total = _has_signal(curves[block])
        if valid.any():
            height[block][valid], lag[block][valid] = solve(np.asarray(curves[block][valid], dtype=np.float32))
            area[block][valid] = total[valid]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, len(curves), block_voxels)))
    unit = haematocrit_factor / density_g_ml
    cbf = np.float32(6000 * unit) * height
    cbv = np.float32(100 * unit / arterial.sum()) * area
    return PerfusionMaps(cbf, cbv, np.float32(60) * cbv / cbf, lag * np.float32(dt_s))


def ssvd(aif: Array, dt_s: float, limits: Regularisation) -> Solver:
    """Prepare the standard decomposition: a causal matrix, one threshold.

    Østergaard et al. 1996, doi:10.1002/mrm.1910360510.

    Parameters
    ----------
    aif : (n_frames,) array
        Arterial input, s⁻¹.
    dt_s : float
        Frame spacing, s.
    limits : Regularisation
        Of which ``svd_threshold`` (default 0.2) is used.

    Returns
    -------
    Solver
        Of lags from 0 to n_frames − 1.
    """
    left, singular, right = np.linalg.svd(toeplitz(dt_s * aif, np.zeros_like(aif)))
    kept = singular >= (0.2 if limits.svd_threshold is None else limits.svd_threshold) * singular[0]
    inverse = ((right[kept].T / singular[kept]) @ left[:, kept].T).astype(np.float32)
    return lambda tissue: _peak(tissue @ inverse.T, is_circular=False)


def csvd(aif: Array, dt_s: float, limits: Regularisation) -> Solver:
    """Prepare the block-circulant decomposition: one threshold.

    Wu et al. 2003, doi:10.1002/mrm.10522.

    Parameters
    ----------
    aif : (n_frames,) array
        Arterial input, s⁻¹.
    dt_s : float
        Frame spacing, s.
    limits : Regularisation
        Of which ``svd_threshold`` (default 0.1) is used.

    Returns
    -------
    Solver
        Of lags from −n_frames to n_frames − 1.
    """
    inverse = decompose(aif, dt_s, 0.1 if limits.svd_threshold is None else limits.svd_threshold).inverse()
    return lambda tissue: _peak(tissue @ inverse.T, is_circular=True)


def osvd(aif: Array, dt_s: float, limits: Regularisation) -> Solver:
    """Prepare the block-circulant decomposition truncated voxel by voxel.

    Wu et al. 2003, doi:10.1002/mrm.10522. Singular values are left out from the smallest on until the
    oscillation index OI = (1/L) (1/max k) Σ |k(i) − 2k(i−1) + k(i−2)| is below the limit.

    Parameters
    ----------
    aif : (n_frames,) array
        Arterial input, s⁻¹.
    dt_s : float
        Frame spacing, s.
    limits : Regularisation
        Of which ``oscillation_index``, ``oscillation_spacing_s`` and ``svd_floor`` are used.

    Returns
    -------
    Solver
        Of lags from −n_frames to n_frames − 1.
    """
    spectrum = decompose(aif, dt_s, limits.svd_floor)
    limit = limits.oscillation_index * (dt_s / limits.oscillation_spacing_s) ** 2
    own = threading.local()

    def solve(tissue: Array) -> tuple[Array, Array]:
        if not hasattr(own, "scratch"):
            own.scratch = Scratch()
        return smooth_peaks(spectrum, tissue, limit, own.scratch)

    return solve


METHODS: dict[str, Callable[[Array, float, Regularisation], Solver]] = {
    "ssvd": ssvd,
    "csvd": csvd,
    "osvd": osvd,
}


def time_to_peak(tissue: ArrayLike, dt_s: float, arrival_frame: int = 0) -> Array:
    """Time from the arrival of the bolus in the brain to the peak of the tissue curve.

    Parameters
    ----------
    tissue : (n_voxels, n_frames) array
        ΔR2*, s⁻¹.
    dt_s : float
        Frame spacing, s.
    arrival_frame : int
        Frame from which time counts, the same for all voxels (``Baseline.arrival``); 0 counts from the first.

    Returns
    -------
    (n_voxels,) array
        s, float32, by a parabola through the highest frame and its neighbours; NaN as in :func:`deconvolve`.
    """
    curves = np.asarray(tissue, dtype=np.float32)
    valid, _ = _has_signal(curves)
    time = np.full(len(curves), np.nan, dtype=np.float32)
    time[valid] = (_peak(curves[valid], is_circular=False)[1] - arrival_frame) * np.float32(dt_s)
    return time


def _has_signal(curves: Array) -> tuple[NDArray[np.bool_], Array]:
    """Whether each curve (n, t) is finite with a positive sum, and that sum."""
    total = curves.sum(axis=1)
    return np.isfinite(total) & (total > 0), total


def _peak(k: Array, is_circular: bool) -> tuple[Array, Array]:
    """Height and lag of the peak of k (n, lags), by a parabola through the largest sample and neighbours."""
    voxels, lags = np.arange(len(k)), k.shape[1]
    top = k.argmax(axis=1)
    height = k[voxels, top]
    rise = height - k[voxels, (top - 1) % lags]
    fall = height - k[voxels, (top + 1) % lags]
    bend = rise + fall
    inside = bend > 0
    if not is_circular:
        inside &= (top > 0) & (top < lags - 1)
    shift = np.divide(rise - fall, 2 * bend, out=np.zeros_like(height), where=inside)
    if is_circular:
        top = np.where(top >= lags // 2, top - lags, top)
    return height + 0.5 * bend * shift**2, top + shift
