"""Arterial delay against curves of known delay."""

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.perfusion.delay import DELAYS_S, Delays, arterial_delay
from reperfuse.simulation.hemodynamics import Residue, arterial_curve, tissue_curves

TR_S, TE_S, ARRIVAL = 1.5, 0.03, 10
TIME = np.arange(44) * TR_S
AIF = arterial_curve(TIME)
VOXELS = 600


def curves(
    delay_s: np.ndarray,
    mtt_s: np.ndarray | float,
    shape: Residue = "exponential",
    dispersion_s: float = 0.0,
    snr: float = 100.0,
) -> np.ndarray:
    """Return noisy curves: at a CBV of 12 the peak is that of grey matter with a strong bolus."""
    mtt = np.broadcast_to(mtt_s, delay_s.shape)
    clean = tissue_curves(TIME, 60 * 12 / mtt, mtt, delay_s, shape=shape, dispersion_s=dispersion_s)
    noise = np.random.default_rng(1).standard_normal(clean.shape) / snr / TE_S
    return np.asarray((clean + noise).astype(np.float32))


def draw(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 11, VOXELS), rng.uniform(3, 14, VOXELS)


def measure(tissue: np.ndarray, aif: np.ndarray = AIF) -> Delays:
    return arterial_delay(tissue, aif, TR_S, ARRIVAL)


@pytest.mark.parametrize("shape", ["exponential", "linear", "box"])
@pytest.mark.parametrize(("dispersion_s", "limit_s"), [(0.0, 0.65), (1.5, 0.4)])
def test_the_delay_is_that_of_the_blood(shape: Residue, dispersion_s: float, limit_s: float) -> None:
    """Blood that is not dispersed at all is taken to be so a little, and to arrive earlier (docs/methods/delay.md)."""
    delay, mtt = draw()
    error = measure(curves(delay, mtt, shape, dispersion_s)).delay - delay
    assert abs(np.mean(error)) < limit_s
    assert np.median(np.abs(error)) < limit_s


def test_slow_and_dispersed_blood_makes_no_delay_but_makes_tmax() -> None:
    delay = np.full(VOXELS, 4.0)
    slow, fast = curves(delay, 12.0, dispersion_s=2.0), curves(delay, 4.0)
    for tissue in (slow, fast):
        assert np.median(measure(tissue).delay) == pytest.approx(4, abs=0.65)
    assert np.median(deconvolve(slow, AIF, TR_S).tmax) > np.median(deconvolve(fast, AIF, TR_S).tmax) + 2


def test_the_interval_holds_the_truth() -> None:
    delay, mtt = draw()
    for snr in (30.0, 100.0):
        found = measure(curves(delay, mtt, "linear", 1.0, snr))
        inside = np.abs(found.delay - delay) < 1.645 * found.sd
        assert 0.85 < inside.mean() < 0.995


def test_noise_widens_the_interval() -> None:
    delay, mtt = draw()
    noisy, quiet = (np.nanmedian(measure(curves(delay, mtt, snr=snr)).sd) for snr in (20.0, 100.0))
    assert noisy > 1.5 * quiet


def test_what_is_late_is_told_from_what_is_not() -> None:
    """Slow and dispersed tissue that is not late has a Tmax above 6 s."""
    delay = np.repeat([1.0, 7.5], VOXELS)
    tissue = curves(delay, 10.0, dispersion_s=3.0)
    assert ((measure(tissue).delay > 4) == (delay > 4)).mean() > 0.98
    assert (deconvolve(tissue, AIF, TR_S).tmax[:VOXELS] > 6).mean() > 0.5


