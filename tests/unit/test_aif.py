"""The arterial input against volumes whose arteries, veins and noise are known."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from reperfuse.aif import ArterialInput, aif_from_curve, aif_from_voxels, measure_curve, remove_tissue, select_aif
from reperfuse.concentration import Baseline, delta_r2star, find_baseline, relative_noise
from reperfuse.faults import DataFault
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve, tissue_curves, venous_curve

DT_S, ECHO_S, SHAPE, SIZE_MM = 1.5, 0.03, (24, 24, 8), (2.75, 2.75, 6.0)


@dataclass(frozen=True)
class Volume:
    """ΔR2* of a brain, and where its vessels are."""

    concentration: np.ndarray
    mask: np.ndarray
    arteries: np.ndarray
    veins: np.ndarray
    truth: np.ndarray
    baseline: Baseline
    noise: np.ndarray

    @property
    def scan(self) -> dict[str, Any]:
        return {"echo_time_s": ECHO_S, "noise": self.noise, "voxel_size_mm": SIZE_MM}

    def select(self, **options: object) -> ArterialInput:
        return select_aif(self.concentration, self.mask, DT_S, self.baseline, **self.scan, **options)


def make_volume(
    snr: float = 50,
    frames: int = 60,
    share: float = 1.0,
    lesion_delay_s: float = 0.0,
    *,
    has_arteries: bool = True,
    has_veins: bool = True,
    seed: int = 0,
) -> Volume:
    """Tissue with thin arteries and thick veins, mixed as signals, with Rician noise.

    The half x ≥ 12 is delayed, arteries and all, by ``lesion_delay_s``.
    An artery fills at most ``share`` of a voxel.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(frames) * DT_S
    late = np.zeros(SHAPE)
    late[12:] = lesion_delay_s
    grey = rng.random(SHAPE) < 0.6
    tissue = tissue_curves(
        time,
        np.where(grey, 66, 24).ravel() * np.where(late.ravel() > 0, 0.4, 1),
        np.where(grey, 4.2, 5.0).ravel() / np.where(late.ravel() > 0, 0.4, 1),
        (rng.uniform(0.2, 0.8, SHAPE) + 1.5 * late).ravel(),
    ).reshape(*SHAPE, frames)
    arteries, veins = np.zeros(SHAPE), np.zeros(SHAPE)
    if has_arteries:
        arteries[6:8, 5:15, 3] = share * rng.uniform(0.3, 1, (2, 10))
        arteries[16:18, 5:15, 3] = share * rng.uniform(0.3, 1, (2, 10))
    if has_veins:
        veins[11:13, 18:23, 2:8] = rng.uniform(0.5, 1, (2, 5, 6))
        veins[11:13, 19:22, 3:7] = 1
    arterial = np.stack([arterial_curve(time - d) for d in (0.0, lesion_delay_s)])[(late > 0).astype(int)]
    signal = (1 - arteries - veins)[..., None] * np.exp(-ECHO_S * tissue)
    signal += arteries[..., None] * np.exp(-ECHO_S * arterial)
    signal += veins[..., None] * np.exp(-ECHO_S * venous_curve(time))
    noise = rng.standard_normal((2, *signal.shape)) / snr
    signal = np.hypot(signal + noise[0], noise[1])
    mask = np.ones(SHAPE, bool)
    mask[:2] = mask[-2:] = False
    signal[:2] = noise[0, :2] + 1.5 * rng.random((2, *SHAPE[1:], 1))
    baseline = find_baseline(signal[mask].mean(axis=0), DT_S)
    return Volume(
        delta_r2star(signal, ECHO_S, baseline),
        mask,
        arteries,
        veins,
        arterial_curve(time),
        baseline,
        relative_noise(signal, mask, baseline),
    )


