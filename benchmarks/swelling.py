"""Growth, reversal and salvage against simulated truth in patients whose infarct has swollen by the follow-up.

``python benchmarks/swelling.py [--draw 1] [--flair]``; about 20 s a line. Two scans at clinical matrices, each in its
own pose, registered as the workflow does; core, penumbra and follow-up lesion are the true ones, so that what is left
is registration. Each patient is compared rigidly and with the swelling undone. With --flair the later scan is FLAIR.
"""

import argparse
import sys
import time
from dataclasses import replace

import numpy as np
from reperfuse.head.brain import brain_mask
from reperfuse.registration.rigid import register
from reperfuse.serial.growth import lesion_change, salvage_fraction, voxelwise_growth
from reperfuse.serial.swelling import measure_swelling
from reperfuse.simulation import truth
from reperfuse.simulation.anatomy import Region
from reperfuse.simulation.geometry import Grid, average_voxels, rigid, sample_points, static_oversampling
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.protocols import CLINICAL, HEAD_CENTRE_MM, make_grid
from reperfuse.simulation.scanner import acquire_dwi, acquire_flair
from reperfuse.volumes.image import Image, dice
from reperfuse.volumes.transforms import Displacement, Transform, resample_mask

PATIENTS = (
    Patient("no swelling", core_ml=25, lesion_ml=45),
    Patient("stretched by 10 %", core_ml=25, lesion_ml=45, swelling=0.10),
    Patient("stretched by 20 %", core_ml=25, lesion_ml=45, swelling=0.20),
    Patient("large, 12 %", core_ml=60, lesion_ml=90, deficit_ml=120, swelling=0.12),
    Patient("elsewhere, 15 %", core_ml=30, lesion_ml=30, lesion_centre_mm=(38, -14, 22), swelling=0.15),
)


class Case:
    """Two scans of a patient, and where core, penumbra and lesion are in them."""

    def __init__(self, patient: Patient, draw: int, flair: bool) -> None:
        rng = np.random.default_rng([draw, 7])
        self.patient = patient
        poses = [rigid(rng.uniform(-6, 6, 3), rng.uniform(-6, 6, 3), HEAD_CENTRE_MM) for _ in range(2)]
        grids = [make_grid(CLINICAL.dwi_matrix), make_grid(CLINICAL.flair_matrix if flair else CLINICAL.dwi_matrix)]
        self.scans = []
        for session, grid, pose in zip(("baseline", "followup"), grids, poses, strict=True):
            head, injuries = patient.head(session), patient.injuries(session)
            if flair and session == "followup":
                data = acquire_flair(head, injuries, grid, pose, CLINICAL.flair, [draw, 1])
            else:
                protocol = replace(CLINICAL.dwi, shells=((0.0, 1),))
                data = acquire_dwi(head, injuries, grid, pose, protocol, [draw, 2 + len(session)])[0][..., 0]
            self.scans.append(Image(data, grid.affine))
        self.core, self.late = (self.mask("baseline", name, grids[0], poses[0]) for name in ("baseline", "followup"))
        deficit = self.inside("baseline", patient.deficit("baseline"), grids[0], poses[0])
        self.penumbra = deficit & ~self.core
        self.lesion = self.mask("followup", "followup", grids[1], poses[1])

    def mask(self, scan: str, session: str, grid: Grid, pose: np.ndarray) -> np.ndarray:
        """Return the lesion of a session in a scan."""
        return self.inside(scan, self.patient.core(session), grid, pose)

    def inside(self, scan: str, region: Region | None, grid: Grid, pose: np.ndarray) -> np.ndarray:
        """Return a region in a scan."""
        parts = static_oversampling(grid)
        points = sample_points(grid, pose, self.patient.head(scan), parts)
        return average_voxels(truth.is_inside(points, region).astype(np.float32), grid, parts) >= 0.5

    def compare(self, lesion: np.ndarray) -> str:
        """Hold a lesion brought to the baseline against the true one."""
        voxel_ml = np.prod(self.scans[0].voxel_size_mm) / 1000
        found, true = (voxelwise_growth(lesion_change(self.core, mask), voxel_ml) for mask in (lesion, self.late))
        saved = [salvage_fraction(self.penumbra, mask) for mask in (lesion, self.late)]
        overlap = dice(lesion & ~self.core, self.late & ~self.core)
        return (
            f"growth {found.growth_ml - true.growth_ml:+5.1f} of {true.growth_ml:4.1f} mL  "
            f"reversal {found.reversal_ml - true.reversal_ml:+5.1f} of {true.reversal_ml:4.1f} mL  "
            f"salvage {100 * (saved[0] - saved[1]):+5.1f} points  Dice of the grown part {overlap:.2f}"
        )


def main() -> None:
    """Print two lines a patient."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draw", type=int, default=1, help="of the poses and noise")
    parser.add_argument("--flair", action="store_true")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    for patient in PATIENTS:
        case = Case(patient, options.draw, options.flair)
        one, two = case.scans
        brains = [brain_mask(scan.data, scan.voxel_size_mm) for scan in case.scans]
        matrix = register(one, two, *brains, lesion=case.lesion).matrix
        lesion = Image(case.lesion, two.affine)
        print(f"{patient.label:18s} rigid   {case.compare(resample_mask(lesion, one, matrix))}")
        start = time.process_time()
        found = measure_swelling(one.data, one.affine, two.data, two.affine, matrix, brains[0], case.lesion).on_grid(
            one.data.shape, one.affine
        )
        took = time.process_time() - start
        later = resample_mask(lesion, one, Transform((Displacement(found, one.affine), matrix)))
        print(f"{'':18s} undone  {case.compare(later)}  {took:.1f} s of CPU time")


if __name__ == "__main__":
    main()
