"""Motion correction from file to file: its figures, damaged frames, and series that cannot be used."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import nibabel as nb
import numpy as np
import pytest
from nipype.algorithms.confounds import FramewiseDisplacement
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.files.tables import read_columns
from reperfuse.interfaces import CorrectMotion, ExtractBrain, MeasureSession, SelectArterialInput
from reperfuse.simulation.anatomy import Head
from reperfuse.simulation.geometry import draw_motion
from reperfuse.simulation.physiology import Flow
from reperfuse.simulation.protocols import TINY, make_grid
from reperfuse.simulation.scanner import acquire_dsc
from scipy.ndimage import affine_transform

pytestmark = pytest.mark.slow

GRID = make_grid(TINY.dsc_matrix)
FRAMES, TR_S = TINY.dsc.frames, TINY.dsc.tr_s


@lru_cache
def record() -> tuple[np.ndarray, np.ndarray]:
    """Return a series with small jumps, and the same at rest without noise."""
    motion = draw_motion(FRAMES, slice(3, 7), (12, 26), 1.0, 1.0, GRID.centre, seed=2)
    recorded = acquire_dsc(Head(), Flow(), GRID, np.eye(4), TINY.dsc, motion, seed=1)
    return recorded.series, recorded.still


def correct(series: np.ndarray, folder: Path, **options: Any) -> Any:
    folder.mkdir(exist_ok=True)
    path = folder / "sub-01_dsc.nii.gz"
    nb.save(nb.Nifti1Image(series.astype(np.float32), GRID.affine), path)
    step = CorrectMotion(dsc=str(path), repetition_time_s=TR_S, **options)
    return step.run(cwd=str(folder)).outputs


def figures(done: Any) -> dict[str, Any]:
    return read_sidecar(done.timeseries)["Quality"]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return correct(record()[0], tmp_path_factory.mktemp("clean"))


def test_figures_of_a_good_series(clean: Any) -> None:
    found = figures(clean)
    # interpolation averages noise, drift and partial volume add to it
    assert 0.6 * TINY.dsc.snr < found["TemporalSNR"] < 2 * TINY.dsc.snr
    assert 0 < found["DVARSPercent"] < 5
    assert (found["OutlierFrames"], found["OutlierShare"], found["FramesUsed"]) == (0, 0, FRAMES)
    assert found["FramesReplaced"] == []
    assert 0 <= found["BrainLostShare"] < 0.2


def test_displacement_is_that_of_nipype(clean: Any, tmp_path: Path) -> None:
    columns = read_columns(clean.timeseries)
    names = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
    np.savetxt(tmp_path / "motion.txt", np.stack([columns[name] for name in names], axis=1))
    step = FramewiseDisplacement(in_file=str(tmp_path / "motion.txt"), parameter_source="SPM")
    done = step.run(cwd=str(tmp_path)).outputs
    expected = np.loadtxt(done.out_file, skiprows=1)
    np.testing.assert_allclose(columns["framewise_displacement"][1:], expected, atol=1e-4)


def test_damaged_frames_are_bridged_and_counted(clean: Any, tmp_path: Path) -> None:
    """Neither a frame without values nor one that is torn keeps the voxels from having curves."""
    series = record()[0].copy()
    series[..., 4] = np.nan
    series[..., 20] = 7.0
    series[:, :, 1::2, 30] = np.roll(series[:, :, 1::2, 30], 6, axis=1)
    done = correct(series, tmp_path / "moving")
    found = figures(done)
    assert found["FramesReplaced"] == [4, 20, 30]
    assert (found["OutlierFrames"], found["FramesUsed"]) == (3, FRAMES)
    assert found["OutlierShare"] == pytest.approx(3 / FRAMES)
    brain = ExtractBrain(reference=done.reference).run(cwd=str(tmp_path)).outputs.brain
    inside = nifti.load(brain).mask
    whole, bridged = nifti.load(clean.series).data[inside], nifti.load(done.series).data[inside]
    for frame in (4, 20, 30):
        assert np.median(np.abs(bridged[:, frame] / np.maximum(whole[:, frame], 1) - 1)) < 0.05
    step = SelectArterialInput(series=done.series, brain=brain, repetition_time_s=TR_S, echo_time_s=0.03)
    curves = step.run(cwd=str(tmp_path)).outputs.curves
    assert reasons(curves) == []


def test_a_frame_that_fits_badly_can_be_kept(tmp_path: Path) -> None:
    series = record()[0].copy()
    series[..., 20] = np.nan
    series[:, :, 1::2, 30] = np.roll(series[:, :, 1::2, 30], 6, axis=1)
    found = figures(correct(series, tmp_path, outlier_frames="keep"))
    assert found["OutlierFrames"] == 2
    assert found["FramesReplaced"] == [20]  # a frame without values cannot be kept


def test_a_series_ends_with_its_last_good_frame(tmp_path: Path) -> None:
    series = record()[0].copy()
    series[..., -4:] = np.nan
    done = correct(series, tmp_path)
    assert nifti.load(done.series).data.shape[3] == FRAMES - 4 == figures(done)["FramesUsed"]
    assert len(read_columns(done.timeseries)["outlier"]) == FRAMES
    limits = {
        "max_framewise_displacement_mm": 50.0,
        "min_temporal_snr": 1e4,
        "min_bolus_cnr": 1.5,
        "max_outlier_share": 0.05,
        "max_brain_lost_share": 0.99,
    }
    row = measure(done, limits, tmp_path)
    assert row["status"] == "warn"
    assert row["outlier_frames"] == 4
    assert f"motion: 4 of {FRAMES} frames could not be realigned, or fit badly" in row["reasons"]
    assert f"motion: only the first {FRAMES - 4} of {FRAMES} frames are used" in row["reasons"]
    assert "noise: the temporal SNR before the bolus is" in row["reasons"]


@pytest.mark.parametrize("scale", [(1.3, 1.3, 1.0), (1.15, 1.15, 1.15), (1.0, 1.0, 2.0)])
def test_frames_of_another_grid_are_noticed(scale: tuple[float, float, float], tmp_path: Path) -> None:
    """Two scans that were joined though their voxels differ: the second part shows a head of another size."""
    series, joint = record()[0].copy(), FRAMES - 15
    matrix = np.diag(1 / np.array(scale))
    centre = (np.array(series.shape[:3]) - 1) / 2
    for frame in range(joint, FRAMES):
        series[..., frame] = affine_transform(series[..., frame], matrix, centre - matrix @ centre, order=1)
    found = figures(correct(series, tmp_path))
    assert found["OutlierFrames"] == FRAMES - joint
    assert found["FramesUsed"] == joint


def test_a_lost_frame_of_the_first_passage_is_a_warning_and_two_are_a_reason(tmp_path: Path) -> None:
    series = record()[0].copy()
    peak = int(series.mean(axis=(0, 1, 2)).argmin())
    series[:, :, 1::2, peak] = np.roll(series[:, :, 1::2, peak], 6, axis=1)
    done = correct(series, tmp_path / "one")
    assert figures(done)["FramesReplaced"] == [peak]
    (warning,) = read_sidecar(done.timeseries)["Warnings"]
    assert f"the frame at {peak * TR_S:g} s, while the bolus passes" in warning
    series[:, :, 1::2, peak + 1] = np.roll(series[:, :, 1::2, peak + 1], 6, axis=1)
    (reason,) = reasons(correct(series, tmp_path / "two").series)
    assert f"the frames at {peak * TR_S:g} s and {(peak + 1) * TR_S:g} s cannot be used" in reason


def test_a_lost_frame_elsewhere_is_no_warning(clean: Any, tmp_path: Path) -> None:
    assert read_sidecar(clean.timeseries)["Warnings"] == []
    series = record()[0].copy()
    series[..., -8:-6] = np.nan
    assert read_sidecar(correct(series, tmp_path).timeseries)["Warnings"] == []


def test_two_slices_are_followed_in_their_plane_and_that_is_said(tmp_path: Path) -> None:
    done = correct(record()[0][:, :, 6:8], tmp_path)
    assert reasons(done.series) == []
    (warning,) = read_sidecar(done.timeseries)["Warnings"]
    assert "only within the plane of the slices" in warning
    columns = read_columns(done.timeseries)
    normal = GRID.affine[:3, 2] / np.linalg.norm(GRID.affine[:3, 2])
    moved = np.stack([columns[f"trans_{axis}"] for axis in "xyz"], axis=1) @ normal
    np.testing.assert_allclose(moved, 0, atol=1e-3)


def measure(done: Any, limits: dict[str, float], folder: Path) -> dict[str, Any]:
    rest = {
        "min_registration_dice": 0.85,
        "min_edge_margin": 0.03,
        "max_hours_from_onset": 12.0,
        "brain_median_adc": [0.7e-3, 0.95e-3],
    }
    step = MeasureSession(
        motion=done.timeseries,
        participant="01",
        session="baseline",
        absences=[],
        clinical={},
        criteria={},
        half_widths={},
        limits=limits | rest,
    )
    return read_sidecar(step.run(cwd=str(folder)).outputs.measures)["Row"]


def damaged(name: str) -> np.ndarray:
    series = record()[0]
    peak = int(series.mean(axis=(0, 1, 2)).argmin())
    match name:
        case "one frame":
            return series[..., :1]
        case "three dimensions":
            return series[..., 0]
        case "constant":
            return np.full_like(series, 300)
        case "nothing":
            return np.full_like(series, np.nan)
        case "bolus missing":
            gap = np.isin(np.arange(FRAMES), np.arange(peak - 3, peak + 4))
            return np.where(gap, np.nan, series)
    raise ValueError(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("one frame", "four dimensions"),
        ("three dimensions", "four dimensions, and this image has 3"),
        ("constant", "every frame of the series is empty or constant"),
        ("nothing", "every frame of the series is empty or constant"),
        ("bolus missing", "frames could be realigned"),
    ],
)
def test_an_unusable_series_has_a_reason_and_no_values(name: str, said: str, tmp_path: Path) -> None:
    done = correct(damaged(name), tmp_path)
    assert_failed(done, said, tmp_path)


def assert_failed(done: Any, said: str, folder: Path) -> None:
    (reason,) = reasons(done.series)
    assert said in reason
    for path in (done.reference, done.timeseries, done.transforms):
        assert reasons(path) == [reason]
    assert np.isnan(nifti.load(done.series).data).all()
    row = measure(done, {"max_framewise_displacement_mm": 3.0} | MISSING_LIMITS, folder)
    assert row["status"] == "failed"
    assert row["tsnr"] == row["outlier_frames"] == "n/a"
    assert said in row["reasons"]


MISSING_LIMITS = {
    "min_temporal_snr": 15.0,
    "min_bolus_cnr": 1.5,
    "max_outlier_share": 0.1,
    "max_brain_lost_share": 0.05,
}


def test_a_truncated_file_has_a_reason(tmp_path: Path) -> None:
    correct(record()[0], tmp_path)
    path = tmp_path / "sub-01_dsc.nii.gz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = CorrectMotion(dsc=str(path), repetition_time_s=TR_S).run(cwd=str(tmp_path)).outputs
    assert_failed(done, "sub-01_dsc.nii.gz: not a readable NIfTI image (it is cut off)", tmp_path)
