"""Blood in voxels that hold a vessel and the tissue beside it.

Signals add, not curves. A voxel with a share f of blood, whose ΔR2* is C, has the signal

    S/S0 = f · exp(−TE · C) + (1 − f) · T · exp(−TE · κ · C),

where T is the signal of tissue far from vessels and κ the field that the blood makes in the tissue beside it, near
which arteries can be measured however strong the bolus (Duhamel, Schlaug and Alsop 2006, doi:10.1002/mrm.20802).
Where the signal of blood is gone, −ln(S/S0)/TE shows the tissue, and its peak is cut off (Chen, Smith and Frayne 2005,
doi:10.1002/jmri.20393).

What of blood cannot be seen then is known from the brain: the signal of tissue, of which blood is a few per cent, is
never gone. A vein's curve is that of the tissue it drains, and tissue has the curve of its artery after a
residue that is a mixture of exponentials; their delay and scale are free.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares, nnls

from reperfuse.volumes.arrays import Array

#: Least share of the signal that comes from blood: below it, what is not blood decides the curve.
LEAST_BLOOD = 0.1
#: Signal of blood over S0 below which what else is in its voxels decides it: a tenth of tissue is often there.
DARK = 0.1
#: Deviation of a voxel's signal over S0 beyond which it counts little for a vein: noise, and a head that has moved.
_DEVIATION = 0.03
#: How far the share of the purest voxel of a vein may be from one, about. With less blood and more of a bolus a voxel
#: is as dark: one share must be known, and the middle of a vein of several voxels is blood.
_PURITY = 0.03
#: Largest field κ, of that in the blood. At the wall of a cylinder it is a third, and it falls with the distance.
_STRONGEST_FIELD = 0.5
#: Delays and mean transit times tried for tissue after its artery, s.
_DELAYS_S, _TRANSITS_S = np.arange(-1.0, 4.1, 0.5), (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def remove_tissue(
    signal: ArrayLike, tissue: ArrayLike, total: float, noise: float, echo_time_s: float
) -> tuple[Array, float]:
    """Arterial curve of larger area, without the signal of the tissue that shares the voxels, for κ = 0.

    No factor brings back the shape of a curve whose peak is cut off. The share f of blood is the one at which C has
    the area asked for.

    Parameters
    ----------
    signal : (t,) array
        Mean signal of arterial voxels over the signal before the bolus.
    tissue : (t,) array
        The same of tissue, T.
    total : float
        Sum of the curve over all frames, s⁻¹; more than that of −ln(signal)/TE.
    noise : float
        Standard deviation of ``signal``; less of it cannot be told from no signal.
    echo_time_s : float
        Echo time TE, s.

    Returns
    -------
    curve : (t,) array
        C, s⁻¹. What no share of 0.1 or more explains of the area is made up for by a factor.
    share : float
        f.
    """
    mixed, rest = np.asarray(signal, dtype=float), np.asarray(tissue, dtype=float)
    shares = np.linspace(1, LEAST_BLOOD, 901)[:, np.newaxis]
    blood = (mixed - (1 - shares) * rest) / shares
    curves = -np.log(np.maximum(blood, np.maximum(noise, 1e-6) / shares)) / echo_time_s
    areas = curves.sum(axis=1)
    enough = areas >= total
    best = int(enough.argmax()) if enough.any() else int(areas.argmax())
    return curves[best] * (total / areas[best]), float(shares[best, 0])


def restore_artery(
    signal: ArrayLike, brain: ArrayLike, total: float, noise: float, dt_s: float, echo_time_s: float
) -> tuple[Array, float, float]:
    """Arterial curve of a given area from which the brain's curve follows best.

    Whether a low peak is that of blood beside tissue or of tissue beside blood, its area cannot tell; the curve's shape
    can. With too weak a field too much is added to the peak or, where all of the signal of blood is gone, to
    everything that follows.

    Parameters
    ----------
    signal : (t,) array
        Mean signal of arterial voxels over the signal before the bolus.
    brain : (t,) array
        ΔR2* of tissue, s⁻¹.
    total, noise, echo_time_s
        As for :func:`remove_tissue`.
    dt_s : float
        Frame spacing, s.

    Returns
    -------
    curve : (t,) array
        C, s⁻¹.
    share, field : float
        f and κ.
    """
    response, mixed = np.asarray(brain, dtype=float), np.maximum(np.asarray(signal, dtype=float), max(noise, 1e-6))
    tissue = np.exp(-echo_time_s * response)
    found: list[tuple[float, Array, float, float]] = []
    for field in np.arange(0.02, _STRONGEST_FIELD, 0.02):
        curve, share = _blood_in_field(mixed, tissue, total, float(field), echo_time_s)
        if found and share == 0:  # too strong: without any blood, the area is too small
            break
        found.append((_misfit(curve, response, dt_s), curve, share, float(field)))
    return min(found, key=lambda one: one[0])[1:]


def restore_vein(signals: ArrayLike, brain: ArrayLike, dt_s: float, echo_time_s: float) -> tuple[Array, float]:
    """Curve of the blood in voxels of large veins, each with a share of its own.

    In frames in which hardly any signal of blood is left, the curve is the brain's, later and larger. That, κ and the
    shares are fitted to the signals of all voxels together: dark at the peak with little loss before and after is
    tissue in the field of the vein, dark for long is blood.

    Parameters
    ----------
    signals : (n, t) array
        Signal of each voxel over its signal before the bolus.
    brain : (t,) array
        ΔR2* of tissue, s⁻¹.
    dt_s, echo_time_s : float
        Frame spacing and echo time, s.

    Returns
    -------
    curve : (t,) array
        C, s⁻¹.
    hidden : float
        Share of its area in frames in which hardly any signal of blood is left.
    """
    mixed, response = np.asarray(signals, dtype=float), np.asarray(brain, dtype=float)
    time = np.arange(len(response)) * dt_s
    mixture = _Mixture(mixed, np.exp(-echo_time_s * response), echo_time_s)

    def curve(parameters: Array) -> Array:
        return np.asarray(np.exp(parameters[0]) * np.interp(time - parameters[1], time, response, left=0.0))

    def deviation(parameters: Array) -> Array:
        shares, residual = mixture.explain(curve(parameters), parameters[2])
        impurity = np.sqrt(len(mixed)) * (1 - shares.max()) / _PURITY  # as much as all voxels, however many
        return np.append(mixture.weigh(residual) * residual, impurity)

    limits = ([0.0, -2.0, 0.0], [6.0, 8.0, _STRONGEST_FIELD])  # logarithm of the scale, delay (s), field
    fits = [least_squares(deviation, [np.log(scale), 1.0, 0.15], bounds=limits) for scale in (10.0, 30.0)]
    best = min(fits, key=lambda fit: fit.cost).x
    fitted = curve(best)
    seen = mixture.blood(fitted, best[2])
    is_dark = np.exp(-echo_time_s * fitted) < DARK
    is_seen = ~is_dark & (seen > DARK)
    measured = -np.log(np.where(is_seen, seen, 1)) / echo_time_s
    return np.where(is_seen, measured, fitted), float(fitted[is_dark].sum() / fitted.sum())


@dataclass(frozen=True)
class _Mixture:
    """Signals (n, t) of voxels with blood and tissue, the signal of tissue (t,) far from vessels and the echo time (s).

    Signals are relative to those before the bolus.
    """

    signals: Array
    tissue: Array
    echo_time_s: float

    def parts(self, curve: Array, field: float) -> tuple[Array, Array]:
        """Signal of blood and of tissue in its field, (t,), for the blood's curve (s⁻¹)."""
        return np.exp(-self.echo_time_s * curve), np.exp(-self.echo_time_s * field * curve) * self.tissue

    def explain(self, curve: Array, field: float) -> tuple[Array, Array]:
        """Share of blood in each voxel (n, 1) that explains its signal best; what it leaves (n, t), in deviations."""
        blood, rest = self.parts(curve, field)
        gap = blood - rest
        shares = np.clip((self.signals - rest) @ gap / max(float(gap @ gap), 1e-9), LEAST_BLOOD, 1)[:, np.newaxis]
        return shares, (self.signals - rest - shares * gap) / _DEVIATION

    @staticmethod
    def weigh(residual: Array) -> Array:
        """Less weight to voxels that fit badly, (n, 1)."""
        return np.asarray(1 / np.sqrt(1 + (residual**2).mean(axis=1, keepdims=True)))

    def blood(self, curve: Array, field: float) -> Array:
        """Signal of blood (t,) that all voxels show together where the curve gives only the shares and the rest."""
        shares, residual = self.explain(curve, field)
        weight = self.weigh(residual) ** 4
        _, rest = self.parts(curve, field)
        shown = (weight * shares * (self.signals - (1 - shares) * rest)).sum(axis=0)
        return np.asarray(shown / (weight * shares**2).sum())


