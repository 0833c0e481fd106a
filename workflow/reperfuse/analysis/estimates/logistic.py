"""Odds ratios of an outcome that is yes or no."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import chi2, norm

from reperfuse.analysis.estimates.design import (
    NOBODY,
    Design,
    complete_cases,
    is_separated,
    prepare,
    too_few_events,
)
from reperfuse.analysis.estimates.estimate import Z95, Estimate, not_estimable, to_ratios
from reperfuse.analysis.estimates.likelihood import Likelihood, Maximum, maximise

FIRTH = "Firth's penalised likelihood"
NOT_CONVERGED = "the fit does not converge"
DOUBLINGS = 12


@dataclass(frozen=True)
class Interaction:
    """Odds ratios of an exposure in two strata of patients.

    Attributes
    ----------
    strata : dict of str to Estimate
        Odds ratio in each stratum; in the order of their names.
    interaction : Estimate
        Ratio of the second odds ratio to the first, and p of their being equal.
    """

    strata: dict[str, Estimate]
    interaction: Estimate


def logistic_effect(frame: pd.DataFrame, outcome: str, exposure: str, covariates: Sequence[str] = ()) -> Estimate:
    """Return the odds ratio of an outcome for one unit more of an exposure.

    By maximum likelihood, with Wald's interval and test. Where outcomes are separated (no finite maximum), or
    fewer than 5 of the rarer outcome come on each coefficient, by Firth's method, and the note says so.

    Parameters
    ----------
    frame : DataFrame
        A row a patient.
    outcome : str
        Column of 0 and 1.
    exposure : str
        Column of numbers.
    covariates : sequence of str
        Columns of numbers or of text; 5 patients of the rarer outcome are needed for each (Vittinghoff & McCulloch
        2007, doi:10.1093/aje/kwk052).

    Returns
    -------
    Estimate
        Odds ratio, with ``events`` and ``method``.
    """
    return _effect(_prepare(frame, outcome, [exposure], covariates), 1)


def firth_effect(frame: pd.DataFrame, outcome: str, exposure: str, covariates: Sequence[str] = ()) -> Estimate:
    """Return the odds ratio of an outcome for one unit more of an exposure, by Firth's penalised likelihood.

    Maximises l(β) + ½ log |I(β)| (Firth 1993, doi:10.1093/biomet/80.1.27), which is finite also where outcomes are
    separated and less biased in small samples. Interval and p are those of the profile of the penalised likelihood
    (Heinze & Schemper 2002, doi:10.1002/sim.1047).

    Parameters
    ----------
    frame, outcome, exposure, covariates
        As for `logistic_effect`.

    Returns
    -------
    Estimate
        Odds ratio, with ``events`` and ``method``.
    """
    design = _prepare(frame, outcome, [exposure], covariates)
    return _firth(design, 1) if not design.problem else _none(design)


def interaction_effect(
    frame: pd.DataFrame, outcome: str, exposure: str, stratum: str, covariates: Sequence[str] = ()
) -> Interaction:
    """Return the odds ratio of an exposure in each of two strata, and whether they differ.

    All are of one model, with exposure, stratum, their product and the covariates, by the methods of
    `logistic_effect`.

    Parameters
    ----------
    frame : DataFrame
        A row a patient.
    outcome : str
        Column of 0 and 1.
    exposure : str
        Column of numbers.
    stratum : str
        Column of two classes, numbers or text.
    covariates : sequence of str
        Columns of numbers or of text.

    Returns
    -------
    Interaction
    """
    rows = complete_cases(frame, [outcome, exposure, stratum, *covariates])
    names = rows[stratum].astype(str)
    classes = sorted(names.unique())
    problem = _no_interaction(rows, exposure, names, classes)
    if problem:
        none = not_estimable(problem, len(rows))
        return Interaction(dict.fromkeys(classes, none), none)
    strata = {}
    for name in reversed(classes):
        # the exposure's own coefficient is its effect where the indicator, and so the product, is 0
        other = (names != name).astype(float)
        product = f"{exposure} × {stratum}"
        extended = rows.assign(**{stratum: other, product: rows[exposure] * other})
        design = _prepare(extended, outcome, [exposure, stratum, product], covariates)
        outcomes = rows.loc[names == name, outcome]
        strata[name] = replace(_effect(design, 1), n=len(outcomes), events=int(outcomes.sum()))
    # of the last design, whose indicator is that of the second class
    return Interaction({name: strata[name] for name in classes}, _effect(design, 3))


def _no_interaction(rows: pd.DataFrame, exposure: str, names: pd.Series, classes: Sequence[str]) -> str:
    if not classes:
        return NOBODY
    if len(classes) != 2:
        return f"{names.name} has {len(classes)} classes, not two"
    for name in classes:
        if rows.loc[names == name, exposure].nunique() < 2:
            return f"{exposure} is the same in all patients with {names.name} {name}"
    return ""


def _prepare(frame: pd.DataFrame, outcome: str, exposures: Sequence[str], covariates: Sequence[str]) -> Design:
    design = prepare(frame, outcome, exposures, covariates)
    if not np.isin(design.y, (0, 1)).all():
        return replace(design, problem=f"{outcome} is not 0 or 1 in all patients")
    return design if design.problem else replace(design, problem=too_few_events(design, design.covariates))


def _events(design: Design) -> int:
    return int((design.y == 1).sum())


def _none(design: Design, reason: str = "") -> Estimate:
    return not_estimable(reason or design.problem, design.n, _events(design))


def _effect(design: Design, column: int) -> Estimate:
    if design.problem:
        return _none(design)
    why_firth = ""
    if is_separated((2 * design.y - 1)[:, None] * design.x):
        why_firth = "the outcomes are separated"
    elif too_few_events(design, design.x.shape[1] - 1):
        why_firth = "events are few"
    if why_firth:
        penalised = _firth(design, column)
        return replace(penalised, note=penalised.note or f"{FIRTH}, because {why_firth}")
    fit = fit_logistic(design.x, design.y)
    if fit is None:
        return _none(design, NOT_CONVERGED)
    return wald(design, fit, column, "maximum likelihood")


def fit_logistic(x: np.ndarray, y: np.ndarray) -> Maximum | None:
    """Return the logistic model of the largest likelihood.

    Parameters
    ----------
    x : (n, k) float array
    y : (n,) float array
        0 and 1, not separated by x.

    Returns
    -------
    Maximum or None
        None where it does not converge.
    """

    def likelihood(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        p = expit(x @ beta)
        return _log_likelihood(x @ beta, y), x.T @ (y - p), (x.T * (p * (1 - p))) @ x

    return maximise(likelihood, np.zeros(x.shape[1]))


def wald(design: Design, fit: Maximum, column: int, method: str) -> Estimate:
    """Return the odds ratio of a column of the design with Wald's interval and test.

    Parameters
    ----------
    design : Design
    fit : Maximum
        Its first coefficients are those of the design's columns.
    column : int
    method : str

    Returns
    -------
    Estimate
    """
    value, error = fit.coefficients[column], np.sqrt(fit.covariance[column, column])
    low, high = value - Z95 * error, value + Z95 * error
    ratios = to_ratios(*np.array([value, low, high]) / design.scale[column])
    return Estimate(design.n, *ratios, float(2 * norm.sf(abs(value / error))), events=_events(design), method=method)


def _log_likelihood(eta: np.ndarray, y: np.ndarray) -> float:
    return float(-np.logaddexp(0, (1 - 2 * y) * eta).sum())


def _penalised(x: np.ndarray, y: np.ndarray) -> Likelihood:
    """Return Firth's likelihood: gradient X'(y − p + h(½ − p)) with leverages h of the weighted columns."""

    def likelihood(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        p = expit(x @ beta)
        weighted = x.T * (p * (1 - p))
        information = weighted @ x
        sign, log_determinant = np.linalg.slogdet(information)
        if sign <= 0:
            return -np.inf, np.zeros_like(beta), information
        leverages = (weighted * np.linalg.solve(information, x.T)).sum(axis=0)
        score = x.T @ (y - p + leverages * (0.5 - p))
        return _log_likelihood(x @ beta, y) + log_determinant / 2, score, information

    return likelihood


def _firth(design: Design, column: int) -> Estimate:
    likelihood = _penalised(design.x, design.y)
    best = maximise(likelihood, np.zeros(design.x.shape[1]))
    if best is None:
        return _none(design, NOT_CONVERGED)
    others = np.arange(len(best.coefficients)) != column
    value, error = best.coefficients[column], np.sqrt(best.covariance[column, column])

    def deviance(at: float) -> float:
        """Return twice the log likelihood lost where the coefficient is held at a value."""
        start = best.coefficients.copy()
        start[column] = at
        held = maximise(likelihood, start, others)
        return np.nan if held is None else max(2 * (best.value - held.value), 0.0)

    low, high = (_crossing(deviance, value, side * error) for side in (-1, 1))
    p = float(chi2.sf(deviance(0), 1))
    if not np.isfinite([low, high, p]).all():
        return _none(design, "the profile of the penalised likelihood does not converge")
    ratios = to_ratios(*np.array([value, low, high]) / design.scale[column])
    return Estimate(design.n, *ratios, p, events=_events(design), method=FIRTH)


def _crossing(deviance: Callable[[float], float], start: float, step: float) -> float:
    """Return where the deviance reaches that of a 95 % interval, on the side of the step; NaN where it does not."""

    def excess(at: float) -> float:  # its root makes it nearly a straight line
        return np.sqrt(deviance(at)) - Z95

    inner, outer = start, start + 2 * step
    for _ in range(DOUBLINGS):
        if not excess(outer) < 0:
            break
        inner, outer = outer, start + 2 * (outer - start)
    return float(brentq(excess, inner, outer, xtol=1e-9)) if excess(outer) >= 0 else np.nan
