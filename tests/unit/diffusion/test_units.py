import numpy as np
import pytest
from reperfuse.diffusion.units import NOT_UNDERSTOOD, convert_adc, spelled
from reperfuse.faults import DataFault

SHAPE = (5, 4, 3)


@pytest.fixture
def adc():
    return np.random.default_rng(1).uniform(0.3e-3, 3.0e-3, SHAPE)


@pytest.mark.parametrize(
    ("factor", "spellings"),
    [
        (1.0, ["mm2/s", "mm^2/s", "mm²/s", "mm**2/s", "mm2 s-1", "mm^2 per second"]),
        (1e-3, ["10^-3 mm2/s", "1e-3 mm^2/s", "10⁻³ mm²/s", "x10-3 mm2/s", "um2/ms", "10^{-3} mm^{2}/s"]),
        (1e-6, ["10^-6 mm2/s", "1E-06 mm2/s", "×10⁻⁶ mm²/s", "um^2/s", "μm²/s", "10−6 mm²·s⁻¹"]),
    ],
)  # fmt: skip
def test_units_in_any_spelling(adc, factor, spellings):
    for units in [*spellings, None, "intensity"]:
        converted, found, how = convert_adc(adc / factor, units)
        assert found == pytest.approx(factor)
        np.testing.assert_allclose(converted, adc, rtol=1e-5)
        assert ("as stated" in how) == (units in spellings)


def test_a_stated_unit_is_never_overruled(adc):
    with pytest.raises(DataFault, match="correct Units in its sidecar"):
        convert_adc(adc * 1e3, "mm2/s")


def test_the_brain_decides_not_its_surroundings(adc):
    padded = np.pad(adc * 1e6, 20, constant_values=1.0)
    mask = np.pad(np.ones(SHAPE, bool), 20)
    assert convert_adc(padded, None, mask)[1] == 1e-6


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(SHAPE), "empty"),
        (np.full(SHAPE, np.nan), "empty"),
        (np.full(SHAPE, 8e-4), "the same value everywhere"),
        (np.random.default_rng(0).uniform(50, 200, SHAPE), "is not that of a brain in mm²/s"),
        ((np.random.default_rng(0).uniform(20e3, 50e3, SHAPE)).astype(np.int64).astype(np.int16), "overflow"),
    ],
)
def test_implausible_maps_have_a_reason(values, reason):
    with pytest.raises(DataFault, match=reason):
        convert_adc(values)


def test_negative_and_absurd_values_are_missing(adc):
    adc[0, 0, 0], adc[0, 0, 1], adc[0, 0, 2] = -1e-3, 20e-3, 0
    converted = convert_adc(adc, "mm2/s")[0]
    assert np.isnan(converted[0, 0]).all()
    assert np.isfinite(converted[1:]).all()


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ("mm²/s", "mm2/s"),
        ("×10⁻⁶ mm²/s", "10^-6 mm2/s"),
        ("um2/ms", "10^-3 mm2/s"),
        ("cm^2/s", "10^2 mm2/s"),
        ("Smith, John 1961", NOT_UNDERSTOOD),
        (None, ""),
    ],
)
def test_a_unit_is_passed_on_in_known_words_only(adc, units, said):
    assert spelled(units) == said
    assert spelled(said) == said  # and so is that
    if said == NOT_UNDERSTOOD:
        assert "Smith" not in convert_adc(adc, units)[2]


def test_no_words_of_a_sidecar_are_quoted(adc):
    with pytest.raises(DataFault, match="mm2/s, is not that of a brain"):
        convert_adc(adc * 1e6, "mm^2 per second")