def test_one_voxel_less_leaves_the_others_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passages are learnt from a part of the voxels, which must not be another part then."""
    monkeypatch.setattr("reperfuse.perfusion.delay._SAMPLE", 60)
    monkeypatch.setattr("reperfuse.perfusion.delay._FEW", 600)
    delay, mtt = draw()
    tissue = curves(delay, mtt, "linear", 1.5, snr=30.0)
    fewer = tissue.copy()
    fewer[1] = np.nan
    change = measure(fewer).delay - measure(tissue).delay
    assert np.isnan(change).sum() <= 1 + np.isnan(measure(tissue).delay).sum()
    assert np.nanmax(np.abs(change)) < 0.02


def test_voxels_without_a_curve_at_regular_places_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where one of two slices holds nothing: the others are learnt from all the same."""
    monkeypatch.setattr("reperfuse.perfusion.delay._SAMPLE", VOXELS // 2)
    delay, mtt = draw()
    tissue = curves(delay, mtt)
    with_gaps = np.full((2 * VOXELS, tissue.shape[1]), np.nan, dtype=np.float32)
    with_gaps[1::2] = tissue
    found = measure(with_gaps).delay
    assert np.isnan(found[::2]).all()
    assert np.nanmedian(np.abs(found[1::2] - delay)) < 0.65


def test_an_arterial_input_taken_later_makes_tissue_earlier() -> None:
    delay, mtt = draw()
    tissue = curves(delay + 2, mtt)
    later = arterial_curve(TIME - 2)
    np.testing.assert_allclose(np.median(measure(tissue).delay - measure(tissue, later).delay), 2.0, atol=0.15)


def test_an_arterial_input_whose_peak_is_cut_off_is_restored() -> None:
    """A voxel of 70 % blood and 30 % tissue shows half of the blood's peak and more than half of its tail."""
    delay, mtt = draw()
    tissue = curves(delay, mtt, "linear", 1.5, snr=50.0)
    signal = 0.7 * np.exp(-TE_S * 60 * AIF / AIF.max()) + 0.3 * np.exp(-TE_S * tissue.mean(axis=0))
    exact, cut_off = (measure(tissue, aif).delay - delay for aif in (AIF, -np.log(signal) / TE_S))
    assert abs(np.mean(cut_off)) < 0.35
    assert np.median(np.abs(cut_off)) < np.median(np.abs(exact)) + 0.1


def test_units_do_not_matter() -> None:
    delay, mtt = draw()
    tissue = curves(delay, mtt)
    np.testing.assert_allclose(measure(5 * tissue, 0.1 * AIF).delay, measure(tissue).delay, atol=1e-3)


def test_blood_of_tissue_beside_late_tissue_does_not_hide_it() -> None:
    """Of a voxel at the border of late tissue, a tenth of the brain's normal curve is that of its neighbours."""
    normal, late = np.full(4 * VOXELS, 0.5), np.full(VOXELS, 6.0)
    neighbours = 0.1 * curves(normal, 4.5, snr=1e9)[:VOXELS]
    tissue = np.concatenate([curves(normal, 4.5), 0.5 * curves(late, 9.0, snr=50.0) + neighbours])
    found = measure(tissue).delay
    assert np.median(found[-VOXELS:]) == pytest.approx(6, abs=1.0)
    assert np.median(found[:-VOXELS]) == pytest.approx(0.5, abs=0.6)


def test_what_cannot_be_measured_is_nan() -> None:
    delay, mtt = draw()
    tissue = curves(delay, mtt)
    tissue[0, 3] = np.nan
    tissue[1] = -tissue[1]
    tissue[2:202] = np.random.default_rng(2).standard_normal((200, len(TIME)))
    tissue[202] = curves(np.array([DELAYS_S[-1] + 4]), 5.0)[0]
    found = measure(tissue)
    assert np.isnan(found.delay[:2]).all()
    assert np.isnan(found.delay[2:202]).mean() > 0.97
    assert np.isnan(found.delay[202])
    assert np.isfinite(found.delay[203:]).mean() > 0.99
    np.testing.assert_array_equal(np.isnan(found.delay), np.isnan(found.sd))


def test_threads_change_no_byte() -> None:
    delay, mtt = draw()
    tissue = curves(delay, mtt)
    one = arterial_delay(tissue, AIF, TR_S, ARRIVAL, block_voxels=64)
    two = arterial_delay(tissue, AIF, TR_S, ARRIVAL, block_voxels=64, threads=2)
    assert one.delay.tobytes() == two.delay.tobytes()
    assert one.sd.tobytes() == two.sd.tobytes()


@pytest.mark.parametrize("spacing_s", [0.5, 2.5])
def test_the_frame_spacing_makes_no_delay(spacing_s: float) -> None:
    time = np.arange(0, 66, spacing_s)
    delay, mtt = draw()
    clean = tissue_curves(time, 60 * 12 / mtt, mtt, delay, dispersion_s=1.0)
    tissue = clean + np.random.default_rng(1).standard_normal(clean.shape) / 3
    found = arterial_delay(tissue, arterial_curve(time), spacing_s, int(15 / spacing_s))
    assert abs(np.mean(found.delay - delay)) < 0.35


def test_voxels_without_any_curve() -> None:
    found = measure(np.full((3, len(TIME)), np.nan))
    assert found.delay.shape == found.sd.shape == (3,)
    assert np.isnan(found.delay).all()
    assert measure(np.empty((0, len(TIME)))).delay.shape == (0,)


def test_noise_alone_has_no_delay() -> None:
    found = measure(np.random.default_rng(3).standard_normal((50, len(TIME))))
    assert np.isnan(found.delay).mean() > 0.9


def test_what_does_not_fit_is_refused() -> None:
    tissue = curves(*draw())
    with pytest.raises(ValueError, match="do not fit"):
        arterial_delay(tissue, AIF[1:], TR_S, ARRIVAL)
    with pytest.raises(ValueError, match="two frames"):
        arterial_delay(tissue, AIF, TR_S, 1)
    with pytest.raises(ValueError, match="spacing"):
        arterial_delay(tissue, AIF, 0.0, ARRIVAL)
    with pytest.raises(DataFault, match="no positive area"):
        arterial_delay(tissue, -AIF, TR_S, ARRIVAL)
