"""Frames that show something else, in pictures that nobody simulated as a head."""

import numpy as np
import pytest
from reperfuse.perfusion.outliers import air_signal, find_outliers
from scipy import ndimage
from scipy.stats import gamma

SHAPE, FRAMES, BASELINE = (24, 26, 12), 45, slice(2, 10)


def passage(drop: float, snr: float, seed: int) -> np.ndarray:
    """Return voxels' curves (n, t) of a bolus that takes ``drop`` of the mean signal, vessels to nothing."""
    rng = np.random.default_rng(seed)
    level = 100 * np.exp(ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.0) * 3).ravel()
    strength = np.exp(0.8 * ndimage.gaussian_filter(rng.normal(size=SHAPE), 1.0).ravel() * 3)
    strength[rng.random(len(strength)) < 0.03] *= 8
    late = 2.0 + ndimage.gaussian_filter(rng.normal(size=SHAPE), 3.0).ravel() * 20
    late[: len(late) // 5] += 3
    time = np.arange(FRAMES)[None] - 9.0 - late[:, None]
    curve = gamma.pdf(time, 3.5, scale=1.5)
    size = 1.0
    for _ in range(40):  # so that the mean signal drops as wanted
        signal = level[:, None] * np.exp(-size * strength[:, None] * curve)
        size *= (drop / (1 - signal.mean(axis=0).min() / level.mean())) ** 0.7
    sigma = 100 / snr
    return np.hypot(signal + rng.normal(0, sigma, signal.shape), rng.normal(0, sigma, signal.shape))


def ghosted(frame: np.ndarray) -> np.ndarray:
    image = frame.reshape(SHAPE)
    return (0.6 * image + 0.4 * np.roll(image, SHAPE[1] // 2, axis=1)).ravel()


def torn(frame: np.ndarray) -> np.ndarray:
    image = frame.reshape(SHAPE).copy()
    image[:, :, 1::2] = np.roll(image[:, :, 1::2], 1, axis=0)
    return image.ravel()


def half_empty(frame: np.ndarray) -> np.ndarray:
    image = frame.reshape(SHAPE).copy()
    image[:, :, 6:] = 0
    return image.ravel()


def of_another_head(frame: np.ndarray) -> np.ndarray:
    return frame.reshape(SHAPE)[::-1].ravel()


@pytest.mark.parametrize("snr", [20, 50, 150])
@pytest.mark.parametrize("drop", [0.1, 0.3, 0.5, 0.6])
def test_no_frame_is_an_outlier_for_its_contrast(drop: float, snr: float) -> None:
    curves = passage(drop, snr, seed=1)
    assert not find_outliers(curves, BASELINE, np.ones(FRAMES, bool)).any()


@pytest.mark.parametrize("damage", [ghosted, torn, half_empty, of_another_head])
@pytest.mark.parametrize("drop", [0.15, 0.5])
def test_damaged_frames_are_found_wherever_they_are(damage, drop: float) -> None:
    for frame in (4, 12, 14, 16, 30):
        curves = passage(drop, 50, seed=2)
        curves[:, frame] = damage(curves[:, frame])
        assert list(np.flatnonzero(find_outliers(curves, BASELINE, np.ones(FRAMES, bool)))) == [frame]


def test_two_frames_alike_do_not_vouch_for_each_other() -> None:
    curves = passage(0.35, 50, seed=3)
    for frame in (13, 14):
        curves[:, frame] = of_another_head(curves[:, frame])
    assert list(np.flatnonzero(find_outliers(curves, BASELINE, np.ones(FRAMES, bool)))) == [13, 14]


def test_frames_that_could_not_be_aligned_are_not_looked_at() -> None:
    curves = passage(0.35, 50, seed=3)
    usable = np.ones(FRAMES, bool)
    usable[20] = False
    curves[:, 20] = np.nan
    curves[:, 0] *= 1.5  # not yet at steady state
    curves[:50, 33] = np.nan  # voxels that have left the field of view
    assert not find_outliers(curves, BASELINE, usable).any()


def test_the_scale_of_the_signal_does_not_matter() -> None:
    curves = passage(0.35, 50, seed=4)
    curves[:, 15] = ghosted(curves[:, 15])
    usable = np.ones(FRAMES, bool)
    np.testing.assert_array_equal(
        find_outliers(curves, BASELINE, usable), find_outliers(7e3 * curves, BASELINE, usable)
    )


def test_a_ghost_is_seen_in_the_air() -> None:
    """A ghost in quadrature changes the brain by a few per cent only; outside the head it is plain."""
    rng = np.random.default_rng(1)
    x, y, _ = np.indices((40, 48, 6)) * np.array([4.0, 4.0, 6.0]).reshape(3, 1, 1, 1)
    head = (x - 80) ** 2 + (y - 94) ** 2 < 45**2
    frames = np.repeat((100.0 * head)[..., None], FRAMES, axis=3)
    frames[..., 12:20] *= 0.6  # the bolus
    frames[..., 25] = np.hypot(0.93 * frames[..., 25], 0.36 * np.roll(frames[..., 25], 24, axis=1))
    frames = np.hypot(frames + rng.normal(0, 4, frames.shape), rng.normal(0, 4, frames.shape))
    air = air_signal(frames, head, np.array([4.0, 4.0, 6.0]))
    curves, usable = frames[head], np.ones(FRAMES, bool)
    assert list(np.flatnonzero(find_outliers(curves, BASELINE, usable, air))) == [25]
    assert not air_signal(frames, np.ones_like(head), np.array([4.0, 4.0, 6.0])).any()
