"""Noise of diffusion images, and what it makes of ADC and trace."""

import numpy as np
import pytest
from numpy.typing import NDArray
from reperfuse.diffusion.adc import fit_adc
from reperfuse.diffusion.noise import map_noise, series_noise

SHAPE, B = (40, 40, 12), [0.0, 0.0, *[1000.0] * 6]
EVERYWHERE = np.ones(SHAPE, bool)


def clean() -> NDArray[np.float64]:
    """Two tissues, side by side."""
    adc, b0 = np.full(SHAPE, 0.8e-3), np.full(SHAPE, 400.0)
    adc[20:], b0[20:] = 0.5e-3, 500.0
    return np.stack([b0 * np.exp(-b * adc) for b in B], axis=-1)


def scan(sd: float, seed: int) -> NDArray[np.float64]:
    return clean() + np.random.default_rng(seed).normal(0, sd, (*SHAPE, len(B)))


def test_the_noise_of_a_series_is_that_of_its_means() -> None:
    found = series_noise(scan(8.0, 1), B, EVERYWHERE)
    assert found.trace.sd == pytest.approx(8 / np.sqrt(6), rel=0.05)
    assert found.b0.sd == pytest.approx(8 / np.sqrt(2), rel=0.05)
    assert found.b_value == 1000


def test_anatomy_of_one_direction_is_no_noise_of_a_pair() -> None:
    """Directions that differ by the tissue, as white matter's do, hold the same noise."""
    series = scan(8.0, 2)
    series[10:30, ..., 2] *= 1.4
    assert series_noise(series, B, EVERYWHERE).trace.sd == pytest.approx(8 / np.sqrt(6), rel=0.08)


def test_a_single_weighted_image_is_measured_in_space() -> None:
    series = scan(8.0, 3)[..., [0, 2]]
    assert series_noise(series, [0.0, 1000.0], EVERYWHERE).trace.sd == pytest.approx(8, rel=0.06)


def test_added_noise_spreads_the_maps_as_the_scans_noise_does() -> None:
    maps = fit_adc(scan(8.0, 4), B)
    noise = series_noise(scan(8.0, 4), B, EVERYWHERE)
    random = np.random.default_rng(5)
    drawn = [noise.add(maps.adc, maps.trace, random) for _ in range(20)]
    scanned = [fit_adc(scan(8.0, seed), B) for seed in range(10, 30)]
    for half in (np.s_[:20], np.s_[20:]):
        spread = np.std([adc[half] for adc, _ in drawn], axis=0).mean()
        assert spread == pytest.approx(np.std([one.adc[half] for one in scanned], axis=0).mean(), rel=0.08)
        spread = np.std([trace[half] for _, trace in drawn], axis=0).mean()
        assert spread == pytest.approx(np.std([one.trace[half] for one in scanned], axis=0).mean(), rel=0.08)


def test_noise_of_adc_and_trace_goes_together() -> None:
    """A trace too bright reads an ADC too low, and without other noise by as much as the logarithm says."""
    maps = fit_adc(clean(), B)
    noise = map_noise(scan(8.0, 6)[..., 2], EVERYWHERE, 1000.0, is_alone=True)
    adc, trace = noise.add(maps.adc, maps.trace, np.random.default_rng(7))
    assert np.allclose(adc - maps.adc, -np.log(trace / maps.trace) / 1000, atol=1e-8)


def test_what_has_no_adc_gets_none() -> None:
    maps = fit_adc(clean(), B)
    maps.adc[3, 3, 3] = np.nan
    adc, _ = series_noise(scan(8.0, 8), B, EVERYWHERE).add(maps.adc, maps.trace, np.random.default_rng(9))
    assert np.isnan(adc[3, 3, 3])
    assert np.isfinite(adc).sum() == adc.size - 1
