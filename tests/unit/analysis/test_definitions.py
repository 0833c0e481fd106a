"""How often reflow is impaired by every definition, against rates derived by hand."""

import math
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reperfuse.analysis.definitions import definitions_table
from reperfuse.study.options import REFLOW_PRESETS, defaults, read_definitions

PRESETS = read_definitions(REFLOW_PRESETS, defaults("imr"))
ALL = "ica_occlusion;hemorrhagic_transformation;reocclusion;mtici"


def reflow_of(ml: Any, preset: str = "valls2025", threshold: float = 0.15, **more: Any) -> pd.DataFrame:
    """Rows of patients sub-0, sub-1, …, of whom each has an impaired volume by one definition."""
    names = [f"sub-{number}" for number in range(len(ml))]
    columns = {"participant_id": names, "role": "post", "preset": preset, "threshold": threshold}
    return pd.DataFrame({**columns, "imr_ml": np.asarray(ml, float), "imr_null_ml": 0.0, "judged": 1.0, **more})


def cohort_of(n: int, **columns: Any) -> pd.DataFrame:
    flags = dict.fromkeys(("ica_occlusion", "hemorrhagic_transformation", "reocclusion"), 0.0)
    people = {"participant_id": [f"sub-{number}" for number in range(n)], **flags, "mtici": "3", **columns}
    frame = pd.DataFrame(people)
    return frame.drop(columns=[name for name, values in columns.items() if values is None])


def rates(reflow: pd.DataFrame, cohort: pd.DataFrame, presets: Any = PRESETS, **kw: Any) -> dict[Any, tuple[int, int]]:
    rows = definitions_table(reflow, cohort, presets, **kw)
    keys = ("preset", "threshold", "cut_ml", "exclusions")
    found = {tuple(row[key] for key in keys): (row["k"], row["n"]) for row in rows}
    assert len(found) == len(rows)
    return found


def test_the_published_frequency() -> None:
    """doi:10.3389/fneur.2025.1478240: 8 of 33, 24.2 % [12.8, 41.0]."""
    reflow = reflow_of([6.0] * 8 + [2.0] * 25, imr_null_ml=[0.5] * 20 + [1.5] * 13)
    rows = definitions_table(reflow, cohort_of(33), PRESETS)
    (own,) = [row for row in rows if row["is_preset"]]
    assert {key: own[key] for key in ("preset", "threshold", "cut_ml", "exclusions", "k", "n")} == {
        "preset": "valls2025", "threshold": 0.15, "cut_ml": 5.0, "exclusions": ALL, "k": 8, "n": 33
    }  # fmt: skip
    assert [round(own[key], 1) for key in ("percent", "low", "high")] == [24.2, 12.8, 41.0]
    assert own["null_ml_median"] == 0.5
    assert own["not_varied"] == ""
    assert len(rows) == 16 * 4


def test_the_cut_decides_how_many_are_impaired() -> None:
    found = rates(reflow_of([0.0, 0.1, 3.0, 3.1, 5.0, 5.1, 10.0, 10.1]), cohort_of(8))
    assert [found["valls2025", 0.15, cut, ""] for cut in (0, 3, 5, 10)] == [(7, 8), (5, 8), (3, 8), (1, 8)]


def test_exclusions_alone_move_the_rate_from_a_third_to_none() -> None:
    """Of twelve, four are impaired: by an occlusion, a haemorrhage, a reocclusion, and an artery that stayed shut."""
    people = cohort_of(
        12,
        ica_occlusion=[1.0, *[0.0] * 11],
        hemorrhagic_transformation=[0.0, 1.0, *[0.0] * 10],
        reocclusion=[0.0, 0.0, 1.0, *[0.0] * 9],
        mtici=["3", "3", "3", "2b67", *["3"] * 8],
    )
    found = rates(reflow_of([8.0] * 4 + [0.0] * 8), people)
    names = ALL.split(";")
    for number in range(5):
        assert found["valls2025", 0.15, 5.0, ";".join(names[:number])] == (4 - number, 12 - number)
    assert found["valls2025", 0.15, 5.0, "reocclusion;mtici"] == (2, 10)
    assert {key[3] for key in found} == {
        ";".join(name for number, name in enumerate(names) if subset >> number & 1) for subset in range(16)
    }


def test_a_patient_ruled_out_twice_is_left_out_once() -> None:
    people = cohort_of(3, ica_occlusion=[1.0, 0.0, 0.0], reocclusion=[1.0, 0.0, 1.0])
    found = rates(reflow_of([8.0] * 3), people)
    assert found["valls2025", 0.15, 5.0, "ica_occlusion;reocclusion"] == (1, 1)


