"""Displacements that are known are found, in the lesion too, where nothing shows them."""

import numpy as np
import pytest
from reperfuse.serial.swelling import Displacement, measure_swelling, volume_ratio
from reperfuse.simulation.geometry import rigid
from reperfuse.volumes.geometry import apply_matrix
from scipy import ndimage

pytestmark = pytest.mark.slow

SHAPE, VOXEL = (60, 72, 32), np.array([2.5, 2.5, 4.0])
AFFINE = np.diag([*VOXEL, 1.0])
AFFINE[:3, 3] = -VOXEL * (np.array(SHAPE) - 1) / 2
POINTS = apply_matrix(AFFINE, np.indices(SHAPE).reshape(3, -1).T)
CENTRE, RADIUS = np.array([-28.0, -5.0, 8.0]), 20.0
MOVED = rigid((4.0, -3.0, 5.0), (3.0, -2.0, 1.0))


def pushed(points: np.ndarray, strain: float) -> np.ndarray:
    """Displacement of tissue around a sphere whose radius grows by a share, fading like that of the simulator."""
    arm = points - CENTRE
    return strain * arm * np.exp(-0.5 * (arm**2).sum(axis=1, keepdims=True) / RADIUS**2)


def head(points: np.ndarray, lesion: float = 0.0, seed: int = 1) -> np.ndarray:
    """Texture of a few mm at points of the earlier head, a lesion that is brighter, noise."""
    texture = ndimage.gaussian_filter(np.random.default_rng(7).normal(size=(90, 100, 80)), 2.0)
    at = points / 2.0 + np.array([45, 50, 40])
    image = 1 + 2.0 * ndimage.map_coordinates(texture, at.T, order=1, mode="nearest")
    image += lesion * (np.linalg.norm(points - CENTRE, axis=1) < RADIUS)
    image *= ((points / [66, 80, 55]) ** 2).sum(axis=1) < 1
    return (image + 0.02 * np.random.default_rng(seed).normal(size=len(image))).reshape(SHAPE)


def later_head(strain: float) -> tuple[np.ndarray, np.ndarray]:
    """The head after the lesion has swollen and the head has moved, and the lesion there."""
    there = apply_matrix(np.linalg.inv(MOVED), POINTS)
    back = there.copy()
    for _ in range(30):
        back = there - pushed(back, strain)
    inside = np.linalg.norm(back - CENTRE, axis=1) < RADIUS
    return head(back, 0.4, 2), inside.reshape(SHAPE)


@pytest.mark.parametrize("strain", [0.0, 0.1])
def test_the_rim_of_a_lesion_is_where_swelling_pushed_it(strain: float) -> None:
    brain = (((POINTS / [66, 80, 55]) ** 2).sum(axis=1) < 1).reshape(SHAPE)
    later, lesion = later_head(strain)
    found = measure_swelling(head(POINTS), AFFINE, later, AFFINE, MOVED, brain, lesion)
    outward = POINTS - CENTRE
    distance = np.linalg.norm(outward, axis=1)
    rim = np.abs(distance - RADIUS) < 2
    along = outward[rim] / distance[rim, None]
    true, measured = (
        field @ np.ones(3) for field in (along * pushed(POINTS[rim], strain), along * found.at(POINTS[rim]))
    )
    assert measured.mean() == pytest.approx(true.mean(), abs=max(0.25, 0.3 * true.mean()))
    far = brain.ravel() & (distance > 60)
    assert np.linalg.norm(found.at(POINTS[far]), axis=1).mean() < 0.25


def test_the_volume_ratio_is_that_of_the_displacement() -> None:
    oblique = rigid((10.0, 20.0, -15.0), (1.0, 2.0, 3.0)) @ AFFINE
    stretch = np.array([0.1, -0.2, 0.05])
    displacement = apply_matrix(oblique, np.indices(SHAPE).reshape(3, -1).T).reshape(*SHAPE, 3) * stretch
    np.testing.assert_allclose(volume_ratio(displacement, oblique), np.prod(1 + stretch), rtol=1e-6)


def test_a_displacement_on_a_grid_is_the_one_at_its_points() -> None:
    rng = np.random.default_rng(3)
    to_lattice = np.diag([1 / 18.0] * 3 + [1.0])
    to_lattice[:3, 3] = 4.0
    found = Displacement(rng.normal(size=(9, 9, 9, 3)), to_lattice)
    grid = found.on_grid(SHAPE, AFFINE)
    assert grid[5, 6, 7] == pytest.approx(found.at(apply_matrix(AFFINE, np.array([[5, 6, 7]])))[0], abs=1e-5)
