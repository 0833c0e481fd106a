"""What is no ADC of a brain is refused, whatever its unit."""

import numpy as np
import pytest
from heads import head
from reperfuse.diffusion.adc import fit_adc
from reperfuse.diffusion.plausible import check_adc
from reperfuse.faults import DataFault

VOXEL, SHAPE = np.array([5.0, 5.0, 6.0]), (40, 46, 24)
AFFINE = np.diag([*VOXEL, 1.0])
SERIES, BRAIN, CORE = head(voxel=VOXEL, shape=SHAPE, lesion_adc=0.3e-3)
FOUND = fit_adc(SERIES, [0, 1000])


def test_the_adc_of_a_brain_is_taken() -> None:
    check_adc(FOUND.adc, BRAIN, AFFINE)
    check_adc(np.where(FOUND.adc < 3e-3, FOUND.adc, np.nan), BRAIN, AFFINE)


def test_a_whole_hemisphere_may_be_infarcted() -> None:
    injured = BRAIN & (np.arange(40) < 20)[:, None, None]
    check_adc(np.where(injured, 0.55 * FOUND.adc, FOUND.adc), BRAIN, AFFINE)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (FOUND.adc * 0.5, "median of its tissue"),
        (FOUND.adc * 2, "median of its tissue"),
        (np.where(BRAIN, 2.5e-3, FOUND.adc), "there is none"),
        (FOUND.trace * 0.8e-3 / np.median(FOUND.trace[BRAIN]), "check that it is not the trace image"),
        (3.2e-3 - FOUND.adc * 3, "check that it is not the trace image"),
        (np.exp(-1000 * FOUND.adc) * 1e-3 * 1.8, "check that it is not the trace image"),
    ],
    ids=["half", "double", "fluid", "trace", "inverted", "exponential"],
)
def test_another_image_is_refused(image: np.ndarray, said: str) -> None:
    with pytest.raises(DataFault, match=said):
        check_adc(image, BRAIN, AFFINE)


def test_slices_without_an_adc_are_counted() -> None:
    adc = FOUND.adc.copy()
    adc[:, :, [9, 12]] = np.nan
    with pytest.raises(DataFault, match="most of the ADC is missing in 2 of 24 slices"):
        check_adc(adc, BRAIN, AFFINE)
