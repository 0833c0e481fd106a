import numpy as np
import pytest
from numpy.typing import NDArray
from poses import pose, textured
from reperfuse.faults import DataFault
from reperfuse.registration import rigid
from reperfuse.volumes import transforms
from reperfuse.volumes.image import Image

pytestmark = pytest.mark.slow


def mean_error(found: NDArray[np.float64], truth: NDArray[np.float64], head: Image) -> float:
    """Mean distance (mm) over the head between where two matrices send it."""
    points = np.c_[np.argwhere(head.data > 0), np.ones((head.data > 0).sum())] @ head.affine.T
    return float(np.linalg.norm((points @ (found - truth).T)[:, :3], axis=1).mean())


@pytest.fixture(scope="module")
def head() -> Image:
    affine = np.diag([3.0, 3.0, 3.5, 1.0])
    affine[:3, 3] = (-70, -80, -60)
    return textured(affine, (48, 54, 36))


def test_registration_finds_the_pose_and_is_reproducible(head: Image) -> None:
    truth = pose((6, -5, 8), (7, -4, 6))
    other_contrast = Image((head.data > 0) * (3 - head.data), head.affine)
    moving = Image(np.nan_to_num(transforms.resample(other_contrast, head, np.linalg.inv(truth))), head.affine)
    mask, moved = head.data > 0, moving.data > 0.5
    found = rigid.register(head, moving, mask, moved)
    assert mean_error(found.matrix, truth, head) < 0.3
    assert found.brain_dice > 0.95
    again = rigid.register(head, moving, mask, moved)
    np.testing.assert_array_equal(found.matrix, again.matrix)


def test_a_head_far_away_and_turned_is_found_from_another_start(head: Image) -> None:
    """Beyond the reach of the first start, and with the world's origin outside the head."""
    truth = pose((4, 3, 50), (90, -40, 60))
    moving = Image(head.data, truth @ head.affine)
    mask = head.data > 0
    found = rigid.register(head, moving, mask, mask)
    assert mean_error(found.matrix, truth, head) < 0.3


def test_heads_that_do_not_fit_are_a_reason(head: Image) -> None:
    other = textured(head.affine, head.data.shape, seed=4)
    with pytest.raises(DataFault, match="do not fit"):
        rigid.register(head, other, head.data > 0, other.data > 0, min_edge_agreement=0.9)
    with pytest.raises(DataFault, match="empty"):
        rigid.register(head, head, head.data > 0, np.zeros(head.data.shape, bool))


def test_a_lesion_is_left_out_of_the_measure(head: Image) -> None:
    """Texture that moved within a quarter of the head pulls the fit, unless it is left out."""
    truth = pose((2, -3, 2), (3, -2, 2))
    within = np.zeros(head.data.shape, bool)
    within[8:24, 16:40, 10:28] = True
    changed = np.where(within, np.roll(head.data, 1, axis=1), head.data)
    moving, mask = Image(changed, truth @ head.affine), head.data > 0
    without, with_it = (
        mean_error(rigid.register(head, moving, mask, mask, lesion=lesion).matrix, truth, head)
        for lesion in (within, None)
    )
    assert without < 0.05
    assert without < with_it / 2
