"""The field that the contrast agent in vessels makes around them."""

import numpy as np

from reperfuse.simulation.anatomy import Tissues
from reperfuse.simulation.vessels import SINUS_RADIUS_MM, VESSELS, Array, centreline


def vessel_fields(template_points: Array, reach: float = 3.0) -> Tissues:
    """Field that the contrast agent in vessels makes around them, relative to that at their walls.

    Outside a cylinder the field falls with the square of the distance from its axis.

    Parameters
    ----------
    template_points : (n, 3) array
        Template coordinates, mm.
    reach : float
        In radii of the vessel, how far the field is felt.

    Returns
    -------
    Tissues
        Of vessels alone, each (n,): 1 at the wall and inside, 0 far away.
    """
    fields = {}
    for name in VESSELS:
        tree, radii = centreline(name)
        farthest = reach * float(radii.max())
        near = np.flatnonzero(
            ((template_points > tree.mins - farthest) & (template_points < tree.maxes + farthest)).all(1)
        )
        distance, which = tree.query(template_points[near], distance_upper_bound=farthest)
        hit = np.flatnonzero(np.isfinite(distance))
        ratio = radii[which[hit]] / np.maximum(distance[hit], 1e-3)
        for kind in ("veins", "sinuses") if name == "veins" else (name,):
            wide = radii[which[hit]] >= SINUS_RADIUS_MM
            felt = (ratio > 1 / reach) & (wide if kind == "sinuses" else ~wide if kind == "veins" else True)
            fields[kind] = np.zeros(len(template_points), dtype=np.float32)
            fields[kind][near[hit[felt]]] = np.minimum(ratio[felt], 1) ** 2
    none = np.zeros(len(template_points), dtype=np.float32)
    return Tissues(none, none, none, none, **fields)
