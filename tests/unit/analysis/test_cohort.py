"""The analysis table, from tables as people write them."""

from pathlib import Path

import numpy as np
import pytest
from reperfuse.analysis.cohort import build_cohort, derive
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.dictionaries import is_numeric, table_dictionaries
from reperfuse.study.options import CRITERIA, TABLES
from reperfuse.study.yaml_lines import read_yaml

DICTIONARY = table_dictionaries(TABLES, read_yaml(CRITERIA), {})["analysis"]
MADE = {"profile": "defuse2", "target": "target", "reperfused": "reperfused_50", "min_mtici": "2c"}


def cohort(folder: Path, head: str, *rows: str, own: tuple[str, ...] = (), rejected=None, **measured: list[str]):
    """Write participants.tsv and join it with results of sub-01, sub-02 …"""
    text = "\n".join(["\t".join(["participant_id", *head.split()]), *("\t".join(row.split("|")) for row in rows)])
    (folder / "participants.tsv").write_text(text + "\n")
    count = max((len(values) for values in measured.values()), default=2)
    patients, sessions = [], []
    for number in range(count):
        name = f"sub-{number + 1:02d}"
        given = {column: values[number] for column, values in measured.items()}
        patients.append({"participant_id": name} | {c: v for c, v in given.items() if not c.startswith("baseline_")})
        visit = {c.removeprefix("baseline_"): v for c, v in given.items() if c.startswith("baseline_")}
        sessions.append({"participant_id": name, "session_id": "ses-a", "role": "baseline", **visit})
    frame, notes = build_cohort(
        patients, sessions, ClinicalData(folder), DICTIONARY, rejected=rejected, own_columns=own
    )
    return frame.set_index("participant_id"), notes


def test_people_and_results_are_one_row(tmp_path: Path) -> None:
    frame, notes = cohort(
        tmp_path,
        "sex mtici nihss_24h tpa occlusion_site anaesthesia",
        "1|F|TICI 2C|7|Y|mca m1|GA",
        "sub-02|m|2.0|7.5|no|somewhere|sedation",
        imr_ml=["4.5", "n/a"],
        imr_evaluable=["1", "0"],
        lesion_source=["expert", "n/a"],
        baseline_tmax6_ml=["80", "inf"],
    )
    first, second = frame.loc["sub-01"], frame.loc["sub-02"]
    assert (first.sex, first.mtici, first.nihss_24h, first.tpa) == ("female", "2c", 7, 1)
    assert (first.occlusion_site, first.anaesthesia, first.imr_ml, first.lesion_source) == ("M1", 1, 4.5, "expert")
    assert (second.sex, second.mtici, second.tpa, second.anaesthesia) == ("male", None, 0, 0)
    assert np.isnan(second.nihss_24h)  # not understood: half a point
    assert np.isnan(second.imr_ml)
    assert second.occlusion_site is None
    assert second.baseline_tmax6_ml == np.inf
    assert {column for _, column, _ in notes} == {"nihss_24h", "occlusion_site", "mtici"}
    assert "somewhere" not in str(notes)  # text there may name a patient


