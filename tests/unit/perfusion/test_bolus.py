import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.perfusion.bolus import Baseline, bridge_frames, contrast_to_noise, find_baseline
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve, tissue_curves

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
