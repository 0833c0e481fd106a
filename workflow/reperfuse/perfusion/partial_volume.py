"""Blood in voxels that hold a vessel and the tissue beside it.

Signals add, not curves. A voxel with a share f of blood, whose ΔR2* is C, has the signal

    S/S0 = f · exp(−TE · C) + (1 − f) · T · exp(−TE · κ · C),

where T is the signal of tissue far from vessels and κ the field that the blood makes in the tissue beside it, near
which arteries can be measured however strong the bolus (Duhamel, Schlaug and Alsop 2006, doi:10.1002/mrm.20802).
Where the signal of blood is gone, −ln(S/S0)/TE shows the tissue, and its peak is cut off (Chen, Smith and Frayne 2005,
doi:10.1002/jmri.20393).

What of blood cannot be seen then is known from the brain: the signal of tissue, of which blood is a few per cent, is
never gone. A vein's curve is that of the tissue it drains; its delay and scale are free.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

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


def remove_tissue_hu(enhancement: ArrayLike, tissue: ArrayLike, total: float) -> tuple[Array, float]:
    """Arterial curve of larger area on CT, without the enhancement of the tissue that shares the voxels.

    Enhancement adds up: that of a voxel is f · C + (1 − f) · T.

    Parameters
    ----------
    enhancement, tissue : (t,) array
        Mean of the arterial voxels, and T, HU.
    total : float
        Sum of the curve over all frames, HU; more than that of ``enhancement``.

    Returns
    -------
    curve : (t,) array
        C, HU. What no share of 0.1 or more explains of the area is made up for by a factor.
    share : float
        f.
    """
    mixed, rest = np.asarray(enhancement, dtype=float), np.asarray(tissue, dtype=float)
    share = float(np.clip((mixed.sum() - rest.sum()) / (total - rest.sum()), LEAST_BLOOD, 1))
    curve = (mixed - (1 - share) * rest) / share
    return curve * (total / curve.sum()), share


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
