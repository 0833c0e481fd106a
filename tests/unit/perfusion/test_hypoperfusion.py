import numpy as np
import pytest
from heads import SHAPE, VOXEL, dice, head, volume_ml
from reperfuse.faults import DataFault
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.perfusion.hypoperfusion import hypoperfusion_finder, normal_level
from reperfuse.simulation.hemodynamics import arterial_curve, tissue_curves
from reperfuse.volumes.morphology import opened
from reperfuse.volumes.smoothing import smooth_inside


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


def test_noise_alone_is_no_deficit():
    """A quadratic mean everywhere would make a deficit of it."""
    _, brain, _ = head()
    tmax = 3.0 + np.random.default_rng(4).normal(0, 5.5, SHAPE)
    assert volume_ml(hypoperfusion_finder(tmax, brain, VOXEL)(6.0)) == 0


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


def test_an_artery_in_a_core_hides_no_late_tissue():
    """Its blood is in the curves of the voxels beside it; they are late as the tissue beyond is, or as they read."""
    tmax, brain, artery = np.full((30, 30, 8), 2.0), np.ones((30, 30, 8), bool), np.zeros((30, 30, 8), bool)
    tmax[5:25, 5:25, 2:7] = 9.0
    late = tmax > 6
    artery[14, 5:20, 4] = True
    tmax[13:16, 5:20, 4] = 3.0
    find = hypoperfusion_finder(tmax, brain, (3.0, 3.0, 5.0), vessels=artery)
    assert (find(6.0) & ~late).sum() == 0
    assert (find(6.0) & ~artery).sum() >= 0.99 * (late & ~artery).sum()
    alone = hypoperfusion_finder(tmax, brain, (3.0, 3.0, 5.0), vessels=artery, smoothing_mm=0)
    np.testing.assert_array_equal(alone(6.0), opened(tmax > 6, 2.0, np.array([3.0, 3.0, 5.0])) & ~artery)


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


def test_a_sharp_deficit_ends_where_half_of_the_tissue_is_late():
    """A ball of 25 mm with a third of the flow, 8 s late: its border peaks with the tissue around it."""
    shape, voxel, parts = (34, 34, 14), np.array([2.0, 2.0, 5.0]), 5
    fine = [(np.arange(n * parts) + 0.5) / parts * size for n, size in zip(shape, voxel, strict=True)]
    middle = np.array(shape) * voxel / 2 + 0.3
    squares = [(axis - centre) ** 2 for axis, centre in zip(fine, middle, strict=True)]
    ball = squares[0][:, None, None] + squares[1][:, None] + squares[2] < 25**2
    share = ball.reshape(shape[0], parts, shape[1], parts, shape[2], parts).mean(axis=(1, 3, 5))
    time = np.arange(45) * 1.5
    late, normal = tissue_curves(time, 20.0, 10.0, 9.0)[0], tissue_curves(time, 60.0, 4.0, 1.0)[0]
    curves = share[..., None] * late + (1 - share[..., None]) * normal
    curves += np.random.default_rng(1).normal(0, 0.1 * normal.max(), curves.shape)
    brain = np.ones(shape, bool)
    smoothed = smooth_inside(curves, brain, voxel, 4.0)
    tmax = deconvolve(smoothed.reshape(-1, len(time)), arterial_curve(time), 1.5).tmax.reshape(shape)
    true_ml = share.sum() * voxel.prod() / 1000
    single, cleaned = (
        hypoperfusion_finder(tmax, brain, voxel, smoothing_mm=width)(6.0).sum() * voxel.prod() / 1000
        for width in (0.0, 3.0)
    )
    assert single < 0.93 * true_ml
    assert cleaned == pytest.approx(true_ml, rel=0.04)
