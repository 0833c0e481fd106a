import numpy as np
import pandas as pd
import pytest
from reperfuse.analysis.estimates.contrasts import compare_groups, hodges_lehmann, standardised_difference
from scipy.stats import fisher_exact, norm

pytestmark = pytest.mark.filterwarnings("error")


def test_exact_mann_whitney_of_two_by_three() -> None:
    """The two smallest of five: 1 of 10 orders, and as many on the other side."""
    result = compare_groups([1.0, 2, 3, 4, 5], [0, 0, 1, 1, 1], "numeric")
    assert (result.n, result.test) == (5, "Mann-Whitney")
    assert result.p == pytest.approx(0.2)


def test_missing_values_are_left_out() -> None:
    values = pd.Series([1.0, 2, 3, 4, 5, np.nan, 9, np.inf])
    group = pd.Series([0, 0, 1, 1, 1, 1, np.nan, 0])
    assert compare_groups(values, group, "numeric") == compare_groups(values[:5], group[:5], "numeric")
    text = pd.Series(["a", "b", None, "a"])
    assert compare_groups(text, [0, 1, 1, 1], "categories").n == 3


def test_fourfold_table() -> None:
    """mTICI 2c against 3 in Valls Carbó et al. 2025: Fisher's p is 0.39."""
    imr = np.repeat([1, 0, 1, 0], [4, 7, 4, 18])
    grade = np.repeat(["2c", "3"], [11, 22])
    result = compare_groups(grade, imr, "categories")
    assert (result.test, round(result.p, 2)) == ("Fisher", 0.39)


def test_large_counts_are_pearsons() -> None:
    values, group = np.repeat(["a", "b", "c"], 40), np.tile([0, 1], 60)
    group[:10] = 1
    result = compare_groups(values, group, "categories")
    observed = pd.crosstab(values, group).to_numpy()
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / 120
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert result.test == "chi-square"
    assert result.p == pytest.approx(np.exp(-statistic / 2))  # χ² of 2 degrees of freedom


def test_three_classes_of_few() -> None:
    """Of the C(6, 3) = 20 ways to draw three of aabbcc, 8 take one of each and 12 a pair and another."""
    values = list("aabbcc")
    assert compare_groups(values, [0, 0, 0, 1, 1, 1], "categories").p == pytest.approx(1 - 8 / 20)
    assert compare_groups(values, [0, 1, 0, 1, 0, 1], "categories").p == pytest.approx(1)


def test_two_classes_by_freeman_and_halton_are_fishers() -> None:
    from reperfuse.analysis.estimates.contrasts import _freeman_halton

    table = np.array([[7, 2], [3, 11]])
    assert _freeman_halton(table) == pytest.approx(fisher_exact(table).pvalue, rel=1e-9)


def test_many_sparse_classes_say_that_p_is_approximate() -> None:
    values, group = np.arange(400) % 30, np.arange(400) % 7 < 2
    result = compare_groups(values, group, "categories")
    assert result.test == "chi-square"
    assert result.note == "an expected count is below 5, so p is approximate"


@pytest.mark.parametrize(
    ("values", "group", "reason"),
    [
        ([], [], "there are patients in 0 groups, not in two"),
        ([1.0], [1], "there are patients in 1 groups, not in two"),
        ([1.0, 2, 3], [1, 1, 1], "there are patients in 1 groups, not in two"),
        ([2.0, 2, 2], [0, 1, 1], "all patients have the same value"),
        ([np.nan, np.nan, 3], [0, 0, 1], "there are patients in 1 groups, not in two"),
    ],
)
@pytest.mark.parametrize("kind", ["numeric", "categories"])
def test_no_comparison(values: list[float], group: list[int], reason: str, kind: str) -> None:
    result = compare_groups(values, group, kind)
    assert np.isnan(result.p)
    assert result.note == f"not estimable: {reason}"


def test_standardised_differences() -> None:
    values, group = [1.0, 3, 5, 2, 4, 9], [0, 0, 0, 1, 1, 1]
    assert standardised_difference(values, group, "numeric") == pytest.approx(2 / np.sqrt((4 + 13) / 2))
    yes = np.repeat([1, 0, 1, 0], [3, 7, 6, 4])  # 30 % and 60 %
    group = np.repeat([0, 1], 10)
    assert standardised_difference(yes, group, "categories") == pytest.approx(0.3 / np.sqrt((0.21 + 0.24) / 2))
    assert standardised_difference(np.repeat("a", 20), group, "categories") == 0


