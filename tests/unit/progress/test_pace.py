"""The time left comes from what finished steps took."""

import pytest
from snakemake_logger_plugin_reperfuse.pace import Pace, in_words


def test_nothing_is_said_until_half_of_what_is_left_is_of_rules_that_were_seen() -> None:
    pace = Pace({"fast": 4, "slow": 2})
    assert pace.left_s(0.0) is None
    pace.add("slow", 0.0, 10.0)
    assert pace.left_s(10.0) is None  # 1 of the 5 left is slow
    pace.add("fast", 10.0, 12.0)
    assert pace.left_s(12.0) == pytest.approx(3 * 2 + 10)


def test_each_rule_has_its_own_duration_and_an_unseen_one_the_mean() -> None:
    pace = Pace({"fast": 3, "slow": 3, "last": 1})
    pace.add("fast", 0.0, 1.0)
    pace.add("slow", 1.0, 10.0)
    assert pace.left_s(10.0) == pytest.approx(2 * 1 + 2 * 9 + 1 * 5)


def test_steps_side_by_side_halve_it() -> None:
    pace = Pace({"one": 6})
    pace.add("one", 0.0, 10.0)
    pace.add("one", 0.0, 10.0)
    assert pace.left_s(10.0) == pytest.approx(4 * 10 / 2)


def test_it_is_right_for_a_run_of_steps_that_last_as_long_as_each_other() -> None:
    steps, seconds, lanes = 20, 7.0, 4
    pace = Pace({"one": steps})
    for number in range(steps - 4):
        start = number // lanes * seconds
        pace.add("one", start, start + seconds)
    now = (steps - 4) / lanes * seconds
    assert now + (pace.left_s(now) or 0.0) == pytest.approx(steps / lanes * seconds)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than 1 min"),
        (59, "less than 1 min"),
        (61, "about 1 min"),
        (200, "about 3 min"),
        (7800, "about 2 h 10 min"),
        (90000, "about 25 h"),
    ],
)
def test_a_time_is_said_in_words(seconds: float, said: str) -> None:
    assert in_words(seconds) == said
