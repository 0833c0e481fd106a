"""Core of simulated scans against its truth: lesions of every size, depth and T2, on several grids.

``python benchmarks/core.py [repetitions]``; 42 scans a repetition, about 8 s each.
"""

import itertools
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "validation"))
from reperfuse.simulation.patients import Patient
from test_core_truth import GRID, ISOTROPIC, THICK, find_core

GRIDS = {"2 x 2 x 5 mm": GRID, "1.8 x 1.8 x 6.5 mm": THICK, "2.5 mm": ISOTROPIC}


def main(repetitions: int) -> None:
    print("grid\tADC (1e-6 mm2/s)\tlesion (mL)\tSNR\tDice\terror (mL)\terror (%)")
    number = 0
    for (name, grid), adc, core_ml in itertools.product(
        GRIDS.items(), (0.40e-3, 0.45e-3, 0.50e-3, 0.55e-3), (8, 25, 70)
    ):
        for _ in range(repetitions):
            number += 1
            snr = (30, 100)[number % 2]
            side, t2_ratio = ("left", "right")[number // 2 % 2], (1.0, 1.06, 1.3)[number % 3]
            patient = Patient("x", side=side, core_ml=float(core_ml), deficit_ml=2.0 * core_ml + 40)
            core, truth = find_core(patient, number, adc=adc, t2_ratio=t2_ratio, grid=grid, snr=snr)
            overlap = 2 * (core & truth).sum() / (core.sum() + truth.sum())
            error = (int(core.sum()) - int(truth.sum())) * grid.voxel_ml
            share = 100 * error / (truth.sum() * grid.voxel_ml)
            print(f"{name}\t{adc * 1e6:.0f}\t{core_ml}\t{snr}\t{overlap:.3f}\t{error:+.1f}\t{share:+.0f}", flush=True)
    for (name, grid), snr in itertools.product(GRIDS.items(), (30, 100) * repetitions):
        number += 1
        core, _ = find_core(Patient("h", core_ml=0.0, deficit_ml=0.0), number, grid=grid, snr=snr)
        print(f"{name}\thealthy\t0\t{snr}\tn/a\t{core.sum() * grid.voxel_ml:+.2f}\tn/a", flush=True)


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
