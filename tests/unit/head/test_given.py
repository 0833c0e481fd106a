"""A mask that cannot be what it stands for is refused, and says why."""

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.head.given import check_brain, check_lesion, read_mask
from reperfuse.volumes.image import Image

AFFINE = np.diag([4.0, 4.0, 5.0, 1.0])
SHAPE = (40, 50, 24)
WORLD = (np.moveaxis(np.indices(SHAPE), 0, -1) - (np.array(SHAPE) - 1) / 2) * [4, 4, 5]
BRAIN = ((WORLD / [65, 85, 50]) ** 2).sum(axis=-1) < 1
LESION = ((WORLD - [35, 0, 0]) ** 2).sum(axis=-1) < 20**2


def volume(mask: np.ndarray) -> float:
    return float(mask.sum() * 0.08)


@pytest.mark.parametrize("label", [1, 255, 0.4])
def test_one_label_of_any_value_marks(label: float) -> None:
    np.testing.assert_array_equal(read_mask(Image(LESION * np.float32(label), AFFINE), "x"), LESION)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (LESION * np.float32(1) + BRAIN, "more than one label"),
        (LESION * np.linspace(0.1, 0.9, SHAPE[2], dtype=np.float32), "probabilities"),
        (np.where(LESION, 1, np.nan), "missing values"),
        (np.stack([LESION] * 2, axis=-1) * 1.0, "three dimensions"),
        (LESION * -1.0, "more than one label"),
    ],
)
def test_what_marks_nothing_certain_is_refused(data: np.ndarray, said: str) -> None:
    with pytest.raises(DataFault, match=f"x.nii: .*{said}"):
        read_mask(Image(data, AFFINE), "x.nii")


def test_a_mask_that_lost_its_geometry_is_refused() -> None:
    scan = Image(BRAIN, AFFINE)
    for affine in (np.eye(4), np.diag([-4.0, 4.0, 5.0, 1.0])):
        with pytest.raises(DataFault, match="another geometry; save it with the scan's affine"):
            read_mask(Image(LESION * 1.0, affine), "x.nii", scan)
    read_mask(Image(LESION[:-1] * 1.0, np.eye(4)), "x.nii", scan)  # another matrix: another scan's
    np.testing.assert_array_equal(read_mask(Image(LESION * 1.0, AFFINE), "x.nii", scan), LESION)


def test_a_lesion_on_the_brain_is_taken() -> None:
    check_lesion(volume(LESION), LESION, BRAIN, AFFINE, "x")
    check_lesion(0.0, LESION & False, BRAIN, AFFINE, "x")


@pytest.mark.parametrize(
    ("drawn", "there", "said"),
    [
        (LESION, np.roll(LESION, 14, axis=0), "lie on the brain of the scan"),
        (LESION, LESION & False, "only 0.0 of its"),
        (~LESION, ~LESION, "check that it is not inverted"),
        (BRAIN, BRAIN, "a mask of the brain"),
    ],
)
def test_a_lesion_elsewhere_or_too_large_is_refused(drawn: np.ndarray, there: np.ndarray, said: str) -> None:
    with pytest.raises(DataFault, match=said):
        check_lesion(volume(drawn), there, BRAIN, AFFINE, "x")


def test_a_brain_is_neither_empty_nor_all_there_is() -> None:
    check_brain(volume(BRAIN), BRAIN, "x")
    for mask, said in ((BRAIN & False, "empty inside the image"), (BRAIN | True, "check that it is not inverted")):
        with pytest.raises(DataFault, match=said):
            check_brain(volume(mask), mask, "x")
