"""Deconvolution with a block-circulant matrix, whose truncation each voxel finds for itself.

A circulant matrix is diagonalised by the discrete Fourier transform: its singular values are the moduli of the
arterial spectrum, and leaving out a singular value is leaving out a frequency. A deconvolved curve k of 2N lags
is the sum of an even part (cosines) and an odd part (sines), k(±i) = even(i) ± odd(i), so that lags 0 to N of
the two parts hold all of it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]

_RANK_TOLERANCE = 1e-5  # singular values below this share of the largest are zero in single precision
_ROUNDING = 1.001  # a bound in single precision may be wrong by less than this


@dataclass(frozen=True)
class Spectrum:
    """A circulant matrix of L = 2N lags in its own basis, strongest frequency first.

    Attributes
    ----------
    analysis : (2, f, N) array
        Takes a tissue curve to the coefficients of k: cosines and sines of f frequencies.
    synthesis : (2, N + 3, f) array
        Takes the coefficients to the even and odd part of k at lags −1 to N + 1.
    curvature : (2, N, f) array
        Takes them to the two parts of its second difference at lags 1 to N; halved at N, which has no partner.
    bend : (f,) array
        Factor by which the second difference changes a frequency's amplitude.
    levels : (m,) array
        Numbers of frequencies a threshold can leave, in the order in which it rises.
    """

    analysis: FloatArray
    synthesis: FloatArray
    curvature: FloatArray
    bend: FloatArray
    levels: NDArray[np.intp]

    @property
    def lags(self) -> int:
        """Number of lags L."""
        return 2 * self.analysis.shape[2]

    def inverse(self) -> FloatArray:
        """Matrix (L, N) from a tissue curve to k, the lags of its second half negative."""
        even, odd = (part @ weights for part, weights in zip(self.synthesis, self.analysis, strict=True))
        return np.concatenate([(even + odd)[1:-1], (even - odd)[-3:1:-1]])


def decompose(aif: FloatArray, dt_s: float, floor: float) -> Spectrum:
    """Decompose the block-circulant matrix of an arterial input.

    Parameters
    ----------
    aif : (N,) array
        Arterial input, s⁻¹.
    dt_s : float
        Frame spacing, s.
    floor : float
        Share of the largest singular value below which one is left out.

    Returns
    -------
    Spectrum
    """
    frames, lags = len(aif), 2 * len(aif)
    response = dt_s * np.fft.rfft(aif, lags)
    modulus = np.abs(response)
    order = np.argsort(-modulus, kind="stable")
    order = order[modulus[order] >= max(floor, _RANK_TOLERANCE) * modulus.max()]
    weight = np.where((order == 0) | (order == frames), 1, 2)[:, np.newaxis] / lags
    inverse = weight * np.exp(-2j * np.pi / lags * np.outer(order, np.arange(frames))) / response[order, np.newaxis]
    angle = 2 * np.pi / lags * np.outer(np.arange(-1, frames + 2), order)
    synthesis = np.stack([np.cos(angle), -np.sin(angle)])
    bend = 4 * np.sin(np.pi / lags * order) ** 2
    curvature = -bend * synthesis[:, 2:-1]
    curvature[:, -1] /= 2
    is_apart = modulus[order][1:] < (1 - _RANK_TOLERANCE) * modulus[order][:-1]
    return Spectrum(
        np.stack([inverse.real, inverse.imag]).astype(np.float32),
        synthesis.astype(np.float32),
        curvature.astype(np.float32),
        bend.astype(np.float32),
        np.flatnonzero(np.append(is_apart, True))[::-1] + 1,
    )


def smooth_peaks(spectrum: Spectrum, tissue: FloatArray, limit: float) -> tuple[FloatArray, FloatArray]:
    """Peak of k at the first level whose oscillation index is below a limit.

    The index is OI = (1/L) (1/max k) Σ |k(i) − 2k(i−1) + k(i−2)|; the last level is taken where none passes.
    A level that two bounds exclude is not tried: one from below for the sum, one from above for max k.

    Parameters
    ----------
    spectrum : Spectrum
    tissue : (n, N) float32 array
        Tissue curves, s⁻¹.
    limit : float
        Of the oscillation index.

    Returns
    -------
    height, lag : (n,) arrays
        s⁻¹ and frames, by a parabola through the largest sample and its neighbours; the lag may be negative.
    """
    coefficients = (spectrum.analysis.reshape(-1, tissue.shape[1]) @ tissue.T).reshape(2, -1, len(tissue))
    oscillation, highest = _bounds(spectrum, coefficients, limit)
    by_voxel = np.ascontiguousarray(coefficients.transpose(0, 2, 1))
    may_pass = oscillation < _ROUNDING * limit * highest
    level = _first_smooth(spectrum, by_voxel, may_pass, highest, limit)
    by_voxel *= np.arange(by_voxel.shape[2]) < level[:, np.newaxis]
    return _peak(*(spectrum.synthesis @ by_voxel.transpose(0, 2, 1)))


def _first_smooth(
    spectrum: Spectrum, by_voxel: FloatArray, may_pass: NDArray[np.bool_], highest: FloatArray, limit: float
) -> NDArray[np.intp]:
    """First level of each voxel (n,) that oscillates less than the limit, from its coefficients (2, n, f)."""
    work = np.empty(spectrum.synthesis[..., 0].size * by_voxel.shape[1], dtype=np.float32)
    reached = np.full(by_voxel.shape[1], spectrum.levels[-1])
    waiting = np.ones(by_voxel.shape[1], dtype=bool)
    for level in spectrum.levels[:-1]:
        tried = np.flatnonzero(may_pass[level - 1] & waiting)
        if len(tried) == 0:
            continue
        kept = by_voxel[:, tried, :level]
        found = _oscillation(spectrum, kept, work)
        near = np.flatnonzero(found < _ROUNDING * limit * highest[level - 1, tried])
        if len(near) == 0:
            continue
        even, odd = _expand(spectrum.synthesis[:, 1:-1], kept[:, near], work)
        np.abs(odd, out=odd)
        even += odd
        passed = tried[near[found[near] < limit * even.max(axis=0)]]
        reached[passed] = level
        waiting[passed] = False
    return reached


def _bounds(spectrum: Spectrum, coefficients: FloatArray, limit: float) -> tuple[FloatArray, FloatArray]:
    """Bound Σ|second difference|/L from below and max k from above at each level, each (f, n).

    The sum of moduli of a periodic sequence is at least half its length times the amplitude of any of its
    frequencies. The index leaves out the two second differences across the ends, at lags 0 and −1, which are
    therefore taken off. The maximum of k is at most the sum of the amplitudes, and at most its maximum at another
    level and the amplitudes between the two.
    """
    cosine, sine = coefficients
    amplitude = np.sqrt(cosine * cosine + sine * sine)
    least = spectrum.bend[:, np.newaxis] * amplitude
    even, odd = spectrum.curvature[:, 0, :, np.newaxis]
    # of the two ends and the amplitudes, a sum over frequencies up to each level
    sums = np.stack([-spectrum.bend[:, np.newaxis] * cosine, even * cosine - odd * sine, amplitude], axis=1)
    for level in range(1, len(amplitude)):
        np.maximum(least[level], least[level - 1], out=least[level])
        sums[level] += sums[level - 1]
    least *= 0.5
    np.abs(sums[:, :2], out=sums[:, :2])
    least -= (sums[:, 0] + sums[:, 1]) / np.float32(spectrum.lags)
    highest = sums[:, 2]
    may_pass = least < _ROUNDING * limit * highest
    # the number of frequencies at which most of the search begins
    first = int(np.median(len(least) - may_pass[::-1].argmax(axis=0)))
    even, odd = spectrum.synthesis[:, 1:-1, :first] @ coefficients[:, :first]
    known = (even + np.abs(odd)).max(axis=0)
    return least, np.minimum(highest, known + np.abs(highest - highest[first - 1]))


def _oscillation(spectrum: Spectrum, kept: FloatArray, work: FloatArray) -> FloatArray:
    """Sum of moduli of the second difference of k over L, from the coefficients (2, n, m) of a level."""
    even, odd = parts = _expand(spectrum.curvature, kept, work)
    across = np.abs(even[0] - odd[0])  # at lag −1
    np.abs(parts, out=parts)
    np.maximum(even, odd, out=even)  # |a + b| + |a − b| = 2 max(|a|, |b|)
    return (2 * even.sum(axis=0) - across) / np.float32(spectrum.lags)


def _expand(parts: FloatArray, kept: FloatArray, work: FloatArray) -> FloatArray:
    """Even and odd part (2, lags, n) from the coefficients (2, n, m) of a level, in a given memory."""
    _, voxels, level = kept.shape
    shape = (*parts.shape[:2], voxels)
    out = work[: int(np.prod(shape))].reshape(shape)
    return np.matmul(parts[..., :level], kept.transpose(0, 2, 1), out=out)


def _peak(even: FloatArray, odd: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Height and lag (n,) of the peak of k from its parts (N + 3, n), by a parabola through the largest sample."""
    voxels, frames = np.arange(even.shape[1]), len(even) - 3
    top = (even[1:-1] + np.abs(odd[1:-1])).argmax(axis=0) + 1
    side = np.where(odd[top, voxels] < 0, -1, 1).astype(np.float32)
    before, height, after = (even[row, voxels] + side * odd[row, voxels] for row in (top - 1, top, top + 1))
    rise, fall = height - before, height - after
    bend = rise + fall
    shift = np.divide(rise - fall, 2 * bend, out=np.zeros_like(height), where=bend > 0)
    lag = np.where(top == frames + 1, -frames, side * (top - 1)) + side * shift  # lag N is lag −N
    return height + 0.5 * bend * shift**2, lag
