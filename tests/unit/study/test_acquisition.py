import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.sidecars import sidecar_path
from studies import GOOD, Study, reason


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "a study with späces")


@pytest.mark.parametrize(
    ("direction", "axis", "times"),
    [(None, 2, [0.0, 0.5, 1.0]), ("k-", 2, [1.0, 0.5, 0.0]), ("j", 1, [0.0, 0.5, 1.0])],
)
def test_slice_timing_is_in_the_order_of_the_voxels(
    study: Study, direction: str | None, axis: int, times: list[float]
) -> None:
    sidecar = GOOD | {"SliceTiming": [0.0, 0.5, 1.0]} | ({"SliceEncodingDirection": direction} if direction else {})
    path = study.dsc("01", "baseline", sidecar)
    shape = [40, 40, 40, 20]
    shape[axis] = 3
    nifti.save(path, np.ones(shape), np.diag([3.0, 3.0, 5.0, 1.0]), sidecar=sidecar, frame_spacing_s=1.5)
    settings = json.loads(study.index().scans[0].settings)
    assert (settings["slice_axis"], settings["slice_times_s"]) == (axis, times)


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        ({"SliceTiming": [0.0, 0.5]}, "SliceTiming should hold 1 times"),
        ({"SliceTiming": [1.5]}, "from 0 to less than 1.5 s; correct it, or leave it out"),
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


def dsc_with(study: Study, sidecar: dict[str, Any], frames: int = 40, spacing_s: float = 0.0) -> str:
    study.dsc("01", "baseline", sidecar, frames=frames, spacing_s=spacing_s)
    return reason(study.index())


@pytest.mark.parametrize(
    ("sidecar", "spacing_s", "said"),
    [
        (GOOD | {"RepetitionTime": 1.0, "AcquisitionDuration": 80.0}, 1.0, "AcquisitionDuration says 80 s"),
        (GOOD | {"RepetitionTime": 0.065}, 0.065, "0.065 s between frames is not plausible"),
        (GOOD | {"RepetitionTime": 12.0}, 12.0, "12 s between frames is not plausible"),
        ({"EchoTime": 0.03, "VolumeTiming": [*range(39), 60]}, 0.0, "VolumeTiming is not even"),
        ({"EchoTime": 0.03, "VolumeTiming": [0.0, 2.0, 5.0] * 13 + [9.0]}, 0.0, "VolumeTiming should increase"),
        ({"EchoTime": 0.03, "VolumeTiming": [0.0, 2.0]}, 0.0, "VolumeTiming should hold 40 times"),
        (GOOD | {"RepetitionTime": "Smith, John"}, 0.0, "RepetitionTime is not a plausible number"),
    ],
)
def test_a_spacing_that_cannot_be_is_named(study: Study, sidecar: dict[str, Any], spacing_s: float, said: str) -> None:
    found = dsc_with(study, sidecar, spacing_s=spacing_s)
    assert said in found
    assert "Smith" not in found


def test_even_volume_times_are_a_frame_spacing(study: Study) -> None:
    assert dsc_with(study, {"EchoTime": 0.03, "VolumeTiming": [2.0 * frame for frame in range(40)]}) == ""
    assert json.loads(study.index().scans[0].settings)["repetition_time_s"] == 2.0


def test_too_few_frames_are_no_first_passage(study: Study) -> None:
    assert "5 frames do not show the first passage" in dsc_with(study, GOOD, frames=5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"InstitutionName": "Tübingen"}'.encode("latin-1"), "its text is not UTF-8"),
        pytest.param(b"[" * 100_000, "not readable as JSON", id="nested"),
        (b"[1]", "not a JSON object"),
    ],
)
def test_a_broken_sidecar_is_a_reason(study: Study, content: bytes, said: str) -> None:
    path = study.dsc("01", "baseline", GOOD)
    sidecar_path(path).write_bytes(content)
    assert said in reason(study.index())


def dwi(study: Study, bvals: str, volumes: int = 2) -> Path:
    path = study.add("sub-01/ses-baseline/dwi/sub-01_ses-baseline_dwi.nii.gz", {}, frames=volumes)
    path.with_name("sub-01_ses-baseline_dwi.bval").write_text(bvals)
    return path