def test_each_preset_has_its_own_least_grade_cut_and_exclusions() -> None:
    grades = ["2a", "2b", "2b50", "2b67", "2c", "3", None]
    both = [
        reflow_of([1.0] * 7, "ng2022"),
        reflow_of([1.0] * 7, "mujanovic2022", math.nan, imr_null_ml=math.nan),
    ]
    rows = definitions_table(pd.concat(both), cohort_of(7, mtici=grades), PRESETS)
    own = {row["preset"]: row for row in rows if row["is_preset"]}
    assert {name: (row["cut_ml"], row["exclusions"], row["k"], row["n"]) for name, row in own.items()} == {
        "ng2022": (0.0, "ica_occlusion;reocclusion;mtici", 3, 3),
        "mujanovic2022": (0.0, "ica_occlusion;reocclusion;mtici", 6, 6),
    }
    assert math.isnan(own["mujanovic2022"]["threshold"])
    assert math.isnan(own["mujanovic2022"]["null_ml_median"])


def test_thresholds_are_told_apart_and_the_presets_own_is_marked() -> None:
    both = pd.concat([reflow_of([8.0, 8.0, 8.0], threshold=0.1), reflow_of([8.0, 0.0, 0.0], threshold=0.15)])
    found = rates(both, cohort_of(3))
    assert found["valls2025", 0.1, 5.0, ALL] == (3, 3)
    assert found["valls2025", 0.15, 5.0, ALL] == (1, 3)
    own = [row["threshold"] for row in definitions_table(both, cohort_of(3), PRESETS) if row["is_preset"]]
    assert own == [0.15]


def test_the_studys_own_definition_has_its_own_cut_too() -> None:
    presets = read_definitions(REFLOW_PRESETS, defaults("imr") | {"significant_ml": 7.0, "exclusions": []})
    rows = definitions_table(reflow_of([6.0, 8.0], "study"), cohort_of(2), presets)
    assert sorted({row["cut_ml"] for row in rows}) == [0, 3, 5, 7, 10]
    assert [(row["cut_ml"], row["exclusions"], row["k"]) for row in rows if row["is_preset"]] == [(7.0, "", 1)]


def test_what_is_not_known_leaves_nobody_out_and_what_is_nowhere_known_is_not_varied() -> None:
    people = cohort_of(4, reocclusion=[math.nan, 1.0, 0.0, math.nan], mtici=None, ica_occlusion=math.nan)
    rows = definitions_table(reflow_of([8.0] * 4), people, PRESETS)
    assert {row["not_varied"] for row in rows} == {"ica_occlusion;mtici"}
    assert {row["exclusions"]: row["n"] for row in rows} == {
        "": 4, "hemorrhagic_transformation": 4, "reocclusion": 3, "hemorrhagic_transformation;reocclusion": 3
    }  # fmt: skip
    assert [row["exclusions"] for row in rows if row["is_preset"]] == ["hemorrhagic_transformation;reocclusion"]


def test_only_patients_who_are_judged_after_treatment_count() -> None:
    reflow = reflow_of([8.0, 8.0, 8.0, math.nan], judged=[1.0, 0.0, 1.0, 1.0], role=["post", "post", "late", "post"])
    assert set(rates(reflow, cohort_of(4)).values()) == {(1, 1), (0, 1)}
    stranger = rates(reflow_of([8.0, 8.0]), cohort_of(1))  # in whom nothing rules reflow out
    assert stranger["valls2025", 0.15, 5.0, ALL] == (2, 2)


def test_a_scan_at_another_time_is_left_out_where_that_is_asked_for() -> None:
    people = cohort_of(4, hours_from_treatment=[1.0, 2.0, 2.1, math.nan])
    reflow = reflow_of([8.0] * 4)
    assert rates(reflow, people)["valls2025", 0.15, 5.0, ""] == (4, 4)
    assert rates(reflow, people, hours_allowed=(0, 2))["valls2025", 0.15, 5.0, ""] == (3, 3)


def test_nobody_left_has_no_rate() -> None:
    rows = definitions_table(reflow_of([8.0]), cohort_of(1, mtici="2b"), PRESETS)
    (own,) = [row for row in rows if row["is_preset"]]
    assert (own["k"], own["n"]) == (0, 0)
    assert all(math.isnan(own[key]) for key in ("percent", "low", "high", "null_ml_median"))
    assert definitions_table(reflow_of([]), cohort_of(0), PRESETS) == []
    assert definitions_table(reflow_of([8.0], "another"), cohort_of(1), PRESETS) == []


@pytest.mark.slow
def test_a_thousand_patients_take_seconds() -> None:
    rng = np.random.default_rng(0)
    reflow = pd.concat(
        reflow_of(rng.gamma(1, 4, 1000), name, threshold, imr_null_ml=rng.gamma(1, 1, 1000))
        for name in PRESETS
        for threshold in (0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
    )
    people = cohort_of(1000, reocclusion=rng.integers(0, 2, 1000).astype(float), mtici=rng.choice(["2b", "3"], 1000))
    start = time.perf_counter()
    assert len(definitions_table(reflow, people, PRESETS)) == 5 * 6 * 4 * 16
    assert time.perf_counter() - start < 10
