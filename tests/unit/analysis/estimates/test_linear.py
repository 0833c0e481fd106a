import numpy as np
import pandas as pd
import pytest
from reperfuse.analysis.estimates.linear import linear_effect
from scipy.stats import t

pytestmark = pytest.mark.filterwarnings("error")


def test_two_groups_give_the_difference_of_means() -> None:
    """With one exposure of 0 and 1, HC3 is Σ e²/(1 − 1/n)² / n² of each group, added."""
    groups = [np.array([1.0, 4, 2, 7, 3]), np.array([9.0, 5, 6, 14, 8, 12])]
    frame = pd.DataFrame({"y": np.concatenate(groups), "x": np.repeat([0.0, 1.0], [5, 6])})
    effect = linear_effect(frame, "y", "x")
    parts = [((group - group.mean()) ** 2).sum() / (1 - 1 / len(group)) ** 2 / len(group) ** 2 for group in groups]
    error = np.sqrt(sum(parts))
    difference = groups[1].mean() - groups[0].mean()
    half = t.ppf(0.975, 9) * error
    assert (effect.value, effect.low, effect.high) == pytest.approx((difference, difference - half, difference + half))
    assert effect.p == pytest.approx(2 * t.sf(difference / error, 9))
    assert effect.r2 == pytest.approx(np.corrcoef(frame["x"], frame["y"])[0, 1] ** 2)
    assert effect.n == 11


def test_unit_of_exposure_and_adjustment() -> None:
    rng = np.random.default_rng(1)
    age, ml = rng.normal(70, 10, 200), rng.gamma(1, 5, 200)
    noise = rng.normal(0, 1, 200)
    male = rng.random(200) < 0.5
    design = np.column_stack([np.ones(200), ml, age, male])
    noise -= design @ np.linalg.lstsq(design, noise, rcond=None)[0]  # what no column explains
    frame = pd.DataFrame({"ml": ml, "age": age, "y": 2 + 0.5 * ml + 0.1 * age + 3 * male + noise})
    frame["sex"] = np.where(male, "male", "female")
    by_ml = linear_effect(frame, "y", "ml", ["age", "sex"])
    assert by_ml.value == pytest.approx(0.5, rel=1e-9)
    by_litre = linear_effect(frame.assign(ml=frame["ml"] / 1000), "y", "ml", ["age", "sex"])
    assert (by_litre.value, by_litre.low) == pytest.approx((500, 1000 * by_ml.low), rel=1e-9)
    assert by_litre.p == pytest.approx(by_ml.p, rel=1e-6)


def test_one_exposed_patient_has_no_error() -> None:
    frame = pd.DataFrame({"x": [1.0] + 19 * [0.0], "y": np.arange(20.0) % 7})
    effect = linear_effect(frame, "y", "x")
    assert np.isnan([effect.value, effect.p]).all()
    assert effect.note.startswith("not estimable: one patient alone")


def test_an_exact_fit_has_no_error() -> None:
    frame = pd.DataFrame({"x": np.arange(20.0), "y": 3 + 2 * np.arange(20.0)})
    assert linear_effect(frame, "y", "x").note.startswith(
        "not estimable: the exposure and the covariates determine the outcome exactly"
    )


@pytest.mark.parametrize(("n", "possible"), [(9, False), (10, True)])
def test_five_patients_for_each_coefficient(n: int, possible: bool) -> None:
    frame = pd.DataFrame({"x": np.arange(n) % 3.0, "y": np.arange(n) % 4.0})
    effect = linear_effect(frame, "y", "x")
    assert np.isfinite(effect.p) == possible
    assert ("only 9 patients, at least 10 needed for 2 coefficients" in effect.note) != possible
