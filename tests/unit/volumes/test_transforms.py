import numpy as np
import pytest
from poses import pose, textured
from reperfuse.volumes import transforms
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import Displacement, Transform, resample_mask
from scipy import ndimage


@pytest.fixture(scope="module")
def head() -> Image:
    affine = np.diag([3.0, 3.0, 3.5, 1.0])
    affine[:3, 3] = (-70, -80, -60)
    return textured(affine, (48, 54, 36))


def bent() -> Transform:
    """A pose, then a displacement of up to 6 mm on a coarse oblique grid."""
    affine = pose((3, -4, 5), (-90, -90, -75)) @ np.diag([14.0, 12.0, 10.0, 1.0])
    vectors = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(16, 18, 16, 3)), (3, 3, 3, 0))
    return Transform((pose((8, -5, 12), (6, -4, 3)), Displacement(6 * vectors / np.abs(vectors).max(), affine)))


def test_a_displacement_is_undone_by_its_inverse() -> None:
    transform = bent()
    points = np.random.default_rng(3).uniform(-60, 60, (200, 3))
    np.testing.assert_allclose(transform.inverse()(transform(points)), points, atol=1e-4)
    assert transform.then(transform.inverse()).matrix is None
    assert Transform(transform.steps[:1]).inverse().matrix is not None


def test_a_mask_keeps_its_volume_on_another_grid() -> None:
    fine = Image(np.zeros((60, 60, 60), np.float32), np.eye(4))
    grid = np.indices((60, 60, 60)) - 30
    fine.data[(grid**2).sum(axis=0) < 10**2] = 1
    coarse = Image(np.zeros((24, 24, 12)), np.diag([2.5, 2.5, 5.0, 1.0]))
    shifts = [pose((0, 0, 0), tuple(shift)) for shift in np.random.default_rng(1).uniform(-3, 3, (40, 3))]
    volumes = [resample_mask(fine, coarse, shift).sum() * 2.5 * 2.5 * 5 for shift in shifts]
    # a single position is off by how the slices happen to fall; their mean is not
    assert np.mean(volumes) == pytest.approx(fine.data.sum(), rel=0.02)


def test_outside_the_field_of_view_nothing_is_known(head: Image) -> None:
    far = pose((0, 0, 0), (1000, 0, 0))
    assert np.isnan(transforms.resample(head, head, far)).all()
    assert not resample_mask(head, head, far).any()
