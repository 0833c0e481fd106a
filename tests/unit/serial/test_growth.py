import math

import numpy as np
import pytest
from reperfuse.serial.growth import Growth, lesion_change, salvage_fraction, voxelwise_growth
from reperfuse.serial.reperfusion import reperfusion_fraction

VOXEL = (2.5, 2.5, 5.0)


VOXEL_ML = math.prod(VOXEL) / 1000


def test_growth_and_reversal_are_set_differences() -> None:
    core, lesion = np.zeros((2, 10, 10, 10), bool)
    core[2:6], lesion[4:9] = True, True
    found = voxelwise_growth(lesion_change(core, lesion), VOXEL_ML)
    assert found == Growth(pytest.approx(300 * VOXEL_ML), pytest.approx(200 * VOXEL_ML))


def test_salvage_and_reperfusion() -> None:
    penumbra, lesion = np.zeros((2, 10), bool)
    penumbra[:8], lesion[6:] = True, True
    assert salvage_fraction(penumbra, lesion) == 0.75
    assert math.isnan(salvage_fraction(lesion & False, lesion))
    assert reperfusion_fraction(80, 20) == 0.75
    assert reperfusion_fraction(80, 100) == -0.25
    assert math.isnan(reperfusion_fraction(0, 20))
