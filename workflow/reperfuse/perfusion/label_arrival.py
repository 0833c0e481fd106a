"""Blood flow and arterial transit time from arterial spin labelling at several delays.

All transit times are tried at once: the differences of n voxels times the curves of the general kinetic model at every
transit time are one product of matrices. Around the best, some are tried again with the wash-out of the flow that was
found, and a parabola through them gives the transit time.

The largest of many fits follows the noise, and flow would read too high. So the transit time, which changes slowly in
space, is found in differences that are smoothed more; the flow at that transit time is linear in the differences, and
noise does not shift it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.perfusion.label_kinetics import label_signal
from reperfuse.perfusion.labelling import Labelling
from reperfuse.volumes.arrays import Array

#: Transit times that are tried, s: from the first to the latest that leaves some label to be seen.
_FIRST_S, _LAST_S, _STEP_S = 0.1, 5.0, 0.05
#: What of the bolus must have arrived at the last delay, s.
_LEAST_ARRIVED_S = 0.3
#: Transit times of people, mean and SD, s. It decides where the data do not: before the first delay all of the label
#: has come, and when it came is not seen.
_USUAL_S, _USUAL_SD_S = 1.2, 1.0
#: Flow at which the curves are drawn at first, and least and most, mL/100 g/min; it decides how fast label is washed
#: out.
_TYPICAL_FLOW, _DRAWN_FLOW = 50.0, (1.0, 300.0)
#: Steps of the transit times tried around the best, s, in each round, and how many.
_FINER_S, _AROUND = (0.03, 0.01, 0.003), np.arange(-3, 4)
#: A transit time is known where the signal stands so far out of the noise.
_LEAST_SIGNIFICANCE = 3.0
#: Noise of an image is taken for at least this share of the signal.
_LEAST_NOISE = 3e-4


@dataclass(frozen=True)
class Arrivals:
    """Blood flow and transit time of n voxels, each (n,).

    Attributes
    ----------
    flow : (n,) array
        mL/100 g/min; negative where noise makes the differences so, NaN where M0 or a difference is unknown.
    arrival_s : (n,) array
        Arterial transit time, s; NaN where there is too little signal to tell, or none before the last delay. One that
        lies before the first delay reads as the first delay.
    noise : float
        SD of the smoothed difference of one pair, in the unit of the images.
    """

    flow: Array
    arrival_s: Array
    noise: float


def flow_and_arrival(
    differences: Array,
    m0: Array,
    delays_s: ArrayLike,
    durations_s: ArrayLike,
    pairs: ArrayLike,
    labelling: Labelling,
    *,
    smoothed: Array | None = None,
    later_s: Array | None = None,
    noise: float | None = None,
) -> Arrivals:
    """Estimate blood flow and arterial transit time.

    Parameters
    ----------
    differences : (n, d) array
        Mean difference of control and label at each of d delays.
    m0 : (n,) array
        Relaxed signal of tissue.
    delays_s, durations_s : (d,) array_like
        From the end of labelling (pulsed: from the pulse) to the readout of the first slice, and the labelled bolus, s.
    pairs : (d,) array_like
        How many pairs the mean is of.
    labelling : Labelling
    smoothed : (n, d) array, optional
        Differences that are smoothed more, in which the transit time is found.
    later_s : (n,) array, optional
        How much later than the first slice each voxel is read, s.
    noise : float, optional
        SD of the smoothed difference of one pair; without it, what the best curves leave tells.

    Returns
    -------
    Arrivals
    """
    data, weights = np.asarray(differences, float), np.asarray(pairs, float)
    steady = data if smoothed is None else np.asarray(smoothed, float)
    delays, durations = np.asarray(delays_s, float), np.asarray(durations_s, float)
    later = np.zeros(len(data)) if later_s is None else np.asarray(later_s, float)
    known = np.isfinite(data).all(axis=1) & np.isfinite(steady).all(axis=1) & (np.nan_to_num(m0) > 0)
    flow, arrival = np.full((2, len(data)), np.nan)
    if not known.any():
        return Arrivals(flow, arrival, np.nan)
    search = _Search(delays, durations, weights, labelling)
    if noise is None:
        noise = search.noise_left(steady[known], later[known])
    noise = max(noise, _LEAST_NOISE * float(np.sqrt(np.mean(steady[known] ** 2) * weights.mean())))
    found, significance = search.best(steady[known], later[known], noise)
    read = delays + later[known, np.newaxis]
    near, own = (_Own(values[known], read, durations, weights, labelling) for values in (steady, data))
    drawn, scale = np.full(len(found), _TYPICAL_FLOW), np.asarray(m0, float)[known]
    for step_s in _FINER_S:
        found = near.arrival(found, drawn, noise, step_s)
        drawn = np.clip(near.strength(found, drawn) * drawn / scale, *_DRAWN_FLOW)
    flow[known] = own.strength(found, drawn) * drawn / scale
    seen = (significance > _LEAST_SIGNIFICANCE) & (found < search.arrivals_s[-1] - _STEP_S / 2)
    arrival[known] = np.where(seen, found, np.nan)
    return Arrivals(flow, arrival, noise)


class _Search:
    """The curves that differences are compared with, slice by slice."""

    def __init__(self, delays_s: Array, durations_s: Array, weights: Array, labelling: Labelling) -> None:
        self.delays_s, self.durations_s, self.labelling = delays_s, durations_s, labelling
        self.root = np.sqrt(weights)
        end = delays_s + (0 if labelling.is_pulsed else durations_s)
        self.arrivals_s = np.arange(_FIRST_S, min(_LAST_S, float(end.max()) - _LEAST_ARRIVED_S), _STEP_S)

    def _fit(self, data: Array, later_s: float) -> tuple[Array, Array]:
        """Signal along the curve of each transit time, (n, a), of length one, and the sum of squares, (n,)."""
        delays = self.delays_s + later_s
        curves = label_signal(
            _TYPICAL_FLOW, self.arrivals_s[:, np.newaxis], delays, self.durations_s, self.labelling
        ) * self.root  # fmt: skip
        length = np.linalg.norm(curves, axis=1, keepdims=True)
        curves = np.divide(curves, length, out=np.zeros_like(curves), where=length > 0)
        weighted = data * self.root
        return weighted @ curves.T, np.einsum("nd,nd->n", weighted, weighted)

    def noise_left(self, data: Array, later_s: Array) -> float:
        """SD of the difference of one pair, from what the best curve leaves."""
        free = data.shape[1] - 2
        if free < 1:
            return 0.0
        left = np.empty(len(data))
        for offset in np.unique(later_s):
            here = later_s == offset
            along, total = self._fit(data[here], float(offset))
            left[here] = total - np.maximum(along.max(axis=1), 0) ** 2
        return float(np.sqrt(max(float(np.median(left)), 0.0) / free))

    def best(self, data: Array, later_s: Array, noise: float) -> tuple[Array, Array]:
        """Most probable transit time (s) of each voxel, and its signal over the noise."""
        arrival, significance = np.empty((2, len(data)))
        for offset in np.unique(later_s):
            here = np.flatnonzero(later_s == offset)
            along, _ = self._fit(data[here], float(offset))
            probable = _log_probability(along, self.arrivals_s, noise)
            top = probable.argmax(axis=1)
            row = np.arange(len(here))
            significance[here] = along[row, top] / noise
            arrival[here] = self.arrivals_s[top] + _STEP_S * _vertex(probable, top)
        return arrival, significance


def _vertex(values: Array, top: np.ndarray) -> Array:
    """Where the parabola through the highest sample and its neighbours is highest, in samples from it, (n,)."""
    inner = np.clip(top, 1, values.shape[1] - 2)
    row = np.arange(len(values))
    before, at, after = (values[row, inner + step] for step in (-1, 0, 1))
    bend = before - 2 * at + after
    offset = np.divide(before - after, 2 * bend, out=np.zeros(len(values)), where=bend < 0)
    return np.where(inner == top, np.clip(offset, -0.5, 0.5), 0)


@dataclass(frozen=True)
class _Own:
    """Differences (n, d) at the delays (n, d) of each voxel, to compare with curves of its own flow."""

    data: Array
    delays_s: Array
    durations_s: Array
    weights: Array
    labelling: Labelling

    def _along(self, arrival_s: Array, flow: Array) -> tuple[Array, Array]:
        """Signal along a curve, (n,), and the curve's length."""
        curve = label_signal(
            flow[:, np.newaxis], arrival_s[:, np.newaxis], self.delays_s, self.durations_s, self.labelling
        )  # fmt: skip
        length = np.sqrt((self.weights * curve**2).sum(axis=1))
        along = (self.weights * curve * self.data).sum(axis=1)
        return np.divide(along, length, out=np.zeros_like(along), where=length > 0), length

    def arrival(self, near_s: Array, flow: Array, noise: float, step_s: float) -> Array:
        """Most probable transit time around one that is nearly right, s."""
        tried = near_s[:, np.newaxis] + step_s * _AROUND
        along = np.stack([self._along(one, flow)[0] for one in tried.T], axis=1)
        probable = _log_probability(along, tried, noise)
        top = probable.argmax(axis=1)
        return tried[np.arange(len(tried)), top] + step_s * _vertex(probable, top)

    def strength(self, arrival_s: Array, flow: Array) -> Array:
        """How many times as large the differences are as the curve."""
        along, length = self._along(arrival_s, flow)
        return np.divide(along, length, out=np.zeros_like(along), where=length > 0)


def _log_probability(along: Array, arrivals_s: Array, noise: float) -> Array:
    """Log of the probability of transit times, but for a constant, by the signal along the curve of each."""
    return 0.5 * (np.maximum(along, 0) / noise) ** 2 - 0.5 * ((arrivals_s - _USUAL_S) / _USUAL_SD_S) ** 2
