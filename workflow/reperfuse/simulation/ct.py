"""What a CT scanner records of a head during the passage of a bolus.

Noise is that of the reconstruction: correlated within a slice, independent between slices and frames, and smaller in
larger voxels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from reperfuse.simulation.anatomy import SCALP_MM, Array, Head
from reperfuse.simulation.attenuation import AIR_HU, CtScene
from reperfuse.simulation.geometry import (
    Grid,
    Seed,
    average_voxels,
    moving_oversampling,
    rigid,
    sample_points,
)
from reperfuse.simulation.hemodynamics import Bolus
from reperfuse.simulation.moving import box_mean, margin_voxels, moved_view, widen
from reperfuse.simulation.physiology import Flow, Injury

# SD of brain at 80 kVp and 200 mAs in voxels of 0.5 × 0.5 × 5 mm: a signal of 35 HU is 5 times as large (Krissak et al.
# 2011, doi:10.1371/journal.pone.0017098, who also find the square root of the dose: 1.9 at 30 mAs).
NOISE_HU, REFERENCE_MM = 7.0, (0.5, 0.5, 5.0)


KERNEL_MM = 1.2  # full width of the point spread within a slice, a usual soft kernel


# Enhancement by the same iodine relative to 80 kVp; at 70 kVp it is 1.9 times that at 120 kVp
# (doi:10.1186/s41747-020-00184-z), at 80 and 100 kVp about 1.67 and 1.28 times.
ENHANCEMENT = {70: 1.14, 80: 1.0, 100: 0.77}


# The cradle in which the head lies: a shell of stiff plastic around its back, in mm from the head's axis.
HOLDER_HU, HOLDER_MM, HOLDER_GAP_MM = 60.0, 4.0, 9.0
HEAD_AXES_MM, HEAD_BACK_MM = (73.0 + SCALP_MM[1], 91.0 + SCALP_MM[1]), -17.0  # half width and length, middle along y


def even_times(frames: int, spacing_s: float, first_s: float = 0.0) -> tuple[float, ...]:
    """Make the times of evenly spaced frames, s."""
    return tuple(first_s + spacing_s * frame for frame in range(frames))


@dataclass(frozen=True)
class CtProtocol:
    """A CT perfusion acquisition.

    Attributes
    ----------
    times_s : tuple of float
        Time of each frame after the first one, s: even, or in phases of different spacing.
    kvp : {70, 80, 100}
        Tube voltage.
    mas : float
        Tube current times exposure time of a frame; 0 for no noise.
    late_half_s : float
        How much later than the lower half of the slices the upper half is recorded, as by a table that goes back
        and forth (shuttle).
    padding_hu : float or None
        What stands outside the circle of reconstruction; None: there is no such circle.
    gantry_deg : float
        Tilt of the gantry: slices are tilted, and still stacked along the table.
    holder : bool
        Whether a cradle holds the head.
    venous_ratio : float
        Enhancement of sinuses relative to what arrives by the arteries. Measured areas are smaller than those of
        carotids in 49 of 52 patients (doi:10.1371/journal.pone.0097586).
    """

    times_s: tuple[float, ...] = even_times(44, 1.5)
    kvp: int = 80
    mas: float = 200.0
    late_half_s: float = 0.0
    padding_hu: float | None = -1024.0
    gantry_deg: float = 0.0
    holder: bool = True
    venous_ratio: float = 1.0

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.times_s)

    @property
    def even_spacing_s(self) -> float | None:
        """Spacing of the frames if it is even."""
        steps = np.diff(self.times_s)
        return float(steps[0]) if np.ptp(steps) < 1e-6 else None

    @property
    def truth_times_s(self) -> Array:
        """Even times at which the truth is known, at the closest spacing of frames."""
        step = float(np.diff(self.times_s).min())
        return np.arange(0.0, self.times_s[-1] + 1e-6, step)

    def sigma_hu(self, voxel_mm: Sequence[float]) -> float:
        """SD of the noise in voxels of a size, HU."""
        if self.mas == 0:
            return 0.0
        dose = self.mas / 200.0 * (self.kvp / 80.0) ** 2.6  # of a tube, at a voltage
        return float(NOISE_HU * np.sqrt(_volume(REFERENCE_MM) / _volume(voxel_mm) / dose))


#: Bolus in HU at 80 kVp: it arrives earlier than in MR, and peaks at a few hundred HU.
CT_BOLUS = Bolus(arrival_s=10.0, peak=350.0)


@dataclass(frozen=True)
class CtSeries:
    """A CT perfusion acquisition and what is exactly known about it.

    Attributes
    ----------
    series : (x, y, z, t) array
        What the scanner recorded, HU: with motion, noise, holder and padding.
    still : (x, y, z, k) array
        The head alone in the reference pose at ``truth_times_s`` of the protocol, without noise, HU.
    motion : (t, 4, 4) array
        Takes a world point of the reference pose to where that tissue is in the frame.
    sigma : float
        SD of the noise, HU.
    """

    series: Array
    still: Array
    motion: Array
    sigma: float


def acquire_ct(
    head: Head,
    flow: Flow,
    grid: Grid,
    pose: Array,
    protocol: CtProtocol,
    motion: Array,
    seed: Seed,
    injuries: Sequence[Injury] = (),
) -> CtSeries:
    """Record a CT perfusion series.

    Parameters
    ----------
    head, flow : Head, Flow
        Anatomy and perfusion, the bolus in HU.
    grid : Grid
        Voxel grid; its affine may be sheared.
    pose : (4, 4) array
        Head → world in the reference pose.
    protocol : CtProtocol
        Timing, dose and what else is in the picture.
    motion : (t, 4, 4) array
        Rigid motion of each frame; resting heads have identities.
    seed : int or sequence of ints
        Seed of the noise.
    injuries : sequence of Injury
        Injured tissue.

    Returns
    -------
    CtSeries
        Recorded series and its truth.
    """
    parts, margin = moving_oversampling(grid), margin_voxels(grid, motion)
    wide = widen(grid, margin)
    frame_times = np.asarray(protocol.times_s)
    late_times = frame_times + protocol.late_half_s
    times, place = np.unique(np.concatenate([frame_times, late_times, protocol.truth_times_s]), return_inverse=True)
    early, late, true = np.split(place, [len(frame_times), 2 * len(frame_times)])
    scene = CtScene(sample_points(wide, pose, head, parts), flow, times, injuries, protocol.venous_ratio)
    fine_shape = tuple(n * k for n, k in zip(wide.shape, parts, strict=True))
    inner = tuple(slice(m * k, (m + n) * k, k) for m, n, k in zip(margin, grid.shape, parts, strict=True))
    halves = (early, slice(None, grid.shape[2] // 2)), (late, slice(grid.shape[2] // 2, None))
    series = np.empty((*grid.shape, protocol.frames), dtype=np.float32)
    still = np.empty((*grid.shape, len(true)), dtype=np.float32)
    for number in range(len(times)):
        boxes = box_mean(scene.image(number).reshape(fine_shape), parts)
        still[..., true == number] = boxes[inner][..., None]
        for frame in np.flatnonzero((early == number) | (late == number)):
            view = moved_view(boxes, grid, wide, parts, motion[frame])
            for numbers, slices in halves:
                if numbers[frame] == number:
                    series[:, :, slices, frame] = view[:, :, slices]
    if protocol.holder:
        np.maximum(series, head_holder(grid, pose)[..., None], out=series)
    sigma = protocol.sigma_hu(tuple(grid.voxel_mm))
    series += correlated_noise(series.shape, grid, sigma, seed)
    if protocol.padding_hu is not None:
        series[outside_circle(grid)] = protocol.padding_hu
    return CtSeries(series, still, motion, sigma)


def tilted_gantry(grid: Grid, degrees: float) -> Grid:
    """Tilt the slices of an upright grid about the left–right axis; they stay stacked along the table."""
    affine = grid.affine.copy()
    affine[:3, :2] = rigid((degrees, 0, 0), (0, 0, 0))[:3, :3] @ affine[:3, :2]
    affine[:3, 3] = grid.centre - affine[:3, :3] @ ((np.array(grid.shape) - 1) / 2)
    return Grid(grid.shape, affine)


def head_holder(grid: Grid, pose: Array) -> Array:
    """Attenuation of the cradle that holds a head in its pose, HU; air elsewhere.

    Parameters
    ----------
    grid : Grid
        Voxel grid.
    pose : (4, 4) array
        Head → world at rest. The cradle does not follow a head that moves.

    Returns
    -------
    (x, y, z) array
        float32.
    """
    parts = moving_oversampling(grid)
    x, y, _ = sample_points(grid, pose, Head(), parts).T
    wide, long = HEAD_AXES_MM
    y = y - np.float32(HEAD_BACK_MM)
    reach = np.hypot(x / wide, y / long)  # 1 on the scalp
    gap = (reach - 1) * np.hypot(x, y) / np.maximum(reach, 1e-6)  # mm beyond it
    shell = (gap > HOLDER_GAP_MM) & (gap < HOLDER_GAP_MM + HOLDER_MM) & (y < 0)
    return AIR_HU + (HOLDER_HU - AIR_HU) * average_voxels(shell, grid, parts)


def correlated_noise(shape: Sequence[int], grid: Grid, sigma: float, seed: Seed) -> Array:
    """Draw noise of a reconstruction.

    Parameters
    ----------
    shape : (4,) ints
        x, y, slices, frames.
    grid : Grid
        Voxel grid, for the width of the kernel in voxels.
    sigma : float
        SD, HU.
    seed : int or sequence of ints
        Seed.

    Returns
    -------
    (x, y, z, t) array
        float32.
    """
    rng = np.random.default_rng(seed)
    width = KERNEL_MM / 2.355 / grid.voxel_mm[:2]
    noise = np.empty(shape, dtype=np.float32)
    for frame in range(shape[3]):
        white = rng.standard_normal(shape[:3], dtype=np.float32)
        noise[..., frame] = ndimage.gaussian_filter(white, (*width, 0), mode="wrap")
    return noise * np.float32(sigma / max(noise.std(), 1e-9))


def outside_circle(grid: Grid) -> Array:
    """Voxels outside the circle of reconstruction, which fills the matrix."""
    points = (np.indices(grid.shape[:2]) - (np.array(grid.shape[:2])[:, None, None] - 1) / 2).T * grid.voxel_mm[:2]
    radius = 0.5 * min(n * v for n, v in zip(grid.shape[:2], grid.voxel_mm[:2], strict=True))
    beyond = np.hypot(*points.T) > radius
    return np.repeat(beyond[..., None], grid.shape[2], axis=2)


def sidecar(protocol: CtProtocol) -> dict[str, object]:
    """JSON of a series; uneven times are told as BIDS does for other series, by ``VolumeTiming``."""
    spacing = protocol.even_spacing_s
    timing = {"VolumeTiming": list(protocol.times_s)} if spacing is None else {"RepetitionTime": spacing}
    return {
        "Modality": "CT",
        "KVP": protocol.kvp,
        "Exposure": protocol.mas,
        **timing,
        "ContrastBolusIngredient": "IODINE",
    }


def _volume(voxel_mm: Sequence[float]) -> float:
    """Volume over which a voxel averages the noise: its own, widened by the kernel."""
    x, y, z = voxel_mm
    return (x * y + 4 * np.pi * (KERNEL_MM / 2.355) ** 2) * z
