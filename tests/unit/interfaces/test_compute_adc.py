"""A diffusion scan that cannot be used becomes files without a value and a reason, never a map."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nb
import numpy as np
import pytest
from heads import head
from numpy.typing import NDArray
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.interfaces import ComputeADC, ExtractBrain

SHAPE = (12, 14, 6)


def write(path: Path, data: NDArray[np.generic]) -> str:
    nb.save(nb.Nifti1Image(data, np.diag([2.0, 2.0, 5.0, 1.0])), path)
    return str(path)


def series(bvals: list[float]) -> NDArray[np.float32]:
    adc = np.random.default_rng(0).uniform(0.4e-3, 2.5e-3, SHAPE)
    return (800 * np.exp(-adc[..., None] * np.array(bvals))).astype(np.float32)


def compute(folder: Path, **inputs: str) -> dict[str, str]:
    outputs: dict[str, str] = ComputeADC(**inputs).run(cwd=str(folder)).outputs.get()
    return outputs


def assert_no_value(outputs: dict[str, str], reason: str) -> None:
    for path in outputs.values():
        assert reason in "; ".join(reasons(path)), reasons(path)
        assert np.isnan(nifti.load(path).data).all()


@pytest.mark.parametrize(
    ("recorded", "stated", "reason"),
    [
        ([0, 0], "0 0", "no diffusion-weighted image"),
        ([0, 1000], "0 1000 1000", "2 volumes but 3 b-values"),
        ([0, 2000], "0 2000", "found 2000"),
        ([1000, 1000], "1000 1000", "no image without"),
        ([0, 1000], "0 nan", "negative or missing"),
        ([0, 1000], "zero thousand", "not a table of numbers"),
        ([0, 1000], "", "2 volumes but 0 b-values"),
    ],
)
def test_unusable_b_values(tmp_path: Path, recorded: list[float], stated: str, reason: str) -> None:
    bvals = tmp_path / "x.bval"
    bvals.write_text(stated)
    assert_no_value(compute(tmp_path, dwi=write(tmp_path / "x.nii.gz", series(recorded)), bvals=str(bvals)), reason)


@pytest.mark.parametrize("stripped", [False, True])
def test_the_sidecar_says_whether_the_head_is_gone(tmp_path: Path, stripped: bool) -> None:
    shape, voxel = (40, 48, 24), np.array([5.0, 5.0, 6.0])
    places = (np.indices(shape).T - (np.array(shape) - 1) / 2) * voxel
    radius = np.linalg.norm(places / [0.85, 1.0, 0.8], axis=-1).T
    head = np.select([radius < 70, radius < 76, radius < 86], [800.0, 5.0, 300.0], 2.0)
    head *= np.random.default_rng(1).uniform(0.9, 1.1, shape)  # tissue of one value is no scan
    signal = np.where(radius < 70, head, 0) if stripped else head
    adc = np.random.default_rng(0).uniform(0.7e-3, 0.9e-3, shape)
    recorded = (signal[..., None] * np.exp(-adc[..., None] * [0, 1000])).astype(np.float32)
    path = tmp_path / "x.nii.gz"
    nb.save(nb.Nifti1Image(recorded, np.diag([*voxel, 1])), path)
    (tmp_path / "x.bval").write_text("0 1000")
    outputs = compute(tmp_path, dwi=str(path), bvals=str(tmp_path / "x.bval"))
    assert read_sidecar(outputs["adc"])["SkullStripped"] is stripped


def test_a_single_direction_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.bval").write_text("0 1000")
    (tmp_path / "x.bvec").write_text("0 1\n0 0\n0 0")
    files = {"bvals": str(tmp_path / "x.bval"), "bvecs": str(tmp_path / "x.bvec")}
    assert_no_value(compute(tmp_path, dwi=write(tmp_path / "x.nii.gz", series([0, 1000])), **files), "three")


@pytest.mark.parametrize(
    ("recorded", "reason"),
    [
        (np.zeros((*SHAPE, 2), np.float32), "the same value everywhere"),
        (np.full((*SHAPE, 2), np.nan, np.float32), "the same value everywhere"),
        (-series([0, 1000]), "positive signal"),
        (
            (np.linspace(10, 60, 12)[:, None, None, None] * series([0, 1000])).astype(np.int64).astype(np.int16),
            "overflow",
        ),
        (series([0, 1000])[..., 0], "3 dimensions"),
    ],
)
def test_unusable_series(tmp_path: Path, recorded: NDArray[np.generic], reason: str) -> None:
    (tmp_path / "x.bval").write_text("0 1000")
    outputs = compute(tmp_path, dwi=write(tmp_path / "x.nii.gz", recorded), bvals=str(tmp_path / "x.bval"))
    assert_no_value(outputs, reason)


def test_a_series_cut_off_in_transfer_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "x.bval").write_text("0 1000")
    whole = Path(write(tmp_path / "x.nii.gz", series([0, 1000])))
    whole.write_bytes(whole.read_bytes()[:2000])
    assert_no_value(compute(tmp_path, dwi=str(whole), bvals=str(tmp_path / "x.bval")), "it is cut off")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(SHAPE, np.float32), "empty"),
        (np.full(SHAPE, np.nan, np.float32), "empty"),
        (np.random.default_rng(0).integers(20_000, 50_000, SHAPE).astype(np.int16), "overflow"),
    ],
)
def test_unusable_maps(tmp_path: Path, values: NDArray[np.generic], reason: str) -> None:
    outputs = compute(tmp_path, adc=write(tmp_path / "x.nii.gz", values), units="10^-6 mm2/s")
    assert_no_value(outputs, reason)
    brain = ExtractBrain(reference=outputs["reference"]).run(cwd=str(tmp_path)).outputs.brain
    assert reason in reasons(brain)[0]


VOXEL, WHOLE = np.array([5.0, 5.0, 6.0]), (40, 46, 24)


@pytest.fixture(scope="module")
def scanned() -> dict[str, NDArray[np.float32]]:
    """A whole head: its series, and the scanner's maps of it."""
    recorded = head(voxel=VOXEL, shape=WHOLE)[0].astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        adc = np.log(recorded[..., 0] / recorded[..., 1]) / 1000
    air = recorded[..., 0] < 150
    return {"dwi": recorded, "adc": np.where(air, 0, adc), "trace": np.where(air, 0, recorded[..., 1])}


