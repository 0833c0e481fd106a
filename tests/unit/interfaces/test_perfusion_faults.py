"""What the perfusion stage makes of series it cannot use: a stated reason, and nothing that looks like a value."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nibabel as nb
import numpy as np
import pytest
import yaml
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.interfaces import (
    CorrectMotion,
    DeconvolvePerfusion,
    ExtractBrain,
    MapDelay,
    MapTimeToPeak,
    MeasureSession,
    SegmentDelay,
    SegmentHypoperfusion,
    SelectArterialInput,
)
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.simulation import anatomy, scanner
from reperfuse.simulation.geometry import Grid
from reperfuse.simulation.hemodynamics import arterial_curve
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.protocols import Matrix, make_grid
from reperfuse.simulation.scanner import acquire_dsc
from reperfuse.simulation.scene import DscProtocol

ROOT = Path(__file__).parents[3]
FRAMES, TR_S, TE_S = 40, 2.0, 0.03


class Scan(NamedTuple):
    """A series, and the tissue whose Tmax is above 6 s by the true artery and without noise, mL."""

    data: np.ndarray
    affine: np.ndarray
    late_ml: float


def scan(slices: int, up_mm: float) -> Scan:
    """Head of a patient at rest, ``up_mm`` above the usual field of view."""
    grid = make_grid(Matrix((40, 40, slices), (5.5, 5.5, 9.0)))
    affine = grid.affine.copy()
    affine[2, 3] += up_mm
    patient, rest = Patient("01"), np.tile(np.eye(4), (FRAMES, 1, 1))
    protocol = DscProtocol(frames=FRAMES, tr_s=TR_S, te_s=TE_S, snr=80.0)
    flow = patient.flow("baseline")
    raised = Grid(grid.shape, affine)
    head = patient.head("baseline")
    done = acquire_dsc(head, flow, raised, np.eye(4), protocol, rest, 1)
    parts = scanner.moving_oversampling(raised)
    shares = anatomy.tissues(scanner.sample_points(raised, np.eye(4), head, parts))
    tissue = scanner.average_voxels(shares.grey + shares.white, raised, parts) >= 0.5
    curves = -np.log(done.still[tissue] / done.still[tissue][:, :1]) / TE_S
    late = deconvolve(curves, arterial_curve(np.arange(FRAMES) * TR_S, flow.bolus), TR_S).tmax > 6
    return Scan(done.series, affine, float(late.sum() * raised.voxel_ml))


@pytest.fixture(scope="module")
def whole() -> Scan:
    """Fourteen slices from the base of the brain up: arteries, veins and tissue."""
    return scan(14, 0.0)


@pytest.fixture(scope="module")
def vertex() -> Scan:
    """Eight slices above the arteries: tissue and the sagittal sinus."""
    return scan(8, 35.0)


def run_stage(series: np.ndarray, affine: np.ndarray, folder: Path) -> dict[str, str]:
    """Run the stage as its rules do; return its outputs."""
    dsc = folder / "sub-01_dsc.nii.gz"
    nifti.save(dsc, series, affine, sidecar={}, frame_spacing_s=TR_S)
    done: dict[str, str] = {"dsc": str(dsc)}

    def step(interface: type, names: tuple[str, ...], **parameters: float) -> None:
        place = folder / interface.__name__
        place.mkdir()
        inputs = {name: done[name] for name in names}
        made = interface(**inputs, **parameters).run(cwd=str(place)).outputs.get()
        done.update({name: path for name, path in made.items() if isinstance(path, str)})

    step(CorrectMotion, ("dsc",), repetition_time_s=TR_S)
    step(ExtractBrain, ("reference",))
    step(SelectArterialInput, ("series", "brain"), repetition_time_s=TR_S, echo_time_s=TE_S)
    step(DeconvolvePerfusion, ("series", "brain", "curves"), repetition_time_s=TR_S, echo_time_s=TE_S)
    step(MapDelay, ("series", "brain", "curves"), repetition_time_s=TR_S, echo_time_s=TE_S)
    step(MapTimeToPeak, ("series", "brain", "reference"), repetition_time_s=TR_S, echo_time_s=TE_S)
    del done["dsc"]
    return done


def without_bolus(series: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 5, series.shape)
    return np.clip(series[..., 6:7] + noise, 0, None)


def first_frames(count: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda series: series[..., :count]


def up_to_the_peak(series: np.ndarray) -> np.ndarray:
    # twenty frames at rest before it, so that the series is not refused for being short
    lowest = int(series.mean(axis=(0, 1, 2))[3:].argmin()) + 3
    return np.concatenate([np.repeat(series[..., 5:9], 5, axis=-1), series[..., 5 : lowest + 1]], axis=-1)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (without_bolus, "no bolus"),
        (up_to_the_peak, "the series ends before the bolus has passed"),
        (first_frames(15), "the series has 15 frames"),
        (lambda series: series[..., 8:], "the bolus arrives after 1 frames at steady state"),
        (lambda series: series[..., 10], "a DSC series has four dimensions"),
        (lambda series: series[..., ::-1], "the frames are in reverse order"),
        (lambda series: np.repeat(series, 2, axis=-1), "40 of 80 frames are copies"),
        (lambda series: np.minimum(series, np.percentile(series[..., 6], 80)), "of the brain is cut off"),
        (lambda series: series * np.float32(0), "empty or constant"),
        (lambda series: series * np.float32(np.nan), "empty or constant"),
        (lambda series: (series > series.mean()) * np.float32(1), "no bolus"),
    ],
    ids=[
        *("no bolus", "cut off at the peak", "15 frames", "starts with the bolus", "no series"),
        *("backward", "each frame twice", "saturated", "nothing", "missing", "a mask"),
    ],
)
def test_an_unusable_series_gives_a_reason_and_no_value(
    whole: Scan, tmp_path: Path, broken: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    assert_no_value(run_stage(broken(whole.data), whole.affine, tmp_path), said)


def test_a_voxel_that_no_scan_has_is_named(whole: Scan, tmp_path: Path) -> None:
    raw = nb.Nifti1Image(whole.data.astype(np.float32), whole.affine)
    raw.get_fdata(dtype=np.float32)[20, 20, 7] = 1e30
    path = str(tmp_path / "x.nii.gz")
    nb.save(nb.Nifti1Image(raw.get_fdata(dtype=np.float32), whole.affine), path)
    done = CorrectMotion(dsc=path, repetition_time_s=TR_S).run(cwd=str(tmp_path)).outputs.get()
    assert_no_value({name: done[name] for name in ("series", "reference", "timeseries")}, "the image is damaged")


def test_what_is_doubtful_of_a_series_is_told(whole: Scan, tmp_path: Path) -> None:
    series = whole.data.copy()
    series[..., 8] = series[..., 7]
    done = run_stage(np.minimum(series, np.percentile(series[..., 6], 95)), whole.affine, tmp_path)
    copies, clipped = read_sidecar(done["timeseries"])["Doubts"]
    assert copies == "1 of 40 frames are copies of the frame before"
    assert "of the brain is cut off at the largest value stored" in clipped
    row = MeasureSession(
        motion=done["timeseries"], participant="01", session="post", criteria={}, clinical={}, absences=[]
    )
    reasons_of_row = read_sidecar(row.run(cwd=str(tmp_path)).outputs.measures)["Row"]["reasons"]
    assert f"series: {copies}; series: {clipped}" in reasons_of_row


def test_no_artery_in_the_field_of_view_leaves_the_time_to_peak(vertex: Scan, tmp_path: Path) -> None:
    done = run_stage(vertex.data, vertex.affine, tmp_path)
    found = {name: done[name] for name in ("curves", "cbf", "cbv", "mtt", "tmax", "delay", "delaysd")}
    assert_no_value(found, "no artery in the field of view")
    assert not reasons(done["brain"])
    masks = SegmentHypoperfusion(tmax=done["tmax"], brain=done["brain"], reference=done["reference"], cbv=done["cbv"])
    tmax6 = masks.run(cwd=str(tmp_path)).outputs.tmax6
    late = SegmentDelay(delay=done["delay"], brain=done["brain"], reference=done["reference"], cbv=done["cbv"])
    found = late.run(cwd=str(tmp_path)).outputs
    brain = nifti.load(done["brain"]).mask
    assert np.isfinite(nifti.load(done["ttp"]).data[brain]).mean() > 0.9
    step = MeasureSession(
        tmax6=tmax6,
        delay3=found.delay3,
        delay_curves=found.curves,
        rttp45=done["rttp45"],
        curves=done["curves"],
        participant="01",
        session="post",
        criteria={},
        clinical={},
        absences=[],
        limits=yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["quality"],
    )
    row = read_sidecar(step.run(cwd=str(tmp_path)).outputs.measures)["Row"]
    assert row["status"] == "failed"
    assert "no artery in the field of view" in row["reasons"]
    assert row["rttp45_ml"] == pytest.approx(vertex.late_ml, rel=0.15)
    assert (
        row["tmax6_ml"]
        == row["arterial_delay3_ml"]
        == row["aif_fwhm_s"]
        == row["aif_score"]
        == row["bolus_cnr"]
        == "n/a"
    )


def test_the_same_stage_maps_the_whole_head(whole: Scan, tmp_path: Path) -> None:
    done = run_stage(whole.data, whole.affine, tmp_path)
    assert not any(reasons(path) for path in done.values())
    brain = nifti.load(done["brain"]).mask
    for name in ("cbf", "cbv", "mtt", "tmax", "ttp"):
        assert np.isfinite(nifti.load(done[name]).data[brain]).mean() > 0.9


def assert_no_value(done: dict[str, str], said: str) -> None:
    for name, path in done.items():
        (reason,) = reasons(path)
        assert said in reason, name
        if path.endswith(".nii.gz"):
            assert np.isnan(nifti.load(path).data).all(), name
        elif not path.endswith(".json"):
            assert Path(path).read_text() == "", name
