import numpy as np
import pytest
from reperfuse.simulation.hemodynamics import (
    BRAIN_DENSITY_G_ML,
    HAEMATOCRIT_FACTOR,
    Bolus,
    arterial_curve,
    residue,
    tissue_curves,
    venous_curve,
)

FIRST_PASS = Bolus(recirculation=0.0, tail=0.0)
LONG = np.arange(0, 300, 0.1)


@pytest.mark.parametrize("shape", ["exponential", "linear", "box"])
@pytest.mark.parametrize(("cbf", "mtt", "delay"), [(60, 4, 0), (20, 12, 6), (10, 24, 3), (87.5, 3.4, -2)])
def test_area_of_tissue_is_cbv(shape, cbf, mtt, delay):
    curve = tissue_curves(LONG, cbf, mtt, delay, bolus=FIRST_PASS, shape=shape)[0]
    cbv = cbf * mtt / 60
    expected = BRAIN_DENSITY_G_ML / HAEMATOCRIT_FACTOR * cbv / 100 * arterial_curve(LONG, FIRST_PASS).sum()
    assert curve.sum() == pytest.approx(expected, rel=0.005)


def test_dispersion_keeps_the_area_and_lowers_the_peak():
    sharp = tissue_curves(LONG, 50, 4, bolus=FIRST_PASS)[0]
    spread = tissue_curves(LONG, 50, 4, bolus=FIRST_PASS, dispersion_s=2.0)[0]
    assert spread.sum() == pytest.approx(sharp.sum(), rel=0.005)
    assert spread.max() < 0.95 * sharp.max()


def test_first_moment_grows_by_delay_and_transit():
    def moment(curve):
        return (LONG * curve).sum() / curve.sum()

    aif = moment(arterial_curve(LONG, FIRST_PASS))
    for delay, mtt in ((0.0, 4.0), (3.0, 4.0), (6.5, 10.0), (-1.5, 5.0)):
        curve = tissue_curves(LONG, 40, mtt, delay, bolus=FIRST_PASS)[0]
        assert moment(curve) - aif == pytest.approx(delay + mtt, abs=0.06)


def test_delay_only_shifts():
    times = np.arange(0, 90, 1.5)
    early = tissue_curves(times, 40, 6, 0)[0]
    late = tissue_curves(times, 40, 6, 4.5)[0]
    np.testing.assert_allclose(late[3:], early[:-3], atol=2e-4 * early.max())


@pytest.mark.parametrize("shape", ["exponential", "linear", "box"])
def test_time_step_has_converged(shape):
    times = np.arange(0, 90, 1.5)
    cbf, mtt, delay = np.array([60.0, 24, 10]), np.array([4.0, 10.5, 20]), np.array([0.3, 6.0, -1.0])
    coarse = tissue_curves(times, cbf, mtt, delay, shape=shape, step_s=0.05)
    fine = tissue_curves(times, cbf, mtt, delay, shape=shape, step_s=0.0125)
    np.testing.assert_allclose(coarse, fine, atol=2e-3 * fine.max())


def test_bank_of_many_transit_times_agrees_with_each_alone():
    rng = np.random.default_rng(0)
    times = np.arange(0, 80, 2.0)
    cbf, mtt, delay = rng.uniform(10, 80, 2000), rng.uniform(2, 24, 2000), rng.uniform(-3, 12, 2000)
    together = tissue_curves(times, cbf, mtt, delay)
    for i in (0, 700, 1999):
        alone = tissue_curves(times, cbf[i], mtt[i], delay[i])[0]
        np.testing.assert_allclose(together[i], alone, atol=1e-3 * alone.max())


def test_exponential_convolution_matches_quadrature():
    """(Ca ⊗ R)(t) at one moment, against plain numerical integration."""
    moment, mtt, cbf = 30.0, 7.0, 45.0
    s = np.linspace(0, moment, 200001)
    integrand = arterial_curve(moment - s) * np.exp(-s / mtt)
    expected = BRAIN_DENSITY_G_ML / HAEMATOCRIT_FACTOR * cbf / 6000 * np.trapezoid(integrand, s)
    assert tissue_curves([moment], cbf, mtt)[0, 0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("shape", ["exponential", "linear", "box"])
def test_residue_starts_at_one_and_its_area_is_mtt(shape):
    time = np.linspace(-1, 200, 201001)
    curve = residue(time, 8.0, shape)
    assert curve.max() == pytest.approx(1.0, abs=1e-3)
    assert curve[time < -0.01].max() == 0
    assert curve.sum() * 0.001 == pytest.approx(8.0, rel=1e-3)


def test_bolus_has_its_peak_its_recirculation_and_clears():
    first, whole = arterial_curve(LONG, FIRST_PASS), arterial_curve(LONG)
    assert first.max() == pytest.approx(100, rel=1e-3)
    assert LONG[first.argmax()] == pytest.approx(16 + 4.5, abs=0.11)
    assert np.all(whole[LONG < 16] == 0)
    again = (whole - first)[LONG < 60]
    assert 8 < again.max() < 25
    assert 0 < whole[-1] < 5


def test_vein_has_the_area_of_the_artery_later_and_lower():
    artery, vein = arterial_curve(LONG, FIRST_PASS), venous_curve(LONG, bolus=FIRST_PASS)
    assert vein.sum() == pytest.approx(artery.sum(), rel=0.005)
    assert vein.max() < 0.8 * artery.max()
    assert LONG[vein.argmax()] > LONG[artery.argmax()] + 2


def test_unknown_residue_is_an_error():
    with pytest.raises(ValueError, match="triangle"):
        residue(1.0, 4.0, "triangle")
