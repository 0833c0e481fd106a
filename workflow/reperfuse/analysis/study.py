"""The analysis of a study: from its tables to all that a paper prints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from reperfuse.analysis.agreements import agreement_of_raters
from reperfuse.analysis.cohort import as_frame, build_cohort, derive
from reperfuse.analysis.definitions import definitions_table
from reperfuse.analysis.done import count_patients, what_was_done
from reperfuse.analysis.methods_text import methods_text, versions
from reperfuse.analysis.paper import Choices, Rows, make_tables
from reperfuse.analysis.references import bibliography
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.ratings import rejections

if TYPE_CHECKING:
    from reperfuse.analysis.figures.style import Drawing

Table = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Paper:
    """All that a paper prints of a study.

    Attributes
    ----------
    frame : DataFrame
        The analysis table, a row a patient.
    definitions : list of rows
        How often reflow is impaired by every definition.
    tables : dict of str to list of rows
    drawings : dict of str to Drawing
        Figures by their names.
    methods, references : str
        The methods paragraph (Markdown), and what it cites (BibTeX).
    """

    frame: pd.DataFrame
    definitions: Rows
    tables: dict[str, Rows]
    drawings: dict[str, "Drawing"]
    methods: str
    references: str


def analyze(
    tables: Mapping[str, Table],
    clinical: ClinicalData,
    choices: Choices,
    dictionaries: Mapping[str, Mapping[str, Mapping[str, Any]]],
    *,
    definition: Mapping[str, Any],
    presets: Mapping[str, Mapping[str, Any]],
    methods: Mapping[str, Any],
    all_enrolled: bool,
    ratings: Sequence[Mapping[str, str]] = (),
) -> Paper:
    """Analyse a study.

    Parameters
    ----------
    tables : mapping
        ``patients``, ``sessions`` and ``reflow`` as text.
    clinical : ClinicalData
        The study's own tables.
    choices : Choices
    dictionaries : mapping
        The columns of the tables ``analysis`` and ``reflow``.
    definition : mapping
        What counts as impaired reflow, see `reperfuse.study.options.read_reflow`.
    presets : mapping
        All definitions.
    methods : mapping
        Sections of the configuration that the methods paragraph tells.
    all_enrolled : bool
        People of participants.tsv without a scan count too.
    ratings : sequence of rows
        What readers say of the sessions: patients with a rejected one that has a role are left out.

    Returns
    -------
    Paper
    """
    from reperfuse.analysis.drawings import draw

    dictionary = dictionaries["analysis"]
    judged = {(row["participant_id"], row["session_id"]) for row in tables["sessions"] if row["role"] != "n/a"}
    rejected = dict(rejections(ratings, judged))
    frame, notes = build_cohort(
        tables["patients"],
        tables["sessions"],
        clinical,
        dictionary,
        rejected=rejected,
        own_columns=[name for name in choices.names() if name not in dictionary],
        enrolled=all_enrolled,
    )
    frame, remarks = derive(
        frame,
        profile=choices.profile,
        target=choices.target,
        reperfused=choices.reperfused,
        min_mtici=definition["min_mtici"],
    )
    counted = [row for row in tables["reflow"] if row["participant_id"] not in rejected]
    reflow = as_frame(counted, dictionaries["reflow"])
    made = make_tables(frame, reflow, choices, dictionary, preset=definition["name"], remarks=remarks)
    made["agreement"] += agreement_of_raters(ratings)
    definitions = definitions_table(reflow, frame, presets, definition["hours_after_treatment"])
    drawings, not_drawn = draw(frame, made, definitions, choices, cut_ml=definition["significant_ml"])
    unused = [{"what": f"{column} of {name}", "reason": reason} for name, column, reason in notes]
    made["not_done"] += [*unused, *not_drawn]
    done = what_was_done(frame, made, choices, remarks)
    text = methods_text(methods, definition, count_patients(frame), versions(), done)
    return Paper(frame, definitions, made, drawings, text, bibliography(text))
