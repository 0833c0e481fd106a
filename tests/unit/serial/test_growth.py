import math

import numpy as np
import pytest
from reperfuse.serial.growth import (
    Growth,
    GrowthInto,
    growth_into,
    growth_ml,
    initial_growth_rate,
    lesion_change,
    salvage_fraction,
    voxelwise_growth,
)
from reperfuse.serial.reperfusion import reperfusion_fraction

VOXEL = (2.5, 2.5, 5.0)


VOXEL_ML = math.prod(VOXEL) / 1000


def test_growth_and_reversal_are_set_differences() -> None:
    core, lesion = np.zeros((2, 10, 10, 10), bool)
    core[2:6], lesion[3:8] = True, True
    found = voxelwise_growth(lesion_change(core, lesion), VOXEL_ML)
    assert found == Growth(pytest.approx(200 * VOXEL_ML), pytest.approx(100 * VOXEL_ML))


def test_salvage_and_reperfusion() -> None:
    penumbra, lesion = np.zeros((2, 10), bool)
    penumbra[:8], lesion[6:] = True, True
    assert salvage_fraction(penumbra, lesion) == 0.75
    assert math.isnan(salvage_fraction(lesion & False, lesion))
    assert reperfusion_fraction(80, 20) == 0.75
    assert reperfusion_fraction(80, 100) == -0.25
    assert math.isnan(reperfusion_fraction(0, 20))


def test_each_voxel_of_both_lesions_has_one_label() -> None:
    core, lesion = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    labels = lesion_change(core, lesion)
    assert labels.tolist() == [1, 3, 2, 0]
    assert labels.dtype == np.float32


def test_lost_tissue_was_penumbra_oligaemia_or_neither_as_far_as_perfusion_saw() -> None:
    """Voxels by what they were; Tmax above 6 s is above 4 s too, but for what a cleaned mask left out of one."""
    voxels = [
        (1, 1, 1, 1, "penumbra", 5),
        (1, 1, 0, 1, "penumbra", 1),
        (1, 0, 1, 1, "oligaemia", 4),
        (1, 0, 0, 1, "beyond", 3),
        (1, 1, 1, 0, "unseen", 2),
        (1, 0, 0, 0, "unseen", 9),
        (0, 1, 1, 1, "not grown", 100),
        (0, 0, 1, 1, "not grown", 100),
        (0, 0, 0, 1, "not grown", 100),
        (0, 0, 0, 0, "not grown", 100),
    ]
    masks = np.repeat(np.array([v[:4] for v in voxels], bool), [v[5] for v in voxels], axis=0).T
    assert growth_into(*masks, voxel_ml=0.5) == GrowthInto(3.0, 2.0, 1.5, 5.5)


def test_growth_is_what_was_gained_and_negative_where_the_lesion_shrank() -> None:
    assert growth_ml(20, 50) == 30
    assert growth_ml(20, 5) == -15
    assert math.isnan(growth_ml(math.nan, 5))
    assert math.isnan(growth_ml(5, math.nan))


def test_a_core_grew_from_nothing_since_onset() -> None:
    assert initial_growth_rate(30, 4) == 7.5
    assert initial_growth_rate(30, 0.5) == 60
    assert math.isnan(initial_growth_rate(30, math.nan))
    assert math.isnan(initial_growth_rate(30, 0))
