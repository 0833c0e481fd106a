import numpy as np
import pytest
from reperfuse.volumes.likeness import alike_means
from reperfuse.volumes.smoothing import smoothed_curves

VOXEL = (2.0, 2.0, 5.0)
TIMES = np.arange(40.0)
NOISE = 4.0


def passage(peak: float, at_s: float, width_s: float) -> np.ndarray:
    return peak * np.exp(-0.5 * ((TIMES - at_s) / width_s) ** 2)


def halves() -> tuple[np.ndarray, np.ndarray]:
    """A block of tissue whose left half has little, late and slow flow, and its mask."""
    series = np.empty((36, 30, 8, 40), np.float32)
    series[:18], series[18:] = passage(4.0, 24.0, 8.0), passage(12.0, 15.0, 4.0)
    return series, np.ones(series.shape[:3], bool)


def noisy(series: np.ndarray) -> np.ndarray:
    return series + np.random.default_rng(5).normal(0, NOISE, series.shape).astype(np.float32)


def test_a_border_stays_where_it_is() -> None:
    series, mask = halves()
    true, peak = series[mask].reshape(series.shape), series[..., 15]
    found = alike_means(noisy(series), mask, VOXEL).reshape(series.shape)
    mixed = smoothed_curves(series, mask, VOXEL, 6.0).reshape(series.shape)
    beside = slice(17, 19)  # the voxels on either side of the border
    contrast = float(np.ptp(peak))
    # a Gaussian mixes them though there is no noise: a third of the contrast
    assert np.abs(mixed - true)[beside, ..., 15].mean() > 0.3 * contrast
    error = (found - true)[beside, ..., 15].mean(axis=(1, 2))
    assert np.abs(error).max() < 0.15 * contrast


def test_noise_is_reduced_more_than_by_the_gaussian_that_curves_are_compared_by() -> None:
    series, mask = halves()
    inner = np.zeros_like(mask)
    inner[4:12, 6:-6, 2:-2] = True
    data = noisy(series)
    found, usual = alike_means(data, mask, VOXEL), smoothed_curves(data, mask, VOXEL, 6.0)
    left, usually = ((curves - series[mask])[inner[mask]].std() for curves in (found, usual))
    assert left < 0.75 * usually


def test_curves_without_noise_stay() -> None:
    series, mask = halves()
    mask[:, :3] = False
    series[~mask] = np.nan
    found = alike_means(series, mask, VOXEL)
    np.testing.assert_allclose(found, series[mask], atol=0.02)
    same = np.broadcast_to(passage(5.0, 15.0, 4.0).astype(np.float32), series.shape)
    np.testing.assert_allclose(alike_means(same, mask, VOXEL), same[mask], atol=1e-3)


def test_what_is_outside_the_mask_contributes_nothing() -> None:
    series, mask = halves()
    data = noisy(series)
    mask[:, 20:] = False
    found = alike_means(data, mask, VOXEL)
    data[~mask] = 1e6
    np.testing.assert_allclose(alike_means(data, mask, VOXEL), found, atol=1e-4)


def test_the_order_of_axes_does_not_matter() -> None:
    series, mask = halves()
    data = noisy(series)
    found = alike_means(data, mask, VOXEL).reshape(data.shape)
    turned = alike_means(data.transpose(2, 0, 1, 3)[::-1], mask.transpose(2, 0, 1)[::-1], (5.0, 2.0, 2.0))
    np.testing.assert_allclose(turned.reshape(8, 36, 30, 40), found.transpose(2, 0, 1, 3)[::-1], atol=2e-3)


@pytest.mark.parametrize("voxels", [0, 1, 2])
def test_next_to_no_voxels(voxels: int) -> None:
    series, mask = halves()
    mask[:] = False
    mask.ravel()[:voxels] = True
    np.testing.assert_allclose(alike_means(series, mask, VOXEL), series[mask], atol=1e-3)
