"""What makes a simulated DSC series as hard as a real one: veins, coil, spin history, gain, slabs, a strong bolus."""

import numpy as np
from reperfuse.simulation.anatomy import Head
from reperfuse.simulation.geometry import rigid, sample_points
from reperfuse.simulation.physiology import Flow
from reperfuse.simulation.protocols import Matrix, make_grid
from reperfuse.simulation.scanner import DscSeries, acquire_dsc
from reperfuse.simulation.scene import DscProtocol, DscScene

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
