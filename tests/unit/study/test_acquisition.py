import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.sidecars import sidecar_path
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


GOOD = {"RepetitionTime": 1.5, "EchoTime": 0.03}


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


@pytest.mark.parametrize(
    ("direction", "axis", "times"),
    [(None, 2, [0.0, 0.5, 1.0]), ("k-", 2, [1.0, 0.5, 0.0]), ("j", 1, [0.0, 0.5, 1.0])],
)
def test_slice_timing_is_in_the_order_of_the_voxels(
    study: Study, direction: str | None, axis: int, times: list[float]
) -> None:
    sidecar = GOOD | {"SliceTiming": [0.0, 0.5, 1.0]} | ({"SliceEncodingDirection": direction} if direction else {})
    path = study.dsc("01", "baseline", sidecar)
    shape = [1, 1, 1, 3]
    shape[axis] = 3
    nifti.save(path, np.ones(shape), np.eye(4), sidecar=sidecar, frame_spacing_s=1.5)
    settings = json.loads(study.index().scans[0].settings)
    assert (settings["slice_axis"], settings["slice_times_s"]) == (axis, times)


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        ({"SliceTiming": [0.0, 0.5]}, "SliceTiming should hold 1 times"),
        ({"SliceTiming": [1.5]}, "from 0 to less than 1.5 s; mend it, or leave it out"),
        ({"SliceTiming": 0.5}, "SliceTiming should hold 1 times"),
        ({"SliceTiming": [0.0], "SliceEncodingDirection": "z"}, "should be i, j or k"),
    ],
)
def test_slice_timing_that_cannot_be_is_refused(study: Study, timing: dict[str, Any], said: str) -> None:
    study.dsc("01", "baseline", GOOD | timing)
    assert said in reason(study.index())


@pytest.mark.parametrize(
    ("sidecar", "axis"),
    [
        ({"PhaseEncodingDirection": "j-"}, "j"),
        ({"PhaseEncodingAxis": "i"}, "i"),
        ({}, None),
        ({"PhaseEncodingDirection": "y"}, None),
    ],
)
def test_the_axis_of_phase_encoding_is_found(study: Study, sidecar: dict[str, str], axis: str | None) -> None:
    study.add("sub-01/ses-baseline/dwi/sub-01_ses-baseline_ADC.nii.gz", sidecar)
    assert json.loads(study.index().scans[0].settings).get("phase_encoding_axis") == axis
