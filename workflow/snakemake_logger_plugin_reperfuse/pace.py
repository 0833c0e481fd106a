"""How long a run still takes, from what its finished steps took."""

from collections import Counter
from collections.abc import Mapping


class Pace:
    """The steps that are left, and how long one of each kind takes.

    Parameters
    ----------
    counts : mapping
        Steps of each rule.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._left = Counter(counts)
        self._finished: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}
        self._begin: float | None = None

    def add(self, rule: str, start_s: float, end_s: float) -> None:
        """Count a finished step."""
        self._begin = start_s if self._begin is None else min(self._begin, start_s)
        self._left[rule] -= 1
        self._finished[rule] += 1
        self._seconds[rule] = self._seconds.get(rule, 0.0) + end_s - start_s

    def left_s(self, now_s: float) -> float | None:
        """Return the time (s) that the steps left will take; None until half of them are of rules that were seen.

        A rule that was not seen is taken to last as long as the mean of the others. As many steps go on at a time as
        have done so far, on this machine or in the cluster's queue.
        """
        left = self._left.total()
        seen = {rule: self._seconds[rule] / number for rule, number in self._finished.items()}
        if 2 * sum(self._left[rule] for rule in seen) < left or self._begin is None or now_s <= self._begin:
            return None
        mean = sum(seen.values()) / len(seen)
        at_a_time = sum(self._seconds.values()) / (now_s - self._begin)
        if at_a_time == 0:
            return None
        return sum(number * seen.get(rule, mean) for rule, number in self._left.items()) / at_a_time


def in_words(seconds: float) -> str:
    """Say a time as a person would: ``less than 1 min``, ``about 3 min``, ``about 2 h 10 min``."""
    minutes = round(seconds / 60)
    if seconds < 60:
        return "less than 1 min"
    if minutes < 60:
        return f"about {minutes} min"
    return f"about {minutes // 60} h {minutes % 60} min" if minutes < 600 else f"about {round(minutes / 60)} h"
