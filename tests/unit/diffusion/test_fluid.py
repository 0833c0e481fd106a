"""The ADC of tissue in voxels of which the fluid is known."""

import numpy as np
import pytest
from reperfuse.diffusion.fluid import FLUID_ADC, adc_without_fluid
from reperfuse.volumes.arrays import Array, Mask

SHAPE = (40, 40, 8)
VOXEL = np.array([2.0, 2.0, 5.0])
GREY, WHITE, FLUID = 100.0, 75.0, 300.0
TISSUE = np.ones(SHAPE, bool)
TISSUE[18:22] = False  # a cistern
INJURED = np.zeros(SHAPE, bool)
INJURED[:6] = True
CORTEX = np.zeros(SHAPE, bool)
CORTEX[8:12, 8:16] = True


def dry(
    fraction: float, adc: float, b: float = 1000.0, coil: float = 1.0, t2: float = 1.0, injured: Mask = INJURED
) -> tuple[Array, Array]:
    """Return the ADC found in a patch of grey matter of which a fraction of each voxel is fluid."""
    grey = np.indices(SHAPE)[1] % 2 == 0
    signal = np.where(grey, GREY, WHITE)
    low = np.where(INJURED | CORTEX, adc, 0.78e-3)
    signal = np.where(CORTEX, GREY, signal) * np.where(INJURED | CORTEX, t2, 1.0)
    share = np.where(TISSUE, np.where(CORTEX, fraction, 0.0), 1.0)
    shade = coil ** (np.indices(SHAPE)[1] / SHAPE[1])
    before = ((1 - share) * signal + share * FLUID) * shade
    after = ((1 - share) * signal * np.exp(-b * low) + share * FLUID * np.exp(-b * FLUID_ADC)) * shade
    measured = np.log(before / after) / b
    return measured, adc_without_fluid(measured, after, b, TISSUE, TISSUE | True, injured, VOXEL, 0.0)


@pytest.mark.parametrize("b", [800.0, 1000.0])
@pytest.mark.parametrize("coil", [1.0, 1.6])
@pytest.mark.parametrize(("fraction", "left"), [(0.1, 0.7), (0.25, 0.3), (0.4, 0.3)])
def test_most_of_the_fluid_is_taken_out_and_never_more_than_all(
    fraction: float, left: float, coil: float, b: float
) -> None:
    """Grey matter may be brighter than it is here, so that some fluid stays: as much in every voxel, at worst 10 %."""
    measured, found = dry(fraction, 0.5e-3, b, coil)
    error, before = (float(np.median(one[CORTEX])) - 0.5e-3 for one in (found, measured))
    assert before > 2e-3 * fraction
    assert 0 < error < left * before


def test_voxels_without_fluid_keep_their_adc() -> None:
    measured, found = dry(0.0, 0.5e-3)
    np.testing.assert_allclose(found[TISSUE], measured[TISSUE], rtol=1e-6)


def test_the_long_t2_of_an_injury_is_hardly_taken_for_fluid() -> None:
    measured, found = dry(0.0, 0.5e-3, t2=1.3)
    assert (measured - found)[CORTEX].max() < 0.08e-3
    _, unknown = dry(0.0, 0.5e-3, t2=1.3, injured=INJURED & False)
    assert (measured - unknown)[CORTEX].max() > 0.1e-3


def test_a_voxel_mostly_of_fluid_says_nothing() -> None:
    assert np.isinf(dry(0.8, 0.5e-3)[1][CORTEX]).all()
    assert np.isinf(dry(0.0, 0.5e-3)[1][~TISSUE]).all()


def test_voxels_without_a_trace_cost_no_other() -> None:
    """A scanner's trace may lack voxels of the ventricles that its ADC has."""
    adc, trace = np.where(TISSUE, 0.8e-3, 3e-3), np.ones(SHAPE)
    trace[19, 5] = np.nan
    found = adc_without_fluid(adc, trace, 1e3, TISSUE, TISSUE | True, TISSUE & False, VOXEL, 0.0)
    np.testing.assert_allclose(found[TISSUE], 0.8e-3, rtol=1e-6)


def test_without_tissue_nothing_is_known() -> None:
    empty = np.zeros(SHAPE, bool)
    assert np.isinf(adc_without_fluid(np.full(SHAPE, 3e-3), np.ones(SHAPE), 1e3, empty, empty, empty, VOXEL, 3.0)).all()
