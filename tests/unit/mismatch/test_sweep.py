"""Volumes at every threshold, of maps whose parts are known to the voxel."""

from collections.abc import Callable

import numpy as np
import pytest
from reperfuse.mismatch.sweep import normal_tmax_s, sweep_perfusion
from reperfuse.volumes.image import volume_ml

#: 1 mL a voxel.
AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])
BRAIN = np.ones((60, 1, 1), bool)
HALF_WIDTHS = {"tmax": 1.0, "delay": 1.0, "rcbf": 0.1, "rmtt": 0.1}


def above(values: np.ndarray) -> Callable[[float], np.ndarray]:
    return lambda limit: values > limit


def parts(default: float, *columns: tuple[slice, float]) -> np.ndarray:
    values = np.full(BRAIN.shape, default)
    for part, value in columns:
        values[part] = value
    return values


def test_delay_counts_from_normal_tissue() -> None:
    """Normal tissue peaks at 3 s, with a deficit of half the brain too: 4.5 s is late by 1.5 s, 5.5 s by 2.5 s."""
    tmax = parts(3.0, (slice(0, 30), 9.0), (slice(30, 35), 4.5), (slice(35, 42), 5.5))
    deficit = tmax > 6
    assert normal_tmax_s(tmax, BRAIN, deficit) == 3.0
    curves = sweep_perfusion(tmax, BRAIN, deficit, AFFINE, above, HALF_WIDTHS).curves
    delay = dict(map(tuple, curves["delay"]))
    assert (delay[1.0], delay[2.0], delay[3.0]) == pytest.approx((42, 37, 30))
    assert dict(map(tuple, curves["tmax"]))[4.0] == pytest.approx(42)
    assert curves.keys() == {"tmax", "delay"}


def test_a_long_transit_counts_where_blood_is_two_seconds_late() -> None:
    """Of twenty voxels with twice the normal transit, six are late by 1.5 s, five by 2.5 s, and nine not at all."""
    tmax = parts(3.0, (slice(0, 6), 4.5), (slice(6, 11), 5.5))
    flow, volume = parts(1.0, (slice(0, 20), 0.5)), parts(1.0)
    curves = sweep_perfusion(tmax, BRAIN, tmax > 6, AFFINE, above, HALF_WIDTHS, relative=(flow, volume)).curves
    assert dict(map(tuple, curves["rmtt"]))[1.45] == pytest.approx(5)


def test_the_mismatch_outside_the_core_leaves_the_core_out() -> None:
    tmax = parts(3.0, (slice(0, 10), 9.0))
    core = parts(0.0, (slice(8, 20), 1.0)) > 0
    curves = sweep_perfusion(tmax, BRAIN, tmax > 6, AFFINE, above, HALF_WIDTHS, core=core).curves
    assert dict(map(tuple, curves["coreg_tmax"]))[6.0] == pytest.approx(8)


def test_every_volume_is_that_of_a_mask() -> None:
    tmax = parts(3.0, (slice(0, 10), 9.0), (slice(10, 14), 5.2))
    relative = parts(1.0, (slice(0, 4), 0.15), (slice(4, 20), 0.35)), parts(1.0)
    found = sweep_perfusion(tmax, BRAIN, tmax > 6, AFFINE, above, HALF_WIDTHS, relative=relative)
    assert found.masks.keys() == {"tmax", "rcbf"}
    for name, masks in found.masks.items():
        assert [[limit, volume_ml(mask, AFFINE)] for limit, mask in masks.items()] == found.curves[name]
    assert [found.masks["tmax"][limit].sum() for limit in (5.0, 5.5)] == [14, 10]
    assert [found.masks["rcbf"][limit].sum() for limit in (0.2, 0.4)] == [4, 10]
