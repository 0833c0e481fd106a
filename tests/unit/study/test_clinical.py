from pathlib import Path

import pytest
from reperfuse.faults import DataFault
from reperfuse.study.clinical import ClinicalData
from studies import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "a study with späces")


def test_clinical_values_prefer_the_session(study: Study) -> None:
    (study.root / "participants.tsv").write_text(
        "participant_id\tside\treocclusion\nsub-01\tleft\t0\nsub-02\tn/a\tn/a\n"
    )
    (study.root / "sub-01").mkdir()
    (study.root / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\treocclusion\nses-post\t1\nses-x\tn/a\n")
    clinical = ClinicalData(study.root)
    assert clinical.value("01", "post", "side") == "left"
    assert clinical.is_set("01", "post", "reocclusion")
    assert not clinical.is_set("01", "x", "reocclusion")
    assert clinical.value("02", None, "side") == ""


@pytest.mark.parametrize(
    ("written", "grade"),
    [
        ("0", "0"),
        ("0.0", "0"),
        ("1", "1"),
        ("1.0", "1"),
        ("2a", "2a"),
        ("2A", "2a"),
        ("3.0", "3"),
        ("TICI 2a", "2a"),
        ("mTICI 2c", "2c"),
        ("eTICI 2b67", "2b67"),
        ("IIb", "2b"),
        (' "2b" ', "2b"),
    ],
)
def test_a_grade_is_one_however_a_table_writes_it(study: Study, written: str, grade: str) -> None:
    # a column of 0, 1 and gaps comes out of pandas as 0.0 and 1.0
    (study.root / "participants.tsv").write_text(f"participant_id\tmtici\nsub-01\t{written}\n")
    assert ClinicalData(study.root).grade("01", None, "mtici") == grade


@pytest.mark.parametrize(
    ("onset", "scanned", "hours"),
    [
        ("2025-03-04T08:10:00", "2025-03-04T11:40:00", 3.5),
        ("2025-03-03T23:40:00", "2025-03-04T00:10:00.000", 0.5),
        ("2025-03-04T08:10:00+01:00", "2025-03-04T11:40:00+00:00", 4.5),
        ("08:10", "2025-03-04T11:40:00", 3.5),
        ("8:10:30", "2025-03-04T11:40:30", 3.5),
        ("22:40", "2025-03-04T01:40:00", 3.0),  # the evening before
        ("08:10", "2025-03-04T11:40:00+01:00", 3.5),
        ("11:40", "2025-03-04T11:40:00", 0.0),
        ("7.25", "n/a", 7.25),
    ],
)
def test_hours_from(study: Study, onset: str, scanned: str, hours: float) -> None:
    clinical = _timed(study, onset, scanned)
    assert clinical.hours_from("01", "baseline", "onset_time") == pytest.approx(hours)


@pytest.mark.parametrize(
    ("onset", "scanned", "reason"),
    [
        ("n/a", "2025-03-04T11:40:00", "have no onset_time"),
        ("2025-03-04T08:10:00", "n/a", "no acq_time, so the hours from onset_time are unknown"),
        ("2025-03-04T12:10:00", "2025-03-04T11:40:00", "is later than the session"),
        ("in the morning", "2025-03-04T11:40:00", "cannot be compared with acq_time"),
        ("2025-03-04", "2025-03-04T11:40:00", "a date and time"),
        ("45720.34", "2025-03-04T11:40:00", "not a plausible number of hours"),
        ("-3", "2025-03-04T11:40:00", "not a plausible number of hours"),
        ("2025-03-04T08:10:00+01:00", "2025-03-04T11:40:00", "cannot be compared with acq_time"),
        ("25:10", "2025-03-04T11:40:00", "cannot be compared with acq_time"),
    ],
)
def test_unknown_hours_have_a_reason(study: Study, onset: str, scanned: str, reason: str) -> None:
    with pytest.raises(DataFault, match=reason):
        _timed(study, onset, scanned).hours_from("01", "baseline", "onset_time")


def _timed(study: Study, onset: str, scanned: str) -> ClinicalData:
    (study.root / "participants.tsv").write_text(f"participant_id\tonset_time\nsub-01\t{onset}\n")
    (study.root / "sub-01").mkdir()
    (study.root / "sub-01" / "sub-01_sessions.tsv").write_text(f"session_id\tacq_time\nses-baseline\t{scanned}\n")
    return ClinicalData(study.root)


def test_a_number_that_is_none_has_a_reason(study: Study) -> None:
    ages = "participant_id\tage\nsub-01\t89+\nsub-02\t71\nsub-03\tn/a\n"
    (study.root / "participants.tsv").write_text(ages)
    clinical = ClinicalData(study.root)
    assert clinical.number("02", None, "age") == 71
    for subject, reason in (("01", "age is not understood: write a number from 0 to 120"), ("03", "have no age")):
        with pytest.raises(DataFault, match=reason):
            clinical.number(subject, None, "age")


def people(study: Study, head: str, *rows: str, encoding: str = "utf-8") -> ClinicalData:
    """Write a table of participants as somebody else would."""
    text = "\n".join(["participant_id\t" + head, *rows]) + "\n"
    (study.root / "participants.tsv").write_bytes(text.encode(encoding))
    return ClinicalData(study.root)


def test_a_number_with_a_folder_of_its_own_is_nobody_elses(study: Study) -> None:
    clinical = people(study, "age", "1\t50")
    assert clinical.number("01", None, "age") == 50
    (study.root / "sub-1").mkdir()
    clinical = people(study, "age", "1\t50")
    assert clinical.number("1", None, "age") == 50
    with pytest.raises(DataFault, match="has no row for sub-01"):
        clinical.number("01", None, "age")


@pytest.mark.parametrize("written", ["Y", "yes", "1.0", " TRUE ", "PH1", "HI-2", '"1"'])
def test_a_yes_in_any_usual_spelling(study: Study, written: str) -> None:
    assert people(study, "reocclusion", f"sub-01\t{written}").is_set("01", None, "reocclusion")


@pytest.mark.parametrize("written", ["N", "no", "0.0", "FALSE"])
def test_a_no_in_any_usual_spelling(study: Study, written: str) -> None:
    assert not people(study, "reocclusion", f"sub-01\t{written}").is_set("01", None, "reocclusion")


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("reocclusion", "2"),
        ("reocclusion", "maybe"),
        ("mtici", "2"),
        ("mtici", "2a/2b"),
        ("side", "both"),
        ("side", "left and right"),
        ("side", "links"),
        ("age", "1946"),
        ("nihss_baseline", "43"),
    ],
)
def test_what_is_not_certain_is_listed_unknown_and_never_no(study: Study, column: str, written: str) -> None:
    clinical = people(study, column, f"sub-01\t{written}")
    ((named, reason),) = clinical.not_understood("01", None)
    assert named == column
    assert written not in reason.split(": ")[0]
    assert clinical.side("01", None) == "unknown"
    if column in ("reocclusion", "mtici"):
        assert clinical.reflow_exclusions("01", None, [column], "2c") == []
        assert clinical.unknown_exclusions("01", None, [column]) == [column]


