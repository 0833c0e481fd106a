"""Bias and spread of arterial delay, and of oSVD's Tmax, over residue functions, dispersion, noise and arterial input.

    python benchmarks/delay.py                  curves of known delay
    python benchmarks/delay.py RESULTS TRUTH    a simulated study's results against its truth

Curves have delays of 0–12 s, mean transit times of 3–14 s, CBV of 2–5 mL/100 g and an exponential dispersion of 0–3 s
unless said otherwise; a voxel of CBV 4 mL/100 g and MTT 4 s loses 35 % of its signal. They are convolved on a grid of
0.05 s, noise is added to the signal (σ = baseline signal / SNR), and they end 50 s after the bolus arrives. A cell
holds bias, median absolute error (s), Dice of tissue later than 6 s, and the share of voxels whose error is within
1.645 standard deviations.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from reperfuse.files import nifti
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.perfusion.delay import arterial_delay
from reperfuse.perfusion.partial_volume import remove_tissue
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve
from scipy.ndimage import gaussian_filter1d
from scipy.special import gammaincc
from scipy.stats import norm

Array = NDArray[np.floating]
STEP_S, ECHO_S, WINDOW_S, VOXELS, PHASE = 0.05, 0.030, 50.0, 1500, 4096
#: Residue functions of time over mean transit time; those of the second group were not looked at during development.
FAMILIES: Mapping[str, Callable[[Array], Array]] = {
    "exponential": lambda x: np.exp(-x),
    "gamma": lambda x: gammaincc(3.0, 3.0 * x),
    "linear": lambda x: np.clip(1 - x / 2, 0, None),
    "box": lambda x: (x < 1).astype(float),
    "biexponential": lambda x: 0.75 * np.exp(-2 * x) + 0.25 * np.exp(-x / 2.5),
    "Lorentzian": lambda x: 1 / (1 + (np.pi * x / 2) ** 2),
}
FRESH: Mapping[str, Callable[[Array], Array]] = {
    "Weibull": lambda x: np.exp(-((0.889 * x) ** 1.8)),
    "log-normal": lambda x: norm.sf((np.log(np.maximum(x, 1e-9)) + 0.125) / 0.5),
    "trapezoid": lambda x: np.clip((1.4 - x) / 0.8, 0, 1),
    "Fermi": lambda x: (1 + np.exp(-4)) / (1 + np.exp(4 * (x / 0.97 - 1))),
    "gamma 1.5": lambda x: gammaincc(1.5, 1.5 * x),
}


@dataclass(frozen=True)
class Condition:
    """What curves are made and measured under."""

    snr: float = 50.0
    dt_s: float = 1.5
    dispersion_s: tuple[float, float] = (0.0, 3.0)
    delay_s: tuple[float, float] = (0.0, 12.0)
    transit_s: tuple[float, float] = (3.0, 14.0)
    order: int = 1
    arterial: str = "exact"
    bolus: Bolus = field(default_factory=Bolus)


@dataclass(frozen=True)
class Measurement:
    """Curves (n, t), arterial input (t,), frames before the bolus, and true delays (n,)."""

    curves: Array
    aif: Array
    arrival: int
    delay: Array


def residues(families: Mapping[str, Callable[[Array], Array]], transit: Array, elapsed: Array) -> Array:
    """Return a residue function (area one) of each voxel, of all families in turn."""
    found = np.empty((len(transit), len(elapsed)))
    for place, family in enumerate(families.values()):
        mine = slice(place, None, len(families))
        found[mine] = family(elapsed / transit[mine, np.newaxis])
    found[:, 0] /= 2
    return found / transit[:, np.newaxis]


def draw(condition: Condition, families: Mapping[str, Callable[[Array], Array]], seed: int) -> Measurement:
    """Draw tissue curves and their noise."""
    rng = np.random.default_rng(seed)
    times = np.arange(0, condition.bolus.arrival_s + WINDOW_S, condition.dt_s)
    fine = np.arange(0, times[-1] + 1, STEP_S)
    blood = arterial_curve(fine, condition.bolus)
    spectrum = np.fft.rfft(blood, PHASE) * STEP_S
    frequency = 2j * np.pi * np.fft.rfftfreq(PHASE, STEP_S)

    def tissue(outflow: Array, dispersion: Array) -> Array:
        kernel = (1 + frequency * dispersion[:, np.newaxis] / condition.order) ** -condition.order
        return np.fft.irfft(np.fft.rfft(outflow, PHASE, axis=1) * spectrum * kernel, PHASE, axis=1)[:, : len(fine)]

    normal = tissue(residues({"": FAMILIES["exponential"]}, np.array([4.0]), fine), np.zeros(1))[0]
    height = -np.log(1 - 0.35) / ECHO_S / normal.max() / 4
    delay, transit, dispersion, cbv = (
        rng.uniform(*limits, VOXELS)
        for limits in (condition.delay_s, condition.transit_s, condition.dispersion_s, (2.0, 5.0))
    )
    whole = height * cbv[:, np.newaxis] * tissue(residues(families, transit, fine), dispersion)
    sampled = np.stack([np.interp(times - late, fine, curve, left=0) for late, curve in zip(delay, whole, strict=True)])
    first, arrival = 1, int(condition.bolus.arrival_s / condition.dt_s)
    signal = np.exp(-ECHO_S * sampled) + rng.standard_normal(sampled.shape) / condition.snr
    signal = np.maximum(signal, 0.02) / signal[:, first:arrival].mean(axis=1, keepdims=True)
    aif = arterial_input(condition.arterial, blood, 4 * height * np.interp(fine - 1, fine, normal, left=0))
    frames = slice(first, None)
    curves = (-np.log(signal) / ECHO_S)[:, frames].astype(np.float32)
    return Measurement(curves, np.interp(times, fine, aif)[frames], arrival - first, delay)


def arterial_input(kind: str, blood: Array, tissue: Array) -> Array:
    """Return the arterial input as it may be measured, of blood of which a voxel may hold 60 %."""
    if kind == "scaled":
        return 0.55 * blood
    if kind == "blurred":
        return np.asarray(gaussian_filter1d(blood, 0.8 / STEP_S))
    if kind.startswith("partial volume"):
        pure = 60 * blood / blood.max()
        signal = 0.6 * np.exp(-ECHO_S * pure) + 0.4 * np.exp(-ECHO_S * tissue)
        if kind.endswith("removed"):  # by an area that is 10 % too small
            return remove_tissue(signal, np.exp(-ECHO_S * tissue), 0.9 * pure.sum(), 0.01, ECHO_S)[
                0
            ]  # a vein known to 10 %
        return np.asarray(-np.log(signal) / ECHO_S)
    return blood


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Overlap of two sets of voxels."""
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))


