"""What motion does to the volume of Tmax > 6 s: as scanned, realigned, and freed of what motion leaves in the curves.

    python benchmarks/motion_effect.py [first seed] [last seed]

The study is that of ``tests/validation/test_motion_effect.py``, with other seeds for motion and noise.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "validation"))
from test_motion_effect import correct, deficit_ml, leave, scan


def change_ml(seed: int, folder: Path) -> tuple[float, list[float]]:
    """Return the volume at rest, and what is added to it as scanned, realigned, and realigned and cleaned."""
    at_rest_ml = deficit_ml(correct(scan(folder / "still", moving=False, seed=seed)))
    moving = scan(folder / "moving", moving=True, seed=seed)
    realigned = correct(moving)
    found = (leave(moving), replace(realigned, transforms=None), realigned)
    return at_rest_ml, [deficit_ml(series) - at_rest_ml for series in found]


if __name__ == "__main__":
    first, last = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (4, 17)
    rows = []
    for seed in range(first, last + 1):
        with tempfile.TemporaryDirectory() as folder:
            at_rest_ml, changes = change_ml(seed, Path(folder))
        rows.append([max(0.05 * at_rest_ml, 3.0), *changes])
        print(f"{seed:3d}  at rest {at_rest_ml:.1f} mL  ", "  ".join(f"{ml:+6.1f}" for ml in changes), flush=True)
    limit, *columns = np.array(rows).T
    for name, column in zip(("as scanned", "realigned", "and cleaned"), columns, strict=True):
        spread = np.sqrt(np.mean(column**2))
        within = f"{(np.abs(column) <= limit).sum()} of {len(column)}"
        print(f"{name:12s} mean {column.mean():+.1f} mL, root mean square {spread:.1f}, within {within}")
