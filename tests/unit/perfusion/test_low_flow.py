"""Low flow against the other side: thresholds, white matter, noise, and what tells of late label."""

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.perfusion.label_pairs import Differences
from reperfuse.perfusion.label_quality import (
    borderzone_ml,
    bright_shares,
    cortex_of,
    has_transit_artefact,
    negative_share,
    pair_noise,
    spatial_variation,
    trustworthy,
)
from reperfuse.perfusion.low_flow import low_flow_finder
from scipy import ndimage

RNG = np.random.default_rng(4)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Give each test the same numbers, whichever were run before it."""
    RNG.bit_generator.state = START


SHAPE, VOXEL = (60, 60, 30), np.array([3.0, 3.0, 3.0])
X, Y, Z = np.indices(SHAPE) - (np.array(SHAPE).reshape(3, 1, 1, 1) - 1) / 2
TISSUE = X**2 + Y**2 + (1.5 * Z) ** 2 < 26**2
RIGHT = X > 0
#: Cortex around white matter, which has a third of its flow.
NORMAL = np.where(X**2 + Y**2 + (1.5 * Z) ** 2 < 18**2, 22.0, 65.0)
BALL = (X + 14) ** 2 + Y**2 + Z**2 < 9**2


def find(flow: np.ndarray, share: float, **changed) -> np.ndarray:
    known = np.where(TISSUE, flow, np.nan)
    return low_flow_finder(known, known[::-1], TISSUE, RIGHT, VOXEL, **changed)(share)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def test_white_matter_is_no_low_flow() -> None:
    assert NORMAL[TISSUE].min() < 0.5 * NORMAL[TISSUE].mean()
    assert not find(NORMAL, 0.5).any()


@pytest.mark.parametrize("smoothing_mm", [0.0, 4.0, 8.0])
def test_a_ball_of_little_flow_keeps_its_size(smoothing_mm: float) -> None:
    flow = np.where(BALL, 0.2 * NORMAL, NORMAL)
    found = find(flow, 0.4, smoothing_mm=smoothing_mm)
    assert dice(found, BALL) > 0.9
    assert found.sum() == pytest.approx(BALL.sum(), rel=0.15)


def test_a_share_decides() -> None:
    flow = np.where(BALL, 0.35 * NORMAL, NORMAL)
    assert not find(flow, 0.3).any()
    assert dice(find(flow, 0.4), BALL) > 0.85
    assert find(flow, 0.5).sum() >= find(flow, 0.4).sum()


def test_noise_alone_is_no_low_flow() -> None:
    noise = ndimage.gaussian_filter(RNG.standard_normal(SHAPE), 0.8)
    assert not find(NORMAL + 15.0 * noise / noise.std(), 0.4, smoothing_mm=8.0).any()


def test_the_other_side_may_be_left_out() -> None:
    flow = np.where(BALL | BALL[::-1] & (Y > 0), 0.1 * NORMAL, NORMAL)
    counted = find(flow, 0.4, counts=RIGHT)
    assert not (counted & ~RIGHT).any()


def test_without_normal_tissue_there_is_a_reason() -> None:
    with pytest.raises(DataFault, match="no normal tissue"):
        low_flow_finder(NORMAL, NORMAL, np.zeros(SHAPE, bool), RIGHT, VOXEL)


def test_bright_spots_in_dark_tissue_are_an_artefact_and_cortex_is_not() -> None:
    dark = np.where(BALL, 0.2 * NORMAL, NORMAL)
    low = find(dark, 0.4)
    assert not has_transit_artefact(bright_shares(dark, TISSUE, low, VOXEL))
    spots = (np.indices(SHAPE).sum(axis=0) % 11 == 0) & ndimage.binary_dilation(BALL, iterations=2)
    assert has_transit_artefact(bright_shares(np.where(spots, 180.0, dark), TISSUE, low, VOXEL))
    anywhere = RNG.random(SHAPE) < 0.01
    assert not has_transit_artefact(bright_shares(np.where(anywhere, 180.0, dark), TISSUE, low, VOXEL))


def test_late_border_zones_are_low_on_both_sides() -> None:
    cortex = cortex_of(TISSUE, TISSUE, VOXEL)
    assert cortex.sum() < TISSUE.sum()
    zone = (np.abs(X) > 8) & (Y > 16)
    assert borderzone_ml(NORMAL, cortex, RIGHT, VOXEL) == 0
    assert borderzone_ml(np.where(zone, 5.0, NORMAL), cortex, RIGHT, VOXEL) > 3
    assert borderzone_ml(np.where(zone & RIGHT, 5.0, NORMAL), cortex, RIGHT, VOXEL) == 0


def test_figures_of_quality() -> None:
    flow = np.where(RIGHT, 60.0, -20.0)
    assert negative_share(flow, TISSUE) == pytest.approx(0.5, abs=0.01)
    assert spatial_variation(np.where(RIGHT, 60.0, 40.0), TISSUE) == pytest.approx(0.2, abs=0.01)
    images = 5.0 + 3.0 * RNG.standard_normal((*SHAPE, 8))
    pairs = Differences(images, np.repeat([1.0, 2.0], 4), np.full(8, 1.8))
    assert pair_noise(pairs, TISSUE) == pytest.approx(3.0, rel=0.05)
    single = Differences(images[..., :2], np.array([1.0, 2.0]), np.full(2, 1.8))
    assert pair_noise(single, TISSUE) is None


def test_what_motion_tears_is_left_out() -> None:
    torn = np.zeros(SHAPE, bool)
    torn[:, :, 3] = True
    images = 5.0 + np.where(torn, 30.0, 3.0)[..., None] * RNG.standard_normal((*SHAPE, 8))
    m0 = np.where(Y > 20, 100.0, 1000.0)
    images[2:5, 30, 15, 0] = np.nan
    known = trustworthy(Differences(images, np.ones(8), np.full(8, 1.8)), m0, TISSUE)
    assert (known & torn).sum() < 0.05 * (TISSUE & torn).sum()
    assert not (known & (Y > 20)).any()
    whole = TISSUE & ~torn & (Y <= 20)
    assert (known & whole).sum() > 0.98 * whole.sum()
