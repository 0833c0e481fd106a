"""Low flow by ASL in simulated strokes: volumes against the truth, and how often late label is told.

    python benchmarks/asl.py [seeds]     about a minute a seed

Prints the tables of docs/validation/asl.md. Strokes of two sizes are scanned with five delays at an SNR of 150, and
without noise. Strokes whose surroundings label reaches late, and others that it reaches in time, are scanned with a
single delay.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "validation"))
from test_low_flow_truth import CENTRES, FIVE, ONE, Measured, Stroke, measure

#: By how much label comes late in the deficit and around it, s; the delay of the single scan is 2 s.
LATE, EARLY = ((2.2, 2.6), (2.4, 2.2), (2.0, 2.4)), ((0.5, 0.3), (0.6, 0.4), (0.3, 0.2))


def volumes(seeds: int) -> None:
    print("| true, mL | without noise, 40 % | with noise, 30 % | 40 % | 50 % | Dice |\n|---|---|---|---|---|---|")
    for deficit_ml in (40.0, 90.0):
        stroke = Stroke(deficit_ml, 60.0, (2.2, 1.6))
        quiet = measure(stroke, replace(FIVE, snr=0))
        noisy = [measure(stroke, FIVE, seed) for seed in range(seeds)]
        found = " | ".join(f"{np.mean([one.ml[percent] for one in noisy]):.0f}" for percent in (30, 40, 50))
        dice = np.mean([one.dice for one in noisy])
        print(f"| {quiet.true_ml:.0f} | {quiet.ml[40]:.0f} | {found} | {dice:.2f} |")


def told(seeds: int) -> None:
    print("| label | scans | true, mL | one delay, 40 % | told |\n|---|---|---|---|---|")
    for called, lateness in (("late around the deficit", LATE), ("in time", EARLY)):
        found: list[Measured] = []
        for seed in range(seeds):
            for number, late_s in enumerate(lateness):
                centre, side = CENTRES[(seed + number) % 3], ("left", "right")[seed % 2]
                stroke = Stroke((30.0, 50.0, 25.0)[number], (90.0, 60.0, 50.0)[number], late_s, side, centre)
                found.append(measure(stroke, ONE, 100 + seed, asymmetry_mm=1.0 * (seed % 3)))
        true, ml = (np.mean([value(one) for one in found]) for value in (lambda m: m.true_ml, lambda m: m.ml[40]))
        print(f"| {called} | {len(found)} | {true:.0f} | {ml:.0f} | {sum(one.told for one in found)} |")


if __name__ == "__main__":
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    volumes(seeds)
    print()
    told(seeds)
