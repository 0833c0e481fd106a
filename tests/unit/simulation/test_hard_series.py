"""Series drawn at random within the clinical range, and frames of them that were damaged."""

from typing import get_args

import numpy as np
import pytest
from reperfuse.simulation.anatomy import tissues
from reperfuse.simulation.damage import Damage, damaged_frame
from reperfuse.simulation.geometry import average_voxels, moving_oversampling, sample_points
from reperfuse.simulation.hard_series import HardSeries, draw_hard_series

pytestmark = pytest.mark.slow


def brain_of(hard: HardSeries) -> np.ndarray:
    parts = moving_oversampling(hard.grid)
    shares = tissues(sample_points(hard.grid, hard.pose, hard.head, parts))
    share = shares.grey + shares.white + shares.csf + shares.blood
    return average_voxels(share, hard.grid, parts) >= 0.5


@pytest.fixture(scope="module")
def slab() -> HardSeries:
    return draw_hard_series(0, slices=6)


def test_a_seed_draws_the_same_for_good(slab):
    protocol = slab.protocol
    drawn = (protocol.tr_s, 1000 * protocol.te_s, protocol.snr, 100 * slab.drop, protocol.frames)
    assert drawn == pytest.approx((2.27392, 30.7915, 20.6772, 56.7536, 40), rel=1e-5)
    assert (protocol.coil, slab.baseline, slab.bolus) == ("surface", slice(3, 10), slice(10, 20))


@pytest.mark.parametrize("slices", [1, 12])
def test_slabs_of_any_number_of_slices_drop_as_wanted(slices):
    hard = draw_hard_series(2, slices)
    assert hard.recorded.series.shape == (112, 128, slices, hard.protocol.frames)
    assert np.isfinite(hard.recorded.series).all()
    curve = hard.recorded.still[brain_of(hard)].mean(axis=0)
    assert 1 - curve.min() / curve[0] == pytest.approx(hard.drop, abs=0.02)
    assert hard.bolus.start < curve.argmin() < hard.bolus.stop


def test_a_head_at_rest_is_the_same_but_for_motion(slab):
    rest = draw_hard_series(0, slices=6, moving=False)
    # perfusion is rounded to states whose representatives depend on how far the head moves
    np.testing.assert_allclose(rest.recorded.still, slab.recorded.still, rtol=0.03)
    np.testing.assert_array_equal(rest.recorded.motion, np.tile(np.eye(4), (rest.protocol.frames, 1, 1)))
    assert rest.recorded.sigma == pytest.approx(slab.recorded.sigma, rel=1e-3)
    assert np.abs(slab.recorded.motion[:, :3, 3]).max() > 0.5


def test_strength_scales_contrast_and_nothing_else(slab):
    weak = draw_hard_series(0, slices=6, strength=0.5)
    before = slice(0, slab.baseline.stop)
    np.testing.assert_array_equal(weak.recorded.series[..., before], slab.recorded.series[..., before])
    np.testing.assert_array_equal(weak.recorded.motion, slab.recorded.motion)
    assert weak.recorded.sigma == slab.recorded.sigma
    assert weak.flow.bolus.peak == pytest.approx(0.5 * slab.flow.bolus.peak)


@pytest.mark.parametrize("kind", get_args(Damage))
def test_a_damaged_frame_is_far_from_the_recorded_one(slab, kind):
    frame, brain = 8, brain_of(slab)
    intact, again = slab.recorded.series[..., frame], slab.recorded.series[..., frame - 1]
    damaged = damaged_frame(slab, frame, kind, seed=1)
    assert damaged.shape == intact.shape

    def misfit(image):
        return np.sqrt(((image - intact)[brain] ** 2).mean())

    assert misfit(damaged) > 1.5 * misfit(again)
    np.testing.assert_array_equal(damaged, damaged_frame(slab, frame, kind, seed=1))


def test_half_empty_and_moved_within_leave_the_other_slices_alone(slab):
    frame, sigma = 8, slab.recorded.sigma
    half = damaged_frame(slab, frame, "half empty")
    within = damaged_frame(slab, frame, "moved within")
    assert half[..., 3:].mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.02)
    np.testing.assert_array_equal(half[..., :3:2], within[..., :3:2])


@pytest.mark.parametrize("kind", get_args(Damage))
def test_a_single_slice_takes_the_damage_that_one_slice_can(kind):
    single = draw_hard_series(0, slices=1)
    if kind in ("half empty", "moved within"):
        with pytest.raises(ValueError, match="single slice"):
            damaged_frame(single, 8, kind)
    else:
        assert damaged_frame(single, 8, kind).shape == (112, 128, 1)
