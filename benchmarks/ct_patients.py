"""Volumes, growth and registration of simulated patients who come to CT and are followed by MR, against their truth.

    python benchmarks/ct_patients.py simulate STUDY [SEED]    write the study of six patients (a few minutes)
    reperfuse run STUDY RESULTS                               compute it
    python benchmarks/ct_patients.py compare STUDY RESULTS    print the table

True are: core (relative flow below 30 % inside Tmax > 6 s) and Tmax > 6 s by the same deconvolution of curves without
noise, motion and smoothing, with the true arterial input; the follow-up lesion as the tissue in the simulator's region;
growth as the difference. No expert has drawn the lesion: the workflow finds it. An expert's mask counts whole voxels
and would be 3 to 7 % larger than the tissue in it. Cells are found / true (mL); `*` marks an error of more than 20 %
and 8 mL, of growth of more than 15 % and 4 mL. Registration is the mean distance between where the brain's points lie
and where they are put (mm).
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from reperfuse.files import nifti
from reperfuse.files.itk import read_itk
from reperfuse.files.tables import read_columns, read_rows
from reperfuse.simulation.ct_patients import CT_PATIENTS
from reperfuse.simulation.study import DEMO, simulate_study

Array = NDArray[np.floating]
PLAIN, GROWTH = (0.20, 8.0), (0.15, 4.0)


def cell(found: str, true: str, limits: tuple[float, float]) -> str:
    """Return found / true, marked where they differ by more than a share and a volume."""
    if "n/a" in (found, true):
        return f"{found} / {true}"
    share, ml = limits
    is_off = abs(float(found) - float(true)) > max(share * abs(float(true)), ml)
    return f"{float(found):.1f} / {float(true):.1f}{' *' if is_off else ''}"


def distance_mm(study: Path, results: Path, patient: str) -> float:
    """Return how far points of the brain at baseline are put from where they lie in the follow-up scan, mm."""
    truth, session = study / "derivatives" / "truth" / patient, "ses-baseline"
    brain = nifti.load(truth / session / "perf" / f"{patient}_{session}_desc-brain_mask.nii.gz")
    voxels = np.argwhere(brain.mask)[::20]
    points = brain.affine @ np.c_[voxels, np.ones(len(voxels))].T
    name = f"{patient}_ses-followup_from-dwi_to-baselinedscref_mode-points_xfm.tsv"
    columns = read_columns(truth / "ses-followup" / "dwi" / name)
    true = np.eye(4)
    true[:3] = np.stack(list(columns.values()), axis=-1)[0].reshape(3, 4)
    place = results / patient / session / "perf" / f"{patient}_{session}_from-followup_to-anchor_mode-image_xfm.txt"
    found = read_itk(place).matrix  # of images: it takes points of the anchor back to the follow-up scan
    return float(np.linalg.norm(((found - np.linalg.inv(true)) @ points)[:3], axis=0).mean())


def compare(study: Path, results: Path) -> None:
    """Print a row for each patient."""
    print("| patient | core | Tmax > 6 s | follow-up lesion | growth | DEFUSE 2 | registration |")
    print("|---|---|---|---|---|---|---|")
    tables = {}
    for name in ("sessions", "patients"):
        for place, folder in (("found", results / "group"), ("true", study / "derivatives" / "truth")):
            tables[name, place] = {
                (row["participant_id"], row.get("session_id", "ses-baseline")): row
                for row in read_rows(folder / f"{name}.tsv")
            }
    for patient in (f"sub-{patient.label}" for patient in CT_PATIENTS):
        key = patient, "ses-baseline"
        scan, scan_true, person, person_true = (
            tables[name, place][key] for name in ("sessions", "patients") for place in ("found", "true")
        )
        cells = [cell(scan[name], scan_true[name], PLAIN) for name in ("core_ml", "tmax6_ml")]
        cells.append(cell(person["infarct_followup_ml"], person_true["infarct_followup_ml"], PLAIN))
        cells.append(cell(person["growth_ml"], person_true["growth_ml"], GROWTH))
        cells.append(f"{scan['defuse2']} / {scan_true['defuse2']}")
        print(f"| {patient} | {' | '.join(cells)} | {distance_mm(study, results, patient):.2f} mm |")


def main(what: str, study: str, more: str = "") -> None:
    """Simulate or compare."""
    if what == "simulate":
        patients = [replace(patient, expert_mask=False) for patient in CT_PATIENTS]
        simulate_study(study, patients, DEMO, seed=int(more or 4101), processes=2)
    else:
        compare(Path(study), Path(more))


if __name__ == "__main__":
    main(*sys.argv[1:])
