"""Core of simulated scans whose true lesion is known, and of healthy heads."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from reperfuse import mirror, segmentation
from reperfuse.diffusion import fit_adc
from reperfuse.simulation.anatomy import tissues
from reperfuse.simulation.geometry import (
    Grid,
    average_voxels,
    rigid,
    sample_points,
    static_oversampling,
)
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.protocols import DEMO, HEAD_CENTRE_MM, make_grid
from reperfuse.simulation.scanner import acquire_dwi

GRID = make_grid(DEMO.dwi_matrix)


def find_core(patient: Patient, snr: float, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Core found in a scan of the patient in a random pose, and the true one (None in a healthy head)."""
    rng = np.random.default_rng(seed)
    pose = rigid(rng.uniform(-6, 6, 3), rng.uniform(-6, 6, 3), HEAD_CENTRE_MM)
    protocol = replace(DEMO.dwi, snr=snr)
    series, bvals, _ = acquire_dwi(patient.head("baseline"), patient.injuries("baseline"), GRID, pose, protocol, seed)
    maps = fit_adc(series, bvals)
    brain = segmentation.brain_mask(maps.b0, GRID.voxel_mm)
    plane = mirror.find_mirror(maps.b0, GRID.affine, brain)
    core = segmentation.core_mask(
        maps.adc,
        maps.trace,
        brain,
        GRID.voxel_mm,
        mirrored_trace=mirror.reflect(maps.trace, GRID.affine, plane),
    )
    return core, true_core(patient, GRID, pose)


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


@pytest.mark.parametrize(("core_ml", "snr"), [(8, 30), (25, 30), (25, 100), (88, 50)])
@pytest.mark.parametrize("side", ["left", "right"])
def test_core_is_the_injured_tissue(core_ml: float, snr: float, side: str) -> None:
    patient = Patient("x", side=side, core_ml=float(core_ml), deficit_ml=2.0 * core_ml + 40)
    core, truth = find_core(patient, snr, seed=core_ml)
    assert truth is not None
    found_ml, true_ml = core.sum() * GRID.voxel_ml, truth.sum() * GRID.voxel_ml
    assert 2 * (core & truth).sum() / (core.sum() + truth.sum()) >= 0.85
    assert abs(found_ml - true_ml) <= max(0.1 * true_ml, 2.0)


@pytest.mark.parametrize(("snr", "seed"), [(30, 0), (40, 1), (60, 2), (100, 3)])
def test_a_healthy_head_has_no_core(snr: float, seed: int) -> None:
    core, truth = find_core(Patient("h", core_ml=0.0, deficit_ml=0.0), snr, seed)
    assert truth is None
    assert core.sum() * GRID.voxel_ml < 0.5


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
        brain = segmentation.brain_mask(image, voxel)
        mirrored = mirror.reflect(trace, affine, mirror.find_mirror(image, affine, brain))
        core = segmentation.core_mask(adc, trace, brain, voxel, mirrored_trace=mirrored)
        return [mask.sum() * voxel.prod() / 1000 for mask in (brain, core)]

    plain = volumes(maps.b0, maps.adc, maps.trace, GRID.affine)
    turned = [np.ascontiguousarray(np.transpose(one, order)[::-1]) for one in (maps.b0, maps.adc, maps.trace)]
    assert plain[1] > 20
    np.testing.assert_allclose(volumes(*turned, oblique @ GRID.affine @ step), plain, rtol=0.01)
