"""What is not perfusion, against curves to which a known change or a known noise was added."""

import numpy as np
import pytest
from reperfuse.perfusion.bolus import Baseline
from reperfuse.perfusion.nuisance import bridge_matrices, remove_nuisance
from reperfuse.simulation.geometry import draw_motion, rigid
from reperfuse.simulation.hemodynamics import arterial_curve, tissue_curves

DT_S, ECHO_S, FRAMES, NOISE = 1.5, 0.03, 44, 0.3
TIME = np.arange(FRAMES) * DT_S
BASELINE = Baseline(0, 10)
AIF = arterial_curve(TIME)


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(1).uniform(-60, 60, (400, 3))


@pytest.fixture(scope="module")
def perfusion() -> np.ndarray:
    """Half normal tissue, half late and slow, with noise."""
    late = np.arange(400) < 200
    curves = tissue_curves(TIME, np.where(late, 20, 50), np.where(late, 11, 4.5), np.where(late, 6.5, 0.5))
    return np.asarray(curves + np.random.default_rng(2).normal(0, NOISE, curves.shape))


@pytest.fixture(scope="module")
def matrices() -> np.ndarray:
    """Two jumps, the first at the peak of the bolus."""
    return draw_motion(FRAMES, slice(0, 10), (14, 28), 1.5, 1.5, (0, 0, 0), 3)


