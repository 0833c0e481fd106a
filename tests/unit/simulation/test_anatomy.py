import numpy as np
import pytest
from reperfuse.simulation.anatomy import Head, Region, brain_points, midplane, tissues
from reperfuse.simulation.geometry import rigid
from reperfuse.simulation.truth import is_inside, volume_ml


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(5)
    return rng.uniform((-75, -105, -60), (75, 75, 80), (20000, 3)).astype(np.float32)


def _flip(points):
    return points * np.array([-1, 1, 1], dtype=np.float32)


def test_symmetric_head_is_its_own_mirror(points):
    here, there = tissues(points), tissues(_flip(points))
    for name in ("grey", "white", "csf", "scalp", "arteries", "veins"):
        np.testing.assert_allclose(getattr(here, name), getattr(there, name), atol=2e-4)
    np.testing.assert_allclose(here.left_mca, there.right_mca, atol=2e-4)
    np.testing.assert_allclose(Head().homologue(points), _flip(points), atol=1e-4)


def test_warp_differs_between_halves_and_keeps_to_its_size(points):
    head = Head(asymmetry_mm=3.0)
    moved = np.linalg.norm(head.to_template(points) - points, axis=1)
    assert 2.0 < moved.max() <= 3.0
    off_mirror = np.linalg.norm(head.homologue(points) - _flip(points), axis=1)
    assert 1.0 < off_mirror.mean() < 4.0


def test_homologue_of_homologue_is_the_point(points):
    head = Head(asymmetry_mm=3.0)
    np.testing.assert_allclose(head.homologue(head.homologue(points)), points, atol=5e-3)


def test_fractions_never_exceed_the_whole(points):
    total = sum(vars(tissues(points)).values())
    assert total.max() <= 1 + 1e-5
    assert total.min() >= 0


def test_brain_has_the_size_of_a_brain():
    points, volume = brain_points(3.0)
    shares = tissues(points)
    assert 1300 < float((shares.grey + shares.white).sum() * volume) < 1900
    assert 0 < float((shares.left_mca + shares.right_mca).sum() * volume) < 5


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("wanted", [2.5, 25.0, 120.0])
def test_region_has_its_volume_on_its_side(side, wanted):
    region = Region(side, (36, -5, 15), (1, 1.4, 1.1), wanted)
    points, volume = brain_points(2.0)
    inside = is_inside(points, region)
    assert inside.sum() * volume == pytest.approx(wanted, rel=0.04)
    assert np.all((points[inside, 0] < 0) == (side == "left"))


def test_swelling_enlarges_the_infarct_and_leaves_the_far_side_alone():
    region = Region("left", (36, -5, 15), (1, 1.4, 1.1), 40.0)
    swollen = Head(swelling=0.08, swelling_centre_mm=(-36, -5, 15))
    ratio = volume_ml(swollen, region) / volume_ml(Head(), region)
    assert 1.08 < ratio < 1.08**3 + 0.02
    far = np.array([[50.0, -10, 20]])
    np.testing.assert_allclose(swollen.to_template(far), far, atol=0.05)


def test_midplane_follows_the_pose():
    pose = rigid((5, -8, 11), (4, -3, 7))
    normal, offset = midplane(pose)
    on_plane = pose @ np.array([[0, 10, -20, 1], [0, -60, 35, 1.0], [0, 0, 0, 1]]).T
    np.testing.assert_allclose(normal @ on_plane[:3], offset, atol=1e-9)
