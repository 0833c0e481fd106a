from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from reperfuse import registration
from reperfuse.images import Image
from scipy import ndimage
from scipy.spatial.transform import Rotation


def pose(angles_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


def textured(affine: NDArray[np.float64], shape: tuple[int, int, int]) -> Image:
    """Smooth noise inside an ellipsoid."""
    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=shape), 2.5)
    grid = np.indices(shape).T / (np.array(shape) - 1) - 0.5
    inside = np.linalg.norm(grid, axis=-1).T < 0.42
    return Image((inside * (1 + 4 * noise / np.abs(noise).max())).astype(np.float32), affine)


@pytest.fixture(scope="module")
def head() -> Image:
    affine = np.diag([3.0, 3.0, 3.5, 1.0])
    affine[:3, 3] = (-70, -80, -60)
    return textured(affine, (48, 54, 36))


def test_itk_file_keeps_the_matrix(tmp_path: Path) -> None:
    matrix = pose((10, -20, 30), (5, -7, 11))
    registration.write_itk(tmp_path / "x.txt", matrix)
    np.testing.assert_allclose(registration.read_itk(tmp_path / "x.txt"), matrix, atol=1e-10)


@pytest.mark.parametrize("flip", [np.eye(4), np.diag([-1.0, 1, 1, 1]), np.diag([-1.0, -1, 1, 1])])
def test_ants_reads_the_same_transform(tmp_path: Path, head: Image, flip: NDArray[np.float64]) -> None:
    """ANTs is the judge: file and resampling mean what ANTs understands by them."""
    ants = registration._import_ants()
    moving = Image(head.data, flip @ head.affine)
    matrix = flip @ pose((8, -5, 12), (6, -4, 3)) @ np.linalg.inv(flip)
    fixed = Image(np.zeros((50, 40, 30), np.float32), flip @ pose((3, 2, 1), (-60, -65, -50)) @ np.diag([2.5, 3, 4, 1]))
    registration.write_itk(tmp_path / "x.txt", matrix)
    judge = ants.apply_transforms(
        registration._to_ants(fixed), registration._to_ants(moving), [str(tmp_path / "x.txt")], defaultvalue=-99
    ).numpy()
    ours = registration.resample(moving, fixed, matrix)
    both = (judge != -99) & np.isfinite(ours)
    assert both.mean() > 0.3
    np.testing.assert_allclose(ours[both], judge[both], atol=2e-4)


def test_registration_finds_the_pose_and_is_reproducible(head: Image) -> None:
    truth = pose((6, -5, 8), (7, -4, 6))
    other_contrast = Image((head.data > 0) * (3 - head.data), head.affine)
    moving = Image(
        np.nan_to_num(registration.resample(other_contrast, head, np.linalg.inv(truth))), head.affine
    )
    mask = head.data > 0
    found = registration.register_rigid(head, moving, mask)
    points = np.c_[np.argwhere(mask), np.ones(mask.sum())] @ head.affine.T
    error = np.linalg.norm((points @ (found.matrix - truth).T)[:, :3], axis=1)
    assert error.mean() < 0.3
    np.testing.assert_array_equal(found.matrix, registration.register_rigid(head, moving, mask).matrix)


def test_a_mask_keeps_its_volume_on_another_grid() -> None:
    fine = Image(np.zeros((60, 60, 60), np.float32), np.eye(4))
    grid = np.indices((60, 60, 60)) - 30
    fine.data[(grid**2).sum(axis=0) < 10**2] = 1
    coarse = Image(np.zeros((24, 24, 12)), np.diag([2.5, 2.5, 5.0, 1.0]))
    shifts = [pose((0, 0, 0), tuple(shift)) for shift in np.random.default_rng(1).uniform(-3, 3, (40, 3))]
    volumes = [registration.resample_mask(fine, coarse, shift).sum() * 2.5 * 2.5 * 5 for shift in shifts]
    # a single position is off by how the slices happen to fall; their mean is not
    assert np.mean(volumes) == pytest.approx(fine.data.sum(), rel=0.02)


def test_outside_the_field_of_view_nothing_is_known(head: Image) -> None:
    far = pose((0, 0, 0), (1000, 0, 0))
    assert np.isnan(registration.resample(head, head, far)).all()
    assert not registration.resample_mask(head, head, far).any()
