"""The statistics of a study from its tables alone: the example cohort, as a newcomer runs it."""

import json
import shutil
from pathlib import Path

import pytest
from html_pages import NASTY, Reader
from reperfuse.files.tables import read_rows
from running import ROOT, snakemake

CONFIG = "config/examples/cohort.yaml"
HEAD = "participant_id\tsession_id\trater\trating\tnote\ttime\tversion"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the example, as in a clone."""
    shutil.copytree(ROOT / "config" / "examples", tmp_path / "config" / "examples")
    return tmp_path


def test_the_example_gives_tables_figures_and_a_page(place: Path) -> None:
    before = {path: path.read_bytes() for path in (place / "config").rglob("*") if path.is_file()}
    asked = snakemake(place, "-n", "--configfile", CONFIG)
    assert asked.jobs == {"analyze_study", "report_study"}, asked.output[-3000:]
    assert not (place / "cohort").exists()
    run = snakemake(place, "--configfile", CONFIG)
    assert run.status == 0, run.output[-3000:]
    group = place / "cohort" / "group"
    assert {"analysis.tsv", "imr.tsv", "CITATION.md", "CITATION.bib", "tables", "figures"} <= {
        path.name for path in group.iterdir()
    }
    page = (place / "cohort" / "group.html").read_text(encoding="utf-8")
    assert "Who was enrolled, and who was analysed" in page
    assert "sub-001.html" not in page
    assert str(place) not in page
    assert before == {path: path.read_bytes() for path in (place / "config").rglob("*") if path.is_file()}
    assert "Nothing to be done" in snakemake(place, "--configfile", CONFIG).output
    changed = snakemake(place, "-n", "--configfile", CONFIG, config=("analysis={reperfused: reperfused_90}",))
    assert changed.jobs == {"analyze_study", "report_study"}


def test_whom_a_reader_rejects_leaves_the_flow(place: Path) -> None:
    row = "\t".join(
        ["sub-001", "ses-post", f"A {NASTY} B", "reject", "moved his head", "2026-01-31T08:00:00Z", "0.8.0"]
    )
    for name, text in (("A/sub-001_desc-rating.tsv", f"{HEAD}\n{row}\n"), ("B/sub-002_desc-rating (1).tsv", "torn\n")):
        (place / "ratings" / name).parent.mkdir(parents=True)
        (place / "ratings" / name).write_text(text, encoding="utf-8")
    run = snakemake(place, "--configfile", CONFIG, config=("ratings=ratings",))
    assert run.status == 0, run.output[-3000:]
    group = place / "cohort" / "group"
    why = f"session post rejected by rater A {NASTY} B".replace("<", "‹").replace(">", "›")
    flow = [row for row in read_rows(group / "tables" / "flow.tsv") if row["reason"] == why]
    assert [(row["analysis"], row["left_out"]) for row in flow] == [("reflow", "1"), ("growth", "1")]
    assert [row["rating"] for row in read_rows(group / "ratings.tsv")] == ["reject"]
    not_done = {row["reason"] for row in read_rows(group / "tables" / "not_done.tsv")}
    assert any(reason.startswith("sub-002_desc-rating (1).tsv has no column participant_id") for reason in not_done)
    page = (place / "cohort" / "group.html").read_text(encoding="utf-8")
    assert why in Reader(page).text
    assert "moved his head" not in "".join(
        path.read_text(encoding="utf-8", errors="ignore") for path in (place / "cohort").rglob("*") if path.is_file()
    )
    reported = snakemake(place, "--report", "report.html", "--configfile", CONFIG, config=("ratings=ratings",))
    assert reported.status == 0, reported.output[-3000:]
    assert "Unknown target" not in reported.output
    text = (place / "cohort" / "report.html").read_text(encoding="utf-8")
    # it holds the settings of each job as they are
    assert "moved his head" not in text
    assert "script\\u203aalert" in text
    assert "<script>alert" not in text
    assert all(json.dumps(title) in text for title in ("Study", "Figures of a paper", "Tables of a paper", "Methods"))
    # another note is no other rating; another rating is, and changes the analysis and its page alone
    file = place / "ratings" / "A" / "sub-001_desc-rating.tsv"
    for old, new, jobs in (
        ("moved his", "turned his", set()),
        ("\treject\t", "\tdoubt\t", {"analyze_study", "report_study"}),
    ):
        file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        asked = snakemake(place, "-n", "--configfile", CONFIG, config=("ratings=ratings",))
        assert asked.jobs == jobs, asked.output[-3000:]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("analysis={factors: [smoker]}", "the study's tables have no column smoker"),
        ("analysis={profile: defuse9}", "analysis.profile: there is no criterion defuse9"),
        ("analysis={target: malign}", "defuse2 has no class malign"),
        ("analysis={outcomes: [sex]}", "sex holds text"),
        ("ratings=[config, away]", "ratings: no file in"),
        ("ratings=[away]", "ratings: there is no file or folder"),
        ("ratings=3", "ratings: 3 should be of type string or array or null"),
        ("group_tables=config/examples", "has no sessions.tsv, patients.tsv, reflow.tsv, failures.tsv"),
    ],
)
def test_what_cannot_be_analysed_is_said_before_anything_runs(place: Path, setting: str, reason: str) -> None:
    run = snakemake(place, "-n", "--configfile", CONFIG, config=(setting,))
    assert run.status != 0
    assert reason in run.output, run.output[-2000:]
    assert not (place / "cohort").exists()
