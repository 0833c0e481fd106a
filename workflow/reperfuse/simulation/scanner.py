"""What an MR scanner records of a head: gradient-echo DSC series, diffusion and FLAIR.

A *pose* is the 4×4 matrix from the head frame to world millimetres. Every voxel is the mean of the signal over its
volume: tissues and vessels in one voxel mix as signals, not as concentrations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from reperfuse.simulation import anatomy, hemodynamics
from reperfuse.simulation.anatomy import Head, Tissues
from reperfuse.simulation.physiology import Flow, Injury, injuries_at, perfusion_at

FloatArray = NDArray[np.floating]

SCALE = 1000.0  # signal of pure fluid at full relaxation
# Proton density, T1 (s) and T2* and T2 (s) at 3 T, rounded; the scalp is fat-suppressed in echo-planar images.
_DENSITY = {"grey": 0.82, "white": 0.70, "csf": 1.0, "scalp": 0.25, "blood": 0.80}
_T1 = {"grey": 1.35, "white": 0.85, "csf": 4.0, "scalp": 0.5, "blood": 1.6}
_T2STAR = {"grey": 0.055, "white": 0.048, "csf": 0.40, "scalp": 0.035, "blood": 0.045}
_T2 = {"grey": 0.092, "white": 0.074, "csf": 1.2, "scalp": 0.06, "blood": 0.06}
_ADC = {"grey": 0.80e-3, "white": 0.72e-3, "csf": 3.0e-3, "scalp": 1.2e-3, "blood": 1.6e-3}


@dataclass(frozen=True)
class Grid:
    """Voxel grid: shape (x, y, z) and affine (4×4, voxel → world mm)."""

    shape: tuple[int, int, int]
    affine: FloatArray = field(compare=False)

    @property
    def voxel_mm(self) -> FloatArray:
        """Voxel sizes, (3,), mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel, mL."""
        return float(abs(np.linalg.det(self.affine[:3, :3])) / 1000)

    @property
    def centre(self) -> FloatArray:
        """Centre of the field of view, (3,), world mm."""
        return self.affine[:3, :3] @ ((np.array(self.shape) - 1) / 2) + self.affine[:3, 3]


@dataclass(frozen=True)
class DscProtocol:
    """A DSC acquisition; lengths in mm, times in s, ``snr`` = mean grey-matter baseline signal / σ."""

    frames: int = 60
    tr_s: float = 1.5
    te_s: float = 0.030
    flip_deg: float = 60.0
    snr: float = 50.0
    drift: float = 0.01
    coil_bias: float = 0.25


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
        What the scanner recorded: with motion, approach to steady state, drift, coil bias and noise.
    still : (x, y, z, t) array
        The same signal at the reference pose and at steady state, without any of these.
    motion : (t, 4, 4) array
        Takes a world point of the reference pose to where that tissue is in the frame.
    sigma : float
        Standard deviation of the noise in either receiver channel.
    """

    series: FloatArray
    still: FloatArray
    motion: FloatArray
    sigma: float


def sample_points(grid: Grid, pose: ArrayLike, head: Head, oversample: Sequence[int]) -> FloatArray:
    """Template coordinates of a grid, each voxel divided into ``oversample`` parts an axis.

    Parameters
    ----------
    grid : Grid
        Voxel grid.
    pose : (4, 4) array
        Head → world.
    head : Head
        The head.
    oversample : (3,) ints
        Parts of a voxel along each axis.

    Returns
    -------
    (n, 3) array
        Points of the finer grid in C order, template mm.
    """
    parts = np.asarray(oversample)
    axes = [
        ((np.arange(n * k) + 0.5) / k - 0.5).astype(np.float32)
        for n, k in zip(grid.shape, parts, strict=True)
    ]
    to_head = np.linalg.inv(np.asarray(pose, dtype=float)) @ grid.affine
    points = to_head[:3, 3].astype(np.float32) + sum(
        axes[i].reshape([-1 if j == i else 1 for j in range(3)] + [1]) * to_head[:3, i].astype(np.float32)
        for i in range(3)
    )
    return head.to_template(np.asarray(points).reshape(-1, 3))


def average_voxels(values: FloatArray, grid: Grid, oversample: Sequence[int]) -> FloatArray:
    """Mean over each voxel of values at :func:`sample_points`.

    Parameters
    ----------
    values : (n,) array
        A value for each point.
    grid : Grid
        Voxel grid.
    oversample : (3,) ints
        As given to :func:`sample_points`.

    Returns
    -------
    (x, y, z) array
        Voxel means, float32.
    """
    (nx, ny, nz), (kx, ky, kz) = grid.shape, oversample
    return values.reshape(nx, kx, ny, ky, nz, kz).mean(axis=(1, 3, 5), dtype=np.float32)


