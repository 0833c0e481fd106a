"""Low flow by ASL in simulated strokes: its volume, and whether label that comes too late is told."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from reperfuse.head.mirror import Mirror, half, reflect
from reperfuse.perfusion.label_arrival import flow_and_arrival
from reperfuse.perfusion.label_pairs import Differences, subtract
from reperfuse.perfusion.label_quality import bright_shares, has_transit_artefact, pair_noise, trustworthy
from reperfuse.perfusion.labelling import Labelling, consensus_flow, relaxed
from reperfuse.perfusion.low_flow import low_flow_finder
from reperfuse.simulation.anatomy import Head, Region, Side
from reperfuse.simulation.geometry import average_voxels, moving_oversampling, sample_points
from reperfuse.simulation.labelling import AslProtocol, acquire_asl
from reperfuse.simulation.patients import DEFICIT_CENTRE, PROPORTIONS
from reperfuse.simulation.physiology import Flow, Zone
from reperfuse.simulation.protocols import Matrix, make_grid
from reperfuse.simulation.truth import is_inside
from reperfuse.volumes.smoothing import smooth_inside

GRID = make_grid(Matrix((64, 64, 20), (3.5, 3.5, 6.0)))
VOXEL = np.array([3.5, 3.5, 6.0])
PLANE = Mirror(np.array([1.0, 0.0, 0.0]), 0.0, np.diag([-1.0, 1.0, 1.0, 1.0]), 1.0)
FIVE = AslProtocol(delays_s=(0.7, 1.3, 1.9, 2.5, 3.1), pairs=6)
ONE = AslProtocol(pairs=30)
#: Where the stroke may lie: distance from the midline, y, z, mm.
CENTRES = (DEFICIT_CENTRE, (36.0, -30.0, 26.0), (34.0, 12.0, 18.0))


@dataclass(frozen=True)
class Stroke:
    """A stroke: tissue of little flow, and around it tissue of nearly enough, which label reaches late.

    ``late_s`` is by how much label comes late in the first and in the second, s.
    """

    deficit_ml: float
    rim_ml: float
    late_s: tuple[float, float]
    side: Side = "left"
    centre: tuple[float, float, float] = DEFICIT_CENTRE

    def region(self, volume_ml: float) -> Region:
        return Region(self.side, self.centre, PROPORTIONS, volume_ml)

    @property
    def flow(self) -> Flow:
        deep, rim = self.late_s
        rim_zone = Zone(self.region(self.deficit_ml + self.rim_ml), (0.6, 0.95), (1.0, 1.0), (rim, 0.8 * rim))
        return Flow((rim_zone, Zone(self.region(self.deficit_ml), (0.15, 0.25), (1.0, 1.0), (deep, 0.8 * deep))))


@dataclass(frozen=True)
class Measured:
    """Volumes of low flow (mL) at 30, 40 and 50 %, the true one, Dice at 40 %, and whether late label is told."""

    ml: dict[int, float]
    true_ml: float
    dice: float
    told: bool


def measure(stroke: Stroke | None, protocol: AslProtocol, seed: int = 5, asymmetry_mm: float = 0.0) -> Measured:
    """Scan a stroke, or a healthy head, and find its low flow, as the steps do."""
    head, still = Head(asymmetry_mm), np.tile(np.eye(4), (len(protocol.volumes), 1, 1))
    made = acquire_asl(head, stroke.flow if stroke else Flow(), GRID, np.eye(4), protocol, still, seed)
    kinds, delays = zip(*protocol.volumes, strict=True)
    pairs = subtract(made.series, kinds, delays, [protocol.duration_s] * len(kinds))
    labelling = Labelling(False, protocol.efficiency)
    m0 = relaxed(made.m0, protocol.m0_tr_s, labelling)
    brain = trustworthy(pairs, m0, made.tissue > 0.3)
    flow = _flow(pairs, smooth_inside(m0, brain, VOXEL, 5.0), brain, labelling)
    right = half(GRID.shape, GRID.affine, PLANE)
    mirrored = reflect(np.where(brain, flow, np.nan), GRID.affine, PLANE)
    find = low_flow_finder(flow, mirrored, brain, right, VOXEL, smoothing_mm=8.0)
    masks = {percent: find(percent / 100) for percent in (30, 40, 50)}
    parts = moving_oversampling(GRID)
    region = stroke.region(stroke.deficit_ml) if stroke else None
    inside = is_inside(sample_points(GRID, np.eye(4), head, parts), region)
    true = (average_voxels(inside.astype(np.float32), GRID, parts) > 0.5) & brain
    both = int(masks[40].sum() + true.sum())
    return Measured(
        {percent: float(mask.sum() * GRID.voxel_ml) for percent, mask in masks.items()},
        float(true.sum() * GRID.voxel_ml),
        2 * int((masks[40] & true).sum()) / both if both else 1.0,
        has_transit_artefact(bright_shares(flow, brain, masks[40], VOXEL)),
    )


def _flow(pairs: Differences, m0: np.ndarray, brain: np.ndarray, labelling: Labelling) -> np.ndarray:
    near, wide = (replace(pairs, images=smooth_inside(pairs.images, brain, VOXEL, mm)) for mm in (5.0, 10.0))
    delays, durations = zip(*pairs.conditions, strict=True)
    if len(delays) == 1:
        return consensus_flow(near.images.mean(axis=-1), m0, delays[0], durations[0], labelling)
    means = [
        np.stack([one.images[brain][:, one.at(at)].mean(axis=1) for at in one.conditions], axis=1)
        for one in (near, wide)
    ]
    counts = [int(pairs.at(at).sum()) for at in pairs.conditions]
    found = flow_and_arrival(
        means[0], m0[brain], delays, durations, counts, labelling, smoothed=means[1], noise=pair_noise(wide, brain)
    )  # fmt: skip
    flow = np.full(brain.shape, np.nan)
    flow[brain] = found.flow
    return flow


@pytest.mark.parametrize("deficit_ml", [40.0, 90.0])
def test_the_volume_of_low_flow_with_noise_is_that_without(deficit_ml: float) -> None:
    stroke = Stroke(deficit_ml, 60.0, (2.2, 1.6))
    quiet, noisy = measure(stroke, replace(FIVE, snr=0)), measure(stroke, FIVE)
    print(deficit_ml, "true", quiet.true_ml, "without noise", quiet.ml, "with", noisy.ml, "Dice", noisy.dice)
    for percent in (30, 40, 50):
        assert abs(noisy.ml[percent] - quiet.ml[percent]) <= max(8.0, 0.2 * quiet.ml[percent])
    assert abs(noisy.ml[40] - noisy.true_ml) <= max(8.0, 0.2 * noisy.true_ml)
    assert noisy.dice > 0.8


@pytest.mark.parametrize("protocol", [FIVE, ONE], ids=["five delays", "one"])
def test_a_healthy_head_has_no_low_flow(protocol: AslProtocol) -> None:
    found = measure(None, protocol)
    assert found.ml == {30: 0.0, 40: 0.0, 50: 0.0}
    assert not found.told


def test_a_single_delay_takes_late_tissue_for_starved_and_tells() -> None:
    late = Stroke(30.0, 90.0, (2.2, 2.6))
    one, five = measure(late, ONE), measure(late, FIVE)
    print("true", one.true_ml, "one delay", one.ml[40], "five", five.ml[40])
    assert one.ml[40] > 1.5 * one.true_ml
    assert one.told
    # where label arrives in time there is nothing to tell
    early = measure(Stroke(30.0, 90.0, (0.5, 0.3)), ONE)
    assert early.ml[40] == pytest.approx(early.true_ml, abs=12.0)
    assert not early.told
