"""Deconvolution with a block-circulant matrix, whose truncation each voxel finds for itself.

A circulant matrix is diagonalised by the discrete Fourier transform: its singular values are the moduli of the
arterial spectrum, and leaving out a singular value is leaving out a frequency. A deconvolved curve k of 2N lags
is the sum of an even part (cosines) and an odd part (sines), k(±i) = even(i) ± odd(i), so that lags 0 to N of
the two parts hold all of it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reperfuse.volumes.arrays import Array

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

    analysis: Array
    synthesis: Array
    curvature: Array
    bend: Array
    levels: NDArray[np.intp]

    @property
    def lags(self) -> int:
        """Number of lags L."""
        return 2 * self.analysis.shape[2]

    def inverse(self) -> Array:
        """Matrix (L, N) from a tissue curve to k, the lags of its second half negative."""
        even, odd = (part @ weights for part, weights in zip(self.synthesis, self.analysis, strict=True))
        return np.concatenate([(even + odd)[1:-1], (even - odd)[-3:1:-1]])


def decompose(aif: Array, dt_s: float, floor: float) -> Spectrum:
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


class Scratch:
    """Memory that a thread uses again for each block of voxels: new pages would cost as much as the arithmetic."""

    def __init__(self) -> None:
        self._buffers: dict[str, Array] = {}

    def __call__(self, name: str, *shape: int) -> Array:
        """Return a float32 array that shares its memory with the last one of that name."""
        size = math.prod(shape)
        if name not in self._buffers or self._buffers[name].size < size:
            self._buffers[name] = np.empty(size, dtype=np.float32)
        return self._buffers[name][:size].reshape(shape)


def smooth_peaks(spectrum: Spectrum, tissue: Array, limit: float, scratch: Scratch) -> tuple[Array, Array]:
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
    scratch : Scratch
        Of this thread.

    Returns
    -------
    height, lag : (n,) arrays
        s⁻¹ and frames, by a parabola through the largest sample and its neighbours; the lag may be negative.
    """
    _, frequencies, frames = spectrum.analysis.shape
    coefficients = scratch("coefficients", 2, frequencies, len(tissue))
    analysis = spectrum.analysis.reshape(-1, frames)
    np.matmul(analysis, tissue.T, out=coefficients.reshape(len(analysis), -1))
    least, highest = _bounds(spectrum, coefficients, limit, scratch)
    may_pass = least < np.multiply(_ROUNDING * limit, highest, out=scratch("product", *highest.shape))
    by_voxel = scratch("by voxel", 2, len(tissue), frequencies)
    np.copyto(by_voxel, coefficients.transpose(0, 2, 1))
    level = _first_smooth(spectrum, by_voxel, may_pass, highest, limit, scratch)
    by_voxel *= np.arange(frequencies) < level[:, np.newaxis]
    even, odd = _expand(spectrum.synthesis, by_voxel, scratch)
    return _peak(even, odd, scratch)


def _first_smooth(
    spectrum: Spectrum,
    by_voxel: Array,
    may_pass: NDArray[np.bool_],
    highest: Array,
    limit: float,
    scratch: Scratch,
) -> NDArray[np.intp]:
    """First level of each voxel (n,) that oscillates less than the limit, from its coefficients (2, n, f)."""
    _, voxels, frequencies = by_voxel.shape
    reached = np.full(voxels, spectrum.levels[-1])
    waiting = np.ones(voxels, dtype=bool)
    for level in spectrum.levels[:-1]:
        tried = np.flatnonzero(may_pass[level - 1] & waiting)
        if len(tried) == 0:
            continue
        kept = by_voxel.take(tried, axis=1, out=scratch("tried", 2, len(tried), frequencies), mode="clip")
        found = _oscillation(spectrum, kept[..., :level], scratch)
        near = np.flatnonzero(found < _ROUNDING * limit * highest[level - 1, tried])
        kept = kept.take(near, axis=1, out=scratch("near", 2, len(near), frequencies), mode="clip")
        largest = _largest(*_expand(spectrum.synthesis[:, 1:-1], kept[..., :level], scratch))
        passed = tried[near[found[near] < limit * largest]]
        reached[passed] = level
        waiting[passed] = False
    return reached


