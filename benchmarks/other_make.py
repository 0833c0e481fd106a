"""Core, Tmax > 6 s, follow-up lesion, growth and salvage against their truth, in patients of two makes.

``python benchmarks/other_make.py [first seed]`` draws 12 patients of the other make, 6 of the simulator and 2 healthy
heads of each, and prints a table (about 15 minutes). The heads are those of tests/whole_patients.py, which says what
is known there.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from whole_patients import Volumes, measure, other_patient, own_patient

MAKES = {"other": (other_patient, 12), "own": (own_patient, 6)}
NAMES = ("core_ml", "tmax6_ml", "lesion_ml", "growth_ml")
HEALTHY = 2


def cell(found: float, true: float) -> str:
    """Return found / true (mL), marked where they differ by more than 10 % and 2.5 mL."""
    return f"{found:.1f} / {true:.1f}{' *' if abs(found - true) > max(0.1 * true, 2.5) else ''}"


def means(pairs: list[tuple[Volumes, Volumes]]) -> list[str]:
    """Return the mean errors of volumes (%; of growth that of the sums, and mL) and of salvage (points)."""
    cells = []
    for name in NAMES:
        found, true = np.array([[getattr(volumes, name) for volumes in pair] for pair in pairs]).T
        error = 100 * (found / true - 1)
        if name == "growth_ml":
            cells.append(f"{100 * (found.sum() / true.sum() - 1):+.1f} %, {(found - true).mean():+.1f} mL")
        else:
            cells.append(f"{error.mean():+.1f} % [{error.min():+.0f}, {error.max():+.0f}]")
    points = np.array([100 * (found.salvage - true.salvage) for found, true in pairs])
    return [*cells, f"{points.mean():+.1f} points [{points.min():+.0f}, {points.max():+.0f}]"]


def main(first: int) -> None:
    """Print a row for each patient and each make."""
    print("| make | seed | core (mL) | Tmax > 6 s (mL) | follow-up lesion (mL) | growth (mL) | salvage (%) |")
    print("|---|---|---|---|---|---|---|")
    for make, (draw, count) in MAKES.items():
        pairs = []
        for seed in range(first, first + count + HEALTHY):
            healthy = seed >= first + count
            patient = draw(seed, healthy=healthy)
            with tempfile.TemporaryDirectory() as folder:
                found, true = measure(patient, Path(folder)), patient.true
            cells = [cell(getattr(found, name), getattr(true, name)) for name in NAMES]
            cells.append("" if healthy else f"{100 * found.salvage:.0f} / {100 * true.salvage:.0f}")
            print(f"| {make}{', healthy' if healthy else ''} | {seed} |", " | ".join(cells), "|", flush=True)
            if not healthy:
                pairs.append((found, true))
        print(f"| **{make}, mean** | |", " | ".join(means(pairs)), "|", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 900)
