"""A CT series whose motion is known."""

import ct_head
import numpy as np
import pytest
from reperfuse.perfusion.ct_motion import estimate_ct_motion, realign, square_grid
from reperfuse.simulation.geometry import rigid
from reperfuse.volumes.geometry import apply_matrix
from scipy import ndimage

FRAMES, BASELINE = 8, slice(0, 3)
MOVED = [rigid((0, 0, 0), (0, 0, 0))] * 3 + [
    rigid((0.5, -0.4, 0.6), (1.0, -0.5, 0.8)),
    rigid((1.5, 0.5, -1.0), (2.0, 1.0, -1.5)),
    rigid((-2.0, 1.0, 1.5), (-3.0, 2.0, 2.0)),
    rigid((0.2, 0.1, 0.0), (0.3, 0.2, 0.1)),
    rigid((0, 0, 0), (0, 0, 0)),
]
VOXEL = (2.0, 2.0, 5.0)


def scanned(affine: np.ndarray, size: tuple[int, int, int], bolus_hu: float = 10.0) -> np.ndarray:
    """Frames in which the brain takes up contrast agent while the head moves, with noise."""
    fine = tuple(2 * n for n in size)
    half = affine @ np.array([[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 0.5, -0.25], [0, 0, 0, 1]])
    rng, frames = np.random.default_rng(5), []
    for number, moved in enumerate(MOVED):
        image = ct_head.draw(fine, half, moved)
        image[image == ct_head.BRAIN] += bolus_hu * (number >= 3)
        blocks = image.reshape(size[0], 2, size[1], 2, size[2], 2).mean(axis=(1, 3, 5))
        frames.append(blocks + ndimage.gaussian_filter(rng.normal(0, 12, size), (0.6, 0.6, 0)))
    return np.stack(frames, axis=3).astype(np.float32)


@pytest.fixture(scope="module")
def series() -> np.ndarray:
    return scanned(ct_head.grid(), ct_head.shape())


def test_the_motion_is_found_though_the_holder_stays_and_the_bolus_passes(series: np.ndarray) -> None:
    found = estimate_ct_motion(series, ct_head.grid(), BASELINE)
    points = apply_matrix(ct_head.grid(), np.argwhere(ct_head.brain(series.shape[:3], ct_head.grid()))[::97])
    for matrix, true in zip(found.matrices, MOVED, strict=True):
        error = np.linalg.norm(apply_matrix(matrix, points) - apply_matrix(true, points), axis=1)
        assert error.mean() < 0.5


def test_realigned_brain_enhances_by_what_the_bolus_adds_also_beside_bone(series: np.ndarray) -> None:
    affine, size = ct_head.grid(), series.shape[:3]
    aligned, reference = realign(series, affine, np.array(MOVED), BASELINE, square_grid(size, affine))
    brain = ndimage.binary_erosion(ct_head.brain(size, affine), iterations=2)
    rim = ct_head.brain(size, affine) & ~brain & np.isfinite(aligned).all(axis=3)
    added = aligned - aligned[..., BASELINE].mean(axis=3, keepdims=True)
    brain &= np.isfinite(aligned).all(axis=3) & (np.abs(reference - ct_head.BRAIN) < 12)
    for frame in range(3, FRAMES):
        assert added[brain, frame].mean() == pytest.approx(10, abs=0.5)
        assert np.abs(added[rim, frame] - 10).mean() < 25
    assert np.isnan(aligned[reference > 100]).all()


def test_a_tilted_gantry_gets_slices_at_right_angles() -> None:
    affine = ct_head.grid()
    affine[1, 2] = 5 * np.tan(np.radians(20))  # slices are stacked along the table, not along their normal
    shape, square = square_grid((120, 120, 20), affine)
    axes = square[:3, :3] / np.linalg.norm(square[:3, :3], axis=0)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-9)
    corners = np.array([*np.ndindex(2, 2, 2)]) * (119, 119, 19)
    held = apply_matrix(np.linalg.inv(square), apply_matrix(affine, corners))
    assert (held > -1e-6).all()
    assert (held < np.array(shape) - 1 + 1e-6).all()
    np.testing.assert_allclose(square[:3, 2], (0, 0, 5), atol=1e-9)
    assert square_grid((120, 120, 20), ct_head.grid())[1] is not None
    np.testing.assert_array_equal(square_grid((120, 120, 20), ct_head.grid())[1], ct_head.grid())


def test_a_tilted_gantry_shows_the_same_head() -> None:
    affine, size = ct_head.grid(), ct_head.shape()
    tilted = affine.copy()
    tilted[1, 2] = 5 * np.tan(np.radians(15))
    image = ct_head.draw(size, tilted)[..., np.newaxis]
    shape, square = square_grid(size, tilted)
    aligned, _ = realign(np.repeat(image, 2, 3), tilted, np.tile(np.eye(4), (2, 1, 1)), slice(0, 2), (shape, square))
    true = ct_head.draw(shape, square)
    inside = ndimage.binary_erosion(ct_head.brain(shape, square), iterations=2) & np.isfinite(aligned[..., 0])
    assert inside.sum() > 20_000
    assert np.median(np.abs(aligned[inside, 0] - true[inside])) < 0.5
