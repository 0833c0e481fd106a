"""Intervals: what normal draws give, what a zero stays, and how often a class holds."""

import math

import numpy as np
import pytest
from reperfuse.mismatch.intervals import columns, interval, plausible, share_held, without_noise

DEFUSE = {
    "classes": [{"name": "target", "all": ["core_ml < 70", "mismatch_ratio >= 1.8", "mismatch_ml >= 15"]}],
    "otherwise": "none",
}


@pytest.mark.parametrize("resamples", [19, 39, 100])
def test_ninety_percent_of_normal_draws_lie_in_the_interval(resamples: int) -> None:
    """19 draws leave one of the 20 gaps between them on either side, 39 two of 40, whatever their distribution."""
    random = np.random.default_rng(1)
    held = []
    for _ in range(3000):
        value = random.normal(100, 4)
        drawn = plausible(value, random.normal(value + 3, 4, resamples).tolist())
        low, high = interval(value, drawn)
        held.append(low <= 100 <= high)
    assert np.mean(held) == pytest.approx(0.9, abs=0.025)


def test_the_shift_of_noise_added_twice_is_taken_off() -> None:
    drawn = plausible(50.0, [56.0, 58.0, 60.0])
    assert drawn is not None
    assert drawn.tolist() == [48.0, 50.0, 52.0]


@pytest.mark.parametrize("noise", [0.5, 1.0, 3.0])
def test_a_shift_in_proportion_to_the_noise_is_taken_off_whole(noise: float) -> None:
    """A volume of 50 mL that each unit of noise makes 4 mL larger, with noise and with as much variance again."""
    value, more = 50 + 4 * noise, 50 + 4 * noise * math.sqrt(2)
    drawn = without_noise(value, [more - 1, more, more + 1])
    assert drawn is not None
    assert drawn.tolist() == pytest.approx([49, 50, 51])


def test_an_interval_holds_that_of_each_set_of_draws() -> None:
    first, second = np.arange(19.0), np.array([-3.0, 4.0, math.nan])
    assert interval(5.0, first, second) == (-3.0, 18.0)
    assert interval(5.0, second, None) == (-3.0, 4.0)
    assert interval(5.0, first, np.array([math.nan])) == (0.0, 18.0)
    assert np.isnan(interval(5.0, None, None)).all()


def test_nothing_is_less_than_nothing() -> None:
    drawn = plausible(0.0, [9.0, 12.0, 15.0] * 13)
    assert interval(0.0, drawn) == (0.0, 3.0)
    assert interval(0.0, plausible(0.0, [0.0] * 39)) == (0.0, 0.0)
    drawn = without_noise(1.0, [9.0, 12.0, 15.0])
    assert drawn is not None
    assert drawn.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("resampled", [None, [], [1.0, math.nan]])
def test_what_is_not_known_has_no_interval(resampled: list[float] | None) -> None:
    assert plausible(5.0, resampled) is None
    assert without_noise(5.0, resampled) is None
    assert np.isnan(interval(5.0, None)).all()


def test_an_unknown_value_has_no_interval() -> None:
    assert plausible(math.nan, [1.0, 2.0]) is None
    assert np.isnan(interval(math.nan, np.array([1.0, 2.0]))).all()
    assert np.isnan(interval(1.0, np.array([math.nan]))).all()


def test_a_ratio_may_be_infinite() -> None:
    drawn = np.array([1.5] * 20 + [math.inf] * 15 + [math.nan] * 4)
    assert interval(2.0, drawn) == (1.5, math.inf)


def test_columns_are_named_after_the_value() -> None:
    assert columns("core_ml", (1.0, 2.0)) == {"core_ml_low": 1.0, "core_ml_high": 2.0}


def test_a_class_holds_in_the_draws_that_give_it() -> None:
    own = {"core_ml": 60.0, "tmax6_ml": 120.0}
    cores, deficits = np.array([60.0, 71.0, 65.0, 50.0]), np.array([120.0, 200.0, 110.0, 90.0])
    assert share_held(DEFUSE, own, {"core_ml": cores}) == 0.75
    assert share_held(DEFUSE, own, {"core_ml": cores, "tmax6_ml": deficits}) == 0.5
    assert share_held(DEFUSE, own, {"core_ml": cores, "tmax10_ml": deficits[:1]}) == 0.75


def test_no_class_and_no_draws_give_no_share() -> None:
    assert math.isnan(share_held(DEFUSE, {"core_ml": 60.0}, {"core_ml": np.array([60.0])}))
    assert math.isnan(share_held(DEFUSE, {"core_ml": 60.0, "tmax6_ml": 120.0}, {}))
    assert math.isnan(share_held(DEFUSE, {"core_ml": 60.0, "tmax6_ml": 120.0}, {"tmax10_ml": np.array([1.0])}))
