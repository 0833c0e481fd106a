"""How much an outcome differs for each unit of an exposure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from reperfuse.analysis.estimates.design import Design, prepare
from reperfuse.analysis.estimates.estimate import Estimate, not_estimable

DETERMINED = 1e-9


def linear_effect(frame: pd.DataFrame, outcome: str, exposure: str, covariates: Sequence[str] = ()) -> Estimate:
    """Return the change of an outcome for one unit more of an exposure, by least squares.

    Errors are heteroscedasticity-consistent, HC3: (X'X)⁻¹ X' diag(e²/(1 − h)²) X (X'X)⁻¹ with residuals e and
    leverages h (MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7). Interval and p are those of Student's t
    with n − k degrees of freedom for k coefficients.

    Parameters
    ----------
    frame : DataFrame
        A row a patient.
    outcome, exposure : str
        Columns of numbers.
    covariates : sequence of str
        Columns of numbers or of text.

    Returns
    -------
    Estimate
        Units of the outcome for one unit of the exposure, with ``r2``.
    """
    from statsmodels.regression.linear_model import OLS

    design = prepare(frame, outcome, [exposure], covariates)
    problem = design.problem or _determined(design)
    if problem:
        return not_estimable(problem, design.n)
    fit = OLS(design.y, design.x).fit(cov_type="HC3", use_t=True)
    low, high = fit.conf_int()[1] / design.scale[1]
    value = fit.params[1] / design.scale[1]
    return Estimate(design.n, float(value), float(low), float(high), float(fit.pvalues[1]), r2=float(fit.rsquared))


def _determined(design: Design) -> str:
    """Say that the errors cannot be known, if so: one patient decides a coefficient, or the fit is exact."""
    q = np.linalg.qr(design.x)[0]
    if (q**2).sum(axis=1).max() > 1 - DETERMINED:
        return "one patient alone determines a coefficient, so its error is unknown"
    rest = design.y - q @ (q.T @ design.y)
    if rest @ rest < DETERMINED**2 * ((design.y - design.y.mean()) ** 2).sum():
        return "the exposure and the covariates determine the outcome exactly"
    return ""


def linear_band(frame: pd.DataFrame, outcome: str, exposure: str, points: int = 50) -> pd.DataFrame:
    """Return the line of the model without covariates, with the 95 % band of its mean, HC3.

    Parameters
    ----------
    frame : DataFrame
        A row a patient.
    outcome, exposure : str
        Columns of numbers.
    points : int
        How many, from the least exposure to the largest.

    Returns
    -------
    DataFrame
        ``x`` (exposure), ``fit``, ``low`` and ``high`` (outcome); no row where the effect cannot be estimated.
    """
    from statsmodels.regression.linear_model import OLS

    columns = ["x", "fit", "low", "high"]
    if linear_effect(frame, outcome, exposure).note:
        return pd.DataFrame(columns=columns, dtype=float)
    design = prepare(frame, outcome, [exposure], ())
    at = np.linspace(design.x[:, 1].min(), design.x[:, 1].max(), points)
    model = OLS(design.y, design.x).fit(cov_type="HC3", use_t=True)
    mean = model.get_prediction(np.column_stack([np.ones(points), at]))
    limits = mean.conf_int()
    values = [at * design.scale[1] + design.mean[1], mean.predicted_mean, *limits.T]
    return pd.DataFrame(dict(zip(columns, values, strict=True)))
