"""Noise is measured as it was made, whatever lies below it, and drawn as it was measured."""

import numpy as np
import pytest
from numpy.typing import NDArray
from reperfuse.volumes.noise import Noise, generator, image_noise, series_noise
from scipy.signal import resample

SHAPE = (40, 44, 16)
EVERYWHERE = np.ones(SHAPE, bool)


def anatomy() -> NDArray[np.float32]:
    """A slope and an edge along each axis."""
    x, y, z = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in SHAPE), indexing="ij")
    return 300 + 5 * x - 3 * y + 40 * (x > 20) + 60 * (y > 15) + 10 * z


@pytest.mark.parametrize("correlation", [(0.0, 0.0, 0.0), (0.5, 0.3, 0.1)])
def test_drawn_noise_is_as_wide_and_as_shared_as_stated(correlation: tuple[float, float, float]) -> None:
    drawn = Noise(7.0, correlation).draw((*SHAPE, 8), np.random.default_rng(1))
    assert drawn[2:-2, 2:-2, 2:-2].std() == pytest.approx(7.0, rel=0.02)
    for axis, stated in enumerate(correlation):
        moved = np.moveaxis(drawn, axis, 0)
        assert np.corrcoef(moved[2:-1].ravel(), moved[1:-2].ravel())[0, 1] == pytest.approx(stated, abs=0.02)
    assert np.corrcoef(drawn[..., 0].ravel(), drawn[..., 1].ravel())[0, 1] == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("correlation", [(0.0, 0.0, 0.0), (0.4, 0.2, 0.3)])
def test_the_noise_of_a_series_is_found(correlation: tuple[float, float, float]) -> None:
    noise = Noise(7.0, correlation).draw((*SHAPE, 9), np.random.default_rng(2))
    drift = np.linspace(0, 3, 9, dtype=np.float32)
    found = series_noise(anatomy()[..., np.newaxis] + drift + noise, EVERYWHERE)
    assert found.sd == pytest.approx(7.0, rel=0.03)
    assert found.correlation == pytest.approx(correlation, abs=0.03)


def test_what_lies_outside_the_mask_is_not_noise() -> None:
    series = np.random.default_rng(3).normal(100, 5, (*SHAPE, 6)).astype(np.float32)
    mask = EVERYWHERE.copy()
    mask[:20] = False
    series[:20] *= 30
    series[25, 25, :, 3] = np.nan
    assert series_noise(series, mask).sd == pytest.approx(5.0, rel=0.03)
    assert image_noise(series[..., 0], mask).sd == pytest.approx(5.0, rel=0.05)


def test_the_noise_of_an_image_is_found_below_slopes_and_edges() -> None:
    noise = np.random.default_rng(4).normal(0, 6, SHAPE)
    found = image_noise((anatomy() + noise).astype(np.float32), EVERYWHERE)
    assert found.sd == pytest.approx(6.0, rel=0.05)
    assert max(found.correlation) < 0.08


def test_the_noise_of_an_interpolated_image_is_found() -> None:
    """Two voxels out of one, as scanners make them by zeros around k-space: each shares 0.64 with the next."""
    coarse = np.random.default_rng(5).normal(0, 6, (60, 60, 16))
    fine = resample(resample(coarse, 120, axis=0), 120, axis=1).astype(np.float32)
    found = image_noise(fine, np.ones(fine.shape, bool))
    assert found.sd == pytest.approx(fine.std(), rel=0.05)
    assert found.correlation[0] == pytest.approx(0.64, abs=0.05)


def test_random_numbers_hang_on_the_values_alone() -> None:
    image = anatomy()
    same = np.asfortranarray(image)
    assert generator(image).normal() == generator(same).normal()
    assert generator(image).normal() != generator(image + np.float32(1)).normal()
