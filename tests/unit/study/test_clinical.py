from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.sidecars import sidecar_path
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.index import index_study
from reperfuse.study.manifest import Manifest

INPUTS = {
    "dsc": {"datatype": "perf", "suffix": "dsc"},
    "dwi": {"datatype": "dwi", "suffix": "dwi"},
    "adc": {"datatype": "dwi", "suffix": "ADC"},
    "trace": {"datatype": "dwi", "suffix": "trace"},
    "flair": {"datatype": "anat", "suffix": "FLAIR"},
}


ROLES = {"baseline": "baseline", "post": "post", "followup": "followup"}


class Study:
    """A study of one-voxel scans."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.1"}')

    def add(
        self,
        name: str,
        sidecar: dict[str, Any] | None = None,
        frames: int | None = None,
        spacing_s: float = 1.5,
    ) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (1, 1, 1) if frames is None else (1, 1, 1, frames)
        nifti.save(path, np.ones(shape), np.eye(4), sidecar=sidecar or {}, frame_spacing_s=spacing_s)
        if sidecar is None:
            sidecar_path(path).unlink()
        return path

    def dsc(self, subject: str, session: str, sidecar: dict[str, Any] | None, extra: str = "", **kw: Any) -> Path:
        name = f"sub-{subject}/ses-{session}/perf/sub-{subject}_ses-{session}{extra}_dsc.nii.gz"
        return self.add(name, sidecar, frames=3, **kw)

    def index(self, **kw: Any) -> Manifest:
        return index_study(self.root, inputs=INPUTS, roles=ROLES, **kw)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "a study with späces")


def reason(manifest: Manifest) -> str:
    (scan,) = manifest.scans
    return scan.reason


def test_clinical_values_prefer_the_session(study: Study) -> None:
    (study.root / "participants.tsv").write_text(
        "participant_id\tside\treocclusion\nsub-01\tleft\t0\nsub-02\tn/a\tn/a\n"
    )
    (study.root / "sub-01").mkdir()
    (study.root / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\treocclusion\nses-post\t1\nses-x\tn/a\n")
    clinical = ClinicalData(study.root)
    assert clinical.value("01", "post", "side") == "left"
    assert clinical.is_set("01", "post", "reocclusion")
    assert not clinical.is_set("01", "x", "reocclusion")
    assert clinical.value("02", None, "side") == ""


@pytest.mark.parametrize(
    ("written", "grade"),
    [("0", "0"), ("0.0", "0"), ("1", "1"), ("1.0", "1"), ("2a", "2a"), ("2A", "2a"), ("3.0", "3"), ("n/a", "")],
)
def test_a_grade_is_one_however_a_table_writes_it(study: Study, written: str, grade: str) -> None:
    # a column of 0, 1 and gaps comes out of pandas as 0.0 and 1.0
    (study.root / "participants.tsv").write_text(f"participant_id\tmtici\nsub-01\t{written}\n")
    assert ClinicalData(study.root).grade("01", None, "mtici") == grade


@pytest.mark.parametrize(
    ("onset", "scanned", "hours"),
    [
        ("2025-03-04T08:10:00", "2025-03-04T11:40:00", 3.5),
        ("2025-03-03T23:40:00", "2025-03-04T00:10:00.000", 0.5),
        ("2025-03-04T08:10:00+01:00", "2025-03-04T11:40:00+00:00", 4.5),
        ("08:10", "2025-03-04T11:40:00", 3.5),
        ("8:10:30", "2025-03-04T11:40:30", 3.5),
        ("22:40", "2025-03-04T01:40:00", 3.0),  # the evening before
        ("7.25", "n/a", 7.25),
    ],
)
def test_hours_from(study: Study, onset: str, scanned: str, hours: float) -> None:
    clinical = _timed(study, onset, scanned)
    assert clinical.hours_from("01", "baseline", "onset_time") == pytest.approx(hours)


@pytest.mark.parametrize(
    ("onset", "scanned", "reason"),
    [
        ("n/a", "2025-03-04T11:40:00", "have no onset_time"),
        ("2025-03-04T08:10:00", "n/a", "no acq_time"),
        ("2025-03-04T12:10:00", "2025-03-04T11:40:00", "lies after the session"),
        ("in the morning", "2025-03-04T11:40:00", "cannot be taken from acq_time"),
        ("2025-03-04T08:10:00+01:00", "2025-03-04T11:40:00", "cannot be taken from acq_time"),
        ("25:10", "2025-03-04T11:40:00", "cannot be taken from acq_time"),
    ],
)
def test_unknown_hours_have_a_reason(study: Study, onset: str, scanned: str, reason: str) -> None:
    with pytest.raises(DataFault, match=reason):
        _timed(study, onset, scanned).hours_from("01", "baseline", "onset_time")


def _timed(study: Study, onset: str, scanned: str) -> ClinicalData:
    (study.root / "participants.tsv").write_text(f"participant_id\tonset_time\nsub-01\t{onset}\n")
    (study.root / "sub-01").mkdir()
    (study.root / "sub-01" / "sub-01_sessions.tsv").write_text(f"session_id\tacq_time\nses-baseline\t{scanned}\n")
    return ClinicalData(study.root)


def test_a_number_that_is_none_has_a_reason(study: Study) -> None:
    ages = "participant_id\tage\nsub-01\t89+\nsub-02\t71\nsub-03\tn/a\n"
    (study.root / "participants.tsv").write_text(ages)
    clinical = ClinicalData(study.root)
    assert clinical.number("02", None, "age") == 71
    for subject, reason in (("01", "'89\\+', which is no number"), ("03", "have no age")):
        with pytest.raises(DataFault, match=reason):
            clinical.number(subject, None, "age")
