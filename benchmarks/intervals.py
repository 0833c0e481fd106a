"""How often the intervals of volumes hold the mean of many such scans, and what the same steps find without noise.

    python benchmarks/intervals.py [seeds] [resamples]     about half a minute a seed

Patients of four kinds, a healthy head among them, are scanned at an SNR of 30, 50 and 100, without motion; the arterial
input, the brains and the mirror planes are those without noise. Each seed draws the noise of five scans: perfusion and
diffusion before treatment, perfusion after it, diffusion days later. Prints for each measure how often its interval
holds, with the 95 % interval (Wilson) of that share, the middle width, and by how much noise shifts the measure. The
mean of many scans is that of 16 others, of the same patient at the same SNR.
"""

import argparse
import json
import math
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from reperfuse.diffusion.adc import fit_adc
from reperfuse.diffusion.core import core_finder
from reperfuse.diffusion.noise import series_noise as diffusion_noise
from reperfuse.head.brain import brain_mask
from reperfuse.head.mirror import find_mirror, reflect, reflect_mask
from reperfuse.head.tissue import csf_mask, vessel_mask
from reperfuse.mismatch.intervals import interval, plausible, without_noise
from reperfuse.mismatch.mismatch import volumetric_mismatch
from reperfuse.perfusion.bolus import Baseline
from reperfuse.perfusion.concentration import delta_r2star
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.perfusion.hypoperfusion import hypoperfusion_finder
from reperfuse.perfusion.nuisance import remove_nuisance
from reperfuse.serial.lesion import followup_lesion
from reperfuse.serial.reflow import find_impaired_reflow
from reperfuse.serial.reperfusion import reperfusion_fraction
from reperfuse.simulation.anatomy import tissues
from reperfuse.simulation.coil import coil_bias
from reperfuse.simulation.geometry import (
    average_voxels,
    rigid,
    sample_points,
    static_oversampling,
    world_points,
)
from reperfuse.simulation.hemodynamics import arterial_curve
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.protocols import DEMO, HEAD_CENTRE_MM, Matrix, make_grid
from reperfuse.simulation.scanner import acquire_dsc, acquire_dwi, rician
from reperfuse.simulation.truth import is_inside
from reperfuse.volumes.geometry import apply_matrix
from reperfuse.volumes.noise import series_noise
from reperfuse.volumes.smoothing import smooth_inside

DSC = make_grid(Matrix((52, 60, 15), (3.6, 3.6, 7.0), tilt_deg=8.0))
DWI = make_grid(Matrix((66, 76, 18), (3.0, 3.0, 6.5), axes="RAS", tilt_deg=-6.0))
TR_S, TE_S, BASELINE, END = 1.5, 0.030, Baseline(2, 10), 43
POSE = rigid((2.0, 3.0, 1.0), (1.0, 2.0, 1.0), HEAD_CENTRE_MM)
THRESHOLDS_S, FLUID = (4, 6, 8, 10), 1.5e-3
PATIENTS = {
    "penumbra": Patient("p", core_ml=25.0, deficit_ml=90.0, lesion_ml=40.0, post_deficit_ml=30.0, island_ml=0.0),
    "no reflow": Patient("i", side="right", core_ml=12.0, deficit_ml=60.0, lesion_ml=52.0, island_ml=20.0),
    "large core": Patient("l", core_ml=80.0, deficit_ml=150.0, post_deficit_ml=120.0, lesion_ml=130.0),
    "healthy": Patient("h", core_ml=0.0, deficit_ml=0.0, lesion_ml=0.0, post_core_ml=0.0, oligaemia_ml=0.0),
}
SNRS = (30, 50, 100)
Volumes = dict[str, float]