def cells(measured: Measurement, dt_s: float) -> list[str]:
    """Return what delay and Tmax are off by."""
    found = arterial_delay(measured.curves, measured.aif, dt_s, measured.arrival)
    tmax = deconvolve(measured.curves, measured.aif, dt_s).tmax
    late, written = measured.delay > 6, []
    for values, sd in ((found.delay, found.sd), (tmax, None)):
        error = values - measured.delay
        text = f"{np.nanmean(error):+.2f} {np.nanmedian(np.abs(error)):.2f} {dice(values > 6, late):.3f}"
        inside = "" if sd is None else f" {np.mean((np.abs(error) < 1.645 * sd)[np.isfinite(error)]):.0%}"
        written.append(text + inside)
    return written


def tabulate(title: str, conditions: Mapping[str, Condition], families: Mapping[str, Any], seed: int) -> None:
    """Print a row for each family and all of them mixed, a column for each condition."""
    groups = {name: {name: family} for name, family in families.items()} | {"mixed": dict(families)}
    print(f"\n{title}\n\n| residue | of | " + " | ".join(conditions) + " |\n|" + "---|" * (2 + len(conditions)))
    for name, group in groups.items():
        columns = [cells(draw(one, group, seed), one.dt_s) for one in conditions.values()]
        for which, row in zip(("delay", "Tmax"), zip(*columns, strict=True), strict=True):
            print(f"| {name} | {which} | " + " | ".join(row) + " |")


def among_normal(families: Mapping[str, Callable[[Array], Array]], seed: int) -> None:
    """Print a row for each family: late, slow, dispersed tissue among three times as much normal tissue."""
    print("\nA head\n\n| residue | normal: 0-2 s, MTT 3-6 s, dispersed by 0-0.3 s | late: 2-12 s, 5-14 s, 1-3 s |")
    print("|---|---|---|")
    normal = Condition(dispersion_s=(0.0, 0.3), delay_s=(0.0, 2.0), transit_s=(3.0, 6.0))
    late = Condition(dispersion_s=(1.0, 3.0), delay_s=(2.0, 12.0), transit_s=(5.0, 14.0))
    groups = {name: {name: family} for name, family in families.items()} | {"mixed": dict(families)}
    for name, group in groups.items():
        parts = [draw(normal, group, seed + part) for part in range(3)] + [draw(late, group, seed + 3)]
        whole = np.concatenate([part.curves for part in parts])
        found = arterial_delay(whole, parts[0].aif, normal.dt_s, parts[0].arrival)
        error = found.delay - np.concatenate([part.delay for part in parts])
        inside = np.abs(error) < 1.645 * found.sd
        written = [
            f"{np.nanmean(error[part]):+.2f} {np.nanmedian(np.abs(error[part])):.2f} {np.mean(inside[part]):.0%}"
            for part in (slice(None, 3 * VOXELS), slice(3 * VOXELS, None))
        ]
        print(f"| {name} | " + " | ".join(written) + " |")


