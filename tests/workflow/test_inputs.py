"""What a user gets wrong is answered with one clear message, and a faulty scan costs that scan alone."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from reperfuse.simulation.study import DEMO_PATIENTS, TINY, simulate_study
from running import Run, snakemake
from studies import GOOD, Study


def refused(run: Run) -> str:
    """Return what was said; no traceback of Python's among it, and no line of the workflow."""
    assert run.status == 2
    assert "Traceback" not in run.output
    assert "WorkflowError" not in run.output
    return run.output


def test_a_missing_study(tmp_path: Path) -> None:
    assert "there is no folder /nowhere" in refused(snakemake(tmp_path, "-n", config=("bids_dir=/nowhere",)))


def test_a_folder_that_is_no_study(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "notes.txt").touch()
    said = refused(snakemake(tmp_path, "-n", config=("bids_dir=x",)))
    assert "is not a BIDS study: it has no dataset_description.json" in said


def test_an_empty_study(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.1"}')
    assert "holds no sub-<label> folder" in refused(snakemake(tmp_path, "-n", config=("bids_dir=x",)))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("sesions={baseline: x}", "sesions: unknown key; did you mean sessions?"),
        ("imr={significant_ml: much}", "imr.significant_ml: 'much' should be of type number"),
        ("core={adc_treshold: 1}", "core.adc_treshold: unknown key; did you mean adc_threshold?"),
        (
            "core={adc_threshold: 6e-4}",
            "bids_dir: there is no folder",
        ),  # read as a number, so the study is what is wrong
    ],
)
def test_a_faulty_config(tmp_path: Path, config: str, said: str) -> None:
    assert said in refused(snakemake(tmp_path, "-n", config=("bids_dir=x", config)))


@pytest.mark.parametrize(("scans", "folder"), [(("FLAIR",), "anat"), (("ADC", "FLAIR"), "dwi")])
def test_the_followup_lesion_lies_with_the_scan_it_is_drawn_on(
    tmp_path: Path, scans: tuple[str, ...], folder: str
) -> None:
    study = Study(tmp_path / "study")
    study.dsc("02", "baseline", GOOD)
    for scan in scans:
        place = "anat" if scan == "FLAIR" else "dwi"
        study.add(f"sub-02/ses-followup/{place}/sub-02_ses-followup_{scan}.nii.gz", {})
    run = snakemake(tmp_path, "--summary", config=("bids_dir=study", "output_dir=out"))
    assert run.status == 0, run.output[-3000:]
    made = {line.split("\t")[0] for line in run.output.splitlines()}
    lesions = {Path(file).parent.name for file in made if file.endswith("ses-followup_desc-lesion_mask.nii.gz")}
    assert lesions == {folder}


OWN = """
criteria:
  mine:
    title: Larger than a thimble
    doi: none
    classes:
      - name: large
        all: [core_ml > 3]
    otherwise: little
"""


