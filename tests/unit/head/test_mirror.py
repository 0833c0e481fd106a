"""The mirror plane against heads whose plane is known."""

from functools import lru_cache

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.head.mirror import Mirror, _Comparison, find_mirror, half, reflect, reflect_mask, reflection_matrix
from reperfuse.simulation.anatomy import Head, Region, brain_points, midplane
from reperfuse.simulation.geometry import Grid, rigid, sample_points, world_points
from reperfuse.simulation.scanner import FlairProtocol, acquire_flair

SHAPE = (50, 56, 20)


def make_grid(shape=SHAPE, voxel_mm=(4.0, 4.0, 6.0), turn_deg=(0, 0, 0), center=(0, -18, 8)) -> Grid:
    affine = rigid(turn_deg, [0, 0, 0])
    affine[:3, :3] = affine[:3, :3] * np.array(voxel_mm)
    affine[:3, 3] = np.array(center) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


GRID = make_grid()


@lru_cache
def image_of(tilt_deg, shift_mm=(0, 0, 0), coil_bias=0.0, asymmetry_mm=0.0):
    """A noisy image of a head in a known pose."""
    pose = rigid(tilt_deg, shift_mm, GRID.centre)
    protocol = FlairProtocol(te_s=0.03, coil_bias=coil_bias)
    return acquire_flair(Head(asymmetry_mm), (), GRID, pose, protocol, seed=3), pose


def move(matrix, points):
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def assert_plane(mirror, pose, degrees=0.2, mm=0.3):
    normal, offset = midplane(pose)
    assert np.degrees(np.arccos(min(1.0, abs(float(normal @ mirror.normal))))) < degrees
    inside = move(pose, np.array([0.0, -18.0, 10.0]))  # a point of the true plane in the middle of the brain
    assert abs(normal @ inside - offset) < 1e-6
    assert abs(mirror.normal @ inside - mirror.offset_mm) < mm


@pytest.mark.parametrize(
    ("tilt", "shift"),
    [
        ((0, 0, 0), (0, 0, 0)),
        ((5, 12, -10), (6, -3, 4)),
        ((-8, -10, 12), (-7, 2, 0)),
        ((3, 0, 15), (0, 0, 0)),
    ],
)
def test_plane_of_a_tilted_head(tilt, shift):
    image, pose = image_of(tilt, shift)
    assert_plane(find_mirror(image, GRID.affine), pose)


def test_plane_under_coil_bias():
    image, pose = image_of((4, 6, -8), (3, 0, 0), coil_bias=0.5)
    assert_plane(find_mirror(image, GRID.affine), pose)


def test_alignment_with_the_flip_sharpens_the_plane():
    """By reflections alone, the same heads are 0.12 mm off."""
    grid = make_grid((80, 90, 20), (2.5, 2.5, 6.0))
    off_mm = []
    for number, tilt in enumerate([(-2, 9, -4), (7, -6, 3), (-9, 2, 8)]):
        pose = rigid(tilt, (3, -2, 1), grid.centre)
        image = acquire_flair(Head(), (), grid, pose, FlairProtocol(te_s=0.03, coil_bias=0.5), seed=number)
        lesion = Region("left", (36, -10, 20), (1.2, 1.5, 1.2), 100.0).radius(
            sample_points(grid, pose, Head(), (1, 1, 1))
        )
        found = find_mirror(np.where(lesion.reshape(grid.shape) < 1, 2.5 * image, image), grid.affine).matrix
        normal, offset = midplane(pose)
        points = move(pose, brain_points(8.0)[0])
        apart = move(found, points) - move(reflection_matrix(normal, offset), points)
        off_mm.append(np.linalg.norm(apart, axis=1).mean())
    assert np.mean(off_mm) < 0.06, off_mm


@pytest.mark.parametrize("factor", [0.3, 2.5])
@pytest.mark.parametrize("side", ["left", "right"])
def test_plane_with_a_lesion_on_one_side(factor, side):
    image, pose = image_of((4, 6, -8), (3, 0, 0))
    region = Region(side, (36, -10, 20), (1, 1.5, 1.2), 100.0)
    points = sample_points(GRID, pose, Head(), (1, 1, 1))
    lesion = (region.radius(points) < 1).reshape(SHAPE)
    assert 500 < lesion.sum() < 2500
    assert_plane(find_mirror(np.where(lesion, factor * image, image), GRID.affine), pose)


@pytest.mark.parametrize("axes", [(2, 1, 0), (1, 2, 0)])
def test_voxel_order_does_not_matter(axes):
    image, _ = image_of((5, 12, -10), (6, -3, 4))
    expected = find_mirror(image, GRID.affine)
    to_old = np.zeros((4, 4))
    to_old[3, 3] = 1
    for new, old in enumerate(axes):
        to_old[old, new] = -1
        to_old[old, 3] = SHAPE[old] - 1
    found = find_mirror(np.flip(image).transpose(axes), GRID.affine @ to_old)
    np.testing.assert_allclose(found.matrix, expected.matrix, atol=2e-3, rtol=1e-3)


