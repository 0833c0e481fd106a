"""The large vessels of the head: arteries, veins and sinuses."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[Any]
SINUS_RADIUS_MM = 2.5  # veins at least as wide count as sinuses


# Centrelines in template millimetres for the left side (x < 0); the right side is their mirror image.
_MCA = (
    (((-5, 8, -18), (-12, 6, -19), (-20, 4, -19), (-29, 4, -17), (-35, 4, -13)), 1.6),
    (((-35, 4, -13), (-38, 6, -4), (-40, 8, 6), (-44, 10, 14), (-50, 6, 22)), 1.2),
    (((-35, 4, -13), (-39, -4, -6), (-41, -14, 4), (-44, -24, 14), (-50, -34, 24), (-52, -42, 32)), 1.2),
)


_OTHER_ARTERIES = (
    (
        (
            (-5, 8, -18),
            (-4, 18, -16),
            (-2.5, 28, -10),
            (-2.5, 38, 2),
            (-2.5, 36, 16),
            (-2.5, 20, 28),
            (-2.5, 0, 36),
        ),
        1.2,
    ),
    (((0, -22, -50), (0, -18, -38), (0, -16, -26)), 1.8),
    (((0, -16, -26), (-8, -18, -18), (-18, -26, -14), (-22, -40, -8), (-18, -60, -2), (-12, -78, 2)), 1.3),
    (((-8, 0, -60), (-14, 4, -40), (-16, 2, -28), (-5, 8, -18)), 2.2),
)


_VEINS = (
    (
        ((0, 66, 10), (0, 60, 32), (0, 44, 54), (0, 20, 70), (0, -10, 79), (0, -40, 76), (0, -66, 62),
         (0, -86, 42), (0, -98, 18), (0, -102, -2)),
        3.4,
    ),
    (((0, -40, 8), (0, -58, 0), (0, -80, -4), (0, -102, -2)), 2.6),
    (((0, -102, -2), (-24, -94, -14), (-44, -76, -24), (-52, -52, -30), (-50, -42, -42)), 3.2),
    (((-1.5, 4, 16), (-1.5, -16, 14), (0, -34, 12), (0, -40, 8)), 1.5),
)  # fmt: skip


def _mirrored(tubes: tuple) -> tuple:
    return tuple((tuple((-x, y, z) for x, y, z in line), radius) for line, radius in tubes)


VESSELS = {
    "veins": _VEINS + _mirrored(_VEINS),
    "left_mca": _MCA,
    "right_mca": _mirrored(_MCA),
    "arteries": _OTHER_ARTERIES + _mirrored(_OTHER_ARTERIES),
}


@lru_cache(maxsize=8)
def centreline(name: str) -> tuple[cKDTree, Array]:
    """Densely sampled centrelines of a set of tubes, with their radii."""
    samples, radii = [], []
    for line, radius in VESSELS[name]:
        for start, end in zip(np.array(line[:-1], float), np.array(line[1:], float), strict=True):
            count = int(np.ceil(np.linalg.norm(end - start) / 0.4))
            samples.append(start + (end - start) * np.linspace(0, 1, count + 1)[:, None])
            radii.append(np.full(count + 1, radius))
    return cKDTree(np.concatenate(samples)), np.concatenate(radii).astype(np.float32)


def tubes(name: str, points: Array, outside: Array, edge_mm: float = 0.8) -> tuple[Array, Array]:
    """Fraction of blood of a set of tubes, with an edge ``edge_mm`` wide, and the radius of the tube (mm)."""
    tree, radii = centreline(name)
    reach = float(radii.max()) + edge_mm
    low, high = tree.mins - reach, tree.maxes + reach
    near = np.flatnonzero((outside < 99) & ((points > low) & (points < high)).all(axis=1))
    distance, which = tree.query(points[near], distance_upper_bound=reach)
    hit = np.isfinite(distance)
    fraction = np.zeros(len(points), dtype=np.float32)
    radius = np.zeros(len(points), dtype=np.float32)
    radius[near[hit]] = radii[which[hit]]
    fraction[near[hit]] = np.clip(0.5 + (radii[which[hit]] - distance[hit]) / edge_mm, 0, 1)
    return fraction, radius
