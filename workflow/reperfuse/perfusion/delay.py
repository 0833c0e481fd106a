"""Arterial delay of tissue: how long after the arterial input the blood of a voxel arrives, and how sure that is.

The time at which a deconvolved curve peaks grows with transit time, dispersion and noise, and lies seconds above the
delay (Calamante et al. 2010, doi:10.1161/STROKEAHA.109.580670). Here each curve is compared with those that the
arterial input gives after any delay, dispersion and passage through tissue. The delay is the mean over all of them,
each counted by how well it explains the curve (Mouridsen et al. 2006, doi:10.1016/j.neuroimage.2006.06.015).

A late arrival and a slow rise look alike. Where a curve leaves the choice open, it is decided by how common each kind
of passage is, which is learnt from the voxels themselves (Kiefer and Wolfowitz 1956, doi:10.1214/aoms/1177728066):
separately for early and late tissue, since collaterals disperse a bolus. All delays are equally probable.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reperfuse.faults import DataFault
from reperfuse.perfusion.passages import passage_curves
from reperfuse.volumes.arrays import Array

#: Delays that are tried, s.
DELAYS_S = np.arange(-2.0, 14.1, 0.5)
#: Blood that arrives early, in a vessel or tissue beside late tissue: SD of its share of the brain's mean curve.
_EARLY_SHARE = 0.1
#: Delays at which the frequencies of passages are learnt, linear in between, s.
_KNOTS_S = (0.5, 3.0, 6.0)
#: Voxels they are learnt from, how often, and how many voxels' worth of equal frequencies is added. A fourth of these
#: voxels leave late tissue 0.1 s to chance, and its volume 8 % (docs/validation/delay.md).
_SAMPLE, _ROUNDS, _PSEUDO_VOXELS = 16000, 100, 5.0
#: What the peak of an arterial input may have lost, of its measured height; the fall of the mean logarithm of the
#: variance left of a few curves that shows that it has lost any; and how many these are. More of it is restored while
#: that variance falls. Residue functions that are none of those above lower it by about 0.01.
_PEAK_LOST, _LEAST_GAIN, _FEW = (0.25, 0.5, 0.75, 1.0), 0.02, 300
#: Smallest amplitude of a curve over its SD: what rises less is no bolus.
_LEAST_SIGNIFICANCE = 5.0
#: SD of the error that passages leave which are none of those above, s (docs/methods/delay.md).
_MODEL_SD_S = 0.35
#: Share of the curves' sum of squares below which a direction of theirs is left out.
_NEGLIGIBLE = 1e-6
#: Numbers a curve is fitted with: amplitude, level, delay and transit time.
_FITTED = 4


@dataclass(frozen=True)
class Delays:
    """Arterial delay of n voxels, each (n,) float32; NaN where it could not be measured.

    Attributes
    ----------
    delay : (n,) array
        Time from the arterial input to the arrival in tissue, s; negative where tissue is ahead of the arterial input.
    sd : (n,) array
        Its standard deviation, s: of noise, of what the curve leaves open, and of the model.
    """

    delay: Array
    sd: Array


def arterial_delay(
    tissue: ArrayLike, aif: ArrayLike, dt_s: float, arrival: int, *, block_voxels: int = 250, threads: int = 1
) -> Delays:
    """Arterial delay from tissue curves and an arterial input.

    Parameters
    ----------
    tissue : (n_voxels, n_frames) array
        ΔR2*, s⁻¹, evenly sampled.
    aif : (n_frames,) array
        Arterial input on the same frames, in any unit.
    dt_s : float
        Frame spacing, s.
    arrival : int
        Frames before the bolus; at least 2, they tell the noise.
    block_voxels : int
        Voxels compared at a time.
    threads : int
        Blocks compared at the same time; the result does not depend on it.

    Returns
    -------
    Delays
        NaN where a curve holds a NaN, where no bolus rises out of the noise, and where the delay is none of
        `DELAYS_S`.

    Raises
    ------
    DataFault
        When the arterial input is not finite or has no positive area.
    ValueError
        When shapes do not fit, ``dt_s`` is not positive or there are fewer than two frames before the bolus.
    """
    curves, arterial = np.asarray(tissue, dtype=np.float32), np.asarray(aif, dtype=float)
    if curves.ndim != 2 or arterial.shape != curves.shape[1:]:
        raise ValueError(f"tissue {curves.shape} and arterial input {arterial.shape} do not fit")
    if not (dt_s > 0 and arrival >= 2):
        raise ValueError(f"a positive frame spacing and two frames before the bolus are needed: {dt_s}, {arrival}")
    if not (np.isfinite(arterial).all() and arterial.sum() > 0):
        raise DataFault("the arterial input is not finite or has no positive area; choose it by hand (arterial_inputs)")
    delay, sd = np.full((2, len(curves)), np.nan, dtype=np.float32)
    total = curves.sum(axis=1)
    usable = np.flatnonzero(np.isfinite(total) & (total > 0))
    if len(usable) == 0:
        return Delays(delay, sd)
    # by their place among all, or the next usable one, so that one voxel more or less does not change the others
    places = np.arange(0, usable[-1] + 1, -(-len(usable) // _SAMPLE))
    sample = curves[usable[np.unique(np.searchsorted(usable, places))]]
    comparison = _prepare(curves[usable], sample[:: -(-len(sample) // _FEW)], arterial, dt_s, arrival)
    prior = _learn(comparison, sample, block_voxels)
    own = threading.local()

    def fill(start: int) -> None:
        if not hasattr(own, "scratch"):
            own.scratch = comparison.scratch(block_voxels)
        block = usable[start : start + block_voxels]
        delay[block], sd[block] = _summarise(*comparison.likelihood(curves[block], own.scratch), prior)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, len(usable), block_voxels)))
    return Delays(delay, sd)


@dataclass(frozen=True)
class _Comparison:
    """Curves (k at each of d delays) that tissue is compared with, where all frames have the same noise.

    Attributes
    ----------
    whitening : (t, t) array
        Takes a curve to where level and early blood count no more than noise.
    basis : (t, r) array
        Orthonormal curves, of which all those compared with are made.
    atoms : (r, d · k) array
        The curves compared with, of length one.
    kinds : (k,) int array
        The kind of passage and dispersion of each.
    share : (k,) array
        One over the number of curves of its kind.
    """

    whitening: Array
    basis: Array
    atoms: Array
    kinds: NDArray[np.intp]
    share: Array

    def scratch(self, voxels: int) -> Array:
        """Return memory for so many voxels."""
        return np.empty((voxels, self.atoms.shape[1]), dtype=np.float32)

    def likelihood(self, curves: Array, scratch: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Likelihood of each curve (n, d, k), relative to the best, and whether there is a bolus (n,).

        The amplitude is that which fits best. The noise is what the best curve leaves, so that a passage which is
        none of these makes the delay uncertain and not wrong.
        """
        fit, explained, left = self._fit(curves, scratch)
        fit *= fit
        fit -= explained[:, np.newaxis]
        fit *= (0.5 / left)[:, np.newaxis]
        np.exp(fit, out=fit)
        return fit.reshape(len(curves), len(DELAYS_S), -1), explained > _LEAST_SIGNIFICANCE**2 * left

    def misfit(self, curves: Array) -> float:
        """Mean logarithm of the variance that the best curve leaves of each curve (n, t)."""
        _, _, left = self._fit(curves, self.scratch(len(curves)))
        return float(np.log(left).mean())

    def _fit(self, curves: Array, scratch: Array) -> tuple[Array, Array, Array]:
        """Projection (n, d · k) on each curve, none negative; sum of squares the best explains; variance it leaves."""
        white = curves @ self.whitening
        fit = np.matmul(white @ self.basis, self.atoms, out=scratch[: len(curves)])
        np.maximum(fit, 0, out=fit)
        explained = fit.max(axis=1) ** 2
        total = np.einsum("nt,nt->n", white, white)
        return fit, explained, np.maximum(total - explained, np.float32(1e-5) * total) / (curves.shape[1] - _FITTED)


