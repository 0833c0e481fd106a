"""Masks of an analytic head (ellipsoids) with a known brain and known lesions, on clinical grids."""

import numpy as np
import pytest
from reperfuse.diffusion.adc import fit_adc
from reperfuse.diffusion.core import core_mask
from reperfuse.faults import DataFault
from reperfuse.head.brain import brain_mask
from reperfuse.head.mirror import Mirror, reflect, reflection_matrix
from reperfuse.head.tissue import csf_mask, normal_tissue, vessel_mask
from reperfuse.perfusion.hypoperfusion import hypoperfusion_mask
from reperfuse.serial.lesion import followup_lesion
from reperfuse.simulation.anatomy import Head, Region
from reperfuse.simulation.geometry import sample_points
from reperfuse.simulation.physiology import Injury
from reperfuse.simulation.protocols import Matrix, make_grid
from reperfuse.simulation.scanner import FlairProtocol, acquire_flair
from reperfuse.simulation.truth import is_inside
from reperfuse.volumes import morphology
from scipy import ndimage

VOXEL = np.array([2.0, 2.0, 5.0])
SHAPE = (104, 120, 30)
LESION_CENTRE, LESION_RADII = (-38.0, 5.0, 10.0), (16.0, 22.0, 17.0)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def volume_ml(mask, voxel=VOXEL):
    return mask.sum() * np.prod(voxel) / 1000


def ellipsoid(centre, radii, voxel=VOXEL, shape=SHAPE):
    axes = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, voxel, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return sum(((p - c) / r) ** 2 for p, c, r in zip((x, y, z), centre, radii, strict=True)) < 1


def head(lesion=True, snr=40.0, seed=0, bias=0.0, lesion_adc=0.45e-3, voxel=VOXEL, shape=SHAPE):
    """b = 0 and b = 1000 of a head; the x axis runs across its mirror plane."""
    rng = np.random.default_rng(seed)
    outer = ellipsoid((0, 0, 0), (84, 102, 74), voxel, shape)
    skull = ellipsoid((0, 0, 0), (78, 96, 68), voxel, shape)
    brain = ellipsoid((0, 0, 0), (70, 88, 60), voxel, shape)
    fluid = ellipsoid((12, 5, 5), (8, 30, 14), voxel, shape) | ellipsoid((-12, 5, 5), (8, 30, 14), voxel, shape)
    core = ellipsoid(LESION_CENTRE, LESION_RADII, voxel, shape) & brain & ~fluid if lesion else np.zeros(shape, bool)
    s0 = np.where(outer & ~skull, 300.0, 0.0)
    s0[brain], s0[fluid], s0[core] = 800.0, 2000.0, 850.0
    adc = np.where(brain, 0.8e-3, 1.2e-3)
    adc[fluid], adc[core] = 3.0e-3, lesion_adc
    axis = (np.arange(shape[0]) - shape[0] / 2) * voxel[0]
    shading = 1 + bias * (axis / 90)[:, None, None]
    images = [s0 * np.exp(-b * adc) * shading for b in (0, 1000)]
    sigma = 800 / snr
    noisy = [np.hypot(im + rng.normal(0, sigma, shape), rng.normal(0, sigma, shape)) for im in images]
    return np.stack(noisy, axis=-1), brain, core


def find_core(series, brain, voxel=VOXEL, **options):
    maps = fit_adc(series, [0, 1000])
    return core_mask(maps.adc, maps.trace, brain, voxel, mirrored_trace=maps.trace[::-1], **options)


@pytest.mark.parametrize("bias", [0.0, 0.4])
@pytest.mark.parametrize("image", [0, 1])
def test_brain_mask_finds_the_brain_under_noise_and_shading(image, bias):
    series, brain, _ = head(bias=bias)
    assert dice(brain_mask(series[..., image], VOXEL), brain) > 0.97


def test_brain_mask_keeps_a_stripped_image():
    series, brain, _ = head()
    assert dice(brain_mask(np.where(brain, series[..., 1], 0), VOXEL), brain) > 0.995


def test_brain_mask_of_a_thin_slab():
    series, brain, _ = head()
    slab = slice(10, 22)
    assert dice(brain_mask(series[:, :, slab, 0], VOXEL), brain[:, :, slab]) > 0.97


@pytest.mark.parametrize("image", [np.zeros(SHAPE), np.full(SHAPE, 3.0), np.full(SHAPE, np.nan)])
def test_no_brain_is_a_reason(image):
    with pytest.raises(DataFault, match="No brain"):
        brain_mask(image, VOXEL)


def test_a_speck_is_no_brain():
    image = np.random.default_rng(0).random(SHAPE)
    image[50:53, 50:53, 10:12] = 500
    with pytest.raises(DataFault, match="No brain"):
        brain_mask(image, VOXEL)


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
    assert not core_mask(empty, np.ones(SHAPE), np.ones(SHAPE, bool), VOXEL).any()


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
    found = core_mask(turn(maps.adc), turn(maps.trace), turn(brain), voxel, mirrored_trace=mirrored)
    assert abs(int(found.sum()) - int(expected.sum())) <= 0.01 * expected.sum()
    assert dice(found, turn(expected)) > 0.995
    assert dice(brain_mask(turn(series[..., 0]), voxel), turn(expected_brain)) > 0.999


def test_distances_are_mm_and_do_not_reach_across_thick_slices():
    mask = np.zeros((21, 21, 7), bool)
    mask[5:16, 5:16, 3] = True
    eroded = morphology.eroded(mask, 2.5, np.array([1.0, 1.0, 5.0]))
    assert eroded[..., 3].sum() == 7 * 7
    dilated = morphology.dilated(mask, 2.5, np.array([1.0, 1.0, 5.0]))
    assert not dilated[..., [2, 4]].any()
    assert dilated[10, :, 3].sum() == 11 + 4


