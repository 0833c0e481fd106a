"""Masks of an analytic head (ellipsoids) with a known brain and known lesions, on clinical grids."""

import numpy as np
import pytest
from heads import SHAPE, VOXEL, dice, ellipsoid, head, volume_ml
from reperfuse.diffusion.adc import fit_adc
from reperfuse.diffusion.core import core_finder
from reperfuse.head.brain import brain_mask
from scipy import ndimage


def find_core(series, brain, voxel=VOXEL, adc_threshold=620e-6, **options):
    maps = fit_adc(series, [0, 1000])
    find = core_finder(maps.adc, maps.trace, brain, voxel, mirrored_trace=maps.trace[::-1], **options)
    return find(adc_threshold)


@pytest.mark.parametrize("snr", [30, 60, 100])
@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_core_is_the_lesion(snr, bias):
    series, brain, lesion = head(snr=snr, bias=bias)
    core = find_core(series, brain)
    assert dice(core, lesion) > 0.85
    assert volume_ml(core) == pytest.approx(volume_ml(lesion), rel=0.1)


@pytest.mark.parametrize("snr", [20, 40])
def test_a_healthy_head_has_no_core(snr):
    series, brain, _ = head(lesion=False, snr=snr)
    assert volume_ml(find_core(series, brain)) == 0


def test_tissue_above_the_threshold_is_no_core():
    series, brain, lesion = head(lesion_adc=0.68e-3, snr=100)
    assert volume_ml(find_core(series, brain)) < 0.1 * volume_ml(lesion)
    series[lesion] *= 1.2  # T2 shine-through: bright enough, so the ADC alone decides
    assert volume_ml(find_core(series, brain)) < 0.1 * volume_ml(lesion)
    assert dice(find_core(series, brain, adc_threshold=0.74e-3), lesion) > 0.85


def test_a_faint_core_is_found_to_its_border():
    """A fixed threshold would put the border of a shallow lesion inside it."""
    series, brain, lesion = head(lesion_adc=0.56e-3, snr=60)
    core = find_core(series, brain)
    assert dice(core, lesion) > 0.93
    assert volume_ml(core) == pytest.approx(volume_ml(lesion), rel=0.07)


def test_where_adc_rises_slowly_the_threshold_decides():
    series, brain, _ = head(lesion=False, snr=200)
    axes = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(SHAPE, VOXEL, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    radius = np.sqrt((x + 38) ** 2 + (y - 5) ** 2 + (z - 10) ** 2)
    adc = np.interp(radius, (0, 30), (0.45e-3, 0.8e-3))  # 620e-6 at 14.6 mm, and 12e-6 more a mm
    fluid = ellipsoid((-12, 5, 5), (8, 30, 14))
    near = (radius < 30) & brain & ~fluid
    series[near, 1] = series[near, 0] * np.exp(-1000 * adc[near])
    below = near & (adc < 620e-6)
    core = find_core(series, brain)
    assert volume_ml(core) == pytest.approx(volume_ml(below), rel=0.08)


def test_the_lining_of_a_ventricle_is_no_core():
    """Ringing beside bright fluid: one layer of voxels, dark at b = 0, on one side brighter on the trace."""
    series, brain, _ = head(lesion=False, snr=100)
    fluid = ellipsoid((12, 5, 5), (8, 30, 14))
    lining = ndimage.binary_dilation(fluid) & ~fluid
    series[lining] = [600.0, 420.0]  # ADC 0.36e-3; normal tissue 800, 360
    spot = np.zeros(SHAPE, bool)
    spot[62:64, 58:62, 15] = True
    series[spot & lining] = [850.0, 560.0]
    assert volume_ml(lining) > 2
    assert volume_ml(find_core(series, brain)) == 0


def test_a_core_that_reaches_the_ventricle_is_found_to_its_wall():
    series, brain, _ = head(lesion=False)
    fluid = ellipsoid((-12, 5, 5), (8, 30, 14))
    lesion = ellipsoid((-24, 5, 5), (12, 14, 12)) & ~fluid
    series[lesion] *= [1.05, np.exp(0.35)]
    core = find_core(series, brain)
    assert dice(core, lesion) > 0.9
    wall = lesion & ndimage.binary_dilation(fluid)
    assert (core & wall).sum() > 0.8 * wall.sum()


def test_a_core_that_widens_towards_the_ventricle_is_found_to_its_corners():
    """At 45°, a corner of the lining of 3 mm lies 3 √2 mm from the core behind it: within one and a half linings."""
    voxel, shape = (1.5, 1.5, 5.0), (42, 42, 12)
    x, y, _ = np.meshgrid(*(1.5 * (np.arange(n) - (n - 1) / 2) for n in shape), indexing="ij")
    depth = x + 16
    fluid = depth < 0
    lesion = (depth > 0) & (depth < 14) & (np.abs(y) < 20 - np.minimum(depth, 8))
    adc = np.where(fluid, 3e-3, np.where(lesion, 0.4e-3, 0.8e-3))
    trace = np.where(fluid, 0.3, np.where(lesion, 1.5, 1.0))
    np.testing.assert_array_equal(core_finder(adc, trace, np.ones(shape, bool), voxel)(620e-6), lesion)


def test_what_is_bright_on_both_sides_is_no_core():
    series, brain, lesion = head()
    both = np.where((lesion[::-1] & brain)[..., None], series[::-1], series)
    assert volume_ml(find_core(series, brain)) > 20
    assert volume_ml(find_core(both, brain)) == 0


def test_a_dark_void_is_no_core():
    series, brain, _ = head(lesion=False)
    void = ellipsoid((40, 30, -20), (15, 15, 12)) & brain
    series[void] = [60.0, 40.0]  # ADC 0.41e-3, but no signal to speak of
    assert volume_ml(find_core(series, brain)) == 0


def test_core_without_any_adc_is_empty():
    empty = np.full(SHAPE, np.nan)
    assert not core_finder(empty, np.ones(SHAPE), np.ones(SHAPE, bool), VOXEL)(620e-6).any()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, -1)])
def test_axis_order_and_direction_change_nothing(order, flip):
    series, brain, _ = head()
    maps = fit_adc(series, [0, 1000])
    expected = find_core(series, brain)
    expected_brain = brain_mask(series[..., 0], VOXEL)

    def turn(image):
        return np.transpose(image, order)[tuple(slice(None, None, step) for step in flip)]

    voxel, mirrored = VOXEL[list(order)], turn(maps.trace[::-1])
    found = core_finder(turn(maps.adc), turn(maps.trace), turn(brain), voxel, mirrored_trace=mirrored)(620e-6)
    assert abs(int(found.sum()) - int(expected.sum())) <= 0.01 * expected.sum()
    assert dice(found, turn(expected)) > 0.995
    assert dice(brain_mask(turn(series[..., 0]), voxel), turn(expected_brain)) > 0.999
