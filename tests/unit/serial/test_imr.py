"""Impaired reflow of a head whose lesion, cut by planes through the whole brain, is known to the voxel."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.head.mirror import Mirror, reflection_matrix
from reperfuse.serial.imr import Definition, Scene, find_impairment
from reperfuse.serial.verdict import judge
from reperfuse.volumes.image import Image

SHAPE, VOXEL_MM = (24, 12, 6), (5.0, 4.0, 6.0)
VOXEL_ML = math.prod(VOXEL_MM) / 1000
AFFINE = np.diag([*VOXEL_MM, 1.0])
AFFINE[0, 3] = -57.5

#: The mirror image of column i is column 23 − i.
PLANE = Mirror(np.array([1.0, 0.0, 0.0]), 0.0, reflection_matrix(np.array([1.0, 0.0, 0.0]), 0.0), 1.0)

DEFINITION = Definition(
    rule="voxelwise",
    asymmetry_threshold=0.15,
    noise_limit=0.075,
    min_volume_ml=0.5,
    vessel_ratio=2.5,
    min_covered_share=0.5,
    min_one_sided_share=0.8,
)


def columns(first: int, last: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[first : last + 1] = True
    return mask


BRAIN, LESION = columns(2, 21), columns(4, 8)
COLUMN_ML = 12 * 6 * VOXEL_ML


def flow(*impaired: np.ndarray, ratio: float = 0.6, level: float = 1.0) -> Image:
    data = np.full(SHAPE, level, np.float32)
    for part in impaired:
        data[part] *= ratio
    return Image(data, AFFINE)


def scene(**changed: Any) -> Scene:
    known: dict[str, Any] = {"lesion": LESION, "brain": BRAIN, "deficit": columns(0, -1), "plane": PLANE}
    return Scene(**{**known, "lesion_ml": 5 * COLUMN_ML, "share_in_view": 1.0, **changed})


def definition(**changed: Any) -> Definition:
    return replace(DEFINITION, **changed)


def test_a_lesion_without_flow_is_impaired_to_its_edge() -> None:
    found = find_impairment(flow(LESION), scene(), DEFINITION)
    np.testing.assert_array_equal(found.imr, LESION)
    assert found.imr_ml == pytest.approx(5 * COLUMN_ML)
    assert found.imr_fraction == pytest.approx(1)
    assert found.medians == {"": pytest.approx(-0.4, abs=1e-3)}
    assert found.covered == pytest.approx(1)
    assert found.doubts == []
    assert found.judged is found.shown
    assert find_impairment(flow(), scene(), DEFINITION).imr_ml == 0


def test_a_part_without_flow_is_its_share_of_the_lesion() -> None:
    found = find_impairment(flow(columns(4, 5)), scene(), DEFINITION)
    np.testing.assert_array_equal(found.imr, columns(4, 5))
    assert found.imr_fraction == pytest.approx(0.4)


def test_covered_is_the_share_of_the_whole_lesion_in_view_in_the_brain_and_not_fluid() -> None:
    rcbv = flow(LESION)
    assert find_impairment(rcbv, scene(share_in_view=0.6), DEFINITION).covered == pytest.approx(0.6)
    beyond_brain = scene(lesion=columns(0, 8))
    assert find_impairment(rcbv, beyond_brain, DEFINITION).covered == pytest.approx(7 / 9)
    for fluid in (columns(8, 8), columns(15, 15)):
        partly_fluid = scene(lesion=columns(0, 8), share_in_view=0.9, fluid=fluid)
        found = find_impairment(flow(columns(0, 8)), partly_fluid, DEFINITION)
        assert found.covered == pytest.approx(0.9 * 6 / 9)
        assert np.isnan(found.shown.asymmetry[8]).all()
        assert found.imr_fraction == pytest.approx(1)


@pytest.mark.parametrize(("share", "percent"), [(0.5, 50), (0.9, 90)])
def test_a_lesion_of_which_too_little_is_covered_cannot_be_judged(share: float, percent: int) -> None:
    in_view = scene(share_in_view=share)
    assert find_impairment(flow(LESION), in_view, definition(min_covered_share=share)).doubts == []
    assert find_impairment(flow(LESION), in_view, definition(min_covered_share=share + 0.01)).doubts == [
        f"only {percent} % of the lesion can be compared with its mirror image (at least {percent + 1} % needed)"
    ]


@pytest.mark.parametrize(
    ("across", "least", "on_the_other_side"),
    [(columns(4, 13), 8 / 10, 20), (columns(10, 19), 8 / 10, 20), (columns(4, 16), 8 / 13, 38)],
)
def test_a_lesion_across_the_midline_cannot_be_judged(across: np.ndarray, least: float, on_the_other_side: int) -> None:
    crossing = scene(lesion=across, lesion_ml=10 * COLUMN_ML)
    assert find_impairment(flow(across), crossing, definition(min_one_sided_share=least)).doubts == []
    stricter = least + 0.01
    assert find_impairment(flow(across), crossing, definition(min_one_sided_share=stricter)).doubts == [
        f"the lesion crosses the midline ({on_the_other_side} % on the other side, at most "
        f"{100 * (1 - stricter):.0f} % allowed)"
    ]


def test_a_doubt_of_the_mirror_plane_is_passed_on() -> None:
    doubtful = scene(plane=replace(PLANE, doubt="a single slice"))
    assert find_impairment(flow(LESION), doubtful, DEFINITION).doubts == ["a single slice"]


def test_without_a_lesion_in_view_there_is_a_reason() -> None:
    nothing = columns(0, -1)
    with pytest.raises(DataFault, match=r"^there is no lesion$"):
        find_impairment(flow(), scene(lesion=nothing, lesion_ml=0.0), DEFINITION)
    with pytest.raises(DataFault, match=r"^the lesion \(0\.6 mL\) lies outside the perfusion slab"):
        find_impairment(flow(), scene(lesion=nothing, lesion_ml=0.6), DEFINITION)


def test_flow_is_compared_in_place_of_volume_where_it_is_given() -> None:
    found = find_impairment(flow(), scene(), DEFINITION, rcbf=flow(columns(4, 6), ratio=0.5))
    np.testing.assert_array_equal(found.imr, columns(4, 6))
    assert found.medians[""] == pytest.approx(-0.4, abs=0.02)  # of the third of three columns, blurred by 8 mm
    assert found.shown.imr_ml == 0
    assert found.judged.imr_ml == pytest.approx(3 * COLUMN_ML)
    assert found.imr_fraction == pytest.approx(0.6)


def test_covered_is_that_of_the_volume_and_the_fraction_that_of_the_flow() -> None:
    rcbv, rcbf = flow(LESION), flow(LESION)
    rcbv.data[8], rcbf.data[7:9] = np.nan, np.nan
    found = find_impairment(rcbv, scene(), DEFINITION, rcbf=rcbf)
    assert found.covered == pytest.approx(0.8)
    assert found.judged.lesion_ml == pytest.approx(3 * COLUMN_ML)
    assert found.imr_fraction == pytest.approx(1)


def test_delayed_tissue_of_the_lesion_is_impaired_in_place_of_what_lacks_blood_volume() -> None:
    delayed = columns(0, 5)
    delayed[8, 3, 3] = True
    outside_brain = scene(lesion=columns(0, 8))
    found = find_impairment(flow(columns(6, 8)), outside_brain, DEFINITION, delayed=delayed)
    np.testing.assert_array_equal(found.imr, columns(2, 5))
    assert found.imr_ml == pytest.approx(4 * COLUMN_ML)
    assert found.imr_fraction == pytest.approx(4 / 7)
    assert found.shown.imr_ml == pytest.approx(3 * COLUMN_ML)
    single = definition(min_volume_ml=0.9 * VOXEL_ML)
    assert find_impairment(flow(), outside_brain, single, delayed=delayed).imr[8].sum() == 1


def test_nothing_of_a_lesion_that_nowhere_can_be_compared_is_a_share() -> None:
    rcbv = flow()
    rcbv.data[LESION] = np.nan
    found = find_impairment(rcbv, scene(), DEFINITION)
    assert math.isnan(found.imr_fraction)
    assert found.covered == 0


@pytest.mark.parametrize(("impaired", "whole"), [(columns(4, 6), True), (columns(4, 5), False)])
def test_the_regional_rule_judges_the_lesion_by_its_median(impaired: np.ndarray, whole: bool) -> None:
    found = find_impairment(flow(impaired), scene(), definition(rule="regional"))
    np.testing.assert_array_equal(found.imr, LESION if whole else columns(0, -1))


def test_a_lesion_that_is_impaired_as_a_whole_is_all_of_it_where_a_part_was_compared() -> None:
    rcbv = flow(LESION)
    rcbv.data[8] = np.nan
    for rule in ("regional", "subregions"):
        found = find_impairment(rcbv, scene(), definition(rule=rule))
        assert found.imr_ml == pytest.approx(5 * COLUMN_ML)
        assert found.imr_fraction == pytest.approx(1)
    assert find_impairment(rcbv, scene(), DEFINITION).imr_fraction == pytest.approx(1)  # of the four that are known
    delayed = find_impairment(rcbv, scene(), DEFINITION, delayed=columns(4, 8))
    assert delayed.imr_fraction == pytest.approx(1)


def test_the_regional_rule_finds_what_is_below_the_threshold_and_not_above_its_mirror() -> None:
    for ratio, impaired in ((0.84, True), (0.86, False), (1.5, False)):
        found = find_impairment(flow(LESION, ratio=ratio), scene(), definition(rule="regional"))
        assert found.imr.any() == impaired


def test_early_and_late_parts_are_judged_each_by_its_own_median() -> None:
    parts = scene(early=columns(3, 5))
    subregions = definition(rule="subregions")
    found = find_impairment(flow(columns(4, 5)), parts, subregions)
    np.testing.assert_array_equal(found.imr, columns(4, 5))
    assert found.medians["_early"] == pytest.approx(-0.4, abs=0.01)
    assert found.medians["_growth"] == pytest.approx(0, abs=0.01)
    late = find_impairment(flow(columns(8, 8), ratio=0.2), scene(early=columns(4, 7)), subregions)
    np.testing.assert_array_equal(late.imr, columns(8, 8))
    assert find_impairment(flow(columns(4, 5)), parts, definition(rule="regional")).imr_ml == 0


def test_parts_lie_in_the_lesion_and_the_brain() -> None:
    assert scene().parts().keys() == {""}
    parts = scene(lesion=columns(0, 8), early=columns(0, 4)).parts()
    assert parts.keys() == {"", "_early", "_growth"}
    for name, truth in (("", columns(2, 8)), ("_early", columns(2, 4)), ("_growth", columns(5, 8))):
        np.testing.assert_array_equal(parts[name], truth)


def test_normal_tissue_and_its_mirror_image_are_brain_outside_lesion_and_deficit() -> None:
    """Columns 2 to 20 are brain, 2 is none's image, 4 to 8 are lesion, 10 deficit: with their images they go."""
    normal = scene(brain=columns(2, 20), deficit=columns(10, 10)).normal(AFFINE)
    assert np.flatnonzero(normal.all(axis=(1, 2))).tolist() == [3, 9, 11, 12, 14, 20]
    assert not normal[[2, 4, 8, 10, 13, 15, 19, 21]].any()


