"""A dry run writes nothing, anywhere, simulates nothing, and opens with what was found of the study."""

import os
from pathlib import Path

import pytest
from reperfuse.study.demo import planned_demo
from reperfuse.study.manifest import Manifest
from running import Demo, Run, Small, snakemake
from studies import GOOD, Study


def listing(*folders: Path) -> dict[str, tuple[int, int]]:
    """Return the size and the time of every file and folder below some, by its path."""
    paths = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in paths}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def dry_run(folder: Path, home: Path, *config: str) -> Run:
    own = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment = own | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    return snakemake(folder, "-n", config=config, environment=environment)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = Study(tmp_path / "study")
    for label in ("01", "02", "03"):
        made.dsc("01", label, GOOD)
    return made


def test_it_writes_nothing_and_says_what_was_found(study: Study, home: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    before = listing(tmp_path)
    run = dry_run(tmp_path / "here", home, f"bids_dir={study.root}")
    assert run.status == 0, run.output[-3000:]
    assert listing(tmp_path) == before
    assert "prepare_perfusion" in run.jobs
    assert "1 patient, 3 sessions" in run.output
    assert 'sessions:\n  baseline: "01"\n  post: "02"\n  followup: "03"\n' in run.output


def test_a_refused_study_leaves_no_trace(home: Path, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    before = listing(tmp_path)
    run = dry_run(tmp_path, home, "bids_dir=study")
    assert run.status != 0
    assert "study is empty; name the folder that holds" in run.output
    assert listing(tmp_path) == before


def test_the_demo_is_planned_and_not_simulated(home: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    before = listing(tmp_path)
    run = dry_run(tmp_path / "here", home)
    assert run.status == 0, run.output[-3000:]
    assert listing(tmp_path) == before
    assert "a run simulates it first (3 patients, about a minute)" in run.output
    assert {"simulate_demo", "map_perfusion", "map_reflow", "analyze_study"} <= run.jobs


@pytest.mark.xdist_group("demo")
def test_the_plan_of_the_demo_is_that_of_the_demo(demo: Demo) -> None:
    assert planned_demo(demo.study).scans == Manifest.read(demo.results / "logs" / "manifest.tsv").scans


@pytest.mark.xdist_group("small")
def test_it_leaves_finished_results_alone(small: Small, home: Path, tmp_path: Path) -> None:
    whole = small.study.parent / "whole"
    out = tmp_path / "out"
    out.symlink_to(whole / "out")
    before = listing(whole, home)
    run = dry_run(tmp_path, home, *small.config)
    assert "Nothing to be done" in run.output, run.output[-3000:]
    changed = dry_run(tmp_path, home, *small.config, "core={adc_threshold: 600e-6}")
    assert {"measure_core", "report_patient"} <= changed.jobs
    assert "prepare_perfusion" not in changed.jobs
    assert listing(whole, home) == before
