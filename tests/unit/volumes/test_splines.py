"""Sampling by B-splines, against SciPy's and against what a spline gives back exactly."""

import numpy as np
import pytest
from reperfuse.volumes.geometry import rigid_matrix
from reperfuse.volumes.splines import sample_grid
from scipy import ndimage


def random_image(shape=(31, 26, 9), seed=7):
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 0.7)


def turned(angle_deg=9.0, shift=(1.3, -0.4, 0.55), center=(15.0, 12.0, 4.0)):
    return rigid_matrix(np.array(shift), np.radians(angle_deg) * np.array([0.2, -0.1, 0.97]), np.array(center))


def by_scipy(image, matrix, shape, order):
    return ndimage.affine_transform(image, matrix[:3, :3], matrix[:3, 3], shape, order=order, mode="mirror")


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("memory", ["C", "F"])
def test_it_samples_as_scipy_does(order, memory):
    image, shape = np.array(random_image(), order=memory), (40, 24, 11)
    found = sample_grid(image, turned(), shape, order)
    known = np.isfinite(found)
    assert 0.5 < known.mean() < 1
    np.testing.assert_allclose(found[known], by_scipy(image, turned(), shape, order)[known], atol=1e-5 * np.ptp(image))


@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_grid_of_many_slabs_is_the_same_as_of_few(order, monkeypatch):
    image = random_image()
    at_once = sample_grid(image, turned(), image.shape, order)
    monkeypatch.setattr("reperfuse.volumes.splines._AT_ONCE", 500)
    np.testing.assert_array_equal(sample_grid(image, turned(), image.shape, order), at_once)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_its_own_grid_gives_the_image_back(order):
    image = random_image()
    np.testing.assert_allclose(sample_grid(image, np.eye(4), image.shape, order), image, atol=1e-5)


def test_a_cubic_spline_follows_a_parabola():
    x, y, z = np.meshgrid(*[np.arange(n, dtype=float) for n in (40, 40, 40)], indexing="ij")
    matrix = turned(center=(19.5, 19.5, 19.5))

    def parabola(x, y, z):
        return 0.02 * (x - 20) ** 2 - 0.01 * (y - 18) * (z - 20) + 0.3 * x

    found = sample_grid(parabola(x, y, z), matrix, x.shape, 3)
    there = np.einsum("ij,jxyz->ixyz", matrix, np.stack([x, y, z, np.ones_like(x)]))[:3]
    deep = np.all((there > 10) & (there < 29), axis=0)  # far from the rim, where the spline is mirrored
    np.testing.assert_allclose(found[deep], parabola(*there)[deep], atol=1e-4)


@pytest.mark.parametrize(
    ("reach", "known"), [(0.1, [False, True, True, True, False]), (0.5, [True, True, True, True, False])]
)
def test_it_reaches_beyond_the_outermost_centres_as_far_as_said(reach, known):
    matrix = np.diag([0.5, 1.0, 1.0, 1.0])
    matrix[0, 3] = -0.4
    image = random_image((2, 5, 5))
    found = sample_grid(image, matrix, (5, 5, 5), 1, reach)  # at -0.4, 0.1, 0.6, 1.1 and 1.6 of voxels 0 and 1
    np.testing.assert_array_equal(np.isfinite(found).all(axis=(1, 2)), np.array(known))


@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_voxel_without_a_value_has_none_afterwards(order):
    image = random_image()
    image[10:14, 8:12, 3] = np.nan
    shift = np.eye(4)
    shift[:3, 3] = 0.3, -0.2, 0.1
    found = sample_grid(image, shift, image.shape, order)
    assert np.isnan(found[10:14, 8:12, 3]).all()
    assert np.isfinite(found[2:-2, 2:-2, 4:-2]).all()


@pytest.mark.parametrize("order", [1, 3])
def test_a_single_slice_is_sampled_in_its_plane(order):
    image = random_image((20, 20, 1))
    shift = np.eye(4)
    shift[0, 3] = 1.0
    np.testing.assert_allclose(sample_grid(image, shift, image.shape, order)[:-1], image[1:], atol=1e-5)
