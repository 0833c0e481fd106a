"""Registration of simulated clinical scans against their poses: 20 the same day, 20 across a swollen lesion, 4 of EPI.

``python benchmarks/registration.py``; about 3 s a pair.
"""

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "validation"))
from reperfuse.registration.rigid import register
from test_registration_truth import mean_error, scan_dsc, scan_dwi


def main() -> None:
    perfusion = [scan_dsc(number) for number in range(4)]
    diffusion = [scan_dwi("baseline", number) for number in range(5)]
    later = [scan_dwi("followup", number) for number in range(4)]
    for name, fixed, moving in (
        ("the same day", perfusion, diffusion),
        ("across a swollen lesion", diffusion[:3] + perfusion[:2], later),
    ):
        errors = []
        for one in fixed:
            for other in moving:
                found = register(one.image, other.image, one.brain, other.brain, lesion=other.lesion)
                errors.append(mean_error(found, one, other))
                print(
                    f"{name}\t{errors[-1]:.2f} mm\tedges {found.edge_agreement:.2f} {found.edge_margin:+.2f}",
                    flush=True,
                )
        print(f"{name}: mean {np.mean(errors):.2f}, worst {np.max(errors):.2f} mm of {len(errors)}", flush=True)
    for number, distort in itertools.product(range(2), (True, False)):
        one, other = perfusion[number], scan_dwi("baseline", number, distort=distort)
        found = register(one.image, other.image, one.brain, other.brain, distortion_axis=1)
        rigid = mean_error(replace(found, displacement=None), one, other)
        name = "distorted" if distort else "undistorted"
        print(f"{name}\trigid {rigid:.2f} mm\twith displacement {mean_error(found, one, other):.2f} mm", flush=True)


if __name__ == "__main__":
    main()
