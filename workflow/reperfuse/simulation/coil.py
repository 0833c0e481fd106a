"""Receive fields of coils."""

from typing import Literal

import numpy as np

from reperfuse.simulation.anatomy import Array
from reperfuse.simulation.geometry import Grid

CoilShape = Literal["lopsided", "surface", "array"]


_HEAD_RADIUS_MM = 90.0


# Loops of a coil: x, y, z of the middle relative to the centre of the field of view, in head radii, and the gain.
_LOOP_RADIUS = 0.65  # head radii


_LOOPS = {
    "surface": ((0.85, -1.05, 0.2, 1.0),),
    "array": (
        (1.25, 0.3, 0.1, 1.0),
        (0.4, 1.3, 0.0, 0.8),
        (-0.9, 1.0, 0.3, 1.2),
        (-1.25, -0.4, -0.1, 0.9),
        (-0.3, -1.35, 0.2, 1.1),
        (0.8, -1.05, -0.2, 0.7),
        (0.1, 0.0, 1.3, 0.8),
    ),
}


def coil_bias(world: Array, grid: Grid, strength: float, shape: CoilShape = "lopsided") -> Array:
    """Receive field of a coil, mean about one over a head.

    Parameters
    ----------
    world : (n, 3) array
        World points, mm.
    grid : Grid
        Its centre is the coil's.
    strength : float
        Of a lopsided coil, the relative rise 90 mm off the centre. Of the others, the power to which the field of
        their loops is raised: 1 leaves it as it is, less is what an imperfect normalisation leaves of it. 0: flat.
    shape : {"lopsided", "surface", "array"}
        Brighter towards the rim and a little lopsided; much brighter near a single loop behind the right ear; lobes
        below seven loops around the head.

    Returns
    -------
    (n,) array
        Multiplies the signal.
    """
    off = (world - grid.centre.astype(np.float32)) / np.float32(_HEAD_RADIUS_MM)
    from_centre = (off**2).sum(axis=1)
    if shape == "lopsided":
        field = 1 + strength * (from_centre - 0.5) + strength * off @ np.array([0.3, -0.4, 0.2], np.float32)
        return np.clip(field, 0.3, 3.0).astype(np.float32)
    field = _loop_field(off, shape) ** strength
    return (field / field[from_centre <= 1].mean()).astype(np.float32)


def _loop_field(off: Array, shape: CoilShape) -> Array:
    """Root of the sum of squares of the loops' fields, each falling off with distance as on the axis of a loop."""
    power = np.zeros(len(off), dtype=np.float32)
    for *middle, gain in _LOOPS[shape]:
        distance = ((off - np.array(middle, np.float32)) ** 2).sum(axis=1)
        power += np.float32(gain) ** 2 * (1 + distance / np.float32(_LOOP_RADIUS) ** 2) ** -3
    return np.sqrt(power)
