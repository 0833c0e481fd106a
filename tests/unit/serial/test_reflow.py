import math
from typing import Any

import numpy as np
import pytest
from reperfuse.serial.reflow import Reflow, find_impaired_reflow, regional_asymmetry
from scipy import ndimage

VOXEL = (2.5, 2.5, 5.0)


VOXEL_ML = math.prod(VOXEL) / 1000


def head(noise: float, island_ratio: float, seed: int) -> tuple[np.ndarray, ...]:
    """A symmetric brain with a lesion of about 45 mL on one side and an island of about 12 mL in it."""
    rng = np.random.default_rng(seed)
    x, y, z = (np.indices((70, 80, 24)).T * VOXEL).T - np.array([87.5, 100, 60]).reshape(3, 1, 1, 1)
    brain = (x / 70) ** 2 + (y / 85) ** 2 + (z / 55) ** 2 < 1
    texture = 1 + 0.25 * ndimage.gaussian_filter(rng.normal(size=x.shape), 1.5) / 0.1
    rcbv = np.clip(texture + texture[::-1], 0.6, None) / 2
    mirrored = rcbv.copy()
    lesion = (x + 35) ** 2 + y**2 + z**2 < 22**2
    island = (x + 35) ** 2 + y**2 + z**2 < 14.2**2
    rcbv[island] *= island_ratio
    rcbv *= 1 + noise * rng.normal(size=x.shape)
    mirrored *= 1 + noise * rng.normal(size=x.shape)
    homologue = lesion[::-1]
    return rcbv.astype(np.float32), mirrored.astype(np.float32), lesion, brain & ~lesion & ~homologue, island


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2])
def test_an_island_is_found_at_its_volume(noise: float) -> None:
    errors = []
    for seed in range(5):
        rcbv, mirrored, lesion, normal, island = head(noise, 0.6, seed)
        found = find_impaired_reflow(rcbv, mirrored, lesion, normal, VOXEL)
        errors.append(found.imr_ml - island.sum() * VOXEL_ML)
        assert found.covered == 1
        assert found.noise_sd < 0.075
    assert abs(np.mean(errors)) < max(1.5, 0.2 * island.sum() * VOXEL_ML)


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2])
def test_noise_alone_gives_next_to_nothing(noise: float) -> None:
    volumes, nulls, raw = [], [], []
    for seed in range(5):
        rcbv, mirrored, lesion, normal, _ = head(noise, 1.0, seed)
        found = find_impaired_reflow(rcbv, mirrored, lesion, normal, VOXEL)
        volumes.append(found.imr_ml)
        nulls.append(found.null_ml)
        raw.append((rcbv < 0.85 * mirrored)[lesion].mean() * lesion.sum() * VOXEL_ML)
    assert np.mean(volumes) <= 0.5
    assert np.max(nulls) < 2
    if noise == 0.2:  # the trap: without smoothing there would be much false IMR
        assert np.mean(raw) > 10


def test_the_median_is_the_asymmetry_of_the_lesion() -> None:
    rcbv, mirrored, lesion, normal, _ = head(0.02, 1.0, 0)
    rcbv[lesion] *= 0.7
    found = find_impaired_reflow(rcbv, mirrored, lesion, normal, VOXEL)
    assert found.asymmetry_median == pytest.approx(-0.3, abs=0.02)
    assert found.imr_ml == pytest.approx(found.lesion_ml, rel=0.05)


def test_an_unknown_part_of_the_lesion_is_stated() -> None:
    rcbv, mirrored, lesion, normal, _ = head(0.05, 1.0, 0)
    mirrored[:, :40] = np.nan
    found = find_impaired_reflow(rcbv, mirrored, lesion, normal, VOXEL)
    assert found.covered == pytest.approx(0.5, abs=0.05)
    assert np.isnan(found.asymmetry[:, :40]).all()


# --- bands: what varies across columns of 5 mm alone is known to the voxel ------------------------------

SHAPE = (60, 4, 2)
COLUMN_ML = 4 * 2 * 0.125

#: In normal tissue the asymmetry rises evenly from −b to b, whose robust SD is 1.4826 b/2; no smoothing changes that.
NORMAL, LESION = slice(20, 60), slice(5, 12)


