"""The figures of a paper, from its tables; what cannot be drawn says why."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from reperfuse.analysis.cohort import judged
from reperfuse.analysis.estimates.linear import linear_band
from reperfuse.analysis.estimates.ordinal import standardised_shares
from reperfuse.analysis.figures.effects import draw_effects
from reperfuse.analysis.figures.flow import draw_flow
from reperfuse.analysis.figures.growth import draw_growth
from reperfuse.analysis.figures.imr_by_mtici import draw_imr_by_mtici
from reperfuse.analysis.figures.mrs import draw_mrs_by_imr, draw_mrs_by_profile
from reperfuse.analysis.figures.nihss_imr import Band, draw_nihss_by_imr
from reperfuse.analysis.figures.profile_outcome import draw_profile_outcome
from reperfuse.analysis.figures.specification_curve import draw_specification_curve
from reperfuse.analysis.figures.style import Drawing
from reperfuse.analysis.paper import Choices, Rows
from reperfuse.analysis.profiles import PROFILES
from reperfuse.analysis.wording import WORDS, listed
from reperfuse.faults import DataFault

_GRADES = np.arange(7.0)


def draw(
    frame: pd.DataFrame, tables: Mapping[str, Rows], definitions: Rows, choices: Choices, *, cut_ml: float
) -> tuple[dict[str, Drawing], Rows]:
    """Draw the figures of a paper.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.
    tables : mapping
        See `reperfuse.analysis.paper.make_tables`.
    definitions : list of rows
        How often reflow is impaired by every definition.
    choices : Choices
    cut_ml : float
        Volume above which IMR counts, mL.

    Returns
    -------
    drawings : dict of str to Drawing
    not_drawn : list of rows
        ``what`` and ``reason``.
    """
    covariates = choices.covariates
    of_flow = {name: [row for row in tables["flow"] if row["analysis"] == name] for name in ("reflow", "growth")}
    asked: dict[str, Callable[[], Drawing]] = {
        "flow": lambda: draw_flow(of_flow["reflow"]),
        "flow_growth": lambda: draw_flow(of_flow["growth"]),
        "imr_by_mtici": lambda: draw_imr_by_mtici(frame, cut_ml),
        "nihss_imr": lambda: draw_nihss_by_imr(frame, tables["nihss"], _bands(frame, choices.outcomes)),
        "mrs_by_imr": lambda: draw_mrs_by_imr(frame, *_by_imr(frame, covariates["mrs"])),
        "mrs_by_profile": lambda: draw_mrs_by_profile(frame, *_by_profile(frame, covariates["profile"])),
        "growth": lambda: draw_growth(frame),
        "effects": lambda: draw_effects(tables["nihss"], tables["mrs"], tables["profile"], tables["factors"]),
        "profile_outcome": lambda: draw_profile_outcome(frame),
        "specification_curve": lambda: draw_specification_curve(definitions),
    }
    drawings, not_drawn = {}, []
    for name, make in asked.items():
        try:
            drawings[name] = make()
        except DataFault as fault:
            not_drawn.append({"what": f"figure {name}", "reason": str(fault).removeprefix("not drawn: ")})
    return drawings, not_drawn


def _bands(frame: pd.DataFrame, outcomes: Sequence[str]) -> dict[str, Band]:
    people = judged(frame)
    bands = {outcome: linear_band(people, outcome, "imr_ml") for outcome in outcomes}
    columns = ("x", "fit", "low", "high")
    return {outcome: Band(*(band[name].to_numpy() for name in columns)) for outcome, band in bands.items() if len(band)}


def _by_imr(frame: pd.DataFrame, covariates: Sequence[str]) -> tuple[dict[float, np.ndarray], str]:
    shares = _standardised(judged(frame), "imr_significant", covariates)
    return shares, _adjusted_for(covariates, bool(shares))


def _by_profile(frame: pd.DataFrame, covariates: Sequence[str]) -> tuple[dict[tuple[str, float], np.ndarray], str]:
    found = {
        (profile, exposure): shares
        for profile in PROFILES
        for exposure, shares in _standardised(frame[frame["profile"] == profile], "reperfused", covariates).items()
    }
    return found, _adjusted_for(covariates, bool(found))


def _standardised(people: pd.DataFrame, exposure: str, covariates: Sequence[str]) -> dict[float, np.ndarray]:
    shares = standardised_shares(people, "mrs_90d", exposure, covariates)
    whole = shares.reindex(columns=_GRADES, fill_value=0.0)
    return dict(zip((0.0, 1.0), whole.to_numpy(float), strict=False))  # none where there is no model


def _adjusted_for(covariates: Sequence[str], is_fitted: bool) -> str:
    if not is_fitted:
        return "not estimable, see mrs.tsv"
    names = listed(WORDS.get(name, name) for name in covariates)
    return f"standardised for {names}" if covariates else "without covariates"
