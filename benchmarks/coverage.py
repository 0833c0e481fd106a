"""How often the 95 % intervals of the models hold the truth, and how often an effect of nothing is called significant.

``python benchmarks/coverage.py [--draws 500]`` draws cohorts of 33, 100 and 400 patients with known effects and
without, estimates each effect as the analysis of a study does, and prints a row for each model and size; then how often
the two tests of proportional odds reject them where they are true. Ages and NIHSS are normal; 8 of 33 patients have
impaired reflow, with about 12 mL of it, and 1 of 3 has mTICI 2c. NIHSS at 24 h scatters more with impaired reflow; the
mRS is cut from a logistic.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from reperfuse.analysis.estimates.estimate import Estimate
from reperfuse.analysis.estimates.linear import linear_effect
from reperfuse.analysis.estimates.logistic import firth_effect
from reperfuse.analysis.estimates.ordinal import brant_test, ordinal_effect, proportional_odds_test
from scipy.special import expit, logit

SIZES = (33, 100, 400)
MRS_AT_MOST = (0.15, 0.33, 0.50, 0.65, 0.80, 0.86)  # shares of grades 0, 0–1 … 0–5 without impaired reflow


@dataclass(frozen=True)
class Model:
    """An effect that is drawn and estimated.

    Attributes
    ----------
    name : str
    estimate : callable
    outcome, exposure : str
    covariates : sequence of str
    truth : float
        Effect drawn: units of the outcome, or log odds, for a unit of the exposure.
    """

    name: str
    estimate: Callable[..., Estimate]
    outcome: str
    exposure: str
    covariates: Sequence[str]
    truth: float


@dataclass(frozen=True)
class Coverage:
    """What the intervals of many draws held.

    Attributes
    ----------
    estimable : int
        Draws with an estimate.
    covered, significant : float
        Shares of them whose interval holds the truth, and whose p is below 0.05.
    median : float
        Median estimate, on the scale of the truth.
    """

    estimable: int
    covered: float
    significant: float
    median: float


MODELS = (
    Model("NIHSS at 24 h, impaired reflow (HC3)", linear_effect, "nihss_24h", "imr", ("nihss_baseline",), 4.0),
    Model("NIHSS at 24 h, for 1 mL (HC3)", linear_effect, "nihss_24h", "imr_ml", ("nihss_baseline",), 0.3),
    Model("mRS, impaired reflow (proportional odds)", ordinal_effect, "mrs_90d", "imr", ("age",), 1.0),
    Model("impaired reflow, mTICI 2c (Firth)", firth_effect, "imr", "mtici_2c", ("age",), 1.0),
)


def draw_cohort(model: Model, n: int, effect: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return a cohort in which the model's exposure has an effect, and nothing else that it does not adjust for."""
    frame = pd.DataFrame({"age": rng.normal(70, 12, n), "nihss_baseline": rng.normal(15, 5, n)})
    frame["mtici_2c"] = rng.permutation(np.arange(n) < n / 3).astype(float)
    frame["imr"] = rng.permutation(np.arange(n) < n * 8 / 33).astype(float)
    frame["imr_ml"] = np.where(frame["imr"] == 1, 5 + rng.gamma(1.5, 5, n), 5 * rng.beta(0.5, 2, n))
    older = 0.04 * (frame["age"] - 70)
    if model.outcome == "nihss_24h":
        noise = rng.normal(0, 4 + 2 * frame["imr"])
        frame["nihss_24h"] = 0.5 * frame["nihss_baseline"] + effect * frame[model.exposure] + noise
    elif model.outcome == "mrs_90d":
        latent = effect * frame["imr"] + older + rng.logistic(size=n)
        frame["mrs_90d"] = np.digitize(latent, logit(MRS_AT_MOST)).astype(float)
    else:
        frame["imr"] = (rng.random(n) < expit(effect * frame["mtici_2c"] + older - 1.5)).astype(float)
    return frame


def coverage(model: Model, n: int, effect: float, draws: int, seed: int = 1) -> Coverage:
    """Return how often the intervals of drawn cohorts hold the effect."""
    rng = np.random.default_rng([seed, n, MODELS.index(model), int(effect == 0)])
    made = [
        model.estimate(draw_cohort(model, n, effect, rng), model.outcome, model.exposure, model.covariates)
        for _ in range(draws)
    ]
    numbers = np.array([[one.value, one.low, one.high] for one in made if np.isfinite(one.p)]).T
    value, low, high = numbers if model.estimate is linear_effect else np.log(numbers)
    p = np.array([one.p for one in made if np.isfinite(one.p)])
    covered = (low <= effect) & (effect <= high)
    return Coverage(len(p), float(covered.mean()), float((p < 0.05).mean()), float(np.median(value)))


def print_level(draws: int) -> None:
    """Print how often each test of proportional odds rejects them, of cohorts in which they are true."""
    model = MODELS[2]
    print("\n| test of proportional odds | patients | with an answer | p < 0.05 |")
    print("|---|---|---|---|")
    for name, test in (("score", proportional_odds_test), ("Brant", brant_test)):
        for n in SIZES:
            rng = np.random.default_rng(n)
            cohorts = (draw_cohort(model, n, model.truth, rng) for _ in range(draws))
            p = np.array([test(cohort, model.outcome, model.exposure, model.covariates).p for cohort in cohorts])
            answers = p[np.isfinite(p)]
            print(f"| {name} | {n} | {len(answers)} of {draws} | {100 * (answers < 0.05).mean():.1f} % |", flush=True)


def main() -> None:
    """Print a row for each model and size, and one for each test of proportional odds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=500)
    draws = parser.parse_args().draws
    columns = ("patients", "estimable", "truth", "median estimate", "interval holds it", "no effect: p < 0.05")
    print("| outcome, exposure (method) |", " | ".join(columns), "|")
    print("|---" * (1 + len(columns)) + "|")
    for model in MODELS:
        for n in SIZES:
            real, null = (coverage(model, n, effect, draws) for effect in (model.truth, 0.0))
            cells = (
                f"{n} | {real.estimable} of {draws} | {model.truth:g} | {real.median:.2f}",
                f"{100 * real.covered:.1f} % | {100 * null.significant:.1f} %",
            )
            print(f"| {model.name} |", " | ".join(cells), "|", flush=True)
    print_level(draws)


if __name__ == "__main__":
    main()
