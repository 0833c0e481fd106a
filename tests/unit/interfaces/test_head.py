"""The brain mask, the study's own or the automatic one, and the mirror plane that goes with it."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nb
import numpy as np
import pytest
from numpy.typing import NDArray
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.interfaces import ExtractBrain

AFFINE = np.diag([4.0, 4.0, 5.0, 1.0])
SHAPE = (40, 48, 24)


def ball(centre: tuple[float, ...], radius_mm: float, affine: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray:
    points = np.indices(shape).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
    return (np.linalg.norm(points - np.array(centre), axis=1) < radius_mm).reshape(shape)


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "dwiref.nii.gz"
    head = ball((80, 96, 60), 55, AFFINE, SHAPE) * 500.0 + np.random.default_rng(0).random(SHAPE)
    nifti.save(path, head, AFFINE, sidecar={})
    return path


def extract(reference: Path, **inputs: str) -> Path:
    return Path(ExtractBrain(reference=str(reference), **inputs).run(cwd=str(reference.parent)).outputs.brain)


def test_a_given_mask_takes_the_place_of_the_automatic_one(reference: Path) -> None:
    given = reference.with_name("given.nii.gz")
    mask = ball((80, 96, 60), 30, AFFINE, SHAPE)
    nifti.save(given, mask, AFFINE, sidecar={})
    automatic = nifti.load(extract(reference)).mask
    assert read_sidecar(reference.with_name("dwiref_brain.nii.gz"))["Source"] == "automatic"
    taken = extract(reference, given=str(given))
    np.testing.assert_array_equal(nifti.load(taken).mask, mask)
    assert (automatic != mask).any()
    assert read_sidecar(taken)["Source"] == "given"


def test_a_given_mask_may_lie_on_another_grid(reference: Path) -> None:
    flipped = np.diag([-2.0, 3.0, 2.5, 1.0])
    flipped[0, 3] = 158
    given = reference.with_name("given.nii.gz")
    nifti.save(given, ball((80, 96, 60), 30, flipped, (80, 64, 48)), flipped, sidecar={})
    taken = nifti.load(extract(reference, given=str(given)))
    expected = ball((80, 96, 60), 30, AFFINE, SHAPE)
    assert taken.data.shape == SHAPE
    assert 2 * (taken.mask & expected).sum() / (taken.mask.sum() + expected.sum()) > 0.97


def test_a_given_mask_that_misses_the_head_is_a_reason(reference: Path) -> None:
    given = reference.with_name("given.nii.gz")
    nifti.save(given, np.zeros(SHAPE, bool), AFFINE, sidecar={})
    taken = extract(reference, given=str(given))
    assert "empty" in reasons(taken)[0]
    assert np.isnan(nifti.load(taken).data).all()


def test_a_head_without_symmetry_keeps_its_brain(reference: Path) -> None:
    noise = np.random.default_rng(1).random(SHAPE) + 1
    nifti.save(reference, noise, AFFINE, sidecar={})
    given = reference.with_name("given.nii.gz")
    nifti.save(given, ball((80, 96, 60), 30, AFFINE, SHAPE), AFFINE, sidecar={})
    taken = extract(reference, given=str(given))
    assert nifti.load(taken).mask.any()
    assert "does not match its own reflection" in reasons(taken.with_name("dwiref_mirror.json"))[0]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda image: np.where(np.arange(40)[:, None, None] < 20, image, 0.5), "a part of the head only"),
        (lambda image: np.where(np.arange(24) % 6 == 2, 0, image), "4 of 24 slices have no signal"),
        (lambda image: image > 250, "2 different values"),
        (lambda image: np.where(image > 500.99, 1e30, image), "is damaged"),
        (lambda image: image * np.nan, "empty or constant"),
        (lambda image: image * 0 + 7, "empty or constant"),
        (lambda image: -image, "of the image is negative"),
    ],
    ids=["half", "every sixth slice", "mask", "1e30", "nan", "constant", "negative"],
)
def test_what_is_no_head_has_no_brain(reference: Path, damage: Callable[[NDArray], NDArray], said: str) -> None:
    assert not reasons(extract(reference))
    nb.save(nb.Nifti1Image(damage(nifti.load(reference).data).astype(np.float32), AFFINE), reference)
    taken = extract(reference)
    assert said in reasons(taken)[0]
    assert np.isnan(nifti.load(taken).data).all()


def test_an_image_whose_bright_values_began_at_0_again_has_a_reason(reference: Path) -> None:
    """Of an image that rises by 20 from voxel to voxel, stored as bytes."""
    mask = ball((80, 96, 60), 50, AFFINE, SHAPE)
    nifti.save(reference.with_name("given.nii.gz"), mask, AFFINE, sidecar={})
    rising = np.broadcast_to(20.0 * np.arange(SHAPE[0])[:, None, None], SHAPE) % 256
    nifti.save(reference, rising, AFFINE, sidecar={})
    (reason,) = reasons(extract(reference, given=str(reference.with_name("given.nii.gz"))))
    assert "values too large for 8 bits started again at 0" in reason
