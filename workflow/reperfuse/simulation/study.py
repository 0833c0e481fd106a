"""A serial stroke study as a BIDS folder, with its truth under ``derivatives/truth``.

A session is a pure function of patient, session, protocol and seed: the number of processes changes no byte.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import nibabel as nib
import numpy as np

from reperfuse.files.tables import format_cell, table_text
from reperfuse.simulation import ct, scanner, truth
from reperfuse.simulation.anatomy import Array
from reperfuse.simulation.clinical import COLUMNS
from reperfuse.simulation.geometry import Grid
from reperfuse.simulation.patient_truth import patient_row
from reperfuse.simulation.patients import DEMO_PATIENTS, HOURS_AFTER_ONSET, SESSIONS, Patient
from reperfuse.simulation.protocols import CLINICAL, DEMO, TINY, Protocol, perfusion_scan, plan_session, stream
from reperfuse.simulation.scene import DscProtocol

__all__ = ["CLINICAL", "DEMO", "DEMO_PATIENTS", "TINY", "Patient", "Protocol", "simulate_study"]


def simulate_demo(folder: Path, processes: int) -> None:
    """Simulate the demo study; it gets its name only when it is whole."""
    print("No study is named, so the demo study is simulated (about a minute) ...", file=sys.stderr)
    unfinished = folder.with_name(f".{folder.name}-unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    simulate_study(unfinished, processes=processes)
    unfinished.rename(folder)


def simulate_study(
    study_dir: str | Path,
    patients: Sequence[Patient] = DEMO_PATIENTS,
    protocol: Protocol = DEMO,
    seed: int = 20250101,
    processes: int = 1,
) -> Path:
    """Write a simulated study.

    Parameters
    ----------
    study_dir : path
        Folder to make; may exist if it is empty.
    patients : sequence of Patient
        Who takes part.
    protocol : Protocol
        How they are scanned.
    seed : int
        Seed of everything random.
    processes : int
        Sessions simulated at a time.

    Returns
    -------
    Path
        ``study_dir``.

    Raises
    ------
    FileExistsError
        If the folder holds anything.
    """
    root = Path(study_dir)
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty")
    _write_descriptions(root, patients)
    jobs = [(root, p, s, protocol, seed) for p in patients for s in SESSIONS if s in p.scans]
    if processes > 1:
        with ProcessPoolExecutor(processes) as pool:
            rows = list(pool.map(_simulate_session, *zip(*jobs, strict=True)))
    else:
        rows = [_simulate_session(*job) for job in jobs]
    truth_dir = root / "derivatives" / "truth"
    _write_tsv(truth_dir / "sessions.tsv", rows)
    by_patient = [[r for r in rows if r["participant_id"] == f"sub-{p.label}"] for p in patients]
    summaries = [patient_row(p, rows) for p, rows in zip(patients, by_patient, strict=True)]
    _write_tsv(truth_dir / "patients.tsv", summaries)
    return root


def _simulate_session(root: Path, patient: Patient, session: str, protocol: Protocol, seed: int) -> dict[str, object]:
    """Write the scans of a session and its truth; return its row of the truth table."""
    plan = plan_session(patient, session, protocol, seed)
    scans, head = patient.scans[session], patient.head(session)
    stem = f"sub-{patient.label}_ses-{session}"
    folder = root / f"sub-{patient.label}" / f"ses-{session}"
    known = truth.SessionTruth(patient, session, plan)
    if "dsc" in scans:
        dsc = scanner.acquire_dsc(
            head, plan.flow, plan.grids["dsc"], plan.poses["dsc"], protocol.dsc, plan.motion,
            stream(seed, patient, session, "dsc"),
        )  # fmt: skip
        path = folder / "perf" / f"{stem}_dsc.nii.gz"
        _write_image(path, dsc.series, plan.grids["dsc"], protocol.dsc.tr_s, np.int16)
        _write_json(path, _dsc_sidecar(protocol.dsc))
        known.add_perfusion(dsc.still, protocol.dsc)
    elif "ctp" in scans:
        ctp = ct.acquire_ct(
            head, plan.flow, plan.grids["ctp"], plan.poses["ctp"], protocol.ctp, plan.motion,
            stream(seed, patient, session, "ctp"), patient.injuries(session),
        )  # fmt: skip
        path = folder / "ct" / f"{stem}_ctp.nii.gz"
        _write_image(path, ctp.series, plan.grids["ctp"], protocol.ctp.even_spacing_s or 0.0, np.int16)
        _write_json(path, ct.sidecar(protocol.ctp))
        known.add_ct_perfusion(ctp.still, protocol.ctp.truth_times_s)
    if "dwi" in scans:
        series, bvals, bvecs = scanner.acquire_dwi(
            head, patient.injuries(session), plan.grids["dwi"], plan.poses["dwi"], protocol.dwi,
            stream(seed, patient, session, "dwi"),
        )  # fmt: skip
        path = folder / "dwi" / f"{stem}_dwi.nii.gz"
        _write_image(path, series, plan.grids["dwi"], 5.0, np.int16)
        _write_json(path, {"EchoTime": protocol.dwi.te_s, "RepetitionTime": 5.0, "Modality": "MR"})
        _write_gradients(path, bvals, bvecs, plan.grids["dwi"])
    if "flair" in scans:
        image = scanner.acquire_flair(
            head, patient.injuries(session), plan.grids["flair"], plan.poses["flair"], protocol.flair,
            stream(seed, patient, session, "flair"),
        )  # fmt: skip
        path = folder / "anat" / f"{stem}_FLAIR.nii.gz"
        _write_image(path, image, plan.grids["flair"], None, np.int16)
        _write_json(path, {"EchoTime": protocol.flair.te_s, "RepetitionTime": 9.0, "InversionTime": 2.5})
    for other in ("baseline", "post"):
        scan = perfusion_scan(patient.scans.get(other, ()))
        if other != session and scan in patient.scans.get(other, ()):
            known.add_session(other, plan_session(patient, other, protocol, seed).poses[scan])
    known.add_masks(scans)
    _write_truth(root / "derivatives" / "truth", known)
    if session == "followup" and patient.expert_mask and "dwi" in scans:
        path = root / "derivatives" / "lesions" / folder.relative_to(root) / "dwi" / f"{stem}_label-L_mask.nii.gz"
        _write_image(path, known.images["dwi", "desc-lesion_mask"][0], plan.grids["dwi"], None, np.uint8)
        _write_json(path, {"Type": "Lesion", "Description": "Infarct as outlined by an expert"})
    return known.row


def _write_truth(root: Path, known: "truth.SessionTruth") -> None:
    entities = f"sub-{known.patient.label}_ses-{known.session}"
    folder = root / f"sub-{known.patient.label}" / f"ses-{known.session}"
    for (datatype, name), (image, grid) in known.images.items():
        path = folder / datatype / f"{entities}_{name}.nii.gz"
        _write_image(path, image, grid, None, np.uint8 if name.endswith("mask") else np.float32)
    for (datatype, name), matrices in known.transforms.items():
        columns = [f"m{i}{j}" for i in range(3) for j in range(4)]
        rows = [dict(zip(columns, matrix[:3].ravel(), strict=True)) for matrix in matrices]
        _write_tsv(folder / datatype / f"{entities}_{name}_xfm.tsv", rows)


def _write_image(path: Path, image: Array, grid: Grid, seconds: float | None, dtype: type) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values: Array = np.rint(image).astype(dtype) if np.issubdtype(dtype, np.integer) else image.astype(dtype)
    nifti = nib.Nifti1Image(values, grid.affine)
    nifti.header.set_xyzt_units("mm", "sec")
    if seconds is not None:
        nifti.header.set_zooms((*grid.voxel_mm, seconds))
    nifti.set_sform(grid.affine, code=1)
    axes = grid.affine[:3, :3] / grid.voxel_mm
    nifti.set_qform(grid.affine, code=1 if np.allclose(axes.T @ axes, np.eye(3), atol=1e-6) else 0)
    nib.save(nifti, path)


def _write_gradients(path: Path, bvals: Array, bvecs: Array, grid: Grid) -> None:
    """FSL convention: vectors along the voxel axes, the first one flipped if the affine is not mirroring."""
    rotation = grid.affine[:3, :3] / grid.voxel_mm
    along_voxels = bvecs @ rotation
    if np.linalg.det(rotation) > 0:
        along_voxels[:, 0] *= -1
    stem = path.with_name(path.name.removesuffix(".nii.gz"))
    stem.with_suffix(".bval").write_text(" ".join(f"{b:g}" for b in bvals) + "\n")
    stem.with_suffix(".bvec").write_text("".join(" ".join(f"{v:.6f}" for v in row) + "\n" for row in along_voxels.T))


def _dsc_sidecar(protocol: DscProtocol) -> dict[str, object]:
    return {
        "Modality": "MR",
        "MagneticFieldStrength": 3,
        "PulseSequenceType": "Gradient Echo EPI",
        "RepetitionTime": protocol.tr_s,
        "EchoTime": protocol.te_s,
        "FlipAngle": protocol.flip_deg,
        "ContrastBolusIngredient": "GADOLINIUM",
    }


def _write_descriptions(root: Path, patients: Sequence[Patient]) -> None:
    """Write everything of the dataset but the sessions."""
    _write_dataset(root, "Simulated serial stroke study", "raw")
    _write_dataset(root / "derivatives" / "truth", "Truth of the simulated study", "derivative")
    if any(p.expert_mask and "dwi" in p.scans.get("followup", ()) for p in patients):
        _write_dataset(root / "derivatives" / "lesions", "Lesions outlined by an expert", "derivative")
    (root / "README").write_text(
        "Serial stroke MRI of simulated patients (reperfuse.simulation): DSC perfusion, diffusion and FLAIR\n"
        "before treatment, after it and days later. Nobody was scanned. The truth lies in derivatives/truth.\n"
        "Its points_xfm matrices take points (world, mm) from the first to the second space in their name\n"
        "(head: the MNI-like frame; dscref: DSC at its reference pose; dsc: a frame).\n"
        " The head frame is MNI152 millimetres; its plane x = 0 is the mirror plane.\n"
    )
    # BIDS has no names for these yet
    unnamed = {"dsc": "**/*_dsc.nii.gz\n**/*_dsc.json\n", "ctp": "**/ct/\n"}
    kinds = {kind for p in patients for scans in p.scans.values() for kind in scans}
    if ignored := "".join(lines for kind, lines in unnamed.items() if kind in kinds):
        (root / ".bidsignore").write_text(ignored)
    columns = list(dict.fromkeys(key for p in patients for key in p.clinical))
    rows = [
        {"participant_id": f"sub-{p.label}", **{key: p.clinical.get(key, "n/a") for key in columns}} for p in patients
    ]
    _write_tsv(root / "participants.tsv", rows)
    dictionary = {key: COLUMNS[key] for key in columns if key in COLUMNS}
    (root / "participants.json").write_text(json.dumps(dictionary, indent=2, ensure_ascii=False) + "\n")
    for patient in patients:
        onset = datetime.fromisoformat(str(patient.clinical.get("onset_time", "2025-01-01T08:00:00")))
        rows = [
            {
                "session_id": f"ses-{s}",
                "acq_time": (onset + timedelta(hours=HOURS_AFTER_ONSET[s] + patient.hours_late)).isoformat(
                    timespec="seconds"
                ),
            }
            for s in SESSIONS
            if s in patient.scans
        ]
        _write_tsv(root / f"sub-{patient.label}" / f"sub-{patient.label}_sessions.tsv", rows)


def _write_dataset(folder: Path, name: str, kind: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    description: dict[str, object] = {"Name": name, "BIDSVersion": "1.10.0", "DatasetType": kind}
    if kind == "derivative":
        description["GeneratedBy"] = [{"Name": "reperfuse.simulation"}]
    else:
        description |= {"License": "CC0", "Authors": ["The reperfuse developers"]}
    (folder / "dataset_description.json").write_text(json.dumps(description, indent=2) + "\n")


def _write_json(image_path: Path, content: dict[str, object]) -> None:
    path = image_path.with_name(image_path.name.removesuffix(".nii.gz") + ".json")
    path.write_text(json.dumps(content, indent=2) + "\n")


def _write_tsv(path: Path, rows: Sequence[dict]) -> None:
    """Write a table; the first row names the columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(rows[0]) if rows else []
    path.write_text(table_text(columns, ([_cell(row[c]) for c in columns] for row in rows)))


def _cell(value: object) -> str:
    # with more digits than a result has
    return f"{value:.8g}" if isinstance(value, float) and not np.isnan(value) else format_cell(value)
