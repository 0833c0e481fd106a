"""What is read of an ASL sidecar and its context, and what is refused with which words."""

import json
from pathlib import Path
from typing import Any

import pytest
from reperfuse.faults import DataFault
from reperfuse.files.nifti import Header
from reperfuse.study.labelling import asl_settings, m0_settings

PATH = Path("/study/sub-01/perf/sub-01_asl.nii.gz")
PCASL: dict[str, Any] = {
    "MagneticFieldStrength": 3,
    "MRAcquisitionType": "3D",
    "EchoTime": 0.012,
    "RepetitionTimePreparation": 4.5,
    "ArterialSpinLabelingType": "PCASL",
    "PostLabelingDelay": 2.0,
    "LabelingDuration": 1.8,
    "BackgroundSuppression": False,
    "M0Type": "Separate",
    "TotalAcquiredPairs": 2,
}
PASL: dict[str, Any] = {key: value for key, value in PCASL.items() if key != "LabelingDuration"} | {
    "ArterialSpinLabelingType": "PASL",
    "BolusCutOffFlag": True,
    "BolusCutOffDelayTime": 0.7,
    "BolusCutOffTechnique": "QUIPSSII",
}
FOUR = ["control", "label", "control", "label"]


def read(sidecar: dict[str, Any], rows: list[str] = FOUR, slices: int = 20) -> dict[str, Any]:
    settings = asl_settings(PATH, sidecar, rows, Header((64, 64, slices, len(rows)), None))
    assert json.loads(json.dumps(settings)) == settings
    return settings


def fault(sidecar: dict[str, Any], rows: list[str] = FOUR) -> str:
    with pytest.raises(DataFault) as caught:
        read(sidecar, rows)
    return str(caught.value)


def test_one_delay_is_that_of_every_volume() -> None:
    settings = read(PCASL)
    assert settings["delays_s"] == [2.0] * 4
    assert settings["durations_s"] == [1.8] * 4
    assert settings["repetition_times_s"] == [4.5] * 4
    assert (settings["labeling"], settings["m0"], settings["notes"]) == ("PCASL", "separate", [])
    assert "slice_axis" not in settings


def test_a_delay_may_be_given_for_each_volume_and_be_none_in_an_m0_scan() -> None:
    rows = ["label", "control", "m0scan", "noRF"]
    times = {"PostLabelingDelay": [1.0, 1.0, 0, 0], "LabelingDuration": [1.8, 1.8, 0, 0], "M0Type": "Included"}
    settings = read(PCASL | times, rows)
    assert settings["delays_s"] == [1.0, 1.0, 0.0, 0.0]
    assert settings["volume_types"] == rows


@pytest.mark.parametrize(
    ("keys", "efficiency"),
    [
        ({}, 0.85),
        ({"ArterialSpinLabelingType": "CASL"}, 0.68),
        (PASL, 0.98),
        ({"BackgroundSuppression": True, "BackgroundSuppressionNumberPulses": 2}, 0.85 * 0.95**2),
        ({"BackgroundSuppression": True, "BackgroundSuppressionPulseTime": [0.8, 1.2, 1.5]}, 0.85 * 0.95**3),
        ({"BackgroundSuppressionNumberPulses": 4}, 0.85),
        ({"BackgroundSuppression": True, "BackgroundSuppressionNumberPulses": 4, "LabelingEfficiency": 0.6}, 0.6),
    ],
)
def test_efficiency_follows_labelling_and_background_suppression(keys: dict[str, Any], efficiency: float) -> None:
    settings = read(PCASL | keys)
    assert settings["efficiency"] == pytest.approx(efficiency, abs=1e-12)
    assert settings["notes"] == []


def test_an_unknown_number_of_suppression_pulses_is_told() -> None:
    (note,) = read(PCASL | {"BackgroundSuppression": True})["notes"]
    assert "BackgroundSuppressionNumberPulses is missing" in note


@pytest.mark.parametrize("cut_off", [0.7, [0.7, 1.2]])
def test_a_pulsed_bolus_ends_with_the_first_pulse_that_cuts_it(cut_off: Any) -> None:
    settings = read(PASL | {"BolusCutOffDelayTime": cut_off, "BolusCutOffTechnique": "Q2TIPS"})
    assert settings["durations_s"] == [0.7] * 4


def test_slices_are_timed_from_the_first_in_the_order_of_the_voxels() -> None:
    two = PCASL | {"MRAcquisitionType": "2D", "SliceTiming": [2.1, 2.0, 2.2]}
    settings = asl_settings(PATH, two, FOUR, Header((64, 64, 3, 4), None))
    assert settings["slice_axis"] == 2
    assert settings["slice_times_s"] == pytest.approx([0.1, 0.0, 0.2])
    settings = asl_settings(PATH, two | {"SliceEncodingDirection": "j-"}, FOUR, Header((64, 3, 64, 4), None))
    assert settings["slice_axis"] == 1
    assert settings["slice_times_s"] == pytest.approx([0.2, 0.0, 0.1])


@pytest.mark.parametrize("stated", [2.89, 3, 3.0, 1.494, 1.5])
def test_a_field_strength_goes_by_its_name(stated: float) -> None:
    assert read(PCASL | {"MagneticFieldStrength": stated})["field_strength_t"] in (1.5, 3.0)


def test_m0_comes_in_four_forms() -> None:
    assert read(PCASL | {"M0Type": "Included"}, [*FOUR, "m0scan"])["m0"] == "included"
    assert read(PCASL | {"M0Type": "Separate"})["m0"] == "separate"
    estimate = read(PCASL | {"M0Type": "Estimate", "M0Estimate": 1500})
    assert (estimate["m0"], estimate["m0_estimate"]) == ("estimate", 1500.0)
    absent = read(PCASL | {"M0Type": "Absent"})
    assert absent["m0"] == "control"
    assert "mean control volume takes its place" in absent["notes"][0]


