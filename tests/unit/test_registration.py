import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reperfuse.faults import DataFault
from reperfuse.files.itk import read_itk, write_itk
from reperfuse.registration import rigid
from reperfuse.registration.ants import load_library
from reperfuse.volumes import transforms
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import Displacement, Transform, resample_mask
from scipy import ndimage
from scipy.spatial.transform import Rotation


def pose(angles_deg: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


def mean_error(found: NDArray[np.float64], truth: NDArray[np.float64], head: Image) -> float:
    """Mean distance (mm) over the head between where two matrices send it."""
    points = np.c_[np.argwhere(head.data > 0), np.ones((head.data > 0).sum())] @ head.affine.T
    return float(np.linalg.norm((points @ (found - truth).T)[:, :3], axis=1).mean())


def textured(affine: NDArray[np.float64], shape: tuple[int, ...], seed: int = 3) -> Image:
    """Smooth noise inside an ellipsoid."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5)
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


def test_a_displacement_is_undone_by_its_inverse() -> None:
    transform = bent()
    points = np.random.default_rng(3).uniform(-60, 60, (200, 3))
    np.testing.assert_allclose(transform.inverse()(transform(points)), points, atol=1e-4)
    assert transform.then(transform.inverse()).matrix is None
    assert Transform(transform.steps[:1]).inverse().matrix is not None


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


def test_the_library_alone_is_loaded_and_the_package_is_the_fallback() -> None:
    """A registration job must not pay for ANTsPy's plotting and learning parts."""
    check = """
import importlib.util, sys
from types import SimpleNamespace
from reperfuse.registration import ants as registration
library = registration.load_library()
assert hasattr(library, "antsRegistration")
assert not {"ants", "pandas", "matplotlib", "sklearn", "statsmodels"} & sys.modules.keys()
assert registration.load_library() is library
del sys.modules["ants.lib"]
# as if the library lay elsewhere
nowhere = SimpleNamespace(PathFinder=SimpleNamespace(find_spec=lambda *_: None))
registration.importlib = SimpleNamespace(util=importlib.util, machinery=nowhere)
assert hasattr(registration.load_library(), "antsRegistration")
assert "ants" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_mask_keeps_its_volume_on_another_grid() -> None:
    fine = Image(np.zeros((60, 60, 60), np.float32), np.eye(4))
    grid = np.indices((60, 60, 60)) - 30
    fine.data[(grid**2).sum(axis=0) < 10**2] = 1
    coarse = Image(np.zeros((24, 24, 12)), np.diag([2.5, 2.5, 5.0, 1.0]))
    shifts = [pose((0, 0, 0), tuple(shift)) for shift in np.random.default_rng(1).uniform(-3, 3, (40, 3))]
    volumes = [resample_mask(fine, coarse, shift).sum() * 2.5 * 2.5 * 5 for shift in shifts]
    # a single position is off by how the slices happen to fall; their mean is not
    assert np.mean(volumes) == pytest.approx(fine.data.sum(), rel=0.02)


def test_outside_the_field_of_view_nothing_is_known(head: Image) -> None:
    far = pose((0, 0, 0), (1000, 0, 0))
    assert np.isnan(transforms.resample(head, head, far)).all()
    assert not resample_mask(head, head, far).any()
