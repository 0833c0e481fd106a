"""DSC series as hard as real ones, drawn at random; a seed gives the same series for good."""

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from reperfuse.simulation.anatomy import Array, Head, Region
from reperfuse.simulation.coil import CoilShape
from reperfuse.simulation.geometry import Grid, draw_motion, rigid, sample_points
from reperfuse.simulation.hemodynamics import Bolus
from reperfuse.simulation.physiology import Flow, Zone
from reperfuse.simulation.protocols import HEAD_CENTRE_MM, Matrix, make_grid
from reperfuse.simulation.scanner import DscSeries, acquire_dsc
from reperfuse.simulation.scene import DscProtocol, bolus_of_drop

BASELINE_START = 3  # first frame near the steady state


@dataclass(frozen=True)
class HardSeries:
    """A DSC acquisition and all that it was made of.

    Attributes
    ----------
    recorded : DscSeries
        Series, its signal at rest, motion and noise.
    head, flow : Head, Flow
        Anatomy and perfusion.
    grid : Grid
        Voxel grid.
    pose : (4, 4) array
        Head → world in the reference pose.
    protocol : DscProtocol
        Acquisition.
    drop : float
        Drop of the brain's mean signal at the peak, for a strength of one.
    baseline, bolus : slice
        Frames before the bolus, at steady state; frames from its arrival to the end of its first passage.
    """

    recorded: DscSeries
    head: Head
    flow: Flow
    grid: Grid
    pose: Array
    protocol: DscProtocol
    drop: float
    baseline: slice
    bolus: slice


def draw_hard_series(seed: int, slices: int = 24, *, moving: bool = True, strength: float = 1.0) -> HardSeries:
    """Draw a series within the range of clinical ones: TR 1–3 s, TE 20–60 ms, SNR 20–150, drop 10–60 %.

    The coil, spin history, the gain of the slices, the matrix' order and tilt, the head and its pose are drawn as well.
    Two patients of five have a hemisphere that fills late. Of three jumps of up to 3 mm and 3° one comes near the peak
    of the bolus.

    Parameters
    ----------
    seed : int
        Seed of everything random. What it draws does not depend on the other parameters.
    slices : int
        Number of slices of 112 × 128 voxels of 2 × 2 × 6 mm.
    moving : bool
        Whether the head moves.
    strength : float
        Factor of ΔR2* of everything.

    Returns
    -------
    HardSeries
        The recorded series and its truth.
    """
    rng = np.random.default_rng([seed, 0])
    protocol, drop = _draw_protocol(rng)
    head = Head(asymmetry_mm=rng.uniform(0.0, 3.0))
    flow = _draw_flow(rng, protocol.tr_s)
    tilt, axes = rng.uniform(-12, 12), ("LAS", "RAS", "LPS")[rng.integers(3)]
    grid = make_grid(Matrix((112, 128, slices), (2.0, 2.0, 6.0), axes, tilt))
    pose = rigid(rng.uniform(-6, 6, 3), rng.uniform(-4, 4, 3), HEAD_CENTRE_MM)
    baseline, bolus = _passage(flow.bolus, protocol)
    motion = np.tile(np.eye(4), (protocol.frames, 1, 1))
    jumps = _draw_jumps(rng, flow.bolus, protocol)
    size_mm, size_deg = rng.uniform(0.0, 3.0, 2)
    if moving:
        motion = draw_motion(protocol.frames, baseline, jumps, size_mm, size_deg, grid.centre, [seed, 1])
    points = sample_points(grid, pose, head, (1, 1, 1)).reshape(*grid.shape, 3)[::4, ::4].reshape(-1, 3)
    first = bolus_of_drop(drop, flow, protocol, points)
    flow = replace(flow, bolus=replace(first, peak=strength * first.peak))
    recorded = acquire_dsc(head, flow, grid, pose, protocol, motion, [seed, 2])
    return HardSeries(recorded, head, flow, grid, pose, protocol, drop, baseline, bolus)


def _draw_protocol(rng: np.random.Generator) -> tuple[DscProtocol, float]:
    """Acquisition of 80 s or more, and the drop of the brain's mean signal."""
    tr_s = rng.uniform(1.0, 3.0)
    protocol = DscProtocol(
        frames=int(np.clip(np.ceil(90 / tr_s), 40, 80)),
        tr_s=tr_s,
        te_s=rng.uniform(0.020, 0.060),
        flip_deg=rng.uniform(60.0, 90.0),
        snr=float(np.exp(rng.uniform(np.log(20.0), np.log(150.0)))),
        drift=rng.uniform(-0.02, 0.02),
        coil_bias=rng.uniform(0.1, 0.5),
        coil=get_args(CoilShape)[rng.integers(3)],
        spin_history=rng.uniform(0.0, 1.0),
        slice_gain=rng.uniform(0.0, 0.006),
    )
    return protocol, rng.uniform(0.10, 0.60)


def _draw_flow(rng: np.random.Generator, tr_s: float) -> Flow:
    """Perfusion, in two of five patients with a late hemisphere; ten frames or more before the bolus."""
    arrival_s = max(rng.uniform(14.0, 22.0), 10 * tr_s)
    bolus = Bolus(arrival_s=arrival_s, beta_s=rng.uniform(1.2, 2.0))
    sinus_delay_s, late_s = rng.uniform(1.0, 4.0), rng.uniform(1.5, 4.0)
    left, ill = rng.random() < 0.5, rng.random() < 0.4
    if not ill:
        return Flow(bolus=bolus, sinus_delay_s=sinus_delay_s)
    territory = Region("left" if left else "right", (35, -15, 15), (1, 1.4, 1.2), 250.0)
    zone = Zone(territory, (0.5, 0.9), (1.0, 1.0), (2 * late_s, late_s))
    return Flow((zone,), bolus, late_s * left, late_s * (not left), sinus_delay_s)


def _passage(bolus: Bolus, protocol: DscProtocol) -> tuple[slice, slice]:
    """Frames of the baseline and of the first passage, which ends when most of the bolus has left the tissue."""
    arrival = int(bolus.arrival_s / protocol.tr_s)
    end = bolus.arrival_s + 2.5 * bolus.alpha * bolus.beta_s + 6.0
    return slice(BASELINE_START, arrival), slice(arrival, min(int(np.ceil(end / protocol.tr_s)) + 1, protocol.frames))


def _draw_jumps(rng: np.random.Generator, bolus: Bolus, protocol: DscProtocol) -> tuple[int, int, int]:
    """Frames of the jumps: near the peak in the tissue, soon after it, and late."""
    peak = round((bolus.arrival_s + bolus.alpha * bolus.beta_s + 2.0) / protocol.tr_s)
    near = peak + int(rng.integers(-1, 2))
    return near, near + int(rng.integers(2, 7)), int(rng.integers(round(0.65 * protocol.frames), protocol.frames - 3))