def test_the_first_of_two_sessions_with_one_role_counts(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-01\t70\n")
    visit = {"participant_id": "sub-01", "role": "baseline"}
    sessions = [
        visit | {"session_id": "ses-a", "tmax6_ml": "80"},
        visit | {"session_id": "ses-b", "tmax6_ml": "20"},
    ]
    frame, _ = build_cohort([{"participant_id": "sub-01"}], sessions, ClinicalData(tmp_path), DICTIONARY)
    assert frame.baseline_tmax6_ml.tolist() == [80.0]


def test_every_column_of_the_dictionary_is_there_in_its_order(tmp_path: Path) -> None:
    frame, _ = cohort(tmp_path, "age", "01|70", own=("rapid_core_ml",))
    assert list(frame.reset_index().columns) == [*DICTIONARY, "rapid_core_ml"]
    for name, entry in DICTIONARY.items():
        if name != "participant_id":
            assert (frame[name].dtype == float) == is_numeric(entry), name


def test_own_columns_are_numbers_or_yes_and_no(tmp_path: Path) -> None:
    frame, notes = cohort(
        tmp_path, "rapid_core_ml smoker", "01|12,5|Y", "02|Jane Doe|x1", own=("rapid_core_ml", "smoker")
    )
    assert frame.rapid_core_ml["sub-01"] == 12.5
    assert frame.smoker["sub-01"] == 1
    assert frame[["rapid_core_ml", "smoker"]].loc["sub-02"].isna().all()
    assert [(name, column) for name, column, _ in notes] == [("sub-02", "rapid_core_ml"), ("sub-02", "smoker")]
    assert "Jane" not in str(notes)


def test_people_without_scans_are_enrolled(tmp_path: Path) -> None:
    frame, _ = cohort(tmp_path, "age", "1|70", "2|71", "sub-07|72", "John Smith|73", "n/a|74")
    assert list(frame.index) == ["sub-01", "sub-02", "sub-07"]


def test_death_is_one_thing(tmp_path: Path) -> None:
    rows = ("01|6|n/a", "02|2|1", "03|3|0", "04|n/a|1", "05|6|0")
    frame, notes = cohort(tmp_path, "mrs_90d death_90d", *rows, imr_ml=["0"] * 5)
    assert frame.death_90d.tolist()[0] == 1
    assert frame.loc[["sub-02", "sub-05"], ["mrs_90d", "death_90d"]].isna().all(axis=None)
    assert (frame.death_90d["sub-03"], frame.death_90d["sub-04"]) == (0, 1)
    assert [name for name, *_ in notes] == ["sub-02", "sub-05"]


def test_glucose_in_two_units_is_unknown(tmp_path: Path) -> None:
    frame, notes = cohort(tmp_path, "glucose", "01|6.1", "02|130")
    assert frame.glucose.isna().all()
    assert "mmol/L in others" in notes[0][2]
    frame, notes = cohort(tmp_path, "glucose", "01|98", "02|130")
    assert frame.glucose.tolist() == [98, 130]
    assert not notes


@pytest.mark.parametrize(
    ("baseline", "day5", "day30", "response"),
    [
        ("15", "9", "7", 1),  # 8 points at day 30
        ("15", "3", "8", 0),
        ("8", "8", "1", 1),
        ("n/a", "0", "1", 1),  # nearly no deficit is enough
        ("n/a", "0", "5", None),
        ("15", "1", "n/a", None),  # the study has day 30, so day 5 does not stand for it
    ],
)
def test_favourable_response(tmp_path: Path, baseline: str, day5: str, day30: str, response: float | None) -> None:
    head = "nihss_baseline nihss_day5 nihss_day30"
    frame, _ = cohort(tmp_path, head, f"01|{baseline}|{day5}|{day30}", "02|15|15|15", imr_ml=["0", "0"])
    made, remarks = derive(frame, **MADE)
    value = made.favourable_response["sub-01"]
    assert np.isnan(value) if response is None else value == response
    assert remarks["favourable_response"] == "at day 30"


def test_favourable_response_at_day_5_is_said(tmp_path: Path) -> None:
    frame, _ = cohort(tmp_path, "nihss_baseline nihss_day5", "01|15|7", "02|15|8")
    made, remarks = derive(frame, **MADE)
    assert made.favourable_response.tolist() == [1, 0]
    assert "the study has no day 30" in remarks["favourable_response"]


def test_what_is_made_of_others(tmp_path: Path) -> None:
    frame, _ = cohort(
        tmp_path,
        "mtici mrs_90d",
        *("01|2c|0", "02|2b|2", "03|2b67|3", "04|n/a|n/a"),
        imr_fraction=["0.25", "0", "n/a", "n/a"],
        reperfused_50=["1", "0", "n/a", "1"],
        baseline_defuse2=["target", "no target", "malignant", "n/a"],
    )
    made, _ = derive(frame, **MADE)
    assert made.recanalised.tolist()[:3] == [1, 0, 0]
    assert made.mrs_0_1.tolist()[:3] == [1, 0, 0]
    assert made.mrs_0_2.tolist()[:3] == [1, 1, 0]
    assert made.imr_percent.tolist()[:2] == [25, 0]
    assert made.profile.tolist() == ["target", "no target", "no target", None]
    assert made.reperfused.tolist()[:2] == [1, 0]
    assert made.loc["sub-04", ["recanalised", "mrs_0_1", "mrs_0_2"]].isna().all()


def test_nothing_measured_of_a_rejected_patient_is_joined(tmp_path: Path) -> None:
    why = "session a rejected by rater A"
    frame, _ = cohort(
        tmp_path,
        "age",
        "01|70",
        "02|60",
        rejected={"sub-01": why},
        imr_ml=["4.5", "2"],
        lesion_source=["expert", "expert"],
        baseline_tmax6_ml=["80", "50"],
    )
    first, second = frame.loc["sub-01"], frame.loc["sub-02"]
    assert (first.rejected, first.age) == (why, 70)
    assert np.isnan(first.imr_ml)
    assert np.isnan(first.baseline_tmax6_ml)
    assert first.lesion_source is None
    assert (second.rejected, second.imr_ml, second.baseline_tmax6_ml) == (None, 2, 50)
