"""Patients of two makes, scanned before treatment and days later, and measured by the workflow's own steps.

The steps are those of a run, with the options of config/config.yaml, but for what is known here: where the head lies in
each scan (so nothing is registered, and no scan moves) and the arterial curve. Heads of the other make have no skull,
so their brain is given; the simulator's is found.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from other_head import Array, Mask, injure, make_head, scan
from other_perfusion import WINDOW_S, Course, pass_bolus
from reperfuse.files import nifti
from reperfuse.files.itk import write_itk
from reperfuse.files.sidecars import read_sidecar
from reperfuse.files.tables import table_text
from reperfuse.interfaces import (
    ComputeADC,
    DeconvolvePerfusion,
    ExtractBrain,
    QuantifyGrowth,
    ResampleCore,
    ResampleDiffusion,
    SegmentCore,
    SegmentHypoperfusion,
    SegmentLesion,
    SegmentPenumbra,
    SelectArterialInput,
)
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.simulation import anatomy
from reperfuse.simulation.geometry import Grid, rigid
from reperfuse.simulation.hemodynamics import arterial_curve, tissue_curves
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.physiology import Flow, perfusion_at
from reperfuse.simulation.protocols import DEMO, HEAD_CENTRE_MM, Matrix, make_grid
from reperfuse.simulation.scanner import acquire_dsc, acquire_dwi
from reperfuse.volumes.image import volume_ml

Voxel = tuple[float, float, float]
#: Voxels of the other make's diffusion and perfusion, mm.
VOXELS: tuple[tuple[Voxel, Voxel], ...] = (
    ((1.9, 1.9, 6.5), (1.9, 1.9, 6.5)),
    ((1.2, 1.2, 5.0), (1.8, 1.8, 5.0)),
    ((1.6, 1.6, 5.5), (2.3, 2.3, 6.0)),
    ((1.2, 1.2, 6.0), (1.6, 1.6, 5.5)),
)
OWN_MATRICES = (
    (DEMO.dwi_matrix, DEMO.dsc_matrix),
    (Matrix((128, 128, 20), (1.8, 1.8, 6.5), axes="RPS", tilt_deg=-8.0), Matrix((112, 112, 22), (1.9, 1.9, 5.5))),
)


@dataclass(frozen=True)
class Volumes:
    """What growth and salvage are made of, mL, and the share of the penumbra that is salvaged."""

    core_ml: float
    tmax6_ml: float
    lesion_ml: float
    salvage: float

    @property
    def growth_ml(self) -> float:
        return self.lesion_ml - self.core_ml


@dataclass(frozen=True)
class Series:
    """A series (x, y, z, n), the affine that leads to the head's own frame, and the brain where it is given."""

    data: Array
    affine: Array
    brain: Mask | None


@dataclass(frozen=True)
class Scans:
    """Scans of a patient: diffusion with b-values, before and days later; perfusion with its arterial curve."""

    side: str
    bvals: Array
    before: Series
    after: Series
    perfusion: Series
    arterial: Array
    tr_s: float
    te_s: float
    true: Volumes


def measure(patient: Scans, folder: Path) -> Volumes:
    """Measure a patient as a run does."""
    folder.mkdir(parents=True, exist_ok=True)
    write_itk(folder / "still.txt", np.eye(4))
    still = str(folder / "still.txt")
    before, after = (_diffusion(patient, name, folder / name) for name in ("before", "after"))
    core = SegmentCore(**{key: before[key] for key in ("adc", "trace", "brain", "mirror")}).run(cwd=folder / "core")
    dsc = _perfusion(patient, folder / "dsc")
    there = {"reference": dsc["reference"], "transform": still}
    near = ResampleDiffusion(adc=before["adc"], trace=before["trace"], **there).run(cwd=folder / "near").outputs
    near_core = ResampleCore(core=core.outputs.core, **there).run(cwd=folder / "near_core").outputs.core
    late = SegmentHypoperfusion(
        **{key: dsc[key] for key in ("tmax", "brain", "reference", "cbv", "mirror")}, adc=near.adc, side=patient.side
    ).run(cwd=folder / "late").outputs.tmax6  # fmt: skip
    penumbra = SegmentPenumbra(deficit=late, core=near_core).run(cwd=folder / "penumbra").outputs.penumbra
    lesion = SegmentLesion(
        reference=after["trace"], brain=after["brain"], mirror=after["mirror"], adc=after["adc"], side=patient.side
    ).run(cwd=folder / "lesion").outputs.lesion  # fmt: skip
    growth = QuantifyGrowth(
        core=core.outputs.core, lesion=lesion, transform=still, penumbra=penumbra, penumbra_transform=still
    ).run(cwd=folder / "growth").outputs.growth  # fmt: skip
    salvage = read_sidecar(growth)["salvage_fraction"]
    masks = (nifti.load(path) for path in (core.outputs.core, late, lesion))
    share = salvage if isinstance(salvage, float) else np.nan
    return Volumes(*(volume_ml(mask.mask, mask.affine) for mask in masks), share)


