"""Perfusion and water of healthy and injured tissue at any point of a head."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from reperfuse.simulation.anatomy import Array, Region, Tissues
from reperfuse.simulation.hemodynamics import VENOUS_DELAY_S, Bolus, arterial_curve, disperse, venous_curve

NORMAL_CBF = {"grey": 66.0, "white": 24.0}  # mL/100 g/min


NORMAL_MTT = {"grey": 4.2, "white": 5.0}  # s


@dataclass(frozen=True)
class Zone:
    """Tissue whose perfusion is changed: pairs hold the value at the centre and at the surface of the region.

    Attributes
    ----------
    region : Region
        Where. Of overlapping zones the last one counts.
    cbf_ratio, cbv_ratio : (float, float)
        Relative to normal tissue of the same kind.
    delay_s : (float, float)
        Arrival after normal tissue.
    """

    region: Region
    cbf_ratio: tuple[float, float]
    cbv_ratio: tuple[float, float]
    delay_s: tuple[float, float]


@dataclass(frozen=True)
class Injury:
    """Tissue whose water is changed: lower diffusion, longer T2.

    Attributes
    ----------
    region : Region
        Where. Of overlapping injuries the last one counts.
    adc : float
        mm²/s.
    t2_ratio : float
        T2 relative to healthy tissue.
    """

    region: Region
    adc: float = 0.45e-3
    t2_ratio: float = 1.08


@dataclass(frozen=True)
class Flow:
    """Perfusion of a head.

    Attributes
    ----------
    zones : tuple of Zone
        Tissue that is not normally perfused.
    bolus : Bolus
        Arterial input.
    left_mca_delay_s, right_mca_delay_s : float
        Arrival of the bolus in the middle cerebral arteries after all others; half of it is dispersion.
    sinus_delay_s : float
        Arrival in large veins and sinuses after the arteries, besides the transit through the brain.
    """

    zones: tuple[Zone, ...] = ()
    bolus: Bolus = field(default_factory=Bolus)
    left_mca_delay_s: float = 0.0
    right_mca_delay_s: float = 0.0
    sinus_delay_s: float = VENOUS_DELAY_S

    def vessel_curves(self, time_s: Array, shares: Tissues) -> Iterator[tuple[Array, Array]]:
        """Share of each kind of vessel with its ΔR2* curve.

        Parameters
        ----------
        time_s : (t,) array
            Frame times, s.
        shares : Tissues
            Fractions at n points.

        Yields
        ------
        share : (n,) array
            Fraction of blood.
        curve : (t,) array
            s⁻¹.
        """
        yield shares.arteries, arterial_curve(time_s, self.bolus)
        yield shares.left_mca, self._late_artery(time_s, self.left_mca_delay_s)
        yield shares.right_mca, self._late_artery(time_s, self.right_mca_delay_s)
        yield shares.veins, venous_curve(time_s, bolus=self.bolus)
        yield shares.sinuses, venous_curve(time_s, bolus=self.bolus, delay_s=self.sinus_delay_s)

    def _late_artery(self, time_s: Array, delay_s: float) -> Array:
        step = 0.05
        fine = np.arange(0.0, float(time_s.max()) + step, step)
        curve = disperse(arterial_curve(fine, self.bolus), step, 0.5 * delay_s)
        return np.interp(time_s - 0.5 * delay_s, fine, curve, left=0.0)


def perfusion_at(points: Array, kind: str, zones: Sequence[Zone]) -> tuple[Array, Array, Array]:
    """Perfusion of grey or white matter at points.

    Parameters
    ----------
    points : (n, 3) array
        Template coordinates, mm.
    kind : {"grey", "white"}
        Tissue.
    zones : sequence of Zone
        Changed perfusion.

    Returns
    -------
    cbf, mtt, delay : (n,) array
        mL/100 g/min, s, s.
    """
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    ripple = np.sin(x / 14 + 0.5) * np.cos(y / 17 - 0.3) + 0.6 * np.sin(z / 13 + y / 23)
    cbf = np.float32(NORMAL_CBF[kind]) * (1 + np.float32(0.08) * ripple)
    mtt = np.float32(NORMAL_MTT[kind]) * (1 + np.float32(0.04) * np.cos(z / 15 + x / 19))
    delay = 0.4 + 0.25 * np.sin(y / 25 + 1.0) + 0.15 * np.cos(z / 20 + x / 30)
    cbf_ratio, cbv_ratio, later = np.ones_like(cbf), np.ones_like(cbf), np.zeros_like(cbf)
    for zone in zones:
        radius = zone.region.radius(points)
        inside = np.flatnonzero(radius < 1)
        depth = radius[inside]
        cbf_ratio[inside] = np.interp(depth, (0, 1), zone.cbf_ratio)
        cbv_ratio[inside] = np.interp(depth, (0, 1), zone.cbv_ratio)
        later[inside] = np.interp(depth, (0, 1), zone.delay_s)
    return cbf * cbf_ratio, mtt * cbv_ratio / cbf_ratio, delay + later


def injuries_at(points: Array, injuries: Sequence[Injury]) -> tuple[Array, Array]:
    """Water of injured tissue at points.

    Parameters
    ----------
    points : (n, 3) array
        Template coordinates, mm.
    injuries : sequence of Injury
        Injured tissue.

    Returns
    -------
    adc : (n,) array
        mm²/s; NaN where the tissue is healthy.
    t2_ratio : (n,) array
        T2 relative to healthy tissue.
    """
    adc = np.full(len(points), np.nan, dtype=np.float32)
    t2_ratio = np.ones(len(points), dtype=np.float32)
    for injury in injuries:
        inside = injury.region.radius(points) < 1
        adc[inside], t2_ratio[inside] = injury.adc, injury.t2_ratio
    return adc, t2_ratio
