"""Curves that tissue shows of an arterial input: after any delay, dispersion and passage through its vessels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.interpolate import CubicSpline
from scipy.special import gammaincc

from reperfuse.volumes.arrays import Array


@dataclass(frozen=True)
class _Passage:
    """A kind of passage through tissue: transit times of a gamma distribution of some shape, and a share that is slow.

    A shape of 1 gives an exponential residue function, a large one a box; 0 stands for a linear one. The steeper
    a residue function ends, the more mean transit times are needed to be near every curve.
    """

    shape: float
    slow_share: float
    transits: int


_PASSAGES = (
    _Passage(0, 0.0, 11),
    _Passage(1, 0.0, 11),
    _Passage(3, 0.0, 11),
    _Passage(100, 0.0, 18),
    _Passage(1, 0.2, 9),
    _Passage(25, 0.2, 9),
)
#: How many times as long as the others slow transits are.
_SLOWNESS = 5.0
#: Shortest and longest mean transit time, s.
_TRANSITS_S = (2.5, 18.0)
#: Time constants of the dispersion between artery and tissue, s.
_DISPERSIONS_S = (0.0, 1.0, 2.0)
#: Delay and mean transit time of normal tissue, s.
_NORMAL_S = (0.5, 4.5)
#: SD of the blur of a measured arterial input, and the time over which its curvature is measured, s.
_BLUR_S, _DIFFERENCE_S = 0.8, 1.5


def passage_curves(aif: Array, dt_s: float, arrival: int, delays_s: ArrayLike) -> tuple[Array, Array, NDArray[np.intp]]:
    """Curves of tissue after any delay, dispersion and passage, of any height.

    Parameters
    ----------
    aif : (t,) array
        Arterial input; it is sharpened.
    dt_s : float
        Frame spacing, s.
    arrival : int
        Frames before the bolus.
    delays_s : (d,) array
        s.

    Returns
    -------
    curves : (d, k, t) array
    normal : (t,) array
        Curve of normal tissue.
    kinds : (k,) array
        The kind of passage and dispersion of each curve, from 0 on.
    """
    substeps = max(4, int(np.ceil(dt_s / 0.125)))
    step = dt_s / substeps
    time = np.arange(len(aif)) * dt_s
    fine = np.arange((len(aif) - 1) * substeps + 1) * step
    inflow = _sharpened(CubicSpline(time, aif)(fine), fine)
    inflow[fine < (arrival - 1) * dt_s] = 0

    def delayed(outflows: Array, late_s: ArrayLike) -> Array:
        return _sampled(_convolved(outflows, inflow), (time - np.atleast_1d(late_s)[:, np.newaxis]) / step)

    outflows: list[Array] = []
    kinds: list[int] = []
    for passage in _PASSAGES:
        residues = [_residue(fine, passage, transit_s) for transit_s in np.geomspace(*_TRANSITS_S, passage.transits)]
        for dispersion_s in _DISPERSIONS_S:
            kinds += [kinds[-1] + 1 if kinds else 0] * len(residues)
            outflows += [_dispersed(residue, step, dispersion_s) for residue in residues]
    normal = delayed(np.exp(-fine / _NORMAL_S[1])[np.newaxis], _NORMAL_S[0])
    return delayed(np.stack(outflows), delays_s), normal[0, 0], np.array(kinds)


def _sampled(curves: Array, places: Array) -> Array:
    """Sample k curves at d × t places, in samples, linear in between: (d, k, t); 0 before their first, flat after."""
    places = np.minimum(places, curves.shape[1] - 1)
    left = np.clip(np.floor(places), 0, curves.shape[1] - 2).astype(np.intp)
    part = places - left
    before = np.ascontiguousarray(curves.T)
    found = before[left] * (1 - part)[..., np.newaxis] + before[left + 1] * part[..., np.newaxis]
    found[places < 0] = 0
    return found.transpose(0, 2, 1)


def _sharpened(curve: Array, time: Array) -> Array:
    """Undo, to first order, that a curve was blurred by a Gaussian; none of it is negative.

    The mean over voxels, moved and interpolated, is wider than the course of the contrast agent in blood, and
    dispersion can only make it wider still. A second difference over fixed seconds has as much noise at any spacing.
    """
    before, after = (np.interp(time + lag, time, curve) for lag in (-_DIFFERENCE_S, _DIFFERENCE_S))
    return np.maximum(curve - 0.5 * (_BLUR_S / _DIFFERENCE_S) ** 2 * (before + after - 2 * curve), 0)


def _residue(time: Array, passage: _Passage, transit_s: float) -> Array:
    """Residue function of a passage at times after entry, s."""
    fast = time / (transit_s / (1 + (_SLOWNESS - 1) * passage.slow_share))
    shape = passage.shape
    main = np.asarray(gammaincc(shape, shape * fast)) if shape else np.clip(1 - fast / 2, 0, None)
    return (1 - passage.slow_share) * main + passage.slow_share * np.exp(-fast / _SLOWNESS)


def _convolved(curves: Array, with_curve: Array) -> Array:
    """Convolve curves (..., t) with another (t,), as far as they go; scipy.signal takes a sixth of a second to load."""
    size = fft.next_fast_len(curves.shape[-1] + len(with_curve) - 1, real=True)
    product = fft.rfft(curves, size) * fft.rfft(with_curve, size)
    return np.asarray(fft.irfft(product, size)[..., : len(with_curve)])


def _dispersed(residue: Array, step: float, constant_s: float) -> Array:
    """Convolve a residue function with an exponential of unit area; its first sample counts for half a step."""
    if constant_s == 0:
        return np.concatenate([residue[:1] / 2, residue[1:]])
    passed = -np.diff(np.exp(-np.arange(len(residue) + 1) * step / constant_s))
    return _convolved(residue, passed)