class Perfusion:
    """A patient's perfusion in a session without noise, and what is found in it with noise."""

    def __init__(self, patient: Patient, session: str) -> None:
        protocol = replace(DEMO.dsc, frames=END, drift=0.0, spin_history=0.0, slice_gain=0.0)
        flow = replace(patient.flow(session), bolus=DEMO.bolus)
        still = np.tile(np.eye(4), (END, 1, 1))
        scan = acquire_dsc(patient.head(session), flow, DSC, POSE, protocol, still, 1)
        bias = coil_bias(world_points(DSC), DSC, protocol.coil_bias, protocol.coil).reshape(DSC.shape)
        self.clean, self.sd = scan.still * bias[..., np.newaxis], scan.sigma * protocol.snr
        self.aif = arterial_curve(np.arange(END) * TR_S, DEMO.bolus)[BASELINE.first :]
        reference = self.clean[..., BASELINE.frames].mean(axis=-1)
        self.brain = brain_mask(reference, DSC.voxel_mm)
        self.plane = find_mirror(reference, DSC.affine, self.brain)
        lesion = patient.core("followup") if session == "post" else None
        self.lesion = None
        if lesion is not None:
            parts = static_oversampling(DSC)
            points = sample_points(DSC, POSE, patient.head(session), parts)
            inside = average_voxels(np.asarray(is_inside(points, lesion), np.float32), DSC, parts) >= 0.5
            self.lesion = inside & self.brain

    def maps(self, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return Tmax (s) and CBV, as `DeconvolvePerfusion` makes them."""
        curves = delta_r2star(series, TE_S, BASELINE)[..., BASELINE.first :]
        whole = self.brain & np.isfinite(curves).all(axis=-1)
        curves = smooth_inside(curves, whole, DSC.voxel_mm, 4.0)[whole]
        points, still = apply_matrix(DSC.affine, np.argwhere(whole)), np.tile(np.eye(4), (len(self.aif), 1, 1))
        before = Baseline(0, BASELINE.arrival - BASELINE.first)
        tissue = remove_nuisance(curves, points, still, self.aif, TR_S, TE_S, before)
        found = deconvolve(tissue, self.aif, TR_S)
        tmax, cbv = np.full((2, *DSC.shape), np.nan, np.float32)
        flows = np.abs(found.tmax) <= 25
        tmax[whole], cbv[whole] = (np.where(flows, values, np.nan) for values in (found.tmax, found.cbv))
        return tmax, cbv

    def measure(self, series: np.ndarray) -> tuple[Volumes, np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Return the volumes, the CBV, and fluid and vessels."""
        tmax, cbv = self.maps(series)
        fluid = csf_mask(self.brain, reference=series[..., BASELINE.frames].mean(axis=-1))
        vessels = vessel_mask(self.brain, cbv, 2.5)
        return self.volumes(tmax, fluid, vessels), cbv, (fluid, vessels)

    def volumes(self, tmax: np.ndarray, fluid: np.ndarray, vessels: np.ndarray) -> Volumes:
        """Return the volumes above each threshold, mL."""
        find = hypoperfusion_finder(tmax, self.brain, DSC.voxel_mm, csf=fluid, vessels=vessels)
        return {f"tmax{limit}_ml": float(find(float(limit)).sum() * DSC.voxel_ml) for limit in THRESHOLDS_S}

    def reflow(self, cbv: np.ndarray) -> float:
        """Return the impaired volume of the lesion, mL."""
        if self.lesion is None:
            return 0.0
        other = reflect_mask(self.brain, DSC.affine, self.plane)
        normal = self.brain & other & ~self.lesion & ~reflect_mask(self.lesion, DSC.affine, self.plane)
        relative = (cbv / np.nanmean(cbv[normal])).astype(np.float32)
        mirrored = reflect(relative, DSC.affine, self.plane)
        voxel = tuple(float(size) for size in DSC.voxel_mm)
        return find_impaired_reflow(relative, mirrored, self.lesion, normal, voxel).imr_ml

    def with_noise(self, snr: float, rng: np.random.Generator, resamples: int, *, is_post: bool) -> "Measured":
        """Scan, measure, and measure again with noise added."""
        series = rician(self.clean, self.sd / snr, int(rng.integers(2**31)))
        value, cbv, excluded = self.measure(series)
        noise = series_noise(series[..., BASELINE.frames], self.brain)
        draws: dict[str, list[float]] = {name: [] for name in (*value, "imr_ml")}
        spread = []
        for _ in range(resamples):
            tmax, noisy_cbv = self.maps(series + noise.draw(series.shape, rng))
            for name, ml in self.volumes(tmax, *excluded).items():
                draws[name].append(ml)
            spread.append(noisy_cbv - cbv)
        value["imr_ml"] = self.reflow(cbv) if is_post else 0.0
        draws["imr_ml"] = [self.reflow(cbv + change) if is_post else 0.0 for change in spread]
        return Measured(value, draws)

    def without_noise(self, *, is_post: bool) -> Volumes:
        """Return the volumes of the scan without noise, mL."""
        value, cbv, _ = self.measure(self.clean)
        return value | {"imr_ml": self.reflow(cbv) if is_post else 0.0}


@dataclass(frozen=True)
class Measured:
    """Volumes of a scan, and those with noise added again, mL."""

    value: Volumes
    draws: dict[str, list[float]]


class Diffusion:
    """A patient's diffusion in a session without noise, and the core or lesion found in it with noise."""

    def __init__(self, patient: Patient, session: str) -> None:
        self.is_core = session == "baseline"
        protocol = replace(DEMO.dwi, snr=1e9)
        head, injuries = patient.head(session), patient.injuries(session)
        self.clean, self.b, _ = acquire_dwi(head, injuries, DWI, POSE, protocol, 1)
        maps = fit_adc(self.clean, self.b)
        self.brain = brain_mask(maps.b0, DWI.voxel_mm)
        self.plane = find_mirror(maps.b0, DWI.affine, self.brain)
        parts = static_oversampling(DWI)
        grey = average_voxels(tissues(sample_points(DWI, POSE, head, parts)).grey, DWI, parts)
        self.sd = float(maps.b0[grey > 0.6].mean())

    def volume(self, adc: np.ndarray, trace: np.ndarray) -> float:
        """Return the volume of the core or lesion of maps, mL."""
        mirrored = reflect(trace, DWI.affine, self.plane)
        if self.is_core:
            found = core_finder(adc, trace, self.brain, DWI.voxel_mm, mirrored_trace=mirrored)(620e-6)
        else:
            found = followup_lesion(trace, self.brain, DWI.voxel_mm, mirrored=mirrored, adc=adc)
        return float(found.sum() * DWI.voxel_ml)

    def without_noise(self) -> float:
        """Return the volume of the scan without noise, mL."""
        maps = fit_adc(self.clean, self.b)
        return self.volume(maps.adc, maps.trace)

    def with_noise(self, snr: float, rng: np.random.Generator, resamples: int) -> tuple[float, list[float]]:
        """Scan, measure, and measure again with noise added."""
        series = rician(self.clean, self.sd / snr, int(rng.integers(2**31)))
        maps, noise = fit_adc(series, self.b), diffusion_noise(series, self.b, self.brain)
        return self.volume(maps.adc, maps.trace), [
            self.volume(*noise.add(maps.adc, maps.trace, rng)) for _ in range(resamples)
        ]


class Course:
    """The scans of a patient."""

    def __init__(self, patient: Patient) -> None:
        self.before, self.after = (Perfusion(patient, session) for session in ("baseline", "post"))
        self.early, self.late = (Diffusion(patient, session) for session in ("baseline", "followup"))

    @cached_property
    def truth(self) -> Volumes:
        """Return the volumes that the steps find without noise."""
        after = self.after.without_noise(is_post=True)
        return self.before.without_noise(is_post=False) | {
            "core_ml": self.early.without_noise(),
            "lesion_ml": self.late.without_noise(),
            "post_tmax6_ml": after["tmax6_ml"],
            "imr_ml": after["imr_ml"],
        }

    def measure(self, snr: float, rng: np.random.Generator, resamples: int) -> Measured:
        """Return the volumes of noisy scans."""
        before = self.before.with_noise(snr, rng, resamples, is_post=False)
        after = self.after.with_noise(snr, rng, resamples, is_post=True)
        core, cores = self.early.with_noise(snr, rng, resamples)
        lesion, lesions = self.late.with_noise(snr, rng, resamples)
        more = {"core_ml": core, "lesion_ml": lesion, "post_tmax6_ml": after.value["tmax6_ml"]}
        draws = {"core_ml": cores, "lesion_ml": lesions, "post_tmax6_ml": after.draws["tmax6_ml"]}
        imr = "imr_ml"
        return Measured(before.value | more | {imr: after.value[imr]}, before.draws | draws | {imr: after.draws[imr]})


@cache
def course_of(kind: str) -> Course:
    """Return the scans of a kind of patient."""
    return Course(PATIENTS[kind])


def derived(volumes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return all measures of volumes, which are arrays of one length."""
    mismatch = [volumetric_mismatch(*pair) for pair in zip(volumes["tmax6_ml"], volumes["core_ml"], strict=True)]
    fractions = zip(volumes["tmax6_ml"], volumes["post_tmax6_ml"], strict=True)
    return volumes | {
        "mismatch_ml": np.array([one.difference_ml for one in mismatch]),
        "mismatch_ratio": np.array([one.ratio for one in mismatch]),
        "growth_ml": volumes["lesion_ml"] - volumes["core_ml"],
        "reperfusion_fraction": np.array([reperfusion_fraction(*pair) for pair in fractions]),
    }


def intervals(measured: Measured) -> dict[str, tuple[float, float]]:
    """Return the interval of every measure."""
    values, sets = alone(measured.value), []
    for draw in (plausible, without_noise):
        draws = {name: draw(value, measured.draws[name]) for name, value in measured.value.items()}
        sets.append(derived({name: array for name, array in draws.items() if array is not None}))
    return {name: interval(values[name], *(drawn[name] for drawn in sets)) for name in sets[0]}


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    share, term = hits / count, z * z / count
    middle = (share + term / 2) / (1 + term)
    half = z * math.sqrt(share * (1 - share) / count + term / count / 4) / (1 + term)
    return middle - half, middle + half


def alone(volumes: Volumes) -> Volumes:
    """Return all measures of one set of volumes."""
    found = derived({name: np.array([value]) for name, value in volumes.items()})
    return {name: float(values[0]) for name, values in found.items()}


@cache
def mean_of_scans(kind: str, snr: int) -> Volumes:
    """Return the mean of all measures over many scans of a patient."""
    scans = (alone(course_of(kind).measure(snr, np.random.default_rng([scan, 20]), 0).value) for scan in range(16))
    found = list(scans)
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def tabulate(lines: list[dict[str, Any]]) -> None:
    """Print how often intervals hold the mean of a patient's scans at an SNR, and what is found without noise."""
    rows: dict[tuple[str, str], list[tuple[bool, bool, float, float]]] = {}
    for line in lines:
        found = intervals(Measured(line["value"], line["draws"]))
        true, means = alone(line["truth"]), line["mean"]
        who = "healthy" if line["kind"] == "healthy" else "patients"
        for name, (low, high) in found.items():
            mean = means[name]
            held = (low <= of + 1e-9 and of <= high + 1e-9 for of in (mean, true[name]))
            if not math.isnan(mean):
                rows.setdefault((who, name), []).append((*held, high - low, mean - true[name]))
    print("| who | measure | scans | holds the mean of many scans | holds it without noise | width | shift by noise |")
    print("|" + "---|" * 7)
    for (who, name), cases in sorted(rows.items()):
        mean, true, width, shift = np.array(cases, float).T
        shares = " | ".join(
            f"{one.mean():.0%} ({low:.0%}–{high:.0%})"
            for one in (mean, true)
            for low, high in [wilson(int(one.sum()), len(one))]
        )
        print(f"| {who} | {name} | {len(cases)} | {shares} | {np.median(width):.2f} | {shift.mean():+.2f} |")


def main() -> None:
    """Measure the seeds asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=int, nargs="?", default=48)
    parser.add_argument("resamples", type=int, nargs="?", default=19)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--lines", action="store_true", help="print what is found with each seed, as JSON")
    parser.add_argument("--of", type=Path, nargs="+", help="make the table of such lines, and scan nothing")
    options = parser.parse_args()
    if options.of:
        texts = [text for path in options.of for text in path.read_text(encoding="utf-8").splitlines()]
        tabulate([json.loads(text) for text in texts if text.startswith("{")])
        return
    lines = []
    for seed in range(options.first, options.first + options.seeds):
        kind, snr = list(PATIENTS)[seed % len(PATIENTS)], SNRS[seed // len(PATIENTS) % len(SNRS)]
        course = course_of(kind)
        measured = course.measure(snr, np.random.default_rng([seed, 19]), options.resamples)
        found = {"value": measured.value, "draws": measured.draws}
        lines.append({"kind": kind, "snr": snr, "truth": course.truth, "mean": mean_of_scans(kind, snr)} | found)
        if options.lines:
            print(json.dumps(lines[-1]), flush=True)
    tabulate(lines)


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
