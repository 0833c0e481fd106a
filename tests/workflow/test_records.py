"""What is known of how results were made lies with them: a changed setting is never missed, nor anything done twice."""

import csv
import shutil
import zipfile
from pathlib import Path

import pytest
from running import ROOT, Small, checkout, contents, differences, snakemake

pytestmark = pytest.mark.xdist_group("small")


@pytest.fixture
def moved(small: Small, tmp_path: Path) -> Path:
    """A copy of the results elsewhere, records and all."""
    return Path(shutil.copytree(small.study.parent / "whole" / "out", tmp_path / "elsewhere" / "results"))


def config_of(small: Small, results: Path) -> tuple[str, ...]:
    return (*small.config[:2], f"output_dir={results}")


def test_results_moved_are_the_same_results_to_any_checkout(small: Small, moved: Path, tmp_path: Path) -> None:
    config, clone = config_of(small, moved), checkout(tmp_path / "clone")
    before = contents(moved)
    for root, folder in ((ROOT, tmp_path), (clone, tmp_path), (ROOT, moved.parent), (ROOT, small.study)):
        run = snakemake(folder, "-n", config=config, root=root)
        assert "Nothing to be done" in run.output, run.output[-3000:]
    assert differences(before, contents(moved)) == []


def test_a_changed_threshold_is_seen_wherever_the_results_lie(small: Small, moved: Path, tmp_path: Path) -> None:
    jobs = snakemake(tmp_path, "-n", config=(*config_of(small, moved), "core={adc_threshold: 600e-6}")).jobs
    assert {"measure_core", "measure_session"} <= jobs
    assert not jobs & {"prepare_diffusion", "map_perfusion", "prepare_perfusion", "register_followup"}


def test_a_rating_makes_tables_analysis_and_pages_anew_and_nothing_else(
    small: Small, moved: Path, tmp_path: Path
) -> None:
    head = ["participant_id", "session_id", "rater", "rating", "note", "time", "version"]
    row = ["sub-01", "ses-baseline", "A & B", "reject", "n/a", "2026-01-31T08:00:00Z", "0.8.0"]
    (tmp_path / "mine.tsv").write_text("\n".join(["\t".join(head), "\t".join(row), ""]), encoding="utf-8")
    config, before = (*config_of(small, moved), "ratings=mine.tsv"), contents(moved)
    jobs = snakemake(tmp_path, "-n", config=config).jobs
    run = snakemake(tmp_path, config=config, cores=1)
    assert run.status == 0, run.output[-3000:]
    assert jobs == {"tabulate_study", "analyze_study", "report_patient", "report_study"}
    changed = differences(before, contents(moved))
    assert all(name.startswith("group") or name in ("sub-01.html", "dataset_description.json") for name in changed)
    assert not {"group/sessions.tsv", "group/patients.tsv"} & set(changed)
    why = "session baseline rejected by rater A & B"
    with (moved / "group" / "failures.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert [(one["participant_id"], one["what"]) for one in rows if one["reason"] == why] == [("sub-01", "analysis")]
    for name in ("sub-01.html", "group.html"):
        page = (moved / name).read_text(encoding="utf-8")
        assert "rejected by rater A &amp; B" in page
    assert "Nothing to be done" in snakemake(tmp_path, "-n", config=config).output
    reported = snakemake(tmp_path, "--report", "report.zip", config=config)
    assert reported.status == 0, reported.output[-3000:]
    names = {Path(name).name for name in zipfile.ZipFile(moved / "report.zip").namelist()}
    figures = {path.name for path in (moved / "sub-01" / "figures").glob("*.png")}
    assert len(figures) > 5
    assert {"sub-01.html", "group.html", "failures.tsv", "flow.tsv", "flow.png", "CITATION.md", *figures} <= names
    assert "ERROR" not in reported.output


def test_another_workflow_can_use_it_as_a_module(small: Small, tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(
        f"""module reperfuse:
    snakefile: "{ROOT / "Snakefile"}"
    config: config
use rule * from reperfuse
"""
    )
    run = snakemake(tmp_path, "-n", "all", config=small.config, root=tmp_path)
    assert run.status == 0, run.output[-3000:]
    assert {"prepare_diffusion", "tabulate_study"} <= run.jobs


def test_a_fault_of_the_program_costs_a_patient_not_the_tables(small: Small, moved: Path, tmp_path: Path) -> None:
    clone, config = checkout(tmp_path / "clone"), config_of(small, moved)
    module = clone / "workflow" / "reperfuse" / "interfaces" / "growth.py"
    sound = module.read_text()
    module.write_text(
        sound.replace("def _compute(self) -> None:\n", "def _compute(self) -> None:\n        raise KeyError(1)\n")
    )
    run = snakemake(tmp_path, config=config, cores=1, root=clone)
    assert run.status == 1
    said = "internal error (KeyError) in QuantifyGrowth, see logs/quantify_growth/sub-01_ses-baseline.log; report it"
    assert f"sub-01 ses-baseline: {said}" in run.output, run.output[-3000:]
    assert "Traceback" not in run.output
    assert "KeyError: 1" in (moved / "logs" / "quantify_growth" / "sub-01_ses-baseline.log").read_text()
    with (moved / "group" / "failures.tsv").open(encoding="utf-8") as lines:
        assert said in [row["reason"] for row in csv.DictReader(lines, delimiter="\t")]
    assert set(contents(moved)) == set(small.results)

    module.write_text(sound)
    run = snakemake(tmp_path, config=config, cores=1, root=clone)
    assert run.status == 0, run.output[-3000:]
    changed = differences(contents(moved), small.results)
    assert changed == ["dataset_description.json"]  # the way from the results to the study differs, nothing else
