"""Two groups of patients compared."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import gammaln
from scipy.stats import chi2_contingency, fisher_exact, mannwhitneyu, rankdata

from reperfuse.analysis.estimates.design import complete_cases
from reperfuse.analysis.estimates.estimate import Z95, Estimate, not_estimable

Kind = Literal["numeric", "categories"]
FEWEST_IN_GROUP = 3  # of 2 against 3 patients the least p of an exact test is 0.2
EXACT_BELOW = 50  # patients in each group, without ties
EXPECTED = 5  # below this in a cell the χ² distribution is not close
MOST_TABLES = 2_000_000


@dataclass(frozen=True)
class Comparison:
    """Whether two groups differ.

    Attributes
    ----------
    n : int
        Patients of known group and value.
    p : float
        Two-sided p of no difference; NaN where there is no test.
    test : str
        Its name.
    note : str
        ``"not estimable: <why>"``, or a caution to be read with p.
    """

    n: int
    p: float = math.nan
    test: str = ""
    note: str = ""


def too_few_in_group(fewest: int) -> str:
    """Say that the smaller of two groups has too few patients for a p that means something, if so."""
    if fewest >= FEWEST_IN_GROUP:
        return ""
    return f"only {fewest} patients in one group, at least {FEWEST_IN_GROUP} needed"


def compare_groups(values: ArrayLike, group: ArrayLike, kind: Kind) -> Comparison:
    """Test whether two groups differ.

    Numbers: Mann–Whitney's test, exact where both groups are below 50 and no values are tied, else by its normal
    approximation with corrections for ties and continuity (Mann & Whitney 1947, doi:10.1214/aoms/1177730491).
    Categories: Fisher's exact test, as extended to more than two classes (Freeman & Halton 1951,
    doi:10.1093/biomet/38.1-2.141), where a table of 2 × 2 or an expected count below 5 asks for it; else Pearson's χ².

    Parameters
    ----------
    values : (n,) array_like
        Numbers or classes; missing ones are left out.
    group : (n,) array_like
        Two classes, as 0 and 1.
    kind : "numeric" or "categories"

    Returns
    -------
    Comparison
    """
    rows, classes, problem = _two_groups(values, group)
    if problem:
        return Comparison(len(rows), note=f"not estimable: {problem}")
    if len(rows["value"].unique()) == 1:
        return Comparison(len(rows), note="not estimable: all patients have the same value")
    if kind == "numeric":
        first, second = (rows.loc[rows["group"] == one, "value"].to_numpy(float) for one in classes)
        return Comparison(len(rows), _mann_whitney(first, second), "Mann-Whitney")
    return _compare_table(pd.crosstab(rows["value"], rows["group"]).to_numpy())


def standardised_difference(values: ArrayLike, group: ArrayLike, kind: Kind) -> float:
    """Return the standardised difference of two groups.

    Numbers: (m₁ − m₀)/√((s₁² + s₀²)/2), the second group less the first (Austin 2009, doi:10.1002/sim.3697).
    Categories: √(d' S⁻¹ d) of the differences d of all shares but one, with S the mean of both groups' covariance
    matrices (Yang & Dalton 2012, SAS Global Forum, paper 335); it has no sign.

    Parameters
    ----------
    values, group, kind
        As for `compare_groups`.

    Returns
    -------
    float
        NaN where it cannot be computed.
    """
    rows, classes, problem = _two_groups(values, group)
    if problem:
        return math.nan
    if kind == "numeric":
        first, second = (rows.loc[rows["group"] == one, "value"].to_numpy(float) for one in classes)
        return _per_sd(first, second)
    shares = pd.crosstab(rows["value"], rows["group"], normalize="columns").to_numpy()[1:]
    if not len(shares):
        return 0.0
    difference = shares[:, 1] - shares[:, 0]
    covariance = sum(np.diag(share) - np.outer(share, share) for share in shares.T) / 2
    if np.linalg.cond(covariance) > 1e12:
        return math.nan
    return float(np.sqrt(difference @ np.linalg.solve(covariance, difference)))


def hodges_lehmann(a: ArrayLike, b: ArrayLike) -> Estimate:
    """Return the shift between two groups: the median of all differences a − b.

    The interval holds the shifts that Mann–Whitney's test does not reject: the differences between the K-th smallest
    and the K-th largest (Hodges & Lehmann 1963, doi:10.1214/aoms/1177704172). K is of the exact distribution where
    both groups are below 50 and nothing is tied, else of the normal approximation with its correction for ties.

    Parameters
    ----------
    a, b : (n,) and (m,) array_like
        Numbers; missing ones are left out.

    Returns
    -------
    Estimate
        With the p of `compare_groups`.
    """
    first, second = (values[np.isfinite(values)] for values in (np.asarray(a, float), np.asarray(b, float)))
    n = len(first) + len(second)
    if not len(first) or not len(second):
        return not_estimable("no patient in one of the groups", n)
    if np.ptp(np.r_[first, second]) == 0:
        return not_estimable("all patients have the same value", n)
    differences = np.sort(np.subtract.outer(first, second), axis=None)
    value, p = float(np.median(differences)), _mann_whitney(first, second)
    rank = _rank_of_limit(first, second)
    if rank < 1:
        return Estimate(n, value, p=p, note="the groups are too small for a 95 % interval")
    return Estimate(n, value, float(differences[rank - 1]), float(differences[-rank]), p)


def _two_groups(values: ArrayLike, group: ArrayLike) -> tuple[pd.DataFrame, list[object], str]:
    """Return the known values with their group, the two groups, and why they cannot be compared."""
    rows = pd.DataFrame({"value": np.asarray(values), "group": np.asarray(group)})
    rows = complete_cases(rows, ["value", "group"])
    classes = sorted(rows["group"].unique())
    problem = "" if len(classes) == 2 else f"there are patients in {len(classes)} groups, not in two"
    return rows, classes, problem


def _is_exact(first: np.ndarray, second: np.ndarray) -> bool:
    both = np.r_[first, second]
    return max(len(first), len(second)) < EXACT_BELOW and len(np.unique(both)) == len(both)


def _mann_whitney(first: np.ndarray, second: np.ndarray) -> float:
    method = "exact" if _is_exact(first, second) else "asymptotic"
    return float(mannwhitneyu(first, second, method=method).pvalue)


def _rank_of_limit(first: np.ndarray, second: np.ndarray) -> int:
    """Return K: the K-th smallest and K-th largest difference limit a 95 % interval; 0 where none is so wide."""
    n, m = len(first), len(second)
    if _is_exact(first, second):
        return int(np.searchsorted(_mann_whitney_distribution(n, m), 0.025, side="right"))
    ranks = rankdata(np.r_[first, second])
    variance = n * m / (n + m) / (n + m - 1) * ((ranks - ranks.mean()) ** 2).sum()
    return int(max(n * m / 2 - Z95 * np.sqrt(variance), 0))


def _mann_whitney_distribution(n: int, m: int) -> np.ndarray:
    """Return P(U ≤ u) for u = 0 … nm: the counts are the coefficients of ∏ (1 − x^(m+i)) / (1 − x^i), i = 1 … n."""
    counts = np.zeros(n * m + 1, object)  # whole numbers, too large for others
    counts[0] = 1
    for i in range(1, n + 1):
        counts[m + i :] = counts[m + i :] - counts[: max(len(counts) - m - i, 0)]
        for offset in range(i):
            counts[offset::i] = np.add.accumulate(counts[offset::i])
    total = math.comb(n + m, n)
    return np.array([count / total for count in np.add.accumulate(counts)], float)


def _compare_table(table: np.ndarray) -> Comparison:
    n = int(table.sum())
    if table.shape == (2, 2):
        return Comparison(n, float(fisher_exact(table).pvalue), "Fisher")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    if expected.min() >= EXPECTED:
        return Comparison(n, float(chi2_contingency(table, correction=False).pvalue), "chi-square")
    if np.prod(table.sum(axis=1) + 1.0) <= MOST_TABLES:
        return Comparison(n, _freeman_halton(table), "Fisher-Freeman-Halton")
    note = f"an expected count is below {EXPECTED}, so p is approximate"
    return Comparison(n, float(chi2_contingency(table, correction=False).pvalue), "chi-square", note)


def _freeman_halton(table: np.ndarray) -> float:
    """Return the probability of all tables of the same margins that are no likelier than this one."""
    rows, first = table.sum(axis=1), int(table[:, 0].sum())
    sums, logs = np.zeros(1, int), np.zeros(1)
    for row in rows:
        counts = np.arange(row + 1)
        sums = np.add.outer(sums, counts).ravel()
        logs = np.add.outer(logs, _log_choices(row, counts)).ravel()
        sums, logs = sums[sums <= first], logs[sums <= first]
    observed = _log_choices(rows, table[:, 0]).sum()
    logs = logs[sums == first]
    # a hair's breadth more, for tables as likely as this one
    weights = np.exp(logs - logs.max())
    return float(weights[logs <= observed + 1e-7].sum() / weights.sum())


def _log_choices(n: ArrayLike, k: ArrayLike) -> np.ndarray:
    n, k = np.asarray(n), np.asarray(k)
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _per_sd(first: np.ndarray, second: np.ndarray) -> float:
    if min(len(first), len(second)) < 2:
        return math.nan
    difference = second.mean() - first.mean()
    sd = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    if sd == 0:
        return 0.0 if difference == 0 else math.nan
    return float(difference / sd)
