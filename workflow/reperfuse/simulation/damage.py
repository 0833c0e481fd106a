"""Frames that no realignment can mend: another head, a ghost, missing slices, motion within the frame."""

from typing import Literal

import numpy as np

from reperfuse.simulation.anatomy import Array, Head
from reperfuse.simulation.coil import coil_bias
from reperfuse.simulation.geometry import average_voxels, moving_oversampling, rigid, sample_points, world_points
from reperfuse.simulation.hard_series import HardSeries
from reperfuse.simulation.protocols import HEAD_CENTRE_MM
from reperfuse.simulation.scanner import rician
from reperfuse.simulation.scene import DscScene

Damage = Literal["another head", "ghosted", "half empty", "moved within", "20 degrees"]


def damaged_frame(series: HardSeries, frame: int, kind: Damage, seed: int = 0) -> Array:
    """Record a frame of a series anew, damaged.

    Parameters
    ----------
    series : HardSeries
        Where the frame belongs.
    frame : int
        Index of the frame.
    kind : {"another head", "ghosted", "half empty", "moved within", "20 degrees"}
        A head of other size and shape that looks the other way; an N/2 ghost of 30 to 40 % along the second axis;
        noise alone in the second half of the slices; every other slice of a head 4 to 6 mm away; a head turned by 20°
        about a random axis.
    seed : int
        Seed of what is drawn, the noise included.

    Returns
    -------
    (x, y, z) array
        float32.

    Raises
    ------
    ValueError
        If a single slice is to be damaged in a way that takes two.
    """
    if series.grid.shape[2] < 2 and kind in ("half empty", "moved within"):
        raise ValueError(f"a single slice cannot be {kind}")
    rng = np.random.default_rng([seed, frame])
    pose = series.recorded.motion[frame] @ series.pose
    centre = series.grid.centre
    if kind == "another head":
        turn = rigid((0, 0, 180), rng.uniform(-10, 10, 3), HEAD_CENTRE_MM)
        image = _signal(series, frame, Head(8.0), pose @ turn @ np.diag([1.1, 0.9, 1.1, 1.0]))
    elif kind == "20 degrees":
        image = _signal(series, frame, series.head, rigid(20 * _direction(rng), (0, 0, 0), centre) @ pose)
    else:
        image = _signal(series, frame, series.head, pose)
    if kind == "ghosted":
        angle = np.arcsin(rng.uniform(0.3, 0.4))  # phase by which even and odd lines are off
        image = np.hypot(np.cos(angle) * image, np.sin(angle) * np.roll(image, image.shape[1] // 2, axis=1))
    elif kind == "half empty":
        image[..., image.shape[2] // 2 :] = 0
    elif kind == "moved within":
        move = rigid(rng.uniform(-3, 3, 3), rng.uniform(4, 6) * _direction(rng), centre)
        image[..., 1::2] = _signal(series, frame, series.head, move @ pose)[..., 1::2]
    return rician(image, series.recorded.sigma, [seed, frame, 1])


def _signal(series: HardSeries, frame: int, head: Head, pose: Array) -> Array:
    """Signal that the coil receives of a head in a frame, without noise."""
    grid, protocol = series.grid, series.protocol
    parts = moving_oversampling(grid)
    scene = DscScene(sample_points(grid, pose, head, parts), series.flow, protocol)
    bias = coil_bias(world_points(grid), grid, protocol.coil_bias, protocol.coil).reshape(grid.shape)
    return average_voxels(scene.image(frame), grid, parts) * bias


def _direction(rng: np.random.Generator) -> Array:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)
