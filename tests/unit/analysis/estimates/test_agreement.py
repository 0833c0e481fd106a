import numpy as np
import pytest
from reperfuse.analysis.estimates.agreement import bland_altman, class_changes, icc_a1, kappa
from scipy.stats import t

pytestmark = pytest.mark.filterwarnings("error")

# six targets, four judges: Shrout & Fleiss 1979, doi:10.1037/0033-2909.86.2.420
JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)


def test_published_icc() -> None:
    icc = icc_a1(*JUDGES.T)
    assert (icc.n, round(icc.value, 2)) == (6, 0.29)
    assert icc.low < icc.value < icc.high


def test_icc_of_two_by_its_components() -> None:
    """Patients 1 2 3 4 measured twice, ± 1 in turn: SSR 10, SSC 0, SSE 8."""
    first = np.array([2.0, 1, 4, 3])
    second = np.array([0.0, 3, 2, 5])
    msr, msc, mse = 10 / 3, 0, 8 / 3
    assert icc_a1(first, second).value == pytest.approx((msr - mse) / (msr + mse + 2 * (msc - mse) / 4))


def test_a_shift_costs_agreement() -> None:
    first = np.array([10.0, 20, 30, 40, 55])
    noisy = first + np.array([1, -1, 2, 0, -2])
    assert icc_a1(first, noisy + 15).value < icc_a1(first, noisy).value - 0.1
    assert icc_a1(first, first).value == 1
    assert icc_a1(first, first).note == "no interval: the difference is the same in all patients"
    assert icc_a1(first, first + 5).value < 1


def test_limits_of_agreement() -> None:
    a, b = np.array([10.0, 12, 9, 15, np.nan, 7]), np.array([8.0, 13, 7, 11, 4, 6])
    agreement = bland_altman(a, b)  # differences 2 −1 2 4 1
    bias, sd = 1.6, np.sqrt(13.2 / 4)
    quantile = t.ppf(0.975, 4)
    assert (agreement.bias.n, agreement.bias.value) == (5, pytest.approx(bias))
    assert agreement.bias.high - bias == pytest.approx(quantile * sd / np.sqrt(5))
    assert agreement.lower.value == pytest.approx(bias - 1.959963984540054 * sd)
    assert agreement.upper.value == pytest.approx(bias + 1.959963984540054 * sd)
    half = quantile * sd * np.sqrt(1 / 5 + 1.959963984540054**2 / 8)
    assert (agreement.upper.low, agreement.upper.high) == pytest.approx(
        (agreement.upper.value - half, agreement.upper.value + half)
    )


def test_a_constant_difference_has_no_interval() -> None:
    agreement = bland_altman([1.0, 2, 3, 4], [0.5, 1.5, 2.5, 3.5])
    assert (agreement.bias.value, agreement.upper.value) == (0.5, 0.5)
    assert np.isnan([agreement.bias.p, agreement.bias.low]).all()


def test_kappa_of_a_fourfold_table() -> None:
    """20 and 15 agree, 5 and 10 do not: observed 0.7, expected 0.5."""
    a = np.repeat(["yes", "yes", "no", "no"], [20, 5, 10, 15])
    b = np.repeat(["yes", "no", "yes", "no"], [20, 5, 10, 15])
    result = kappa(a, b)
    assert (result.n, result.value) == (50, pytest.approx(0.4))
    assert result.low < 0.4 < result.high
    assert result.p < 0.05


def quadratic(counts: np.ndarray) -> float:
    distance = np.subtract.outer(np.arange(len(counts)), np.arange(len(counts))) ** 2
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return 1 - (distance * counts).sum() / (distance * expected).sum()


def test_weighted_kappa_and_its_error() -> None:
    """The error is that of the delta method, here by small changes of each cell."""
    rng = np.random.default_rng(5)
    a = rng.integers(0, 5, 80)
    b = np.clip(a + rng.choice([0, 0, 1, -1], 80), 0, 4)
    counts = class_changes(a, b, range(7)).to_numpy().astype(float)
    result = kappa(a, b, range(7))
    assert result.value == pytest.approx(quadratic(counts))
    share, slope = counts / 80, np.zeros_like(counts)
    for cell in np.ndindex(counts.shape):
        up, down = share.copy(), share.copy()
        up[cell] += 1e-5
        down[cell] -= 1e-5
        slope[cell] = (quadratic(up) - quadratic(down)) / 2e-5
    error = np.sqrt(((slope**2 * share).sum() - (slope * share).sum() ** 2) / 80)
    assert (result.high - result.low) / 2 == pytest.approx(1.959963984540054 * error, rel=1e-6)


def test_a_far_disagreement_weighs_more() -> None:
    a, near, far = [0, 1, 2, 3, 4, 5, 6, 0], [0, 1, 2, 3, 4, 5, 6, 1], [0, 1, 2, 3, 4, 5, 6, 6]
    assert kappa(a, near).value == pytest.approx(kappa(a, far).value, abs=0.02)
    assert kappa(a, near, range(7)).value > kappa(a, far, range(7)).value + 0.2


def test_class_changes() -> None:
    a = ["target", "target", "no target", None, "malignant"]
    b = ["target", "no target", "no target", "target", "target"]
    order = ["no target", "target", "malignant"]
    assert class_changes(a, b, order).to_numpy().tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert list(class_changes(a, b).index) == sorted(order)
    assert class_changes([], []).empty


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few(n: int) -> None:
    a, b = np.arange(n) + 1.0, np.arange(n) * 2.0
    for result in (icc_a1(a, b), kappa(a, b), bland_altman(a, b).bias):
        assert np.isnan([result.value, result.p]).all()
        assert result.note.startswith(f"not estimable: only {n} patients")


def test_all_the_same() -> None:
    same = [3.0, 3, 3, 3]
    for other in (same, [3.0, 3, 4, 3]):
        assert kappa(same, other).note == "not estimable: one of the two puts all patients in one class"
    assert icc_a1(same, same).note == "not estimable: all measurements are the same"


def test_perfect_kappa() -> None:
    result = kappa([0, 1, 2, 1, 0], [0, 1, 2, 1, 0])
    assert (result.value, result.low, result.high) == pytest.approx((1, 1, 1))


def test_classes_that_are_not_named_are_left_out() -> None:
    assert kappa([0, 1, 2, 9], [0, 1, 2, 2], range(7)).n == 3
