"""Spin history: tissue that a moving head brings into a slice has not been excited before."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from reperfuse.simulation.anatomy import Array
from reperfuse.simulation.geometry import Grid, world_points


def relaxed_shares(grid: Grid, motion: Array, fading: float) -> Iterator[Array]:
    """Share of each voxel that is fully relaxed, frame by frame.

    Tissue at world point x of a frame was at y in the frame before. It came through the plane by
    d = |n · (y − x)|, n being the normal of the slices, so that a share of d / thickness (at most 1) is new in the
    slice. With every excitation what exceeds the steady state fades by a constant factor.

    Parameters
    ----------
    grid : Grid
        Voxel grid; slices are its third axis.
    motion : (t, 4, 4) array
        Takes a world point of the reference pose to where that tissue is in the frame.
    fading : float
        Share of the excess that is left after an excitation.

    Yields
    ------
    (x, y, z) array
        Between 0 and 1, float32; 0 in the first frame.
    """
    thickness = grid.voxel_mm[2]
    normal = grid.affine[:3, 2] / thickness
    points = world_points(grid)
    share = np.zeros(len(points), dtype=np.float32)
    yield share.reshape(grid.shape)
    for before, now in pairwise(motion):
        *slope, shift = normal @ (before @ np.linalg.inv(now) - np.eye(4))[:3] / thickness
        entered = np.minimum(np.abs(points @ np.array(slope, np.float32) + np.float32(shift)), 1)
        share = entered + (1 - entered) * np.float32(fading) * share
        yield share.reshape(grid.shape)