def test_standardised_difference_of_three_classes() -> None:
    values = list("aabbbc") + list("aaaabc")
    shares = np.array([[2, 3, 1], [4, 1, 1]]) / 6
    d = (shares[1] - shares[0])[:2]
    s = sum(np.diag(share[:2]) - np.outer(share[:2], share[:2]) for share in shares) / 2
    expected = np.sqrt(d @ np.linalg.inv(s) @ d)  # any class may be the one left out
    assert standardised_difference(values, np.repeat([0, 1], 6), "categories") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "group", "kind"),
    [
        ([], [], "numeric"),
        ([1.0, 2, 3], [0, 0, 1], "numeric"),
        ([1.0, 1, 2, 2], [0, 0, 1, 1], "numeric"),
        (["a", "a", "b", "b"], [0, 0, 1, 1], "categories"),
    ],
)
def test_no_standardised_difference(values: list[object], group: list[int], kind: str) -> None:
    assert np.isnan(standardised_difference(values, group, kind))


def test_hodges_lehmann_of_few() -> None:
    """The interval of 4 and 4 holds all differences, at 97.1 %."""
    a, b = [10.0, 14, 17, 21], [1.0, 3, 8, 11.5]
    differences = sorted(x - y for x in a for y in b)
    shift = hodges_lehmann(a, b)
    assert (shift.n, shift.value) == (8, (differences[7] + differences[8]) / 2)
    assert (shift.low, shift.high) == (differences[0], differences[-1])
    assert shift.p == compare_groups([*a, *b], [0] * 4 + [1] * 4, "numeric").p


def test_three_against_three_allow_no_interval() -> None:
    """The most extreme order has p = 0.1."""
    shift = hodges_lehmann([5.0, 6, 7], [1.0, 2, 3.5])
    assert np.isnan([shift.low, shift.high]).all()
    assert shift.note == "the groups are too small for a 95 % interval"
    assert shift.p == pytest.approx(0.1)


@pytest.mark.parametrize(("n", "m"), [(8, 25), (12, 12), (60, 40)])
def test_the_interval_holds_what_the_test_does_not_reject(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    a, b = rng.gamma(2, 10, n), rng.gamma(2, 7, m)
    shift = hodges_lehmann(a, b)
    assert shift.low < shift.value < shift.high
    for limit, inwards in ((shift.low, 1e-9), (shift.high, -1e-9)):
        inside, outside = (hodges_lehmann(a - limit - side, b).p for side in (inwards, -inwards))
        assert inside > 0.05 - 1e-9
        assert outside <= 0.05 + (0 if max(n, m) < 50 else 1e-3)  # the test, not the interval, corrects for continuity


def test_tied_values() -> None:
    """Of 1,080 differences 120 are −1, 240 are 0 and 360 are 1; the 393rd of either end limits the interval."""
    shift = hodges_lehmann(np.repeat([1.0, 2, 3], 10), np.repeat([0.0, 1, 2], 12))
    assert (shift.value, shift.low, shift.high) == (1, 1, 1)
    assert shift.p < 0.001


@pytest.mark.parametrize(("a", "b"), [([], []), ([1.0], []), ([np.nan], [1.0]), ([2.0, 2], [2.0])])
def test_no_shift(a: list[float], b: list[float]) -> None:
    shift = hodges_lehmann(a, b)
    assert np.isnan([shift.value, shift.p]).all()
    assert shift.note.startswith("not estimable: ")


def test_normal_approximation_of_many() -> None:
    rng = np.random.default_rng(8)
    a, b = rng.normal(1, 1, 80), rng.normal(0, 1, 70)
    differences = np.sort(np.subtract.outer(a, b), axis=None)
    rank = int(80 * 70 / 2 - norm.ppf(0.975) * np.sqrt(80 * 70 * 151 / 12))
    shift = hodges_lehmann(a, b)
    assert (shift.low, shift.high) == (differences[rank - 1], differences[-rank])