def test_a_faulty_scan_costs_that_scan_alone(tmp_path: Path) -> None:
    """Two tiny patients: one without EchoTime at baseline, one with a truncated DSC series there.

    The study has a criterion of its own, which is found in the tables, their dictionary and the pages.
    """
    study = tmp_path / "a study"
    scans = ({"baseline": ("dsc", "dwi"), "post": ("dwi",)}, {"baseline": ("dsc", "dwi")})
    patients = [replace(patient, scans=wanted) for patient, wanted in zip(DEMO_PATIENTS, scans, strict=False)]
    simulate_study(study, patients, TINY)
    sidecar = next(study.glob("sub-01/ses-baseline/perf/*_dsc.json"))
    content = json.loads(sidecar.read_text())
    del content["EchoTime"]
    sidecar.write_text(json.dumps(content))
    series = next(study.glob("sub-02/ses-baseline/perf/*_dsc.nii.gz"))
    series.write_bytes(series.read_bytes()[:20000])
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    (tmp_path / "own.yaml").write_text(OWN, encoding="utf-8")
    config = (f"bids_dir={study}", "output_dir=out")
    run = snakemake(tmp_path, "--configfile", "own.yaml", config=config, cores=1)
    assert run.status == 0, run.output[-3000:]
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before
    failures = (tmp_path / "out" / "group" / "failures.tsv").read_text().splitlines()
    assert any(
        line.startswith("sub-01\tses-baseline\tdsc\tsub-01_ses-baseline_dsc.json: EchoTime is missing")
        for line in failures
    )
    assert any(line.startswith("sub-02\tses-baseline\t") and "it is cut off" in line for line in failures)
    rows = (tmp_path / "out" / "group" / "sessions.tsv").read_text().splitlines()
    names = rows[0].split("\t")
    table = {tuple(row.split("\t")[:2]): dict(zip(names, row.split("\t"), strict=True)) for row in rows[1:]}
    for patient in ("sub-01", "sub-02"):
        assert table[patient, "ses-baseline"]["tmax6_ml"] == "n/a"
        assert float(table[patient, "ses-baseline"]["core_ml"]) > 0
    assert table["sub-02", "ses-baseline"]["status"] == "failed"
    assert {table[patient, "ses-baseline"]["mine"] for patient in ("sub-01", "sub-02")} == {"large"}
    assert table["sub-01", "ses-post"]["mine"] == "n/a"
    dictionary = json.loads((tmp_path / "out" / "group" / "sessions.json").read_text())["mine"]
    assert dictionary["Levels"] == {"large": "core_ml > 3", "little": "none of the others"}
    assert "Larger than a thimble" in dictionary["Description"]
    assert "Larger than a thimble" in (tmp_path / "out" / "sub-01.html").read_text()
    stability = (tmp_path / "out" / "group" / "stability.tsv").read_text()
    assert "sub-01\tses-baseline\tmine\tlarge\tcore_ml\tstable\t" in stability


def test_a_slab_without_a_mirror_plane_keeps_its_maps(tmp_path: Path) -> None:
    """Two patients with three slices of perfusion; of the second it is said that no mirror plane was found."""
    study = tmp_path / "study"
    patients = [replace(patient, scans={"baseline": ("dsc",)}) for patient in DEMO_PATIENTS[:2]]
    simulate_study(study, patients, replace(TINY, jump_mm=0.0, jump_deg=0.0))
    for path in study.glob("sub-*/ses-baseline/perf/*_dsc.nii.gz"):
        slab = nib.load(path).slicer[:, :, 4:7]
        nib.save(nib.Nifti1Image(np.asarray(slab.dataobj).astype(np.int16), slab.affine, slab.header), path)
    config = (f"bids_dir={study}", "output_dir=out")
    maps = Path("sub-02") / "ses-baseline" / "perf"
    plane = maps / "sub-02_ses-baseline_desc-mirror_xfm.json"
    assert snakemake(tmp_path, str(plane), config=config, cores=1).status == 0
    reason = "no mirror plane: the head does not match its own reflection (correlation 0.21)"
    (tmp_path / "out" / plane).write_text(json.dumps({"Reasons": [reason]}))
    run = snakemake(tmp_path, config=config, cores=1)
    assert run.status == 0, run.output[-3000:]
    names, *rows = (line.split("\t") for line in (tmp_path / "out" / "group" / "sessions.tsv").read_text().splitlines())
    mirrored, without = (dict(zip(names, row, strict=True)) for row in rows)
    assert "mirror" not in mirrored["reasons"]
    assert (mirrored["deficit_side"], without["deficit_side"]) == ("left", "n/a")
    assert float(mirrored["rcbf30_ml"]) >= 0
    for row in (mirrored, without):
        assert float(row["tmax6_ml"]) > 10
    assert (without["rcbf30_ml"], without["status"]) == ("n/a", "warn")
    assert f"deficit_mirror: {reason}" in without["reasons"]
    assert f"hypoperfusion: tissue of both sides counts ({reason})" in without["reasons"]
    failures = (tmp_path / "out" / "group" / "failures.tsv").read_text().splitlines()
    assert {f"sub-02\tses-baseline\t{what}\t{reason}" for what in ("deficit_mirror", "rcbf")} <= set(failures)
    assert reason in (tmp_path / "out" / "sub-02.html").read_text()
    figure = tmp_path / "out" / "sub-02" / "figures" / "sub-02_ses-baseline_desc-perfusion_figure.json"
    assert "Reasons" not in json.loads(figure.read_text())