@pytest.mark.parametrize("key", list(PCASL))
def test_each_missing_key_is_named(key: str) -> None:
    for lacking in ({name: value for name, value in PCASL.items() if name != key}, PCASL | {key: None}):
        said = fault(lacking)
        assert f"sub-01_asl.json: {key} is missing" in said


@pytest.mark.parametrize("key", ["BolusCutOffFlag", "BolusCutOffDelayTime", "BolusCutOffTechnique"])
def test_each_missing_key_of_pulsed_labelling_is_named(key: str) -> None:
    assert f"{key} is missing" in fault({name: value for name, value in PASL.items() if name != key})


def test_all_missing_keys_are_named_at_once() -> None:
    said = fault({"ArterialSpinLabelingType": "PCASL", "MRAcquisitionType": "2D", "M0Type": "Estimate"})
    missing = ("PostLabelingDelay", "LabelingDuration", "SliceTiming", "EchoTime", "M0Estimate", "TotalAcquiredPairs")
    assert all(key in said for key in missing)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"PostLabelingDelay": 2000}, "PostLabelingDelay is 2000, which is not a plausible number of seconds"),
        ({"PostLabelingDelay": [2, 2, 2, 1800]}, "PostLabelingDelay is 1800"),
        ({"PostLabelingDelay": 0}, "PostLabelingDelay is 0"),
        ({"PostLabelingDelay": [1.0, 1.5]}, "PostLabelingDelay holds 2 values for the 4 volumes"),
        ({"PostLabelingDelay": "Smith, John"}, "PostLabelingDelay is not a plausible"),
        ({"PostLabelingDelay": float("nan")}, "PostLabelingDelay is nan"),
        ({"LabelingDuration": 1800}, "LabelingDuration is 1800"),
        ({"RepetitionTimePreparation": 4500}, "RepetitionTimePreparation is 4500"),
        ({"ArterialSpinLabelingType": "VSASL"}, "should be one of PCASL, CASL, PASL"),
        ({"M0Type": "separate"}, "M0Type should be one of Separate, Included"),
        ({"M0Type": "Included"}, "M0Type is Included, and no row is m0scan"),
        ({"M0Type": "Estimate", "M0Estimate": -3}, "M0Estimate should be a number above 0"),
        ({"M0Type": "Absent", "BackgroundSuppression": True}, "M0Type is Absent, and BackgroundSuppression"),
        ({"MagneticFieldStrength": 7}, "MagneticFieldStrength should be 1.5 or 3 T"),
        ({"MagneticFieldStrength": 30000}, "MagneticFieldStrength should be 1.5 or 3 T"),
        ({"LabelingEfficiency": 85}, "LabelingEfficiency should lie between 0 and 1"),
        ({"LookLocker": True, "FlipAngle": 25}, "a Look-Locker readout"),
        ({"BackgroundSuppression": "yes"}, "BackgroundSuppression should be true or false"),
        ({"MRAcquisitionType": "2D", "SliceTiming": [0.0, 0.1]}, "SliceTiming should hold 20 times"),
        ({"MRAcquisitionType": "2D", "SliceTiming": [35.0 * n for n in range(20)]}, "check that they are not in ms"),
        (PASL | {"BolusCutOffDelayTime": 700}, "BolusCutOffDelayTime is 700"),
        (PASL | {"BolusCutOffFlag": False}, "is not cut off by QUIPSSII or Q2TIPS"),
        (PASL | {"BolusCutOffTechnique": "QUIPSS"}, "is not cut off by QUIPSSII or Q2TIPS"),
        ({"BackgroundSuppression": True, "BackgroundSuppressionNumberPulses": 2.5}, "should be a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused(keys: dict[str, Any], said: str) -> None:
    message = fault(PCASL | keys)
    assert said in message
    assert "Smith" not in message
    assert "/study" not in message


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["control", "label", "control"], "2 control and 1 label volumes at a PostLabelingDelay of 2 s"),
        (["label", "label"], "0 control and 2 label volumes"),
        (["cbf"], "only the scanner's own CBF"),
        (["m0scan", "noRF"], "no labelled volume"),
        (["control", "label", "deltam"], "deltam stands beside control and label"),
        (["control", "tag"], "row 2 is none of control, label"),
    ],
)
def test_rows_that_make_no_pairs_are_refused(rows: list[str], said: str) -> None:
    message = fault(PCASL, rows)
    assert message.startswith("sub-01_aslcontext.tsv: ")
    assert said in message


def test_pairs_are_counted_at_each_delay() -> None:
    assert "at a PostLabelingDelay of 1 s" in fault(PCASL | {"PostLabelingDelay": [1.0, 2.0, 2.0, 2.0]})


def test_rows_are_counted() -> None:
    with pytest.raises(DataFault, match=r"4 rows for the 6 volumes of sub-01_asl\.nii\.gz"):
        asl_settings(PATH, PCASL, FOUR, Header((64, 64, 20, 6), None))


def test_differences_alone_are_enough() -> None:
    settings = asl_settings(PATH, PCASL, ["deltam"], Header((64, 64, 20), None))
    assert settings["volume_types"] == ["deltam"]


def test_a_separate_m0_scan_has_a_repetition_time() -> None:
    path = PATH.with_name("sub-01_m0scan.nii.gz")
    assert m0_settings(path, {"RepetitionTimePreparation": 10}, Header((64, 64, 20), None)) == {
        "repetition_times_s": [10.0]
    }
    with pytest.raises(DataFault, match=r"sub-01_m0scan\.json: RepetitionTimePreparation is missing"):
        m0_settings(path, {}, Header((64, 64, 20), None))