def at(volume: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    return volume[tuple(voxels.T)]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("snr", "share"), [(100, 1.0), (50, 1.0), (50, 0.5), (20, 0.7), (15, 1.0), (15, 0.5)])
def test_arteries_are_found_in_noise_and_partial_volume(snr: float, share: float, seed: int) -> None:
    volume = make_volume(snr, share=share, seed=seed)
    found = volume.select()
    assert (at(volume.arteries, found.aif_voxels) > 0.2).all()
    assert (at(volume.veins, found.vof_voxels) > 0.4).all()
    truth = measure_curve(volume.truth, DT_S, volume.baseline)
    assert found.quality["arrival_s"] == pytest.approx(truth["arrival_s"], abs=0.5)
    assert found.quality["rise_s"] == pytest.approx(truth["rise_s"], abs=0.6)
    assert np.corrcoef(found.aif, volume.truth)[0, 1] > 0.9
    assert found.aif.sum() == pytest.approx(volume.truth.sum(), rel=0.25)
    assert 4 <= found.quality["n_voxels"] <= 6
    assert found.score > 0.5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_late_half_of_the_brain_gives_no_artery(seed: int) -> None:
    volume = make_volume(30, lesion_delay_s=3.0, seed=seed)
    found = volume.select()
    assert (found.aif_voxels[:, 0] < 12).all()
    assert found.quality["arrival_s"] == pytest.approx(
        measure_curve(volume.truth, DT_S, volume.baseline)["arrival_s"], abs=0.5
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("snr", "share"), [(10, 0.5), (7, 0.4), (20, 0.3), (4, 0.5)])
def test_what_is_hardly_seen_is_right_or_doubtful(snr: float, share: float, seed: int) -> None:
    """Beyond what can be used there is a reason, a low score or a warning, or else the curve is right."""
    try:
        volume = make_volume(snr, share=share, seed=seed)
        found = volume.select()
    except DataFault:
        return
    truth = measure_curve(volume.truth, DT_S, volume.baseline)
    late_s = found.quality["rise_s"] - truth["rise_s"]
    is_right = (at(volume.arteries, found.aif_voxels) > 0.05).all() and abs(late_s) < 1
    assert is_right or found.score < 0.5 or found.warnings


def test_search_holds_arteries_but_not_veins() -> None:
    volume = make_volume()
    right = np.zeros(SHAPE, bool)
    right[14:] = True
    found = volume.select(search=right)
    assert (found.aif_voxels[:, 0] >= 14).all()
    assert (at(volume.veins, found.vof_voxels) > 0.4).all()


def test_a_side_without_arteries_gives_way_to_both_with_a_warning() -> None:
    volume = make_volume()
    found = volume.select(search=np.zeros(SHAPE, bool))
    np.testing.assert_array_equal(found.aif_voxels, volume.select().aif_voxels)
    assert any("both sides" in warning for warning in found.warnings)
    assert not any("both sides" in warning for warning in volume.select().warnings)


@pytest.mark.parametrize("frames", [24, 30])
def test_a_truncated_tail_keeps_time_and_area(frames: int) -> None:
    volume = make_volume(50, frames, share=0.6)
    found = volume.select()
    assert (at(volume.arteries, found.aif_voxels) > 0.2).all()
    assert found.aif.sum() == pytest.approx(volume.truth.sum(), rel=0.25)


