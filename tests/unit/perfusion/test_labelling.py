"""Blood flow of labelled series: against an integral of what arrives, not against the closed forms themselves."""

import itertools

import numpy as np
import pytest
from reperfuse.perfusion.label_arrival import flow_and_arrival
from reperfuse.perfusion.label_kinetics import label_signal
from reperfuse.perfusion.labelling import Labelling, consensus_flow, relaxed
from reperfuse.simulation.label_transport import Label, tissue_label

RNG = np.random.default_rng(8)
START = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """Give each test the same numbers, whichever were run before it."""
    RNG.bit_generator.state = START


VOXELS = 3000
CBF = RNG.uniform(10.0, 120.0, VOXELS)
M0 = RNG.uniform(500.0, 2000.0, VOXELS)
#: Delays, duration of the bolus, efficiency, and the transit times that the delays can tell.
CONTINUOUS = ((0.5, 1.0, 1.5, 2.0, 2.5), 1.8, 0.85, (0.6, 2.3))
PULSED = ((0.6, 1.0, 1.4, 1.8, 2.2), 0.8, 0.98, (0.45, 1.5))
SLICES_S = {"3D": np.zeros(VOXELS), "2D": RNG.integers(0, 20, VOXELS) * 0.03}


def differences(cbf, arrival, delays, duration, efficiency, later, *, pulsed, model="kinetic"):
    """Control less label of voxels with M0, at each delay: by integration."""
    label = Label(pulsed, duration, efficiency, model)
    return np.stack(
        [M0[: len(cbf)] * tissue_label(cbf, arrival, label.age_s(one) + later, 1.33, label) for one in delays], axis=1
    )


@pytest.mark.parametrize("pulsed", [False, True])
@pytest.mark.parametrize("read_s", [0.5, 1.5, 2.5])
def test_the_closed_form_is_the_integral(pulsed: bool, read_s: float) -> None:
    arrival = RNG.uniform(0.2, 4.0, VOXELS)
    truth = differences(CBF, arrival, [read_s], 1.5, 0.8, 0.0, pulsed=pulsed)[:, 0]
    found = M0 * label_signal(CBF, arrival, read_s, 1.5, Labelling(pulsed, 0.8))
    np.testing.assert_allclose(found, truth, atol=1e-9 * truth.max())
    assert (truth == 0).any() == (read_s + (0 if pulsed else 1.5) < 4.0)


