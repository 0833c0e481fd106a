"""An image that is no scan, a signal that is cut off, and what is larger than it can be, are refused or told."""

import numpy as np
import pytest
from heads import VOXEL, ellipsoid, head
from reperfuse.faults import DataFault
from reperfuse.head.brain import brain_mask
from reperfuse.head.content import (
    check_brain_size,
    check_clipped,
    check_lesion_size,
    check_scan,
    check_wrapped,
    flair_doubts,
)
from reperfuse.simulation.anatomy import Head, Region
from reperfuse.simulation.geometry import Grid, rigid, sample_points
from reperfuse.simulation.scanner import FlairProtocol, acquire_flair
from reperfuse.volumes.image import volume_ml

SHAPE, COARSE = (35, 40, 15), VOXEL * 3
AFFINE = np.diag([*COARSE, 1.0])


@pytest.fixture(scope="module")
def b0() -> tuple[np.ndarray, np.ndarray]:
    """An image of a head without diffusion weighting, and its brain."""
    series, brain, _ = head(voxel=COARSE, shape=SHAPE)
    return series[..., 0].astype(np.float32), brain


def test_a_scan_of_eight_bits_is_a_scan(b0: tuple[np.ndarray, np.ndarray]) -> None:
    image = b0[0]
    check_scan(np.rint(255 * image / image.max()))
    check_scan(np.where(b0[1], image, 0))  # without the head around the brain
    check_scan(np.where(image < 50, np.nan, image))
    image = image.copy()
    image[20, 20, 7] *= 100  # a spike that is possible
    check_scan(image)


@pytest.fixture(scope="module")
def flair() -> tuple[np.ndarray, np.ndarray]:
    """A FLAIR image of a head with a bright lesion, and its brain."""
    affine = np.diag([2.5, 2.5, 5.0, 1.0])
    affine[:3, 3] = np.array([0, -18, 8]) - affine[:3, :3] @ ((np.array((84, 96, 30)) - 1) / 2)
    grid, pose = Grid((84, 96, 30), affine), rigid([3, 5, -4], [2, 1, 0])
    image = acquire_flair(Head(2.0), (), grid, pose, FlairProtocol(coil_bias=0.4), seed=1)
    lesion = Region("left", (34, -12, 18), (1.2, 1.5, 1.2), 80.0)
    inside = lesion.radius(sample_points(grid, pose, Head(2.0), (1, 1, 1))).reshape(grid.shape) < 1
    image = np.where(inside, 1.8 * image, image)
    return image, brain_mask(image, np.array([2.5, 2.5, 5.0]))


@pytest.mark.parametrize("slope", [1.0, 3.7])
@pytest.mark.parametrize("reach", [1.3, 2.0, 4.0])
def test_values_too_large_for_a_byte_are_refused(
    flair: tuple[np.ndarray, np.ndarray], reach: float, slope: float
) -> None:
    """Of 255 times `reach` at most, stored as bytes."""
    image, brain = flair
    stored = np.rint(255 * reach * np.clip(image / np.percentile(image, 99.9), 0, 1)).astype(int) % 256
    with pytest.raises(DataFault, match="values too large for 8 bits started again at 0"):
        check_wrapped(slope * stored.astype(np.float32), brain)


def test_other_scans_of_eight_bits_are_taken(
    flair: tuple[np.ndarray, np.ndarray], b0: tuple[np.ndarray, np.ndarray]
) -> None:
    for image, brain in (flair, b0):
        check_wrapped(np.rint(255 * image / image.max()), brain)
        check_wrapped(np.minimum(np.rint(300 * image / image.max()), 255), brain)  # clipped
    image = flair[0].copy()
    image[flair[1]] = np.random.default_rng(0).permutation(image[flair[1]])
    check_wrapped(image, flair[1])  # of more values than a byte holds


@pytest.mark.parametrize("value", [1e30, -1e30, np.inf])
def test_a_value_that_no_scan_has_is_damage(b0: tuple[np.ndarray, np.ndarray], value: float) -> None:
    image = b0[0].copy()
    image[20, 20, 7] = value
    with pytest.raises(DataFault, match="is damaged"):
        check_scan(image)


def test_a_magnitude_is_not_negative(b0: tuple[np.ndarray, np.ndarray]) -> None:
    check_scan(b0[0] - 40)
    for image in (b0[0] - 300, (b0[0] * 40).astype(np.int64).astype(np.int16), -b0[0]):
        with pytest.raises(DataFault, match="is negative: an integer overflow, or an offset"):
            check_scan(image)


@pytest.mark.parametrize("levels", [1, 4])
def test_a_mask_is_no_scan(b0: tuple[np.ndarray, np.ndarray], levels: int) -> None:
    image = b0[0]
    with pytest.raises(DataFault, match=f"{levels + 1} different values"):
        check_scan(np.digitize(image, np.percentile(image, np.linspace(60, 90, levels))))


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_an_image_of_one_value_is_empty(value: float) -> None:
    with pytest.raises(DataFault, match="empty or constant"):
        check_scan(np.full((4, 4, 4), value))


def test_a_signal_that_is_cut_off_is_told_and_at_last_refused(b0: tuple[np.ndarray, np.ndarray]) -> None:
    image, brain = b0
    assert check_clipped(image, brain) == []
    fluid = np.minimum(image, 1300)
    share = (fluid[brain] == 1300).mean()
    assert 0.01 < share < 0.1
    assert check_clipped(fluid, brain) == [
        f"the signal of {share:.0%} of the brain is cut off at the largest value stored, so bright "
        "tissue cannot be told apart there"
    ]
    with pytest.raises(DataFault, match="without clipping"):
        check_clipped(np.minimum(image, 750), brain)


def test_one_frame_that_is_cut_off_is_enough(b0: tuple[np.ndarray, np.ndarray]) -> None:
    image, brain = b0
    with pytest.raises(DataFault, match="without clipping"):
        check_clipped(np.stack([image, np.minimum(image, 700)], axis=-1), brain)


def test_no_lesion_is_larger_than_its_brain() -> None:
    brain = ellipsoid((0, 0, 0), (70, 88, 60), COARSE, SHAPE)
    brain_ml = volume_ml(brain, AFFINE)
    check_lesion_size("the core", 0.59 * brain_ml, brain, AFFINE)
    for share in (0.61, 1.4):
        with pytest.raises(DataFault, match=f"the core: {share * brain_ml:.0f} mL is too much"):
            check_lesion_size("the core", share * brain_ml, brain, AFFINE)
    check_brain_size(2000.0)
    with pytest.raises(DataFault, match="measures 2600 mL"):
        check_brain_size(2600.0)


def test_an_image_with_bright_fluid_is_no_flair(b0: tuple[np.ndarray, np.ndarray]) -> None:
    image, brain = b0
    assert flair_doubts(image, image[::-1], brain) != []
    flair = np.where(image > 1300, 100, image)
    flair[brain & ellipsoid((-38, 5, 10), (30, 40, 30), COARSE, SHAPE)] *= 2  # a large infarct, on one side
    assert flair_doubts(flair, flair[::-1], brain) == []