def _blood_in_field(mixed: Array, tissue: Array, total: float, field: float, echo_time_s: float) -> tuple[Array, float]:
    """Curve C (s⁻¹) whose sum is ``total`` and the share f of it that a mixed signal shows with a field κ."""

    def blood(share: float) -> Array:
        low, high = np.full(len(mixed), -0.1 * total), np.full(len(mixed), total)
        for _ in range(30):  # the signal falls as C rises
            middle = (low + high) / 2
            decay = -echo_time_s * middle
            is_low = share * np.exp(decay) + (1 - share) * tissue * np.exp(field * decay) > mixed
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        return (low + high) / 2

    fewest, most = 0.0, 1.0
    for _ in range(12):  # the less blood there is, the larger the area of its curve
        share = (fewest + most) / 2
        fewest, most = (share, most) if blood(share).sum() >= total else (fewest, share)
    curve = blood(fewest)
    return curve * (total / curve.sum()), fewest


def _misfit(arterial: Array, brain: Array, dt_s: float) -> float:
    """Square of what is left of the brain's curve when that of tissue after an artery is fitted to it.

    Tissue of one mean transit time has an exponential residue, the brain a mixture of them at one delay.
    """
    time, left = np.arange(len(brain)) * dt_s, []
    residues = np.exp(-time / np.array(_TRANSITS_S)[:, np.newaxis])
    responses = [np.convolve(arterial, residue / residue.sum())[: len(brain)] for residue in residues]
    for delay_s in _DELAYS_S:
        late = [np.interp(time - delay_s, time, response, left=0.0) for response in responses]
        left.append(nnls(np.stack(late, axis=1), brain)[1] ** 2)
    return float(min(left))
