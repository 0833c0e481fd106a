"""Core in heads of another make, whose cortex holds fluid; `benchmarks/core_other_head.py` has more of them."""

import numpy as np
import pytest
from other_head import injure, make_head, scan
from reperfuse.diffusion.core import core_finder

THICK, FINE = (1.9, 1.9, 6.5), (1.2, 1.2, 5.0)


def find_core(seed, ml, adc, edge_mm, voxel, *, snr=40.0, t2_ratio=1.1):
    """Return the volumes found and true, mL."""
    head = make_head(seed)
    found = scan(head, *injure(head, ml, adc, edge_mm, seed), voxel, snr=snr, t2_ratio=t2_ratio, seed=seed)
    core = core_finder(found.adc, found.trace, found.brain, voxel, mirrored_trace=found.mirrored)(620e-6)
    return core.sum() * np.prod(voxel) / 1000, found.true_ml


@pytest.mark.parametrize(
    ("seed", "ml", "adc", "edge_mm", "voxel"),
    [(203, 20.0, 0.42e-3, 3.5, THICK), (204, 45.0, 0.50e-3, 3.0, FINE), (205, 70.0, 0.46e-3, 4.5, THICK)],
)
def test_fluid_in_the_cortex_costs_no_core(seed, ml, adc, edge_mm, voxel):
    found, true = find_core(seed, ml, adc, edge_mm, voxel)
    assert abs(found - true) <= max(0.1 * true, 2.5)


def test_a_healthy_head_has_no_core():
    assert find_core(206, 1e-9, 0.5e-3, 0.1, FINE) == (0, 0)
