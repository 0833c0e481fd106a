"""Core against its truth in heads of another make, whose cortex holds fluid: see tests/other_head.py.

``python benchmarks/core_other_head.py [heads]``; two scans a head, about 8 s.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "validation"))
from test_core_other_head import FINE, THICK, find_core


def main(heads: int) -> None:
    print("head\tADC (1e-6 mm2/s)\tedge (mm)\tSNR\tvoxel (mm)\ttrue (mL)\tfound (mL)\terror (%)")
    errors, near = [], []
    for seed in range(300, 300 + heads):
        rng = np.random.default_rng(seed)
        adc, ml = (0.40e-3, 0.45e-3, 0.50e-3, 0.55e-3)[seed % 4], rng.choice([6.0, 15.0, 25.0, 40.0, 60.0, 90.0])
        edge_mm, snr, t2_ratio = rng.uniform(1.5, 5), rng.uniform(30, 60), rng.uniform(1, 1.25)
        for voxel in (THICK, FINE):
            found, true = find_core(seed, ml, adc, edge_mm, voxel, snr=snr, t2_ratio=t2_ratio)
            error = 100 * (found / true - 1)
            errors.append(error)
            near.append(abs(found - true) <= max(0.1 * true, 2.5))
            print(
                f"{seed}\t{adc * 1e6:.0f}\t{edge_mm:.1f}\t{snr:.0f}\t{voxel}\t{true:.1f}\t{found:.1f}\t{error:+.1f}",
                flush=True,
            )
    print(
        f"mean {np.mean(errors):+.1f} %, from {min(errors):+.1f} to {max(errors):+.1f} %; "
        f"within 10 % or 2.5 mL: {sum(near)} of {len(near)}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