def _diffusion(patient: Scans, name: str, folder: Path) -> dict[str, str]:
    """Fit the ADC and find the brain and its mirror plane."""
    series = getattr(patient, name)
    path = _save(folder / f"sub-x_ses-{name}_dwi.nii.gz", series.data, series.affine)
    (folder / "dwi.bval").write_text(" ".join(f"{b:g}" for b in patient.bvals))
    fitted = ComputeADC(dwi=path, bvals=str(folder / "dwi.bval")).run(cwd=folder / "adc").outputs
    return {"adc": fitted.adc, "trace": fitted.trace} | _brain(fitted.reference, series, folder)


def _perfusion(patient: Scans, folder: Path) -> dict[str, str]:
    """Deconvolve the series with the arterial curve."""
    series = patient.perfusion
    path = _save(folder / "sub-x_ses-before_dsc.nii.gz", series.data, series.affine, frame_spacing_s=patient.tr_s)
    reference = _save(folder / "sub-x_ses-before_dscref.nii.gz", series.data[..., 4:8].mean(axis=-1), series.affine)
    found = _brain(reference, series, folder)
    scan_ = {"series": path, "brain": found["brain"], "repetition_time_s": patient.tr_s, "echo_time_s": patient.te_s}
    given = folder / "given.tsv"
    times = np.arange(len(patient.arterial)) * patient.tr_s
    rows = zip(map(str, times), map(str, patient.arterial), strict=True)
    given.write_text(table_text(["time", "aif"], rows))
    curves = SelectArterialInput(**scan_, side=patient.side, manual=str(given)).run(cwd=folder / "aif").outputs.curves
    maps = DeconvolvePerfusion(**scan_, curves=curves).run(cwd=folder / "maps").outputs
    return {"tmax": maps.tmax, "cbv": maps.cbv, "reference": reference} | found


def _brain(reference: str, series: Series, folder: Path) -> dict[str, str]:
    given = {}
    if series.brain is not None:
        given = {"given": _save(folder / "given_mask.nii.gz", series.brain, series.affine)}
    found = ExtractBrain(reference=reference, **given).run(cwd=folder / "brain").outputs
    return {"brain": found.brain, "mirror": found.mirror}


def _save(path: Path, data: Array, affine: Array, **how: float) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    nifti.save(path, data, affine, sidecar={}, **how)
    return str(path)


def other_patient(seed: int, *, healthy: bool = False) -> Scans:
    """Draw a patient of the other make."""
    rng = np.random.default_rng([seed, 19])
    head, (diffusion_mm, perfusion_mm) = make_head(seed), VOXELS[seed % len(VOXELS)]
    core_ml, edge_mm, snr = rng.choice([8.0, 15.0, 25.0, 40.0, 60.0]), rng.uniform(1.5, 5), rng.uniform(30, 60)
    adc, t2_ratio = rng.uniform(0.40e-3, 0.54e-3), rng.uniform(1, 1.2)
    late_ml = core_ml * rng.uniform(1.4, 2.5) + 25
    lesion_ml = core_ml + rng.uniform(0.05, 0.7) * (late_ml - core_ml)
    later_adc, lesion_edge_mm, late_edge_mm = rng.uniform((0.5e-3, 0.5, 0.5), (0.7e-3, 3, 5))
    if healthy:
        core_ml = late_ml = lesion_ml = 1e-9
        edge_mm = lesion_edge_mm = late_edge_mm = 0.1
    injury, adcs = injure(head, core_ml, adc, edge_mm, seed)
    grown, later_adcs = injure(head, lesion_ml, later_adc, lesion_edge_mm, seed)
    severity, _ = injure(head, late_ml, adc, late_edge_mm, seed)
    core = head.tissue & (adcs < 620e-6)
    before = scan(head, injury, adcs, diffusion_mm, snr=snr, t2_ratio=t2_ratio, seed=seed)
    after = scan(head, grown, later_adcs, diffusion_mm, snr=snr, t2_ratio=rng.uniform(1.35, 1.6), seed=seed + 500)
    tr_s, te_s = rng.choice([1.4, 1.6, 1.8]), rng.uniform(0.025, 0.032)
    dsc = pass_bolus(
        head, severity, core, Course.draw(rng), perfusion_mm, snr=rng.uniform(30, 60), tr_s=tr_s, te_s=te_s, seed=seed
    )
    lesion = grown >= 0.5
    return Scans(
        "left",
        np.array([0, 1000, 1000, 1000]),
        Series(before.series, before.affine, before.brain),
        Series(after.series, after.affine, after.brain),
        Series(dsc.series, dsc.affine, dsc.brain),
        dsc.arterial,
        tr_s,
        te_s,
        _volumes(core, dsc.late, lesion, 1e-3),
    )