def test_what_counts_as_impaired_is_as_defined() -> None:
    lesion = flow(LESION)
    assert find_impairment(lesion, scene(), definition(asymmetry_threshold=0.39)).imr_ml > 0
    assert find_impairment(lesion, scene(), definition(asymmetry_threshold=0.41)).imr_ml == 0
    assert find_impairment(lesion, scene(), definition(min_volume_ml=5 * COLUMN_ML + 0.1)).imr_ml == 0
    assert find_impairment(lesion, scene(), definition(min_volume_ml=5 * COLUMN_ML - 0.1)).imr_ml > 0


def test_noise_widens_the_smoothing_to_its_limit() -> None:
    rcbv = Image(flow().data * np.random.default_rng(0).normal(1, 0.2, SHAPE).astype(np.float32), AFFINE)
    found = find_impairment(rcbv, scene(), definition(noise_limit=0.5))
    assert found.judged.smoothing_fwhm_mm == 8
    assert find_impairment(rcbv, scene(), definition(noise_limit=1e-3)).judged.smoothing_fwhm_mm == 16


def test_a_vessel_is_judged_only_where_it_is_kept() -> None:
    rcbv = flow(LESION)
    rcbv.data[6] = 2.0
    assert find_impairment(rcbv, scene(), definition(vessel_ratio=1.9)).judged.lesion_ml == pytest.approx(4 * COLUMN_ML)
    assert find_impairment(rcbv, scene(), definition(vessel_ratio=2.1)).judged.lesion_ml == pytest.approx(5 * COLUMN_ML)
    assert find_impairment(rcbv, scene(), definition(vessel_ratio=None)).judged.lesion_ml == pytest.approx(
        5 * COLUMN_ML
    )


