"""A replica of the trees of ISLES'24: their names and kinds of files, with simulated scans."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from openpyxl import Workbook
from reperfuse.diffusion.adc import fit_adc
from reperfuse.files import nifti
from reperfuse.simulation import anatomy
from reperfuse.simulation.ct import CtProtocol, acquire_ct, even_times
from reperfuse.simulation.ct_patients import ct_patient
from reperfuse.simulation.geometry import Grid, average_voxels, moving_oversampling, sample_points
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.protocols import TINY, Plan, plan_session
from reperfuse.simulation.scanner import acquire_dwi
from reperfuse.simulation.truth import is_inside

CTP = CtProtocol(even_times(60, 1.0), padding_hu=-1024.0)
SEED = 24


@dataclass(frozen=True)
class Release:
    """How a release names things.

    Attributes
    ----------
    raw : str
        Folder of the raw scans.
    subject : str
        Name of a patient's folder, with a place for the number.
    sessions : tuple of str
        Labels on arrival and days later.
    is_native : bool
        Diffusion lies among the raw scans, on its own grid; else among the derivatives, on the grid of the plain CT.
    tables : str
        Ending of the clinical tables.
    """

    raw: str
    subject: str
    sessions: tuple[str, str]
    is_native: bool
    tables: str


RELEASES = {
    "challenge": Release("rawdata", "sub-strokecase{:04d}", ("0001", "0002"), is_native=True, tables="csv"),
    "zenodo": Release("raw_data", "sub-stroke{:04d}", ("01", "02"), is_native=False, tables="csv"),
    "workbooks": Release("raw_data", "sub-stroke{:04d}", ("01", "02"), is_native=False, tables="xlsx"),
}
BASELINE = {
    **{"Center": "1", "Sex": "F", "Age": "71", "Atrial fibrillation": "1", "Hypertension": "1", "Diabetes": "0"},
    **{"Glucose": "118", "NIHSS at admission": "14", "mRS premorbid": "0", "Onset to door": "01:20:00"},
}
OUTCOME = {"NIHSS 24h": "6", "TICI postinterventional": "3", "mRS 3 months": "1"}


def build(folder: Path, release: Release, patients: int = 1) -> Path:
    """Write the tree of a release, and return the folder that holds it."""
    for number in range(1, patients + 1):
        label = release.subject.format(number)
        patient = ct_patient(label.removeprefix("sub-"), side="left", core_ml=30.0, deficit_ml=110.0, lesion_ml=45.0)
        _arrival(folder, release, label, patient)
        _followup(folder, release, label, patient)
        for session, name, values in zip(
            release.sessions, ("demographic_baseline", "outcome"), (BASELINE, OUTCOME), strict=True
        ):
            place = folder / "phenotype" / label / f"ses-{session}"
            place.mkdir(parents=True)
            write_table(place / f"{label}_ses-{session}_{name}.{release.tables}", values)
    return folder


def write_table(path: Path, values: Mapping[str, str]) -> None:
    """Write a row of names and a row of values."""
    if path.suffix == ".csv":
        path.write_text(f"{','.join(values)}\n{','.join(values.values())}\n")
        return
    book = Workbook()
    book.active.append(list(values))
    book.active.append([float(text) if text.replace(".", "").isdecimal() else text for text in values.values()])
    book.save(path)


def _arrival(folder: Path, release: Release, label: str, patient: Patient) -> None:
    """Write the plain CT, the series, which is realigned, and the maps of another program."""
    session = release.sessions[0]
    plan = plan_session(patient, "baseline", TINY, SEED)
    grid, pose, rest = plan.grids["ctp"], plan.poses["ctp"], np.tile(np.eye(4), (CTP.frames, 1, 1))
    recorded = acquire_ct(
        patient.head("baseline"), plan.flow, grid, pose, CTP, rest, SEED, patient.injuries("baseline")
    )
    raw = folder / release.raw / label / f"ses-{session}"
    derived = folder / "derivatives" / label / f"ses-{session}"
    stem = f"{label}_ses-{session}"
    plain = recorded.series[..., 0]
    _save(raw / f"{stem}_ncct.nii.gz", plain, grid)
    _save(raw / f"{stem}_ctp.nii.gz", recorded.series, grid, spacing_s=1.0)
    _save(derived / f"{stem}_space-ncct_ctp.nii.gz", recorded.series, grid, spacing_s=1.0)
    _save(derived / f"{stem}_space-ncct_lvo-msk.nii.gz", plain > 1e4, grid)
    for name in ("tmax", "mtt", "cbf", "cbv"):
        _save(raw / "perfusion-maps" / f"{stem}_{name}.nii.gz", np.zeros_like(plain), grid)
        _save(derived / "perfusion-maps" / f"{stem}_space-ncct_{name}.nii.gz", np.zeros_like(plain), grid)


def _followup(folder: Path, release: Release, label: str, patient: Patient) -> None:
    """Write diffusion without its skull, and the infarct."""
    session, head = release.sessions[1], patient.head("followup")
    plan = plan_session(patient, "followup", TINY, SEED)
    grid, pose = plan.grids["dwi"], plan.poses["dwi"]
    if not release.is_native:
        arrival: Plan = plan_session(patient, "baseline", TINY, SEED)
        grid, pose = arrival.grids["ctp"], arrival.poses["ctp"]
    maps = fit_adc(*acquire_dwi(head, patient.injuries("followup"), grid, pose, TINY.dwi, SEED)[:2])
    parts = moving_oversampling(grid)
    points = sample_points(grid, pose, head, parts)
    shares = anatomy.tissues(points)
    brain = average_voxels(shares.grey + shares.white + shares.csf, grid, parts) > 0.5
    lesion = average_voxels(is_inside(points, patient.core("followup")), grid, parts) >= 0.5
    space = "" if release.is_native else "space-ncct_"
    derived = folder / "derivatives" / label / f"ses-{session}"
    images = folder / release.raw / label / f"ses-{session}" if release.is_native else derived
    stem = f"{label}_ses-{session}_{space}"
    _save(images / f"{stem}dwi.nii.gz", np.where(brain, maps.trace, 0), grid)
    _save(images / f"{stem}adc.nii.gz", np.where(brain, 1e6 * np.nan_to_num(maps.adc), 0), grid)
    _save(derived / f"{stem}lesion-msk.nii.gz", lesion, grid)


def _save(path: Path, image: np.ndarray, grid: Grid, spacing_s: float | None = None) -> None:
    """Write an image without a sidecar."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data: Any = image.astype(np.uint8) if image.dtype == bool else np.rint(image).astype(np.float32)
    nifti.save(path, data, grid.affine, sidecar={}, frame_spacing_s=spacing_s)
    path.with_name(path.name.removesuffix(".nii.gz") + ".json").unlink()