def static_oversampling(grid: Grid) -> tuple[int, int, int]:
    """Parts of a voxel an axis for scans without motion: about 1.5 mm each."""
    x, y, z = (max(1, round(float(v) / 1.5)) for v in grid.voxel_mm)
    return x, y, z


def moving_oversampling(grid: Grid) -> tuple[int, int, int]:
    """Parts of a voxel an axis for series that are resampled at moved positions: at least two, about 2 mm each."""
    x, y, z = (max(2, round(float(v) / 2.0)) for v in grid.voxel_mm)
    return x, y, z


def acquire_dsc(
    head: Head,
    flow: Flow,
    grid: Grid,
    pose: FloatArray,
    protocol: DscProtocol,
    motion: FloatArray,
    seed: ArrayLike,
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
    points = sample_points(grid, pose, head, parts)
    scene = _DscScene(points, flow, protocol)
    fine_shape = tuple(n * k for n, k in zip(grid.shape, parts, strict=True))
    still = np.empty((*grid.shape, protocol.frames), dtype=np.float32)
    series = np.empty_like(still)
    world = _world(grid)
    bias = coil_bias(world, grid, protocol.coil_bias).reshape(grid.shape)
    drift = 1 + protocol.drift * _unit_drift(protocol.frames)
    for frame in range(protocol.frames):
        steady, approach = scene.image(frame)
        boxes = _box_mean(steady.reshape(fine_shape), parts)
        still[..., frame] = boxes[:: parts[0], :: parts[1], :: parts[2]]
        if approach is not steady:
            boxes = _box_mean(approach.reshape(fine_shape), parts)
        if np.array_equal(motion[frame], np.eye(4)):
            moved = boxes[:: parts[0], :: parts[1], :: parts[2]]
        else:
            index = (np.linalg.inv(grid.affine) @ np.linalg.inv(motion[frame]) @ grid.affine) @ _voxels(grid)
            index = index[:3] * np.array(parts, dtype=float)[:, None]
            moved = ndimage.map_coordinates(boxes, index, order=1, cval=0.0).reshape(grid.shape)
        series[..., frame] = moved * bias * np.float32(drift[frame])
    grey = average_voxels(scene.tissues.grey, grid, parts) > 0.6
    sigma = float((still[grey, 0] * bias[grey]).mean() / protocol.snr)
    return DscSeries(_rician(series, sigma, seed), still, motion, sigma)


def acquire_dwi(
    head: Head,
    injuries: Sequence[Injury],
    grid: Grid,
    pose: FloatArray,
    protocol: DwiProtocol,
    seed: ArrayLike,
) -> tuple[FloatArray, FloatArray, FloatArray]:
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
    points = sample_points(grid, pose, head, static_oversampling(grid))
    weights, adcs = _water(points, injuries, protocol.te_s)
    bvals, bvecs = gradient_table(protocol.shells)
    bias = coil_bias(_world(grid), grid, protocol.coil_bias).reshape(grid.shape)
    images = {}
    for b in np.unique(bvals):
        signal = sum(weights[kind] * np.exp(-np.float32(b) * adcs[kind]) for kind in weights)
        images[b] = average_voxels(SCALE * np.asarray(signal), grid, static_oversampling(grid)) * bias
    grey = average_voxels(anatomy.tissues(points).grey, grid, static_oversampling(grid)) > 0.6
    sigma = float(images[bvals.min()][grey].mean() / protocol.snr)
    return _rician(np.stack([images[b] for b in bvals], axis=-1), sigma, seed), bvals, bvecs


def acquire_flair(
    head: Head,
    injuries: Sequence[Injury],
    grid: Grid,
    pose: FloatArray,
    protocol: FlairProtocol,
    seed: ArrayLike,
) -> FloatArray:
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
    points = sample_points(grid, pose, head, static_oversampling(grid))
    weights, _ = _water(points, injuries, protocol.te_s)
    weights["csf"] = weights["csf"] * np.float32(0.05)
    weights["scalp"] = weights["scalp"] * np.float32(3.0)
    image = average_voxels(SCALE * np.asarray(sum(weights.values())), grid, static_oversampling(grid))
    image = image * coil_bias(_world(grid), grid, protocol.coil_bias).reshape(grid.shape)
    grey = average_voxels(anatomy.tissues(points).grey, grid, static_oversampling(grid)) > 0.6
    return _rician(image, float(image[grey].mean() / protocol.snr), seed)


def gradient_table(shells: Sequence[tuple[float, int]]) -> tuple[FloatArray, FloatArray]:
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


def rigid(rotation_deg: ArrayLike, translation_mm: ArrayLike, centre_mm: ArrayLike = (0, 0, 0)) -> FloatArray:
    """Rigid transform: a rotation vector (degrees) about a centre, then a translation (mm).

    Parameters
    ----------
    rotation_deg, translation_mm, centre_mm : (3,) array
        Rotation vector, translation and centre of rotation.

    Returns
    -------
    (4, 4) array
        Matrix acting on points.
    """
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.asarray(rotation_deg, dtype=float), degrees=True).as_matrix()
    centre = np.asarray(centre_mm, dtype=float)
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre + np.asarray(translation_mm, dtype=float)
    return matrix


