"""What became of impaired reflow by the second scan after treatment, counted by hand."""

import math

import pandas as pd
from reperfuse.analysis.transitions import transitions


def frame_of(*patients: tuple[float, float, float, float]) -> pd.DataFrame:
    """Patients by whether the first scan can be judged and what it has, and the same of the second."""
    columns = ["imr_evaluable", "imr_significant", "imr_late_evaluable", "imr_late_significant"]
    return pd.DataFrame(patients, columns=columns, dtype=float)


def test_each_patient_has_one_state() -> None:
    """As in the abstract of the ANZSOC meeting 2025: of 29, two resolved, three came late, four persisted."""
    unknown = math.nan
    frame = frame_of(
        *[(1, 0, 1, 0)] * 20,
        *[(1, 1, 1, 0)] * 2,
        *[(1, 0, 1, 1)] * 3,
        *[(1, 1, 1, 1)] * 4,
        (0, unknown, 1, 1),
        (1, 1, 0, unknown),
        (1, 1, unknown, unknown),
    )
    rows = transitions(frame)
    assert [(row["state"], row["k"], row["n"]) for row in rows] == [
        ("never", 20, 29), ("resolved", 2, 29), ("late onset", 3, 29), ("persistent", 4, 29)
    ]  # fmt: skip
    assert [round(rows[2][key], 1) for key in ("percent", "low", "high")] == [10.3, 3.6, 26.4]


def test_a_study_without_a_second_scan_has_no_transitions() -> None:
    frame = frame_of((1, 1, 1, 1))
    assert transitions(frame.drop(columns=["imr_late_evaluable", "imr_late_significant"])) == []
    assert transitions(frame_of((1, 1, 0, math.nan), (1, 0, math.nan, math.nan))) == []


def test_no_patient_judged_twice_is_said() -> None:
    rows = transitions(frame_of((0, math.nan, 1, 1)))
    assert [(row["k"], row["n"], row["note"]) for row in rows] == [(0, 0, "not estimable: no patients")] * 4