def of_head(folder: Path, scans: dict[str, NDArray[np.float32]], **more: str) -> dict[str, str]:
    for name, data in scans.items():
        nb.save(nb.Nifti1Image(data.astype(np.float32), np.diag([*VOXEL, 1.0])), folder / f"{name}.nii.gz")
        more[name] = str(folder / f"{name}.nii.gz")
    if "dwi" in scans:
        (folder / "x.bval").write_text("0 1000")
        more["bvals"] = str(folder / "x.bval")
    return compute(folder, **more)


def test_maps_of_a_head_are_taken(scanned: dict[str, NDArray[np.float32]], tmp_path: Path) -> None:
    for scans in ({"dwi": scanned["dwi"]}, {"adc": scanned["adc"], "trace": scanned["trace"]}):
        sidecar = read_sidecar(of_head(tmp_path, scans)["adc"])
        assert not {"Reasons", "Warnings"} & sidecar.keys()


@pytest.mark.parametrize("unit", [1.0, 1e3, 1e6])
def test_another_image_in_place_of_the_adc_is_refused(
    scanned: dict[str, NDArray[np.float32]], tmp_path: Path, unit: float
) -> None:
    trace = scanned["trace"]
    as_adc = trace * (0.8e-3 * unit / np.median(trace[trace > 0]))
    assert_no_value(of_head(tmp_path, {"adc": as_adc, "trace": trace}), "check that it is not the trace image")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda series: np.stack([series[..., 0], 0.9 * series[..., 0]], axis=-1), "check the b-values"),
        (lambda series: series[..., ::-1], "check the b-values"),
        (lambda series: np.minimum(series, 1.01 * np.median(series[series > 500])), "of the brain is cut off"),
        (
            lambda series: np.where((np.arange(24) == 11)[:, None] & [False, True], 0, series),
            ("most of the ADC is missing in 1 of 24 slices"),
        ),
    ],
    ids=["hardly weighted", "swapped", "saturated", "a slice of one image"],
)
def test_a_series_that_gives_no_adc_is_refused(
    scanned: dict[str, NDArray[np.float32]], tmp_path: Path, damage: Callable[[NDArray], NDArray], said: str
) -> None:
    assert_no_value(of_head(tmp_path, {"dwi": damage(scanned["dwi"])}), said)


def test_a_unit_in_words_of_its_own_is_told_and_not_quoted(
    scanned: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    scans = {"adc": scanned["adc"] * 1e6, "trace": scanned["trace"]}
    sidecar = read_sidecar(of_head(tmp_path, scans, units="Smith, John 1961")["adc"])
    assert sidecar["Warnings"] == [
        "the unit stated for the ADC is not understood, so it was taken from the brain's median"
    ]
    assert sidecar["Parameters"]["units"] == "not understood"
    assert "Smith" not in str(sidecar)


def test_gradients_of_another_program(tmp_path: Path) -> None:
    """A mark at the start of the b-values is none of theirs; what else stands in a file is not repeated."""
    series, bvals, bvecs = tmp_path / "dwi.nii.gz", tmp_path / "dwi.bval", tmp_path / "dwi.bvec"
    signal = np.random.default_rng(0).normal(500, 50, (8, 8, 8, 4))
    nifti.save(series, signal, np.eye(4), sidecar={})
    bvals.write_bytes(b"\xef\xbb\xbf0 1000 1000 1000")
    files = {"dwi": str(series), "bvals": str(bvals)}
    assert reasons(ComputeADC(**files).run(cwd=str(tmp_path / "one")).outputs.adc) == []
    bvecs.write_text("of Erika")
    done = ComputeADC(**files, bvecs=str(bvecs)).run(cwd=str(tmp_path / "two"))
    assert reasons(done.outputs.adc) == ["the diffusion directions are not a table of numbers; write the file again"]
