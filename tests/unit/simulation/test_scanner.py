from dataclasses import replace

import numpy as np
import pytest
from reperfuse.simulation.anatomy import Head, Region, tissues
from reperfuse.simulation.geometry import Grid, average_voxels, draw_motion, rigid, sample_points
from reperfuse.simulation.physiology import Flow, Injury
from reperfuse.simulation.protocols import Matrix, make_grid
from reperfuse.simulation.scanner import (
    DwiProtocol,
    FlairProtocol,
    acquire_dsc,
    acquire_dwi,
    acquire_flair,
    gradient_table,
)
from reperfuse.simulation.scene import DscProtocol

GRID = make_grid(Matrix((36, 44, 12), (5.0, 5.0, 8.0), tilt_deg=8.0))
PERFECT = DscProtocol(frames=8, tr_s=4.0, snr=1e6, drift=0.0, coil_bias=0.0)
STILL = np.tile(np.eye(4), (8, 1, 1))
POSE = rigid((3, -4, 5), (2, -1, 3))


def _share(grid, pose, head, name, parts=(2, 2, 3)):
    points = sample_points(grid, pose, head, parts)
    return average_voxels(getattr(tissues(points), name), grid, parts)


@pytest.fixture(scope="module")
def resting():
    return acquire_dsc(Head(), Flow(), GRID, POSE, PERFECT, STILL, 1)


def test_still_perfect_scan_is_the_still_signal(resting):
    np.testing.assert_allclose(resting.series[..., 7], resting.still[..., 7], atol=0.01)


def test_first_frames_approach_steady_state():
    scan = acquire_dsc(Head(), Flow(), GRID, POSE, replace(PERFECT, tr_s=1.5), STILL, 1)
    brain = _share(GRID, POSE, Head(), "white") > 0.8
    level = scan.series[brain].mean(axis=0) / scan.still[brain].mean(axis=0)
    recovery = np.exp(-1.5 / 0.85)  # T1 of white matter
    first = (1 - recovery * np.cos(np.deg2rad(PERFECT.flip_deg))) / (1 - recovery)
    assert level[0] == pytest.approx(first, rel=0.03)
    assert abs(level[2] - 1) < 0.02


def test_signal_drops_as_blood_and_cortex_do():
    protocol = replace(PERFECT, frames=30, tr_s=1.5)
    motion = np.tile(np.eye(4), (30, 1, 1))
    still = acquire_dsc(Head(), Flow(), GRID, POSE, protocol, motion, 1).still
    grey = _share(GRID, POSE, Head(), "grey") > 0.9
    drop = 1 - still[grey].min(axis=1) / still[grey][:, 0]
    assert 0.10 < np.median(drop) < 0.16
    ventricle = _share(GRID, POSE, Head(), "csf") > 0.95
    assert np.ptp(still[ventricle].mean(axis=0)) < 0.02 * still[ventricle].mean()


def test_image_of_a_moved_head_is_the_image_at_the_moved_pose(resting):
    """Motion in the series and a change of the pose are the same thing."""
    move = rigid((1.5, -2, 2), (2, -1.5, 1), GRID.centre)
    motion = STILL.copy()
    motion[7] = move
    moved = acquire_dsc(Head(), Flow(), GRID, POSE, PERFECT, motion, 1).series[..., 7]
    elsewhere = acquire_dsc(Head(), Flow(), GRID, move @ POSE, PERFECT, STILL, 1).still[..., 7]
    wrong = acquire_dsc(Head(), Flow(), GRID, np.linalg.inv(move) @ POSE, PERFECT, STILL, 1).still[..., 7]
    rest = resting.still[..., 7]

    def misfit(image):
        return np.sqrt(((moved - image) ** 2).mean())

    assert misfit(elsewhere) < 0.3 * misfit(rest)
    assert misfit(elsewhere) < 0.2 * misfit(wrong)


@pytest.mark.parametrize("axes", ["LAS", "RPS", "LPI"])
def test_centre_of_mass_follows_the_matrix(axes):
    grid = make_grid(Matrix((60, 60, 44), (4.5, 4.5, 5.5), axes=axes, tilt_deg=12.0))
    motion = STILL.copy()
    motion[7] = rigid((2, 3, -2), (3, -2, 4), grid.centre)
    series = acquire_dsc(Head(2.0), Flow(), grid, POSE, PERFECT, motion, 1).series
    world = (grid.affine @ np.r_[np.indices(grid.shape).reshape(3, -1), [np.ones(np.prod(grid.shape))]])[:3]

    def centre(image):
        weight = np.where(image > 5, image, 0).ravel().astype(float)
        return world @ weight / weight.sum()

    expected = motion[7] @ np.r_[centre(series[..., 6]), 1]
    np.testing.assert_allclose(centre(series[..., 7]), expected[:3], atol=0.12)


