"""Draw a cohort: its patients, what their scans show, what becomes of them, and the tables of it all."""

from dataclasses import dataclass

import numpy as np

from reperfuse.simulation.cohort.effects import Effects, Rules
from reperfuse.simulation.cohort.imaging import draw_automatic, draw_baseline, draw_course
from reperfuse.simulation.cohort.outcomes import draw_outcomes
from reperfuse.simulation.cohort.patients import participants, patient_row, reflow_rows
from reperfuse.simulation.cohort.people import draw_people
from reperfuse.simulation.cohort.sessions import Row, after_treatment, baseline


@dataclass(frozen=True)
class Cohort:
    """A cohort.

    Attributes
    ----------
    participants : list of dict
        The rows of the table of participants.
    tables : dict of str to list of dict
        Those of the tables of results: sessions, patients, thresholds, stability, failures and reflow.
    effects : Effects
        What is true of it.
    """

    participants: list[Row]
    tables: dict[str, list[Row]]
    effects: Effects


def draw_cohort(n: int, seed: int, rules: Rules, effects: Effects | None = None) -> Cohort:
    """Draw a cohort.

    Parameters
    ----------
    n : int
        Patients.
    seed : int
        Of everything random: the same one gives the same cohort.
    rules : Rules
        Criteria and definitions, as configured; of the criteria at least that of `Effects.profile`.
    effects : Effects, optional
        What is to be true.
    """
    effects = effects or Effects()
    rng = np.random.default_rng(seed)
    known = draw_people(n, rng, effects)
    known |= draw_baseline(known, rng, effects)
    before = [baseline(known, patient, rules, rng) for patient in range(n)]
    criterion, name = effects.profile
    target = np.array([one.sessions[0][criterion] == name for one in before])
    known |= draw_course(known, target, rng, effects)
    reperfused = known["post_tmax6_ml"] < 0.5 * known["tmax6_ml"]
    known |= draw_outcomes(known, target, reperfused, rng, effects)
    rows = participants(known, effects.missing, rng)
    found = [one for patient in range(n) for one in (before[patient], *after_treatment(known, patient, rules, rng))]
    tables = {
        table: [row for one in found for row in getattr(one, table)]
        for table in ("sessions", "thresholds", "stability", "failures")
    }
    known |= draw_automatic(known["lesion_ml"], rng)
    tables["patients"] = [patient_row(known, patient, before[patient].sessions[0]) for patient in range(n)]
    tables["reflow"] = [row for patient in range(n) for row in reflow_rows(known, patient, rules)]
    return Cohort(rows, tables, effects)
