import pytest
from reperfuse.analysis.estimates.proportions import wilson

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    ("k", "n", "percent"), [(8, 33, (24.2, 12.8, 41.0)), (4, 11, (36.4, 15.2, 64.6)), (4, 22, (18.2, 7.3, 38.5))]
)
def test_published_frequencies(k: int, n: int, percent: tuple[float, ...]) -> None:
    share = wilson(k, n)
    assert tuple(round(100 * value, 1) for value in (share.value, share.low, share.high)) == percent
    assert (share.n, share.events) == (n, k)


@pytest.mark.parametrize("n", [1, 7, 50])
def test_none_and_all_stay_within_0_and_1(n: int) -> None:
    none, everyone = wilson(0, n), wilson(n, n)
    z2 = 1.959963984540054**2
    assert (none.value, none.low, none.high) == pytest.approx((0, 0, z2 / (n + z2)))
    assert (everyone.value, everyone.low, everyone.high) == pytest.approx((1, n / (n + z2), 1))
    assert none.low >= 0
    assert everyone.high <= 1
