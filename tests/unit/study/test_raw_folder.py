"""A study whose raw scans lie in ``rawdata/``, beside what was derived from them and a clinical file a patient."""

from datetime import datetime, time
from pathlib import Path

import pytest
from isles24 import write_table
from openpyxl import Workbook
from reperfuse.faults import DataFault
from reperfuse.files.workbooks import read_sheet
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.folder import check_study
from reperfuse.study.index import index_study
from reperfuse.study.layout import scan_folders
from reperfuse.study.manifest import Manifest, StudyError
from reperfuse.study.results import put_aside
from reperfuse.study.vocabulary import read_moment
from studies import ROLES, Study

ANY = {
    "ctp": {"suffix": "ctp"},
    "dwi": {"datatype": "dwi", "suffix": "dwi"},
    "adc": {"datatype": None, "suffix": "adc"},
    "trace": {"datatype": None, "suffix": "dwi"},
}


@pytest.fixture(params=["rawdata", "raw_data"])
def study(tmp_path: Path, request: pytest.FixtureRequest) -> Study:
    made = Study(tmp_path / request.param)
    (made.root / "dataset_description.json").unlink()
    made.add("sub-1/ses-baseline/sub-1_ses-baseline_ctp.nii.gz", frames=30)
    for name in ("space-ncct_dwi", "space-ncct_adc"):
        made.add(f"../derivatives/sub-1/ses-followup/sub-1_ses-followup_{name}.nii.gz")
    made.add("../derivatives/sub-1/ses-baseline/sub-1_ses-baseline_space-ncct_ctp.nii.gz", frames=40)
    return made


def index(study: Study, **kw) -> Manifest:
    return index_study(study.root, inputs=ANY, roles=ROLES, acquisition={"repetition_time_s": 1.0}, **kw)


def used(manifest: Manifest) -> dict[tuple[str, str], str]:
    return {(scan.session, scan.kind): Path(scan.path).parts[-4] for scan in manifest.scans if not scan.reason}


def test_the_name_of_the_folder_says_what_a_description_would(study: Study, tmp_path: Path) -> None:
    check_study(study.root)
    with pytest.raises(StudyError, match=f"it holds the study .*{study.root.name}: name that"):
        check_study(tmp_path)
    other = study.root.rename(tmp_path / "scans")
    with pytest.raises(StudyError, match="it has no dataset_description"):
        check_study(other)


def test_a_raw_scan_is_used_before_a_derived_one(study: Study) -> None:
    manifest = index(study)
    assert used(manifest) == {
        ("baseline", "ctp"): study.root.name,
        ("followup", "adc"): "derivatives",
        ("followup", "trace"): "derivatives",
    }
    assert [scan.reason for scan in manifest.scans if scan.reason] == []  # a trace image is no misnamed series


def test_derivatives_beside_another_folder_are_not_read(study: Study, tmp_path: Path) -> None:
    (study.root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.1"}')
    study.root = study.root.rename(tmp_path / "study")
    assert scan_folders(study.root) == [study.root]
    assert used(index(study)) == {("baseline", "ctp"): "study"}


def test_a_session_of_derived_scans_is_in_the_study(study: Study, tmp_path: Path) -> None:
    results = tmp_path / "results"
    for session in ("baseline", "followup", "gone"):
        (results / "sub-1" / f"ses-{session}").mkdir(parents=True)
    assert list(put_aside(results, study.root)) == ["sub-1/ses-gone"]


@pytest.mark.parametrize("name", ["lesion-msk", "space-ncct_lesion-msk", "msk"])
def test_an_infarct_among_other_images(study: Study, tmp_path: Path, name: str) -> None:
    mask = study.add(f"../derivatives/sub-1/ses-followup/sub-1_ses-followup_{name}.nii.gz")
    study.add("../derivatives/sub-1/ses-baseline/sub-1_ses-baseline_space-ncct_lvo-msk.nii.gz")
    manifest = index(study, given={"lesion": tmp_path / "derivatives"})
    scan = manifest.find("1", "followup", "lesion")
    assert scan
    assert Path(scan.path).name == mask.name
    assert scan.settings == '{"datatype": "dwi"}'
    assert [scan.reason for scan in manifest.scans if scan.reason] == []


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_clinical_file_a_patient(study: Study, tmp_path: Path, ending: str) -> None:
    place = tmp_path / "phenotype" / "sub-1"
    place.mkdir(parents=True)
    write_table(place / f"sub-1_baseline.{ending}", {"Age": "71", "Side": "left MCA"})
    write_table(place / f"sub-1_outcome.{ending}", {"NIHSS 24h": "6"})
    clinical = ClinicalData(study.root, {"age": "Age", "side": "Side", "nihss_24h": "NIHSS 24h"})
    assert clinical.all_known("1", ["baseline"]) == {"age": 71, "side": "left", "nihss_24h": 6}
    assert clinical.notes() == []
    # the study's own table goes before
    (study.root / "participants.tsv").write_text("participant_id\tAge\nsub-1\t72\n")
    assert ClinicalData(study.root, {"age": "Age"}).all_known("1", ["baseline"]) == {"age": 72}


def test_semicolons_and_a_file_that_is_no_workbook(study: Study, tmp_path: Path) -> None:
    place = tmp_path / "phenotype"
    place.mkdir()
    (place / "sub-1_baseline.csv").write_text("age;glucose\n71;5,5\n")
    (place / "sub-1_outcome.xlsx").write_text("no workbook")
    clinical = ClinicalData(study.root)
    assert clinical.all_known("1", ["baseline"]) == {"age": 71, "glucose": 5.5}
    said = "sub-1_outcome.xlsx: it cannot be read as an Excel workbook; save it as CSV"
    assert clinical.notes() == [("participants.tsv", said)]


def test_a_workbook_with_gaps_and_dates(tmp_path: Path) -> None:
    book = Workbook()
    book.active.title = "second"
    sheet = book.create_sheet("first", 0)
    sheet["B1"], sheet["C1"], sheet["AA1"] = 2, datetime(2026, 3, 1), "x"
    sheet["A2"], sheet["B2"] = datetime(2026, 3, 1, 8, 10), time(8, 10)
    book["second"]["A1"] = "not this one"
    book.save(tmp_path / "a.xlsx")
    assert read_sheet(tmp_path / "a.xlsx") == [
        ["", "2", "2026-03-01", *[""] * 23, "x"],
        ["2026-03-01 08:10:00", "08:10:00", *[""] * 25],
    ]
    assert read_moment(read_sheet(tmp_path / "a.xlsx")[1][0]) == datetime(2026, 3, 1, 8, 10)
    with pytest.raises(DataFault, match="there is no such file"):
        read_sheet(tmp_path / "b.xlsx")
