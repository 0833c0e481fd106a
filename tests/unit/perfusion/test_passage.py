"""A bolus runs forward, in frames that were read once each."""

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.perfusion.bolus import find_baseline
from reperfuse.perfusion.passage import check_direction, check_frames, check_order
from reperfuse.simulation.hard_series import draw_hard_series
from reperfuse.simulation.hemodynamics import Bolus, tissue_curves

MANY = 300


def passages(seed: int = 0) -> list[tuple[float, np.ndarray]]:
    """Draw frame spacings (s) and mean signals over boluses, tissues, deficits, drifts and noise of a wide range."""
    rng, drawn = np.random.default_rng(seed), []
    while len(drawn) < MANY:
        dt_s, arrival_s = float(rng.choice([0.8, 1.5, 2.0, 2.5])), rng.uniform(10, 40)
        bolus = Bolus(
            arrival_s=arrival_s,
            alpha=rng.uniform(1.5, 6),
            beta_s=rng.uniform(0.8, 4.5),
            recirculation=rng.uniform(0, 0.4),
            recirculation_lag_s=rng.uniform(8, 18),
            tail=rng.uniform(0, 0.08),
        )
        time = np.arange(0, arrival_s + rng.uniform(30, 70), dt_s)
        mtt, delay = rng.uniform([3, 8], [7, 20]), rng.uniform([0, 2], [2, 12])
        share = rng.uniform(0, 0.5)  # of the brain, that is badly supplied
        mean = np.array([1 - share, share]) @ tissue_curves(time, [50.0, 20.0], mtt, delay, bolus=bolus)
        lost = np.exp(rng.uniform(np.log(0.02), np.log(0.6)))  # of the signal, at the peak
        signal = (1 - lost) ** (mean / mean.max())
        signal *= 1 + rng.uniform(-0.015, 0.015) * np.linspace(0, 1, len(time))
        drawn.append((dt_s, signal + rng.normal(0, rng.uniform(0, 0.002), len(time))))
    return drawn


def judged(dt_s: float, signal: np.ndarray) -> str:
    """Return what becomes of a curve: refused before, refused as backward, told or taken."""
    try:
        baseline = find_baseline(signal, dt_s)
    except DataFault:
        return "no passage"
    try:
        return "told" if check_direction(signal, baseline) else "taken"
    except DataFault:
        return "backward"


def test_no_bolus_is_taken_for_a_backward_one() -> None:
    found = [judged(dt_s, signal) for dt_s, signal in passages()]
    assert found.count("taken") > 0.6 * MANY
    assert found.count("backward") == 0
    assert found.count("told") <= 0.01 * MANY


def test_a_backward_bolus_is_refused_or_told() -> None:
    found = [judged(dt_s, signal[::-1]) for dt_s, signal in passages()]
    assert found.count("backward") > 0.4 * MANY
    assert found.count("taken") <= 0.01 * MANY


def test_copies_of_frames_are_told_and_many_refused() -> None:
    series = np.random.default_rng(0).normal(100, 5, (4, 4, 3, 40))
    assert check_frames(series) == []
    series[..., 11:13] = series[..., 10:11]
    assert check_frames(series) == ["2 of 40 frames are copies of the frame before"]
    with pytest.raises(DataFault, match="40 of 80 frames are copies"):
        check_frames(np.repeat(np.random.default_rng(0).normal(100, 5, (4, 4, 3, 40)), 2, axis=-1))


@pytest.mark.parametrize("slices", [6, 24])
def test_slices_and_times_that_are_swapped_are_told(slices: int) -> None:
    """A head that moves, with a bolus that takes 60 % of its signal, is not taken for one."""
    series = draw_hard_series(303, slices).recorded.series
    check_order(series)
    x, y, z, t = series.shape
    swapped = series.transpose(0, 1, 3, 2).reshape((x, y, t * z), order="F").reshape((x, y, z, t), order="F")
    with pytest.raises(DataFault, match="slices and frames are swapped"):
        check_order(swapped)


def test_a_single_slice_has_no_order() -> None:
    check_order(np.random.default_rng(0).random((8, 8, 1, 20)))
