"""Signal of every point of a head, before voxels, coils and noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq

from reperfuse.simulation import anatomy
from reperfuse.simulation.anatomy import Array, Tissues
from reperfuse.simulation.coil import CoilShape
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve, disperse, tissue_curves
from reperfuse.simulation.physiology import Flow, Injury, injuries_at, perfusion_at
from reperfuse.simulation.vessel_field import vessel_fields

APPROACH_FRAMES = 6  # after so many excitations magnetisation is at steady state


SCALE = 1000.0  # signal of pure fluid at full relaxation


# Proton density, T1, T2* and T2 (s) at 3 T, rounded, and ADC (mm²/s); fat of the scalp is suppressed.
_DENSITY = {"grey": 0.82, "white": 0.70, "csf": 1.0, "scalp": 0.25, "blood": 0.80}


_T1 = {"grey": 1.35, "white": 0.85, "csf": 4.0, "scalp": 0.5, "blood": 1.6}


_T2STAR = {"grey": 0.055, "white": 0.048, "csf": 0.40, "scalp": 0.035, "blood": 0.045}


_T2 = {"grey": 0.092, "white": 0.074, "csf": 1.2, "scalp": 0.06, "blood": 0.06}


_ADC = {"grey": 0.80e-3, "white": 0.72e-3, "csf": 3.0e-3, "scalp": 1.2e-3, "blood": 1.6e-3}


@dataclass(frozen=True)
class DscProtocol:
    """A DSC acquisition.

    Attributes
    ----------
    frames : int
        Number of frames.
    tr_s, te_s, flip_deg : float
        Repetition time, echo time, flip angle.
    snr : float
        Mean baseline signal of grey matter relative to the SD of the noise.
    drift : float
        Slow change of gain during the series, relative.
    coil_bias, coil : float, {"lopsided", "surface", "array"}
        Strength and shape of the receive field, see :func:`reperfuse.simulation.coil.coil_bias`.
    spin_history : float
        Share of the tissue that enters a slice by motion between two frames and is fully relaxed: 1 where slices lie
        far apart or alone, less where their neighbours have excited it already; 0: no spin history.
    slice_gain : float
        SD of a gain that every slice has in every frame, independently.
    vessel_field : float
        ΔR2* of tissue at the wall of a large vessel, relative to that of the blood in it; 0: none. It is where a strong
        bolus can be measured: in the vessel itself no signal is left.
    """

    frames: int = 60
    tr_s: float = 1.5
    te_s: float = 0.030
    flip_deg: float = 60.0
    snr: float = 50.0
    drift: float = 0.01
    coil_bias: float = 0.25
    coil: CoilShape = "lopsided"
    spin_history: float = 0.0
    slice_gain: float = 0.0
    vessel_field: float = 0.0


class DscScene:
    """Signal of every point of the head at every frame."""

    def __init__(self, points: Array, flow: Flow, protocol: DscProtocol) -> None:
        self.tissues: Tissues = anatomy.tissues(points)
        self.protocol = protocol
        shares = self.tissues
        self.size = len(points)
        self.where = np.flatnonzero(shares.grey + shares.white + shares.csf + shares.scalp + shares.blood > 0)
        times = np.arange(protocol.frames) * protocol.tr_s
        self.parts = [("csf", *self._held(shares.csf), np.zeros_like(times))]
        leak = 0.02 * disperse(arterial_curve(times, flow.bolus), protocol.tr_s, 12.0)
        self.parts.append(("scalp", *self._held(shares.scalp), leak))
        for share, curve in flow.vessel_curves(times, shares):
            self.parts.append(("blood", *self._held(share), curve))
        self.fields = []
        if protocol.vessel_field > 0:
            around = vessel_fields(points)
            self.fields = [(*self._held(share), curve) for share, curve in flow.vessel_curves(times, around)]
        self.tables = [self._tissue_table(points, kind, flow, times) for kind in ("grey", "white")]

    def _held(self, share: Array) -> tuple[Array, Array]:
        """Points (indices into ``where``) that hold a kind of tissue, and its share there."""
        shares = share[self.where]
        here = np.flatnonzero(shares > 0)
        return here, shares[here]

    def _tissue_table(
        self, points: Array, kind: str, flow: Flow, times: Array
    ) -> tuple[str, Array, Array, Array, Array]:
        """Points that hold the tissue, their share and state, and each state's attenuation a frame."""
        here, share = self._held(getattr(self.tissues, kind))
        (cbf, mtt, delay), state = perfusion_states(points[self.where[here]], kind, flow)
        curves = tissue_curves(times, cbf, mtt, delay, bolus=flow.bolus)
        attenuation = np.exp(-np.float32(self.protocol.te_s) * curves.T)
        return kind, here, share, state, np.ascontiguousarray(attenuation)

    def image(self, frame: int, approach: bool = False) -> Array:
        """Signal of every point at a frame.

        Parameters
        ----------
        frame : int
            Index of the frame.
        approach : bool
            Whether magnetisation is still on its way to steady state, as after the first excitations.

        Returns
        -------
        (n,) array
            float32.
        """
        filled = np.zeros(len(self.where), dtype=np.float32)
        for kind, here, share, state, attenuation in self.tables:
            filled[here] += np.float32(self._strength(kind, frame, approach)) * share * attenuation[frame][state]
        for here, field, curve in self.fields:
            filled[here] *= np.exp(np.float32(-self.protocol.te_s * self.protocol.vessel_field * curve[frame]) * field)
        for kind, here, share, curve in self.parts:
            decay = np.exp(-self.protocol.te_s * curve[frame])
            filled[here] += np.float32(self._strength(kind, frame, approach) * decay) * share
        signal = np.zeros(self.size, dtype=np.float32)
        signal[self.where] = filled
        return signal

    def fading(self, kind: str) -> float:
        """Share of what exceeds the steady state that is left after an excitation."""
        return float(np.exp(-self.protocol.tr_s / _T1[kind]) * np.cos(np.deg2rad(self.protocol.flip_deg)))

    def _strength(self, kind: str, frame: int, approach: bool) -> float:
        """Signal of pure tissue without contrast after spoiled excitations."""
        level = (1 - np.exp(-self.protocol.tr_s / _T1[kind])) / (1 - self.fading(kind))
        if approach:
            level += (1 - level) * self.fading(kind) ** frame
        return float(SCALE * _DENSITY[kind] * np.exp(-self.protocol.te_s / _T2STAR[kind]) * level)


