"""Realignment of heads with real anatomy: b = 0 images of patients in which a bolus passes (testing data elsewhere).

Nothing of the simulated head is in them: tissue is told by its brightness, vessels are thin sheets in the cortex, and
the image is moved by its own splines of fifth order.
"""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nb
import numpy as np
import pytest
from reperfuse.head.brain import brain_mask
from reperfuse.perfusion.motion import estimate_motion, resample
from reperfuse.perfusion.outliers import find_outliers
from reperfuse.simulation.geometry import draw_motion
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve, tissue_curves, venous_curve
from scipy import ndimage

pytestmark = pytest.mark.external

FRAMES, TR_S, TE_S, BOLUS = 40, 1.8, 0.030, Bolus(arrival_s=18.0)
BASELINE, PASSAGE = slice(0, 10), slice(10, 18)


@dataclass(frozen=True)
class RealHead:
    """Signal without contrast, ΔR2* of tissue relative to grey matter's peak, shares of arteries and veins."""

    affine: np.ndarray
    level: np.ndarray
    brain: np.ndarray
    tissue: np.ndarray
    arteries: np.ndarray
    veins: np.ndarray

    def frame(self, frame: int, strength: float) -> np.ndarray:
        """Signal of a frame; a strength of 1 gives 9 s⁻¹ in grey matter and 60 s⁻¹ in vessels."""
        times = np.arange(FRAMES) * TR_S
        grey = tissue_curves(times, 60.0, 4.0, 0.5, bolus=BOLUS)[0]
        curves = [grey, arterial_curve(times, BOLUS), venous_curve(times, bolus=BOLUS)]
        tissue, artery, vein = (
            strength * peak * curve[frame] / curve.max() for peak, curve in zip((9, 60, 60), curves, strict=True)
        )
        held = (1 - self.arteries - self.veins) * np.exp(-TE_S * tissue * self.tissue)
        held += self.arteries * np.exp(-TE_S * artery) + self.veins * np.exp(-TE_S * vein)
        return self.level * held


def load_head(subject: str, root: Path) -> RealHead:
    """Make a head of every other voxel of a b = 0 image."""
    scan = nb.load(root / "real-bids" / subject / "ses-baseline" / "dwi" / f"{subject}_ses-baseline_dwi.nii.gz")
    level = np.asarray(scan.dataobj[..., 0], dtype=np.float32)
    level = 0.25 * sum(level[i::2, j::2] for i in (0, 1) for j in (0, 1))
    affine = scan.affine @ np.diag([2, 2, 1, 1])
    voxel = np.linalg.norm(affine[:3, :3], axis=0)
    brain = brain_mask(level, voxel)
    near = ndimage.gaussian_filter(np.where(brain, level, 0), 15 / voxel)
    near /= np.maximum(ndimage.gaussian_filter(brain.astype(np.float32), 15 / voxel), 0.05)
    relative = level / np.maximum(near, 1e-3)
    grey, fluid = np.clip((relative - 0.8) / 0.25, 0, 1), np.clip((relative - 1.35) / 0.3, 0, 1)
    texture = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=level.shape), 9 / voxel)
    steep = np.sqrt(sum(slope**2 for slope in np.gradient(texture, *voxel)))
    sheet = np.clip(1 - np.abs(texture) / steep / 1.2, 0, 1) * brain
    sheet *= ndimage.distance_transform_edt(brain, sampling=voxel) < 14
    front = np.arange(level.shape[1])[None, :, None] > np.argwhere(brain)[:, 1].mean()
    tissue = np.where(brain, (0.5 + 0.5 * grey) * (1 - fluid), 0.07)
    return RealHead(affine, level, brain, tissue, 0.5 * sheet * front, 0.5 * sheet * ~front)


def record(head: RealHead, strength: float, motion: np.ndarray, snr: float = 60.0) -> np.ndarray:
    """Sample every frame at the moved position of the head, with noise."""
    voxels = np.indices(head.level.shape).reshape(3, -1)
    series = np.empty((*head.level.shape, FRAMES), np.float32)
    for frame in range(FRAMES):
        spline = ndimage.spline_filter(head.frame(frame, strength), 5, np.float32, mode="mirror")
        view = np.linalg.inv(head.affine) @ np.linalg.inv(motion[frame]) @ head.affine
        where = view[:3, :3] @ voxels + view[:3, 3:]
        moved = ndimage.map_coordinates(spline, where, order=5, mode="mirror", prefilter=False)
        series[..., frame] = np.maximum(moved, 0).reshape(head.level.shape)
    rng = np.random.default_rng(3)
    sigma = np.median(head.level[head.brain]) / snr
    return np.hypot(series + rng.normal(0, sigma, series.shape), rng.normal(0, sigma, series.shape)).astype(np.float32)


def point_errors(estimate: np.ndarray, truth: np.ndarray, head: RealHead) -> np.ndarray:
    points = np.argwhere(head.brain)[::50] @ head.affine[:3, :3].T + head.affine[:3, 3]

    def move(matrix: np.ndarray) -> np.ndarray:
        return points @ matrix[:3, :3].T + matrix[:3, 3]

    return np.array([np.linalg.norm(move(a) - move(b), axis=1).mean() for a, b in zip(estimate, truth, strict=True)])


@pytest.mark.parametrize("moving", [False, True], ids=["at rest", "moving"])
@pytest.mark.parametrize(
    ("subject", "strength"), [("sub-ads02", 2.5), pytest.param("sub-ads01", 1.0, marks=pytest.mark.nightly)]
)
def test_real_anatomy_is_followed(subject: str, strength: float, moving: bool, external_data: Path) -> None:
    head = load_head(subject, external_data)
    motion = np.tile(np.eye(4), (FRAMES, 1, 1))
    if moving:
        motion = draw_motion(FRAMES, BASELINE, (13, 25), 1.5, 1.5, head.affine[:3, 3], 2)
    series = record(head, strength, motion)
    found = estimate_motion(series, head.affine, BASELINE)
    inside = brain_mask(found.reference, np.linalg.norm(head.affine[:3, :3], axis=0))
    realigned = resample(series, head.affine, found.matrices)[inside]
    errors = point_errors(found.matrices, motion, head)
    print(f"mean {errors.mean():.3f} bolus {errors[PASSAGE].mean():.3f} worst {errors.max():.3f} mm")
    assert not (found.outlier | find_outliers(realigned, BASELINE, ~found.outlier)).any()
    if moving:
        assert errors.mean() <= 0.10
        assert errors.max() <= 0.40
    else:
        assert errors.mean() <= 0.05
        assert errors.max() <= 0.12
