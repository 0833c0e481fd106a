"""Files and folders that may not be read. Root may read all, so that the refusals are simulated."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.manifest import StudyError
from studies import GOOD, Study

COLUMNS = {"side": "side"}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    study = Study(tmp_path / "study")
    for patient in ("01", "02"):
        study.dsc(patient, "baseline", GOOD)
        scan = f"sub-{patient}/ses-baseline/dwi/sub-{patient}_ses-baseline_dwi"
        study.add(f"{scan}.nii.gz", {}, frames=3)
        (study.root / f"{scan}.bval").write_text("0 1000 1000")
        (study.root / f"{scan}.bvec").write_text("0 1 0\n0 0 1\n0 0 0")
        (study.root / f"sub-{patient}" / f"sub-{patient}_sessions.tsv").write_text("session_id\tside\nbaseline\tleft\n")
    return study


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what locks a folder: nothing in it may be opened nor looked at, and its names may or may not be listed."""

    def lock(folder: Path, may_list: bool = False) -> None:
        def refuse(name: str, is_refused: Callable[[Path], bool]) -> None:
            call = getattr(os, name)

            def asked(path: Any = ".", *rest: Any, **more: Any) -> Any:
                if isinstance(path, str | Path) and is_refused(Path(path)):
                    raise PermissionError(13, "Permission denied", str(path))
                return call(path, *rest, **more)

            monkeypatch.setattr(os, name, asked)

        refuse("stat", lambda path: folder in path.parents)
        refuse("scandir", lambda path: folder in path.parents or (path == folder and not may_list))
        access = os.access
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder and access(path, mode))

    return lock


@pytest.mark.parametrize("may_list", [False, True])
def test_a_locked_study_is_named(study: Study, lock: Callable[..., None], may_list: bool) -> None:
    lock(study.root, may_list)
    with pytest.raises(StudyError, match=r"^bids_dir: the folder .* may not be read; correct its permissions$"):
        study.index()


def test_a_locked_patient_costs_nobody_else(study: Study, lock: Callable[..., None]) -> None:
    lock(study.root / "sub-01")
    manifest = study.index()
    assert manifest.has("02", "baseline", "dsc")
    reasons = {scan.reason for scan in manifest.scans if scan.participant == "01" and scan.kind == "folder"}
    assert reasons == {"the folder sub-01 cannot be read; correct its permissions"}
    clinical = ClinicalData(study.root, COLUMNS)
    assert clinical.side("01", "baseline") == "unknown"
    assert ("sub-01_sessions.tsv: it may not be read; correct its permissions and those of its folder") in str(
        clinical.notes_of("01")
    )
    assert clinical.side("02", "baseline") == "left"


@pytest.mark.parametrize("may_list", [False, True])
def test_a_locked_folder_of_a_session_costs_its_scans(study: Study, lock: Callable[..., None], may_list: bool) -> None:
    lock(study.root / "sub-01" / "ses-baseline" / "dwi", may_list)
    manifest = study.index()
    assert manifest.has("01", "baseline", "dsc")
    assert not manifest.has("01", "baseline", "dwi")
    said = "it may not be read" if may_list else "the folder dwi cannot be read"
    assert any(said in scan.reason for scan in manifest.scans)


def test_directions_that_may_not_be_read_are_done_without(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Path.open

    def asked(path: Path, *rest: Any, **more: Any) -> Any:
        if path.name.endswith(".bvec"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *rest, **more)

    monkeypatch.setattr(Path, "open", asked)
    scan = study.index().find("01", "baseline", "dwi")
    assert scan is not None
    assert "bvals" in scan.settings
    assert "bvecs" not in scan.settings


@pytest.mark.parametrize("locked", ["", "sub-01", "sub-01/ses-baseline"])
def test_a_locked_folder_of_masks_stops_the_run(study: Study, lock: Callable[..., None], locked: str) -> None:
    """What it holds would be taken for what nobody has given, and a lesion be drawn in its place."""
    masks = Study(study.root / "derivatives" / "lesions")
    for patient in ("01", "02"):
        masks.add(f"sub-{patient}/ses-baseline/dwi/sub-{patient}_ses-baseline_label-L_mask.nii.gz")
    lock(masks.root / locked)
    with pytest.raises(StudyError, match=r"^lesion_masks: the folder .* may not be read; correct its permissions$"):
        study.index(given={"lesion": masks.root})
