"""Baseline, ΔR2*, slice timing, smoothing and leakage against physics."""

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.perfusion.bolus import Baseline, bridge_frames, contrast_to_noise, find_baseline
from reperfuse.perfusion.concentration import align_slices, delta_r2star, relative_noise
from reperfuse.perfusion.leakage import correct_leakage, is_leaking
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve, tissue_curves
from reperfuse.volumes.smoothing import smooth_inside

ECHO_S = 0.03


def brain_signal(
    dt_s: float = 1.5, frames: int = 60, arrival_s: float = 16.0, snr: float = 5000, seed: int = 0
) -> np.ndarray:
    """Mean signal of a brain: two tissues and a few arteries, approach to steady state, drift and noise."""
    time = np.arange(frames) * dt_s
    bolus = Bolus(arrival_s=arrival_s)
    tissue = tissue_curves(time, [60.0, 22.0], [4.0, 5.0], [0.5, 0.8], bolus=bolus)
    signal = np.exp(-ECHO_S * tissue).mean(axis=0)
    signal = 0.98 * signal + 0.02 * np.exp(-ECHO_S * arterial_curve(time, bolus))
    signal = signal * (1 + 0.3 * 0.25 ** np.arange(frames)) * (1 + 0.01 * time / time[-1])
    return 700 * (signal + np.random.default_rng(seed).standard_normal(frames) / snr)


@pytest.mark.parametrize("dt_s", [0.5, 1.0, 1.5, 2.0, 2.5])
@pytest.mark.parametrize("arrival_s", [14.0, 16.4, 19.3, 27.0])
@pytest.mark.parametrize("snr", [500, 20000])
def test_baseline_is_steady_and_free_of_contrast(dt_s: float, arrival_s: float, snr: float) -> None:
    found = find_baseline(brain_signal(dt_s, round(90 / dt_s), arrival_s, snr), dt_s)
    assert 2 <= found.first <= 5
    last_s = (found.arrival - 1) * dt_s
    assert last_s <= arrival_s + 0.5  # a gamma variate has risen by a fiftieth of its peak by then
    assert last_s >= arrival_s - 1.0 - 2 * dt_s
    assert found.frames == slice(found.first, found.arrival)


def test_a_bad_frame_is_neither_bolus_nor_arrival() -> None:
    signal = brain_signal()
    clean = find_baseline(signal, 1.5)
    signal[40] *= 0.4
    assert find_baseline(signal, 1.5) == clean


def test_a_halt_on_the_way_to_the_peak_is_not_the_foot_of_the_bolus() -> None:
    signal = brain_signal(arrival_s=11.0)
    clean, peak = find_baseline(signal, 1.5), int(signal.argmin())
    signal[peak - 3 : peak] = signal[peak - 1]
    assert find_baseline(signal, 1.5) == clean


def test_units_of_signal_do_not_matter() -> None:
    assert find_baseline(brain_signal() * 1e-4, 1.5) == find_baseline(brain_signal(), 1.5)


def test_faults_are_named() -> None:
    signal = brain_signal()
    with pytest.raises(DataFault, match="15 frames"):
        find_baseline(signal[:15], 1.5)
    quiet = 700 + np.random.default_rng(0).standard_normal(60)
    quiet[:3] += (200, 50, 12)
    with pytest.raises(DataFault, match="no bolus"):
        find_baseline(quiet, 1.5)
    with pytest.raises(DataFault, match="no bolus"):
        find_baseline(np.linspace(700, 690, 60), 1.5)
    peak = int(signal.argmin())
    with pytest.raises(DataFault, match="ends before"):
        find_baseline(brain_signal(0.5, 200)[: int(brain_signal(0.5, 200).argmin()) + 2], 0.5)
    with pytest.raises(DataFault, match="ends before"):
        find_baseline(np.concatenate([np.full(14, signal[8]), signal[5 : peak + 1]]), 1.5)
    with pytest.raises(DataFault, match="frames at steady state"):
        find_baseline(signal[9:], 1.5)
    with pytest.raises(DataFault, match="not positive"):
        find_baseline(np.where(np.arange(60) == 30, 0, signal), 1.5)


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


def test_bridged_frames_are_linear_in_relaxation_rate() -> None:
    """A curve that is linear in ΔR2* across the gap is restored exactly; the good frames are untouched."""
    rates = np.interp(np.arange(20), [0, 5, 12, 19], [0, 0, 40, 5])
    signal = np.array([[300.0], [900.0]]) * np.exp(-rates * 0.04)
    unusable = np.zeros(20, bool)
    unusable[[2, 7, 8, 15]] = True
    damaged = np.where(unusable, np.nan, signal)
    found = bridge_frames(damaged, unusable)
    np.testing.assert_allclose(found, signal, rtol=1e-5)
    np.testing.assert_array_equal(found[:, ~unusable], signal.astype(np.float32)[:, ~unusable])
    assert np.isnan(damaged[:, 2]).all()  # the input stays