@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_followup_lesion_needs_no_low_adc(bias):
    series, brain, lesion = head(bias=bias)
    image = series[..., 1]  # the lesion is 1.5 times as bright as its mirror
    adc = np.where(brain, 0.8e-3, np.nan)  # pseudo-normal
    found = followup_lesion(image, brain, VOXEL, mirrored=image[::-1], adc=adc)
    assert dice(found, lesion) > 0.9


def test_followup_of_a_healthy_head_is_empty():
    series, brain, _ = head(lesion=False, bias=0.3)
    image = series[..., 1]
    assert not followup_lesion(image, brain, VOXEL, mirrored=image[::-1]).any()


def test_hypoperfusion_is_cleaned_and_nested():
    rng = np.random.default_rng(3)
    _, brain, lesion = head()
    tmax = np.where(lesion, 9.0, 1.5) + rng.normal(0, 1.0, SHAPE)
    tmax[rng.random(SHAPE) < 0.01] = 20.0
    tmax[rng.random(SHAPE) < 0.01] = np.nan
    masks = [hypoperfusion_mask(tmax, brain, VOXEL, limit) for limit in (4, 6, 8)]
    assert dice(masks[1], lesion) > 0.9
    assert volume_ml(masks[1]) == pytest.approx(volume_ml(lesion), rel=0.15)
    assert (masks[1] & ~masks[0]).sum() == 0
    assert (masks[2] & ~masks[1]).sum() == 0


def test_every_cleaning_step_can_be_left_out():
    _, brain, lesion = head()
    tmax = np.where(lesion, 9.0, 1.0)
    tmax[70, 60, 15] = 9.0
    plain = hypoperfusion_mask(tmax, brain, VOXEL, 6.0, smoothing_mm=0, opening_mm=0, min_volume_ml=0)
    np.testing.assert_array_equal(plain, (tmax > 6) & brain)
    half = np.zeros(SHAPE, bool)
    half[52:] = True
    assert not hypoperfusion_mask(tmax, brain, VOXEL, 6.0, half=half).any()
    assert not hypoperfusion_mask(tmax, brain, VOXEL, 6.0, csf=lesion).any()
    assert not hypoperfusion_mask(tmax, brain, VOXEL, 6.0, vessels=lesion).any()


def test_normal_tissue_is_the_other_side_without_fluid_and_vessels():
    _, brain, lesion = head()
    half = np.zeros(SHAPE, bool)
    half[: SHAPE[0] // 2] = True  # the lesion's side
    cbv = np.where(brain, 4.0, np.nan)
    cbv[80, 60, 15] = 40.0
    csf = ellipsoid((12, 5, 5), (8, 30, 14))
    for side in (half, ~half):
        normal = normal_tissue(brain, lesion, side, csf=csf, cbv=cbv)
        expected = brain & ~half & ~csf
        expected[80, 60, 15] = False
        np.testing.assert_array_equal(normal, expected)
    both = normal_tissue(brain, lesion | lesion[::-1], half)
    np.testing.assert_array_equal(both, brain & ~lesion & ~lesion[::-1])
    np.testing.assert_array_equal(normal_tissue(brain, np.zeros(SHAPE, bool), half), brain)


def test_csf_by_adc_or_by_the_perfusion_reference():
    series, brain, _ = head(snr=100)
    fluid = ellipsoid((12, 5, 5), (8, 30, 14)) | ellipsoid((-12, 5, 5), (8, 30, 14))
    adc = fit_adc(series, [0, 1000]).adc
    assert dice(csf_mask(brain, adc=adc), fluid) > 0.97
    assert dice(csf_mask(brain, reference=series[..., 0]), fluid) > 0.97


def test_vessels_stand_out_by_their_blood_volume():
    brain = ellipsoid((0, 0, 0), (70, 88, 60))
    sinus = ellipsoid((0, -70, 10), (4, 8, 20))
    cbv = np.where(sinus, 40.0, 3.0).astype(np.float32)
    cbv[50, 60, 15] = np.nan
    np.testing.assert_array_equal(vessel_mask(brain, cbv, 4.0), brain & sinus)
    assert not vessel_mask(brain, np.full(SHAPE, np.nan), 4.0).any()


@pytest.mark.parametrize("lesion_ml", [40.0, 0.0])
def test_followup_lesion_on_flair_reaches_the_white_matter_beside_cortex(lesion_ml):
    """Cortex is half as bright again as white matter there, so infarcted white matter is only as bright as cortex."""
    grid, head_ = make_grid(Matrix((80, 96, 24), (2.5, 2.5, 5.0))), Head()
    region = Region("left", (36.0, -10.0, 18.0), (1.0, 1.45, 1.15), 40.0)
    injuries = (Injury(region, adc=0.52e-3, t2_ratio=1.45),) if lesion_ml else ()
    image = acquire_flair(head_, injuries, grid, np.eye(4), FlairProtocol(), seed=1)
    points = sample_points(grid, np.eye(4), head_, (1, 1, 1))
    lesion = is_inside(points, region).reshape(grid.shape)
    brain = brain_mask(image, grid.voxel_mm)
    plane = Mirror(np.array([1.0, 0, 0]), 0.0, reflection_matrix(np.array([1.0, 0, 0]), 0.0), 1.0)
    mirrored = reflect(image, grid.affine, plane)
    found = followup_lesion(image, brain, grid.voxel_mm, mirrored=mirrored, rim_mm=4.0)
    assert volume_ml(found, grid.voxel_mm) == pytest.approx(volume_ml(lesion, grid.voxel_mm) * bool(lesion_ml), rel=0.1)
    if lesion_ml:
        assert dice(found, lesion) > 0.9
