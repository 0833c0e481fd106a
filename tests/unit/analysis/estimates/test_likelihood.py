import numpy as np
import pytest
from reperfuse.analysis.estimates.likelihood import maximise

pytestmark = pytest.mark.filterwarnings("error")
TOP = np.array([1.0, -20.0])


def quartic(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return −|x − TOP|² − Σ(x − TOP)⁴, of which Newton's first step from afar is short."""
    away = x - TOP
    return -float((away**2 + away**4).sum()), -(2 * away + 4 * away**3), np.diag(2 + 12 * away**2)


def test_the_maximum_and_its_covariance() -> None:
    best = maximise(quartic, np.zeros(2))
    assert best is not None
    assert best.coefficients == pytest.approx(TOP)
    assert best.covariance == pytest.approx(np.eye(2) / 2)
    assert best.value == pytest.approx(0)


def test_a_coefficient_that_is_held() -> None:
    best = maximise(quartic, np.array([3.0, 0.0]), np.array([False, True]))
    assert best is not None
    assert best.coefficients == pytest.approx([3, -20])
    assert best.value == pytest.approx(-20)


def test_a_step_too_long_is_halved() -> None:
    """Newton's step leads out of the likelihood's range."""

    def log(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        if x[0] <= 0:
            return -np.inf, np.zeros(1), np.eye(1)
        return float(np.log(x[0]) - x[0]), 1 / x - 1, np.diag(1 / x**2)

    best = maximise(log, np.array([3.0]))
    assert best is not None
    assert best.coefficients == pytest.approx([1])


def test_no_maximum() -> None:
    def rising(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return float(x.sum()), np.ones(2), np.eye(2)

    def flat(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return 0.0, np.zeros(2), np.zeros((2, 2)) * x[0]

    def level(x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return 0.0, 0 * x, np.diag([1.0, 1e-15])

    assert maximise(rising, np.zeros(2)) is None
    assert maximise(flat, np.zeros(2)) is None
    assert maximise(level, np.zeros(2)) is None
