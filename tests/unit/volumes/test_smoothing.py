import numpy as np
import pytest
from reperfuse.volumes.smoothing import cube_means, smooth_inside


def test_smoothing_is_in_millimetres() -> None:
    """A point spreads to a Gaussian whose full width at half maximum is that asked for, along every axis."""
    volume = np.zeros((41, 41, 41))
    volume[20, 20, 20] = 1
    size = (1.0, 2.0, 1.5)
    spread = smooth_inside(volume, np.ones(volume.shape, bool), size, 8.0)
    for axis in range(3):
        profile = spread.sum(axis=tuple(other for other in range(3) if other != axis))
        position = (np.arange(41) - 20) * size[axis]
        width = np.sqrt((profile * position**2).sum() / profile.sum()) * np.sqrt(8 * np.log(2))
        assert width == pytest.approx(8.0, rel=0.02)


def test_smoothing_keeps_to_the_mask() -> None:
    mask = np.zeros((12, 12, 8), bool)
    mask[2:9, 3:10, 1:7] = True
    series = np.full((12, 12, 8, 3), 1e6)
    series[mask] = (1.0, 2.0, 3.0)
    series[4, 4, 4, 1] = np.nan
    found = smooth_inside(series, mask, (2, 2, 4), 6.0)
    assert np.isnan(found[~mask]).all()
    assert np.isnan(found[4, 4, 4]).all()
    rest = mask.copy()
    rest[4, 4, 4] = False
    np.testing.assert_allclose(found[rest], np.broadcast_to([1, 2, 3], (rest.sum(), 3)), rtol=1e-5)
    np.testing.assert_array_equal(smooth_inside(series, mask, (2, 2, 4), 0)[rest], series[rest].astype(np.float32))
    assert smooth_inside(series[..., 0], mask, (2, 2, 4), 6.0).shape == mask.shape
    with pytest.raises(ValueError, match="negative"):
        smooth_inside(series, mask, (2, 2, 4), -1)


def test_smoothing_knows_no_orientation() -> None:
    rng = np.random.default_rng(0)
    volume, mask = rng.standard_normal((10, 12, 8)), rng.random((10, 12, 8)) > 0.3
    found = smooth_inside(volume, mask, (2, 3, 5), 7.0)
    turned = smooth_inside(volume.transpose(2, 0, 1)[::-1], mask.transpose(2, 0, 1)[::-1], (5, 2, 3), 7.0)
    np.testing.assert_allclose(turned, found.transpose(2, 0, 1)[::-1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("axes", [(1, 1, 1), (-1, 1, -1)])
def test_means_of_cubes_whatever_the_direction_of_the_axes(axes) -> None:
    places = np.array([[-8.0, 1.0, 2.0], [9.0, -5.0, 3.0], [14.0, 2.0, 0.0], [-15.0, 2.0, -5.0]]) * axes + 30.0
    values = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 5.0], [7.0, 8.0]])
    means, counts = cube_means(values, places, 20.0)
    found = sorted((int(count), *map(float, row)) for count, row in zip(counts, means, strict=True))
    assert found == [(1, 5.0, 5.0), (1, 7.0, 8.0), (2, 2.0, 4.0)]