def test_a_missing_exclusion_is_not_known(study: Study) -> None:
    clinical = people(study, "ica_occlusion", "sub-01\t0")
    assert clinical.unknown_exclusions("01", None, ["ica_occlusion", "mtici"]) == ["mtici"]
    assert clinical.not_understood("01", None) == []


@pytest.mark.parametrize(
    ("written", "side"), [("left MCA", "left"), ("L", "left"), ("Rt.", "right"), ("right hemisphere", "right")]
)
def test_a_side_in_any_usual_spelling(study: Study, written: str, side: str) -> None:
    assert people(study, "side", f"sub-01\t{written}").side("01", None) == side


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_tables_of_any_usual_encoding_are_read(study: Study, encoding: str) -> None:
    clinical = people(study, "age\tname", "sub-01\t72,5\tMüller\r", encoding=encoding)
    assert clinical.number("01", None, "age") == 72.5
    assert [table for table, _ in clinical.notes()] == (["participants.tsv"] if encoding == "latin-1" else [])


@pytest.mark.parametrize("written", ["sub-01", "01", "1", "1.0"])
def test_ids_with_and_without_their_prefix(study: Study, written: str) -> None:
    assert people(study, "age", f"{written}\t71").number("01", None, "age") == 71


def test_ids_that_may_be_either_of_two_are_nobodys(study: Study) -> None:
    with pytest.raises(DataFault, match="has no row for sub-001"):
        people(study, "age", "1\t71", "01\t50").number("001", None, "age")


