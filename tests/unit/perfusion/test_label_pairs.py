"""Pairs of control and label in any order, outliers among them, and the sign of what they give."""

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.perfusion.label_outliers import outlying_pairs
from reperfuse.perfusion.label_pairs import check_sign, subtract

RNG = np.random.default_rng(3)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Give each test the same numbers, whichever were run before it."""
    RNG.bit_generator.state = START


FOUR = (["control", "label"], ["label", "control"])


def volumes(types: list[str], delays: list[float] | None = None, drift: float = 0.0) -> np.ndarray:
    """A series of one voxel: 1000 without label, less 5 for each second of delay with it; other types are far off."""
    delays = delays or [1.0] * len(types)
    level = {"control": 1000.0, "label": 1000.0, "deltam": 0.0}
    signal = {"label": -5.0, "deltam": 5.0}
    values = [
        level.get(kind, 9e6) + signal.get(kind, 0.0) * delay + drift * time
        for time, (kind, delay) in enumerate(zip(types, delays, strict=True))
    ]
    return np.array(values).reshape(1, 1, 1, -1)


@pytest.mark.parametrize("subtraction", ["pairwise", "surround"])
@pytest.mark.parametrize(
    "types",
    [
        ["control", "label"] * 3,
        ["label", "control"] * 3,
        ["control"] * 3 + ["label"] * 3,
        ["m0scan", *["label", "control"] * 3],
        [*["control", "label"] * 3, "m0scan", "noRF"],
        ["control", "m0scan", "label", "cbf", "label", "control", "noRF", "control", "label"],
        ["m0scan", "deltam", "deltam", "deltam"],
    ],
)
def test_every_order_gives_the_same_differences(types: list[str], subtraction: str) -> None:
    found = subtract(volumes(types), types, [1.0] * len(types), [1.8] * len(types), subtraction=subtraction)
    np.testing.assert_allclose(found.images.ravel(), [5.0] * 3)
    assert found.conditions == [(1.0, 1.8)]


def test_a_label_is_subtracted_from_a_control_of_its_own_delay() -> None:
    types = ["m0scan", "control", "control", "label", "label", "label", "control"]
    delays = [0.0, 1.0, 2.0, 2.0, 1.0, 3.0, 3.0]
    found = subtract(volumes(types, delays), types, delays, [1.8] * 7)
    assert found.conditions == [(1.0, 1.8), (2.0, 1.8), (3.0, 1.8)]
    for delay in (1.0, 2.0, 3.0):
        np.testing.assert_allclose(found.images[..., found.at((delay, 1.8))].ravel(), [5.0 * delay])


def test_surround_subtraction_removes_drift() -> None:
    types = ["control", "label"] * 4
    series = volumes(types, drift=3.0)
    pairwise = subtract(series, types, [1.0] * 8, [1.8] * 8).images.ravel()
    surround = subtract(series, types, [1.0] * 8, [1.8] * 8, subtraction="surround").images.ravel()
    np.testing.assert_allclose(pairwise, [2.0] * 4)
    np.testing.assert_allclose(surround[:3], [5.0] * 3)


@pytest.mark.parametrize("subtraction", ["pairwise", "surround"])
def test_a_volume_that_cannot_be_used_takes_its_pair_with_it(subtraction: str) -> None:
    types, usable = ["control", "label"] * 3, np.array([True, True, False, True, True, True])
    series = volumes(types)
    series[..., 2] = np.nan
    found = subtract(series, types, [1.0] * 6, [1.8] * 6, usable=usable, subtraction=subtraction)
    assert found.images.shape[-1] == (2 if subtraction == "pairwise" else 3)
    np.testing.assert_allclose(found.images.ravel(), 5.0)


def test_without_a_pair_there_is_a_reason() -> None:
    with pytest.raises(DataFault, match="no pair of control and label is left"):
        subtract(volumes(["control", "label"]), ["control", "label"], [1, 1], [1, 1], usable=np.array([True, False]))


def test_swapped_labels_are_told_and_never_turned_round() -> None:
    brain = np.ones((20, 20, 5), dtype=bool)
    difference = RNG.normal(3.0, 4.0, (20, 20, 5, 10))
    assert check_sign(difference, brain) > 0.9
    with pytest.raises(DataFault, match="control and label are probably swapped"):
        check_sign(-difference, brain)
    with pytest.raises(DataFault, match="as in noise, so no labelled blood is seen"):
        check_sign(RNG.normal(0.0, 4.0, (20, 20, 5, 10)), brain)


def pairs(spoilt: tuple[int, ...] = (), count: int = 12) -> tuple[np.ndarray, list[np.ndarray]]:
    """Differences of 3000 voxels, two thirds of them grey matter, some pairs with an artefact."""
    grey = np.arange(3000) < 2000
    made = np.where(grey, 6.0, 2.0)[:, np.newaxis] + RNG.normal(0, 8.0, (3000, count))
    for one in spoilt:
        made[:, one] += 60.0 * np.sin(np.arange(3000) / 40.0)
    return made, [grey, ~grey]


def test_clean_pairs_stay() -> None:
    lost = [outlying_pairs(*pairs()).sum() for _ in range(20)]
    assert np.mean(lost) < 1.0


@pytest.mark.parametrize("spoilt", [(4,), (0, 7), (2, 3, 11)])
def test_pairs_with_an_artefact_go(spoilt: tuple[int, ...]) -> None:
    out = outlying_pairs(*pairs(spoilt))
    assert set(spoilt) <= set(np.flatnonzero(out))
    assert out.sum() <= len(spoilt) + 2


def test_a_pair_of_another_mean_goes() -> None:
    made, tissues = pairs()
    made[:, 5] += 30.0
    assert np.flatnonzero(outlying_pairs(made, tissues)).tolist() == [5]


def test_of_few_pairs_none_is_told_to_be_the_outlier() -> None:
    assert not outlying_pairs(*pairs((0,), count=4)).any()