def _volumes(core: Mask, late: Mask, lesion: Mask, ml: float) -> Volumes:
    """Return volumes of masks of small places, and the share of the penumbra outside the lesion."""
    penumbra = late & ~core
    salvage = float((penumbra & ~lesion).sum() / penumbra.sum()) if penumbra.any() else np.nan
    return Volumes(float(core.sum() * ml), float(late.sum() * ml), float(lesion.sum() * ml), salvage)


def own_patient(seed: int, *, healthy: bool = False) -> Scans:
    """Draw a patient of the simulator."""
    rng = np.random.default_rng([seed, 20])
    core_ml = rng.uniform(8, 60)
    late_ml = core_ml * rng.uniform(1.4, 2.5) + 25
    lesion_ml = core_ml + rng.uniform(0.05, 0.7) * (late_ml - core_ml)
    if healthy:
        core_ml = late_ml = lesion_ml = 0.0
    patient = Patient(
        "x",
        side=("left", "right")[seed % 2],
        core_ml=core_ml,
        deficit_ml=late_ml,
        lesion_ml=lesion_ml,
        oligaemia_ml=rng.uniform(0, 60),
    )
    diffusion, perfusion = map(make_grid, OWN_MATRICES[seed % len(OWN_MATRICES)])
    snr = rng.uniform(30, 60)

    def pose() -> Array:
        return rigid(rng.uniform(-6, 6, 3), rng.uniform(-6, 6, 3), HEAD_CENTRE_MM)

    def diffuse(session: str, number: int) -> tuple[Series, Array]:
        where, how = pose(), replace(DEMO.dwi, snr=snr)
        injuries = patient.injuries(session)
        data, bvals, _ = acquire_dwi(patient.head(session), injuries, diffusion, where, how, [seed, number])
        return _in_head(data, diffusion, where), bvals

    (before, bvals), (after, _) = diffuse("baseline", 1), diffuse("followup", 2)
    where, how = pose(), replace(DEMO.dsc, snr=rng.uniform(30, 60))
    flow = replace(patient.flow("baseline"), bolus=DEMO.bolus)
    rest = np.tile(np.eye(4), (how.frames, 1, 1))
    dsc = acquire_dsc(patient.head("baseline"), flow, perfusion, where, how, rest, [seed, 3]).series
    time_s = np.arange(how.frames) * how.tr_s
    return Scans(
        patient.side,
        bvals,
        before,
        after,
        _in_head(dsc, perfusion, where),
        arterial_curve(time_s, flow.bolus),
        how.tr_s,
        how.te_s,
        _own_truth(patient, flow, time_s, how.tr_s),
    )


def _in_head(data: Array, grid: Grid, pose: Array) -> Series:
    return Series(data, np.linalg.inv(pose) @ grid.affine, None)


def _own_truth(patient: Patient, flow: Flow, time_s: Array, tr_s: float) -> Volumes:
    """Return the truth, of the tissue at points 2 mm apart; late by its own curve without noise."""
    points, ml = anatomy.brain_points(2.0)
    points = patient.head("baseline").to_template(points)
    shares = anatomy.tissues(points)
    tissue = shares.grey + shares.white >= 0.5
    points, is_grey = points[tissue], (shares.grey > shares.white)[tissue]
    late = np.zeros(len(points), bool)
    used = slice(0, int(flow.bolus.arrival_s / tr_s) + round(WINDOW_S / tr_s))
    blood = arterial_curve(time_s, flow.bolus)[used]
    for kind, here in (("grey", is_grey), ("white", ~is_grey)):
        curves = tissue_curves(time_s[used], *perfusion_at(points[here], kind, flow.zones), bolus=flow.bolus)
        late[here] = deconvolve(curves, blood, tr_s).tmax > 6
    core, lesion = (
        region.radius(points) < 1 if (region := patient.core(session)) else np.zeros(len(points), bool)
        for session in ("baseline", "followup")
    )
    return _volumes(core, late, lesion, ml)