def test_an_id_that_is_too_long_for_a_file_has_no_table_of_its_own(study: Study) -> None:
    long = 5000 * "1"
    clinical = people(study, "age", f"{long}\t70")
    assert clinical.without_scans(["01"]) == [long]
    assert clinical.value(long, None, "age") == "70"


def test_rows_that_contradict_each_other_are_unknown(study: Study) -> None:
    clinical = people(study, "age\tside\tage", "sub-01\t71\tleft\t71", "sub-01\t71\tright\t71")
    assert clinical.number("01", None, "age") == 71
    assert clinical.side("01", None) == "unknown"
    assert "more than one side for sub-01" in dict(clinical.not_understood("01", None))["side"]


def test_a_column_of_the_config_that_is_not_there_is_an_error(study: Study) -> None:
    people(study, "Alter", "sub-01\t71")
    assert ClinicalData(study.root, {"age": "Alter"}).absent({"age": "age"}, ["Alter"]) == []
    missing = ["columns.age: the study's tables have no column Jahre; they have Alter, participant_id"]
    assert ClinicalData(study.root, {"age": "Jahre"}).absent({"age": "age"}, ()) == missing


def tables(study: Study, participants: str, sessions: str = "", **columns: str) -> ClinicalData:
    """Clinical data of two tables whose cells are separated by spaces, and whose rows by commas."""
    (study.root / "sub-01").mkdir()
    for name, table in (("participants", participants), ("sub-01/sub-01_sessions", sessions)):
        rows = ["\t".join(row.split()) for row in table.split(",")]
        (study.root / f"{name}.tsv").write_text("\n".join(rows) + "\n")
    return ClinicalData(study.root, columns)


def test_a_value_of_the_patient_stands_for_sessions_without_one(study: Study) -> None:
    clinical = tables(study, "participant_id age, sub-01 70, n/a 30", "session_id age, ses-x n/a, ses-None 50")
    for session in (None, "x", "not in the table"):
        assert clinical.value("01", session, "age") == "70"
    assert clinical.value("not in the table", "x", "age") == ""
    assert clinical.value("01", "x", "not a column") == ""


def test_a_study_may_name_its_columns(study: Study) -> None:
    columns = {"age": "years", "onset_time": "last_seen_well"}
    clinical = tables(study, "participant_id years last_seen_well nihss, sub-01 70 7.5 12, sub-02 n/a n/a 3", **columns)
    assert clinical.number("01", None, "age") == 70
    assert clinical.hours_from("01", None, "onset_time") == 7.5
    assert clinical.number("01", None, "nihss") == 12
    with pytest.raises(DataFault, match=r"have no years; add it if known$"):
        clinical.number("02", None, "age")


@pytest.mark.parametrize(
    ("written", "scanned", "reason"),
    [
        ("08:10", "n/a", "no acq_time, so the hours from last_seen_well are unknown; add it$"),
        ("noon", "2025-03-04T11:40:00", r"^last_seen_well cannot be compared"),
        (
            "2025-03-05",
            "2025-03-04T11:40:00",
            r"^last_seen_well cannot be compared with acq_time: write a date",
        ),
    ],
)
def test_a_time_that_is_not_known_is_named_as_the_study_names_it(
    study: Study, written: str, scanned: str, reason: str
) -> None:
    clinical = tables(
        study,
        f"participant_id last_seen_well, sub-01 {written}",
        f"session_id acq_time, ses-x {scanned}",
        onset_time="last_seen_well",
    )
    with pytest.raises(DataFault, match=reason):
        clinical.hours_from("01", "x", "onset_time")


@pytest.mark.parametrize(
    ("written", "side"),
    [("left", "left"), ("L", "left"), ("Right", "right"), ("r", "right"), ("both", "unknown"), ("n/a", "unknown")],
)
def test_the_symptomatic_side(study: Study, written: str, side: str) -> None:
    assert tables(study, f"participant_id side, sub-01 {written}").side("01", None) == side


