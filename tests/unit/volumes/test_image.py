import numpy as np
import pytest
from reperfuse.volumes.image import Image, dice, is_same_grid, volume_ml

AFFINE = np.array([[-2.0, 0, 0, 90], [0, 1.9, 0.6, -80], [0, -0.5, 5.0, -40], [0, 0, 0, 1]])


def test_volume_does_not_depend_on_orientation() -> None:
    mask = np.zeros((4, 5, 6), bool)
    mask[1:3, 1:4, 2:5] = True
    expected = 18 * abs(np.linalg.det(AFFINE[:3, :3])) / 1000
    assert volume_ml(mask, AFFINE) == pytest.approx(expected)
    assert volume_ml(mask[::-1].transpose(2, 0, 1), AFFINE[:, [2, 0, 1, 3]]) == pytest.approx(expected)


def test_same_grid_is_about_points_not_numbers() -> None:
    first = Image(np.zeros((4, 5, 6)), AFFINE)
    moved = AFFINE.copy()
    moved[0, 3] += 0.01
    assert is_same_grid(first, Image(np.ones((4, 5, 6, 9)), AFFINE))
    assert not is_same_grid(first, Image(np.zeros((4, 5, 6)), moved))
    assert not is_same_grid(first, Image(np.zeros((4, 5, 7)), AFFINE))


def test_overlap_by_hand() -> None:
    first, second = np.zeros((4, 5, 6), bool), np.zeros((4, 5, 6), bool)
    first[0, :3] = True  # 18 voxels
    second[0, 1:5] = True  # 24, of which 12 are the first's
    assert dice(first, second) == dice(second, first) == pytest.approx(2 * 12 / (18 + 24))
    assert dice(first, first) == 1.0
    assert dice(first, ~first) == 0.0
    assert np.isnan(dice(first & False, second & False))