def perfusion_states(points: Array, kind: str, flow: Flow) -> tuple[tuple[Array, Array, Array], Array]:
    """Perfusion of tissue rounded to 1 % (CBF, MTT) and 0.05 s (delay): a few thousand states for a million points.

    Parameters
    ----------
    points : (n, 3) array
        Template coordinates, mm.
    kind : {"grey", "white"}
        Tissue.
    flow : Flow
        Perfusion.

    Returns
    -------
    perfusion : three (k,) arrays
        CBF (mL/100 g/min), MTT (s) and delay (s) of each state.
    state : (n,) array
        Index of each point's state.
    """
    cbf, mtt, delay = perfusion_at(points, kind, flow.zones)
    keys = [np.round(np.log(cbf) * 100), np.round(np.log(mtt) * 100), np.round(delay * 20)]
    codes = np.zeros(len(points), dtype=np.int64)
    for key in keys:
        low = key.min() if len(key) else 0
        codes = codes * int(np.ptp(key) + 1 if len(key) else 1) + (key - low).astype(np.int64)
    _, first, state = np.unique(codes, return_index=True, return_inverse=True)
    return (cbf[first], mtt[first], delay[first]), state.astype(np.int32)


def bolus_of_drop(drop: float, flow: Flow, protocol: DscProtocol, points: Array) -> Bolus:
    """Scale a bolus so that the mean signal of the brain drops by a wanted share at its peak.

    Parameters
    ----------
    drop : float
        Wanted drop, relative to the signal before the bolus; below 0.7, as fluid takes up no contrast.
    flow : Flow
        Perfusion; all of its bolus but the height is kept.
    protocol : DscProtocol
        Timing, echo time and flip angle.
    points : (n, 3) array
        Where to look, template coordinates, mm; a coarse grid will do. Points that are not brain are left out.

    Returns
    -------
    Bolus
        The bolus of ``flow`` with another peak.
    """
    shares = anatomy.tissues(points)
    brain = points[shares.grey + shares.white + shares.csf + shares.blood >= 0.5]

    def excess(log_peak: float) -> float:
        bolus = replace(flow.bolus, peak=np.exp(log_peak))
        scene = DscScene(brain, replace(flow, bolus=bolus), protocol)
        signal = np.array([scene.image(frame).mean(dtype=float) for frame in range(protocol.frames)])
        return float(1 - signal.min() / signal[0] - drop)

    return replace(flow.bolus, peak=float(np.exp(brentq(excess, np.log(1.0), np.log(1e5), xtol=1e-4))))


def water_signal(
    shares: Tissues, points: Array, injuries: Sequence[Injury], te_s: float
) -> tuple[dict[str, Array], dict[str, Array]]:
    """T2-weighted signal without diffusion weighting, and ADC, of each tissue at points.

    Parameters
    ----------
    shares : Tissues
        Fractions at the points.
    points : (n, 3) array
        Template coordinates, mm.
    injuries : sequence of Injury
        Injured tissue.
    te_s : float
        Echo time, s.

    Returns
    -------
    signal, adc : dict of str to (n,) array
        By tissue; relative to pure fluid at full relaxation, and mm²/s.
    """
    adc, t2_ratio = injuries_at(points, injuries)
    still_blood = np.float32(0.3) * shares.blood  # most flows out of the slice between excitation and readout
    signal: dict[str, Array] = {}
    adcs: dict[str, Array] = {}
    for kind, share in (("csf", shares.csf), ("scalp", shares.scalp), ("blood", still_blood)):
        signal[kind] = share * np.float32(_DENSITY[kind] * np.exp(-te_s / _T2[kind]))
        adcs[kind] = np.asarray(_ADC[kind], dtype=np.float32)
    for kind, share in (("grey", shares.grey), ("white", shares.white)):
        signal[kind] = share * np.float32(_DENSITY[kind]) * np.exp(-np.float32(te_s / _T2[kind]) / t2_ratio)
        adcs[kind] = np.where(np.isnan(adc), np.float32(_ADC[kind]), adc)
    return signal, adcs
