"""Curves that tissue shows of an arterial input, against the simulator's and against themselves later."""

import numpy as np
import pytest
from reperfuse.perfusion.passages import passage_curves
from reperfuse.simulation.hemodynamics import arterial_curve, tissue_curves

ARRIVAL_S = 15.0


@pytest.mark.parametrize("spacing_s", [0.5, 1.1, 2.0])
def test_one_of_the_curves_is_that_of_the_simulator(spacing_s: float) -> None:
    """Up to a factor, with exponential transit and dispersion; an arterial input that is sharpened is a little off."""
    time = np.arange(0, 70, spacing_s)
    curves, _, _ = passage_curves(arterial_curve(time), spacing_s, int(ARRIVAL_S / spacing_s), [0.0, 3.3])
    wanted = tissue_curves(time, 60.0, 6.0, [0.0, 3.3], dispersion_s=1.3)
    for mine, other in zip(curves, wanted, strict=True):
        likeness = mine @ other / np.linalg.norm(mine, axis=1) / np.linalg.norm(other)
        assert likeness.max() > 0.999


def test_blood_that_comes_two_frames_later_shows_the_same_two_frames_later() -> None:
    time = np.arange(0, 70, 1.5)
    curves, normal, kinds = passage_curves(arterial_curve(time), 1.5, 10, [0.0, 3.0])
    np.testing.assert_allclose(curves[1, :, 2:], curves[0, :, :-2], atol=1e-9 * curves.max())
    assert not curves[1, :, :2].any()
    assert normal.shape == time.shape
    assert len(kinds) == curves.shape[1]
    np.testing.assert_array_equal(np.unique(kinds), np.arange(kinds.max() + 1))


def test_dispersion_keeps_the_area() -> None:
    """Of kinds that differ in dispersion alone; the first sample of a residue function counts for half a step more."""
    time = np.arange(0, 300, 1.5)
    blood = np.where(time < 60, arterial_curve(time), 0)
    curves, _, kinds = passage_curves(blood, 1.5, 10, [0.0])
    areas = [curves[0, kinds == kind].sum(axis=1) for kind in range(3)]
    np.testing.assert_allclose(areas[1], areas[0], rtol=0.03)
    np.testing.assert_allclose(areas[2], areas[0], rtol=0.03)
