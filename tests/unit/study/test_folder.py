"""A folder that is no study is told for what it is, with the folder that was meant or what to do."""

import json
from pathlib import Path

import pytest
from reperfuse.study.folder import check_study
from reperfuse.study.manifest import StudyError
from studies import GOOD, Study


def refused(folder: Path) -> str:
    with pytest.raises(StudyError) as caught:
        check_study(folder)
    return str(caught.value)


def described(folder: Path, **said: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "x", "BIDSVersion": "1.10.0", **said}))
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    made = Study(tmp_path / "study")
    made.dsc("01", "baseline", GOOD)
    return made.root


def test_a_study_is_accepted(study: Path) -> None:
    check_study(study)
    # a raw study may lie among the derivatives of another
    inner = Study(study / "derivatives" / "defaced")
    inner.dsc("01", "baseline", GOOD)
    check_study(inner.root)


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    wanted = "name the folder that holds dataset_description.json and the sub-<label> folders"
    assert refused(tmp_path / "none") == f"bids_dir: there is no folder {tmp_path / 'none'}; check the path"
    assert refused(tmp_path / "empty") == f"bids_dir: {tmp_path / 'empty'} is empty; {wanted}"
    assert refused(tmp_path / "file") == f"bids_dir: {tmp_path / 'file'} is a file; {wanted}"


@pytest.mark.parametrize("name", ["a/b/IM0001", "a/1.2.840.113619.2", "DICOMDIR", "x/1.dcm", "1.IMA"])
def test_dicom_files(tmp_path: Path, name: str) -> None:
    file = tmp_path / "scans" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(128) + b"DICM" + bytes(20))
    said = refused(tmp_path / "scans")
    assert "it holds DICOM files: make a BIDS study of them first, for instance with dcm2bids" in said


def test_a_described_folder_of_dicom_files(tmp_path: Path) -> None:
    folder = described(tmp_path / "scans")
    (folder / "1.dcm").touch()
    assert "holds no sub-<label> folder, so there is nothing to compute; it holds DICOM files" in refused(folder)


def test_images_that_are_not_named_as_bids(tmp_path: Path) -> None:
    (tmp_path / "scans" / "patient 1").mkdir(parents=True)
    (tmp_path / "scans" / "patient 1" / "dwi.nii.gz").touch()
    assert "it holds NIfTI images that are not named as BIDS says, as sub-01/ses-baseline" in refused(
        tmp_path / "scans"
    )


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "notes.txt").write_text("x" * 200)
    said = refused(tmp_path / "scans")
    assert said.endswith("has no dataset_description.json; name the folder that holds dataset_description.json and the "
                         "sub-<label> folders")  # fmt: skip


def test_a_study_without_its_description(tmp_path: Path) -> None:
    (tmp_path / "study" / "sub-01").mkdir(parents=True)
    said = refused(tmp_path / "study")
    assert 'so write that file, with the line {"Name": "my study", "BIDSVersion": "1.10.0"}' in said
    (tmp_path / "study" / "dataset_description.json").write_text(said.partition("with the line ")[2])
    check_study(tmp_path / "study")


def test_one_patient_of_a_study(study: Path) -> None:
    said = refused(study / "sub-01")
    assert "is the folder of one patient, not a study" in said
    assert f"name the study, {study}; participants: [sub-01] in the config keeps this patient alone" in said
    assert f"lies in the folder of sub-01, not a study; name the study, {study};" in refused(
        study / "sub-01/ses-baseline"
    )
    assert f"name the study, {study};" in refused(study / "sub-01" / "ses-baseline" / "perf")


def test_one_patient_of_no_study(tmp_path: Path) -> None:
    (tmp_path / "all" / "sub-7").mkdir(parents=True)
    assert f"name the study, {tmp_path / 'all'};" in refused(tmp_path / "all" / "sub-7")


def test_results(study: Path, tmp_path: Path) -> None:
    made = described(study / "derivatives" / "reperfuse", DatasetType="derivative", GeneratedBy=[{"Name": "reperfuse"}])
    (made / "sub-01").mkdir()
    meant = f"not raw scans; name the study they were made from, {study}"
    assert refused(made) == f"bids_dir: {made} holds results of reperfuse, {meant}"
    assert refused(study / "derivatives").endswith(
        f"lies among what was made from a study; name the study itself, {study}"
    )
    elsewhere = described(tmp_path / "out", DatasetType="derivative", GeneratedBy="x")
    assert "holds results, not raw scans: its dataset_description.json says DatasetType derivative" in refused(
        elsewhere
    )


def test_the_folder_above_a_study(study: Path) -> None:
    assert refused(study.parent).endswith(f"it holds the study {study}: name that")
    Study(study.parent / "zweite").dsc("01", "baseline", GOOD)
    assert refused(study.parent).endswith(f"it holds the study {study}: name that, or another of its studies")


def test_an_unreadable_description_is_no_derivative(study: Path) -> None:
    (study / "dataset_description.json").write_text("[")
    check_study(study)
