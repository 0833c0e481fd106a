"""What makes a simulated DSC series as hard as a real one: veins, coil, spin history, gain, slabs, a strong bolus."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from reperfuse.simulation.anatomy import Head, brain_points, tissues
from reperfuse.simulation.coil import CoilShape, coil_bias
from reperfuse.simulation.geometry import average_voxels, moving_oversampling, rigid, sample_points, world_points
from reperfuse.simulation.hemodynamics import Bolus
from reperfuse.simulation.physiology import Flow
from reperfuse.simulation.protocols import Matrix, make_grid
from reperfuse.simulation.scanner import DscSeries, acquire_dsc
from reperfuse.simulation.scene import DscProtocol, DscScene, bolus_of_drop

GRID = make_grid(Matrix((36, 44, 12), (5.0, 5.0, 6.0), tilt_deg=8.0))
POSE = rigid((3, -4, 5), (2, -1, 3))
PROTOCOL = DscProtocol(frames=24, tr_s=2.0, snr=1e6, drift=0.0, coil_bias=0.0)
REST = np.tile(np.eye(4), (24, 1, 1))


def record(protocol=PROTOCOL, motion=REST, flow=None, grid=GRID) -> DscSeries:
    return acquire_dsc(Head(), flow or Flow(), grid, POSE, protocol, motion, 1)


def scene(flow, protocol=PROTOCOL) -> DscScene:
    return DscScene(sample_points(GRID, POSE, Head(), (2, 2, 3)), flow, protocol)


def curve_where(scene, share) -> np.ndarray:
    """Mean signal of the points that hold nothing else."""
    pure = getattr(scene.tissues, share) > 0.999
    assert pure.sum() > 10
    return np.array([scene.image(frame)[pure].mean() for frame in range(scene.protocol.frames)])


def test_sinuses_have_a_delay_of_their_own():
    usual, late = scene(Flow()), scene(Flow(sinus_delay_s=1.5 + PROTOCOL.tr_s))
    np.testing.assert_allclose(curve_where(late, "sinuses")[1:], curve_where(usual, "sinuses")[:-1], rtol=1e-2)
    np.testing.assert_array_equal(curve_where(late, "veins"), curve_where(usual, "veins"))


def share_of(kind, grid=GRID):
    parts = moving_oversampling(grid)
    return average_voxels(getattr(tissues(sample_points(grid, POSE, Head(), parts)), kind), grid, parts)


def test_a_head_at_rest_has_no_spin_history():
    recorded = record(replace(PROTOCOL, spin_history=1.0))
    np.testing.assert_array_equal(recorded.series, record().series)


@pytest.mark.parametrize("through_mm", [3.0, -3.0])
def test_tissue_that_enters_a_slice_is_brighter_for_some_frames(through_mm):
    normal = GRID.affine[:3, 2] / GRID.voxel_mm[2]
    motion = REST.copy()
    motion[12:] = rigid((0, 0, 0), through_mm * normal)
    rise = record(replace(PROTOCOL, spin_history=0.8), motion).series / record(motion=motion).series - 1
    fluid = share_of("csf") > 0.999
    recovery = np.exp(-PROTOCOL.tr_s / 4.0)  # T1 of fluid
    level = (1 - recovery) / (1 - recovery * np.cos(np.deg2rad(PROTOCOL.flip_deg)))
    expected = 0.8 * 3.0 / 6.0 * (1 / level - 1)
    assert np.median(rise[fluid][:, 12]) == pytest.approx(expected, rel=0.05)  # half of a voxel is its neighbour
    assert np.abs(rise[..., :12]).max() < 1e-4
    assert (np.diff(np.median(rise[fluid], axis=0)[12:18]) < 0).all()
    white = share_of("white") > 0.9
    assert 0 < np.median(rise[white][:, 12]) < 0.3 * expected


def test_motion_within_the_plane_brings_nothing_into_a_slice():
    motion = REST.copy()
    motion[12:] = rigid((0, 0, 0), 3.0 * GRID.affine[:3, 0] / GRID.voxel_mm[0])
    recorded = record(replace(PROTOCOL, spin_history=1.0), motion)
    np.testing.assert_allclose(recorded.series, record(motion=motion).series, rtol=1e-5, atol=0.01)


def test_slices_have_a_gain_of_their_own_in_each_frame():
    gain = record(replace(PROTOCOL, slice_gain=0.01)).series / record().series
    bright = record().series[..., -1] > 100
    by_slice = np.array([np.median(gain[:, :, z][bright[:, :, z]], axis=0) for z in range(GRID.shape[2])])
    assert by_slice.std() == pytest.approx(0.01, rel=0.1)
    assert np.abs(np.corrcoef(by_slice)[np.triu_indices(GRID.shape[2], 1)]).mean() < 0.3
    deviation = gain - by_slice[None, None]
    assert np.abs(deviation[bright]).max() < 1e-4


def test_coils_differ_and_have_a_mean_of_one():
    world = world_points(GRID)
    near = np.linalg.norm(world - GRID.centre, axis=1) < 90
    fields = {shape: coil_bias(world, GRID, 0.3, shape) for shape in get_args(CoilShape)}
    for field in fields.values():
        assert field[near].mean() == pytest.approx(1, abs=0.05)
        assert 1.3 < np.percentile(field[near], 99) / np.percentile(field[near], 1) < 3.5
    assert np.abs(np.corrcoef([field[near] for field in fields.values()])[np.triu_indices(3, 1)]).max() < 0.8
    for shape in get_args(CoilShape):
        np.testing.assert_allclose(coil_bias(world, GRID, 0.0, shape), 1.0)


def test_default_protocol_has_none_of_it():
    explicit = DscProtocol(coil="lopsided", spin_history=0.0, slice_gain=0.0)
    assert DscProtocol() == explicit


@pytest.mark.parametrize(("drop", "te_s", "tr_s"), [(0.10, 0.060, 1.0), (0.30, 0.030, 1.5), (0.60, 0.020, 3.0)])
def test_the_brain_drops_as_wanted_grey_more_and_vessels_to_the_floor(drop, te_s, tr_s):
    protocol = replace(PROTOCOL, te_s=te_s, tr_s=tr_s, frames=round(60 / tr_s))
    bolus = bolus_of_drop(drop, Flow(), protocol, brain_points(6.0)[0])
    signal = scene(Flow(bolus=bolus), protocol)
    shares = signal.tissues
    brain = shares.grey + shares.white + shares.csf + shares.blood >= 0.5
    curve = np.array([signal.image(frame)[brain].mean() for frame in range(protocol.frames)])
    peak = curve.argmin()

    def dropped(share: str, minimum: float = 0.9) -> float:
        pure = getattr(shares, share) > minimum
        return 1 - signal.image(peak)[pure].mean() / signal.image(0)[pure].mean()

    assert 1 - curve[peak] / curve[0] == pytest.approx(drop, abs=0.02)
    assert dropped("grey") > drop > dropped("white")
    assert dropped("grey") > 1.4 * dropped("white")
    if drop >= 0.3:
        assert dropped("arteries", 0.99) > 0.95
        assert dropped("sinuses", 0.99) > 0.95


def test_a_stronger_bolus_scales_what_a_single_tissue_shows():
    def change(peak: float) -> np.ndarray:
        still = record(flow=Flow(bolus=Bolus(peak=peak))).still[share_of("white") > 0.9999]
        return -np.log(still / still[:, :1])

    strong, weak = change(400.0), change(100.0)
    assert len(strong) > 10
    np.testing.assert_allclose(strong, 4 * weak, rtol=0.01, atol=1e-4)
