"""HU, its offsets and its bolus."""

import ct_head
import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.perfusion.arrival import Baseline
from reperfuse.perfusion.attenuation import (
    attenuation_noise,
    enhancement,
    find_ct_baseline,
    find_offset,
    is_vessel,
    measured,
    tissue_curve,
    truncation,
    widened,
)
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve, tissue_curves, venous_curve

BOLUS = Bolus(arrival_s=10.0, peak=350.0, beta_s=2.2)


@pytest.fixture(scope="module")
def head() -> np.ndarray:
    image = ct_head.draw(ct_head.shape(), ct_head.grid())
    return np.asarray(image + np.random.default_rng(0).normal(0, 8, image.shape), np.float32)


@pytest.mark.parametrize("padding", [None, -1024, -2000, -3024])
@pytest.mark.parametrize("offset", [0, 1000, 1024])
def test_an_offset_is_found_whatever_pads_the_image(head: np.ndarray, offset: int, padding: int | None) -> None:
    stored = np.maximum(head, -1024) + offset
    if padding is not None:
        stored[:30] = padding + (offset if padding == -1024 else 0)
    assert find_offset(stored) == offset


def test_air_cut_off_at_zero_is_no_offset(head: np.ndarray) -> None:
    assert find_offset(np.maximum(head, 0)) == 0


@pytest.mark.parametrize(
    "changed",
    [
        lambda hu: 0.01 * (hu + 1000),  # scaled
        lambda hu: np.clip((hu + 160) / 400, 0, 1) * 255,  # a picture
        lambda hu: hu + 500,
        lambda hu: np.where(hu > 0, 600 + 8 * (hu - 30), 5.0),  # a head on MRI
        lambda hu: 0.5 * hu,
        lambda hu: np.zeros_like(hu),
    ],
    ids=["scaled", "picture", "other offset", "MRI", "halved", "empty"],
)
def test_what_is_no_hu_is_said(head: np.ndarray, changed: object) -> None:
    with pytest.raises(DataFault, match=r"not Hounsfield units|empty or constant"):
        find_offset(changed(head))  # type: ignore[operator]


def brain_curve(times_s: np.ndarray, drop: float = 1.0) -> np.ndarray:
    tissue = tissue_curves(times_s, np.array([50.0]), np.array([4.5]), bolus=BOLUS)[0]
    return np.asarray(33 + drop * tissue + np.random.default_rng(1).normal(0, 0.05, len(times_s)))


@pytest.mark.parametrize("dt_s", [1.0, 1.5, 2.8])
@pytest.mark.parametrize("dose", [0.3, 1.0, 2.0])
def test_the_bolus_is_found(dt_s: float, dose: float) -> None:
    times = np.arange(0, 65, dt_s)
    found = find_ct_baseline(brain_curve(times, dose), dt_s)
    assert found.first == 0
    assert 10 - 2 * dt_s <= found.arrival * dt_s <= 12.5


def test_what_is_no_passage_has_a_reason() -> None:
    times = np.arange(0, 65, 1.5)
    curve = brain_curve(times)
    for wrong, reason in (
        (np.full(44, 33.0) + np.random.default_rng(1).normal(0, 0.1, 44), "no bolus: the brain does not enhance"),
        (66 - curve, "falls as the bolus passes, as on DSC-MRI"),
        (curve[: int(curve.argmax()) + 2], "ends before the bolus has passed"),
        (curve[8:], "frames at steady state"),
        (curve[:12], "12 frames, at least 15"),
        (np.where(times == 15, np.nan, curve), "no value in a frame"),
    ):
        with pytest.raises(DataFault, match=reason):
            find_ct_baseline(wrong, 1.5)


def test_enhancement_is_linear_and_noise_is_measured() -> None:
    rng = np.random.default_rng(2)
    base = Baseline(0, 8)
    series = 35 + rng.normal(0, 6, (20, 20, 5, 40)).astype(np.float32)
    series[..., 20:] += 10
    added = enhancement(series, base)
    np.testing.assert_allclose(enhancement(series + 7, base), added, atol=1e-4)
    np.testing.assert_allclose(enhancement(2 * series, base), 2 * added, atol=1e-4)
    assert added[..., 20:].mean() == pytest.approx(10, abs=0.1)
    noise = attenuation_noise(series, np.ones((20, 20, 5), bool), base)
    assert noise == pytest.approx(np.full((20, 20, 5), 6), rel=0.03)


def test_veins_tell_a_series_that_is_too_short() -> None:
    times = np.arange(0, 70, 1.5)
    veins = venous_curve(times, bolus=BOLUS)
    assert truncation(veins) == []
    assert truncation(np.full(40, np.nan)) == []
    (said,) = truncation(veins[: int(veins.argmax()) + 4])
    assert "series ends while the veins are still at" in said
    assert arterial_curve(times, BOLUS).max() > 300


def test_a_vessel_is_told_from_tissue_by_its_peak() -> None:
    times = np.arange(0, 60, 1.5)
    artery, tissue = arterial_curve(times, BOLUS), tissue_curves(times, [80.0], [4.0], bolus=BOLUS)[0]
    noise = np.random.default_rng(3).normal(0, 5, (200, len(times)))
    assert is_vessel(0.3 * artery + noise).all()
    assert not is_vessel(tissue + noise).any()
    assert not is_vessel(np.full((2, 40), np.nan)).any()


def test_what_a_stored_series_does_not_hold_has_no_value() -> None:
    stored = np.array([[30.0, -1024.0, -90.0], [40.0, 35.0, 34.0], [20.0, 25.0, 30.0]])
    series = measured(stored)
    np.testing.assert_array_equal(np.isnan(series), stored == -1024)
    np.testing.assert_allclose(tissue_curve(series, np.array([True, True, True])), [30.0, 30.0, 32.0])
    assert np.isnan(tissue_curve(series, np.array([True, False, False]))).all()


@pytest.mark.parametrize("dt_s", [0.5, 1.0, 2.0])
def test_widening_is_the_same_at_any_spacing(dt_s: float) -> None:
    times = np.arange(0, 60, dt_s)
    wide = widened(np.exp(-0.5 * ((times - 25) / 4) ** 2), dt_s)
    assert wide.sum() * dt_s == pytest.approx(4 * np.sqrt(2 * np.pi), rel=1e-3)
    mean_s = np.average(times, weights=wide)
    assert mean_s == pytest.approx(25, abs=0.01)
    assert np.average((times - mean_s) ** 2, weights=wide) == pytest.approx(4**2 + 1.4**2, rel=0.01)


def test_relative_flow_by_a_wider_input_hangs_less_on_its_noise() -> None:
    times, bolus, random = 1.5 * np.arange(40), Bolus(arrival_s=10.0, peak=350.0), np.random.default_rng(1)
    curves = tissue_curves(times, [45.0, 6.0], [4.5, 11.0], [0.5, 8.0], bolus=bolus)
    still = arterial_curve(times, bolus)

    def relative_flow(arterial: np.ndarray, is_wide: bool) -> float:
        normal, low = deconvolve(curves, widened(arterial, 1.5) if is_wide else arterial, 1.5).cbf
        return float(low / normal)

    noisy = [still + random.normal(0, 12, len(times)) for _ in range(40)]
    plain, wide = (relative_flow(still, is_wide) for is_wide in (False, True))
    assert wide == pytest.approx(plain, rel=0.05)
    rise, rise_of_wide = (np.mean([relative_flow(one, w) for one in noisy]) / r - 1 for w, r in ((0, plain), (1, wide)))
    assert rise > 0.06
    assert abs(rise_of_wide) < rise / 2
