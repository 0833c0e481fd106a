"""Volumes, overlap and side against geometry anyone can check."""

import math

import numpy as np
import pytest
from reperfuse.head.mirror import Mirror, half, reflection_matrix
from reperfuse.mismatch.mismatch import (
    covered_share,
    hypoperfusion_intensity_ratio,
    laterality,
    penumbra_mask,
    side,
    volumetric_mismatch,
)

SHAPE = (20, 12, 8)


@pytest.mark.parametrize(
    ("deficit_ml", "core_ml", "difference_ml", "ratio"),
    [
        (90.0, 20.0, 70.0, 4.5),
        (10.0, 20.0, -10.0, 0.5),
        (15.0, 0.0, 15.0, math.inf),
        (0.4, 0.0, 0.4, math.inf),
        (0.4, 0.5, -0.1, 0.8),
        (0.0, 20.0, -20.0, 0.0),
        (0.0, 0.0, 0.0, math.nan),
        (math.nan, 20.0, math.nan, math.nan),
        (90.0, math.nan, math.nan, math.nan),
    ],
)
def test_volumetric_mismatch(deficit_ml: float, core_ml: float, difference_ml: float, ratio: float) -> None:
    found = volumetric_mismatch(deficit_ml, core_ml)
    assert (found.difference_ml, found.ratio) == pytest.approx((difference_ml, ratio), nan_ok=True)


def test_intensity_ratio() -> None:
    assert hypoperfusion_intensity_ratio(36.0, 90.0) == pytest.approx(0.4)
    assert hypoperfusion_intensity_ratio(0.2, 0.8) == pytest.approx(0.25)
    assert math.isnan(hypoperfusion_intensity_ratio(0.0, 0.0))
    assert math.isnan(hypoperfusion_intensity_ratio(math.nan, math.nan))


def test_penumbra_and_covered_share() -> None:
    core, deficit = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    core[2:6, 2:6, 2:4] = True
    deficit[3:12, 2:6, 2:4] = True
    assert penumbra_mask(deficit, core).sum() == 6 * 4 * 2
    assert covered_share(core, deficit) == pytest.approx(0.75)
    assert covered_share(core, np.zeros(SHAPE, bool)) == 0
    assert math.isnan(covered_share(np.zeros(SHAPE, bool), deficit))


@pytest.mark.parametrize(
    ("left", "right", "one_sidedness", "name"),
    [
        (40, 0, -1.0, "left"),
        (0, 40, 1.0, "right"),
        (20, 20, 0.0, "bilateral"),
        (8, 32, 0.6, "right"),
        (9, 31, 0.55, "bilateral"),
        (32, 8, -0.6, "left"),
        (0, 0, math.nan, None),
    ],
)
@pytest.mark.parametrize("flipped", [False, True])
def test_side(left: int, right: int, one_sidedness: float, name: str | None, flipped: bool) -> None:
    """The patient's own side, whichever way the voxels run."""
    affine = np.diag([-2.0 if flipped else 2.0, 2.0, 2.0, 1.0])
    affine[0, 3] = 19.0 if flipped else -19.0
    plane = Mirror(np.array([1.0, 0.0, 0.0]), 0.0, reflection_matrix(np.array([1.0, 0.0, 0.0]), 0.0), 1.0)
    on_the_right = half(SHAPE, affine, plane)
    lesion = np.zeros(SHAPE, bool)
    lesion[tuple(np.argwhere(~on_the_right)[:left].T)] = True
    lesion[tuple(np.argwhere(on_the_right)[:right].T)] = True
    found = laterality(lesion, on_the_right)
    assert found == pytest.approx(one_sidedness, nan_ok=True)
    assert side(found) == name
