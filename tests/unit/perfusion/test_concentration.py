"""Baseline, ΔR2*, slice timing, smoothing and leakage against physics."""

import numpy as np
import pytest
from reperfuse.perfusion.bolus import Baseline
from reperfuse.perfusion.concentration import align_slices, delta_r2star, relative_noise
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve


def test_delta_r2star_inverts_the_signal_equation() -> None:
    rates = np.zeros((2, 3, 20))
    rates[..., 8:] = np.linspace(-5, 60, 12)
    signal = np.array([300.0, 900.0])[:, None, None] * np.exp(-rates * 0.04)
    found = delta_r2star(signal, 0.04, Baseline(2, 8))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, rates, atol=1e-4)


def test_the_baseline_mean_is_of_its_frames_only() -> None:
    signal = np.full(20, 100.0)
    signal[:2], signal[2:4], signal[10:] = 150, (90, 110), 50
    assert delta_r2star(signal, 0.03, Baseline(2, 8))[15] == pytest.approx(np.log(2) / 0.03, rel=1e-5)


def test_signal_that_is_not_positive_is_nan() -> None:
    signal = np.full((3, 20), 100.0)
    signal[0, 12], signal[1, 13], signal[2] = 0, -5, 0
    found = delta_r2star(signal, 0.03, Baseline(0, 8))
    assert np.isnan(found[0, 12])
    assert np.isnan(found[1, 13])
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:2]).sum() == 2
    with pytest.raises(ValueError, match="echo time"):
        delta_r2star(signal, 0, Baseline(0, 8))


def test_a_voxel_without_signal_before_the_bolus_is_nan() -> None:
    signal = np.full((2, 20), 100.0)
    signal[0, :8] = 0
    found = delta_r2star(signal, 0.03, Baseline(0, 8))
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], 0)


def test_the_unit_of_the_signal_does_not_matter() -> None:
    signal = 100 * np.exp(-0.03 * np.random.default_rng(0).uniform(0, 50, (5, 20)))
    found = delta_r2star(signal / 1000, 0.03, Baseline(0, 8))
    np.testing.assert_allclose(found, delta_r2star(signal, 0.03, Baseline(0, 8)), atol=1e-4)


def test_a_frame_before_a_slices_first_sample_takes_its_value() -> None:
    """A ramp of one a frame, sampled 1.5 s after the beginning of each frame of 2 s: 0.75 too high."""
    ramp = np.broadcast_to(np.arange(1.0, 11.0) + 0.75, (2, 2, 1, 10))
    aligned = align_slices(ramp, [1.5], 2.0)
    assert aligned.dtype == np.float32
    np.testing.assert_allclose(aligned[0, 0, 0], [1.75, *range(2, 11)], rtol=1e-6)


def test_slices_are_brought_to_one_time() -> None:
    dt_s, time = 2.0, np.arange(50) * 2.0
    offsets = np.array([0.0, 0.5, 1.0, 1.5])
    smooth_bolus = Bolus(beta_s=2.5)
    sampled = np.stack([arterial_curve(time + offset, smooth_bolus) for offset in offsets])
    series = np.broadcast_to(sampled, (2, 3, 4, 50))
    aligned = align_slices(series, offsets, dt_s)
    np.testing.assert_allclose(aligned, np.broadcast_to(sampled[0], series.shape), atol=0.02 * sampled.max())
    across = align_slices(np.moveaxis(series, 2, 0), offsets, dt_s, slice_axis=0)
    np.testing.assert_array_equal(across, np.moveaxis(aligned, 2, 0))
    np.testing.assert_allclose(align_slices(series, np.zeros(4), dt_s), series, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="slice times"):
        align_slices(series, offsets[:3], dt_s)
    for outside in ([0, 0.5, 1, dt_s], [-0.1, 0, 0.5, 1]):
        with pytest.raises(ValueError, match="slice times"):
            align_slices(series, outside, dt_s)


@pytest.mark.parametrize("snr", [100, 20, 5])
@pytest.mark.parametrize("frames", [3, 12])
def test_noise_is_told_from_drift_pulsation_and_what_lies_outside(snr: float, frames: int) -> None:
    rng = np.random.default_rng(0)
    level = rng.uniform(0.6, 1.4, (20, 20, 25))
    drift = 1 + 0.002 * np.arange(frames)
    signal = level[..., None] * drift * np.where(np.arange(25) == 3, 1 + 0.2 * (-1) ** np.arange(frames)[:, None], 1).T
    noise = rng.standard_normal((2, *signal.shape)) / snr
    signal = np.hypot(signal + noise[0], noise[1])
    mask = np.ones(level.shape, bool)
    mask[:2] = False
    signal[0], signal[1] = 0, np.nan
    found = relative_noise(signal, mask, Baseline(0, frames))
    assert np.isnan(found[:2]).all()
    expected = 1 / snr / signal[mask].mean(axis=-1)
    np.testing.assert_allclose(found[mask], expected, rtol=0.25 if snr == 100 else 0.15)


def test_noise_of_whole_numbers_in_a_mask_of_whole_numbers() -> None:
    """As a scanner stores them: a difference of unsigned numbers must not wrap around."""
    signal = np.random.default_rng(0).normal(500, 10, (30, 30, 4, 12)).round()
    mask = np.zeros((30, 30, 4), np.uint8)
    mask[5:] = 1
    signal[:5] = 3
    found = relative_noise(signal.astype(np.uint16), mask, Baseline(0, 12))
    assert found[5:].mean() == pytest.approx(10 / 500, rel=0.05)
