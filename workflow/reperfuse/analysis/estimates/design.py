"""From a table of patients to the numbers of a model, or why there can be no model."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import linprog

NOBODY = "no patient has all values"
PATIENTS_PER_COEFFICIENT = 5
EVENTS_PER_COEFFICIENT = 5  # Vittinghoff & McCulloch 2007, doi:10.1093/aje/kwk052


@dataclass(frozen=True)
class Design:
    """Outcome and design matrix of the patients of whom every value is known.

    Attributes
    ----------
    y : (n,) float array
        Outcome.
    x : (n, 1 + coefficients) float array
        A column of ones, the exposure, and the covariates; all but the first have mean 0 and SD 1.
    mean, scale : (1 + coefficients,) float array
        Mean and SD of each column as it was; 0 and 1 of the column of ones.
    exposures : int
        How many columns are not covariates, besides the column of ones.
    problem : str
        Why there can be no model; empty if there can.
    """

    y: np.ndarray
    x: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    mean: np.ndarray = field(default_factory=lambda: np.empty(0))
    scale: np.ndarray = field(default_factory=lambda: np.empty(0))
    exposures: int = 1
    problem: str = ""

    @property
    def n(self) -> int:
        """Number of patients."""
        return len(self.y)

    @property
    def covariates(self) -> int:
        """Number of coefficients besides the intercept and those of the exposure."""
        return self.x.shape[1] - 1 - self.exposures

    @property
    def outside_commonest(self) -> int:
        """Number of patients who have not the commonest outcome: of a yes or no, the rarer."""
        return self.n - int(np.unique(self.y, return_counts=True)[1].max())


def complete_cases(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows in which every column is known and finite."""
    rows = frame[list(dict.fromkeys(columns))].dropna()
    finite: np.ndarray = np.isfinite(rows.select_dtypes("number").to_numpy(float)).all(axis=1)
    return rows.loc[finite]


def prepare(frame: pd.DataFrame, outcome: str, exposures: Sequence[str], covariates: Sequence[str]) -> Design:
    """Return the design of a model, or why there can be none.

    Parameters
    ----------
    frame : DataFrame
        A row a patient.
    outcome : str
        Column of numbers.
    exposures : sequence of str
        Columns of numbers: the exposure, and what belongs to it.
    covariates : sequence of str
        Columns of numbers or of text. Text becomes an indicator (0, 1) for each class but the first.

    Returns
    -------
    Design
    """
    rows = complete_cases(frame, [outcome, *exposures, *covariates])
    y = rows[outcome].to_numpy(float)
    if not len(y):
        return Design(y, problem=NOBODY)
    if np.ptp(y) == 0:
        return Design(y, problem=f"{outcome} is the same in all patients")
    columns = {name: rows[name].to_numpy(float) for name in exposures}
    for name in covariates:
        columns |= _columns(rows, name)
    same = next((name for name, column in columns.items() if np.ptp(column) == 0), None)
    if same is not None:
        return Design(y, problem=f"{same} is the same in all patients")
    values = np.column_stack(list(columns.values()))
    mean, scale = np.r_[0, values.mean(axis=0)], np.r_[1, values.std(axis=0)]
    x = (np.column_stack([np.ones(len(y)), values]) - mean) / scale
    problem = _too_few_patients(x) or _collinear(x, list(columns))
    return Design(y, x, mean, scale, len(exposures), problem)


def _columns(rows: pd.DataFrame, name: str) -> dict[str, np.ndarray]:
    if pd.api.types.is_numeric_dtype(rows[name]):
        return {name: rows[name].to_numpy(float)}
    text = rows[name].astype(str)
    classes = sorted(text.unique())
    others = classes[1:] or classes
    return {f"{name} {other}": (text == other).to_numpy(float) for other in others}


def _collinear(x: np.ndarray, names: Sequence[str]) -> str:
    """Name the first column that those before it determine."""
    for column in range(2, x.shape[1]):
        before = x[:, :column]
        rest = x[:, column] - before @ np.linalg.lstsq(before, x[:, column], rcond=None)[0]
        if rest @ rest < 1e-9 * len(x):
            return f"{names[column - 1]} follows from {', '.join(names[: column - 1])}"
    return ""


def _too_few_patients(x: np.ndarray) -> str:
    n, coefficients = x.shape
    if n >= PATIENTS_PER_COEFFICIENT * coefficients:
        return ""
    return (
        f"only {n} patients, at least {PATIENTS_PER_COEFFICIENT * coefficients} needed for {coefficients} coefficients"
    )


def too_few_events(design: Design, coefficients: int) -> str:
    """Say that patients outside the commonest outcome are too few for some coefficients, if they are."""
    least = EVENTS_PER_COEFFICIENT * coefficients
    if design.outside_commonest >= least:
        return ""
    return f"only {design.outside_commonest} patients without the most common outcome, at least {least} needed"


def is_separated(rows: np.ndarray) -> bool:
    """Tell whether some direction makes every outcome ever more likely, so that no maximum of the likelihood exists.

    Parameters
    ----------
    rows : (m, k) float array
        The likelihood never falls along d where rows · d ≥ 0 (Konis 2007, doi:10.1007/978-3-540-71992-2_15 gives
        the linear programme).

    Returns
    -------
    bool
    """
    best = linprog(-rows.sum(axis=0), A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1))
    return bool(-best.fun > 1e-6)
