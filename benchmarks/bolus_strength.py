"""What the strength of the bolus does to frames, Tmax, CBF and CBV.

    python benchmarks/bolus_strength.py [kind of series, all by default]

The series are those of ``tests/validation/test_bolus_strength.py``, at rest and moving; ΔR2* of everything is scaled.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "validation"))
from test_bolus_strength import MATRICES, measure, record, unpacked

STRENGTHS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)


def report(kind: str, moving: bool) -> None:
    """Print a row for each strength."""
    for strength in STRENGTHS:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = measure(*unpacked(record(kind, moving, strength)), Path(folder) / "series")
            except AssertionError as fault:
                print(f"{kind:9s} {'moving ' if moving else 'at rest'} x {strength:4.2f}  no maps: {fault}")
                continue
        print(
            f"{kind:9s} {'moving ' if moving else 'at rest'} x {strength:4.2f}  replaced {len(found.replaced)}  "
            f"Tmax > 4 s {found.late_ml[4.0]:6.1f}, > 6 s {found.late_ml[6.0]:6.1f} mL  "
            f"CBF {np.nanmedian(found.cbf):5.1f}  CBV {np.nanmedian(found.cbv):5.2f}",
            flush=True,
        )


if __name__ == "__main__":
    for kind in sys.argv[1:] or MATRICES:
        for moving in (False, True):
            report(kind, moving)
