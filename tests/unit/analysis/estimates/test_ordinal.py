import numpy as np
import pandas as pd
import pytest
from reperfuse.analysis.estimates.logistic import logistic_effect
from reperfuse.analysis.estimates.ordinal import (
    brant_test,
    ordinal_effect,
    proportional_odds_test,
    standardised_shares,
)
from scipy.stats import chi2

pytestmark = pytest.mark.filterwarnings("error")


def crossed(unexposed: list[int], exposed: list[int]) -> pd.DataFrame:
    """Patients of each grade, 0 and more."""
    grades = np.arange(len(exposed), dtype=float)
    y = np.concatenate([np.repeat(grades, unexposed), np.repeat(grades, exposed)])
    return pd.DataFrame({"mrs": y, "x": np.repeat([0.0, 1.0], [sum(unexposed), sum(exposed)])})


def test_two_grades_are_a_fourfold_table() -> None:
    frame = crossed([26, 6], [29, 17])
    ordinal, binary = ordinal_effect(frame, "mrs", "x"), logistic_effect(frame, "mrs", "x")
    assert (ordinal.value, ordinal.low, ordinal.high, ordinal.p) == pytest.approx(
        (binary.value, binary.low, binary.high, binary.p), rel=1e-9
    )
    assert ordinal.value == pytest.approx(26 * 17 / (6 * 29), rel=1e-9)


def test_proportional_counts_give_their_ratio_and_shares() -> None:
    """Odds of being above each cut are 1/3, 1 and 3 unexposed, and three times that exposed."""
    shares = [[0.25, 0.25, 0.25, 0.25], [0.1, 0.15, 0.25, 0.5]]
    odds = [[(1 - np.cumsum(share)[cut]) / np.cumsum(share)[cut] for cut in range(3)] for share in shares]
    assert np.array(odds[1]) / odds[0] == pytest.approx([3, 3, 3])
    frame = crossed(*[[round(200 * one) for one in share] for share in shares])
    assert ordinal_effect(frame, "mrs", "x").value == pytest.approx(3, rel=1e-9)
    standardised = standardised_shares(frame, "mrs", "x")
    assert list(standardised.index) == [0, 1]
    assert list(standardised.columns) == [0, 1, 2, 3]
    assert standardised.to_numpy() == pytest.approx(np.array(shares), rel=1e-8)
    for test in (brant_test, proportional_odds_test):
        assert test(frame, "mrs", "x").value == pytest.approx(0, abs=1e-12)
        assert test(frame, "mrs", "x").p == pytest.approx(1)


def test_brant_of_three_grades() -> None:
    """Of one exposure of 0 and 1: the cuts' log odds ratios, whose covariance is Σ p₂(1−p₁)/(n p₁(1−p₁)p₂(1−p₂))."""
    unexposed, exposed = [20, 15, 25], [10, 30, 12]
    logs, groups = [], []
    for counts in (unexposed, exposed):
        n = sum(counts)
        above = np.array([counts[1] + counts[2], counts[2]]) / n
        logs.append(np.log(above / (1 - above)))
        shared = above[1] * (1 - above[0]) / (n * np.prod(above * (1 - above)))
        groups.append(np.array([[0, shared], [shared, 0]]) + np.diag(1 / (n * above * (1 - above))))
    ratio = logs[1] - logs[0]
    covariance = groups[0] + groups[1]
    statistic = (ratio[0] - ratio[1]) ** 2 / (covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    test = brant_test(crossed(unexposed, exposed), "mrs", "x")
    assert (test.value, test.p) == pytest.approx((statistic, chi2.sf(statistic, 1)), rel=1e-8)
    assert test.p < 0.05


def test_agrees_with_statsmodels() -> None:
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    rng = np.random.default_rng(2)
    x = np.column_stack([rng.random(150) < 0.3, rng.normal(70, 12, 150)]).astype(float)
    y = np.digitize(x @ [0.7, 0.04] - 2.8 + rng.logistic(size=150), [-2, -1, 0, 1, 2, 2.7]).astype(float)
    frame = pd.DataFrame({"mrs": y, "x": x[:, 0], "age": x[:, 1]})
    ours = ordinal_effect(frame, "mrs", "x", ["age"])
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    theirs = OrderedModel(y, scaled, distr="logit").fit(method="bfgs", gtol=1e-8, maxiter=500, disp=0)
    assert np.log(ours.value) == pytest.approx(theirs.params[0] / x[:, 0].std(), rel=1e-5)
    error = np.log(ours.high / ours.low) / 2 / 1.959963984540054
    assert error == pytest.approx(theirs.bse[0] / x[:, 0].std(), rel=1e-5)


def test_shares_are_averaged_over_the_covariates() -> None:
    rng = np.random.default_rng(7)
    x = (rng.random(300) < 0.4).astype(float)
    age = 5 * x + rng.normal(70, 10, 300)  # the exposed are older
    mrs = np.digitize(0.1 * (age - 70) + rng.logistic(size=300), [-1, 1]).astype(float)
    frame = pd.DataFrame({"mrs": mrs, "x": x, "age": age})
    crude, adjusted = standardised_shares(frame, "mrs", "x"), standardised_shares(frame, "mrs", "x", ["age"])
    assert adjusted.sum(axis=1).to_numpy() == pytest.approx([1, 1])
    assert abs(adjusted.loc[1, 2] - adjusted.loc[0, 2]) < abs(crude.loc[1, 2] - crude.loc[0, 2]) / 2


def test_separated_grades() -> None:
    frame = crossed([5, 5, 0], [0, 5, 5])  # a larger effect is ever likelier
    for estimate in (ordinal_effect, brant_test, proportional_odds_test):
        effect = estimate(frame, "mrs", "x")
        assert effect.note == "not estimable: the outcomes are separated"
    assert standardised_shares(frame, "mrs", "x").empty


def test_one_separated_cut() -> None:
    frame = crossed([5, 5, 1], [0, 5, 5])
    assert np.isfinite(ordinal_effect(frame, "mrs", "x").p)
    assert brant_test(frame, "mrs", "x").note == "not estimable: outcomes above grade 0 are separated"
    assert np.isfinite(proportional_odds_test(frame, "mrs", "x").p)


def test_both_tests_agree_where_patients_are_many_and_the_effects_alike() -> None:
    shares = np.array([[25, 25, 25, 25], [10, 15.3, 24.7, 50]])
    frame = crossed(*(2000 * shares).astype(int).tolist())
    brant, score = brant_test(frame, "mrs", "x"), proportional_odds_test(frame, "mrs", "x")
    assert score.value == pytest.approx(brant.value, rel=0.02)
    assert 0.001 < brant.p < 0.1
    assert (brant.note, score.note) == ("", "")


def test_brant_says_when_patients_are_few() -> None:
    test = brant_test(crossed([20, 15, 25], [10, 30, 12]), "mrs", "x")
    assert test.note == "the test rejects too often with fewer than 400 patients"


def test_proportions_need_three_grades() -> None:
    for test in (brant_test, proportional_odds_test):
        assert test(crossed([26, 6], [29, 17]), "mrs", "x").note == "not estimable: there are only two grades"


def test_a_hundredfold_outlier() -> None:
    frame = crossed([20, 15, 25], [10, 30, 12])
    frame["ml"] = frame["x"] + np.linspace(0, 1, len(frame))
    frame.loc[3, "ml"] = 1e4
    effect = ordinal_effect(frame, "mrs", "ml")
    assert np.isfinite([effect.value, effect.low, effect.high, effect.p]).all()
