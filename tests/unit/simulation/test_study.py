import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from reperfuse.simulation.geometry import rigid
from reperfuse.simulation.patients import DEMO_PATIENTS
from reperfuse.simulation.study import TINY, simulate_study

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("simulated study")]

PATIENT = DEMO_PATIENTS[1]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return simulate_study(tmp_path_factory.mktemp("study") / "one", [PATIENT], TINY, seed=3)


def _rows(path):
    with path.open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def _contents(root):
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def _volume(path):
    image = nib.load(path)
    return image.get_fdata().sum() * abs(np.linalg.det(image.affine[:3, :3])) / 1000


def test_validator_finds_no_error(study):
    validator = shutil.which("bids-validator-deno", path=str(Path(sys.executable).parent))
    if validator is None:
        pytest.skip("bids-validator-deno is not installed")
    run = subprocess.run([validator, str(study), "--json"], capture_output=True, text=True, check=False)
    issues = json.loads(run.stdout)["issues"]["issues"]
    assert [i for i in issues if i["severity"] == "error"] == []
    assert run.returncode == 0


def test_same_seed_same_bytes_however_many_processes(study, tmp_path):
    again = simulate_study(tmp_path / "two", [PATIENT], TINY, seed=3, processes=2)
    first, second = _contents(study), _contents(again)
    assert list(first) == list(second)
    assert [name for name in first if first[name] != second[name]] == []


def test_another_seed_makes_another_scan(study, tmp_path):
    scan_less = replace(PATIENT, scans={"followup": ("dwi",)})
    other = simulate_study(tmp_path / "other", [scan_less], TINY, seed=4)
    name = "sub-02/ses-followup/dwi/sub-02_ses-followup_dwi.nii.gz"
    assert (study / name).read_bytes() != (other / name).read_bytes()
    row = _rows(other / "derivatives/truth/patients.tsv")[0]
    assert row["growth_ml"] == "n/a"
    assert float(row["infarct_followup_ml"]) == pytest.approx(PATIENT.lesion_ml, rel=0.08)


def test_headers_and_sidecar_agree(study):
    stem = study / "sub-02/ses-baseline/perf/sub-02_ses-baseline_dsc"
    image, sidecar = nib.load(f"{stem}.nii.gz"), json.loads(Path(f"{stem}.json").read_text())
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert image.header.get_zooms()[3] == pytest.approx(sidecar["RepetitionTime"])
    assert sidecar["EchoTime"] == TINY.dsc.te_s
    assert image.shape == (*TINY.dsc_matrix.shape, TINY.dsc.frames)
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-4)


@pytest.mark.parametrize(
    ("image", "table", "column"),
    [
        ("ses-baseline/dwi/sub-02_ses-baseline_desc-core_mask", "sessions", "core_ml"),
        ("ses-baseline/dwi/sub-02_ses-baseline_space-dscref_desc-core_mask", "sessions", "core_ml"),
        ("ses-followup/dwi/sub-02_ses-followup_desc-lesion_mask", "patients", "infarct_followup_ml"),
        ("ses-post/perf/sub-02_ses-post_space-dscref_desc-lesion_mask", "patients", "infarct_followup_ml"),
        ("ses-post/perf/sub-02_ses-post_desc-imr_mask", "patients", "imr_ml"),
    ],
)
def test_masks_have_the_volumes_of_the_tables(study, image, table, column):
    truth = study / "derivatives/truth"
    row = _rows(truth / f"{table}.tsv")[0]
    assert _volume(truth / "sub-02" / f"{image}.nii.gz") == pytest.approx(float(row[column]), rel=0.12)


def test_truth_is_what_the_patient_was_given(study):
    row = _rows(study / "derivatives/truth/patients.tsv")[0]
    assert float(row["core_baseline_ml"]) == pytest.approx(PATIENT.core_ml, rel=0.08)
    assert float(row["imr_ml"]) == pytest.approx(PATIENT.island_ml, rel=0.1)
    assert float(row["reperfusion_fraction"]) > 0.9
    assert row["defuse2"] == "target"
    session = _rows(study / "derivatives/truth/sessions.tsv")[0]
    assert float(session["tmax6_ml"]) == pytest.approx(float(session["deficit_ml"]), rel=0.25)
    growth, reversal = float(row["growth_voxelwise_ml"]), float(row["reversal_ml"])
    assert growth - reversal == pytest.approx(float(row["growth_ml"]), abs=0.5)


def test_island_has_the_stated_blood_volume(study):
    folder = study / "derivatives/truth/sub-02/ses-post/perf"
    island = nib.load(folder / "sub-02_ses-post_desc-imr_mask.nii.gz").get_fdata() > 0
    lesion = nib.load(folder / "sub-02_ses-post_space-dscref_desc-lesion_mask.nii.gz").get_fdata() > 0
    cbv = nib.load(folder / "sub-02_ses-post_cbv.nii.gz").get_fdata()
    mtt = nib.load(folder / "sub-02_ses-post_mtt.nii.gz").get_fdata()
    cbf = nib.load(folder / "sub-02_ses-post_cbf.nii.gz").get_fdata()
    known = np.isfinite(cbf) & (cbf > 0)
    np.testing.assert_allclose(cbv[known], (cbf * mtt / 60)[known], rtol=1e-4)
    assert np.median(cbv[island]) < 0.75 * np.median(cbv[lesion & ~island])


def test_transforms_agree_with_each_other(study):
    folder = study / "derivatives/truth/sub-02/ses-post"

    def matrix(name):
        rows = _rows(folder / f"{name}_xfm.tsv")
        values = [[float(row[f"m{i}{j}"]) for i in range(3) for j in range(4)] for row in rows]
        return np.stack([np.vstack([np.reshape(v, (3, 4)), [0, 0, 0, 1]]) for v in values])

    to_dsc = matrix("perf/sub-02_ses-post_from-head_to-dscref_mode-points")[0]
    to_dwi = matrix("dwi/sub-02_ses-post_from-head_to-dwi_mode-points")[0]
    joint = matrix("dwi/sub-02_ses-post_from-dwi_to-dscref_mode-points")[0]
    np.testing.assert_allclose(joint @ to_dwi, to_dsc, atol=1e-5)
    frames = matrix("perf/sub-02_ses-post_from-dscref_to-dsc_mode-points")
    assert len(frames) == TINY.dsc.frames
    assert np.abs(frames - rigid((0, 0, 0), (0, 0, 0))).max() > 0.01


def test_expert_mask_is_there_for_those_who_have_one(study):
    assert len(list((study / "derivatives/lesions").rglob("*_label-L_mask.nii.gz"))) == 1


def test_a_folder_that_holds_something_is_left_alone(study):
    with pytest.raises(FileExistsError, match="not empty"):
        simulate_study(study, [PATIENT], TINY)