@pytest.mark.parametrize(
    ("bvals", "said"),
    [("0", "1 b-values for the 2 volumes"), ("1000 1000", "it has b = 1000 s/mm²"), ("0 b", "not a row of numbers")],
)
def test_b_values_that_give_no_adc_rule_the_series_out(study: Study, bvals: str, said: str) -> None:
    dwi(study, bvals)
    assert said in reason(study.index())


def test_b_values_may_lie_above(study: Study) -> None:
    path = dwi(study, "0 1000")
    path.with_name("sub-01_ses-baseline_dwi.bval").rename(study.root / "dwi.bval")
    assert json.loads(study.index().scans[0].settings)["bvals"] == str((study.root / "dwi.bval").absolute())


def test_a_map_of_several_volumes_is_refused_with_its_shape(study: Study) -> None:
    study.add("sub-01/ses-baseline/dwi/sub-01_ses-baseline_ADC.nii.gz", {}, frames=3)
    assert reason(study.index()).endswith(
        "it needs three dimensions, and has shape (40, 40, 1, 3); save it as one volume"
    )


def test_an_image_that_lost_its_geometry_is_no_head(study: Study) -> None:
    path = study.dsc("01", "baseline", GOOD)
    nifti.save(path, np.ones((40, 40, 4, 20)), np.eye(4), sidecar=GOOD, frame_spacing_s=1.5)
    assert "is only 40 mm wide, too small for a head" in reason(study.index())


@pytest.mark.parametrize(
    ("units", "passed_on"),
    [
        ("10⁻⁶ mm²/s", "10^-6 mm2/s"),
        ("Smith, John", "not understood"),
        ("Erika 10^-6 mm2/s", "not understood"),
        (None, None),
    ],
)
def test_the_unit_of_a_map_is_passed_on_in_known_words(study: Study, units: str | None, passed_on: str | None) -> None:
    study.add("sub-01/ses-baseline/dwi/sub-01_ses-baseline_ADC.nii.gz", {} if units is None else {"Units": units})
    assert json.loads(study.index().scans[0].settings).get("units") == passed_on


TWO_PHASES = [*map(float, range(15)), 17.0, 20.0, 23.0, 26.0, 29.0]


@pytest.mark.parametrize("key", ["VolumeTiming", "FrameTimesStart"])
def test_the_frames_of_ct_may_be_uneven(study: Study, key: str) -> None:
    study.ctp("01", "baseline", {key: [4.0 + time for time in TWO_PHASES], "RepetitionTime": 1.5})
    settings = json.loads(study.index().scans[0].settings)
    assert settings == {"repetition_time_s": 1.0, "frame_times_s": TWO_PHASES}


def test_ct_with_even_times_has_no_times_of_its_own(study: Study) -> None:
    study.ctp("01", "baseline", {"FrameTimesStart": [1.5 * number for number in range(20)]})
    assert json.loads(study.index().scans[0].settings) == {"repetition_time_s": 1.5}


@pytest.mark.parametrize(
    ("sidecar", "said"),
    [
        ({}, "RepetitionTime is missing"),
        ({"FrameTimesStart": [1000.0 * time for time in TWO_PHASES]}, "3000 s between two frames do not show"),
        ({"FrameTimesStart": TWO_PHASES[:-1]}, "FrameTimesStart should hold 20 times"),
        ({"FrameTimesStart": TWO_PHASES[::-1]}, "FrameTimesStart should increase from frame to frame"),
    ],
)
def test_times_of_ct_that_cannot_be_are_named(study: Study, sidecar: dict[str, Any], said: str) -> None:
    study.ctp("01", "baseline", sidecar)
    assert said in reason(study.index())


def test_ct_takes_its_spacing_from_the_config_where_it_has_no_sidecar(study: Study) -> None:
    study.ctp("01", "baseline", None)
    manifest = study.index(acquisition={"repetition_time_s": 1.5, "echo_time_s": None})
    assert json.loads(manifest.scans[0].settings) == {"repetition_time_s": 1.5}


def test_an_m0_image_needs_the_time_between_its_shots(study: Study) -> None:
    name = "sub-01/ses-baseline/perf/sub-01_ses-baseline_m0scan.nii.gz"
    study.add(name, {"RepetitionTimePreparation": 8.0})
    assert json.loads(study.index().scans[0].settings) == {"repetition_times_s": [8.0]}
    study.add(name, {})
    assert "RepetitionTimePreparation is missing" in reason(study.index())
