"""Everything that a paper prints of a study: its tables, and what of them could not be made."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reperfuse.analysis.agreements import agreements, lesion_agreement
from reperfuse.analysis.characteristics import AFTER_TREATMENT, BASELINE, characteristics
from reperfuse.analysis.cohort import judged
from reperfuse.analysis.factors import factors_of_imr
from reperfuse.analysis.flow import patient_flow
from reperfuse.analysis.frequency import frequency
from reperfuse.analysis.outcomes import disability_models, linear_models
from reperfuse.analysis.profiles import profile_effects
from reperfuse.analysis.transitions import transitions

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Choices:
    """What the study wants analysed: the section ``analysis`` of the configuration.

    Attributes
    ----------
    outcomes, exposures, factors : sequence of str
        Columns of the analysis table.
    covariates : mapping of str to sequence of str
        Those of the adjusted models, by table.
    profile, target, reperfused : str
        Criterion, its class that should profit, and the column that tells who reperfused.
    compared : mapping of str to str
        Columns of another product or reader, and ours beside them.
    """

    outcomes: Sequence[str]
    exposures: Sequence[str]
    factors: Sequence[str]
    covariates: Mapping[str, Sequence[str]]
    profile: str
    target: str
    reperfused: str
    compared: Mapping[str, str]

    def names(self) -> list[str]:
        """Return the columns they name."""
        lists = [self.outcomes, self.exposures, self.factors, *self.covariates.values(), self.compared]
        lists.append(list(self.compared.values()))
        return list(dict.fromkeys(name for names in lists for name in names))


def make_tables(
    frame: pd.DataFrame,
    reflow: pd.DataFrame,
    choices: Choices,
    dictionary: Mapping[str, Mapping[str, Any]],
    *,
    preset: str,
    remarks: Mapping[str, str],
) -> dict[str, Rows]:
    """Make the tables of a paper.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.
    reflow : DataFrame
        Impaired volumes by each definition.
    choices : Choices
    dictionary : mapping
        The columns of the analysis table.
    preset : str
        The definition of IMR in use.
    remarks : mapping
        How a derived column was made.

    Returns
    -------
    dict
        The rows of each table by its name; ``not_done`` says what could not be analysed, and why.
    """
    missing = dict(_unknown(frame, choices))
    adjust = {
        name: [column for column in columns if column not in missing] for name, columns in choices.covariates.items()
    }
    outcomes, exposures, factors = (
        [name for name in names if name not in missing]
        for names in (choices.outcomes, choices.exposures, choices.factors)
    )
    compared = {other: ours for other, ours in choices.compared.items() if other not in missing}
    tables = {
        "flow": patient_flow(frame),
        "baseline": characteristics(frame, BASELINE, dictionary),
        "imaging": characteristics(frame, AFTER_TREATMENT, dictionary),
        "frequency": frequency(frame, reflow, preset),
        "nihss": linear_models(frame, outcomes, exposures, adjust["nihss"]),
        "mrs": [] if "mrs_90d" in missing else disability_models(frame, exposures, adjust["mrs"]),
        "profile": profile_effects(frame, adjust["profile"], remarks),
        "factors": factors_of_imr(frame, factors),
        "agreement": agreements(frame, compared) + lesion_agreement(frame),
        "transitions": transitions(frame),
    }
    return tables | {"not_done": list(_not_done(frame, tables, choices, missing))}


def _unknown(frame: pd.DataFrame, choices: Choices) -> Iterator[tuple[str, str]]:
    """Yield each column that the study wants and nobody has a value of."""
    people = judged(frame)
    for name in [*choices.names(), "mrs_90d"]:
        if frame[name].notna().sum() == 0:
            yield name, "no patient has a value"
        elif people[name].notna().sum() == 0 and name not in choices.compared:
            yield name, "no patient in whom reflow can be judged has a value"


def _not_done(
    frame: pd.DataFrame, tables: Mapping[str, Rows], choices: Choices, missing: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    yield from _lines(missing.items())
    if not len(judged(frame)):
        yield {
            "what": "tables by IMR",
            "reason": "reflow cannot be judged in any patient (see imr_exclusion in patients.tsv)",
        }
    if not tables["agreement"]:
        nothing = "analysis.compared names no volumes of another product or reader, and no lesion is an expert's"
        yield {"what": "agreement", "reason": f"{nothing} with an automatic one beside it"}
    if not tables["transitions"]:
        yield {"what": "transitions", "reason": "the study names no second scan after treatment (sessions.late)"}
    if not (frame["profile"].notna() & frame["reperfused"].notna()).any():
        yield {"what": "profile", "reason": f"no patient has both a class of {choices.profile} and known reperfusion"}


def _lines(pairs: Iterable[tuple[str, str]]) -> Iterator[dict[str, str]]:
    yield from ({"what": what, "reason": reason} for what, reason in pairs)