def displacement_mm(points: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    moved = np.einsum("tij,nj->nti", matrices, np.column_stack([points, np.ones(len(points))]))[..., :3]
    moved -= moved[:, BASELINE.frames].mean(axis=1, keepdims=True)
    return np.asarray(moved)


def added_change(points: np.ndarray, matrices: np.ndarray, seed: int = 4) -> np.ndarray:
    """Changes of 3 % a mm along a direction of each voxel's own, in ΔR2*."""
    slope = np.random.default_rng(seed).normal(0, 0.03 / ECHO_S, (len(points), 3))
    return np.asarray(np.einsum("nti,ni->nt", displacement_mm(points, matrices), slope))


def clean(curves: np.ndarray, points: np.ndarray, matrices: np.ndarray, **options: float) -> np.ndarray:
    return remove_nuisance(curves, points, matrices, AIF, DT_S, ECHO_S, BASELINE, **options)


def test_what_follows_the_displacement_is_removed(
    perfusion: np.ndarray, points: np.ndarray, matrices: np.ndarray
) -> None:
    added = added_change(points, matrices)
    left = clean(perfusion + added, points, matrices) - perfusion
    assert added.std() > 5 * NOISE
    assert left.std() < 0.15 * added.std()


def test_perfusion_stays(perfusion: np.ndarray, points: np.ndarray, matrices: np.ndarray) -> None:
    """What is taken from curves without any such change is less than their noise, and hardly any of their area."""
    taken = perfusion - clean(perfusion, points, matrices)
    assert taken.std() < NOISE
    for part in (slice(0, 200), slice(200, 400)):
        assert abs(taken[part].sum(axis=1).mean()) < 0.04 * perfusion[part].sum(axis=1).mean()


@pytest.mark.parametrize("jump", [13, 17, 20])
def test_a_late_hemisphere_keeps_its_area_though_the_arterial_signal_saturates(points: np.ndarray, jump: int) -> None:
    """As with a stenosed carotid artery: a jump is no excuse for how steeply a curve rises and falls."""
    late = points[:, 0] > 0
    curves = referred(
        tissue_curves(TIME, np.full(400, 50.0), np.full(400, 4.5), np.where(late, 3.0, 0.5))
        + np.random.default_rng(2).normal(0, 0.05, (400, FRAMES))
    )
    moved = np.tile(np.eye(4), (FRAMES, 1, 1))
    moved[jump:] = rigid((0.5, 0.3, -0.6), (0.6, -0.5, 0.7))
    clipped = np.minimum(AIF, AIF.max() / 2)
    taken = curves - remove_nuisance(curves, points, moved, clipped, DT_S, ECHO_S, BASELINE)
    for part in (late, ~late):
        assert abs(taken[part].sum(axis=1).mean()) < 0.04 * curves[part].sum(axis=1).mean()


def test_a_head_at_rest_and_a_head_not_looked_at_lose_their_level_only(
    perfusion: np.ndarray, points: np.ndarray, matrices: np.ndarray
) -> None:
    rest = np.tile(rigid((1, 2, 3), (4, 5, 6)), (FRAMES, 1, 1))
    for found in (clean(perfusion, points, rest), clean(perfusion, points, matrices, change_per_mm=0.0)):
        taken = perfusion - found
        assert np.ptp(taken, axis=1).max() < 1e-4


def referred(curves: np.ndarray) -> np.ndarray:
    """Curves whose mean before the bolus is 0, as those of a signal relative to that before the bolus are."""
    return np.asarray(curves - curves[:, BASELINE.frames].mean(axis=1, keepdims=True))


def late_and_slow(number: int) -> np.ndarray:
    """Curves without noise: a quarter as late and slow as any, the rest normal tissue."""
    late = np.arange(number) < number // 4
    curves = tissue_curves(TIME, np.where(late, 12, 50), np.where(late, 14, 4.5), np.where(late, 9, 0.5))
    return np.asarray(curves)


def test_the_level_before_the_bolus_is_known_better_and_areas_are_less_noisy() -> None:
    curves = late_and_slow(4000)
    noisy = referred(curves + np.random.default_rng(5).normal(0, 0.6, curves.shape))
    cleaned = clean(noisy, np.zeros((4000, 3)), np.tile(np.eye(4), (FRAMES, 1, 1)))
    late = np.arange(4000) < 1000
    for part, bias in ((late, 0.12), (~late, 0.03)):  # tails that do not end pass for a level in part
        before, after = ((found - curves).sum(axis=1)[part] for found in (noisy, cleaned))
        assert after.std() < 0.85 * before.std()
        assert abs(after.mean()) < bias * curves[part].sum(axis=1).mean()


def test_without_noise_nothing_is_taken_from_any_shape_of_curve() -> None:
    """Of tissue the model does not know too, with a residue function that is a box."""
    fine = np.arange(0, TIME[-1], 0.1)
    box = np.convolve(arterial_curve(fine), np.full(80, 0.1 / 8.0))[: len(fine)]
    curves = np.stack([*late_and_slow(40), np.interp(TIME - 4, fine, box)])
    cleaned = clean(curves, np.zeros((len(curves), 3)), np.tile(np.eye(4), (FRAMES, 1, 1)))
    np.testing.assert_allclose(cleaned.sum(axis=1), curves.sum(axis=1), rtol=0.01)


def test_neither_the_frame_of_the_world_nor_the_unit_of_the_curves_matters(
    perfusion: np.ndarray, points: np.ndarray, matrices: np.ndarray
) -> None:
    curves = perfusion + added_change(points, matrices)
    expected = clean(curves, points, matrices)
    world = rigid((20, -35, 50), (70, -40, 15))
    turned = points @ world[:3, :3].T + world[:3, 3]
    found = clean(curves, turned, world @ matrices @ np.linalg.inv(world))
    np.testing.assert_allclose(found, expected, atol=0.01)
    in_ms = remove_nuisance(curves / 1000, points, matrices, AIF / 1000, DT_S, ECHO_S * 1000, BASELINE)
    np.testing.assert_allclose(in_ms * 1000, expected, atol=0.01)


def test_poses_of_replaced_frames_lie_between_their_neighbours() -> None:
    matrices = np.stack([rigid((0, 0, 0), (float(t), 0, 0)) for t in range(6)])
    broken = matrices.copy()
    broken[2] = np.nan
    broken[3] = rigid((0, 0, 30), (50, 0, 0))
    broken[5] = np.nan
    found = bridge_matrices(broken, np.arange(6) == 3)
    np.testing.assert_allclose(found[:5], matrices[:5], atol=1e-12)
    np.testing.assert_allclose(found[5], matrices[4], atol=1e-12)