def test_oblique_grid():
    grid = make_grid(turn_deg=(14, -9, 6))
    pose = rigid((0, 5, -4), (2, 0, 1), grid.centre)
    image = acquire_flair(Head(), (), grid, pose, FlairProtocol(te_s=0.03), seed=1)
    assert_plane(find_mirror(image, grid.affine), pose)


def test_fine_voxels():
    grid = make_grid((100, 112, 30), (2.0, 2.0, 4.0))
    pose = rigid((4, 6, -8), (3, 0, 0), grid.centre)
    image = acquire_flair(Head(), (), grid, pose, FlairProtocol(te_s=0.03), seed=3)
    assert_plane(find_mirror(image, grid.affine), pose, degrees=0.05, mm=0.1)


def test_mirror_is_an_exact_reflection():
    image, _ = image_of((5, 12, -10), (6, -3, 4))
    mirror = find_mirror(image, GRID.affine)
    assert mirror.doubt == ""
    np.testing.assert_allclose(mirror.matrix @ mirror.matrix, np.eye(4), atol=1e-10)
    assert np.linalg.det(mirror.matrix[:3, :3]) == pytest.approx(-1)
    on_plane = mirror.offset_mm * mirror.normal
    np.testing.assert_allclose(move(mirror.matrix, on_plane), on_plane, atol=1e-9)
    assert mirror.normal[0] > 0


def test_homologous_points_of_unequal_halves():
    """A rigid mirror cannot undo an asymmetry of 3 mm, but must not add to it."""
    image, pose = image_of((4, 6, -8), (3, 0, 0), asymmetry_mm=3.0)
    points = brain_points(8.0)[0]
    found = move(find_mirror(image, GRID.affine).matrix, move(pose, points))
    truth = move(pose, Head(asymmetry_mm=3.0).homologue(points))
    assert np.linalg.norm(found - truth, axis=1).mean() < 2.5


def test_quality_tells_a_head_from_noise():
    image, _ = image_of((4, 6, -8), (3, 0, 0))
    quality = find_mirror(image, GRID.affine).quality
    assert quality > 0.9
    noisy = image * np.random.default_rng(0).uniform(0.3, 1.7, image.shape)
    assert find_mirror(noisy, GRID.affine).quality < quality


def test_reflect_moves_a_function_to_its_mirror_place():
    image, _ = image_of((5, 12, -10), (6, -3, 4))
    mirror = find_mirror(image, GRID.affine)
    world = world_points(GRID).reshape(-1, 3)
    ramp = (world @ [0.5, 0.2, -0.3]).reshape(SHAPE)
    expected = (move(mirror.matrix, world) @ [0.5, 0.2, -0.3]).reshape(SHAPE)
    result = reflect(ramp, GRID.affine, mirror)
    inner = np.isfinite(result[5:-5, 5:-5, 3:-3])
    inside = move(np.linalg.inv(GRID.affine), move(mirror.matrix, world)).reshape(*SHAPE, 3)
    interior = ((inside > 0) & (inside < np.array(SHAPE) - 1)).all(axis=-1)
    np.testing.assert_allclose(result[interior], expected[interior], atol=1e-2)
    outside = ((inside < -0.6) | (inside > np.array(SHAPE) - 0.4)).any(axis=-1)
    assert np.isnan(result[outside]).all()
    assert outside.any()
    assert inner.mean() > 0.9


def test_nearest_reflection_keeps_labels():
    image, _ = image_of((5, 12, -10), (6, -3, 4))
    labels = (image > np.median(image)).astype(float)
    result = reflect(labels, GRID.affine, find_mirror(image, GRID.affine), order=0)
    assert set(np.unique(result[np.isfinite(result)])) == {0.0, 1.0}


@pytest.mark.parametrize("image", [np.zeros((20, 20, 8)), np.full((20, 20, 8), np.nan), np.zeros((20, 20, 1))])
def test_empty_image_has_a_reason(image):
    with pytest.raises(DataFault, match="empty or constant"):
        find_mirror(image, np.diag([8.0, 8, 16, 1]))


def plane_of(normal, offset_mm):
    unit = np.array(normal) / np.linalg.norm(normal)
    return Mirror(unit, offset_mm, reflection_matrix(unit, offset_mm), 1.0)


@pytest.mark.parametrize("normal", [(1, 0, 0), (0.9, 0.3, -0.2)])
def test_half_is_what_lies_beyond_the_plane(normal):
    grid = make_grid((12, 10, 8), turn_deg=(14, -9, 6), center=(5, -3, 8))
    mirror = plane_of(normal, 2.0)
    beyond = world_points(grid).reshape(-1, 3) @ mirror.normal > 2.0
    assert 0.2 < beyond.mean() < 0.8
    np.testing.assert_array_equal(half(grid.shape, grid.affine, mirror).ravel(), beyond)


