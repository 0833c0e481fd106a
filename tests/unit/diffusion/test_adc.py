"""ADC and trace of a known signal; units; every way a series can be unusable."""

import numpy as np
import pytest
from reperfuse.diffusion.adc import fit_adc
from reperfuse.faults import DataFault

SHAPE = (5, 4, 3)


@pytest.fixture
def adc():
    return np.random.default_rng(1).uniform(0.3e-3, 3.0e-3, SHAPE)


def signal_of(adc, bvals, s0=800.0):
    return s0 * np.exp(-adc[..., None] * np.asarray(bvals, float))


@pytest.mark.parametrize(
    "bvals",
    [[0, 1000], [1000, 0], [5, 0, 1000, 995, 1005], [0, 500, 1000], [0, 0, 50, 1000, 2000], [0, 1400]],
)
def test_noise_free_signal_gives_its_adc(adc, bvals):
    found = fit_adc(signal_of(adc, bvals), bvals)
    np.testing.assert_allclose(found.adc, adc, rtol=1e-3)
    weighted = [b for b in bvals if b >= 500]
    nearest = min(weighted, key=lambda b: abs(b - 1000))
    np.testing.assert_allclose(found.trace, signal_of(adc, [nearest])[..., 0], rtol=2e-2)
    np.testing.assert_allclose(found.b0, signal_of(adc, [min(bvals)])[..., 0], rtol=0.2)


def test_directions_average_to_the_mean_diffusivity():
    tensor = np.diag([1.7e-3, 0.3e-3, 0.2e-3])
    directions = np.eye(3)
    bvals = [0, 1000, 1000, 1000]
    along = [0.0, *(1000 * d @ tensor @ d for d in directions)]
    signal = np.broadcast_to(500 * np.exp(-np.array(along)), (*SHAPE, 4))
    signal = signal * np.linspace(1, 2, SHAPE[0])[:, None, None, None]
    bvecs = np.vstack([[0, 0, 0], directions])
    np.testing.assert_allclose(fit_adc(signal, bvals, bvecs).adc, np.trace(tensor) / 3, rtol=1e-4)
    np.testing.assert_allclose(fit_adc(signal, bvals, bvecs.T).adc, np.trace(tensor) / 3, rtol=1e-4)


def test_slope_is_the_least_squares_line():
    rng = np.random.default_rng(2)
    bvals = np.array([0, 0, 300, 700, 1000, 1000])
    log_signal = 6 - bvals * 0.8e-3 + rng.normal(0, 0.02, (*SHAPE, 6))
    expected = [-np.polyfit(bvals, one, 1)[0] for one in log_signal.reshape(-1, 6)]
    np.testing.assert_allclose(fit_adc(np.exp(log_signal), bvals).adc.ravel(), expected, rtol=1e-3)


def test_invalid_voxels_are_missing(adc):
    signal = signal_of(adc, [0, 1000])
    signal[0, 0, 0, 1] = 0
    signal[1, 0, 0, 0] = -3
    signal[2, 0, 0, 1] = np.nan
    signal[3, 0, 0] = [100, 200]  # a rising signal: negative ADC
    signal[4, 0, 0] = [1000, 0.1]  # faster than free water by far
    found = fit_adc(signal, [0, 1000]).adc
    assert np.isnan(found[:, 0, 0]).all()
    assert np.isfinite(found[:, 1:]).all()


@pytest.mark.parametrize(
    ("bvals", "reason"),
    [
        ([0, 0], "no diffusion-weighted image"),
        ([1000, 1000], "no image without"),
        ([0, 1000, 1000], "2 volumes but 3 b-values"),
        ([0, 2000], "found 2000"),
        ([0, 100], "found 100"),
        ([0, np.nan], "negative or missing"),
    ],
)
def test_unusable_series_have_a_reason(adc, bvals, reason):
    with pytest.raises(DataFault, match=reason):
        fit_adc(signal_of(adc, [0, 1000]), bvals)


def test_constant_and_empty_series_have_a_reason():
    with pytest.raises(DataFault, match="same value"):
        fit_adc(np.full((*SHAPE, 2), 7.0), [0, 1000])
    with pytest.raises(DataFault, match="same value"):
        fit_adc(np.full((*SHAPE, 2), np.nan), [0, 1000])
    with pytest.raises(DataFault, match="dimensions"):
        fit_adc(np.ones(SHAPE), [0, 1000])
    with pytest.raises(DataFault, match="positive signal"):
        fit_adc(-np.random.default_rng(0).random((*SHAPE, 2)), [0, 1000])


def test_an_integer_overflow_has_a_reason_and_ringing_has_none(adc):
    signal = np.pad(signal_of(adc, [0, 1000], s0=30e3), [(0, 0), (0, 0), (0, 6), (0, 0)], constant_values=20.0)
    wrapped = (1.5 * signal).astype(np.int64).astype(np.int16)
    assert (wrapped < 0).any()
    with pytest.raises(DataFault, match="overflow"):
        fit_adc(wrapped, [0, 1000])
    signal[..., -1, :] = -200.0
    assert np.isfinite(fit_adc(signal, [0, 1000]).adc[..., 0]).all()


def test_one_direction_is_refused_and_a_trace_image_is_not(adc):
    signal = signal_of(adc, [0, 1000])
    with pytest.raises(DataFault, match="three"):
        fit_adc(signal, [0, 1000], [[0, 0, 0], [1, 0, 0]])
    assert np.isfinite(fit_adc(signal, [0, 1000], np.zeros((2, 3))).adc).all()
    diagonal = [[0, 0, 0], [3**-0.5] * 3]
    assert np.isfinite(fit_adc(signal, [0, 1000], diagonal).adc).all()
    with pytest.raises(DataFault, match="directions"):
        fit_adc(signal, [0, 1000], np.zeros((5, 3)))
