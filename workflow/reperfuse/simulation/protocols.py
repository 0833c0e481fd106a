"""How the patients of a study are scanned: matrices, acquisitions, and where the head lies in each scan."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from reperfuse.simulation.anatomy import Array
from reperfuse.simulation.ct import CT_BOLUS, ENHANCEMENT, CtProtocol, even_times, tilted_gantry
from reperfuse.simulation.geometry import Grid, draw_motion, rigid
from reperfuse.simulation.hemodynamics import Bolus
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.physiology import Flow
from reperfuse.simulation.scanner import DscProtocol, DwiProtocol, FlairProtocol

HEAD_CENTRE_MM = (0.0, -18.0, 20.0)  # where the middle of every field of view lies in the head


@dataclass(frozen=True)
class Matrix:
    """Voxel grid of a scan: shape, voxel size (mm), voxel order, tilt about the left–right axis (deg)."""

    shape: tuple[int, int, int]
    voxel_mm: tuple[float, float, float]
    axes: str = "LAS"
    tilt_deg: float = 0.0


@dataclass(frozen=True)
class Protocol:
    """How every session is scanned.

    Attributes
    ----------
    dsc_matrix, dwi_matrix, flair_matrix, ctp_matrix : Matrix
        Voxel grids.
    dsc, dwi, flair, ctp : DscProtocol, DwiProtocol, FlairProtocol, CtProtocol
        Acquisitions.
    bolus, ct_bolus : Bolus
        Injection for DSC, s⁻¹, and for CT, HU at 80 kVp.
    position_mm, position_deg : float
        How far the head lies off the centre in a session (largest value a component).
    offset_mm, offset_deg : float
        How far it moves between two scans of a session.
    jump_mm, jump_deg : float
        Jumps during the perfusion series; 0 for a still head.
    """

    dsc_matrix: Matrix
    dwi_matrix: Matrix
    flair_matrix: Matrix
    dsc: DscProtocol = field(default_factory=DscProtocol)
    dwi: DwiProtocol = field(default_factory=DwiProtocol)
    flair: FlairProtocol = field(default_factory=FlairProtocol)
    bolus: Bolus = field(default_factory=Bolus)
    position_mm: float = 6.0
    position_deg: float = 6.0
    offset_mm: float = 2.5
    offset_deg: float = 2.5
    jump_mm: float = 1.5
    jump_deg: float = 1.5
    ctp_matrix: Matrix = Matrix((112, 112, 20), (2.0, 2.0, 5.0))
    ctp: CtProtocol = field(default_factory=CtProtocol)
    ct_bolus: Bolus = CT_BOLUS


TINY = Protocol(
    Matrix((48, 48, 14), (4.6, 4.6, 9.0), tilt_deg=8.0),
    Matrix((56, 56, 16), (4.0, 4.0, 8.0)),
    Matrix((56, 56, 16), (4.0, 4.0, 8.0)),
    dsc=DscProtocol(frames=40, tr_s=2.0, snr=80.0),
    dwi=DwiProtocol(shells=((0.0, 1), (1000.0, 3))),
    ctp_matrix=Matrix((56, 56, 12), (4.2, 4.2, 8.0)),
    ctp=CtProtocol(even_times(33, 2.0)),
)


DEMO = Protocol(
    Matrix((80, 80, 20), (2.75, 2.75, 6.0), tilt_deg=10.0),
    Matrix((112, 112, 24), (2.0, 2.0, 5.0), axes="RAS", tilt_deg=-6.0),
    Matrix((112, 128, 24), (2.0, 2.0, 5.0), axes="LPS", tilt_deg=4.0),
    dsc=DscProtocol(snr=65.0, coil="array", coil_bias=0.3, spin_history=0.3, slice_gain=0.002, vessel_field=0.3),
    bolus=Bolus(peak=470.0),  # the signal of the brain drops by 30 %, that of grey matter by 40 %
)


CLINICAL = Protocol(
    Matrix((112, 128, 24), (1.9, 1.9, 5.0), tilt_deg=10.0),
    Matrix((192, 192, 24), (1.2, 1.2, 5.0), axes="RAS", tilt_deg=-6.0),
    Matrix((256, 256, 24), (0.9, 0.9, 5.0), axes="LPS", tilt_deg=4.0),
    dsc=DscProtocol(frames=80, tr_s=1.2, flip_deg=60.0),
    dwi=DwiProtocol(shells=((0.0, 2), (1000.0, 12))),
    ctp_matrix=Matrix((256, 256, 32), (0.9, 0.9, 5.0)),
)


@dataclass(frozen=True)
class Plan:
    """Geometry of a session.

    Attributes
    ----------
    grids : dict of str to Grid
        Voxel grid of each scan.
    poses : dict of str to (4, 4) array
        Head → world of each scan; of a perfusion series in its reference pose.
    flow : Flow
        Perfusion, with the bolus that is injected.
    motion : (t, 4, 4) array
        Motion of the perfusion frames.
    """

    grids: dict[str, Grid]
    poses: dict[str, Array]
    flow: Flow
    motion: Array


def plan_session(patient: Patient, session: str, protocol: Protocol, seed: int) -> Plan:
    """Draw where the head lies in each scan of a session.

    Parameters
    ----------
    patient, session, protocol, seed
        What determines the session.

    Returns
    -------
    Plan
        Grids, poses, perfusion and motion.
    """
    rng = np.random.default_rng(stream(seed, patient, session, "pose"))
    matrices = {"dsc": protocol.dsc_matrix, "dwi": protocol.dwi_matrix, "flair": protocol.flair_matrix}
    grids = {name: make_grid(matrix) for name, matrix in matrices.items()}
    grids["ctp"] = tilted_gantry(make_grid(protocol.ctp_matrix), protocol.ctp.gantry_deg)
    base = _draw_rigid(rng, protocol.position_deg, protocol.position_mm)
    poses = {"dsc": base, "ctp": base}
    for name in ("dwi", "flair"):
        poses[name] = _draw_rigid(rng, protocol.offset_deg, protocol.offset_mm) @ base
    scan = perfusion_scan(patient.scans[session])
    dsc, ctp, bolus = protocol.dsc, protocol.ctp, protocol.bolus
    times = np.arange(dsc.frames) * dsc.tr_s
    if scan == "ctp":
        times = np.array(ctp.times_s)
        bolus = replace(protocol.ct_bolus, peak=ENHANCEMENT[ctp.kvp] * protocol.ct_bolus.peak)
    arrival, peak = np.interp((bolus.arrival_s, bolus.arrival_s + 5.0), times, np.arange(len(times)))
    motion = draw_motion(
        len(times),
        slice(3, int(arrival)),
        (round(peak), round(0.65 * len(times))),
        protocol.jump_mm,
        protocol.jump_deg,
        grids[scan].centre,
        stream(seed, patient, session, "motion"),
    )
    return Plan(grids, poses, replace(patient.flow(session), bolus=bolus), motion)


def perfusion_scan(scans: Sequence[str]) -> str:
    """Perfusion scan of a session with certain scans: "ctp" where there is no DSC, else "dsc"."""
    return "ctp" if "ctp" in scans and "dsc" not in scans else "dsc"


def make_grid(matrix: Matrix) -> Grid:
    """Voxel grid of a matrix whose middle is the middle of the head in its resting pose.

    Parameters
    ----------
    matrix : Matrix
        Shape, voxel size, voxel order and tilt.

    Returns
    -------
    Grid
        Shape and affine.
    """
    affine = np.eye(4)
    for column, (code, size) in enumerate(zip(matrix.axes, matrix.voxel_mm, strict=True)):
        axis = next(i for i, pair in enumerate(("LR", "PA", "IS")) if code in pair)
        affine[:3, column] = 0.0
        affine[axis, column] = size if code in "RAS" else -size
    affine = rigid((matrix.tilt_deg, 0, 0), (0, 0, 0)) @ affine
    affine[:3, 3] = np.array(HEAD_CENTRE_MM) - affine[:3, :3] @ ((np.array(matrix.shape) - 1) / 2)
    return Grid(matrix.shape, affine)


def _draw_rigid(rng: np.random.Generator, degrees: float, mm: float) -> Array:
    return rigid(rng.uniform(-degrees, degrees, 3), rng.uniform(-mm, mm, 3), HEAD_CENTRE_MM)


def stream(seed: int, patient: Patient, session: str, purpose: str) -> list[int]:
    """Seed of one purpose in one session."""
    return [seed, *(zlib.crc32(text.encode()) for text in (patient.label, session, purpose))]
