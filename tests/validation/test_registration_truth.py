"""Registration of simulated clinical scans whose poses are known.

Every scan is rendered in its own pose, none is resampled. Each pose is up to 7.5 mm and 7.5° about each axis
off the middle, so two scans are up to 15 mm and 15° apart about each axis; 20 pairs each way.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from reperfuse.images import Image
from reperfuse.registration import Registration, register_rigid, resample_mask
from reperfuse.segmentation import brain_mask
from reperfuse.simulation.anatomy import brain_points, tissues
from reperfuse.simulation.geometry import rigid
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.protocols import CLINICAL, HEAD_CENTRE_MM, make_grid
from reperfuse.simulation.scanner import acquire_dsc, acquire_dwi

PATIENT = Patient("x", core_ml=60.0, deficit_ml=120.0, lesion_ml=90.0, swelling=0.12)


@dataclass(frozen=True)
class Scan:
    """An image, its brain, and the true pose of the head (head frame to world, mm)."""

    image: Image
    brain: NDArray[np.bool_]
    pose: NDArray[np.float64]
    lesion: NDArray[np.bool_] | None = None


def draw_pose(rng: np.random.Generator) -> NDArray[np.float64]:
    return rigid(rng.uniform(-7.5, 7.5, 3), rng.uniform(-7.5, 7.5, 3), HEAD_CENTRE_MM)


def scan_dsc(number: int) -> Scan:
    grid, pose = make_grid(CLINICAL.dsc_matrix), draw_pose(np.random.default_rng([1, number]))
    protocol = replace(CLINICAL.dsc, frames=8)  # all before the bolus; six approach steady state
    still = np.stack([np.eye(4)] * protocol.frames)
    recorded = acquire_dsc(PATIENT.head("baseline"), PATIENT.flow("baseline"), grid, pose, protocol, still, [2, number])
    image = Image(recorded.series[..., 6:].mean(axis=-1), grid.affine)
    return Scan(image, brain_mask(image.data, image.voxel_size_mm), pose)


def scan_dwi(session: str, number: int) -> Scan:
    grid, pose = make_grid(CLINICAL.dwi_matrix), draw_pose(np.random.default_rng([3, len(session), number]))
    protocol = replace(CLINICAL.dwi, shells=((0.0, 1),))
    series, _, _ = acquire_dwi(PATIENT.head(session), PATIENT.injuries(session), grid, pose, protocol, [4, number])
    image = Image(series[..., 0], grid.affine)
    lesion = None
    if session == "followup":
        indices = np.indices(grid.shape).reshape(3, -1)
        to_head = np.linalg.inv(pose) @ grid.affine
        points = PATIENT.head(session).to_template((to_head[:3, :3] @ indices).T + to_head[:3, 3])
        lesion = (PATIENT.core(session).radius(points) < 1).reshape(grid.shape)
    return Scan(image, brain_mask(image.data, image.voxel_size_mm), pose, lesion)


@cache
def scans(kind: str) -> list[Scan]:
    if kind == "dsc":
        return [scan_dsc(number) for number in range(4)]
    return [scan_dwi(kind, number) for number in range(5 if kind == "baseline" else 4)]


@cache
def brain() -> NDArray[np.float64]:
    """Points of grey and white matter, head frame, mm."""
    points = brain_points(6.0)[0]
    shares = tissues(points)
    return points[shares.grey + shares.white > 0.5]


def mean_error(found: Registration, fixed: Scan, moving: Scan) -> float:
    """Mean distance over the brain between where the transform and the truth send it, mm."""
    world = brain() @ fixed.pose[:3, :3].T + fixed.pose[:3, 3]
    wrong = found.matrix - moving.pose @ np.linalg.inv(fixed.pose)
    return float(np.linalg.norm(world @ wrong[:3, :3].T + wrong[:3, 3], axis=1).mean())


def errors(pairs: list[tuple[Scan, Scan]]) -> NDArray[np.float64]:
    found = [
        register_rigid(fixed.image, moving.image, fixed.brain, moving.brain, lesion=moving.lesion)
        for fixed, moving in pairs
    ]
    assert min(fit.brain_dice for fit in found) > 0.95
    return np.array([mean_error(fit, *pair) for fit, pair in zip(found, pairs, strict=True)])


def test_diffusion_to_perfusion_the_same_day() -> None:
    pairs = [(fixed, moving) for fixed in scans("dsc") for moving in scans("baseline")]
    found = errors(pairs)
    assert len(found) == 20
    assert found.mean() <= 0.35, found.round(2)
    assert found.max() <= 0.5, found.round(2)


def test_session_to_session_across_a_swollen_lesion() -> None:
    fixed = scans("baseline")[:3] + scans("dsc")[:2]
    found = errors([(one, other) for one in fixed for other in scans("followup")])
    assert len(found) == 20
    assert found.mean() <= 0.5, found.round(2)
    assert found.max() <= 0.7, found.round(2)


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2)])
def test_the_grid_of_a_scan_changes_nothing(order: tuple[int, int, int]) -> None:
    """Axes permuted, flipped, and a world turned obliquely: the lesion's volume and place stay."""
    fixed, moving = scans("dsc")[0], scans("followup")[0]
    plain = register_rigid(fixed.image, moving.image, fixed.brain, moving.brain)
    oblique = rigid((12.0, -20.0, 8.0), (30.0, -45.0, 60.0))
    turned, brain_turned, lesion_turned = (
        _reordered(Image(data, moving.image.affine), order, oblique)
        for data in (moving.image.data, moving.brain, moving.lesion)
    )
    found = register_rigid(fixed.image, turned, fixed.brain, brain_turned.data)
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
