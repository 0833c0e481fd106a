"""Curves at even times, of samples whose times and truth are known."""

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.perfusion.sampling import even_times, resample_times
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve

BOLUS = Bolus(arrival_s=10.0, peak=350.0, beta_s=2.2)


def curve(times_s: np.ndarray) -> np.ndarray:
    return arterial_curve(times_s, BOLUS)


def test_even_times_stay_as_they_are() -> None:
    times = 2.0 + 1.5 * np.arange(40)
    np.testing.assert_allclose(even_times(times, 1.5), times)
    series = np.random.default_rng(0).normal(size=(3, 3, 2, 40)).astype(np.float32)
    np.testing.assert_array_equal(resample_times(series, times, even_times(times, 1.5)), series)


def test_two_phases_become_as_close_as_the_first() -> None:
    times = np.r_[np.arange(0, 40, 1.0), np.arange(40, 67, 3.0)]
    even = even_times(times, 1.0)
    assert even[0] == 0
    np.testing.assert_allclose(np.diff(even), 1.0)
    assert even[-1] == times[-1]
    found = resample_times(curve(times)[None, None, None], times, even)[0, 0, 0]
    assert np.abs(found - curve(even)).max() < 0.005 * 350


def test_each_slice_of_a_shuttle_is_read_at_its_own_time() -> None:
    times, delays = 1.5 * np.arange(40), [0.0, 0.4, 0.8, 1.2]
    series = np.stack([curve(times + delay) for delay in delays])
    for axis in (0, 1, 2):
        turned = np.moveaxis(series[:, None, None], 0, axis)
        found = np.moveaxis(resample_times(turned, times, times, delays, axis), axis, 0)[:, 0, 0]
        late = np.abs(series[3] - curve(times)).max()
        assert np.abs(found[:, 1:] - curve(times)[1:]).max() < 0.05 * late


def test_a_frame_that_holds_nothing_is_bridged_and_a_voxel_that_does_is_not() -> None:
    times = 1.0 * np.arange(50)
    series = np.tile(curve(times), (2, 2, 3, 1))
    series[..., 30] = np.nan  # a whole frame
    series[:, :, 1, 25] = np.nan  # a slice of one
    series[0, 0, 2, 20] = np.nan  # a voxel
    found = resample_times(series, times, times)
    assert np.isnan(found[0, 0, 2]).all()
    found[0, 0, 2] = curve(times)
    assert np.abs(found - curve(times)).max() < 0.01 * 350


def test_times_that_do_not_increase_are_named() -> None:
    with pytest.raises(DataFault, match="do not increase"):
        even_times([0.0, 1.0, 1.0, 2.0], 1.0)
