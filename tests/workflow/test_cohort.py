"""The statistics of a study from its tables alone: the example cohort, as a newcomer runs it."""

import shutil
from pathlib import Path

import pytest
from running import ROOT, snakemake

CONFIG = "config/examples/cohort.yaml"


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


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("analysis={factors: [smoker]}", "the study's tables have no column smoker"),
        ("analysis={profile: defuse9}", "analysis.profile: no criterion defuse9"),
        ("analysis={target: malign}", "defuse2 has no class malign"),
        ("analysis={outcomes: [sex]}", "sex holds text"),
        ("group_tables=config/examples", "has no sessions.tsv, patients.tsv, reflow.tsv, failures.tsv"),
    ],
)
def test_what_cannot_be_analysed_is_said_before_anything_runs(place: Path, setting: str, reason: str) -> None:
    run = snakemake(place, "-n", "--configfile", CONFIG, config=(setting,))
    assert run.status != 0
    assert reason in run.output, run.output[-2000:]
    assert not (place / "cohort").exists()
