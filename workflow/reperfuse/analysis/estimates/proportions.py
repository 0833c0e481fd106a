"""A share of patients with its interval."""

from reperfuse.analysis.estimates.estimate import Estimate, not_estimable


def wilson(k: int, n: int) -> Estimate:
    """Return a share with Wilson's interval.

    (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n), with p = k/n and z = 1.96 (Wilson 1927,
    doi:10.1080/01621459.1927.10502953). It stays within 0 to 1, also where k is 0 or n.

    Parameters
    ----------
    k, n : int
        Patients with the finding, of how many.

    Returns
    -------
    Estimate
        Shares, 0 to 1.
    """
    from statsmodels.stats.proportion import proportion_confint

    if n == 0:
        return not_estimable("no patients", 0, 0)
    low, high = proportion_confint(k, n, method="wilson")
    # of none or all, one limit is that share itself, but for rounding
    return Estimate(n, k / n, float(low) if k else 0.0, float(high) if k < n else 1.0, events=k)
