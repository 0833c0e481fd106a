"""Realignment of clinical matrices, judged by the distance of brain points from where they truly are."""

import numpy as np
import pytest
from reperfuse.perfusion.motion import estimate_motion
from reperfuse.simulation.anatomy import Head, Region, brain_points
from reperfuse.simulation.geometry import Grid, draw_motion, rigid
from reperfuse.simulation.physiology import Flow, Zone
from reperfuse.simulation.scanner import acquire_dsc
from reperfuse.simulation.scene import DscProtocol
from scipy.spatial.transform import Rotation

FRAMES, BASELINE, BOLUS = 60, slice(3, 12), slice(14, 26)
JUMPS = (16, 22, 40)  # the first at the peak of the bolus
HEMISPHERE = Zone(Region("left", (35, -15, 15), (1, 1.4, 1.2), 250.0), (0.5, 0.9), (1.0, 1.0), (6.0, 3.0))
GRID = Grid(
    (112, 128, 24),
    np.diag([2.0, 2.0, 6.0, 1.0]) + np.pad(np.array([[-111.0, -145.0, -61.0]]).T, ((0, 1), (3, 0))),
)
POSE = rigid([4, 5, -3], [2, -1, 3])


def move(matrix, points):
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def point_errors(estimate, truth):
    """Mean distance over the brain a frame (mm), one common pose removed."""
    points = move(POSE, brain_points(6.0)[0])
    difference = np.linalg.inv(estimate) @ truth
    common = np.eye(4)
    common[:3, :3] = Rotation.from_matrix(difference[:, :3, :3]).mean().as_matrix()
    center = points.mean(axis=0)
    common[:3, 3] = move(difference.mean(axis=0), center) - common[:3, :3] @ center
    return np.array(
        [
            np.linalg.norm(move(a @ common, points) - move(b, points), axis=1).mean()
            for a, b in zip(estimate, truth, strict=True)
        ]
    )


def record(motion, delayed, seed):
    flow = Flow(zones=(HEMISPHERE,), left_mca_delay_s=3.0) if delayed else Flow()
    return acquire_dsc(Head(), flow, GRID, POSE, DscProtocol(frames=FRAMES), motion, seed)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in (2, 3, 4))])
@pytest.mark.parametrize("delayed", [False, True])
def test_clinical_series_is_followed(seed, delayed):
    motion = draw_motion(FRAMES, BASELINE, JUMPS, 3.0, 3.0, GRID.centre, seed)
    recorded = record(motion, delayed, [seed, 1])
    found = estimate_motion(recorded.series, GRID.affine, BASELINE)
    errors = point_errors(found.matrices, recorded.motion)
    print(f"mean {errors.mean():.3f} bolus {errors[BOLUS].mean():.3f} worst {errors.max():.3f} mm")
    assert errors.mean() <= 0.10
    assert errors[BOLUS].mean() <= 0.20
    assert errors.max() <= 0.40
    assert not found.outlier.any()


@pytest.mark.parametrize("delayed", [False, True])
def test_still_head_stays_still(delayed):
    still = np.tile(np.eye(4), (FRAMES, 1, 1))
    found = estimate_motion(record(still, delayed, 9).series, GRID.affine, BASELINE)
    errors = point_errors(found.matrices, still)
    print(f"mean {errors.mean():.3f} bolus {errors[BOLUS].mean():.3f} worst {errors.max():.3f} mm")
    assert errors.mean() <= 0.05


def centred(shape: tuple[int, int, int], voxel_mm: tuple[float, float, float]) -> Grid:
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = np.array([0, -18, 11]) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


@pytest.mark.parametrize(
    ("grid", "mean_mm", "worst_mm"),
    [
        pytest.param(centred((80, 88, 5), (2.8, 2.8, 16.0)), 1.0, 2.0, id="5 thick slices"),
        pytest.param(centred((72, 80, 40), (3.0, 3.0, 3.0)), 0.10, 0.40, id="40 thin slices"),
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_few_thick_and_many_thin_slices(grid, mean_mm, worst_mm, seed):
    """With five slices of 16 mm the pose through the plane is known to a small part of a slice only."""
    motion = draw_motion(30, slice(3, 9), (11, 20), 2.0, 2.0, grid.centre, seed)
    protocol = DscProtocol(frames=30, tr_s=2.0)
    recorded = acquire_dsc(Head(), Flow(left_mca_delay_s=3.0), grid, POSE, protocol, motion, [seed, 1])
    found = estimate_motion(recorded.series, grid.affine, slice(3, 9))
    errors = point_errors(found.matrices, recorded.motion)
    uncorrected = point_errors(np.tile(np.eye(4), (30, 1, 1)), recorded.motion)
    print(f"mean {errors.mean():.3f} worst {errors.max():.3f} uncorrected {uncorrected.mean():.3f} mm")
    assert errors.mean() <= mean_mm
    assert errors.max() <= worst_mm
    assert errors.mean() < uncorrected.mean() / 3
    assert not found.outlier.any()