def draw_motion(
    frames: int,
    baseline: slice,
    jumps_at: Sequence[int],
    size_mm: float,
    size_deg: float,
    centre_mm: ArrayLike,
    seed: ArrayLike,
) -> FloatArray:
    """Draw rigid motion: a random walk plus jumps; the mean pose over the baseline frames is the identity.

    Parameters
    ----------
    frames : int
        Number of frames.
    baseline : slice
        Pre-bolus frames that define the reference pose.
    jumps_at : sequence of int
        Frames at which the head jumps to another place.
    size_mm, size_deg : float
        Length of each jump; the walk between jumps stays at about a third of it.
    centre_mm : (3,) array
        Centre of rotation, world mm.
    seed : int or sequence of ints
        Seed.

    Returns
    -------
    (frames, 4, 4) array
        Takes a world point of the reference pose to where that tissue is in the frame.
    """
    rng = np.random.default_rng(seed)
    size = np.repeat([size_deg, size_mm], 3)
    walk = np.cumsum(rng.normal(size=(frames, 6)), axis=0)
    walk = ndimage.gaussian_filter1d(walk, 1.0, axis=0) / np.sqrt(3 * frames)
    track = walk * size / 3
    for frame in jumps_at:
        for half in (slice(0, 3), slice(3, 6)):
            direction = rng.normal(size=3)
            track[frame:, half] += direction / np.linalg.norm(direction) * size[half]
    track -= track[baseline].mean(axis=0)
    return np.stack([rigid(row[:3], row[3:], centre_mm) for row in track])


def coil_bias(world: FloatArray, grid: Grid, strength: float) -> FloatArray:
    """Receive field of a head coil: brighter towards the rim and a little lopsided, mean about one.

    Parameters
    ----------
    world : (n, 3) array
        World points, mm.
    grid : Grid
        Its centre is the coil's.
    strength : float
        Relative rise 90 mm off the centre.

    Returns
    -------
    (n,) array
        Multiplies the signal.
    """
    off = (world - grid.centre.astype(np.float32)) / np.float32(90.0)
    field_ = (
        1 + strength * ((off**2).sum(axis=1) - 0.5) + strength * off @ np.array([0.3, -0.4, 0.2], np.float32)
    )
    return np.clip(field_, 0.3, 3.0).astype(np.float32)


