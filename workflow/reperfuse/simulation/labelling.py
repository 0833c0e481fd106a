"""What an MR scanner records of a head by arterial spin labelling, and its exact perfusion."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from reperfuse.simulation import anatomy
from reperfuse.simulation.anatomy import Array, Head
from reperfuse.simulation.coil import coil_bias
from reperfuse.simulation.geometry import (
    Grid,
    Seed,
    average_voxels,
    moving_oversampling,
    sample_points,
    world_points,
)
from reperfuse.simulation.label_transport import Label, arterial_label, tissue_label
from reperfuse.simulation.moving import box_mean, margin_voxels, moved_view, widen
from reperfuse.simulation.physiology import NORMAL_CBF, Flow, perfusion_at
from reperfuse.simulation.scanner import rician

# Proton density with the decay of a short echo, and T1 (s) at 3 T. Both kinds of brain tissue have the T1 of grey
# matter, so that the model with which data are evaluated is exact; `AslProtocol.white_t1_s` is for the difference.
_DENSITY = {"grey": 0.82, "white": 0.70, "csf": 1.0, "scalp": 0.25, "blood": 0.5}
_T1 = {"grey": 1.33, "csf": 4.0, "scalp": 0.5, "blood": 1.65}
_SCALE = 10000.0
_FIRST_ARRIVAL_S = {"grey": 0.6, "white": 0.9}  # transit time where a bolus of contrast would arrive at 0 s
_LATER_SHARE = 0.35  # of a zone's delay, which was chosen for what oSVD makes of a bolus
_LATE_S = 1.9  # arteries of tissue that label reaches later still hold it at the readout
_ARTERY_LEAD_S = 0.7  # label is in them so long before it is in their tissue


@dataclass(frozen=True)
class AslProtocol:
    """An acquisition of arterial spin labelling.

    Attributes
    ----------
    labeling : {"PCASL", "CASL", "PASL"}
        Kind of labelling.
    delays_s : tuple of float
        Post-labelling delays (PASL: inversion times), s.
    duration_s : float
        Labelling duration (PASL: that of the bolus that is cut off), s.
    pairs : int
        Pairs at each delay.
    order : str
        ``control label``, ``label control`` (alternating), ``controls labels`` (one kind after the other) or
        ``deltam`` (differences made by the scanner).
    m0 : {"separate", "included", "included last", "estimate", "absent"}
        Where M0 is.
    acquisition : {"2D", "3D"}
        Slices one after the other, from the first; or all at once.
    slice_s : float
        Time between two slices in 2D, s.
    efficiency : float
        Labelling efficiency without background suppression.
    suppressions : int
        Pulses of background suppression; with any, static tissue is at `background`.
    background : float
        Share of the static signal that background suppression leaves.
    tr_s, m0_tr_s, te_s : float
        Between excitations, between those of M0, and of the echo, s.
    snr : float
        Relaxed signal of grey matter over the SD of the noise; 0 for none.
    coil_bias : float
        Strength of the receive field.
    model : {"kinetic", "single"}
        See :class:`reperfuse.simulation.label_transport.Label`.
    white_t1_s : float
        T1 of white matter, s.
    artery_share : float
        Blood volume of arteries in spots of tissue that label reaches late, and less where flow is less; 0 for none.
    """

    labeling: Literal["PCASL", "CASL", "PASL"] = "PCASL"
    delays_s: tuple[float, ...] = (2.0,)
    duration_s: float = 1.8
    pairs: int = 15
    order: Literal["control label", "label control", "controls labels", "deltam"] = "control label"
    m0: Literal["separate", "included", "included last", "estimate", "absent"] = "separate"
    acquisition: Literal["2D", "3D"] = "3D"
    slice_s: float = 0.035
    efficiency: float = 0.85
    suppressions: int = 0
    background: float = 0.15
    tr_s: float = 4.8
    m0_tr_s: float = 8.0
    te_s: float = 0.012
    snr: float = 150.0
    coil_bias: float = 0.25
    model: Literal["kinetic", "single"] = "kinetic"
    white_t1_s: float = 1.33
    artery_share: float = 0.05

    @property
    def label(self) -> Label:
        """How blood is labelled."""
        left = self.efficiency * 0.95**self.suppressions
        return Label(self.labeling == "PASL", self.duration_s, left, self.model)

    @property
    def volumes(self) -> list[tuple[str, float]]:
        """Type and delay (s) of each volume, in the order of the series."""
        kinds = {
            "controls labels": ["control"] * self.pairs + ["label"] * self.pairs,
            "deltam": ["deltam"] * self.pairs,
        }.get(self.order, self.order.split() * self.pairs)
        listed = [(kind, delay) for delay in self.delays_s for kind in kinds]
        m0 = [("m0scan", 0.0)]
        return {"included": m0 + listed, "included last": listed + m0}.get(self.m0, listed)


@dataclass(frozen=True)
class AslSeries:
    """A labelled series and what is exactly known about it.

    Attributes
    ----------
    series : (x, y, z, t) array
        What the scanner recorded, in the order of `AslProtocol.volumes`.
    m0 : (x, y, z) array
        A separate M0 scan.
    cbf, arrival : (x, y, z) array
        Mean over the water of each voxel, mL/100 g/min, and mean over its flow, s; NaN without tissue.
    grey, tissue : (x, y, z) array
        Share of grey matter, and of grey and white matter.
    m0_blood : float
        Relaxed signal of blood, without receive field.
    sigma : float
        SD of the noise in either receiver channel.
    """

    series: Array
    m0: Array
    cbf: Array
    arrival: Array
    grey: Array
    tissue: Array
    m0_blood: float
    sigma: float


def labelled_flow(flow: Flow) -> Flow:
    """Perfusion with the delays that labelled blood has: shorter than those chosen for a bolus of contrast."""
    zones = [
        replace(zone, delay_s=(_LATER_SHARE * zone.delay_s[0], _LATER_SHARE * zone.delay_s[1])) for zone in flow.zones
    ]
    return replace(flow, zones=tuple(zones))


@dataclass
class _Tissue:
    """A kind of tissue at n points."""

    share: Array
    cbf: Array
    arrival: Array
    t1_s: float
    magnetisation: Array


@dataclass
class _Scene:
    """Head at n points of a fine grid: static signal and perfusion."""

    tissues: list[_Tissue]
    static: dict[str, Array]
    later: Array
    spots: Array

    def relaxed(self, tr_s: float, t1_s: dict[str, float]) -> Array:
        """Return the static signal after excitations of 90 degrees."""
        return np.asarray(sum(part * -np.expm1(-tr_s / t1_s[kind]) for kind, part in self.static.items()))

    def difference(self, delay_s: float, protocol: AslProtocol) -> Array:
        """Control less label, (n,)."""
        label, total = protocol.label, np.zeros_like(self.later)
        read = label.age_s(delay_s) + self.later
        for one in self.tissues:
            total += one.magnetisation * tissue_label(one.cbf, one.arrival, read, one.t1_s, label)
            if protocol.artery_share:
                blood = protocol.artery_share * one.cbf / NORMAL_CBF["grey"] * self.spots * (one.arrival > _LATE_S)
                total += one.magnetisation * blood * arterial_label(one.arrival - _ARTERY_LEAD_S, read, label)
        return total


def acquire_asl(
    head: Head, flow: Flow, grid: Grid, pose: Array, protocol: AslProtocol, motion: Array, seed: Seed
) -> AslSeries:
    """Record a series of arterial spin labelling.

    Parameters
    ----------
    head, flow : Head, Flow
        Anatomy and perfusion, with the delays of label (:func:`labelled_flow`).
    grid : Grid
        Voxel grid.
    pose : (4, 4) array
        Head → world in the reference pose, in which a separate M0 scan is.
    protocol : AslProtocol
    motion : (t, 4, 4) array
        Rigid motion of each volume; identities for a head at rest.
    seed : int or sequence of ints
        Seed of the noise.

    Returns
    -------
    AslSeries
    """
    parts = moving_oversampling(grid)
    margin = margin_voxels(grid, motion)
    wide = widen(grid, margin)
    slices = np.repeat(np.arange(wide.shape[2]) - margin[2], parts[2])
    slices = np.tile(slices, wide.shape[0] * wide.shape[1] * parts[0] * parts[1])
    scene = _scene(sample_points(wide, pose, head, parts), flow, slices, protocol)
    fine = tuple(n * k for n, k in zip(wide.shape, parts, strict=True))
    t1 = _T1 | {"white": protocol.white_t1_s}

    def boxes(values: Array) -> Array:
        return box_mean(values.astype(np.float32).reshape(fine), parts)

    suppressed = protocol.background if protocol.suppressions else 1.0
    control = boxes(suppressed * scene.relaxed(protocol.tr_s, t1))
    m0 = boxes(scene.relaxed(protocol.m0_tr_s, t1))
    differences = {delay: boxes(scene.difference(delay, protocol)) for delay in protocol.delays_s}
    bias = coil_bias(world_points(grid), grid, protocol.coil_bias).reshape(grid.shape)
    images = []
    for (kind, delay), matrix in zip(protocol.volumes, motion, strict=True):
        static = {"m0scan": m0, "deltam": 0 * m0}.get(kind, control)
        sign = {"label": -1, "deltam": 1}.get(kind, 0)
        image = static + sign * differences[delay] if sign else static
        images.append(bias * moved_view(image, grid, wide, parts, matrix))
    still = tuple(slice(m * k, (m + n) * k, k) for m, n, k in zip(margin, grid.shape, parts, strict=True))
    crop = tuple(slice(m, m + n) for m, n in zip(margin, grid.shape, strict=True))
    truth = _truth(scene, wide, parts, crop)
    pure = truth["grey"] > 0.6
    sigma = float(_SCALE * _DENSITY["grey"] / protocol.snr) if protocol.snr and pure.any() else 0.0
    seeds = np.random.SeedSequence(seed).generate_state(2).tolist()
    series = np.stack(images, axis=-1).astype(np.float32)
    if sigma:
        # a scanner's difference may be negative, and has the noise of two images
        is_difference = protocol.order == "deltam"
        noise = np.random.default_rng(seeds[0]).standard_normal(series.shape, dtype=np.float32)
        series = series + np.sqrt(2) * sigma * noise if is_difference else rician(series, sigma, seeds[0])
    separate = rician(bias * m0[still], sigma, seeds[1])
    return AslSeries(
        series, separate, truth["cbf"], truth["arrival"], truth["grey"], truth["tissue"],
        _SCALE * _DENSITY["grey"] / 0.9, sigma,
    )  # fmt: skip


def _scene(points: Array, flow: Flow, slices: Array, protocol: AslProtocol) -> _Scene:
    """Fill points of a head, each in a slice, with static signal and perfusion."""
    shares = anatomy.tissues(points)
    later = np.maximum(slices, 0) * (protocol.slice_s if protocol.acquisition == "2D" else 0.0)
    x, y, z = points.T
    spots = np.sin(x / 3) * np.sin(y / 3.3 + 1) * np.sin(z / 4 + 2) > 0.55
    tissues = []
    static = {kind: _SCALE * _DENSITY[kind] * getattr(shares, kind) for kind in ("csf", "scalp", "blood")}
    for kind in ("grey", "white"):
        share = getattr(shares, kind)
        cbf, _, delay = perfusion_at(points, kind, flow.zones)
        static[kind] = _SCALE * _DENSITY[kind] * share
        t1 = _T1["grey"] if kind == "grey" else protocol.white_t1_s
        tissues.append(_Tissue(share, cbf, _FIRST_ARRIVAL_S[kind] + delay, t1, static[kind]))
    return _Scene(tissues, static, later.astype(np.float32), spots)


def _truth(scene: _Scene, grid: Grid, parts: Sequence[int], crop: tuple[slice, ...]) -> dict[str, Array]:
    """Perfusion of each voxel: flow as a mean over its water, transit time as a mean over its flow."""

    def mean(values: Array) -> Array:
        return average_voxels(np.asarray(values, np.float32), grid, parts)[crop]

    water = mean(np.asarray(sum(scene.static.values())))
    flow = mean(np.asarray(sum(one.magnetisation * one.cbf for one in scene.tissues)))
    time = mean(np.asarray(sum(one.magnetisation * one.cbf * one.arrival for one in scene.tissues)))
    grey, tissue = mean(scene.tissues[0].share), mean(np.asarray(sum(one.share for one in scene.tissues)))
    with np.errstate(divide="ignore", invalid="ignore"):
        cbf = np.where(tissue > 0.1, flow / water, np.nan)
        arrival = np.where(tissue > 0.1, time / flow, np.nan)
    return {"cbf": cbf, "arrival": arrival, "grey": grey, "tissue": tissue}