def test_noise_has_the_stated_ratio(resting):
    noisy = acquire_dsc(Head(), Flow(), GRID, POSE, replace(PERFECT, snr=40.0), STILL, 3)
    grey = _share(GRID, POSE, Head(), "grey") > 0.6
    difference = (noisy.series - resting.series)[grey]
    assert resting.still[grey][:, 0].mean() / difference.std() == pytest.approx(40, rel=0.03)
    air = _share(GRID, POSE, Head(), "scalp") == 0
    air &= resting.still[..., 0] == 0
    assert noisy.series[air].mean() == pytest.approx(noisy.sigma * np.sqrt(np.pi / 2), rel=0.03)


def test_drawn_motion_has_its_reference_and_its_jump():
    baseline = slice(3, 10)
    motion = draw_motion(60, baseline, (20, 40), 3.0, 3.0, (0, 0, 0), 11)
    np.testing.assert_allclose(motion[baseline].mean(axis=0), np.eye(4), atol=0.02)
    rotations = motion[:, :3, :3]
    np.testing.assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (60, 1, 1)), atol=1e-12)
    step = np.linalg.norm(np.diff(motion[:, :3, 3], axis=0), axis=1)
    assert set(np.argsort(step)[-2:]) == {19, 39}
    assert 2.0 < step[19] < 4.0
    np.testing.assert_array_equal(motion, draw_motion(60, baseline, (20, 40), 3.0, 3.0, (0, 0, 0), 11))


def test_diffusion_decays_by_the_adc():
    protocol = DwiProtocol(shells=((0.0, 1), (500.0, 1), (1000.0, 2)), snr=1e6, coil_bias=0.3)
    series, bvals, bvecs = acquire_dwi(Head(), (), GRID, POSE, protocol, 1)
    shares = tissues(sample_points(GRID, POSE, Head(), (3, 3, 5)))
    for tissue, adc in (("grey", 0.80e-3), ("white", 0.72e-3), ("csf", 3.0e-3)):
        pure = average_voxels(getattr(shares, tissue), GRID, (3, 3, 5)) > 0.97
        slope = -np.polyfit(bvals, np.log(series[pure]).T, 1)[0]
        assert pure.sum() >= 3
        assert np.median(slope) == pytest.approx(adc, rel=0.03)
    np.testing.assert_allclose(np.linalg.norm(bvecs, axis=1), bvals > 0)


def test_core_is_restricted_and_bright_and_the_rest_is_not_touched():
    core = Region("left", (32, -10, 22), (1, 1.4, 1.1), 30.0)
    quiet = DwiProtocol(snr=1e6)
    healthy, _, _ = acquire_dwi(Head(), (), GRID, POSE, quiet, 1)
    ill, _, _ = acquire_dwi(Head(), (Injury(core, adc=0.45e-3),), GRID, POSE, quiet, 1)
    where = core.radius(sample_points(GRID, POSE, Head(), (1, 1, 1))).reshape(GRID.shape)
    deep, far = where < 0.6, where > 1.6
    assert np.median(ill[deep][:, -1] / healthy[deep][:, -1]) > 1.25
    np.testing.assert_allclose(ill[far], healthy[far], rtol=1e-3, atol=0.1)


def test_flair_shows_dark_fluid_and_a_bright_old_infarct():
    core = Region("right", (32, -10, 22), (1, 1.4, 1.1), 30.0)
    image = acquire_flair(Head(), (Injury(core, t2_ratio=1.45),), GRID, POSE, FlairProtocol(snr=1e6), 1)
    white = _share(GRID, POSE, Head(), "white") > 0.9
    fluid = _share(GRID, POSE, Head(), "csf") > 0.95
    inside = core.radius(sample_points(GRID, POSE, Head(), (1, 1, 1))).reshape(GRID.shape) < 1
    normal = np.median(image[white & ~inside])
    assert np.median(image[fluid]) < 0.4 * normal
    assert np.median(image[white & inside]) > 1.3 * normal


def test_directions_are_unit_vectors_and_differ():
    bvals, bvecs = gradient_table(((0, 2), (1000, 12)))
    weighted = bvecs[bvals > 0]
    assert np.abs(weighted @ weighted.T - np.eye(12)).max() < 0.97


def test_voxel_average_is_a_mean_over_its_volume():
    grid = Grid((2, 1, 1), np.diag([4.0, 4.0, 4.0, 1.0]))
    points = sample_points(grid, np.eye(4), Head(), (4, 1, 1))
    np.testing.assert_allclose(points[:, 0], np.arange(-1.5, 6, 1.0))
    np.testing.assert_allclose(average_voxels(points[:, 0], grid, (4, 1, 1)).ravel(), [0, 4])
