from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from poses import pose, textured
from reperfuse.files.itk import read_itk, write_itk
from reperfuse.registration.ants import load_library
from reperfuse.volumes import transforms
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import Displacement, Transform
from scipy import ndimage


@pytest.fixture(scope="module")
def head() -> Image:
    affine = np.diag([3.0, 3.0, 3.5, 1.0])
    affine[:3, 3] = (-70, -80, -60)
    return textured(affine, (48, 54, 36))


def test_itk_file_keeps_the_matrix(tmp_path: Path) -> None:
    matrix = pose((10, -20, 30), (5, -7, 11))
    write_itk(tmp_path / "x.txt", matrix)
    np.testing.assert_allclose(read_itk(tmp_path / "x.txt").matrix, matrix, atol=1e-10)


@pytest.mark.parametrize("flip", [np.eye(4), np.diag([-1.0, 1, 1, 1]), np.diag([-1.0, -1, 1, 1])])
def test_ants_reads_the_same_transform(tmp_path: Path, head: Image, flip: NDArray[np.float64]) -> None:
    """ANTs is the judge: file and resampling mean what ANTs understands by them."""
    load_library()  # pins the threads, which ITK reads once in a process
    import ants

    def to_ants(image: Image) -> Any:
        lps = np.diag([-1.0, -1, 1, 1]) @ image.affine
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        return ants.from_numpy(image.data, list(lps[:3, 3]), list(spacing), lps[:3, :3] / spacing)

    moving = Image(head.data, flip @ head.affine)
    matrix = flip @ pose((8, -5, 12), (6, -4, 3)) @ np.linalg.inv(flip)
    fixed = Image(np.zeros((50, 40, 30), np.float32), flip @ pose((3, 2, 1), (-60, -65, -50)) @ np.diag([2.5, 3, 4, 1]))
    write_itk(tmp_path / "x.txt", matrix)
    judge = ants.apply_transforms(to_ants(fixed), to_ants(moving), [str(tmp_path / "x.txt")], defaultvalue=-99).numpy()
    ours = transforms.resample(moving, fixed, matrix)
    both = (judge != -99) & np.isfinite(ours)
    assert both.mean() > 0.3
    np.testing.assert_allclose(ours[both], judge[both], atol=2e-4)


def bent() -> Transform:
    """A pose, then a displacement of up to 6 mm on a coarse oblique grid."""
    affine = pose((3, -4, 5), (-90, -90, -75)) @ np.diag([14.0, 12.0, 10.0, 1.0])
    vectors = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(16, 18, 16, 3)), (3, 3, 3, 0))
    return Transform((pose((8, -5, 12), (6, -4, 3)), Displacement(6 * vectors / np.abs(vectors).max(), affine)))


def test_ants_reads_the_same_displacement(tmp_path: Path) -> None:
    """The composite file means to ANTs what it means here, and reading it gives back what was written."""
    load_library()
    import ants

    transform = bent()
    write_itk(tmp_path / "x.txt", transform)
    judge = ants.read_transform(str(tmp_path / "x.txt"))
    points = np.random.default_rng(3).uniform(-50, 50, (20, 3))
    lps = np.array([-1.0, -1.0, 1.0])
    expected = np.array([judge.apply_to_point(tuple(point * lps)) for point in points]) * lps
    assert np.linalg.norm(expected - Transform(transform.steps[:1])(points), axis=1).max() > 1
    np.testing.assert_allclose(read_itk(tmp_path / "x.txt")(points), expected, atol=1e-3)