class _DscScene:
    """Signal of every point of the head at every frame."""

    def __init__(self, points: FloatArray, flow: Flow, protocol: DscProtocol) -> None:
        self.tissues: Tissues = anatomy.tissues(points)
        self.protocol = protocol
        shares = self.tissues
        blood = shares.left_mca + shares.right_mca + shares.arteries + shares.veins
        self.size = len(points)
        self.where = np.flatnonzero(shares.grey + shares.white + shares.csf + shares.scalp + blood > 0)
        times = np.arange(protocol.frames) * protocol.tr_s
        self.parts = [("csf", shares.csf[self.where], np.zeros_like(times))]
        leak = 0.02 * hemodynamics.disperse(
            hemodynamics.arterial_curve(times, flow.bolus), protocol.tr_s, 12.0
        )
        self.parts.append(("scalp", shares.scalp[self.where], leak))
        for share, curve in flow.vessel_curves(times, shares):
            self.parts.append(("blood", share[self.where], curve))
        self.tables = [self._tissue_table(points, kind, flow, times) for kind in ("grey", "white")]

    def _tissue_table(
        self, points: FloatArray, kind: str, flow: Flow, times: FloatArray
    ) -> tuple[str, FloatArray, FloatArray, FloatArray, FloatArray]:
        """Points that hold the tissue, their share and state, and the attenuation of each state at each frame.

        States are perfusion values rounded to 1 % (CBF, MTT) and 0.05 s (delay): a few thousand in place of a
        curve for each of a million points.
        """
        share = getattr(self.tissues, kind)[self.where]
        here = np.flatnonzero(share > 0)
        cbf, mtt, delay = perfusion_at(points[self.where[here]], kind, flow.zones)
        keys = [np.round(np.log(cbf) * 100), np.round(np.log(mtt) * 100), np.round(delay * 20)]
        codes = np.zeros(len(here), dtype=np.int64)
        for key in keys:
            low = key.min() if len(key) else 0
            codes = codes * int(np.ptp(key) + 1 if len(key) else 1) + (key - low).astype(np.int64)
        _, first, state = np.unique(codes, return_index=True, return_inverse=True)
        curves = hemodynamics.tissue_curves(times, cbf[first], mtt[first], delay[first], bolus=flow.bolus)
        attenuation = np.exp(-np.float32(self.protocol.te_s) * curves.T)
        return kind, here, share[here], state.astype(np.int32), np.ascontiguousarray(attenuation)

    def image(self, frame: int) -> tuple[FloatArray, FloatArray]:
        """Signal at steady state, and with the frame's approach to it (the same array once that is over)."""
        te, tr, flip = self.protocol.te_s, self.protocol.tr_s, np.deg2rad(self.protocol.flip_deg)
        steady = np.zeros(len(self.where), dtype=np.float32)
        excess = np.zeros_like(steady)

        def strengths(kind: str) -> tuple[float, float]:
            recovery = np.exp(-tr / _T1[kind])
            level = (1 - recovery) / (1 - recovery * np.cos(flip))
            full = SCALE * _DENSITY[kind] * np.exp(-te / _T2STAR[kind])
            return full * level, full * (1 - level) * (recovery * np.cos(flip)) ** frame

        for kind, share, curve in self.parts:
            steady_strength, excess_strength = strengths(kind)
            decay = np.exp(-te * curve[frame])
            steady += np.float32(steady_strength * decay) * share
            if frame < 5:
                excess += np.float32(excess_strength * decay) * share
        for kind, here, share, state, attenuation in self.tables:
            steady_strength, excess_strength = strengths(kind)
            part = share * attenuation[frame][state]
            steady[here] += np.float32(steady_strength) * part
            if frame < 5:
                excess[here] += np.float32(excess_strength) * part
        full = np.zeros(self.size, dtype=np.float32)
        full[self.where] = steady
        if frame >= 5:
            return full, full
        approach = np.zeros(self.size, dtype=np.float32)
        approach[self.where] = steady + excess
        return full, approach


def _water(
    points: FloatArray, injuries: Sequence[Injury], te_s: float
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """T2-weighted share and ADC of each tissue at points."""
    shares = anatomy.tissues(points)
    adc, t2_ratio = injuries_at(points, injuries)
    blood = shares.left_mca + shares.right_mca + shares.arteries + shares.veins
    weights, adcs = {}, {}
    for kind, share in (("csf", shares.csf), ("scalp", shares.scalp), ("blood", np.float32(0.3) * blood)):
        weights[kind] = share * np.float32(_DENSITY[kind] * np.exp(-te_s / _T2[kind]))
        adcs[kind] = np.float32(_ADC[kind])
    for kind, share in (("grey", shares.grey), ("white", shares.white)):
        weights[kind] = share * np.float32(_DENSITY[kind]) * np.exp(-np.float32(te_s / _T2[kind]) / t2_ratio)
        adcs[kind] = np.where(np.isnan(adc), np.float32(_ADC[kind]), adc)
    return weights, adcs


def _box_mean(image: FloatArray, parts: Sequence[int]) -> FloatArray:
    """Mean over boxes of ``parts`` points that begin at each point (shorter boxes count as dark at the far rim)."""
    for axis, count in enumerate(parts):
        total = image.copy()
        for shift in range(1, count):
            near, far = [slice(None)] * 3, [slice(None)] * 3
            near[axis], far[axis] = slice(None, -shift), slice(shift, None)
            total[tuple(near)] += image[tuple(far)]
        image = total
    image *= np.float32(1 / np.prod(parts))
    return image


def _voxels(grid: Grid) -> FloatArray:
    """Homogeneous voxel indices in C order, (4, n)."""
    index = np.indices(grid.shape, dtype=np.float32).reshape(3, -1)
    return np.concatenate([index, np.ones((1, index.shape[1]), np.float32)])


def _world(grid: Grid) -> FloatArray:
    """World coordinates of voxel centres, (n, 3), mm."""
    return (grid.affine.astype(np.float32) @ _voxels(grid))[:3].T


def _unit_drift(frames: int) -> FloatArray:
    """Slow change of gain, between about −1 and 1, nothing at the first frame."""
    time = np.linspace(0, 1, frames)
    return 0.7 * time + 0.3 * np.sin(2.5 * np.pi * time)


def _rician(signal: FloatArray, sigma: float, seed: ArrayLike) -> FloatArray:
    """Magnitude of a signal with noise ``sigma`` in both receiver channels."""
    rng = np.random.default_rng(seed)
    real = rng.standard_normal(signal.shape, dtype=np.float32)
    real *= np.float32(sigma)
    real += signal
    imaginary = rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary *= np.float32(sigma)
    return np.hypot(real, imaginary, out=real)
