"""Quality figures of curves whose noise and gaps are known."""

import numpy as np
import pytest
from reperfuse.perfusion.quality import dvars_percent, lost_share, temporal_snr


def noisy(frames: int, snr: float) -> np.ndarray:
    levels = np.linspace(200, 800, 20000)[:, None]
    rng = np.random.default_rng(0)
    return levels * (1 + rng.standard_normal((len(levels), frames)) / snr)


@pytest.mark.parametrize("snr", [10.0, 60.0])
def test_temporal_snr_is_that_of_the_noise(snr: float) -> None:
    assert temporal_snr(noisy(60, snr)) == pytest.approx(snr, rel=0.02)


def test_dvars_of_white_noise_is_root_two_of_its_deviation() -> None:
    curves = 500 + 5 * np.random.default_rng(0).standard_normal((20000, 10))
    np.testing.assert_allclose(dvars_percent(curves), np.sqrt(2), rtol=0.03)
    curves[:, 6:] += 20
    assert dvars_percent(curves).argmax() == 5


def test_steady_curves_have_no_noise() -> None:
    still = np.full((50, 8), 300.0)
    assert temporal_snr(still) == np.inf
    np.testing.assert_array_equal(dvars_percent(still), np.zeros(7))


def test_voxels_with_gaps_are_counted_and_left_out() -> None:
    curves = noisy(12, 30)
    clean = temporal_snr(curves[2000:]), dvars_percent(curves[2000:])
    curves[:2000, 7] = np.nan
    assert lost_share(curves) == pytest.approx(0.1)
    assert temporal_snr(curves) == clean[0]
    np.testing.assert_array_equal(dvars_percent(curves), clean[1])


def test_without_voxels_or_frames_there_is_no_figure() -> None:
    nothing = np.full((5, 6), np.nan)
    assert np.isnan(temporal_snr(nothing))
    assert np.isnan(dvars_percent(nothing)).all()
    assert np.isnan(lost_share(np.empty((0, 6))))
    assert np.isnan(temporal_snr(np.ones((5, 2))))