def bands(noise_sd: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Blood volume of a column and of its mirror image."""
    own, mirror = np.ones((2, SHAPE[0]))
    own[NORMAL] += np.linspace(-1, 1, 40) * noise_sd * 2 / 1.4826
    return own, mirror


def mask(*columns: slice) -> np.ndarray:
    chosen = np.zeros(SHAPE, bool)
    for part in columns:
        chosen[part] = True
    return chosen


def volume(columns: np.ndarray) -> np.ndarray:
    return np.broadcast_to(columns[:, None, None], SHAPE).astype(np.float32)


def find(own: np.ndarray, mirror: np.ndarray, lesion: slice = LESION, **options: Any) -> Reflow:
    return find_impaired_reflow(volume(own), volume(mirror), mask(lesion), mask(NORMAL), (5.0, 5.0, 5.0), **options)


def columns_of(found: np.ndarray) -> list[int]:
    assert (found.all(axis=(1, 2)) == found.any(axis=(1, 2))).all()
    return np.flatnonzero(found[:, 0, 0]).tolist()


def test_a_band_is_impaired_to_its_edges_and_no_further_than_the_lesion() -> None:
    own, mirror = bands()
    own[8:25] = 0.6
    found = find(own, mirror)
    assert columns_of(found.imr) == [8, 9, 10, 11]
    assert found.imr_ml == pytest.approx(4 * COLUMN_ML, rel=1e-6)
    assert found.lesion_ml == pytest.approx(7 * COLUMN_ML, rel=1e-6)
    assert found.asymmetry[10, 0, 0] == pytest.approx(-0.4, abs=1e-3)
    np.testing.assert_allclose(found.mirror[mask(LESION, NORMAL)], 1, rtol=1e-5)
    assert (found.mirror.dtype, found.asymmetry.dtype) == (np.float32, np.float32)
    assert find(*bands()).imr_ml == 0


def test_each_threshold_has_the_part_that_lies_below_it() -> None:
    own, mirror = bands()
    own[5:8], own[8:12] = 0.6, 0.75
    found = find(own, mirror, sweep=(0.2, 0.32, 0.5))
    assert found.sweep_ml == {
        0.15: pytest.approx(7 * COLUMN_ML, rel=1e-6),
        0.2: pytest.approx(7 * COLUMN_ML, rel=1e-6),
        0.32: pytest.approx(3 * COLUMN_ML, rel=1e-6),
        0.5: 0,
    }


def test_a_threshold_below_those_that_are_swept_counts() -> None:
    own, mirror = bands()
    own[LESION] = 0.93
    assert find(own, mirror, asymmetry_threshold=0.05).imr_ml == pytest.approx(7 * COLUMN_ML)
    assert find(own, mirror).imr_ml == 0


def test_a_millilitre_counts() -> None:
    own, mirror = bands()
    own[LESION] = 0.5
    assert find(own, mirror, slice(8, 9)).imr_ml == pytest.approx(COLUMN_ML)
    assert find(own, mirror, slice(8, 9), min_volume_ml=1.1 * COLUMN_ML).imr_ml == 0


def test_an_empty_lesion_has_no_share_that_is_covered() -> None:
    found = find(*bands(), slice(0, 0))
    assert found.lesion_ml == 0
    assert math.isnan(found.covered)
    assert math.isnan(found.asymmetry_median)


@pytest.mark.parametrize(("noise_sd", "fwhm_mm"), [(0.07, 8.0), (0.08, 16.0)])
def test_smoothing_grows_until_normal_tissue_is_quiet(noise_sd: float, fwhm_mm: float) -> None:
    found = find(*bands(noise_sd))
    assert found.noise_sd == pytest.approx(noise_sd, rel=0.05)
    assert found.smoothing_fwhm_mm == fwhm_mm


@pytest.mark.parametrize(("depth_in_sd", "counts"), [(2.9, False), (3.8, True)])
def test_a_region_counts_where_it_is_deeper_than_noise_explains(depth_in_sd: float, counts: bool) -> None:
    """Among the hundred or so independent places of a lesion, one lies 2.3 SD deep by chance, hardly one 3.3."""
    own, mirror = bands(0.07)
    own[LESION] = 1 - 0.07 * depth_in_sd
    assert 0.07 * depth_in_sd > 0.15
    assert find(own, mirror).imr_ml == pytest.approx(7 * COLUMN_ML if counts else 0)


@pytest.mark.parametrize(("level", "counts"), [(2.0, True), (0.8, False)])
def test_noise_matters_more_where_there_is_less_blood(level: float, counts: bool) -> None:
    """An SD of 0.03 of a blood volume of 2 is one of 0.075 of 0.8, of which a fall by 0.2 is no more than 2.7."""
    own, mirror = bands(0.03)
    own, mirror = 2 * own, 2 * mirror
    mirror[LESION], own[LESION] = level, 0.8 * level
    assert find(own, mirror).imr_ml == pytest.approx(7 * COLUMN_ML if counts else 0)


def test_what_noise_gives_is_the_share_of_normal_tissue_that_is_as_low_and_not_as_high() -> None:
    own, mirror = bands()
    own[20:26], own[40:56] = 0.6, 1.5
    assert find(own, mirror).null_ml == pytest.approx(6 / 40 * 7 * COLUMN_ML, rel=0.2)
    assert find(2 - own, mirror).null_ml == pytest.approx(16 / 40 * 7 * COLUMN_ML, rel=0.2)


def with_vessels() -> tuple[np.ndarray, np.ndarray]:
    """Tissue with as much blood as its mirror's, each side with a vessel, four columns from the other's image."""
    own, mirror = (4 * side for side in bands())
    own[6], mirror[10] = 40, 40
    return own, mirror


def test_a_vessel_beside_its_homologue_starves_no_tissue() -> None:
    found = find(*with_vessels())
    assert found.imr_ml == 0
    assert found.lesion_ml == pytest.approx(5 * COLUMN_ML)
    assert columns_of(np.isnan(found.asymmetry) & mask(LESION)) == [6, 10]
    assert found.covered == 1


def test_vessels_are_kept_where_that_is_wanted() -> None:
    found = find(*with_vessels(), vessel_ratio=None)
    assert found.lesion_ml == pytest.approx(7 * COLUMN_ML)
    assert found.imr[10].all()


@pytest.mark.parametrize(("times_normal", "is_vessel"), [(2.4, False), (2.6, True)])
def test_a_vessel_has_much_more_blood_than_normal_tissue_however_starved_the_lesion(
    times_normal: float, is_vessel: bool
) -> None:
    own, mirror = bands()
    own[:18], mirror[0] = 0.3, times_normal
    own[40:] = np.nan
    found = find(own, mirror, slice(0, 18))
    assert found.lesion_ml == pytest.approx((17 if is_vessel else 18) * COLUMN_ML)
    assert columns_of(found.imr) == list(range(int(is_vessel), 18))


def test_where_the_mirror_has_no_blood_nothing_is_known() -> None:
    own, mirror = bands()
    mirror[0:18] = 0
    own[9:18] = 0
    found = find(own, mirror, slice(0, 18))
    assert np.isnan(found.asymmetry[0:16]).all()
    assert found.imr_ml == 0
    assert math.isnan(find(own, mirror, slice(0, 12)).asymmetry_median)


def test_the_median_is_of_what_is_smoothed() -> None:
    """Voxels at half and at one and a half of the mirror by turns: −0.5 or 0.5 without smoothing, 0 with it."""
    turns = np.where(np.indices((16, 16, 16)).sum(axis=0) % 2, 0.5, 1.5)
    turns[0, 0, 0] = 0.5
    flow, mirror = turns.astype(np.float32), np.ones(turns.shape, np.float32)
    region = np.ones(turns.shape, bool)
    size_mm = (2.5, 2.5, 2.5)
    assert regional_asymmetry(flow, mirror, region, size_mm, 8.0) == pytest.approx(0, abs=0.05)
    assert math.isnan(regional_asymmetry(flow, np.full_like(mirror, np.nan), region, size_mm, 8.0))
    found = find_impaired_reflow(flow, mirror, region, ~region, size_mm)
    assert found.asymmetry_median == pytest.approx(0, abs=0.05)
    assert math.isnan(found.null_ml)
