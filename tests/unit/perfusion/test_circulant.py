"""The basis of the circulant matrix, and the bounds that spare levels of the search for a smooth curve."""

import numpy as np
from reperfuse.perfusion.circulant import Scratch, _bounds, _oscillation, decompose
from reperfuse.simulation.hemodynamics import arterial_curve
from scipy.linalg import circulant as circulant_matrix

DT_S, FRAMES = 1.5, 40
AIF = arterial_curve(np.arange(FRAMES) * DT_S)
SPECTRUM = decompose(AIF, DT_S, 0.01)


def curves(voxels: int = 50) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((voxels, FRAMES))
    return (np.roll(AIF, 2) + 20 * noise).astype(np.float32)


def test_inverse_is_the_pseudo_inverse_of_the_whole_matrix() -> None:
    matrix = DT_S * circulant_matrix(np.concatenate([AIF, np.zeros_like(AIF)]))
    expected = np.linalg.pinv(matrix, rcond=0.01)[:, :FRAMES]
    np.testing.assert_allclose(SPECTRUM.inverse(), expected, atol=1e-4 * np.abs(expected).max())


def test_bounds_hold_at_every_level() -> None:
    tissue = curves()
    coefficients = np.einsum("pfn,vn->pfv", SPECTRUM.analysis, tissue)
    least, highest = _bounds(SPECTRUM, coefficients, limit=0.1, scratch=Scratch())
    for level in range(1, len(SPECTRUM.bend) + 1):
        even, odd = np.einsum("plf,pfv->plv", SPECTRUM.synthesis[..., :level], coefficients[:, :level])
        k = np.concatenate([(even + odd)[1:-1], (even - odd)[-3:1:-1]])  # lags 0 … N, then −(N − 1) … −1
        oscillation = np.abs(np.diff(k, 2, axis=0)).sum(axis=0) / len(k)
        assert (least[level - 1] <= oscillation + 1e-4 * oscillation.max()).all()
        assert (highest[level - 1] >= k.max(axis=0) * (1 - 1e-4)).all()
        kept = np.ascontiguousarray(coefficients[:, :level].transpose(0, 2, 1))
        found = _oscillation(SPECTRUM, kept, Scratch())
        np.testing.assert_allclose(found, oscillation, rtol=1e-4)