# --- who can be judged ---------------------------------------------------------------------------


def verdict(imr_ml: float = 6.0, *reasons: str, hours: float | None = 1.0, **kw: Any) -> tuple[Any, ...]:
    found = judge(imr_ml, reasons, hours=hours, hours_allowed=(0.5, 2.0), significant_ml=5.0, **kw)
    return found.evaluable, found.exclusion, found.significant


def test_more_than_the_significant_volume_is_significant() -> None:
    assert verdict(5.1) == (True, "", True)
    assert verdict(5.0) == (True, "", False)
    assert verdict(0.0) == (True, "", False)


@pytest.mark.parametrize("hours", [0.5, 2.0, None])
def test_a_scan_in_time_or_of_unknown_time_is_judged(hours: float | None) -> None:
    assert verdict(hours=hours) == (True, "", True)


@pytest.mark.parametrize("hours", [0.4, 2.1])
def test_a_scan_too_early_or_late_is_not_judged(hours: float) -> None:
    reason = f"scanned {hours} h after treatment, not within 0.5 to 2 h"
    assert verdict(hours=hours) == (False, reason, None)


def test_all_reasons_are_given_once() -> None:
    assert verdict(6.0, "reocclusion", "carotid occlusion", "reocclusion", hours=3.0) == (
        False,
        "reocclusion; carotid occlusion; scanned 3.0 h after treatment, not within 0.5 to 2 h",
        None,
    )


def test_an_unknown_volume_is_not_judged() -> None:
    assert verdict(math.nan) == (False, "not computed", None)
    assert verdict(math.nan, why_unknown=["there is no lesion"]) == (False, "there is no lesion", None)
    assert verdict(math.nan, "reocclusion") == (False, "reocclusion; not computed", None)
    assert verdict(6.0, why_unknown=["there is no lesion"]) == (True, "", True)
