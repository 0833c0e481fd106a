"""The common odds ratio of a higher grade, as of the modified Rankin scale."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import chi2

from reperfuse.analysis.estimates.design import Design, is_separated, prepare, too_few_events
from reperfuse.analysis.estimates.estimate import Estimate, not_estimable
from reperfuse.analysis.estimates.likelihood import Likelihood, Maximum, maximise
from reperfuse.analysis.estimates.logistic import NOT_CONVERGED, fit_logistic, wald

BRANT_ENOUGH = 400  # patients, from which Brant's test keeps near its level (docs/validation/statistics.md)


def ordinal_effect(frame: pd.DataFrame, outcome: str, exposure: str, covariates: Sequence[str] = ()) -> Estimate:
    """Return the odds ratio of a higher grade for one unit more of an exposure, common to all grades.

    Proportional odds: logit P(grade > j) = xβ − θ_j (McCullagh 1980, doi:10.1111/j.2517-6161.1980.tb01109.x), by
    maximum likelihood with Wald's interval and test.

    Parameters
    ----------
    frame : DataFrame
        A row a patient.
    outcome : str
        Column of grades; those that no patient has are left out.
    exposure : str
        Column of numbers.
    covariates : sequence of str
        Columns of numbers or of text; 5 patients outside the commonest grade are needed for each, and 5 more.

    Returns
    -------
    Estimate
        Odds ratio of a higher grade.
    """
    design, fit = _fit(frame, outcome, exposure, covariates)
    if fit is None:
        return not_estimable(design.problem, design.n)
    return replace(wald(design, fit, 1, "proportional odds"), events=None)


def proportional_odds_test(
    frame: pd.DataFrame, outcome: str, exposure: str, covariates: Sequence[str] = ()
) -> Estimate:
    """Test whether odds are proportional, for all coefficients together; it keeps its level in few patients too.

    As `brant_test`, but of what one Newton step from the common coefficients makes of each cut's, with the covariances
    of proportional odds: a score test, as of Stiger, Barnhart & Williamson 1999
    (doi:10.1002/(SICI)1097-0258(19990615)18:11<1419::AID-SIM127>3.0.CO;2-Q). No cut's own model need have a maximum.

    Parameters
    ----------
    frame, outcome, exposure, covariates
        As for `ordinal_effect`.

    Returns
    -------
    Estimate
        χ² and its p; a small p speaks against proportional odds.
    """
    design, fit = _fit(frame, outcome, exposure, covariates)
    if fit is None:
        return not_estimable(design.problem, design.n)
    x = design.x
    common, cuts = np.split(fit.coefficients, [x.shape[1]])
    steps, probabilities = [], []
    for grade, cut in zip(np.unique(design.y)[:-1], np.r_[0, cuts], strict=True):
        here = common - cut * np.eye(len(common))[0]
        p = expit(x @ here)
        steps.append(here + np.linalg.solve(_information(x, p, p), x.T @ ((design.y > grade) - p)))
        probabilities.append(p)
    return _compare_cuts(x, steps, probabilities, "score test")


def brant_test(frame: pd.DataFrame, outcome: str, exposure: str, covariates: Sequence[str] = ()) -> Estimate:
    """Test whether odds are proportional, for all coefficients together, as published by Brant.

    Compares the coefficients of the logistic models of each cut, grade > j, by Wald's test (Brant 1990,
    doi:10.2307/2532457): their covariances are (X'W_jX)⁻¹ X'W_jlX (X'W_lX)⁻¹ with W_jl = p_l (1 − p_j) for j ≤ l.

    Parameters
    ----------
    frame, outcome, exposure, covariates
        As for `ordinal_effect`.

    Returns
    -------
    Estimate
        χ² and its p; a small p speaks against proportional odds, but comes too often in few patients.
    """
    design, fit = _fit(frame, outcome, exposure, covariates)
    if fit is None:
        return not_estimable(design.problem, design.n)
    x, coefficients = design.x, []
    for grade in np.unique(design.y)[:-1]:
        above = (design.y > grade).astype(float)
        if is_separated((2 * above - 1)[:, None] * x):
            return not_estimable(f"outcomes above grade {grade:g} are separated", design.n)
        model = fit_logistic(x, above)
        if model is None:
            return not_estimable(NOT_CONVERGED, design.n)
        coefficients.append(model.coefficients)
    test = _compare_cuts(x, coefficients, [expit(x @ beta) for beta in coefficients], "Brant's test")
    few = design.n < BRANT_ENOUGH and not test.note
    return replace(test, note=f"the test rejects too often with fewer than {BRANT_ENOUGH} patients") if few else test


def standardised_shares(
    frame: pd.DataFrame, outcome: str, exposure: str, covariates: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the shares of the grades had all patients had the exposure 0, or all 1.

    Averages the probabilities of the proportional-odds model over the patients' covariates (g-computation; Robins
    1986, doi:10.1016/0270-0255(86)90088-6).

    Parameters
    ----------
    frame, outcome, exposure, covariates
        As for `ordinal_effect`.

    Returns
    -------
    DataFrame
        A row for the exposures 0 and 1, a column for each grade; no row where the model cannot be fitted.
    """
    design, fit = _fit(frame, outcome, exposure, covariates)
    grades = np.unique(design.y)
    if fit is None:
        return pd.DataFrame(columns=grades)
    shares = {}
    for value in (0, 1):
        x = design.x.copy()
        x[:, 1] = (value - design.mean[1]) / design.scale[1]
        beta, cuts = np.split(fit.coefficients, [x.shape[1]])
        below = expit(np.r_[0, cuts, np.inf] - (x @ beta)[:, None])
        shares[value] = np.diff(below, prepend=0).mean(axis=0)
    return pd.DataFrame.from_dict(shares, orient="index", columns=grades)


def _fit(frame: pd.DataFrame, outcome: str, exposure: str, covariates: Sequence[str]) -> tuple[Design, Maximum | None]:
    """Return the design and its model; without a model the design's problem says why."""
    design = prepare(frame, outcome, [exposure], covariates)
    problem = design.problem or too_few_events(design, design.x.shape[1] - 1)
    if problem:
        return replace(design, problem=problem), None
    grades, grade = np.unique(design.y, return_inverse=True)
    # the first cut is the intercept, with the other sign; the others are counted from it
    cuts = np.eye(len(grades) - 1)[:, 1:]
    lowest, highest = grade == 0, grade == len(grades) - 1
    upper = np.column_stack([-design.x, cuts[np.minimum(grade, len(cuts) - 1)]])
    lower = np.column_stack([-design.x, cuts[np.maximum(grade - 1, 0)]])
    if is_separated(np.vstack([upper[~highest], -lower[~lowest]])):
        return replace(design, problem="the outcomes are separated"), None
    below = np.cumsum(np.bincount(grade))[:-1] / design.n
    first, *others = logit(below)
    start = np.r_[-first, np.zeros(design.x.shape[1] - 1), np.array(others) - first]
    fit = maximise(_proportional_odds(upper, lower, lowest, highest), start)
    return (design, fit) if fit is not None else (replace(design, problem=NOT_CONVERGED), None)


def _proportional_odds(upper: np.ndarray, lower: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> Likelihood:
    """Return the likelihood: a patient's grade has the probability F(a) − F(b), with a and b of its cuts."""
    above, below = np.where(highest, np.inf, 0), np.where(lowest, -np.inf, 0)

    def likelihood(coefficients: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        a, b = upper @ coefficients + above, lower @ coefficients + below
        flipped = a + b > 0  # F(a) − F(b) = F(−b) − F(−a), which keeps its digits where both are near 1
        probability = expit(np.where(flipped, -b, a)) - expit(np.where(flipped, -a, b))
        if probability.min() <= 0:
            return -np.inf, np.zeros_like(coefficients), np.eye(len(coefficients))
        density_a, density_b = expit(a) * expit(-a), expit(b) * expit(-b)
        weights_a, weights_b = density_a / probability, density_b / probability
        gradients = upper * weights_a[:, None] - lower * weights_b[:, None]
        # the density's own derivative is f (1 − 2F)
        second_a, second_b = weights_a * (1 - 2 * expit(a)), weights_b * (1 - 2 * expit(b))
        information = gradients.T @ gradients - (upper.T * second_a) @ upper + (lower.T * second_b) @ lower
        return float(np.log(probability).sum()), gradients.sum(axis=0), information

    return likelihood


def _information(x: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return X'WX of two cuts of probabilities p ≥ q of being above: W = q (1 − p)."""
    return (x.T * (q * (1 - p))) @ x


def _compare_cuts(
    x: np.ndarray, coefficients: Sequence[np.ndarray], probabilities: Sequence[np.ndarray], method: str
) -> Estimate:
    """Test whether the slopes of all cuts are those of the first, by Wald's test."""
    cuts, slopes = len(coefficients), x.shape[1] - 1
    if cuts < 2:
        return not_estimable("there are only two grades", len(x))
    inverse = [np.linalg.inv(_information(x, p, p)) for p in probabilities]
    covariance = np.block(
        [
            [
                (inverse[j] @ _information(x, probabilities[min(j, k)], probabilities[max(j, k)]) @ inverse[k])[1:, 1:]
                for k in range(cuts)
            ]
            for j in range(cuts)
        ]
    )
    contrast = np.kron(np.column_stack([np.ones(cuts - 1), -np.eye(cuts - 1)]), np.eye(slopes))
    difference = contrast @ np.concatenate([beta[1:] for beta in coefficients])
    covariance = contrast @ covariance @ contrast.T
    if np.linalg.eigvalsh(covariance)[0] <= 1e-12 * np.trace(covariance):
        return not_estimable("too few patients for a model of each grade", len(x))
    statistic = float(difference @ np.linalg.solve(covariance, difference))
    return Estimate(len(x), statistic, p=float(chi2.sf(statistic, len(difference))), method=method)