def test_numbers_grades_sides_and_hours_are_the_sessions_own(study: Study) -> None:
    names = "age mtici side treatment_time"
    clinical = tables(
        study, f"participant_id {names}, sub-01 70 3 left 9", f"session_id {names}, ses-x 71 2a right 4.5"
    )
    assert clinical.number("01", "x", "age") == 71
    assert clinical.grade("01", "x", "mtici") == "2a"
    assert clinical.side("01", "x") == "right"
    assert clinical.hours_from("01", "x", "treatment_time") == 4.5


def test_a_time_of_the_session_comes_before_the_patients(study: Study) -> None:
    clinical = tables(
        study,
        "participant_id treatment_time, sub-01 08:00",
        "session_id treatment_time acq_time, ses-x 10:30 2025-03-04T11:30:00",
    )
    assert clinical.hours_from("01", "x", "treatment_time") == 1


ALL_EXCLUSIONS = ("ica_occlusion", "hemorrhagic_transformation", "reocclusion", "mtici")


def test_reflow_is_ruled_out_by_what_is_wanted_and_set(study: Study) -> None:
    names = "reocclusion ica_occlusion hemorrhagic_transformation mtici"
    clinical = tables(study, f"participant_id {names}, sub-01 1 1 0 2a, sub-02 0 0 0 2c", f"session_id {names}, x n/a")

    def found(patient: str, *wanted: str) -> list[str]:
        return clinical.reflow_exclusions(patient, None, wanted, "2c")

    closed = "not recanalised to mTICI 2c (mTICI 2a)"
    assert found("01", *ALL_EXCLUSIONS) == ["carotid occlusion", "reocclusion", closed]
    assert found("01", "reocclusion", "hemorrhagic_transformation") == ["reocclusion"]
    assert found("01", "mtici") == [closed]
    assert found("01") == []
    assert found("02", *ALL_EXCLUSIONS) == []


@pytest.mark.parametrize(
    ("least", "too_low", "enough"),
    [
        ("2b", "0 1 2A", "2b 2b50 2b67 2c 3"),
        ("2c", "0 1 2a 2b 2B50 2b67", "2C 3.0"),
        ("2b67", "2b 2b50", "2b67 2c"),
        ("3", "2c", "3"),
    ],
)
def test_a_grade_below_the_least_rules_reflow_out(study: Study, least: str, too_low: str, enough: str) -> None:
    grades = [*too_low.split(), *enough.split()]
    rows = [f"sub-{number} {grade}" for number, grade in enumerate(grades)]
    clinical = tables(study, ", ".join(["participant_id mtici", *rows]), "session_id")
    found = [clinical.reflow_exclusions(str(number), None, ("mtici",), least) for number in range(len(grades))]
    said = [f"not recanalised to mTICI {least} (mTICI {grade.lower()})" for grade in too_low.split()]
    assert [reason for reasons in found[: len(said)] for reason in reasons] == said
    assert not any(found[len(said) :])


def test_a_grade_of_the_session_comes_before_the_patients(study: Study) -> None:
    clinical = tables(study, "participant_id mtici, sub-01 3", "session_id mtici, ses-x 2b")
    assert clinical.reflow_exclusions("01", "x", ("mtici",), "2c") == ["not recanalised to mTICI 2c (mTICI 2b)"]
    assert clinical.reflow_exclusions("01", None, ("mtici",), "2c") == []


def test_a_finding_of_the_session_rules_reflow_out(study: Study) -> None:
    names = "hemorrhagic_transformation"
    clinical = tables(study, f"participant_id {names}, sub-01 0", f"session_id {names}, ses-x 1")
    assert clinical.reflow_exclusions("01", "x", (names,), "2c") == ["haemorrhagic transformation"]
    assert clinical.reflow_exclusions("01", None, (names,), "2c") == []


def test_all_that_is_known_of_a_patient_is_read_by_the_vocabulary(study: Study) -> None:
    clinical = tables(
        study,
        "participant_id age sex tici name nihss_24h, sub-01 70 F excellent Müller n/a",
        "session_id nihss_24h tici, ses-a n/a n/a, ses-b 4 n/a",
        mtici="tici",
    )
    assert clinical.all_known("01", ["a", "b"]) == {"age": 70, "sex": "female", "nihss_24h": 4, "mtici": None}
    assert clinical.all_known("not in the table", ["a"]) == {}
