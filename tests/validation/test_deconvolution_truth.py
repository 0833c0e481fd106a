"""Perfusion maps against phantoms whose perfusion is known, and against published reference curves."""

import csv
from pathlib import Path

import numpy as np
import pytest
from reperfuse.perfusion.deconvolution import METHODS, deconvolve
from reperfuse.simulation.hemodynamics import arterial_curve, tissue_curves
from scipy.interpolate import CubicSpline


def add_noise(curves: np.ndarray, snr: float, seed: int, echo_s: float = 0.03) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(curves.shape) / snr
    return -np.log(np.maximum(np.exp(-echo_s * curves) + noise, 0.01)) / echo_s


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])


@pytest.mark.parametrize("shape", ["exponential", "linear", "box"])
def test_digital_phantom(shape: str) -> None:
    """Tiles of MTT × delay × CBV as in Kudo et al. 2013 (doi:10.1148/radiol.12112618), without noise."""
    cbv, mtt, delay = (
        grid.ravel()
        for grid in np.meshgrid(
            [1.0, 2.0, 3.0, 4.0, 5.0], [24.0, 12.0, 8.0, 6.0, 4.8, 4.0, 24 / 7], [0.0, 1.0, 2.0, 3.0]
        )
    )
    time = np.arange(60.0)
    cbf = 60 * cbv / mtt
    maps = deconvolve(tissue_curves(time, cbf, mtt, delay, shape=shape), arterial_curve(time), 1.0)
    assert correlation(maps.cbf, cbf) >= 0.94
    assert correlation(maps.mtt, mtt) >= 0.98
    assert 0.75 < (maps.cbf / cbf).mean() < 1.2  # a forgotten dt, kH or 1/60 is a larger factor
    short = mtt <= 6  # of longer ones a part is still in the tissue when the series ends
    np.testing.assert_allclose(maps.cbv[short], cbv[short], rtol=0.05)


def test_flow_does_not_depend_on_delay() -> None:
    delays = np.arange(0.0, 6.5, 1.0)
    time = np.arange(60) * 1.5
    for mtt in (4.0, 6.0, 10.0):
        curves = tissue_curves(time, 240 / mtt, mtt, np.repeat(delays, 2000))
        cbf = deconvolve(add_noise(curves, 50, 1), arterial_curve(time), 1.5).cbf * mtt / 240
        means = np.nanmean(cbf.reshape(len(delays), -1), axis=1)
        assert np.ptp(means) <= 0.03


@pytest.mark.parametrize("method", ["csvd", "osvd"])
@pytest.mark.parametrize("snr", [np.inf, 50.0])
def test_tmax_follows_a_shift_of_the_tissue(method: str, snr: float) -> None:
    shifts = np.arange(-3.0, 12.5, 0.5)
    time = np.arange(60) * 1.5
    curves = tissue_curves(time, 60.0, 4.0, np.repeat(shifts, 1 if np.isinf(snr) else 400))
    tmax = deconvolve(add_noise(curves, snr, 2), arterial_curve(time), 1.5, method).tmax
    middle = np.median(tmax.reshape(len(shifts), -1), axis=1)
    moved = middle - middle[shifts == 0]
    np.testing.assert_allclose(moved, shifts, atol=0.5)


def test_causal_decomposition_is_blind_to_tissue_ahead_of_the_artery() -> None:
    time = np.arange(60) * 1.5
    maps = deconvolve(tissue_curves(time, 60.0, 4.0, [-3.0]), arterial_curve(time), 1.5, "ssvd")
    assert maps.tmax[0] >= 0


@pytest.mark.parametrize("snr", [np.inf, 50.0])
@pytest.mark.parametrize("shape", ["exponential", "linear"])
def test_frame_spacing_does_not_matter(snr: float, shape: str) -> None:
    cbf, cbv = [], []
    for dt in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0):
        time = np.arange(round(90 / dt)) * dt
        mtt = np.tile([4.0, 6.0, 10.0], 400)
        curves = tissue_curves(time, 240 / mtt, mtt, np.repeat(np.linspace(0, 4, 400), 3), shape=shape)
        maps = deconvolve(add_noise(curves, snr, 3), arterial_curve(time), dt)
        cbf.append(np.nanmean(maps.cbf * mtt / 240))
        cbv.append(np.nanmean(maps.cbv / 4))
    assert np.max(np.abs(np.array(cbf) / np.mean(cbf) - 1)) <= 0.10
    assert np.max(np.abs(np.array(cbv) / np.mean(cbv) - 1)) <= 0.03
    assert 0.94 < np.mean(cbv) < 1.02


def test_bias_is_what_the_field_knows() -> None:
    """At SNR 50 the Tmax of normal tissue lies some seconds above its delay, CBF below the truth."""
    time = np.arange(60) * 1.5
    curves = tissue_curves(time, 60.0, 4.0, np.repeat([0.0, 2.0, 5.0], 1000))
    maps = deconvolve(add_noise(curves, 50, 4), arterial_curve(time), 1.5)
    above = np.median(maps.tmax.reshape(3, -1), axis=1) - [0, 2, 5]
    assert (above > 1.5).all()
    assert (above < 4).all()
    assert 0.45 < np.nanmean(maps.cbf) / 60 < 0.8


def read_reference_curves(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """OSIPI's tissue curves, arterial input, CBF, stated CBV and frame spacing."""
    path = folder / "osipi" / "dsc_data.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    tissue, arterial = (
        np.array([[float(value) for value in row[name].split()] for row in rows]) for name in ("C_tis", "C_aif")
    )
    cbf, cbv = (np.array([float(row[name]) for row in rows]) for name in ("cbf", "cbv"))
    return tissue, arterial[0], cbf, cbv, float(rows[0]["tr"])


@pytest.mark.external
@pytest.mark.parametrize("method", METHODS)
def test_reference_curves(external_data: Path, method: str) -> None:
    """CBV against CBF · dt · Σ R, as they were made with a rectangle rule."""
    tissue, arterial, cbf, stated, dt = read_reference_curves(external_data)
    maps = deconvolve(tissue, arterial, dt, method, haematocrit_factor=1.0, density_g_ml=1.0)
    assert correlation(maps.cbf, cbf) >= 0.99
    assert 0.85 <= (maps.cbf / cbf).mean() <= 1.0
    elapsed = np.arange(tissue.shape[1]) * dt
    made = cbf / 60 * dt * np.exp(-elapsed / (60 * stated / cbf)[:, np.newaxis]).sum(axis=1)
    assert np.mean(maps.cbv / made) == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(maps.cbv, made, rtol=0.07)  # the noise of single curves


@pytest.mark.external
@pytest.mark.parametrize("method", ["csvd", "osvd"])
def test_shifted_reference_curves(external_data: Path, method: str) -> None:
    tissue, arterial, cbf, _, dt = read_reference_curves(external_data)
    time = np.arange(len(arterial)) * dt
    spline = CubicSpline(time, tissue, axis=1)
    shifts = np.arange(0.0, 6.1, 0.5)
    curves = np.concatenate([spline(np.clip(time - shift, 0, None)) for shift in shifts])
    maps = deconvolve(curves, arterial, dt, method, haematocrit_factor=1.0, density_g_ml=1.0)
    ratios = (maps.cbf.reshape(len(shifts), -1) / cbf).mean(axis=1)
    assert np.ptp(ratios) <= 0.03
    moved = np.median(maps.tmax.reshape(len(shifts), -1) - maps.tmax[: len(tissue)], axis=1)
    np.testing.assert_allclose(moved, shifts, atol=0.5)