def _bounds(spectrum: Spectrum, coefficients: Array, limit: float, scratch: Scratch) -> tuple[Array, Array]:
    """Bound Σ|second difference|/L from below and max k from above at each level, each (f, n).

    The sum of moduli of a periodic sequence is at least half its length times the amplitude of any of its
    frequencies. The index leaves out the two second differences across the ends, at lags 0 and −1, which are
    therefore taken off. The maximum of k is at most the sum of the amplitudes, and at most its maximum at another
    level and the amplitudes between the two.
    """
    shape = coefficients.shape[1:]
    bend, product = spectrum.bend[:, np.newaxis], scratch("product", *shape)
    cosine, sine = coefficients
    total = np.multiply(cosine, cosine, out=scratch("total", *shape))
    total += np.multiply(sine, sine, out=product)
    np.sqrt(total, out=total)
    least = np.multiply(bend, total, out=scratch("least", *shape))
    # the second difference at lags 0 and −1, a sum over frequencies up to each level
    ends = scratch("ends", 2, *shape)
    even, odd = spectrum.curvature[:, 0, :, np.newaxis]
    np.multiply(bend, cosine, out=ends[0])
    np.multiply(even, cosine, out=ends[1])
    ends[1] -= np.multiply(odd, sine, out=product)
    for level in range(1, len(total)):
        np.maximum(least[level], least[level - 1], out=least[level])
        total[level] += total[level - 1]
        ends[:, level] += ends[:, level - 1]
    np.abs(ends, out=ends)
    ends[0] += ends[1]
    ends[0] *= np.float32(2 / spectrum.lags)
    least -= ends[0]
    least *= 0.5
    may_pass = least < np.multiply(_ROUNDING * limit, total, out=product)
    # where half of the voxels begin to search, and where many of them end
    begin = 1 + max(np.flatnonzero(2 * np.count_nonzero(may_pass, axis=1) > shape[1]), default=0)
    highest = ends[1]
    np.copyto(highest, total)
    for level in (begin, (3 * begin + 3) // 4):
        parts = _expand(spectrum.synthesis[:, 1:-1], coefficients[:, :level].transpose(0, 2, 1), scratch)
        known = _largest(*parts)
        np.abs(np.subtract(total, total[level - 1], out=product), out=product)
        product += known
        np.minimum(highest, product, out=highest)
    return least, highest


def _oscillation(spectrum: Spectrum, kept: Array, scratch: Scratch) -> Array:
    """Sum of moduli of the second difference of k over L, from the coefficients (2, n, m) of a level."""
    even, odd = parts = _expand(spectrum.curvature, kept, scratch)
    across = np.abs(even[0] - odd[0])  # at lag −1
    np.abs(parts, out=parts)
    np.maximum(even, odd, out=even)  # |a + b| + |a − b| = 2 max(|a|, |b|)
    return (2 * even.sum(axis=0) - across) / np.float32(spectrum.lags)


def _largest(even: Array, odd: Array) -> Array:
    """Largest sample (n,) of k from its parts, which are overwritten."""
    np.abs(odd, out=odd)
    even += odd
    return even.max(axis=0)


def _expand(parts: Array, kept: Array, scratch: Scratch) -> Array:
    """Even and odd part (2, lags, n) from the coefficients (2, n, m) of a level."""
    _, voxels, level = kept.shape
    out = scratch("parts", *parts.shape[:2], voxels)
    return np.matmul(parts[..., :level], kept.transpose(0, 2, 1), out=out)


def _peak(even: Array, odd: Array, scratch: Scratch) -> tuple[Array, Array]:
    """Height and lag (n,) of the peak of k from its parts (N + 3, n), by a parabola through the largest sample."""
    voxels, frames = np.arange(even.shape[1]), len(even) - 3
    larger = np.abs(odd[1:-1], out=scratch("larger", frames + 1, even.shape[1]))
    larger += even[1:-1]
    top = larger.argmax(axis=0) + 1
    side = np.where(odd[top, voxels] < 0, -1, 1).astype(np.float32)
    before, height, after = (even[row, voxels] + side * odd[row, voxels] for row in (top - 1, top, top + 1))
    rise, fall = height - before, height - after
    bend = rise + fall
    shift = np.divide(rise - fall, 2 * bend, out=np.zeros_like(height), where=bend > 0)
    lag = np.where(top == frames + 1, -frames, side * (top - 1)) + side * shift  # lag N is lag −N
    return height + 0.5 * bend * shift**2, lag