def _prepare(curves: Array, few: Array, aif: Array, dt_s: float, arrival: int) -> _Comparison:
    """Prepare the comparison with the curves of an arterial input, its peak restored as far as a few curves ask for.

    Signals add, not curves: of a voxel that holds tissue too, the curve is less than that of blood, and the more so
    the higher it is (:mod:`reperfuse.perfusion.partial_volume`). Tissue knows the shape that blood had. An arterial
    input that is too wide and has too much of a tail leaves more of its curves unexplained.
    """
    best = _compare(curves, aif, dt_s, arrival)
    limit = best.misfit(few) - _LEAST_GAIN
    for lost in _PEAK_LOST:
        other = _compare(curves, aif * (1 + lost * aif / aif.max()), dt_s, arrival)
        misfit = other.misfit(few)
        if misfit > limit:
            break
        best, limit = other, misfit
    return best


def _compare(curves: Array, aif: Array, dt_s: float, arrival: int) -> _Comparison:
    """Prepare the comparison with the curves of an arterial input."""
    frames = len(aif)
    models, early, kinds = passage_curves(aif, dt_s, arrival, DELAYS_S)
    mean = curves.mean(axis=0, dtype=float)
    noise = float(np.median(curves[:, :arrival].std(axis=1, ddof=1)))
    noise = max(noise, 1e-2 * float(mean.max()))  # no model is exact, even where there is no noise
    early *= _EARLY_SHARE * mean.sum() / early.sum() / noise
    covariance = np.eye(frames) + 1 / arrival + np.outer(early, early)
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T
    atoms = models.reshape(-1, frames) @ whitening
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    strength, directions = np.linalg.eigh(atoms.T @ atoms)
    basis = directions[:, strength > _NEGLIGIBLE * strength[-1]]
    share = (1 / np.bincount(kinds))[kinds]
    return _Comparison(
        whitening.astype(np.float32),
        basis.astype(np.float32),
        np.ascontiguousarray((atoms @ basis).T, dtype=np.float32),
        kinds,
        share.astype(np.float32),
    )