def test_nothing_is_made_up_at_the_end_of_a_series() -> None:
    signal, unusable = np.linspace(100.0, 81.0, 20), np.zeros(20, bool)
    unusable[[0, 1, 17, 18, 19]] = True
    found = bridge_frames(np.where(unusable, 1e4, signal), unusable)
    np.testing.assert_allclose(found, [98, 98, *signal[2:17]], rtol=1e-6)
    with pytest.raises(DataFault, match="no frame"):
        bridge_frames(signal, np.ones(20, bool))


def test_a_long_gap_ends_the_series_once_the_bolus_has_arrived() -> None:
    signal, unusable = np.full(30, 100.0), np.zeros(30, bool)
    unusable[2:7], unusable[12:15], unusable[20:24] = True, True, True
    assert bridge_frames(signal, unusable, arrival=8, max_gap=3).shape == (20,)
    assert bridge_frames(signal, unusable, arrival=8, max_gap=4).shape == (30,)
    assert bridge_frames(signal, unusable, arrival=8, max_gap=2).shape == (12,)
    assert bridge_frames(signal, unusable, arrival=25, max_gap=1).shape == (30,)


def test_a_voxel_without_signal_beside_the_gap_stays_without() -> None:
    signal, unusable = np.full((2, 9), 100.0), np.arange(9) == 4
    signal[0, 5] = 0
    found = bridge_frames(signal, unusable)
    assert np.isnan(found[0, 4])
    assert found[1, 4] == pytest.approx(100)


def test_contrast_to_noise_of_known_curves() -> None:
    rng = np.random.default_rng(0)
    curve = np.where(np.arange(200) < 150, 0, 20.0)
    noisy = curve + rng.standard_normal((500, 200)) * 2
    noisy[0, 3] = np.nan
    assert contrast_to_noise(noisy, Baseline(0, 150)) == pytest.approx(10, rel=0.05)


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
    with pytest.raises(ValueError, match="slice times"):
        align_slices(series, offsets * 2, dt_s)


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


def test_leakage_is_taken_out_of_the_blood_volume() -> None:
    time = np.arange(60) * 1.5
    reference = tissue_curves(time, 50.0, 4.0)[0].astype(float)
    integral = 1.5 * (np.cumsum(reference) - 0.5 * (reference + reference[0]))
    k1, k2 = np.array([0.5, 1.0, 2.0]), np.array([0.0, 0.02, -0.01])
    blood = k1[:, None] * reference
    corrected, found1, found2 = correct_leakage(blood - k2[:, None] * integral, reference, 1.5)
    np.testing.assert_allclose(found1, k1, rtol=1e-3)
    np.testing.assert_allclose(found2, k2, atol=1e-5)
    np.testing.assert_allclose(corrected, blood, atol=0.01)
    bad = blood.copy()
    bad[1, 10] = np.nan
    corrected, found1, _ = correct_leakage(bad, reference, 1.5)
    assert np.isnan(found1[1])
    assert np.isfinite(corrected[[0, 2]]).all()


def test_late_arrival_is_not_leakage() -> None:
    time = np.arange(44) * 1.5
    reference = tissue_curves(time, 60.0, 4.0, 1.0)[0]
    late = tissue_curves(time, 60.0, 4.0, [1.0, 4.0, 7.0, 10.0])
    blind, _, _ = correct_leakage(late, reference, 1.5)
    corrected, k1, k2 = correct_leakage(late, reference, 1.5, [0.0, 3.0, 6.0, 9.0])
    area = late.sum(axis=1)
    np.testing.assert_allclose(corrected.sum(axis=1) / area, 1, atol=0.02)
    np.testing.assert_allclose(k1, 1, atol=0.02)
    np.testing.assert_allclose(k2, 0, atol=0.001)
    assert blind[2].sum() < 0.6 * area[2]


def test_a_longer_transit_reads_as_leakage() -> None:
    """A limit of the model, which the documentation states."""
    time = np.arange(44) * 1.5
    reference, slow = tissue_curves(time, [60.0, 24.0], [4.0, 10.0])
    corrected, _, _ = correct_leakage(slow[np.newaxis], reference, 1.5)
    assert 0.6 < corrected.sum() / slow.sum() < 0.8


def test_leaking_curves_of_both_kinds_are_told() -> None:
    rng = np.random.default_rng(3)
    curves = rng.normal(0, 0.1, (1000, 40))
    curves[:50, -10:] -= 1
    curves[50:100, -10:] += 1
    leaking = is_leaking(curves)
    assert leaking[:100].all()
    assert leaking[100:].mean() < 0.1
    assert abs(curves[~leaking, -10:].mean()) < 0.005


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
