"""How well two measurements of the same patients agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import f, t

from reperfuse.analysis.estimates.estimate import Z95, Estimate, not_estimable

LEAST = 3  # patients, for an interval of a spread


@dataclass(frozen=True)
class Agreement:
    """Bland and Altman's limits of agreement.

    Attributes
    ----------
    bias : Estimate
        Mean difference a − b; p of none.
    lower, upper : Estimate
        Limits within which 95 % of differences lie.
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate


def bland_altman(a: ArrayLike, b: ArrayLike) -> Agreement:
    """Return the mean difference of two measurements and its limits, bias ± 1.96 s.

    Standard errors are s/√n of the bias and s √(1/n + 1.96²/(2(n − 1))) of a limit, with t of n − 1 degrees of freedom
    (Bland & Altman 1999, doi:10.1177/096228029900800204).

    Parameters
    ----------
    a, b : (n,) array_like
        The same patients in the same order; those of whom either is missing are left out.

    Returns
    -------
    Agreement
    """
    first, second = _measured(a, b)
    difference = first - second
    n = len(difference)
    if n < LEAST:
        none = not_estimable(f"only {n} patients are measured twice, at least {LEAST} needed", n)
        return Agreement(none, none, none)
    bias, sd = difference.mean(), difference.std(ddof=1)
    if sd <= 1e-12 * np.abs(difference).max():
        same = Estimate(n, float(bias), note="no interval: the difference is the same in all patients")
        return Agreement(same, same, same)
    quantile = t.ppf(0.975, n - 1)
    error = sd / np.sqrt(n)
    error_of_limit = sd * np.sqrt(1 / n + Z95**2 / (2 * (n - 1)))
    p = float(2 * t.sf(abs(bias / error), n - 1))
    around = [(bias, error, p), (bias - Z95 * sd, error_of_limit, np.nan), (bias + Z95 * sd, error_of_limit, np.nan)]
    return Agreement(
        *(
            Estimate(n, float(value), float(value - quantile * width), float(value + quantile * width), test)
            for value, width, test in around
        )
    )


def icc_a1(*measurements: ArrayLike) -> Estimate:
    """Return the intraclass correlation ICC(A,1): absolute agreement of single measurements, two-way.

    (MSR − MSE) / (MSR + (k − 1) MSE + k (MSC − MSE)/n) of the mean squares of patients, measurements and error, with
    the interval of McGraw & Wong 1996 (doi:10.1037/1082-989X.1.1.30). p is of F = MSR/MSE, of no correlation.

    Parameters
    ----------
    *measurements : (n,) array_like
        Two or more of the same patients in the same order; those of whom one is missing are left out.

    Returns
    -------
    Estimate
    """
    x = np.column_stack(_measured(*measurements))
    n, k = x.shape
    if n < LEAST:
        return not_estimable(f"only {n} patients are measured by all, at least {LEAST} needed", n)
    means, columns = x.mean(axis=1), x.mean(axis=0)
    if np.ptp(x) == 0:
        return not_estimable("all measurements are the same", n)
    msr = k * means.var(ddof=1)
    msc = n * columns.var(ddof=1)
    mse = ((x - means[:, None] - columns + x.mean()) ** 2).sum() / ((n - 1) * (k - 1))
    icc = (msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
    if mse <= 1e-24 * np.square(x).max():
        return Estimate(n, float(icc), note="no interval: the difference is the same in all patients")
    # Satterthwaite's degrees of freedom of the mean square that the patients' one is compared with
    columns_part, error_part = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (columns_part * msc + error_part * mse) ** 2 / (
        (columns_part * msc) ** 2 / (k - 1) + (error_part * mse) ** 2 / ((n - 1) * (k - 1))
    )
    lower, upper = f.ppf(0.975, n - 1, freedom), f.ppf(0.975, freedom, n - 1)
    within = k * msc + (k * n - k - n) * mse
    low = n * (msr - lower * mse) / (lower * within + n * msr)
    high = n * (upper * msr - mse) / (within + n * upper * msr)
    p = f.sf(msr / mse, n - 1, (n - 1) * (k - 1))
    return Estimate(n, float(icc), float(low), float(high), float(p))


def kappa(a: ArrayLike, b: ArrayLike, order: Sequence[object] = ()) -> Estimate:
    """Return Cohen's κ of two classifications of the same patients.

    κ = 1 − Σ w o / Σ w e of observed and expected counts, with weights w = 0 on the diagonal and 1 elsewhere, or, for
    ordered classes, the square of their distance (Cohen 1968, doi:10.1037/h0026256). Interval by the large-sample
    error of Fleiss, Cohen & Everitt 1969 (doi:10.1037/h0028106); p is of no agreement beyond chance.

    Parameters
    ----------
    a, b : (n,) array_like
        Classes; patients of whom either is missing are left out.
    order : sequence, optional
        All classes from the lowest to the highest, which makes κ weighted; others are left out.

    Returns
    -------
    Estimate
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    counts = class_changes(a, b, order)
    n = int(counts.to_numpy().sum())
    if n < LEAST:
        return not_estimable(f"only {n} patients are classified twice, at least {LEAST} needed", n)
    table = counts.to_numpy()
    if min(np.count_nonzero(table.sum(axis=axis)) for axis in (0, 1)) < 2:
        return not_estimable("one of the two puts all patients in one class", n)
    result = cohens_kappa(table, wt="quadratic" if len(order) else None)
    return Estimate(
        n, float(result.kappa), float(result.kappa_low), float(result.kappa_upp), float(result.pvalue_two_sided)
    )


def class_changes(a: ArrayLike, b: ArrayLike, order: Sequence[object] = ()) -> pd.DataFrame:
    """Count the patients of each pair of classes.

    Parameters
    ----------
    a, b : (n,) array_like
        Classes; patients of whom either is missing are left out.
    order : sequence, optional
        The classes in their order, others being left out; all, sorted, if not given.

    Returns
    -------
    DataFrame
        A row for each class of a, a column for each of b.
    """
    rows = pd.DataFrame({"a": np.asarray(a), "b": np.asarray(b)}).dropna()
    classes = list(order) or sorted(set(rows["a"]) | set(rows["b"]))
    counts = pd.crosstab(rows["a"], rows["b"])
    return counts.reindex(index=classes, columns=classes, fill_value=0)


def _measured(*measurements: ArrayLike) -> list[np.ndarray]:
    """Return the measurements of the patients of whom all are known."""
    values = np.array([np.asarray(one, float) for one in measurements])
    return list(values[:, np.isfinite(values).all(axis=0)])
