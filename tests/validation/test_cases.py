"""What people really have, as scripts that write it: what is taken, and what is said of the rest.

The scripts are no part of this repository: they lie beside the testing data, in ``../cases``.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from reperfuse.files.tables import read_rows
from reperfuse.study import options
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.index import index_configured
from reperfuse.study.manifest import Manifest, StudyError
from reperfuse.study.settings import fill_in_paths, keep_labels_as_written
from reperfuse.study.yaml_lines import read_yaml
from running import Run, contents, differences, snakemake

pytestmark = [pytest.mark.external, pytest.mark.nightly]
CASES = Path(os.environ.get("REPERFUSE_TEST_DATA", "nowhere")).parent / "cases"

#: Scans that are taken, as (session, kind), and what is said of others.
EXPECTED: dict[str, tuple[set[tuple[str, str]], list[str]]] = {
    "aborted_run": (
        {("baseline", "dsc"), ("baseline", "dwi")},
        ["5 frames do not show the first passage", "an ADC needs volumes without and with diffusion weighting"],
    ),
    "adc_4d": (set(), ["it needs three dimensions, and has shape (56, 56, 16, 5)"]),
    "annex": ({("baseline", "dsc"), ("baseline", "dwi")}, ["not fetched"]),
    "bval_at_root": ({("baseline", "dwi")}, []),
    "flair_singleton": ({("baseline", "dwi"), ("followup", "flair")}, []),
    "folder_mismatch": (set(), ["sub-02_ses-baseline_dwi.nii.gz lies in the folder of sub-01"]),
    "hyphen_labels": (set(), ["sub-STROKE-001 is left out", "sub-STROKE-002 is left out"]),
    "identity_affine": (set(), ["48 mm wide, too small for a head"]),
    "latin1_sidecar": (set(), ["its text is not UTF-8"]),
    "mask_singleton": ({("baseline", "dwi"), ("followup", "dwi"), ("followup", "lesion")}, []),
    "mask_identity": ({("baseline", "dwi"), ("followup", "dwi"), ("followup", "lesion")}, []),
    "no_orientation": ({("baseline", "dsc"), ("baseline", "dwi")}, []),
    "no_session": ({("baseline", "dsc"), ("baseline", "dwi")}, []),
    "one_bad_of_two": ({("baseline", "dwi"), ("followup", "dwi"), ("followup", "flair")}, []),
    "plain": (
        {("baseline", "dsc"), ("baseline", "dwi"), ("followup", "dwi"), ("followup", "lesion")},
        [],
    ),
    "plain_named_gz": (set(), ["it is not compressed); name it .nii", "not fetched"]),
    "singleton": (
        {("baseline", "adc"), ("baseline", "trace"), ("followup", "adc"), ("followup", "flair"), ("followup", "trace")}
        | {("followup", "lesion")},
        [],
    ),
    "symlink_loop": ({("baseline", "dwi")}, []),
    "tr_excitation": ({("baseline", "dwi")}, ["0.065 s between frames is not plausible"]),
    "tr_per_shot": ({("baseline", "dwi")}, ["AcquisitionDuration says 80 s"]),
    "tr_two_shots": ({("baseline", "dwi")}, ["AcquisitionDuration says 80 s"]),
    "trace_without_b0": ({("baseline", "adc"), ("baseline", "dsc")}, ["it has b = 1000 s/mm²"]),
    "volume_timing": ({("baseline", "dsc"), ("baseline", "dwi")}, []),
    "xytz": ({("baseline", "dsc"), ("baseline", "dwi")}, []),
}
REFUSED = {"isles22": "msk.nii.gz", "mask_names": "desc-lesion_mask.nii.gz"}


def index(case: str, folder: Path) -> Manifest:
    script = CASES / f"{case}.py"
    if not script.is_file():
        pytest.skip(f"{script} is not there")
    subprocess.run([sys.executable, str(script), str(folder)], cwd=CASES, check=True)
    config = read_yaml(options.CONFIG) | {"bids_dir": str(folder)}
    fill_in_paths(config)
    masks = folder / "derivatives" / "lesions"
    return index_configured(config | {"lesion_masks": str(masks) if masks.is_dir() else None})


@pytest.mark.parametrize("case", EXPECTED)
def test_what_is_taken_and_what_is_said(case: str, tmp_path: Path) -> None:
    manifest = index(case, tmp_path / "study")
    taken, said = EXPECTED[case]
    assert {(scan.session, scan.kind) for scan in manifest.scans if not scan.reason} == taken
    reasons = [scan.reason for scan in manifest.scans if scan.reason]
    for words in said:
        assert any(words in reason for reason in reasons), reasons
    assert bool(reasons) is bool(said)


@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_of_masks_that_holds_none_is_an_error(case: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=f"can be used, for example .*{REFUSED[case]}"):
        index(case, tmp_path / "study")


def run(case: str, folder: Path, *config: str) -> Run:
    """Run a case, and return what was said of it in the tables as well."""
    subprocess.run([sys.executable, str(CASES / f"{case}.py"), str(folder / "study")], cwd=CASES, check=True)
    done = snakemake(folder, config=("bids_dir=study", *config))
    assert done.status == 0, done.output[-3000:]
    assert "Traceback" not in done.output
    return done


def row(folder: Path, table: str) -> dict[str, str]:
    """Return the first row of a table of the study."""
    return read_rows(folder / "out" / "group" / f"{table}.tsv")[0]


def test_own_results_are_never_indexed(tmp_path: Path) -> None:
    run("results_inside", tmp_path, "output_dir=study/results")
    before = contents(tmp_path / "study" / "results")
    again = snakemake(tmp_path, config=("bids_dir=study", "output_dir=study/results"))
    assert again.status == 0, again.output[-3000:]
    assert "Nothing to be done" in again.output
    assert differences(before, contents(tmp_path / "study" / "results")) == []


def test_nothing_that_depends_on_the_side_is_said_without_orientation(tmp_path: Path) -> None:
    run("no_orientation", tmp_path, "output_dir=out")
    found = row(tmp_path, "sessions")
    assert found["deficit_side"] == "n/a"
    assert float(found["tmax6_ml"]) > 60
    assert "which side is left" in found["reasons"]


def test_a_mask_that_lost_its_geometry_is_refused(tmp_path: Path) -> None:
    run("mask_identity", tmp_path, "output_dir=out", "lesion_masks=study/derivatives/lesions")
    assert row(tmp_path, "patients")["infarct_followup_ml"] == "n/a"
    assert "the matrix of the scan it was drawn on" in (tmp_path / "out" / "group" / "failures.tsv").read_text()


def test_a_series_stored_slice_by_slice_gives_no_number(tmp_path: Path) -> None:
    run("xytz", tmp_path, "output_dir=out")
    found = row(tmp_path, "sessions")
    assert (found["tmax6_ml"], found["status"]) == ("n/a", "failed")
    assert "slices and frames are swapped" in found["reasons"]


def test_a_participant_is_named_as_in_the_file(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, str(CASES / "octal_participants.py"), str(tmp_path / "study")], cwd=CASES, check=True
    )
    file = tmp_path / "study" / "code" / "study.yaml"
    config = read_yaml(options.CONFIG) | read_yaml(file) | {"bids_dir": str(tmp_path / "study")}
    keep_labels_as_written(config, [options.CONFIG, file])
    fill_in_paths(config)
    assert list(index_configured(config).sessions) == ["010"]


def test_clinical_values_as_clinicians_write_them(tmp_path: Path) -> None:
    index("odd_clinical", tmp_path / "study")
    clinical = ClinicalData(tmp_path / "study")
    assert clinical.side("01", "post") == "left"
    assert clinical.number("01", "post", "age") == 72.5
    assert clinical.not_understood("01", "post") == []
    assert clinical.hours_from("01", "baseline", "onset_time") > 0
    assert clinical.unknown_exclusions("01", "post", ["ica_occlusion", "reocclusion", "mtici"]) == ["reocclusion"]
    assert clinical.reflow_exclusions("01", "post", ["ica_occlusion", "mtici"], "2c") == [
        "carotid occlusion",
        "not recanalised to mTICI 2c (mTICI 2a)",
    ]


@pytest.mark.parametrize("case", ["utf16_participants", "ids_without_sub"])
def test_tables_are_read(case: str, tmp_path: Path) -> None:
    index(case, tmp_path / "study")
    assert ClinicalData(tmp_path / "study").not_understood("01", None) == []
    assert ClinicalData(tmp_path / "study").number("01", None, "age") > 0
