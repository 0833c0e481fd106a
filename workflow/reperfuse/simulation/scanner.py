"""What an MR scanner records of a head: gradient-echo DSC series, diffusion and FLAIR.

Every voxel is the mean of the signal over its volume: tissues and vessels in one voxel mix as signals, not as
concentrations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
    static_oversampling,
    world_points,
)
from reperfuse.simulation.moving import box_mean, margin_voxels, moved_view, widen
from reperfuse.simulation.physiology import Flow, Injury
from reperfuse.simulation.scene import APPROACH_FRAMES, SCALE, DscProtocol, DscScene, water_signal
from reperfuse.simulation.spin_history import relaxed_shares


@dataclass(frozen=True)
class DwiProtocol:
    """A diffusion acquisition: b in s/mm² and its number of directions, in order."""

    shells: tuple[tuple[float, int], ...] = ((0.0, 2), (1000.0, 6))
    te_s: float = 0.080
    snr: float = 40.0
    coil_bias: float = 0.25


@dataclass(frozen=True)
class FlairProtocol:
    """A fluid-attenuated inversion recovery acquisition."""

    te_s: float = 0.110
    snr: float = 40.0
    coil_bias: float = 0.25


@dataclass(frozen=True)
class DscSeries:
    """A DSC acquisition and what is exactly known about it.

    Attributes
    ----------
    series : (x, y, z, t) array
        What the scanner recorded: with motion, approach to steady state, spin history, drift, gain of the slices,
        coil bias and noise.
    still : (x, y, z, t) array
        The same signal at the reference pose and at steady state, without any of these.
    motion : (t, 4, 4) array
        Takes a world point of the reference pose to where that tissue is in the frame.
    sigma : float
        Standard deviation of the noise in either receiver channel.
    """

    series: Array
    still: Array
    motion: Array
    sigma: float


def acquire_dsc(
    head: Head,
    flow: Flow,
    grid: Grid,
    pose: Array,
    protocol: DscProtocol,
    motion: Array,
    seed: Seed,
) -> DscSeries:
    """Record a gradient-echo EPI series during the passage of the bolus.

    Parameters
    ----------
    head, flow : Head, Flow
        Anatomy and perfusion.
    grid : Grid
        Voxel grid.
    pose : (4, 4) array
        Head → world in the reference pose.
    protocol : DscProtocol
        Timing, noise and imperfections.
    motion : (t, 4, 4) array
        Rigid motion of each frame, see :func:`draw_motion`; resting heads have identities.
    seed : int or sequence of ints
        Seed of the noise.

    Returns
    -------
    DscSeries
        Recorded series and its truth.
    """
    parts = moving_oversampling(grid)
    margin = margin_voxels(grid, motion)
    wide = widen(grid, margin)
    scene = DscScene(sample_points(wide, pose, head, parts), flow, protocol)
    fine_shape = tuple(n * k for n, k in zip(wide.shape, parts, strict=True))
    inner = tuple(slice(m * k, (m + n) * k, k) for m, n, k in zip(margin, grid.shape, parts, strict=True))
    bias = coil_bias(world_points(grid), grid, protocol.coil_bias, protocol.coil).reshape(grid.shape)
    gain = _gains(protocol, grid.shape[2], seed)
    relaxed = relaxed_shares(grid, motion, scene.fading("grey"))
    still = np.empty((*grid.shape, protocol.frames), dtype=np.float32)
    series = np.empty_like(still)
    for frame in range(protocol.frames):
        steady = boxes = box_mean(scene.image(frame).reshape(fine_shape), parts)
        still[..., frame] = boxes[inner]
        if frame < APPROACH_FRAMES:
            boxes = box_mean(scene.image(frame, approach=True).reshape(fine_shape), parts)
        if frame == 0:  # nothing was excited before
            excess = np.divide(boxes, steady, out=np.ones_like(boxes), where=steady > 0) - 1
        moved = moved_view(boxes, grid, wide, parts, motion[frame])
        if protocol.spin_history:
            rise = moved_view(excess, grid, wide, parts, motion[frame]) * next(relaxed)
            moved *= 1 + np.float32(protocol.spin_history) * rise
        series[..., frame] = moved * bias * gain[frame]
    crop = tuple(slice(m, m + n) for m, n in zip(margin, grid.shape, strict=True))
    grey = average_voxels(scene.tissues.grey, wide, parts)[crop]
    sigma = _noise(still[..., 0] * bias, grey, protocol.snr)
    return DscSeries(rician(series, sigma, seed), still, motion, sigma)


def acquire_dwi(
    head: Head,
    injuries: Sequence[Injury],
    grid: Grid,
    pose: Array,
    protocol: DwiProtocol,
    seed: Seed,
) -> tuple[Array, Array, Array]:
    """Record a diffusion-weighted series.

    Parameters
    ----------
    head, injuries : Head, sequence of Injury
        Anatomy and injured tissue.
    grid : Grid
        Voxel grid.
    pose : (4, 4) array
        Head → world.
    protocol : DwiProtocol
        b-values and noise.
    seed : int or sequence of ints
        Seed of the noise.

    Returns
    -------
    series : (x, y, z, n) array
        float32.
    bvals : (n,) array
        s/mm².
    bvecs : (n, 3) array
        Unit vectors; zero for b = 0.
    """
    parts = static_oversampling(grid)
    points = sample_points(grid, pose, head, parts)
    shares = anatomy.tissues(points)
    weights, adcs = water_signal(shares, points, injuries, protocol.te_s)
    bvals, bvecs = gradient_table(protocol.shells)
    bias = coil_bias(world_points(grid), grid, protocol.coil_bias).reshape(grid.shape)
    images = {}
    for b in np.unique(bvals):
        signal = sum(weights[kind] * np.exp(-np.float32(b) * adcs[kind]) for kind in weights)
        images[b] = SCALE * bias * average_voxels(np.asarray(signal), grid, parts)
    sigma = _noise(images[bvals.min()], average_voxels(shares.grey, grid, parts), protocol.snr)
    return rician(np.stack([images[b] for b in bvals], axis=-1), sigma, seed), bvals, bvecs


def acquire_flair(
    head: Head,
    injuries: Sequence[Injury],
    grid: Grid,
    pose: Array,
    protocol: FlairProtocol,
    seed: Seed,
) -> Array:
    """Record a fluid-attenuated inversion recovery image (fluid dark, injured tissue bright by its T2).

    Parameters
    ----------
    head, injuries, grid, pose, protocol, seed
        As in :func:`acquire_dwi`.

    Returns
    -------
    (x, y, z) array
        float32.
    """
    parts = static_oversampling(grid)
    points = sample_points(grid, pose, head, parts)
    shares = anatomy.tissues(points)
    weights, _ = water_signal(shares, points, injuries, protocol.te_s)
    weights["csf"] *= np.float32(0.05)  # nulled by the inversion
    weights["scalp"] *= np.float32(3.0)  # not fat-suppressed
    bias = coil_bias(world_points(grid), grid, protocol.coil_bias).reshape(grid.shape)
    image = SCALE * bias * average_voxels(np.asarray(sum(weights.values())), grid, parts)
    return rician(image, _noise(image, average_voxels(shares.grey, grid, parts), protocol.snr), seed)


def gradient_table(shells: Sequence[tuple[float, int]]) -> tuple[Array, Array]:
    """b-values and unit directions of shells; directions spread over the half sphere by the golden angle.

    Parameters
    ----------
    shells : sequence of (b, count)
        s/mm² and number of volumes.

    Returns
    -------
    bvals : (n,) array
        s/mm².
    bvecs : (n, 3) array
        Unit vectors; zero for b = 0.
    """
    bvals, bvecs = [], []
    for b, count in shells:
        height = (np.arange(count) + 0.5) / count
        angle = np.arange(count) * np.pi * (3 - np.sqrt(5))
        flat = np.sqrt(1 - height**2)
        spread = np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)
        bvals.append(np.full(count, float(b)))
        bvecs.append(spread if b > 0 else np.zeros((count, 3)))
    return np.concatenate(bvals), np.concatenate(bvecs)


def rician(signal: Array, sigma: float, seed: Seed) -> Array:
    """Magnitude of a signal with noise in both receiver channels.

    Parameters
    ----------
    signal : array
        Signal without noise.
    sigma : float
        SD of the noise in either channel.
    seed : int or sequence of ints
        Seed of the noise.

    Returns
    -------
    array
        float32.
    """
    rng = np.random.default_rng(seed)
    real = rng.standard_normal(signal.shape, dtype=np.float32)
    real *= np.float32(sigma)
    real += signal
    imaginary = rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary *= np.float32(sigma)
    return np.hypot(real, imaginary, out=real)


def _noise(image: Array, grey_share: Array, snr: float) -> float:
    """σ at which the mean signal of voxels of grey matter has the stated ratio to it."""
    return float(image[grey_share > 0.6].mean() / snr)


def _gains(protocol: DscProtocol, slices: int, seed: Seed) -> Array:
    """Gain of each slice in each frame, (t, slices): slow drift of all and independent changes."""
    drift = 1 + protocol.drift * _unit_drift(protocol.frames)
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])  # the noise has the seed itself
    change = 1 + protocol.slice_gain * rng.standard_normal((protocol.frames, slices))
    return (drift[:, None] * change).astype(np.float32)


def _unit_drift(frames: int) -> Array:
    """Slow change of gain, between about −1 and 1, nothing at the first frame."""
    time = np.linspace(0, 1, frames)
    return 0.7 * time + 0.3 * np.sin(2.5 * np.pi * time)
