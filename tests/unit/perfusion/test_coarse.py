"""Blocks of CT voxels, of images whose means are known."""

import numpy as np
import pytest
from reperfuse.perfusion.coarse import Blocks
from reperfuse.volumes.geometry import apply_matrix, voxel_sizes


@pytest.mark.parametrize(
    ("voxel_mm", "shape", "counts"),
    [
        ((0.45, 0.45, 5.0), (64, 60, 6), (4, 4, 1)),
        ((0.5, 0.5, 0.5), (64, 64, 37), (4, 4, 10)),
        ((0.9, 0.9, 10.0), (33, 31, 4), (2, 2, 1)),
        ((3.0, 3.0, 8.0), (20, 20, 5), (1, 1, 1)),
    ],
)
def test_blocks_are_of_two_by_two_by_five_millimetres(
    voxel_mm: tuple[float, ...], shape: tuple[int, ...], counts: tuple[int, ...]
) -> None:
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = -30.0, 20.0, 7.0
    blocks = Blocks.of(shape, affine)
    assert blocks.counts == counts
    np.testing.assert_allclose(voxel_sizes(blocks.affine), np.multiply(counts, voxel_mm))
    # an image that is its own world coordinate keeps it
    for axis in range(3):
        image = apply_matrix(affine, np.moveaxis(np.indices(shape), 0, -1).astype(float))[..., axis]
        expected = apply_matrix(blocks.affine, np.moveaxis(np.indices(blocks.shape), 0, -1).astype(float))[..., axis]
        np.testing.assert_allclose(blocks.mean(image.astype(np.float32), 0.0), expected, atol=1e-3)


def test_noise_falls_and_padding_is_unknown() -> None:
    blocks = Blocks.of((64, 64, 20), np.diag([0.5, 0.5, 2.5, 1.0]))
    image = np.random.default_rng(0).normal(30, 8, (64, 64, 20)).astype(np.float32)
    assert blocks.mean(image, 0.0).std() == pytest.approx(8 / np.sqrt(32), rel=0.05)
    image[:8], image[8:12] = -3024, -1024
    found = blocks.mean(image + 1024, 1024.0)
    assert np.isnan(found[:3]).all()
    assert np.isfinite(found[3:]).all()
    np.testing.assert_allclose(found[3:], blocks.mean(image, 0.0)[3:], atol=1e-3)


def test_slices_are_found_whatever_the_order_of_axes_and_their_times_averaged() -> None:
    blocks = Blocks.of((10, 64, 64), np.diag([2.5, 0.5, 0.5, 1.0]))
    assert blocks.across == 0
    assert blocks.counts == (2, 4, 4)
    assert blocks.slice_times([0.1 * n for n in range(10)], 0) == pytest.approx([0.05, 0.25, 0.45, 0.65, 0.85])
