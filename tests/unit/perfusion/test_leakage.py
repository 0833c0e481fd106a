import numpy as np
from reperfuse.perfusion.leakage import correct_leakage, is_leaking
from reperfuse.simulation.hemodynamics import tissue_curves


def test_leakage_is_taken_out_of_the_blood_volume() -> None:
    time = np.arange(60) * 1.5
    reference = tissue_curves(time, 50.0, 4.0)[0].astype(float)
    integral = 1.5 * (np.cumsum(reference) - 0.5 * (reference + reference[0]))
    k1, k2 = np.array([0.5, 1.0, 2.0]), np.array([0.0, 0.02, -0.01])
    blood = k1[:, None] * reference
    corrected, found1, found2 = correct_leakage(blood - k2[:, None] * integral, reference, 1.5)
    np.testing.assert_allclose(found1, k1, rtol=1e-3)
    np.testing.assert_allclose(found2, k2, atol=1e-5)
    np.testing.assert_allclose(corrected, blood, atol=0.01)
    bad = blood.copy()
    bad[1, 10] = np.nan
    corrected, found1, _ = correct_leakage(bad, reference, 1.5)
    assert np.isnan(found1[1])
    assert np.isfinite(corrected[[0, 2]]).all()


def test_late_arrival_is_not_leakage() -> None:
    time = np.arange(44) * 1.5
    reference = tissue_curves(time, 60.0, 4.0, 1.0)[0]
    late = tissue_curves(time, 60.0, 4.0, [1.0, 4.0, 7.0, 10.0])
    blind, _, _ = correct_leakage(late, reference, 1.5)
    corrected, k1, k2 = correct_leakage(late, reference, 1.5, [0.0, 3.0, 6.0, 9.0])
    area = late.sum(axis=1)
    np.testing.assert_allclose(corrected.sum(axis=1) / area, 1, atol=0.02)
    np.testing.assert_allclose(k1, 1, atol=0.02)
    np.testing.assert_allclose(k2, 0, atol=0.001)
    assert blind[2].sum() < 0.6 * area[2]


def test_a_longer_transit_reads_as_leakage() -> None:
    """A limit of the model, which the documentation states."""
    time = np.arange(44) * 1.5
    reference, slow = tissue_curves(time, [60.0, 24.0], [4.0, 10.0])
    corrected, _, _ = correct_leakage(slow[np.newaxis], reference, 1.5)
    assert 0.6 < corrected.sum() / slow.sum() < 0.8


def test_leaking_curves_of_both_kinds_are_told() -> None:
    rng = np.random.default_rng(3)
    curves = rng.normal(0, 0.1, (1000, 40))
    curves[:50, -10:] -= 1
    curves[50:100, -10:] += 1
    leaking = is_leaking(curves)
    assert leaking[:100].all()
    assert leaking[100:].mean() < 0.1
    assert abs(curves[~leaking, -10:].mean()) < 0.005
