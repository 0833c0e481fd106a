import numpy as np
import pandas as pd
import pytest
from reperfuse.analysis.estimates.estimate import Estimate
from reperfuse.analysis.estimates.logistic import firth_effect, interaction_effect, logistic_effect
from scipy.special import expit
from scipy.stats import norm

pytestmark = pytest.mark.filterwarnings("error")


def fourfold(a: int, b: int, c: int, d: int) -> pd.DataFrame:
    """Exposed with (a) and without (b) the outcome, not exposed with (c) and without (d)."""
    counts = [a, b, c, d]
    return pd.DataFrame({"x": np.repeat([1.0, 1, 0, 0], counts), "y": np.repeat([1.0, 0, 1, 0], counts)})


def woolf(a: int, b: int, c: int, d: int) -> tuple[float, float, float, float]:
    log, error = np.log(a * d / (b * c)), np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    low, high = np.exp([log - 1.959963984540054 * error, log + 1.959963984540054 * error])
    return np.exp(log), low, high, 2 * norm.sf(abs(log / error))


def numbers(estimate: Estimate) -> tuple[float, float, float, float]:
    return estimate.value, estimate.low, estimate.high, estimate.p


@pytest.mark.parametrize("table", [(17, 29, 6, 26), (30, 5, 8, 40), (6, 6, 6, 6)])
def test_fourfold_table(table: tuple[int, int, int, int]) -> None:
    effect = logistic_effect(fourfold(*table), "y", "x")
    assert numbers(effect) == pytest.approx(woolf(*table), rel=1e-9)
    assert (effect.n, effect.events, effect.method) == (sum(table), table[0] + table[2], "maximum likelihood")


@pytest.mark.parametrize("table", [(17, 29, 6, 26), (4, 7, 4, 18), (0, 8, 5, 20), (0, 8, 25, 0), (1, 7, 1, 24)])
def test_firth_of_a_fourfold_table_adds_a_half(table: tuple[int, int, int, int]) -> None:
    a, b, c, d = (count + 0.5 for count in table)
    effect = firth_effect(fourfold(*table), "y", "x")
    assert effect.value == pytest.approx(a * d / (b * c), rel=1e-8)
    assert effect.low < effect.value < effect.high


def test_profile_of_a_fourfold_table() -> None:
    """At its limits, the largest penalised likelihood is 1.92 below its maximum; searched on a grid."""
    table = (0, 8, 5, 20)
    effect = firth_effect(fourfold(*table), "y", "x")

    def penalised(log_ratio: float) -> float:
        alpha = np.linspace(-8, 8, 160_001)
        exposed, other = expit(alpha + log_ratio), expit(alpha)
        a, b, c, d = table
        likelihood = a * np.log(exposed) + b * np.log1p(-exposed) + c * np.log(other) + d * np.log1p(-other)
        information = (a + b) * exposed * (1 - exposed) * (c + d) * other * (1 - other)  # its determinant
        return float((likelihood + np.log(information) / 2).max())

    top = penalised(np.log(effect.value))
    for limit in (effect.low, effect.high):
        assert top - penalised(np.log(limit)) == pytest.approx(3.841458820694124 / 2, abs=1e-6)
    assert top - penalised(0) == pytest.approx(norm.isf(effect.p / 2) ** 2 / 2, abs=1e-6)


def test_separated_outcomes_go_to_firth() -> None:
    frame = fourfold(0, 8, 12, 13)
    effect, firth = logistic_effect(frame, "y", "x"), firth_effect(frame, "y", "x")
    assert numbers(effect) == numbers(firth)
    assert effect.note == "Firth's penalised likelihood, because the outcomes are separated"
    assert effect.method == "Firth's penalised likelihood"


def test_few_events_go_to_firth() -> None:
    assert logistic_effect(fourfold(3, 8, 1, 22), "y", "x").note.endswith("because events are few")
    assert logistic_effect(fourfold(3, 8, 2, 22), "y", "x").note == ""


@pytest.mark.parametrize(("events", "possible"), [(9, False), (10, True)])
def test_five_events_for_each_covariate(events: int, possible: bool) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["x", "age", "glucose"])
    frame["y"] = rng.permutation(np.arange(60) < events).astype(float)
    for fit in (logistic_effect, firth_effect):
        effect = fit(frame, "y", "x", ["age", "glucose"])
        assert np.isfinite(effect.p) == possible
        assert effect.events == events
        assert ("only 9 patients without the most common outcome, at least 10 needed" in effect.note) != possible
    assert np.isfinite(logistic_effect(frame.assign(y=1 - frame["y"]), "y", "x", ["age", "glucose"]).p) == possible


def test_interaction_of_two_fourfold_tables() -> None:
    first, second = (5, 7, 7, 2), (17, 29, 6, 26)
    frame = pd.concat([fourfold(*first).assign(profile="no target"), fourfold(*second).assign(profile="target")])
    effect = interaction_effect(frame.sample(frac=1, random_state=1), "y", "x", "profile")
    assert list(effect.strata) == ["no target", "target"]
    for name, table in (("no target", first), ("target", second)):
        assert numbers(effect.strata[name]) == pytest.approx(woolf(*table), rel=1e-8)
        assert (effect.strata[name].n, effect.strata[name].events) == (sum(table), table[0] + table[2])
    logs = [np.log(woolf(*table)[0]) for table in (second, first)]
    error = np.sqrt(sum(1 / count for count in first + second))
    assert effect.interaction.value == pytest.approx(np.exp(logs[0] - logs[1]), rel=1e-8)
    assert effect.interaction.p == pytest.approx(2 * norm.sf(abs(logs[0] - logs[1]) / error), rel=1e-8)
    assert effect.interaction.n == sum(first + second)


def test_interaction_with_an_empty_cell() -> None:
    first, second = (0, 7, 7, 2), (17, 29, 6, 26)
    frame = pd.concat([fourfold(*first).assign(profile=0.0), fourfold(*second).assign(profile=1.0)])
    effect = interaction_effect(frame, "y", "x", "profile")
    ratio = (17.5 * 26.5 / (29.5 * 6.5)) / (0.5 * 2.5 / (7.5 * 7.5))
    assert effect.interaction.value == pytest.approx(ratio, rel=1e-7)
    assert effect.strata["1.0"].value == pytest.approx(17.5 * 26.5 / (29.5 * 6.5), rel=1e-7)
    assert "separated" in effect.interaction.note


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"profile": "target"}, "profile has 1 classes, not two"),
        ({"profile": np.arange(40) % 3}, "profile has 3 classes, not two"),
        ({"profile": np.repeat(["a", "b"], 20), "x": np.repeat([1.0, 0, 1], [20, 10, 10])}, "profile a"),
    ],
)
def test_no_interaction(change: dict[str, object], reason: str) -> None:
    effect = interaction_effect(fourfold(10, 10, 10, 10).assign(**change), "y", "x", "profile")
    assert reason in effect.interaction.note
    assert np.isnan(effect.interaction.p)
    assert all(np.isnan(one.value) for one in effect.strata.values())


def test_an_outcome_must_be_yes_or_no() -> None:
    frame = fourfold(5, 5, 5, 5).replace({"y": {1: 2}})
    assert logistic_effect(frame, "y", "x").note == "not estimable: y is not 0 or 1 in all patients"