def test_the_signal_of_continuous_labelling_by_hand() -> None:
    # all of the bolus is there: f 60, arrival 0.8 s, delay and duration 1.8 s; T1' = 1/(1/1.33 + 0.01/0.9) = 1.3106 s
    expected = 2 * 0.85 * 0.01 / 0.9 * 1.3106 * np.exp(-0.8 / 1.65) * np.exp(-1 / 1.3106) * (1 - np.exp(-1.8 / 1.3106))
    assert label_signal(60.0, 0.8, 1.8, 1.8, Labelling(False, 0.85)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("acquisition", ["2D", "3D"])
@pytest.mark.parametrize(("kind", "delay", "duration"), [("PCASL", 2.0, 1.8), ("CASL", 1.5, 2.0), ("PASL", 2.0, 0.8)])
def test_the_consensus_equation_inverts_its_own_model(
    kind: str, delay: float, duration: float, acquisition: str
) -> None:
    pulsed, later, arrival = kind == "PASL", SLICES_S[acquisition], RNG.uniform(0.3, 1.1, VOXELS)
    made = differences(CBF, arrival, [delay], duration, 0.8, later, pulsed=pulsed, model="single")[:, 0]
    found = consensus_flow(made, M0, delay + later, duration, Labelling(pulsed, 0.8))
    np.testing.assert_allclose(found, CBF, rtol=1e-6)
    if acquisition == "2D":  # and a delay that is not that of the slice reads low
        unshifted = consensus_flow(made, M0, delay, duration, Labelling(pulsed, 0.8))
        assert np.mean(unshifted / CBF) == pytest.approx(np.exp(-later / 1.65).mean(), rel=0.02)


def test_the_consensus_equation_by_hand() -> None:
    flow = consensus_flow(np.array([6.0]), np.array([1000.0]), 1.8, 1.8, Labelling(False, 0.85))
    assert flow[0] == pytest.approx(
        6000 * 0.9 * 0.006 * np.exp(1.8 / 1.65) / (2 * 0.85 * 1.65 * (1 - np.exp(-1.8 / 1.65))), rel=1e-9
    )
    pulsed = consensus_flow(np.array([6.0]), np.array([1000.0]), 1.8, 0.8, Labelling(True, 0.98, 1.5))
    assert pulsed[0] == pytest.approx(6000 * 0.9 * 0.006 * np.exp(1.8 / 1.35) / (2 * 0.98 * 0.8), rel=1e-9)


def test_flow_is_unknown_without_m0() -> None:
    flow = consensus_flow(np.ones(3), np.array([0.0, -1.0, np.nan]), 1.8, 1.8, Labelling(False, 0.85))
    assert np.isnan(flow).all()
    found = flow_and_arrival(np.ones((3, 2)), np.zeros(3), [1.0, 2.0], [1.8, 1.8], [1, 1], Labelling(False, 0.85))
    assert np.isnan(found.flow).all()
    assert np.isnan(found.arrival_s).all()


@pytest.mark.parametrize("acquisition", ["2D", "3D"])
@pytest.mark.parametrize(("pulsed", "how"), [(False, CONTINUOUS), (True, PULSED)], ids=["continuous", "pulsed"])
def test_several_delays_give_flow_and_transit_time(pulsed: bool, how: tuple, acquisition: str) -> None:
    delays, duration, efficiency, (first, last) = how
    later = SLICES_S[acquisition]
    # what had all arrived before the first image of its slice cannot be told
    arrival = RNG.uniform(np.maximum(first, delays[0] + later - (duration if pulsed else 0) + 0.1), last)
    made = differences(CBF, arrival, delays, duration, efficiency, later, pulsed=pulsed)
    found = flow_and_arrival(
        made, M0, delays, [duration] * 5, [1] * 5, Labelling(pulsed, efficiency), later_s=later
    )  # fmt: skip
    np.testing.assert_allclose(found.flow, CBF, rtol=0.02)
    np.testing.assert_allclose(found.arrival_s, arrival, atol=0.05)


@pytest.mark.parametrize(("pulsed", "how"), [(False, CONTINUOUS), (True, PULSED)], ids=["continuous", "pulsed"])
def test_noise_does_not_shift_the_flow(pulsed: bool, how: tuple) -> None:
    delays, duration, efficiency, _ = how
    arrival = RNG.uniform(0.7, 1.3, VOXELS)
    made = differences(np.full(VOXELS, 60.0), arrival, delays, duration, efficiency, 0.0, pulsed=pulsed)
    noise = 0.5 * made.mean()
    loud, quiet = (made + RNG.normal(0, sd, made.shape) for sd in (noise, noise / 3))
    found = flow_and_arrival(
        loud, M0, delays, [duration] * 5, [1] * 5, Labelling(pulsed, efficiency), smoothed=quiet, noise=noise / 3
    )  # fmt: skip
    assert found.flow.std() > 5  # it is noisy
    assert found.flow.mean() == pytest.approx(60.0, rel=0.03)
    assert np.isnan(found.arrival_s).mean() < 0.01  # where noise hides the label
    assert np.nanmedian(found.arrival_s - arrival) == pytest.approx(0, abs=0.05)


def test_label_that_came_before_the_first_image_reads_as_the_first_delay() -> None:
    made = differences(np.full(50, 60.0), np.full(50, 0.3), (1.0, 1.5, 2.0), 1.8, 0.85, 0.0, pulsed=False)
    found = flow_and_arrival(made, M0[:50], (1.0, 1.5, 2.0), [1.8] * 3, [1] * 3, Labelling(False, 0.85))
    np.testing.assert_allclose(found.arrival_s, 1.0, atol=0.06)
    np.testing.assert_allclose(found.flow, 60.0 * np.exp((1.0 - 0.3) * (1 / 1.65 - 1 / 1.3106)), rtol=0.03)


def test_where_there_is_no_signal_the_transit_time_is_unknown_and_the_flow_is_none() -> None:
    noise = RNG.normal(0, 1.0, (VOXELS, 5))
    found = flow_and_arrival(
        noise, np.full(VOXELS, 1000.0), CONTINUOUS[0], [1.8] * 5, [1] * 5, Labelling(False, 0.85), noise=1.0
    )  # fmt: skip
    assert np.isnan(found.arrival_s).mean() > 0.95
    assert np.isfinite(found.flow).all()
    assert np.median(np.abs(found.flow)) < 15


def test_noise_is_told_from_what_the_curves_leave() -> None:
    made = differences(np.full(VOXELS, 60.0), np.full(VOXELS, 1.2), CONTINUOUS[0], 1.8, 0.85, 0.0, pulsed=False)
    found = flow_and_arrival(
        made + RNG.normal(0, 1.5, made.shape), M0, CONTINUOUS[0], [1.8] * 5, [1] * 5, Labelling(False, 0.85)
    )  # fmt: skip
    assert found.noise == pytest.approx(1.5, rel=0.25)


def test_a_delay_of_more_pairs_counts_more() -> None:
    made = differences(np.full(VOXELS, 60.0), np.full(VOXELS, 0.9), CONTINUOUS[0], 1.8, 0.85, 0.0, pulsed=False)
    pairs = np.array([2, 2, 2, 2, 32])
    noisy = made + RNG.normal(0, 3.0, made.shape) / np.sqrt(pairs)
    flows = [
        flow_and_arrival(
            noisy, M0, CONTINUOUS[0], [1.8] * 5, counted, Labelling(False, 0.85), smoothed=made, noise=0.1
        ).flow
        for counted in (pairs, [1] * 5)
    ]
    assert flows[0].std() < 0.85 * flows[1].std()


@pytest.mark.parametrize(("repetition", "share"), [(8.0, 1.0), (5.0, 1.0), (3.0, 1 - np.exp(-3.0 / 1.33))])
def test_m0_of_short_repetition_is_made_whole(repetition: float, share: float) -> None:
    assert relaxed(np.array([share * 700.0]), repetition, Labelling(False, 0.85))[0] == pytest.approx(700.0)


def test_flow_does_not_depend_on_the_unit_of_the_images() -> None:
    made = differences(CBF[:100], np.full(100, 1.2), CONTINUOUS[0], 1.8, 0.85, 0.0, pulsed=False)
    for scale, (delays, durations) in itertools.product((1e-3, 1e4), [(CONTINUOUS[0], [1.8] * 5)]):
        found = flow_and_arrival(scale * made, scale * M0[:100], delays, durations, [1] * 5, Labelling(False, 0.85))
        np.testing.assert_allclose(found.flow, CBF[:100], rtol=0.02)
