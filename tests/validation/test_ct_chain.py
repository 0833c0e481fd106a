"""What must not matter to perfusion of a CT series: scale, padding, order of axes, uneven frames, the gantry's tilt."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from reperfuse import interfaces
from reperfuse.files import nifti
from reperfuse.simulation.ct import CtProtocol, acquire_ct, even_times, tilted_gantry
from reperfuse.simulation.ct_patients import ct_patient
from reperfuse.simulation.geometry import Grid
from reperfuse.simulation.protocols import TINY, Matrix, make_grid, plan_session
from reperfuse.study import options
from reperfuse.study.yaml_lines import read_yaml

pytestmark = pytest.mark.slow
CONFIG = read_yaml(options.CONFIG)
PATIENT = ct_patient("x", core_ml=40.0, deficit_ml=130.0)
EVEN = even_times(60, 1.0)
# every second during the first passage, then every third, as long as the other
TWO_PHASE = (*even_times(36, 1.0), *even_times(8, 3.0, first_s=38.0))
GRID = make_grid(Matrix((56, 56, 12), (4.2, 4.2, 8.0)))
QUIET = CtProtocol(EVEN, mas=0.0)


@dataclass(frozen=True)
class Found:
    """What is measured of a session: medians of the maps in grey and white matter, and mL of Tmax > 6 s."""

    cbf: np.ndarray
    cbv: np.ndarray
    mtt: np.ndarray
    tmax: np.ndarray
    tmax6_ml: float


def record(protocol: CtProtocol = QUIET, grid: Grid = GRID) -> np.ndarray:
    tiny = replace(TINY, ctp=protocol)
    plan = plan_session(PATIENT, "baseline", tiny, 5)
    rest = np.tile(np.eye(4), (protocol.frames, 1, 1))
    head = PATIENT.head("baseline")
    return acquire_ct(head, plan.flow, grid, plan.poses["ctp"], protocol, rest, 5).series


def measure(folder: Path, series: np.ndarray, affine: np.ndarray, timing: dict[str, Any]) -> Found:
    for place in ("prepared", "maps"):
        (folder / place).mkdir(parents=True)
    path = folder / "ctp.nii.gz"
    # not in whole HU: a head without noise, which blurs these steps, would lose a tenth of its CBF by them
    image = nib.Nifti1Image(series.astype(np.float32), affine)
    image.set_qform(affine, code=0)  # it cannot hold the grid of a tilted gantry
    image.set_sform(affine, code=1)
    nib.save(image, path)
    made = (
        interfaces.PrepareCtPerfusion(ctp=str(path), repetition_time_s=1.0, **timing)
        .run(cwd=str(folder / "prepared"))
        .outputs
    )
    given = {**CONFIG["aif"], **CONFIG["concentration"], **CONFIG["deconvolution"]}
    given |= {f"delay_{key}": value for key, value in CONFIG["delay"].items()}
    maps = interfaces.MapPerfusion(
        series=made.series, brain=made.brain, transforms=made.transforms, modality="ctp", repetition_time_s=1.0,
        side="left", **given,
    ).run(cwd=str(folder / "maps")).outputs  # fmt: skip
    images = {name: nifti.load(getattr(maps, name)) for name in ("cbf", "cbv", "mtt", "tmax")}
    kinds = tissue(images["cbf"])
    values = {name: np.array([np.nanmedian(image.data[kind]) for kind in kinds]) for name, image in images.items()}
    late = np.nan_to_num(images["tmax"].data) > 6
    return Found(**values, tmax6_ml=float(late.sum() * abs(np.linalg.det(images["tmax"].affine[:3, :3])) / 1000))


def tissue(image: Any) -> list[np.ndarray]:
    """Pure grey and pure white matter of the half that is well, on the grid of the maps."""
    from reperfuse.simulation import anatomy
    from reperfuse.simulation.geometry import average_voxels, moving_oversampling, sample_points

    grid = Grid(image.data.shape, np.asarray(image.affine, float))
    parts = moving_oversampling(grid)
    pose = plan_session(PATIENT, "baseline", TINY, 5).poses["ctp"]
    points = sample_points(grid, pose, PATIENT.head("baseline"), parts)
    shares = anatomy.tissues(points)
    right = average_voxels((points[:, 0] > 4).astype(np.float32), grid, parts) > 0.99
    return [right & (average_voxels(getattr(shares, kind), grid, parts) > 0.85) for kind in ("grey", "white")]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, Found]:
    series = record()
    return series, measure(tmp_path_factory.mktemp("usual") / "s", series, GRID.affine, {})


def assert_same(found: Found, usual: Found, share: float = 0.03) -> None:
    for name in ("cbf", "cbv", "mtt", "tmax"):
        np.testing.assert_allclose(getattr(found, name), getattr(usual, name), rtol=share, err_msg=name)
    assert found.tmax6_ml == pytest.approx(usual.tmax6_ml, rel=share)


@pytest.mark.parametrize(("order", "flips"), [((2, 0, 1), (0, 2)), ((1, 0, 2), (1,))])
def test_the_order_of_axes(usual: Any, tmp_path: Path, order: tuple[int, ...], flips: tuple[int, ...]) -> None:
    series, affine = usual[0], GRID.affine.copy()
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (series.shape[axis] - 1)
        affine[:3, axis] *= -1
        series = np.flip(series, axis)
    assert_same(measure(tmp_path / "s", series.transpose(*order, 3), affine[:, [*order, 3]], {}), usual[1])


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "no circle": lambda series: np.where(series == -1024, -1000, series),
    "padding of -3024": lambda series: np.where(series == -1024, -3024, series),
    "stored with an offset": lambda series: series + 1024,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_stands_outside_the_circle_and_the_offset(usual: Any, tmp_path: Path, change: str) -> None:
    assert_same(measure(tmp_path / "s", CHANGES[change](usual[0]), GRID.affine, {}), usual[1])


def test_the_voltage_scales_input_and_tissue_alike(usual: Any, tmp_path: Path) -> None:
    assert_same(measure(tmp_path / "s", record(replace(QUIET, kvp=100)), GRID.affine, {}), usual[1])


def test_two_phases(usual: Any, tmp_path: Path) -> None:
    series = record(replace(QUIET, times_s=TWO_PHASE))
    assert_same(measure(tmp_path / "s", series, GRID.affine, {"frame_times_s": list(TWO_PHASE)}), usual[1])


def test_a_table_that_goes_to_and_fro(usual: Any, tmp_path: Path) -> None:
    half = GRID.shape[2] // 2
    series = record(replace(QUIET, late_half_s=0.5))
    timing = {"slice_times_s": [0.0] * half + [0.5] * half}
    assert_same(measure(tmp_path / "s", series, GRID.affine, timing), usual[1])


def test_the_tilt_of_the_gantry(usual: Any, tmp_path: Path) -> None:
    grid = tilted_gantry(GRID, 12.0)
    found = measure(tmp_path / "s", record(QUIET, grid), grid.affine, {})
    # another sampling of the same head, and of its artery: how much of that a voxel holds scales all flow alike
    np.testing.assert_allclose(found.cbf / found.cbf[1], usual[1].cbf / usual[1].cbf[1], rtol=0.05)
    assert found.tmax6_ml == pytest.approx(usual[1].tmax6_ml, rel=0.1)
