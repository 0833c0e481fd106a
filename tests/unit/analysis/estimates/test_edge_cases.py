"""What cannot be estimated says why: no traceback, no warning, no p from nothing."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from reperfuse.analysis.estimates.estimate import Estimate
from reperfuse.analysis.estimates.linear import linear_effect
from reperfuse.analysis.estimates.logistic import firth_effect, interaction_effect, logistic_effect
from reperfuse.analysis.estimates.ordinal import (
    brant_test,
    ordinal_effect,
    proportional_odds_test,
    standardised_shares,
)

pytestmark = pytest.mark.filterwarnings("error")


def interaction(frame: pd.DataFrame, outcome: str, exposure: str, covariates: tuple[str, ...] = ()) -> Estimate:
    return interaction_effect(frame, outcome, exposure, "profile", covariates).interaction


MODELS = {
    linear_effect: "nihss",
    logistic_effect: "good",
    firth_effect: "good",
    interaction: "good",
    ordinal_effect: "mrs",
    proportional_odds_test: "mrs",
    brant_test: "mrs",
}
Model = Callable[..., Estimate]
every_model = pytest.mark.parametrize(
    ("model", "outcome"), MODELS.items(), ids=lambda one: getattr(one, "__name__", one)
)


def cohort(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"imr": (rng.random(n) < 0.35).astype(float), "age": rng.normal(70, 10, n)})
    frame["sex"] = rng.choice(np.array(["female", "male"], object), n)
    frame["profile"] = np.where(np.arange(n) % 2, "target", "no target")
    frame["mrs"] = np.digitize(frame["imr"] + rng.logistic(size=n), [-1, 0.5, 2]).astype(float)
    frame["good"] = (frame["mrs"] <= 1).astype(float)
    frame["nihss"] = rng.normal(8, 4, n) + 2 * frame["imr"]
    return frame


def assert_not_estimable(estimate: Estimate, reason: str = "") -> None:
    assert np.isnan([estimate.value, estimate.low, estimate.high, estimate.p]).all()
    assert estimate.note.startswith("not estimable: ")
    assert reason in estimate.note


@every_model
def test_the_cohort_itself_is_estimable(model: Model, outcome: str) -> None:
    estimate = model(cohort(), outcome, "imr", ["age", "sex"])
    assert estimate.n == 120
    assert not estimate.note or model is brant_test
    assert 0 < estimate.p < 1


@every_model
@pytest.mark.parametrize("n", [0, 1, 3, 9])
def test_too_few_patients(model: Model, outcome: str, n: int) -> None:
    for first in range(0, 110, 10):
        for covariates in ([], ["age"]):
            estimate = model(cohort().iloc[first : first + n], outcome, "imr", covariates)
            assert_not_estimable(estimate)
            assert estimate.n == n


@every_model
def test_nothing_known(model: Model, outcome: str) -> None:
    assert_not_estimable(model(cohort().assign(imr=np.nan), outcome, "imr"), "no patient has all values")
    assert_not_estimable(model(cohort().assign(sex=None), outcome, "imr", ["sex"]), "no patient has all values")


@every_model
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_outcome(model: Model, outcome: str, value: float) -> None:
    assert_not_estimable(model(cohort().assign(**{outcome: value}), outcome, "imr"), "is the same in all patients")


@every_model
def test_one_exposure(model: Model, outcome: str) -> None:
    assert_not_estimable(model(cohort().assign(imr=1.0), outcome, "imr"), "imr is the same in all patients")


@every_model
@pytest.mark.parametrize(("name", "value"), [("age", 70.0), ("sex", "female")])
def test_a_constant_covariate_is_named(model: Model, outcome: str, name: str, value: object) -> None:
    estimate = model(cohort().assign(**{name: value}), outcome, "imr", ["age", "sex"])
    assert_not_estimable(estimate, "is the same in all patients")
    assert f" {name}" in estimate.note


@every_model
def test_collinear_covariates_are_named(model: Model, outcome: str) -> None:
    frame = cohort().assign(months=lambda rows: 12 * rows["age"] + 3)
    reason = "months follows from imr, age" if model is not interaction else "months follows from imr, profile"
    assert_not_estimable(model(frame, outcome, "imr", ["age", "months"]), reason)


@every_model
def test_an_exposure_given_twice(model: Model, outcome: str) -> None:
    frame = cohort().assign(again=lambda rows: rows["imr"])
    assert_not_estimable(model(frame, outcome, "imr", ["again"]), "again follows from imr")


@every_model
def test_two_fifths_missing(model: Model, outcome: str) -> None:
    """Complete cases, and no others: as if the rest were not there."""
    frame = cohort(300)
    rng = np.random.default_rng(9)
    frame.loc[rng.random(300) < 0.4, "age"] = np.nan
    frame.loc[frame["age"] > 90, "age"] = np.inf
    frame.loc[rng.random(300) < 0.1, "sex"] = None
    complete = frame[np.isfinite(frame["age"]) & frame["sex"].notna()]
    assert 0.4 < len(complete) / 300 < 0.65
    estimate = model(frame, outcome, "imr", ["age", "sex"])
    # as text, for NaN is not NaN
    assert repr(estimate) == repr(model(complete.assign(unused=np.nan), outcome, "imr", ["age", "sex"]))
    assert estimate.n == len(complete)


@every_model
def test_one_exposed_patient(model: Model, outcome: str) -> None:
    frame = cohort(33).assign(imr=[1.0] + 32 * [0.0])
    estimate = model(frame, outcome, "imr")
    assert estimate.note
    assert not estimate.p < 0.05


@pytest.mark.parametrize(("model", "outcome"), list(MODELS.items())[:-1])
def test_units_make_no_difference(model: Model, outcome: str) -> None:
    frame = cohort().assign(ml=lambda rows: rows["age"] - 40)
    names = {"covariates": ["sex"]}
    estimates = [model(frame.assign(ml=scale * frame["ml"]), outcome, "ml", **names) for scale in (1e-4, 1, 1e4)]
    assert [one.p for one in estimates] == pytest.approx(3 * [estimates[1].p], rel=1e-6)
    assert not any(one.note for one in estimates)


def test_an_odds_ratio_too_large_for_a_number() -> None:
    frame = cohort().assign(ml=lambda rows: 1e-6 * (rows["age"] + 10 * rows["good"]))
    estimate = logistic_effect(frame, "good", "ml")
    assert (estimate.value, estimate.high) == (np.inf, np.inf)
    assert estimate.p < 0.05


def test_shares_of_what_cannot_be_estimated() -> None:
    for frame in (cohort().iloc[:0], cohort().iloc[:1], cohort().assign(imr=0.0), cohort().assign(mrs=2.0)):
        assert standardised_shares(frame, "mrs", "imr").empty