@pytest.mark.parametrize("offset_mm", [0.0, 0.4, -0.4])
def test_a_mask_is_mirrored_to_the_nearest_voxel(offset_mm):
    """Voxels of 2 mm: columns 2 to 4 of 20 go to 15 to 17, moved by less than half a voxel."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[0, 3] = -19.0
    mask, image = np.zeros((2, 20, 3, 3), bool)
    mask[2:5], image[15:18] = True, True
    found = reflect_mask(mask, affine, plane_of((1, 0, 0), offset_mm))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, image)


def test_an_empty_slab_has_a_reason():
    with pytest.raises(DataFault, match=r"^no mirror plane: the image is empty or constant; export the scan again$"):
        find_mirror(np.ones((20, 20, 1)), np.diag([8.0, 8, 16, 1]))


def test_a_plane_at_the_edge_of_the_field_of_view_shows_too_little():
    image, affine, _ = slab_of(2, (4, 5, -8))
    edge = np.zeros(image.shape, bool)
    edge[-5:] = True
    with pytest.raises(DataFault, match=r"^no mirror plane: too little of the head's reflection lies in the field"):
        find_mirror(image, affine, edge, max_tilt_deg=0, max_shift_mm=0)


def test_a_match_must_be_as_good_as_is_asked():
    image, affine, _ = slab_of(2, (4, 5, -8))
    quality = find_mirror(image, affine).quality
    assert find_mirror(image, affine, min_quality=quality - 0.01).quality == quality
    asked = quality + 0.01
    said = rf"does not match its own reflection \(correlation {quality:.2f}, at least {asked:.2f} needed\);"
    with pytest.raises(DataFault, match=said):
        find_mirror(image, affine, min_quality=asked)


# --- slabs of few slices ---------------------------------------------------------------------------------


def slab_of(slices, tilt_deg, height_mm=10.0, axes=(0, 1, 2)):
    """A noisy slab of 6 mm slices through a tilted head, and the worst distances of homologues in it."""
    grid = make_grid((80, 80, slices), (3.0, 3.0, 6.0), center=(0, -18, height_mm))
    pose = rigid(tilt_deg, (3, -2, 0), grid.centre)
    image = acquire_flair(Head(), (), grid, pose, FlairProtocol(te_s=0.03), seed=5)
    to_old = np.eye(4)[:, [*axes, 3]]
    return image.transpose(axes), grid.affine @ to_old, pose


def homologue_errors(mirror, affine, pose, image):
    """How far homologues in the slab are from where they should be (mm), on average: in space, and within the slice."""
    head = np.argwhere(image > 0.3 * np.percentile(image, 98))
    points = move(affine, head)
    error = move(mirror.matrix, points) - move(reflection_matrix(*midplane(pose)), points)
    return np.linalg.norm(error, axis=1).mean(), np.linalg.norm(error[:, :2], axis=1).mean()


@pytest.mark.parametrize("slices", [2, 3, 4])
@pytest.mark.parametrize("tilt", [(4, 5, -8), (-6, -4, 10), (0, 2, 0)])
def test_plane_of_a_slab_of_few_slices(slices, tilt):
    image, affine, pose = slab_of(slices, tilt)
    mirror = find_mirror(image, affine)
    assert mirror.doubt == ""
    assert homologue_errors(mirror, affine, pose, image)[0] < 1.0


def test_order_of_a_slabs_axes_does_not_matter():
    image, affine, pose = slab_of(2, (4, 5, -8), axes=(2, 0, 1))
    assert homologue_errors(find_mirror(image, affine), affine, pose, image)[0] < 1.2


@pytest.mark.parametrize("tilt", [(4, 2, -8), (-6, -3, 10), (0, 0, 12)])
def test_plane_of_a_single_slice_is_upright_to_it(tilt):
    image, affine, pose = slab_of(1, tilt)
    mirror = find_mirror(image, affine)
    assert mirror.normal[2] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(mirror.matrix @ mirror.matrix, np.eye(4), atol=1e-10)
    assert mirror.doubt == "a single slice does not show whether the head is tilted to one side"
    away, within = homologue_errors(mirror, affine, pose, image)
    assert within < 1.0
    assert away < 1.0 + 1.5 * abs(tilt[1])


def test_a_slab_without_symmetry_has_a_reason():
    noise = np.random.default_rng(1).random((40, 40, 2)) + 1
    with pytest.raises(DataFault, match=r"^no mirror plane: .* does not match its own reflection"):
        find_mirror(noise, np.diag([5.0, 5.0, 6.0, 1.0]))


def test_a_whole_head_is_searched_once_and_a_slab_from_every_tilt(monkeypatch):
    """From every tilt a whole head takes twelve times as long, and its plane is the same."""
    tried = []
    correlation = _Comparison.correlation
    monkeypatch.setattr(_Comparison, "correlation", lambda *given: tried.append(1) or correlation(*given))
    find_mirror(image_of((4, 6, -8), (3, 0, 0))[0], GRID.affine)
    whole, tried[:] = len(tried), []
    image, affine, _ = slab_of(3, (4, 5, -8))
    find_mirror(image, affine)
    assert 200 < whole < 700
    assert len(tried) > 1000
