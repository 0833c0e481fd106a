"""Motion against known matrices, in world space, whatever the grid."""

from functools import lru_cache

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.head.alignment import align, prepare_target
from reperfuse.head.brain import brain_mask
from reperfuse.perfusion.motion import estimate_motion, resample
from reperfuse.perfusion.outliers import find_outliers
from reperfuse.simulation.anatomy import Head, brain_points
from reperfuse.simulation.geometry import Grid, draw_motion, rigid
from reperfuse.simulation.physiology import Flow
from reperfuse.simulation.scanner import DscSeries, acquire_dsc
from reperfuse.simulation.scene import DscProtocol
from scipy.spatial.transform import Rotation

BASELINE = slice(3, 9)
POSE = rigid([4, 5, -3], [2, -1, 3])


def make_grid(shape, voxel_mm, turn_deg=(0, 0, 0), center=(0, -18, 8)) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_rotvec(turn_deg, degrees=True).as_matrix() * np.array(voxel_mm)
    affine[:3, 3] = np.array(center) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


GRID = make_grid((64, 72, 16), (3.2, 3.2, 7.0))


@lru_cache
def record(jump: float, frames: int = 20) -> DscSeries:
    motion = np.tile(np.eye(4), (frames, 1, 1))
    if jump:
        motion = draw_motion(frames, BASELINE, [11, 15], jump, jump, GRID.centre, seed=5)
    flow = Flow(left_mca_delay_s=4.0)
    return acquire_dsc(Head(), flow, GRID, POSE, DscProtocol(frames=frames, tr_s=2.0), motion, seed=1)


def move(matrix, points):
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def brain_in_world():
    return move(POSE, brain_points(8.0)[0])


def point_errors(estimate, truth):
    """Mean distance over the brain a frame; both poses are zero on average over the baseline."""
    points = brain_in_world()
    return np.array(
        [np.linalg.norm(move(a, points) - move(b, points), axis=1).mean() for a, b in zip(estimate, truth, strict=True)]
    )


def test_moving_head_is_followed_through_the_bolus():
    recorded = record(jump=3.0)
    found = estimate_motion(recorded.series, GRID.affine, BASELINE)
    errors = point_errors(found.matrices, recorded.motion)
    uncorrected = point_errors(np.broadcast_to(np.eye(4), found.matrices.shape), recorded.motion)
    assert uncorrected[11:].min() > 2.0
    assert errors[BASELINE.start :].mean() < 0.25
    assert errors[BASELINE.start :].max() < 0.5
    assert not found.outlier.any()
    assert found.framewise_displacement_mm.argmax() in (11, 15)


def test_still_head_stays_still():
    found = estimate_motion(record(jump=0.0).series, GRID.affine, BASELINE)
    errors = point_errors(found.matrices, np.broadcast_to(np.eye(4), found.matrices.shape))
    assert errors[BASELINE].max() < 0.03
    assert errors[BASELINE.start :].mean() < 0.05
    assert errors[BASELINE.start :].max() < 0.15  # voxels of 3 × 3 × 7 mm


def test_parameters_describe_the_matrices():
    found = estimate_motion(record(jump=3.0).series, GRID.affine, BASELINE)
    step = np.hstack([found.translations_mm, 50 * found.rotations_rad])
    np.testing.assert_allclose(
        found.framewise_displacement_mm, np.r_[0, np.abs(np.diff(step, axis=0)).sum(axis=1)], atol=1e-9
    )
    turned = Rotation.from_matrix(found.matrices[12, :3, :3]).as_euler("xyz")
    np.testing.assert_allclose(found.rotations_rad[12], turned, atol=1e-12)


@pytest.mark.parametrize("order", ["flip x", "flip y and z", "swap x and z", "turn"])
def test_voxel_order_does_not_matter(order):
    recorded = record(jump=3.0)
    series, affine = recorded.series[:, 1:, :, 3:14], GRID.affine @ rigid([0, 0, 0], [0, 1, 0])  # an odd size
    expected = estimate_motion(series, affine, slice(0, 6)).matrices
    to_old = np.eye(4)
    if order.startswith("flip"):
        for axis in {"flip x": (0,), "flip y and z": (1, 2)}[order]:
            series = np.flip(series, axis)
            to_old[axis, axis], to_old[axis, 3] = -1, series.shape[axis] - 1
    else:
        axes = {"swap x and z": (2, 1, 0), "turn": (1, 2, 0)}[order]
        series = series.transpose(*axes, 3)
        to_old = np.zeros((4, 4))
        to_old[3, 3] = 1
        for new, old in enumerate(axes):
            to_old[old, new] = 1
    found = estimate_motion(series, affine @ to_old, slice(0, 6)).matrices
    assert point_errors(found, expected).max() < 0.02


def test_oblique_grid_gives_the_same_world_motion():
    """The same frames in a turned world: the motion turns with it."""
    recorded = record(jump=3.0)
    series = recorded.series[..., 3:14]
    world = rigid([20, -15, 10], [30, 5, -12])
    expected = world @ estimate_motion(series, GRID.affine, slice(0, 6)).matrices @ np.linalg.inv(world)
    found = estimate_motion(series, world @ GRID.affine, slice(0, 6)).matrices
    points = move(world, brain_in_world())
    shift = [
        np.linalg.norm(move(a, points) - move(b, points), axis=1).mean() for a, b in zip(found, expected, strict=True)
    ]
    assert max(shift) < 0.02


