import numpy as np
import pytest
from heads import SHAPE, VOXEL, dice, head, volume_ml
from reperfuse.faults import DataFault
from reperfuse.perfusion.hypoperfusion import hypoperfusion_finder, normal_level


def test_hypoperfusion_is_cleaned_and_nested():
    rng = np.random.default_rng(3)
    _, brain, lesion = head()
    tmax = np.where(lesion, 9.0, 1.5) + rng.normal(0, 1.0, SHAPE)
    tmax[rng.random(SHAPE) < 0.01] = 20.0
    tmax[rng.random(SHAPE) < 0.01] = np.nan
    masks = [hypoperfusion_finder(tmax, brain, VOXEL)(limit) for limit in (4, 6, 8)]
    assert dice(masks[1], lesion) > 0.9
    assert volume_ml(masks[1]) == pytest.approx(volume_ml(lesion), rel=0.15)
    assert (masks[1] & ~masks[0]).sum() == 0
    assert (masks[2] & ~masks[1]).sum() == 0


def test_every_cleaning_step_can_be_left_out():
    _, brain, lesion = head()
    tmax = np.where(lesion, 9.0, 1.0)
    tmax[70, 60, 15] = 9.0
    plain = hypoperfusion_finder(tmax, brain, VOXEL, smoothing_mm=0, opening_mm=0, min_volume_ml=0)(6.0)
    np.testing.assert_array_equal(plain, (tmax > 6) & brain)
    half = np.zeros(SHAPE, bool)
    half[52:] = True
    assert not hypoperfusion_finder(tmax, brain, VOXEL, half=half)(6.0).any()
    assert not hypoperfusion_finder(tmax, brain, VOXEL, csf=lesion)(6.0).any()
    assert not hypoperfusion_finder(tmax, brain, VOXEL, vessels=lesion)(6.0).any()


def test_normal_tissue_is_what_is_not_late_itself():
    """Of 100 voxels 40 are late: the median of all is 9, of the others 6, and what lies between is late of 6 only."""
    values = np.repeat([1.0, 6.0, 9.0, 11.0, 20.0], [20, 25, 15, 20, 20]).reshape(10, 10, 1)
    tissue = np.ones(values.shape, bool)
    assert np.median(values) == 9
    assert normal_level(values, tissue, lambda limit: values > limit, 4.5) == 6
    assert normal_level(np.where(values == 1, np.nan, values), tissue, lambda limit: values > limit, 4.5) == 9
    assert normal_level(values, tissue & (values > 6), lambda limit: values > limit, 4.5) == 11
    with pytest.raises(DataFault, match="no normal tissue"):
        normal_level(values * np.nan, tissue, lambda limit: values > limit, 4.5)
