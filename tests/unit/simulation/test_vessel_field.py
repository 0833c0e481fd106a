"""The field around vessels: 1 at the wall, falling with the square of the distance, nothing far away."""

import numpy as np
import pytest
from reperfuse.simulation.vessel_field import vessel_fields

# the superior sagittal sinus passes (0, 20, 70) with a radius of 3.4 mm
SINUS, RADIUS_MM = np.array([0.0, 20.0, 70.0]), 3.4
SIDEWAYS = np.array([1.0, 0.0, 0.0])


@pytest.mark.parametrize(("radii", "expected"), [(0.0, 1.0), (0.9, 1.0), (1.5, 1 / 2.25), (2.0, 0.25), (4.0, 0.0)])
def test_field_of_a_sinus(radii: float, expected: float) -> None:
    point = (SINUS + radii * RADIUS_MM * SIDEWAYS)[None].astype(np.float32)
    fields = vessel_fields(point)
    assert fields.sinuses[0] == pytest.approx(expected, abs=0.03)
    assert fields.grey[0] == fields.arteries[0] == fields.veins[0] == 0