def cost(voxels: int = 100_000) -> None:
    """Print the CPU time of the delay and of oSVD."""
    measured = draw(Condition(), FAMILIES, 0)
    curves = np.resize(measured.curves, (voxels, measured.curves.shape[1]))
    spent = {}
    for name, run in {
        "delay": lambda: arterial_delay(curves, measured.aif, 1.5, measured.arrival),
        "oSVD": lambda: deconvolve(curves, measured.aif, 1.5),
    }.items():
        run()
        begun = time.process_time()
        run()
        spent[name] = time.process_time() - begun
    print(f"\n{voxels} voxels of {curves.shape[1]} frames: " + ", ".join(f"{n} {s:.2f} s" for n, s in spent.items()))


def compare(results: Path, truth: Path) -> None:
    """Print volumes of late tissue, and errors of the delay, of a simulated study's sessions."""
    print("| session | mL > 3 s (true) | Dice | mL > 6 s (true) | Dice | Tmax > 6 s, mL | bias < 2 s | bias > 4 s |")
    print("|" + "---|" * 8)
    for path in sorted(results.glob("sub-*/ses-*/perf/*_delay.nii.gz")):
        place, start = path.parent.relative_to(results), path.name.removesuffix("delay.nii.gz")
        found, true = (nifti.load(folder / place / path.name).data for folder in (results, truth))
        image = nifti.load(truth / place / f"{start}desc-brain_mask.nii.gz")
        known, voxel_ml = image.mask & np.isfinite(true), float(np.prod(image.voxel_size_mm)) / 1000
        row = []
        for limit in (3, 6):
            mask, late = (
                nifti.load(results / place / f"{start}desc-delay{limit}_mask.nii.gz").mask,
                known & (true > limit),
            )
            row += [f"{mask.sum() * voxel_ml:.0f} ({late.sum() * voxel_ml:.0f})", f"{dice(mask, late):.2f}"]
        row.append(f"{nifti.load(results / place / f'{start}desc-tmax6_mask.nii.gz').mask.sum() * voxel_ml:.0f}")
        for part in (known & (true < 2), known & (true > 4)):
            row.append(f"{np.nanmedian((found - true)[part]):+.2f}" if part.any() else "")
        print(f"| {start.rstrip('_')} | " + " | ".join(row) + " |")


def main() -> None:
    """Print the tables."""
    if len(sys.argv) == 3:
        compare(*map(Path, sys.argv[1:]))
        return
    print("Each cell: bias, median |error| (s), Dice of delay > 6 s, voxels within the 90 % interval")
    usual, seed = Condition(), 5026
    kinds = ("exact", "scaled", "blurred", "partial volume", "partial volume, tissue removed")
    tabulate("Arterial input", {kind: replace(usual, arterial=kind) for kind in kinds}, FAMILIES, seed)
    quick = Bolus(recirculation=0.0, tail=0.0, alpha=2.5, beta_s=1.1)
    fresh = {"recirculating bolus": usual, "gamma variate alone": replace(usual, bolus=quick)}
    fresh |= {kind: replace(usual, arterial=kind) for kind in ("blurred", "partial volume")}
    tabulate("Residue functions not looked at before", fresh, FRESH, seed + 1)
    tabulate("SNR", {f"{snr:g}": replace(usual, snr=snr) for snr in (20.0, 50.0, 100.0)}, FAMILIES, seed + 2)
    spacings = (0.5, 1.0, 1.5, 2.0, 2.5)
    tabulate("Frame spacing (s)", {f"{dt:g}": replace(usual, dt_s=dt) for dt in spacings}, FAMILIES, seed + 3)
    alike = {f"{dt:g}": replace(usual, dt_s=dt, snr=50 * float(np.sqrt(dt / 1.5))) for dt in spacings}
    tabulate("Frame spacing (s), the same noise a second", alike, FAMILIES, seed + 3)
    fixed = {f"{s:g} s": replace(usual, dispersion_s=(s, s)) for s in (0.0, 1.0, 2.0, 3.0)}
    fixed["0-3 s, gamma of order 2"] = replace(usual, order=2)
    tabulate("Dispersion", fixed, FAMILIES, seed + 4)
    among_normal(FAMILIES, seed + 5)
    cost()


if __name__ == "__main__":
    main()
