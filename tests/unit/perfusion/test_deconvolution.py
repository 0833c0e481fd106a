"""Deconvolution against the equations, the published algorithm written out, and its invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reperfuse.faults import DataFault
from reperfuse.perfusion.deconvolution import METHODS, deconvolve, time_to_peak
from reperfuse.simulation.hemodynamics import arterial_curve, tissue_curves
from scipy.linalg import circulant

DT_S = 1.5
TIME_S = np.arange(60) * DT_S
AIF = arterial_curve(TIME_S)


def noisy_curves(voxels: int = 200, snr: float = 50.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    curves = tissue_curves(TIME_S, rng.uniform(10, 70, voxels), rng.uniform(3, 10, voxels), rng.uniform(0, 6, voxels))
    signal = np.exp(-0.03 * curves) + rng.standard_normal(curves.shape) / snr
    return (-np.log(signal) / 0.03).astype(np.float32)


def osvd_written_out(curve: np.ndarray, limit: float, floor: float) -> np.ndarray:
    """Deconvolved curve by the algorithm of Wu et al. 2003, a threshold at a time, in double precision."""
    matrix = DT_S * circulant(np.concatenate([AIF, np.zeros_like(AIF)]))
    left, singular, right = np.linalg.svd(matrix)
    padded = np.concatenate([curve, np.zeros_like(curve)])
    for threshold in sorted({round(s, 9) for s in singular if s >= floor * singular[0]}):
        inverse = np.where(singular >= threshold * (1 - 1e-7), 1 / singular, 0)
        k = right.T @ (inverse * (left.T @ padded))
        if sum(abs(k[i] - 2 * k[i - 1] + k[i - 2]) for i in range(2, len(k))) / (len(k) * k.max()) < limit:
            break
    return k


def peak(k: np.ndarray, is_circular: bool = True) -> tuple[float, float]:
    """Height and lag of the vertex of the parabola through the largest sample and its neighbours."""
    top = int(k.argmax())
    if not is_circular and top in (0, len(k) - 1):
        return k[top], top
    parabola = np.polynomial.Polynomial.fit([-1, 0, 1], [k[top - 1], k[top], k[(top + 1) % len(k)]], 2)
    shift = parabola.deriv().roots()[0]
    return parabola(shift), top + shift - (len(k) if is_circular and top >= len(k) // 2 else 0)


@pytest.mark.parametrize("spacing", [1.0, DT_S])
def test_osvd_is_the_published_algorithm(spacing: float) -> None:
    curves = noisy_curves(60)
    maps = deconvolve(curves, AIF, DT_S, oscillation_spacing_s=spacing, haematocrit_factor=1.0, density_g_ml=1.0)
    for curve, cbf, tmax in zip(curves, maps.cbf, maps.tmax, strict=True):
        k = osvd_written_out(curve.astype(float), 0.035 * (DT_S / spacing) ** 2, 0.01)
        height, lag = peak(k)
        assert cbf == pytest.approx(6000 * height, rel=1e-3)
        assert tmax == pytest.approx(lag * DT_S, abs=0.01)


def test_the_limit_is_the_published_one_at_a_frame_a_second() -> None:
    time = np.arange(90.0)
    curves = tissue_curves(time, np.array([20.0, 60.0]), np.array([5.0, 4.0]), np.array([4.0, 0.0]))
    curves += 0.3 * np.random.default_rng(0).standard_normal(curves.shape)
    maps, published = (
        deconvolve(curves, arterial_curve(time), 1.0, **kw) for kw in ({}, {"oscillation_spacing_s": 1.0})
    )
    np.testing.assert_array_equal(maps.cbf, published.cbf)


@pytest.mark.parametrize(("threshold", "given"), [(0.1, {}), (0.03, {"svd_threshold": 0.03})])
def test_csvd_is_circulant_in_all_its_lags(threshold: float, given: dict[str, float]) -> None:
    """A matrix cut to N × N is causal: it cannot give the curve of tissue ahead of the artery."""
    curves = np.vstack([noisy_curves(20), np.roll(AIF, -3)])
    matrix = DT_S * circulant(np.concatenate([AIF, np.zeros_like(AIF)]))
    inverse = np.linalg.pinv(matrix, rcond=threshold)
    k = np.hstack([curves, np.zeros_like(curves)]) @ inverse.T
    maps = deconvolve(curves, AIF, DT_S, "csvd", haematocrit_factor=1.0, density_g_ml=1.0, **given)
    np.testing.assert_allclose(maps.cbf, [6000 * peak(row)[0] for row in k], rtol=1e-3)
    np.testing.assert_allclose(maps.tmax, [DT_S * peak(row)[1] for row in k], atol=0.01)


@pytest.mark.parametrize(("threshold", "given"), [(0.2, {}), (0.05, {"svd_threshold": 0.05})])
def test_ssvd_is_the_causal_matrix(threshold: float, given: dict[str, float]) -> None:
    curves = noisy_curves(20)
    matrix = DT_S * np.array([[AIF[i - j] if i >= j else 0 for j in range(60)] for i in range(60)])
    k = curves @ np.linalg.pinv(matrix, rcond=threshold).T
    maps = deconvolve(curves, AIF, DT_S, "ssvd", haematocrit_factor=1.0, density_g_ml=1.0, **given)
    np.testing.assert_allclose(maps.cbf, [6000 * peak(row, False)[0] for row in k], rtol=1e-3)
    np.testing.assert_allclose(maps.tmax, [DT_S * peak(row, False)[1] for row in k], atol=0.01)


@pytest.mark.parametrize("method", ["csvd", "osvd"])
@pytest.mark.parametrize("lag", [-20, -3, 0, 3, 45])
def test_tissue_ahead_of_the_artery_or_far_behind_it_is_told_by_how_much(method: str, lag: int) -> None:
    """A short bolus that is zero at both ends, moved by whole frames."""
    bolus = np.array([1.0, 8.0, 20.0, 24.0, 15.0, 6.0, 2.0])
    start = 25 if lag < 0 else 2
    aif, tissue = np.zeros((2, 60))
    aif[start : start + 7], tissue[start + lag : start + lag + 7] = bolus, bolus / 20
    assert deconvolve(tissue[np.newaxis], aif, DT_S, method).tmax[0] == pytest.approx(lag * DT_S, abs=0.05)


@pytest.mark.parametrize("method", METHODS)
def test_the_equations_hold_with_their_constants(method: str) -> None:
    curves = noisy_curves(50)
    plain = deconvolve(curves, AIF, DT_S, method, haematocrit_factor=1.0, density_g_ml=1.0)
    maps = deconvolve(curves, AIF, DT_S, method)
    unit = (0.55 / 0.75) / 1.04
    np.testing.assert_allclose(maps.cbf, unit * plain.cbf, rtol=1e-5)
    np.testing.assert_allclose(maps.cbv, 100 * unit * curves.sum(axis=1) / AIF.sum(), rtol=1e-4)
    np.testing.assert_allclose(maps.mtt, 60 * maps.cbv / maps.cbf, rtol=1e-5)
    np.testing.assert_array_equal(maps.tmax, plain.tmax)


def test_tissue_equal_to_the_artery_has_the_cbf_of_one_frame() -> None:
    """k of Ct = Ca is one at lag 0 over one frame: max k = 1/dt before anything is left out."""
    maps = deconvolve(
        AIF[np.newaxis],
        AIF,
        DT_S,
        oscillation_index=np.inf,
        svd_floor=0.0,
        haematocrit_factor=1,
        density_g_ml=1,
    )
    assert maps.cbf[0] == pytest.approx(6000 / DT_S, rel=1e-4)
    assert maps.cbv[0] == pytest.approx(100, rel=1e-5)
    assert maps.tmax[0] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_failed_voxels_are_nan_in_every_map(method: str) -> None:
    curves = noisy_curves(10)
    curves[1, 30] = np.nan
    curves[2] = 0
    curves[3] = -curves[3]
    curves[4, 5] = np.inf
    maps = deconvolve(curves, AIF, DT_S, method)
    failed = [1, 2, 3, 4]
    for values in (maps.cbf, maps.cbv, maps.mtt, maps.tmax):
        assert values.dtype == np.float32
        assert np.isnan(values[failed]).all()
        assert np.isfinite(np.delete(values, failed)).all()
    alone = deconvolve(np.delete(curves, failed, axis=0), AIF, DT_S, method)
    np.testing.assert_allclose(np.delete(maps.cbf, failed), alone.cbf, rtol=1e-5)


def test_no_voxel_gives_empty_maps() -> None:
    assert deconvolve(np.empty((0, 60)), AIF, DT_S).cbf.shape == (0,)


@pytest.mark.parametrize("aif", [np.zeros(60), np.full(60, np.nan), -AIF])
def test_an_impossible_arterial_input_is_a_fault(aif: np.ndarray) -> None:
    with pytest.raises(DataFault, match=r"^the arterial input is not finite"):
        deconvolve(noisy_curves(2), aif, DT_S)


def test_wrong_arguments_are_refused() -> None:
    curves = noisy_curves(2)
    with pytest.raises(ValueError, match="do not fit"):
        deconvolve(curves, AIF[:-1], DT_S)
    with pytest.raises(ValueError, match="frame spacing"):
        deconvolve(curves, AIF, 0.0)
    with pytest.raises(ValueError, match="unknown method 'tikhonov'; there are ssvd, csvd, osvd"):
        deconvolve(curves, AIF, DT_S, "tikhonov")


def test_time_to_peak_counts_from_the_arrival_between_frames() -> None:
    time = np.arange(40)
    curves = np.stack([100 - (time - 17.3) ** 2, 100 - (time - 20) ** 2]).clip(0)
    np.testing.assert_allclose(time_to_peak(curves, 2.0, 10), [14.6, 20.0], atol=1e-4)
    assert np.isnan(time_to_peak(np.zeros((1, 40)), 2.0)).all()


def test_time_to_peak_is_told_to_the_first_and_the_last_frame() -> None:
    """Between frames where the peak has a neighbour on both sides; whole numbers as a scanner has them."""
    time, tops = np.arange(40), np.array([1.3, 38.3])
    between = time_to_peak(1000 - (time - tops[:, np.newaxis]) ** 2, 2.0)
    np.testing.assert_allclose(between, 2 * tops, atol=1e-3)
    rising, falling = 10 * time + 1, 10 * time[::-1] + 1
    ends = time_to_peak(np.stack([rising, falling]), 2.0)
    assert ends.tolist() == [78, 0]
    assert ends.dtype == np.float32
    assert time_to_peak([[1, 4, 9, 4, 1]], 2.0).tolist() == [4]


def test_a_faint_bolus_has_the_same_flow_as_a_strong_one() -> None:
    curves = noisy_curves(10)
    maps, faint = deconvolve(curves, AIF, DT_S), deconvolve(curves * 1e-4, AIF * 1e-4, DT_S)
    np.testing.assert_allclose(faint.cbf, maps.cbf, rtol=1e-3)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), method=st.sampled_from(sorted(METHODS)), block=st.integers(3, 64))
def test_order_blocks_and_threads_change_nothing(seed: int, method: str, block: int) -> None:
    curves = noisy_curves(40, seed=seed)
    order = np.random.default_rng(seed).permutation(40)
    maps = deconvolve(curves, AIF, DT_S, method)
    moved = deconvolve(curves[order], AIF, DT_S, method, block_voxels=block, threads=2)
    alone = deconvolve(curves[order], AIF, DT_S, method, block_voxels=block, threads=1)
    for name in ("cbf", "cbv", "mtt", "tmax"):
        np.testing.assert_allclose(getattr(moved, name), getattr(maps, name)[order], rtol=1e-3, atol=1e-3)
        np.testing.assert_array_equal(getattr(moved, name), getattr(alone, name))


@settings(max_examples=15, deadline=None)
@given(
    tissue_unit=st.floats(0.01, 100),
    arterial_unit=st.floats(0.01, 100),
    method=st.sampled_from(sorted(METHODS)),
)
def test_units_scale_flow_and_volume_and_leave_times(tissue_unit: float, arterial_unit: float, method: str) -> None:
    curves = noisy_curves(30)
    maps = deconvolve(curves, AIF, DT_S, method)
    scaled = deconvolve(curves * np.float32(tissue_unit), AIF * arterial_unit, DT_S, method)
    ratio = tissue_unit / arterial_unit
    np.testing.assert_allclose(scaled.cbf, ratio * maps.cbf, rtol=2e-3)
    np.testing.assert_allclose(scaled.cbv, ratio * maps.cbv, rtol=1e-4)
    np.testing.assert_allclose(scaled.mtt, maps.mtt, rtol=2e-3)
    np.testing.assert_allclose(scaled.tmax, maps.tmax, atol=0.02)


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(0.2, 5), method=st.sampled_from(["ssvd", "csvd"]))
def test_a_stretched_clock_stretches_times_and_divides_flow(factor: float, method: str) -> None:
    curves = noisy_curves(30)
    maps = deconvolve(curves, AIF, DT_S, method)
    slow = deconvolve(curves, AIF, DT_S * factor, method)
    np.testing.assert_allclose(slow.cbf, maps.cbf / factor, rtol=1e-4)
    np.testing.assert_allclose(slow.cbv, maps.cbv, rtol=1e-5)
    np.testing.assert_allclose(slow.tmax, maps.tmax * factor, rtol=1e-4, atol=1e-4)


@settings(max_examples=10, deadline=None)
@given(silent=st.integers(1, 40), before=st.integers(0, 10))
def test_silent_frames_change_little(silent: int, before: int) -> None:
    """Curves that have come to rest: silence before and after adds no contrast and moves no time."""
    passed = np.exp(-(((TIME_S - 25) / 5) ** 2))
    aif = 80 * passed
    curves = np.stack([20 * np.exp(-(((TIME_S - 25 - shift) / 7) ** 2)) for shift in (1.0, 3.0, 6.0)])
    longer = np.pad(curves, ((0, 0), (before, silent)))
    maps, padded = deconvolve(curves, aif, DT_S), deconvolve(longer, np.pad(aif, (before, silent)), DT_S)
    np.testing.assert_allclose(padded.cbv, maps.cbv, rtol=1e-5)
    np.testing.assert_allclose(padded.cbf, maps.cbf, rtol=0.1)
    np.testing.assert_allclose(padded.tmax, maps.tmax, atol=0.3)
