"""Half a head, missing slices and a slab are told from a whole head."""

import numpy as np
import pytest
from heads import ellipsoid, head
from reperfuse.faults import DataFault
from reperfuse.head.coverage import check_extent, check_whole, cut_off, slice_axis

VOXEL, SHAPE = np.array([5.0, 5.0, 6.0]), (40, 46, 24)
AFFINE = np.diag([*VOXEL, 1.0])
BRAIN = ellipsoid((0, 0, 0), (70, 88, 60), VOXEL, SHAPE)
IMAGE = head(voxel=VOXEL, shape=SHAPE)[0][..., 0]


def turned(order: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return image, brain and affine with their voxel axes in another order."""
    return IMAGE.transpose(order), BRAIN.transpose(order), AFFINE[:, [*order, 3]]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_slices_lie_across_the_thick_voxels_or_the_body(order: tuple[int, int, int]) -> None:
    image, brain, affine = turned(order)
    thick = affine.copy()
    thick[:, order.index(1)] *= 1.5  # 5 by 7.5 by 6 mm
    assert slice_axis(affine) == order.index(2)
    assert slice_axis(thick) == order.index(1)
    check_whole(image, brain, affine)
    assert check_extent(brain, affine) == []


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("side", [slice(None, 20), slice(22, None)])
def test_half_a_head_is_refused(axis: int, side: slice) -> None:
    kept = np.zeros(SHAPE, bool)
    np.moveaxis(kept, axis, 0)[side] = True
    with pytest.raises(DataFault, match="a part of the head only"):
        check_whole(np.where(kept, IMAGE, 0), BRAIN & kept, AFFINE)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize(
    "slices",
    [
        np.roll(np.arange(24), 12),
        np.roll(np.arange(24), 8),
        np.r_[0:24:2, 1:24:2],
        np.r_[11:-1:-1, 12:24],
    ],
    ids=["halves swapped", "a third moved", "odd after even", "a half upside down"],
)
def test_slices_in_another_order_are_refused(slices: np.ndarray, order: tuple[int, int, int]) -> None:
    image, brain, affine = turned(order)
    image, brain = (np.take(array, slices, axis=order.index(2)) for array in (image, brain))
    with pytest.raises(DataFault, match="is narrow between wider slices, so they are not in their order"):
        check_whole(image, brain, affine)


def test_a_head_upside_down_is_in_order() -> None:
    check_whole(IMAGE[..., ::-1], BRAIN[..., ::-1], AFFINE)


@pytest.mark.parametrize("lost", [[10], [9, 11, 13], [10, 11, 12]])
@pytest.mark.parametrize("left", [0.0, np.nan, 5.0])
def test_slices_that_hold_nothing_are_counted(lost: list[int], left: float) -> None:
    image = IMAGE.copy()
    image[..., lost] = left * np.random.default_rng(0).rayleigh(size=image[..., lost].shape)
    with pytest.raises(DataFault, match=f"{len(lost)} of 24 slices have no signal"):
        check_whole(image, BRAIN, AFFINE)


def test_empty_slices_above_and_below_are_none_of_the_heads() -> None:
    image = IMAGE.copy()
    image[..., [0, 1, 22, 23]] = 0
    check_whole(image, BRAIN, AFFINE)


@pytest.mark.parametrize("slices", [1, 2, 4])
def test_one_or_two_slices_do_not_show_a_volume(slices: int) -> None:
    brain = BRAIN & (np.abs(np.arange(24) - 11.5) < max(slices, 1.5) / 2)
    if slices == 1:
        brain[..., 12] = False
    if slices == 4:
        assert check_extent(brain, AFFINE * [1, 1, 1.5, 1]) != []  # 4 slices of 9 mm are told
    else:
        with pytest.raises(DataFault, match=rf"shows {slices} slices? of the brain \({slices * 6} mm\), too little"):
            check_extent(brain, AFFINE)


@pytest.mark.parametrize("up", [1, -1])
@pytest.mark.parametrize(
    ("kept", "said"),
    [(slice(None, 14), "above"), (slice(11, None), "below"), (slice(8, 16), "below and above")],
)
def test_a_slab_says_where_it_ends(kept: slice, said: str, up: int) -> None:
    brain = np.zeros(SHAPE, bool)
    brain[..., kept] = BRAIN[..., kept]
    affine = AFFINE @ np.diag([1, 1, up, 1])
    brain = brain[..., ::up]
    covered = 6 * int(brain.any(axis=(0, 1)).sum())
    sentence = f"the image shows {covered} mm of the brain, cut off {said}; volumes count this part only"
    assert cut_off(brain, affine) == check_extent(brain, affine) == [sentence]


def test_a_scan_may_begin_at_the_cerebellum() -> None:
    """Below, half of the largest section is what most scans begin with, and three quarters where they are tilted."""
    brain = BRAIN.copy()
    brain[..., :7] = False
    share = brain[..., 7].sum() / brain.sum(axis=(0, 1)).max()
    assert 0.7 < share < 0.8
    assert cut_off(brain, AFFINE) == []
    assert cut_off(brain[..., ::-1], AFFINE) != []  # at the vertex it is a cut
