"""The README's first command, and what a second one does."""

import json
import subprocess
from pathlib import Path

import pytest
from running import Demo, snakemake

pytestmark = pytest.mark.xdist_group("demo")
WHY = ("--dry-run",)


def test_it_ends_well_and_says_where_the_results_are(demo: Demo) -> None:
    assert demo.first_run.status == 0, demo.first_run.output[-3000:]
    last = demo.first_run.output.splitlines()[-8:]
    assert any(f"The results are in {demo.results}" in line for line in last)
    for name in (
        "group/sessions.tsv",
        "group/patients.tsv",
        "group/failures.tsv",
        "group.html",
        "sub-01.html",
    ):
        assert (demo.results / name).is_file()


def test_every_table_has_a_dictionary_of_its_columns(demo: Demo) -> None:
    for name in ("sessions", "patients", "thresholds", "stability", "reflow", "failures", "ratings"):
        columns = (demo.results / "group" / f"{name}.tsv").read_text().splitlines()[0].split("\t")
        dictionary = json.loads((demo.results / "group" / f"{name}.json").read_text())
        assert [column for column in columns if "Description" not in dictionary[column]] == []


def test_absences_are_listed(demo: Demo) -> None:
    rows = (demo.results / "group" / "failures.tsv").read_text().splitlines()[1:]
    assert {tuple(row.split("\t")[:3]) for row in rows} == {
        (f"sub-{label}", "ses-followup", "perfusion") for label in ("01", "02", "03")
    }


def test_every_map_says_unit_source_and_parameters(demo: Demo) -> None:
    sidecar = json.loads((demo.results / "sub-01/ses-baseline/perf/sub-01_ses-baseline_cbf.json").read_text())
    assert sidecar["Units"] == "mL/100 g/min"
    assert sidecar["Parameters"]["oscillation_index"] == 0.035
    assert "bids::sub-01/ses-baseline/perf/sub-01_ses-baseline_desc-moco_dsc.nii.gz" in sidecar["Sources"]


def test_the_second_run_has_nothing_to_do(demo: Demo) -> None:
    assert "Nothing to be done" in snakemake(demo.folder, *WHY).output


def test_a_deleted_map_reruns_what_hangs_on_it(demo: Demo) -> None:
    penumbra = demo.results / "sub-01/ses-baseline/perf/sub-01_ses-baseline_desc-penumbra_mask.nii.gz"
    kept = penumbra.with_name("kept")
    penumbra.rename(kept)
    jobs = snakemake(demo.folder, *WHY).jobs
    kept.rename(penumbra)
    assert {
        "measure_mismatch",
        "measure_session",
        "quantify_growth",
        "measure_patient",
        "tabulate_study",
    } <= jobs
    assert not jobs & {"map_perfusion", "measure_core", "align_diffusion", "align_followup"}


def test_a_changed_threshold_reruns_what_hangs_on_it(demo: Demo, tmp_path: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text("bids_dir: null  # the demo\ncore: {adc_threshold: 600.0e-6}\n")
    jobs = snakemake(demo.folder, *WHY, "--configfile", str(study)).jobs
    assert {"measure_core", "measure_mismatch", "measure_session"} <= jobs
    assert not jobs & {
        "map_perfusion",
        "prepare_diffusion",
        "align_diffusion",
        "prepare_perfusion",
        "align_followup",
    }


OWN = "{mine: {title: Mine, doi: none, classes: [{name: severe, all: [%s]}], otherwise: mild}}"


def test_a_criterion_of_ones_own_reruns_the_measures_only(demo: Demo) -> None:
    jobs = snakemake(demo.folder, *WHY, config=("criteria=" + OWN % "hir >= 0.4",)).jobs
    assert {"measure_session", "tabulate_study", "report_patient", "report_study"} <= jobs
    assert not jobs & {"measure_core", "measure_mismatch", "map_reflow"}


def test_a_bad_criterion_is_refused_with_its_key_and_reason(demo: Demo) -> None:
    done = snakemake(demo.folder, *WHY, config=("criteria=" + OWN % "hirr >= 0.4",))
    assert done.status != 0
    assert "criteria.mine.classes.0.all.0: 'hirr >= 0.4' names hirr, which is no known quantity" in done.output


@pytest.mark.parametrize("dataset", ["study", "results"])
def test_the_bids_validator_finds_no_error(demo: Demo, dataset: str) -> None:
    folder: Path = getattr(demo, dataset)
    command = ["bids-validator-deno", str(folder), "--ignoreWarnings", "--json"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    errors = [issue for issue in report["issues"]["issues"] if issue.get("severity") == "error"]
    assert errors == []
