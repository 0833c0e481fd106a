import numpy as np
import pytest
from heads import SHAPE, VOXEL, dice, head
from reperfuse.faults import DataFault
from reperfuse.head.brain import brain_mask


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
    with pytest.raises(DataFault, match="no brain"):
        brain_mask(image, VOXEL)


def test_a_speck_is_no_brain():
    image = np.random.default_rng(0).random(SHAPE)
    image[50:53, 50:53, 10:12] = 500
    with pytest.raises(DataFault, match="no brain"):
        brain_mask(image, VOXEL)
