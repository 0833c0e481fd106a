"""CBF, CBV, MTT and Tmax by deconvolution of tissue curves with the arterial input.

The indicator-dilution equation is Ct = (ρ/kH) · CBF · (Ca ⊗ R); the deconvolved curve k = (ρ/kH) · CBF · R is
estimated by truncated singular value decomposition. A method is one function that prepares a solver for one
arterial input, and one entry in ``METHODS``.

A circulant matrix is diagonalised by the discrete Fourier transform: its singular values are the moduli of
the arterial spectrum, and leaving out a singular value is leaving out a frequency. Blocks of voxels are
therefore solved as products of small matrices.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import toeplitz

from reperfuse.faults import DataFault

FloatArray = NDArray[np.floating]

_RANK_TOLERANCE = 1e-5  # singular values below this share of the largest are zero in single precision


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

    cbf: FloatArray
    cbv: FloatArray
    mtt: FloatArray
    tmax: FloatArray


@dataclass(frozen=True)
class Regularisation:
    """What tells signal from noise; see :func:`deconvolve`."""

    oscillation_index: float
    oscillation_spacing_s: float
    svd_threshold: float | None
    svd_floor: float


@dataclass(frozen=True)
class Solver:
    """Deconvolution prepared for one arterial input.

    Attributes
    ----------
    solve : callable
        Takes tissue curves (n, n_frames) to k (n, n_lags), s⁻¹.
    is_circular : bool
        Whether lags of the second half are negative and the last lag is a neighbour of the first.
    """

    solve: Callable[[FloatArray], FloatArray]
    is_circular: bool


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
    haematocrit_factor: float = (1 - 0.45) / (1 - 0.25),
    density_g_ml: float = 1.04,
    block_voxels: int = 2048,
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
        Voxels solved at a time; the default keeps a block in the processor's cache.
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
        raise DataFault("the arterial input is not finite or has no positive area")
    limits = Regularisation(oscillation_index, oscillation_spacing_s, svd_threshold, svd_floor)
    solver = METHODS[method](arterial, dt_s, limits)
    height, lag, area = np.full((3, len(curves)), np.nan, dtype=np.float32)

    def fill(start: int) -> None:
        block = slice(start, start + block_voxels)
        valid, total = _has_signal(curves[block])
        if valid.any():
            k = solver.solve(np.asarray(curves[block][valid], dtype=np.float32))
            height[block][valid], lag[block][valid] = _peak(k, solver.is_circular)
            area[block][valid] = total[valid]

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, len(curves), block_voxels)))
    unit = haematocrit_factor / density_g_ml
    cbf = np.float32(6000 * unit) * height
    cbv = np.float32(100 * unit / arterial.sum()) * area
    return PerfusionMaps(cbf, cbv, np.float32(60) * cbv / cbf, lag * np.float32(dt_s))


def ssvd(aif: FloatArray, dt_s: float, limits: Regularisation) -> Solver:
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
        With lags from 0 to n_frames − 1.
    """
    left, singular, right = np.linalg.svd(toeplitz(dt_s * aif, np.zeros_like(aif)))
    kept = singular >= (0.2 if limits.svd_threshold is None else limits.svd_threshold) * singular[0]
    inverse = ((right[kept].T / singular[kept]) @ left[:, kept].T).astype(np.float32)
    return Solver(lambda tissue: tissue @ inverse.T, is_circular=False)


def csvd(aif: FloatArray, dt_s: float, limits: Regularisation) -> Solver:
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
        With 2 · n_frames lags, those of the second half negative.
    """
    spectrum = _Spectrum.of(aif, dt_s, 0.1 if limits.svd_threshold is None else limits.svd_threshold)
    inverse = spectrum.synthesis @ spectrum.analysis
    return Solver(lambda tissue: tissue @ inverse.T, is_circular=True)


def osvd(aif: FloatArray, dt_s: float, limits: Regularisation) -> Solver:
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
        With 2 · n_frames lags, those of the second half negative.
    """
    spectrum = _Spectrum.of(aif, dt_s, limits.svd_floor)
    bounds = _Bounds.of(spectrum)
    limit = limits.oscillation_index * (dt_s / limits.oscillation_spacing_s) ** 2

    def solve(tissue: FloatArray) -> FloatArray:
        coefficients = spectrum.analysis @ tissue.T
        may_pass = bounds.least_oscillation(coefficients) < 1.001 * limit  # room for rounding
        by_voxel = np.ascontiguousarray(coefficients.T)
        level = _first_smooth(spectrum, by_voxel, may_pass, limit)
        by_voxel[np.arange(by_voxel.shape[1]) >= 2 * level[:, np.newaxis]] = 0
        return by_voxel @ spectrum.synthesis.T

    return Solver(solve, is_circular=True)


METHODS: dict[str, Callable[[FloatArray, float, Regularisation], Solver]] = {
    "ssvd": ssvd,
    "csvd": csvd,
    "osvd": osvd,
}


def time_to_peak(tissue: ArrayLike, dt_s: float, arrival_frame: int = 0) -> FloatArray:
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