def test_align_finds_a_large_jump_from_rest():
    frame = record(jump=0.0).series[..., 5]
    truth = rigid([6, -5, 8], [7, -6, 4], GRID.centre)
    moved = resample(frame[..., None], GRID.affine, np.linalg.inv(truth)[None])[..., 0]
    found = align(prepare_target(frame, GRID.affine), moved, GRID.affine)
    assert found.converged
    assert point_errors([found.matrix], [truth]).max() < 0.2


def test_damaged_frames_are_flagged_and_the_others_kept():
    recorded = record(jump=3.0)
    series = recorded.series.copy()
    series[..., 4] = np.nan
    series[..., 10] = 7.0
    series[:, :, 1::2, 13] = np.roll(series[:, :, 1::2, 13], 2, axis=1)  # head turned while slices were read
    series[..., 17] = np.roll(series[..., 17], 40, axis=0) * (np.arange(64) < 12)[:, None, None]  # out of view
    found = estimate_motion(series, GRID.affine, BASELINE)
    brain = brain_mask(found.reference, GRID.voxel_mm)
    torn = find_outliers(resample(series, GRID.affine, found.matrices)[brain], BASELINE, ~found.outlier)
    assert set(np.flatnonzero(found.outlier | torn)) == {4, 10, 13, 17}
    assert np.isnan(found.matrices[[4, 10]]).all()
    good = ~found.outlier & ~torn & (np.arange(20) >= BASELINE.start)
    assert point_errors(found.matrices[good], recorded.motion[good]).max() < 0.5
    corrected = resample(series, GRID.affine, found.matrices)
    assert np.isnan(corrected[..., 4]).all()


def test_another_head_in_the_middle_of_the_baseline_is_no_reference():
    recorded = record(jump=0.0)
    series = recorded.series.copy()
    middle = (BASELINE.start + BASELINE.stop) // 2
    series[..., middle] = series[::-1, ::-1, :, middle]
    found = estimate_motion(series, GRID.affine, BASELINE)
    others = np.delete(np.arange(3, 20), middle - 3)
    assert point_errors(found.matrices[others], recorded.motion[others]).max() < 0.1


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        (np.ones((8, 8, 4)), "single frame"),
        (np.ones((8, 8, 4, 1)), "single frame"),
        (np.ones((8, 8, 4, 12)), "constant"),
        (np.full((8, 8, 4, 12), np.nan), "empty"),
    ],
)
def test_unusable_series_has_a_reason(series, reason):
    with pytest.raises(DataFault, match=reason):
        estimate_motion(series, np.eye(4), slice(2, 8))


def test_resampling_is_exact_for_smooth_images_and_nan_outside():
    """A cubic polynomial moves without error; what comes from outside the grid is unknown."""
    affine = np.diag([2.0, 3.0, 5.0, 1.0])
    x, y, z = np.meshgrid(np.arange(24) * 2.0, np.arange(20) * 3.0, np.arange(12) * 5.0, indexing="ij")

    def smooth(p, q, r):
        return np.cos(p / 14) + np.sin(q / 17) + np.cos(r / 25 + 1)

    matrix = rigid([0, 0, 0], [3.1, -1.7, 2.2])
    result = resample(smooth(x, y, z)[..., None], affine, matrix[None])[..., 0]
    expected = smooth(x + 3.1, y - 1.7, z + 2.2)
    inner = (slice(4, 18), slice(4, 16), slice(3, 8))
    np.testing.assert_allclose(result[inner], expected[inner], atol=2e-3)
    # 2.2 mm beyond a slice 5 mm thick is unknown; 0.1 voxel is not
    assert np.isnan(result[-2:]).all()
    assert np.isnan(result[:, 0]).all()
    assert np.isnan(result[..., -1]).all()
    assert np.isfinite(result[:-2, 1:, :-1]).all()
    nearly = rigid([0, 0, 0], [0, 0, 0.4])
    assert np.isfinite(resample(smooth(x, y, z)[..., None], affine, nearly[None])).all()


def test_identity_returns_the_frames():
    series = record(jump=0.0).series[..., :2]
    same = resample(series, GRID.affine, np.tile(np.eye(4), (2, 1, 1)))
    np.testing.assert_allclose(same, series, rtol=1e-4, atol=1e-2)


def test_same_input_same_bytes():
    series = record(jump=3.0).series[..., 3:10]
    first, second = (estimate_motion(series, GRID.affine, slice(0, 5)) for _ in range(2))
    assert first.matrices.tobytes() == second.matrices.tobytes()
    assert first.reference.tobytes() == second.reference.tobytes()


def test_air_far_from_the_head_stays_as_scanned() -> None:
    series = np.random.default_rng(1).random((20, 24, 12, 3)).astype(np.float32)
    affine = np.diag([4.0, 4.0, 5.0, 1.0])
    matrices = np.stack([rigid([1, 2, -1], [1, 0, 2]), rigid([0, 1, 2], [0, 2, 1]), np.full((4, 4), np.nan)])
    head = np.zeros(series.shape[:3], bool)
    head[8:12, 10:15, 4:8] = True
    box = np.s_[5:15, 7:18, 2:10]  # 10 mm more on each side
    air = np.ones(series.shape[:3], bool)
    air[box] = False
    plain = resample(series, affine, matrices)
    made = resample(series, affine, matrices, head, slice(0, 1))
    np.testing.assert_array_equal(made[..., 0], plain[..., 0])
    np.testing.assert_allclose(made[(*box, 1)], plain[(*box, 1)], atol=1e-6)
    np.testing.assert_array_equal(made[air, 1], series[air, 1])
    assert np.isnan(made[..., 2]).all(), "a frame without a pose"