def _learn(comparison: _Comparison, curves: Array, block_voxels: int) -> Array:
    """Learn how common each kind of passage is at each delay, (delays, k), by expectation-maximisation.

    All frequencies of a delay add to one, so that no delay is preferred.
    """
    kinds = comparison.kinds.max() + 1
    to_kinds = np.eye(kinds, dtype=np.float32)[comparison.kinds] * comparison.share[:, np.newaxis]
    near = np.stack([np.interp(DELAYS_S, _KNOTS_S, knot) for knot in np.eye(len(_KNOTS_S))], axis=1)
    scratch, evidence = comparison.scratch(block_voxels), []
    for start in range(0, len(curves), block_voxels):
        likelihood, has_bolus = comparison.likelihood(curves[start : start + block_voxels], scratch)
        evidence.append(np.einsum("ndj,di->nji", (likelihood @ to_kinds)[has_bolus], near))
    known = np.concatenate(evidence)
    known /= known.sum(axis=(1, 2), keepdims=True)
    frequency = np.full(known.shape[1:], 1 / kinds)
    for _ in range(_ROUNDS):
        voxels = frequency * np.tensordot(1 / np.tensordot(known, frequency, 2), known, 1)
        frequency = voxels + _PSEUDO_VOXELS / kinds
        frequency /= frequency.sum(axis=0)
    prior = (near @ frequency.T)[:, comparison.kinds] * comparison.share
    return np.asarray(prior, dtype=np.float32)


def _summarise(likelihood: Array, has_bolus: NDArray[np.bool_], prior: Array) -> tuple[Array, Array]:
    """Mean and SD (n,) of the delay."""
    probability = np.matmul(likelihood.transpose(1, 0, 2), prior[:, :, np.newaxis])[:, :, 0].T.astype(float)
    probability /= probability.sum(axis=1, keepdims=True)
    mean = probability @ DELAYS_S
    variance = np.maximum(probability @ DELAYS_S**2 - mean**2, 0)
    at_an_end = probability[:, [0, -1]].max(axis=1) > 0.5
    known = has_bolus & ~at_an_end
    return np.where(known, mean, np.nan), np.where(known, np.sqrt(variance + _MODEL_SD_S**2), np.nan)
