"""What a bolus feigns against poses that are known, without any image."""

import numpy as np
import pytest
from reperfuse.perfusion.apparent_motion import remove_apparent_motion
from scipy.stats import gamma

FRAMES, POINTS, BASELINE = 50, 3000, slice(2, 11)
CURVE = gamma.pdf(np.arange(FRAMES) - 11.0, 3.5, scale=1.6)
CURVE = CURVE / CURVE.max() * 0.4 + 0.04 * (np.arange(FRAMES) > 18)
NOISE_MM = 0.003


def feign(strength: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the poses of a head at rest as least squares see them, the pictures' changes and the Jacobian."""
    rng = np.random.default_rng(seed)
    # eight points after each other, as along an edge or a vessel, are alike; some are late
    jacobian = np.repeat(rng.normal(0, 0.02, (POINTS // 8, 6)), 8, axis=0)
    change = strength * np.repeat(rng.normal(0, 0.3, POINTS // 8), 8)
    late = np.repeat(rng.uniform(0, 2, POINTS // 8), 8)
    curves = np.array([np.interp(np.arange(FRAMES) - lag, np.arange(FRAMES), CURVE) for lag in late])
    differences = change[:, None] * curves
    poses = np.linalg.lstsq(jacobian, differences, rcond=None)[0].T
    noise = rng.normal(0, 1e-3, differences.shape)
    return poses + rng.normal(0, NOISE_MM, poses.shape), differences - jacobian @ poses.T + noise, jacobian


def jumping(seed: int) -> np.ndarray:
    """Poses of a head that drifts little and jumps, once at the peak of the bolus."""
    rng = np.random.default_rng(seed)
    poses = np.cumsum(rng.normal(0, 0.01, (FRAMES, 6)), axis=0)
    for frame in (15, 30):
        poses[frame:] += rng.normal(0, 1.0, 6)
    return poses - poses[BASELINE].mean(axis=0)


@pytest.mark.parametrize("strength", [0.5, 1.0, 3.0])
def test_a_head_at_rest_is_at_rest(strength: float) -> None:
    poses, differences, jacobian = feign(strength, seed=1)
    found = remove_apparent_motion(poses, differences, jacobian, CURVE, BASELINE)
    assert np.abs(poses).max() > 0.05 * strength
    assert np.abs(found).max() < 0.1 * np.abs(poses).max() + 5 * NOISE_MM


@pytest.mark.parametrize("seed", range(4))
def test_a_jump_at_the_peak_is_kept_and_what_is_feigned_goes(seed: int) -> None:
    apparent, differences, jacobian = feign(2.0, seed)
    truth = jumping(seed + 10)
    found = remove_apparent_motion(apparent + truth, differences, jacobian, CURVE, BASELINE)
    before, after = np.abs(apparent).max(), np.abs(found - truth).max()
    assert after < 0.5 * before
    assert after < 0.2


def test_without_a_change_of_the_picture_nothing_is_taken_out() -> None:
    """Motion in step with a bolus that shows nowhere is motion."""
    rng = np.random.default_rng(5)
    jacobian = rng.normal(0, 0.02, (POINTS, 6))
    poses = np.outer(CURVE, rng.normal(0, 1, 6))
    found = remove_apparent_motion(poses, rng.normal(0, 1e-3, (POINTS, FRAMES)), jacobian, CURVE, BASELINE)
    np.testing.assert_allclose(found, poses, atol=0.02)


def test_directions_do_not_depend_on_each_other() -> None:
    """Poses in the plane only are treated as the same directions of all six."""
    poses, differences, jacobian = feign(1.0, seed=2)
    alone = remove_apparent_motion(poses[:, :3], differences, jacobian[:, :3], CURVE, BASELINE)
    together = remove_apparent_motion(poses, differences, jacobian, CURVE, BASELINE)
    np.testing.assert_allclose(alone, together[:, :3], atol=0.01)
