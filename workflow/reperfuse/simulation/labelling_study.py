"""Arterial spin labelling of a simulated study: the scans as BIDS has them, and their truth."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reperfuse.files.tables import table_text
from reperfuse.simulation.geometry import average_voxels, draw_motion, moving_oversampling, rigid, sample_points
from reperfuse.simulation.labelling import AslProtocol, AslSeries, acquire_asl, labelled_flow
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.protocols import HEAD_CENTRE_MM, Matrix, Protocol, make_grid, plan_session, stream
from reperfuse.simulation.study import _write_image, _write_json
from reperfuse.simulation.truth import is_inside

#: Voxel grid of the scans.
MATRIX = Matrix((64, 64, 20), (3.5, 3.5, 6.0), tilt_deg=5.0)


def add_asl(
    study_dir: str | Path,
    patients: Sequence[Patient],
    protocol: Protocol,
    asl: AslProtocol,
    matrix: Matrix = MATRIX,
    seed: int = 20250101,
) -> None:
    """Add the scan "asl" to a simulated study, for each session that has it.

    Parameters
    ----------
    study_dir : path
        A study of :func:`reperfuse.simulation.study.simulate_study`.
    patients : sequence of Patient
        Who takes part.
    protocol : Protocol
        How the other scans were made; where the head lies, and how far it moves.
    asl : AslProtocol
        How the labelled scans are made.
    matrix : Matrix
        Their voxel grid.
    seed : int
        Seed of everything random.
    """
    for patient in patients:
        for session, scans in patient.scans.items():
            if "asl" in scans:
                _add_session(Path(study_dir), patient, session, protocol, asl, matrix, seed)


def _add_session(
    root: Path, patient: Patient, session: str, protocol: Protocol, asl: AslProtocol, matrix: Matrix, seed: int
) -> None:
    plan, grid, head = plan_session(patient, session, protocol, seed), make_grid(matrix), patient.head(session)
    rng = np.random.default_rng(stream(seed, patient, session, "asl pose"))
    degrees, mm = (rng.uniform(-size, size, 3) for size in (protocol.offset_deg, protocol.offset_mm))
    pose = rigid(degrees, mm, HEAD_CENTRE_MM) @ plan.poses["dsc"]
    count = len(asl.volumes)
    motion = draw_motion(
        count, slice(0, count), (count // 3, 2 * count // 3), protocol.jump_mm, protocol.jump_deg, grid.centre,
        stream(seed, patient, session, "asl motion"),
    )  # fmt: skip
    flow = labelled_flow(plan.flow)
    made = acquire_asl(head, flow, grid, pose, asl, motion, stream(seed, patient, session, "asl"))
    folder, stem = Path(f"sub-{patient.label}/ses-{session}/perf"), f"sub-{patient.label}_ses-{session}"
    path = root / folder / f"{stem}_asl.nii.gz"
    _write_image(path, made.series, grid, asl.tr_s, np.int16)
    _write_json(path, asl_sidecar(asl, made, grid.shape[2]))
    rows = [[kind] for kind, _ in asl.volumes]
    (root / folder / f"{stem}_aslcontext.tsv").write_text(table_text(["volume_type"], rows))
    if asl.m0 == "separate":
        path = root / folder / f"{stem}_m0scan.nii.gz"
        _write_image(path, made.m0, grid, None, np.int16)
        _write_json(path, m0_sidecar(asl, f"ses-{session}/perf/{stem}_asl.nii.gz"))
    truth = root / "derivatives" / "truth" / folder
    for name, image in (("cbf", made.cbf), ("att", made.arrival), ("grey", made.grey)):
        _write_image(truth / f"{stem}_desc-labelled_{name}.nii.gz", image, grid, None, np.float32)
    parts = moving_oversampling(grid)
    inside = is_inside(sample_points(grid, pose, head, parts), patient.deficit(session))
    share = average_voxels(inside.astype(np.float32), grid, parts)
    _write_image(truth / f"{stem}_desc-labelled_mask.nii.gz", share >= 0.5, grid, None, np.uint8)
    (truth / f"{stem}_desc-labelled_motion.json").write_text(json.dumps(motion.tolist()) + "\n")


def asl_sidecar(protocol: AslProtocol, made: AslSeries, slices: int) -> dict[str, Any]:
    """Return what BIDS asks of an ``_asl.json``."""
    kinds, delays = zip(*protocol.volumes, strict=True)
    several = len(set(delays)) > 1
    sidecar: dict[str, Any] = {
        "Modality": "MR",
        "MagneticFieldStrength": 3,
        "MRAcquisitionType": protocol.acquisition,
        "PulseSequenceType": "EPI" if protocol.acquisition == "2D" else "GRASE",
        "EchoTime": protocol.te_s,
        "FlipAngle": 90,
        "RepetitionTimePreparation": _each(kinds, protocol.tr_s, protocol.m0_tr_s),
        "ArterialSpinLabelingType": protocol.labeling,
        "PostLabelingDelay": list(delays) if several else delays[0],
        "BackgroundSuppression": protocol.suppressions > 0,
        "M0Type": {"included last": "Included"}.get(protocol.m0, protocol.m0.capitalize()),
        "TotalAcquiredPairs": protocol.pairs * len(protocol.delays_s),
    }
    if protocol.suppressions:
        sidecar["BackgroundSuppressionNumberPulses"] = protocol.suppressions
    if protocol.m0 == "estimate":
        sidecar["M0Estimate"] = round(made.m0_blood, 2)
    if protocol.acquisition == "2D":
        sidecar["SliceTiming"] = [round(number * protocol.slice_s, 4) for number in range(slices)]
    if protocol.labeling == "PASL":
        cut = {"BolusCutOffFlag": True, "BolusCutOffTechnique": "QUIPSSII"}
        return sidecar | cut | {"BolusCutOffDelayTime": protocol.duration_s}
    return sidecar | {"LabelingDuration": _each(kinds, protocol.duration_s, 0.0)}


def m0_sidecar(protocol: AslProtocol, intended_for: str) -> dict[str, Any]:
    """Return what BIDS asks of an ``_m0scan.json``; the path of the series is from the patient's folder."""
    return {
        "Modality": "MR",
        "MagneticFieldStrength": 3,
        "MRAcquisitionType": protocol.acquisition,
        "PulseSequenceType": "EPI" if protocol.acquisition == "2D" else "GRASE",
        "EchoTime": protocol.te_s,
        "FlipAngle": 90,
        "RepetitionTimePreparation": protocol.m0_tr_s,
        "IntendedFor": intended_for,
    }


def _each(kinds: Sequence[str], labelled: float, m0: float) -> float | list[float]:
    """Return a number, or one for each volume where there is an M0 among them."""
    return [m0 if kind == "m0scan" else labelled for kind in kinds] if "m0scan" in kinds else labelled