@dataclass(frozen=True)
class _Spectrum:
    """A circulant matrix of 2N lags in its own basis: a cosine and a sine for each of f frequencies.

    ``analysis`` (2f, N) takes a tissue curve to the coefficients of k, ``synthesis`` (2N, 2f) coefficients to
    k, cosine and sine in turn, strongest frequency first: the first 2m are what m frequencies leave. ``bend``
    (f,) is the factor by which the second difference changes a frequency's amplitude. ``levels`` are the
    numbers of frequencies a threshold can leave, in the order in which it rises.
    """

    analysis: FloatArray
    synthesis: FloatArray
    bend: FloatArray
    levels: NDArray[np.intp]

    @classmethod
    def of(cls, aif: FloatArray, dt_s: float, floor: float) -> "_Spectrum":
        frames, lags = len(aif), 2 * len(aif)
        response = dt_s * np.fft.rfft(aif, lags)
        modulus = np.abs(response)
        order = np.argsort(-modulus, kind="stable")
        order = order[modulus[order] >= max(floor, _RANK_TOLERANCE) * modulus.max()]
        angle = 2 * np.pi / lags * (np.outer(order, np.arange(lags)) % lags)
        weight = np.where((order == 0) | (order == frames), 1, 2)[:, np.newaxis] / lags
        inverse = weight * np.exp(-1j * angle[:, :frames]) / response[order, np.newaxis]
        is_apart = modulus[order][1:] < (1 - _RANK_TOLERANCE) * modulus[order][:-1]
        return cls(
            np.stack([inverse.real, inverse.imag], axis=1).reshape(-1, frames).astype(np.float32),
            np.stack([np.cos(angle), -np.sin(angle)], axis=1).reshape(-1, lags).T.astype(np.float32),
            4 * np.sin(np.pi / lags * order) ** 2,
            np.flatnonzero(np.append(is_apart, True))[::-1] + 1,
        )


@dataclass(frozen=True)
class _Bounds:
    """What bounds the oscillation index from below without k: most levels need not be tried.

    The sum of moduli of a periodic sequence is at least half its length times the amplitude of any of its
    frequencies, and the maximum of k at most the sum of the amplitudes. The index leaves out the two second
    differences across the ends, which are therefore taken off. ``ends`` (2f, 2f) gives these two at each
    level, ``bend`` (f, 1) goes from an amplitude to the sum of moduli, ``total`` (f, f) adds up amplitudes.
    """

    ends: FloatArray
    bend: FloatArray
    total: FloatArray

    @classmethod
    def of(cls, spectrum: _Spectrum) -> "_Bounds":
        first, second, last, last_but_one = spectrum.synthesis[[0, 1, -1, -2]]
        frequencies, lags = len(spectrum.bend), len(spectrum.synthesis)
        kept = np.arange(2 * frequencies) // 2 <= np.arange(frequencies)[:, np.newaxis]
        ends = [kept * (first - 2 * last + last_but_one), kept * (second - 2 * first + last)]
        return cls(
            np.concatenate(ends).astype(np.float32),
            (lags / 2 * spectrum.bend[:, np.newaxis]).astype(np.float32),
            lags * np.tri(frequencies, dtype=np.float32),
        )

    def least_oscillation(self, coefficients: FloatArray) -> FloatArray:
        """Bound (f, n) at each level, from the coefficients (2f, n) of k."""
        frequencies = len(self.bend)
        modulus = coefficients[::2] ** 2
        modulus += coefficients[1::2] ** 2
        np.sqrt(modulus, out=modulus)
        largest = self.bend * modulus
        for level in range(1, frequencies):
            np.maximum(largest[level], largest[level - 1], out=largest[level])
        ends = self.ends @ coefficients
        np.abs(ends, out=ends)
        largest -= ends[:frequencies]
        largest -= ends[frequencies:]
        largest /= self.total @ modulus
        return largest


def _first_smooth(
    spectrum: _Spectrum, coefficients: FloatArray, may_pass: NDArray[np.bool_], limit: float
) -> NDArray[np.intp]:
    """First level of each voxel (n,) that oscillates less than the limit, from its coefficients (n, 2f)."""
    lags = len(spectrum.synthesis)
    work = np.empty((2, lags * len(coefficients)), dtype=np.float32)
    reached = np.full(len(coefficients), spectrum.levels[-1])
    waiting = np.ones(len(coefficients), dtype=bool)
    for level in spectrum.levels[:-1]:
        tried = np.flatnonzero(may_pass[level - 1] & waiting)
        if len(tried) == 0:
            continue
        k, spare = (part[: lags * len(tried)].reshape(lags, -1) for part in work)
        np.matmul(spectrum.synthesis[:, : 2 * level], coefficients[tried, : 2 * level].T, out=k)
        passed = tried[_oscillation(k, spare) < limit]
        reached[passed] = level
        waiting[passed] = False
    return reached


def _oscillation(k: FloatArray, spare: FloatArray) -> FloatArray:
    """Oscillation index of k (2N, n): mean modulus of its second difference over its maximum."""
    slope, bend = spare[:-1], spare[:-2]
    np.subtract(k[1:], k[:-1], out=slope)
    np.subtract(slope[1:], slope[:-1], out=bend)
    np.abs(bend, out=bend)
    return bend.sum(axis=0) / (len(k) * k.max(axis=0))


def _has_signal(curves: FloatArray) -> tuple[NDArray[np.bool_], FloatArray]:
    """Whether each curve (n, t) is finite with a positive sum, and that sum."""
    total = curves.sum(axis=1)
    return np.isfinite(total) & (total > 0), total


def _peak(k: FloatArray, is_circular: bool) -> tuple[FloatArray, FloatArray]:
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
