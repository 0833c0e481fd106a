"""Registration of simulated clinical scans whose poses are known.

Every scan is rendered in its own pose, none is resampled. Each pose is up to 7.5 mm and 7.5° about each axis
off the middle, so two scans are up to 15 mm and 15° apart about each axis. Six pairs each way here;
`benchmarks/registration.py` does all.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from reperfuse.faults import DataFault
from reperfuse.head.brain import brain_mask
from reperfuse.registration.fit import Registration
from reperfuse.registration.rigid import register
from reperfuse.simulation.anatomy import Head, brain_points, tissues
from reperfuse.simulation.geometry import rigid
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.protocols import CLINICAL, HEAD_CENTRE_MM, make_grid
from reperfuse.simulation.scanner import acquire_dsc, acquire_dwi
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import resample_mask
from scipy import ndimage

PATIENT = Patient("x", core_ml=60.0, deficit_ml=120.0, lesion_ml=90.0, swelling=0.12)


@dataclass(frozen=True)
class DistortedHead:
    """A head as EPI shows it: displaced along an axis by up to 7 mm above the sinuses and the petrous bones."""

    head: Head
    axis: NDArray[np.float64]

    def to_template(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        return self.head.to_template((points + self._shift(points)).astype(np.float32))

    def seen_at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where tissue at points of the head frame appears."""
        seen = points
        for _ in range(50):
            seen = points - self._shift(seen)
        return seen

    def _shift(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        bumps = (((0, 55, -15), 22, 8.0), ((45, -5, -25), 18, -5.0), ((-45, -5, -25), 18, -5.0))
        shift = 0.03 * (points[:, 2] - 20)
        for centre, width, height in bumps:
            shift = shift + height * np.exp(-((points - np.array(centre)) ** 2).sum(axis=1) / (2 * width**2))
        return shift[:, None] * self.axis


@dataclass(frozen=True)
class Scan:
    """An image, its brain, and the true pose of the head (head frame to world, mm)."""

    image: Image
    brain: NDArray[np.bool_]
    pose: NDArray[np.float64]
    lesion: NDArray[np.bool_] | None = None
    head: Head | DistortedHead | None = None


def draw_pose(rng: np.random.Generator) -> NDArray[np.float64]:
    return rigid(rng.uniform(-7.5, 7.5, 3), rng.uniform(-7.5, 7.5, 3), HEAD_CENTRE_MM)


def scan_dsc(number: int) -> Scan:
    grid, pose = make_grid(CLINICAL.dsc_matrix), draw_pose(np.random.default_rng([1, number]))
    protocol = replace(CLINICAL.dsc, frames=8)  # all before the bolus; six approach steady state
    still = np.stack([np.eye(4)] * protocol.frames)
    recorded = acquire_dsc(PATIENT.head("baseline"), PATIENT.flow("baseline"), grid, pose, protocol, still, [2, number])
    image = Image(recorded.series[..., 6:].mean(axis=-1), grid.affine)
    return Scan(image, brain_mask(image.data, image.voxel_size_mm), pose)


def scan_dwi(session: str, number: int, distort: bool = False) -> Scan:
    grid, pose = make_grid(CLINICAL.dwi_matrix), draw_pose(np.random.default_rng([3, len(session), number]))
    protocol = replace(CLINICAL.dwi, shells=((0.0, 1),))
    head = PATIENT.head(session)
    shown = DistortedHead(head, pose[:3, :3].T @ grid.affine[:3, 1] / grid.voxel_mm[1]) if distort else head
    series, _, _ = acquire_dwi(shown, PATIENT.injuries(session), grid, pose, protocol, [4, number])
    image = Image(series[..., 0], grid.affine)
    lesion = None
    if session == "followup":
        indices = np.indices(grid.shape).reshape(3, -1)
        to_head = np.linalg.inv(pose) @ grid.affine
        points = PATIENT.head(session).to_template((to_head[:3, :3] @ indices).T + to_head[:3, 3])
        lesion = (PATIENT.core(session).radius(points) < 1).reshape(grid.shape)
    return Scan(image, brain_mask(image.data, image.voxel_size_mm), pose, lesion, shown)


@cache
def scans(kind: str) -> list[Scan]:
    if kind == "dsc":
        return [scan_dsc(number) for number in range(3)]
    return [scan_dwi(kind, number) for number in range(2)]


@cache
def brain() -> NDArray[np.float64]:
    """Points of grey and white matter, head frame, mm."""
    points = brain_points(6.0)[0]
    shares = tissues(points)
    return points[shares.grey + shares.white > 0.5]


def mean_error(found: Registration, fixed: Scan, moving: Scan) -> float:
    """Mean distance over the brain between where the transform and the truth send it, mm."""
    world = brain() @ fixed.pose[:3, :3].T + fixed.pose[:3, 3]
    seen = moving.head.seen_at(brain()) if isinstance(moving.head, DistortedHead) else brain()
    there = seen @ moving.pose[:3, :3].T + moving.pose[:3, 3]
    return float(np.linalg.norm(found.transform(world) - there, axis=1).mean())


def errors(pairs: list[tuple[Scan, Scan]]) -> NDArray[np.float64]:
    found = [
        register(fixed.image, moving.image, fixed.brain, moving.brain, lesion=moving.lesion) for fixed, moving in pairs
    ]
    assert min(fit.brain_dice for fit in found) > 0.95
    return np.array([mean_error(fit, *pair) for fit, pair in zip(found, pairs, strict=True)])


def test_diffusion_to_perfusion_the_same_day() -> None:
    found = errors([(fixed, moving) for fixed in scans("dsc") for moving in scans("baseline")])
    assert found.mean() <= 0.35, found.round(2)
    assert found.max() <= 0.5, found.round(2)


def test_session_to_session_across_a_swollen_lesion() -> None:
    fixed = scans("baseline") + scans("dsc")[:1]
    found = errors([(one, other) for one in fixed for other in scans("followup")])
    assert found.mean() <= 0.5, found.round(2)
    assert found.max() <= 0.7, found.round(2)


def test_distortion_along_the_phase_encoding_axis_is_undone() -> None:
    """Displaced by 1.3 mm on average and 7 mm at most, and not at all."""
    fixed = scans("dsc")[0]
    for moving, limit in ((scan_dwi("baseline", 0, distort=True), 1.0), (scans("baseline")[0], 0.5)):
        bent = register(fixed.image, moving.image, fixed.brain, moving.brain, distortion_axis=1)
        error = mean_error(bent, fixed, moving)
        assert error <= limit
        if limit > 0.5:
            assert error <= 0.65 * mean_error(replace(bent, displacement=None), fixed, moving)


@pytest.mark.parametrize("slices", [slice(10, 24), slice(10, 16)])
def test_a_scan_of_a_part_of_the_head(slices: slice) -> None:
    """Perfusion of the upper 14 or of 6 middle slices of 24, whose centres are far from the whole brain's."""
    whole, moving = scans("dsc")[0], scans("baseline")[0]
    slab = part_of(whole, slices)
    found = register(slab.image, moving.image, slab.brain, moving.brain)
    assert mean_error(found, slab, moving) < 1.0


def part_of(scan: Scan, slices: slice) -> Scan:
    affine = scan.image.affine.copy()
    affine[:3, 3] += slices.start * affine[:3, 2]
    image = Image(scan.image.data[..., slices], affine)
    return Scan(image, brain_mask(image.data, image.voxel_size_mm), scan.pose)


@pytest.mark.parametrize("blob_mm", [0.0, 4.0])
def test_what_shares_no_more_than_the_outline_is_refused(blob_mm: float) -> None:
    """Noise, fine or coarse, in the shape of this very brain: the masks overlap by 99 %."""
    fixed, moving = scans("dsc")[0], scans("baseline")[0]
    noise = np.random.default_rng(5).normal(size=moving.image.data.shape)
    noise = ndimage.gaussian_filter(noise, blob_mm / np.array(moving.image.voxel_size_mm))
    nothing = np.where(moving.brain, 500 + 100 * noise / noise.std(), 0).astype(np.float32)
    with pytest.raises(DataFault, match="do not fit"):
        register(fixed.image, Image(nothing, moving.image.affine), fixed.brain, moving.brain)


def test_left_and_right_are_believed_and_never_mended() -> None:
    """A scan whose header has left and right swapped: nothing in a symmetric head would betray a mirroring fit."""
    fixed, moving = scans("dsc")[0], scans("baseline")[0]
    swapped = np.diag([-1.0, 1.0, 1.0, 1.0]) @ moving.image.affine
    found = register(fixed.image, Image(moving.image.data, swapped), fixed.brain, moving.brain)
    assert np.linalg.det(found.matrix[:3, :3]) == pytest.approx(1)
    left = np.array([-40.0, -18.0, 20.0, 1.0])  # of the swapped scan's world
    assert (np.linalg.inv(found.matrix) @ left)[0] < -20


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2)])
def test_the_grid_of_a_scan_changes_nothing(order: tuple[int, int, int]) -> None:
    """Axes permuted, flipped, and a world turned obliquely: the lesion's volume and place stay."""
    fixed, moving = scans("dsc")[0], scans("followup")[0]
    plain = register(fixed.image, moving.image, fixed.brain, moving.brain)
    oblique = rigid((12.0, -20.0, 8.0), (30.0, -45.0, 60.0))
    turned, brain_turned, lesion_turned = (
        _reordered(Image(data, moving.image.affine), order, oblique)
        for data in (moving.image.data, moving.brain, moving.lesion)
    )
    found = register(fixed.image, turned, fixed.brain, brain_turned.data)
    world = brain() @ fixed.pose[:3, :3].T + fixed.pose[:3, 3]
    wrong = np.linalg.inv(oblique) @ found.matrix - plain.matrix
    assert np.linalg.norm(world @ wrong[:3, :3].T + wrong[:3, 3], axis=1).mean() < 0.3
    volumes = [
        resample_mask(lesion, fixed.image, fit.matrix).sum()
        for lesion, fit in ((Image(moving.lesion, moving.image.affine), plain), (lesion_turned, found))
    ]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.01)


def _reordered(image: Image, order: tuple[int, int, int], world: NDArray[np.float64]) -> Image:
    """Put the same samples in another voxel order, first axis flipped, in a moved world."""
    data = np.transpose(image.data, order)[::-1]
    step = np.zeros((4, 4))
    step[3, 3] = 1
    for new, old in enumerate(order):
        step[old, new] = 1
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = data.shape[0] - 1
    return Image(np.ascontiguousarray(data), world @ image.affine @ step @ flip)
