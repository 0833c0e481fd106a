"""The unit of relative CBF and CBV: normal tissue away from the lesion, whatever the order of the voxels."""

from pathlib import Path

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons, write_json
from reperfuse.interfaces import NormalizePerfusion

SHAPE = (24, 28, 10)
AFFINE = np.diag([6.0, 6.0, 8.0, 1.0])
AFFINE[:3, 3] = [-69.0, -81.0, -36.0]
FLOW = {"normal": 50.0, "deficit": 10.0, "core": 2.0, "lesion side": 40.0, "fluid": 200.0, "vessel": 900.0}
#: New axis → old axis, and which new axes are flipped: RAS, LAS, RPS, LPI and axes in another order.
ORDERS = {
    "RAS": ((0, 1, 2), ()),
    "LAS": ((0, 1, 2), (0,)),
    "RPS": ((0, 1, 2), (1,)),
    "LPI": ((0, 1, 2), (0, 1, 2)),
    "SAL": ((2, 1, 0), (2,)),
}


def head() -> dict[str, np.ndarray]:
    """Lesion on the left (x < 0); fluid and a vessel on the right."""
    x, y, z = (AFFINE[:3, :3] @ np.indices(SHAPE).reshape(3, -1) + AFFINE[:3, 3:]).reshape(3, *SHAPE)
    brain = (x / 66) ** 2 + (y / 78) ** 2 + (z / 38) ** 2 < 1
    deficit = brain & (x < -20) & (np.abs(y) < 40)
    core = brain & (x < -10) & (np.abs(y) < 12)
    fluid, vessel = brain & (x > 5) & (x < 20) & (np.abs(y) < 30), brain & (x > 40) & (np.abs(y) < 7)
    flow = np.where(x > 0, FLOW["normal"], FLOW["lesion side"])
    for mask, name in ((deficit, "deficit"), (core, "core"), (fluid, "fluid"), (vessel, "vessel")):
        flow[mask] = FLOW[name]
    flow[~brain] = np.nan
    return {
        "cbf": flow,
        "cbv": flow / 10,
        "brain": brain,
        "reference": np.where(fluid, 900.0, 400.0),
        "deficit": deficit,
        "core": core,
    }


@pytest.mark.parametrize("order", ORDERS)
def test_unit_is_normal_tissue_of_the_other_side(order: str, tmp_path: Path) -> None:
    axes, flips = ORDERS[order]
    to_old = np.zeros((4, 4))
    to_old[3, 3] = 1
    for new, old in enumerate(axes):
        to_old[old, new] = -1 if new in flips else 1
        to_old[old, 3] = SHAPE[old] - 1 if new in flips else 0
    files = {}
    for name, data in head().items():
        files[name] = str(tmp_path / f"{name}.nii.gz")
        nifti.save(files[name], np.flip(data.transpose(axes), flips), AFFINE @ to_old, sidecar={})
    mirror = tmp_path / "mirror.json"
    write_json(mirror, {"Normal": [1.0, 0.0, 0.0], "OffsetMm": 0.0, "Quality": 0.9})
    done = NormalizePerfusion(mirror=str(mirror), **files).run(cwd=str(tmp_path)).outputs
    for path, unit in ((done.rcbf, 50.0), (done.rcbv, 5.0)):
        assert read_sidecar(path)["NormalTissueMean"] == pytest.approx(unit, rel=1e-6)
        back = np.flip(nifti.load(path).data, flips).transpose(np.argsort(axes))
        np.testing.assert_allclose(back, head()["cbf"] / 50.0, rtol=1e-5)


def test_without_a_side_to_compare_there_is_a_reason(tmp_path: Path) -> None:
    files = {}
    for name, data in (head() | {"deficit": head()["brain"]}).items():
        files[name] = str(tmp_path / f"{name}.nii.gz")
        nifti.save(files[name], data, AFFINE, sidecar={})
    mirror = tmp_path / "mirror.json"
    write_json(mirror, {"Normal": [1.0, 0.0, 0.0], "OffsetMm": 0.0, "Quality": 0.9})
    done = NormalizePerfusion(mirror=str(mirror), **files).run(cwd=str(tmp_path)).outputs
    for path in (done.rcbf, done.rcbv):
        assert reasons(path) == ["no normal tissue on the other side to normalise by"]
        assert np.isnan(nifti.load(path).data).all()


def test_without_a_mirror_there_is_a_reason(tmp_path: Path) -> None:
    files = {}
    for name, data in head().items():
        files[name] = str(tmp_path / f"{name}.nii.gz")
        nifti.save(files[name], data, AFFINE, sidecar={})
    mirror = tmp_path / "mirror.json"
    write_json(mirror, {"Reasons": ["no mirror plane"]})
    done = NormalizePerfusion(mirror=str(mirror), **files).run(cwd=str(tmp_path)).outputs
    for path in (done.rcbf, done.rcbv):
        assert reasons(path) == ["no mirror plane"]
        assert np.isnan(nifti.load(path).data).all()


def test_what_counts_as_fluid_can_be_set(tmp_path: Path) -> None:
    files = {}
    for name, data in head().items():
        files[name] = str(tmp_path / f"{name}.nii.gz")
        nifti.save(files[name], data, AFFINE, sidecar={})
    mirror = tmp_path / "mirror.json"
    write_json(mirror, {"Normal": [1.0, 0.0, 0.0], "OffsetMm": 0.0, "Quality": 0.9})
    unit = {}
    for ratio in (1.6, 3.0):  # the fluid is 2.25 times as bright as tissue
        step = NormalizePerfusion(mirror=str(mirror), **files, csf_ratio=ratio, vessel_ratio=5.0)
        unit[ratio] = read_sidecar(step.run(cwd=str(tmp_path)).outputs.rcbf)["NormalTissueMean"]
    assert unit[1.6] == pytest.approx(50.0)
    assert unit[3.0] > 60.0
