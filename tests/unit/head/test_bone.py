"""The brain on CT, of a head whose brain is known."""

import ct_head
import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.head.bone import bone_on_ct, brain_on_ct, head_on_ct, metal_on_ct
from reperfuse.volumes.image import dice

VOXEL = (2.0, 2.0, 5.0)


def noisy(image: np.ndarray, sd: float = 4.0) -> np.ndarray:
    return np.asarray(image + np.random.default_rng(3).normal(0, sd, image.shape), np.float32)


@pytest.mark.parametrize(
    ("slices", "lowest_mm"),
    [(32, -80.0), (20, -45.0), (8, -20.0), (8, 40.0), (8, -78.0), (1, 0.0)],
    ids=["whole", "10 cm", "4 cm", "vertex", "base", "one slice"],
)
def test_the_brain_is_what_lies_inside_the_skull(slices: int, lowest_mm: float) -> None:
    affine, size = ct_head.grid(VOXEL, lowest_mm), ct_head.shape(VOXEL, slices)
    found, true = brain_on_ct(noisy(ct_head.draw(size, affine)), VOXEL), ct_head.brain(size, affine)
    assert dice(found, true) > 0.95
    assert (found & ~true).sum() < 0.02 * true.sum()


def test_fluid_is_brain_and_calcification_is_not() -> None:
    affine, size = ct_head.grid(), ct_head.shape()
    image = ct_head.draw(size, affine)
    found = brain_on_ct(noisy(image), VOXEL)
    assert found[image == ct_head.FLUID].mean() > 0.98
    assert not found[image == ct_head.BONE / 3].any()
    assert bone_on_ct(image)[image == ct_head.BONE / 3].all()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_order_and_direction_of_axes_do_not_matter(order: tuple[int, int, int]) -> None:
    image = noisy(ct_head.draw(ct_head.shape(), ct_head.grid()))
    expected = brain_on_ct(image, VOXEL)
    turned = image.transpose(order)[::-1, :, ::-1]
    found = brain_on_ct(turned, np.array(VOXEL)[list(order)])
    np.testing.assert_array_equal(found[::-1, :, ::-1].transpose(np.argsort(order)), expected)


def test_the_holder_is_no_part_of_the_head() -> None:
    affine, size = ct_head.grid(), ct_head.shape()
    with_holder, without = (ct_head.draw(size, affine, holder=held) for held in (True, False))
    np.testing.assert_array_equal(head_on_ct(with_holder, VOXEL), head_on_ct(without, VOXEL))
    assert not head_on_ct(with_holder, VOXEL)[(with_holder != without)].any()


def test_a_missing_piece_of_skull_and_a_stripped_skull_leave_the_brain() -> None:
    affine, size = ct_head.grid(), ct_head.shape()
    image, true = noisy(ct_head.draw(size, affine)), ct_head.brain(size, affine)
    opened = image.copy()
    opened[80:, 70:85][bone_on_ct(opened[80:, 70:85])] = ct_head.MUSCLE  # a flap of 30 mm is out
    assert dice(brain_on_ct(opened, VOXEL), true) > 0.93
    stripped = np.where(true, image, 0)
    assert dice(brain_on_ct(stripped, VOXEL), true) > 0.95


def test_metal_takes_its_streaks_along() -> None:
    image = ct_head.draw(ct_head.shape(), ct_head.grid())
    assert not metal_on_ct(image, VOXEL).any()
    image[60, 60, 10] = 3000.0
    spoilt = metal_on_ct(image, VOXEL)
    assert spoilt[60, 65, 10]
    assert not spoilt[60, 66, 10]


def test_no_brain_is_said() -> None:
    for empty in (np.full((60, 60, 10), -1000.0), np.full((60, 60, 10), np.nan)):
        with pytest.raises(DataFault, match="no brain was found"):
            brain_on_ct(empty, (3.0, 3.0, 5.0))
