"""The coil's shading against known fields."""

import numpy as np
import pytest
from reperfuse.perfusion.shading import receive_field


def test_receive_field_is_found_and_motion_through_it_leaves_no_step():
    """A head that turns in a coil's field keeps its signal once the field is divided out."""
    x, y, z = np.indices((40, 44, 20)) * np.array([4.0, 4.0, 6.0]).reshape(3, 1, 1, 1)
    affine = np.diag([4.0, 4.0, 6.0, 1.0])
    u, v, w = (x - 78) / 80, (y - 86) / 80, (z - 57) / 80
    brain = u**2 + v**2 + w**2 < 0.8**2
    tissue = 100 + 30 * (np.sin(x / 9) * np.cos(y / 11) * np.cos(z / 13) > 0)
    field = np.exp(0.15 * u - 0.1 * v * w + 0.2 * (u**2 + v**2))
    found = receive_field(np.where(brain, tissue * field, 0), affine, brain)
    ratio = np.log(found / field)[brain]
    assert np.std(ratio) < 0.01
    assert np.mean(np.log(found[brain])) == pytest.approx(0, abs=1e-5)


def test_receive_field_does_not_follow_the_anatomy():
    """A brain with a bright rim and dark depth, as grey and white matter are, in a field that only slopes."""
    x, y, z = np.indices((48, 56, 20)) * np.array([3.0, 3.0, 6.0]).reshape(3, 1, 1, 1)
    affine = np.diag([3.0, 3.0, 6.0, 1.0])
    radius = np.sqrt(((x - 70) / 66) ** 2 + ((y - 82) / 78) ** 2 + ((z - 57) / 56) ** 2)
    fluid = ((x - 70) / 14) ** 2 + ((y - 82) / 26) ** 2 + ((z - 62) / 12) ** 2 < 1
    brain = radius < 1
    tissue = np.where(fluid, 160.0, np.where(radius > 0.75, 115.0, 100.0)) * brain
    rng = np.random.default_rng(1)
    field = np.exp(0.003 * (x - 70) - 0.001 * (y - 82))
    found = receive_field(np.hypot(tissue * field + rng.normal(0, 1.5, x.shape), 0), affine, brain)
    slopes = np.stack(np.gradient(np.log(found / field), 3.0, 3.0, 6.0), axis=-1)[radius < 0.8]
    assert np.sqrt((slopes**2).sum(axis=-1).mean()) < 0.0005


def test_receive_field_of_a_single_slice():
    x, y, _ = np.indices((64, 64, 1)) * 3.0
    brain = (x - 95) ** 2 + (y - 95) ** 2 < 80**2
    field = np.exp(0.002 * (x - 95))
    image = np.where(brain, 100 * field, 0) + np.random.default_rng(1).normal(0, 1, x.shape) * brain
    found = receive_field(image, np.diag([3.0, 3.0, 6.0, 1.0]), brain)
    assert np.std(np.log(found / field)[brain]) < 0.01
