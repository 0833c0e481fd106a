"""Brain masks of heads with orbits, temporal muscles and nasal mucosa, whole and in slabs of the skull base.

The brain is the simulator's; the face around it is made here. The truth is all within the skull.
"""

from functools import cache

import numpy as np
import pytest
from reperfuse.head.brain import brain_mask
from reperfuse.simulation.anatomy import Head, tissues
from reperfuse.simulation.geometry import average_voxels, sample_points, static_oversampling
from reperfuse.simulation.protocols import Matrix, make_grid
from scipy import ndimage

BONE_MM = 4.0
MATRICES = {"dwi": Matrix((112, 112, 30), (2.0, 2.0, 5.0)), "dsc": Matrix((80, 80, 24), (2.75, 2.75, 6.0))}
BRIGHTNESS = {  # relative to grey matter; fat is suppressed on b = 0, not on FLAIR
    "b0": {"white": 0.8, "csf": 2.3, "blood": 0.5, "scalp": 0.3, "fat": 0.25, "muscle": 0.45, "eye": 2.3},
    "flair": {"white": 0.7, "csf": 0.15, "blood": 0.2, "scalp": 0.9, "fat": 1.2, "muscle": 0.55, "eye": 0.2},
}


def inside(distance_mm):
    """Fraction of tissue at a distance outside its surface, with an edge 1 mm wide."""
    return np.clip(0.5 - distance_mm, 0, 1).astype(np.float32)


def outside_cone(points, start, end, radii):
    """Distance outside a rounded cone between two points, mm."""
    axis = np.subtract(end, start)
    along = np.clip((points - start) @ axis / (axis @ axis), 0, 1)
    return np.linalg.norm(points - start - along[:, None] * axis, axis=1) - np.interp(along, (0, 1), radii)


def face(points, brightness):
    """Brightness of the face: mucosa, chewing muscles, orbits with their fat, muscles, optic nerves and eyes."""
    sides = points * [-1, 1, 1] * np.where(points[:, :1] < 0, 1, -1)
    x, y, z = sides.T
    orbit = outside_cone(sides, (33, 50, -37), (14, 23, -26), (15, 3))
    nerve = inside(outside_cone(sides, (33, 46, -36), (12, 20, -24), (2.5, 2.5)))
    nerve = np.maximum(nerve, inside(outside_cone(sides, (12, 20, -24), (3, 6, -18), (2.5, 2.5))))
    mucosa = np.max([x - 11, 38 - y, y - 80, z + 26, -70 - z], axis=0)
    temporal = np.linalg.norm((sides - (62, 15, -25)) / (9, 28, 30), axis=1) * 9 - 9
    pterygoid = np.linalg.norm((sides - (36, 12, -62)) / (12, 24, 18), axis=1) * 12 - 12
    image = np.zeros(len(points), np.float32)
    for fraction, level in (
        (inside(mucosa) * inside(1.5 - (x + 1) % 5), 1.2),
        (inside(np.minimum(temporal, pterygoid)), brightness["muscle"]),
        (inside(orbit), brightness["fat"]),
        (inside(abs(orbit + 3) - 1.5), brightness["muscle"]),
        (nerve, brightness["white"]),
        (inside(np.linalg.norm(sides - (33, 58, -37), axis=1) - 12), brightness["eye"]),
    ):
        image += fraction * (level - image)
    return image, nerve


@cache
def scan(contrast, name, tilt_deg=0.0):
    """Image of a head and its true brain."""
    matrix, brightness = MATRICES[name], BRIGHTNESS[contrast]
    grid = make_grid(Matrix(matrix.shape, matrix.voxel_mm, tilt_deg=tilt_deg))
    parts = static_oversampling(grid)
    points = sample_points(grid, np.eye(4), Head(), parts)
    found = tissues(points)
    blood = found.left_mca + found.right_mca + found.arteries + found.veins
    brain = np.minimum(found.grey + found.white + found.csf + blood, 1)
    fine = [n * k for n, k in zip(grid.shape, parts, strict=True)]
    within = (found.grey + found.white + found.csf).reshape(fine) > 0.5
    skull = ndimage.distance_transform_edt(~within, sampling=grid.voxel_mm / parts).ravel()
    around, nerve = face(points, brightness)
    around = np.maximum(around, found.scalp * brightness["scalp"]) * np.maximum(inside(BONE_MM - skull), nerve)
    image = found.grey + brightness["white"] * found.white + brightness["csf"] * found.csf + brightness["blood"] * blood
    image = average_voxels(image + (1 - brain) * around, grid, parts)
    noise = np.random.default_rng(0).normal(0, 0.025, (2, *grid.shape))
    return np.hypot(image + noise[0], noise[1]), average_voxels(brain, grid, parts) > 0.5, grid


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def error(contrast, name, tilt_deg, slices):
    """Dice and relative volume error of the mask found in some slices of a scan."""
    image, truth, grid = scan(contrast, name, tilt_deg)
    found, truth = brain_mask(image[..., slices], grid.voxel_mm), truth[..., slices]
    return dice(found, truth), found.sum() / truth.sum() - 1


@pytest.mark.parametrize("tilt_deg", [0.0, -12.0])
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("contrast", BRIGHTNESS)
def test_the_orbits_are_not_brain(contrast, name, tilt_deg):
    """Through slices the roof of an orbit is no gap, and fat not suppressed is as bright as brain."""
    overlap, error_of_volume = error(contrast, name, tilt_deg, slice(None))
    assert overlap > 0.96
    assert abs(error_of_volume) < 0.08


@pytest.mark.parametrize("tilt_deg", [0.0, -12.0])
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("contrast", BRIGHTNESS)
def test_the_orbits_are_not_brain_in_a_slab_of_the_skull_base(contrast, name, tilt_deg):
    for first in (0, 2, 4):
        assert error(contrast, name, tilt_deg, slice(first, first + 6))[0] > 0.93
        assert error(contrast, name, tilt_deg, slice(first, first + 12))[0] > 0.96


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("contrast", BRIGHTNESS)
def test_the_temporal_lobes_beside_the_cerebellum_are_brain(contrast, name, count):
    """In so few slices nothing connects them."""
    assert error(contrast, name, 0.0, slice(1, 1 + count))[0] > 0.91
