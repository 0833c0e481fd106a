"""A run ends with what became of the sessions, why, and where the results are."""

from datetime import timedelta
from pathlib import Path

import pytest
from reperfuse.study.results import note_crash
from reperfuse.study.summary import duration, finished, most_frequent, unfinished

SESSIONS = """participant_id\tsession_id\tstatus\treasons
sub-01\tses-a\tok\tperfusion: the session has no usable dsc scan
sub-01\tses-b\twarn\tmotion: displacement reaches 4.1 mm; motion: 6% of the brain is lost; why? it moved
sub-02\tses-b\twarn\tmotion: displacement reaches 12 mm
sub-03\tses-b\tfailed\tdsc: sub-03_ses-b_dsc.nii.gz: it is cut off
sub-04\tses-b\tfailed\tdsc: sub-04_ses-b_dsc.nii.gz: it is cut off
sub-05\tses-b\twarn\tmotion: displacement reaches 5.0 mm
"""
FAILURES = """participant_id\tsession_id\twhat\treason
sub-01\tses-a\tperfusion\tthe session has no usable dsc scan
sub-01\tn/a\tgrowth\tno session followup
sub-02\tn/a\tgrowth\tno session followup
sub-03\tn/a\tgrowth\tno session followup
sub-04\tn/a\tgrowth\tno session followup
"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "sessions.tsv").write_text(SESSIONS)
    (tmp_path / "group" / "failures.tsv").write_text(FAILURES)
    return tmp_path


def test_the_end_counts_sessions_gives_the_three_reasons_and_the_places(results: Path) -> None:
    said = finished(results, results / "group", timedelta(minutes=8), has_pages=True).splitlines()
    assert said[0] == "Sessions: 1 ok, 3 with a warning, 2 failed."
    assert [line.split(maxsplit=2)[::2] for line in said[2:5]] == [
        ["4", "growth: no session followup"],
        ["3", "motion: displacement reaches … mm"],
        ["2", "dsc: …: it is cut off"],
    ]
    assert said[5] == f"Finished in 8 min. The results are in {results}"
    assert [line.split(maxsplit=1) for line in said[6:]] == [
        ["study", str(results / "group.html")],
        ["tables", str(results / "group")],
        ["patients", str(results / "sub-<label>.html")],
    ]


def test_without_faults_there_are_no_reasons(results: Path) -> None:
    (results / "group" / "sessions.tsv").write_text("\n".join(SESSIONS.splitlines()[:2]))
    (results / "group" / "failures.tsv").write_text("\n".join(FAILURES.splitlines()[:2]))
    assert "reasons" not in finished(results, results / "group", timedelta(minutes=8), has_pages=True)


def test_a_run_without_tables_names_none(tmp_path: Path) -> None:
    said = finished(tmp_path, None, timedelta(seconds=3), has_pages=True)
    assert "group" not in said
    assert "sub-<label>.html" in said


def test_a_long_reason_is_shortened() -> None:
    row = {"status": "warn", "reasons": f"aif: {'so many words ' * 20}"}
    ((reason, number),) = most_frequent([row], [])
    assert number == 1
    assert reason.endswith(" …")
    assert len(reason) <= 110


def test_a_stop_is_told_apart_from_a_failure(tmp_path: Path) -> None:
    kept = "What was finished is kept: the same command resumes where it stopped."
    assert unfinished(tmp_path, has_failed=False) == f"Stopped. {kept}"
    note_crash(tmp_path, "sub-01_compute_adc", "sub-01: internal error")
    first, crash, last = unfinished(tmp_path, has_failed=True).splitlines()
    assert str(tmp_path / "logs") in first
    assert crash == "  sub-01: internal error"
    assert last == kept


@pytest.mark.parametrize(
    ("seconds", "said"), [(3.2, "3 s"), (119, "119 s"), (485, "8 min"), (7199, "2 h 0 min"), (7800, "2 h 10 min")]
)
def test_a_duration_reads_well(seconds: float, said: str) -> None:
    assert duration(timedelta(seconds=seconds)) == said


def test_of_reasons_as_frequent_the_first_comes_first() -> None:
    reasons = "motion: far; aif: small; noise: much; time: short"
    sessions = [{"status": "warn", "reasons": reasons}]
    assert [reason for reason, _ in most_frequent(sessions, [])] == ["motion: far", "aif: small", "noise: much"]
