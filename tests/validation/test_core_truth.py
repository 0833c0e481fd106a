"""Core of simulated scans whose true lesion is known, and of healthy heads."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reperfuse.diffusion.adc import fit_adc
from reperfuse.diffusion.core import core_finder
from reperfuse.head.brain import brain_mask
from reperfuse.head.mirror import find_mirror, reflect
from reperfuse.simulation.anatomy import Side, tissues
from reperfuse.simulation.geometry import Grid, average_voxels, rigid, sample_points, static_oversampling
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.physiology import Injury
from reperfuse.simulation.protocols import DEMO, HEAD_CENTRE_MM, Matrix, make_grid
from reperfuse.simulation.scanner import acquire_dwi

GRID = make_grid(DEMO.dwi_matrix)
THICK = make_grid(Matrix((128, 128, 20), (1.8, 1.8, 6.5), axes="RPS", tilt_deg=-8.0))
ISOTROPIC = make_grid(Matrix((80, 88, 58), (2.5, 2.5, 2.5), axes="LPS", tilt_deg=12.0))
ONE_TRACE = ((0.0, 1), (1000.0, 1))
MANY_SHELLS = ((0.0, 1), (500.0, 3), (1000.0, 3))


def find_core(
    patient: Patient,
    seed: int,
    *,
    adc: float = 0.45e-3,
    t2_ratio: float = 1.06,
    grid: Grid = GRID,
    **protocol: Any,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Core found in a scan of the patient in a random pose, and the true one (None in a healthy head)."""
    rng = np.random.default_rng(seed)
    pose = rigid(rng.uniform(-6, 6, 3), rng.uniform(-6, 6, 3), HEAD_CENTRE_MM)
    injuries = [Injury(injury.region, adc, t2_ratio) for injury in patient.injuries("baseline")]
    how = replace(DEMO.dwi, **protocol)
    series, bvals, _ = acquire_dwi(patient.head("baseline"), injuries, grid, pose, how, seed)
    maps = fit_adc(series, bvals)
    brain = brain_mask(maps.b0, grid.voxel_mm)
    plane = find_mirror(maps.b0, grid.affine, brain)
    find = core_finder(
        maps.adc,
        maps.trace,
        brain,
        grid.voxel_mm,
        mirrored_trace=reflect(maps.trace, grid.affine, plane),
    )
    return find(620e-6), true_core(patient, grid, pose)


def true_core(patient: Patient, grid: Grid, pose: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Voxels of which at least half is injured tissue."""
    region = patient.core("baseline")
    if region is None:
        return None
    parts = static_oversampling(grid)
    points = sample_points(grid, pose, patient.head("baseline"), parts)
    shares = tissues(points)
    injured = (region.radius(points) < 1) & (shares.grey + shares.white >= 0.5)
    return average_voxels(injured.astype(np.float32), grid, parts) >= 0.5


@pytest.mark.parametrize(
    ("core_ml", "side", "options"),
    [
        (3, "left", {"snr": 30}),
        (8, "right", {"snr": 30, "adc": 0.55e-3, "t2_ratio": 1.0}),
        (8, "left", {"snr": 100, "adc": 0.50e-3, "te_s": 0.100}),
        (25, "right", {"snr": 30, "te_s": 0.060, "shells": ONE_TRACE}),
        (8, "left", {"snr": 50, "grid": THICK}),
        (25, "right", {"snr": 100, "adc": 0.40e-3, "t2_ratio": 1.3, "shells": MANY_SHELLS}),
        (40, "left", {"snr": 40, "adc": 0.52e-3, "t2_ratio": 1.0, "grid": ISOTROPIC}),
        (88, "right", {"snr": 50, "coil_bias": 0.5}),
    ],
)
def test_core_is_the_injured_tissue(core_ml: float, side: Side, options: dict[str, Any]) -> None:
    """Lesions of every size, depth and T2, on other grids, at other echo times; `benchmarks/core.py` does hundreds."""
    patient = Patient("x", side=side, core_ml=float(core_ml), deficit_ml=2.0 * core_ml + 40)
    core, truth = find_core(patient, seed=core_ml, **options)
    assert truth is not None
    voxel_ml = options.get("grid", GRID).voxel_ml
    found_ml, true_ml = core.sum() * voxel_ml, truth.sum() * voxel_ml
    assert 2 * (core & truth).sum() / (core.sum() + truth.sum()) >= 0.85
    assert abs(found_ml - true_ml) <= max(0.1 * true_ml, 2.0)


@pytest.mark.parametrize(
    ("seed", "options"),
    [
        (0, {"snr": 30, "shells": ONE_TRACE}),
        (1, {"snr": 40, "te_s": 0.100, "grid": THICK}),
        (2, {"snr": 60, "te_s": 0.060, "grid": ISOTROPIC}),
        (3, {"snr": 100, "coil_bias": 0.5}),
    ],
)
def test_a_healthy_head_has_no_core(seed: int, options: dict[str, Any]) -> None:
    core, truth = find_core(Patient("h", core_ml=0.0, deficit_ml=0.0), seed, **options)
    assert truth is None
    assert core.sum() * options.get("grid", GRID).voxel_ml < 0.5


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2)])
def test_the_grid_changes_no_volume(order: tuple[int, int, int]) -> None:
    """Axes permuted and flipped, the world turned obliquely: the same tissue is brain and core."""
    patient = Patient("x", core_ml=25.0, deficit_ml=90.0)
    series, bvals, _ = acquire_dwi(patient.head("baseline"), patient.injuries("baseline"), GRID, np.eye(4), DEMO.dwi, 1)
    maps = fit_adc(series, bvals)
    step = np.zeros((4, 4))
    step[[*order, 3], [0, 1, 2, 3]] = 1
    step[order[0], 0], step[order[0], 3] = -1, GRID.shape[order[0]] - 1
    oblique = rigid((8.0, -6.0, 7.0), (30.0, -45.0, 60.0))

    def volumes(*arrays: NDArray[np.floating]) -> list[float]:
        image, adc, trace, affine = arrays
        voxel = np.linalg.norm(affine[:3, :3], axis=0)
        brain = brain_mask(image, voxel)
        mirrored = reflect(trace, affine, find_mirror(image, affine, brain))
        core = core_finder(adc, trace, brain, voxel, mirrored_trace=mirrored)(620e-6)
        return [mask.sum() * voxel.prod() / 1000 for mask in (brain, core)]

    plain = volumes(maps.b0, maps.adc, maps.trace, GRID.affine)
    turned = [np.ascontiguousarray(np.transpose(one, order)[::-1]) for one in (maps.b0, maps.adc, maps.trace)]
    assert plain[1] > 20
    np.testing.assert_allclose(volumes(*turned, oblique @ GRID.affine @ step), plain, rtol=0.01)