@pytest.mark.parametrize("snr", [100, 30, 15])
@pytest.mark.parametrize("has_veins", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_artery_is_a_fault(snr: float, has_veins: bool, seed: int) -> None:
    """Neither veins nor the luckiest of thousands of noisy tissue curves are arteries."""
    volume = make_volume(snr, has_arteries=False, has_veins=has_veins, seed=seed)
    with pytest.raises(DataFault, match="no artery in the field of view"):
        volume.select()


def test_a_score_below_the_limit_is_a_fault() -> None:
    volume = make_volume(15, share=0.5)
    score = volume.select().score
    with pytest.raises(DataFault, match=r"no usable arterial input: the best candidates are too wide \(score 0"):
        volume.select(min_score=score + 0.01)


def test_spikes_and_steps_are_no_arteries() -> None:
    volume = make_volume()
    arrival = volume.baseline.arrival
    curves = volume.concentration.copy()
    curves[3:5, 10, 5, arrival + 1] += 150
    curves[3:5, 12, 5, arrival + 2 :] += 150
    found = replace(volume, concentration=curves).select()
    assert (at(volume.arteries, found.aif_voxels) > 0.2).all()
    assert (at(volume.veins, found.vof_voxels) > 0.4).all()


def test_voxels_without_a_curve_are_passed_over() -> None:
    volume = make_volume()
    best = volume.select().aif_voxels[0]
    curves = volume.concentration.copy()
    curves[(*best, 20)] = np.nan
    found = replace(volume, concentration=curves).select()
    assert not (found.aif_voxels == best).all(axis=1).any()
    assert np.isfinite(found.aif).all()
    with pytest.raises(DataFault, match="valid curve"):
        replace(volume, concentration=np.full_like(curves, np.nan)).select()


def test_scaling_gives_the_venous_area() -> None:
    volume = make_volume(share=0.5)
    scaled, plain = volume.select(), volume.select(scale_to_vof=False)
    assert scaled.aif.sum() == pytest.approx(plain.aif.sum() * plain.quality["area_ratio"])
    assert plain.quality["area_ratio"] > 1.3
    np.testing.assert_allclose(plain.aif, volume.concentration[tuple(plain.aif_voxels.T)].mean(axis=0), rtol=1e-5)
    assert plain.quality["area"] == pytest.approx(plain.aif.sum() * DT_S)


def test_without_veins_the_curve_stands_and_says_so() -> None:
    volume = make_volume(has_veins=False)
    found = volume.select()
    assert np.isnan(found.vof).all()
    assert any("vein" in warning for warning in found.warnings)
    np.testing.assert_array_equal(found.aif, volume.select(scale_to_vof=False).aif)


def test_order_of_axes_does_not_matter() -> None:
    volume = make_volume()
    found = volume.select()
    turned = select_aif(
        volume.concentration.transpose(2, 0, 1, 3)[:, ::-1],
        volume.mask.transpose(2, 0, 1)[:, ::-1],
        DT_S,
        volume.baseline,
        echo_time_s=ECHO_S,
        noise=volume.noise.transpose(2, 0, 1)[:, ::-1],
        voxel_size_mm=(SIZE_MM[2], SIZE_MM[0], SIZE_MM[1]),
    )
    np.testing.assert_allclose(turned.aif, found.aif, rtol=1e-5, atol=1e-4)
    back = turned.aif_voxels[:, [1, 2, 0]] * [-1, 1, 1] + [SHAPE[0] - 1, 0, 0]
    assert {tuple(v) for v in back} == {tuple(v) for v in found.aif_voxels}


def test_voxels_given_by_hand_are_used() -> None:
    volume = make_volume()
    chosen = volume.arteries > 0.8
    found = aif_from_voxels(
        volume.concentration, chosen, volume.mask, DT_S, volume.baseline, **volume.scan, scale_to_vof=False
    )
    np.testing.assert_allclose(found.aif, volume.concentration[chosen].mean(axis=0), rtol=1e-4, atol=1e-3)
    np.testing.assert_array_equal(found.aif_voxels, np.argwhere(chosen))
    tissue = np.zeros(SHAPE, bool)
    tissue[4:6, 18:20, 6] = True
    doubtful = aif_from_voxels(volume.concentration, tissue, volume.mask, DT_S, volume.baseline, **volume.scan)
    assert doubtful.score < 0.2
    assert doubtful.weakness in {"lead", "width"}
    with pytest.raises(DataFault, match="given arterial voxels"):
        aif_from_voxels(volume.concentration, np.zeros(SHAPE, bool), volume.mask, DT_S, volume.baseline, **volume.scan)


def test_a_curve_given_by_hand_is_used() -> None:
    volume = make_volume()
    found = aif_from_curve(volume.truth, volume.concentration, volume.mask, DT_S, volume.baseline, **volume.scan)
    np.testing.assert_array_equal(found.aif, volume.truth)
    assert found.aif_voxels.shape == (0, 3)
    assert (at(volume.veins, found.vof_voxels) > 0.4).all()
    for wrong in (volume.truth[:-1], np.full(60, np.nan)):
        with pytest.raises(DataFault, match="given arterial curve"):
            aif_from_curve(wrong, volume.concentration, volume.mask, DT_S, volume.baseline, **volume.scan)


def test_quality_of_a_known_curve() -> None:
    bolus = Bolus(arrival_s=20.0, peak=80.0, recirculation=0.0, tail=0.0)
    fine = np.arange(0, 90, 0.01)
    curve = arterial_curve(fine, bolus)
    above = fine[curve > 40]
    found = measure_curve(arterial_curve(np.arange(0, 90, 0.5), bolus), 0.5, Baseline(0, 40))
    assert found["peak"] == pytest.approx(80, rel=0.02)
    assert found["fwhm_s"] == pytest.approx(np.ptp(above), abs=0.15)
    assert found["rise_s"] == pytest.approx(above[0], abs=0.1)
    assert 20 <= found["arrival_s"] <= above[0]
    assert found["area"] == pytest.approx(curve.sum() * 0.01, rel=1e-3)
    assert found["roughness"] < 0.02
    later = measure_curve(arterial_curve(np.arange(0, 90, 0.5) - 3.2, bolus), 0.5, Baseline(0, 46))
    assert later["arrival_s"] - found["arrival_s"] == pytest.approx(3.2, abs=0.1)
