"""Bias and spread of CBF, MTT and Tmax of every method, against noise, delay, dispersion and frame spacing.

``python benchmarks/accuracy.py docs/figures`` draws a figure for each of the four and prints its values as a
table. Curves are simulated with an exponential residue function and noise on the signal (σ = baseline signal
/ SNR), and end 50 s after the bolus arrives, as in the workflow. A line is the median of 2000 voxels, a band
holds the middle 68 % of them.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from reperfuse.perfusion.deconvolution import METHODS, deconvolve
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve, tissue_curves

VOXELS, ECHO_S, WINDOW_S, CBV = 2000, 0.030, 50.0, 4.0
TISSUES = {"MTT 4 s": 4.0, "MTT 10 s": 10.0}
#: What is drawn, where the truth lies, and the part of the axis that is shown.
QUANTITIES = {
    "CBF / true CBF": (1, (0, 2.5)),
    "MTT / true MTT": (1, (0, 3.5)),
    "Tmax − true delay (s)": (0, (-2, 12)),
}
COLOURS = ("#0072b2", "#d55e00", "#009e73")

Settings = Callable[[float], dict[str, Any]]


@dataclass(frozen=True)
class Condition:
    """What a simulated measurement is made under."""

    snr: float = 50.0
    delay_s: float = 1.0
    dispersion_s: float = 0.0
    dt_s: float = 1.5


@dataclass(frozen=True)
class Sweep:
    """A figure: its name, the label of its axis, where along it, what that changes, and what is compared.

    ``methods`` are the settings of `deconvolve` for a frame spacing.
    """

    name: str
    label: str
    values: tuple[float, ...]
    condition: Callable[[float], Condition]
    methods: Mapping[str, Settings]


def with_defaults(method: str) -> Settings:
    """Return the settings of a method at its defaults, whatever the frame spacing."""
    return lambda _: {"method": method}


EVERY = {name: with_defaults(name) for name in METHODS}
SWEEPS = (
    Sweep("snr", "SNR", (10, 15, 20, 30, 50, 75, 100, 150, 200), lambda v: Condition(snr=v), EVERY),
    Sweep("delay", "true delay (s)", tuple(np.arange(-3.0, 12.1, 1.0)), lambda v: Condition(delay_s=v), EVERY),
    Sweep("dispersion", "dispersion (s)", (0, 0.5, 1, 2, 3, 4, 6), lambda v: Condition(dispersion_s=v), EVERY),
    Sweep(
        "spacing",
        "frame spacing (s)",
        (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5),
        lambda v: Condition(dt_s=v),
        {
            "osvd, limit 0.035 × (spacing / 1 s)²": lambda _: {},
            "osvd, limit 0.035": lambda spacing: {"oscillation_spacing_s": spacing},
        },
    ),
)


def measure(condition: Condition, mtt_s: float, settings: Settings, seed: int) -> NDArray[np.floating]:
    """Return CBF ratio, MTT ratio and excess of Tmax, (3, n)."""
    time = np.arange(0, Bolus().arrival_s + WINDOW_S, condition.dt_s)
    delay = condition.delay_s + np.random.default_rng(seed).uniform(-0.5, 0.5, VOXELS) * condition.dt_s
    cbf = 60 * CBV / mtt_s
    curves = tissue_curves(time, cbf, mtt_s, delay, dispersion_s=condition.dispersion_s)
    noise = np.random.default_rng(seed + 1).standard_normal(curves.shape) / condition.snr
    noisy = -np.log(np.maximum(np.exp(-ECHO_S * curves) + noise, 0.01)) / ECHO_S
    maps = deconvolve(noisy, arterial_curve(time), condition.dt_s, **settings(condition.dt_s))
    return np.stack([maps.cbf / cbf, maps.mtt / mtt_s, maps.tmax - delay])


def sweep_method(sweep: Sweep, mtt_s: float, settings: Settings) -> NDArray[np.floating]:
    """Return 16th, 50th and 84th percentile of each quantity along a sweep, (3, 3, values)."""
    found = [measure(sweep.condition(value), mtt_s, settings, seed=7) for value in sweep.values]
    return np.stack([np.nanpercentile(part, (16, 50, 84), axis=1) for part in found], axis=-1)


def draw(sweep: Sweep, found: dict[tuple[str, str], NDArray[np.floating]]) -> Figure:
    """Draw a row for each tissue and a column for each quantity."""
    figure = Figure(figsize=(10, 5.6), dpi=100, layout="constrained")
    panels = figure.subplots(2, 3, sharex=True, sharey="col")
    for row, tissue in zip(panels, TISSUES, strict=True):
        row[0].set_ylabel(f"tissue of {tissue}", fontsize=9)
        for column, (axes, (truth, shown)) in enumerate(zip(row, QUANTITIES.values(), strict=True)):
            for method, colour in zip(sweep.methods, COLOURS, strict=False):
                low, middle, high = found[tissue, method][:, column]
                axes.fill_between(sweep.values, low, high, color=colour, alpha=0.15, linewidth=0)
                axes.plot(sweep.values, middle, color=colour, marker="o", markersize=3, linewidth=1.4, label=method)
            axes.axhline(truth, color="#5b6875", linewidth=0.8, linestyle=":")
            axes.set_ylim(shown)
            axes.tick_params(labelsize=8)
            axes.spines[["top", "right"]].set_visible(False)
            if sweep.name == "snr":
                axes.set_xscale("log")
                axes.set_xticks([10, 20, 50, 100, 200], ["10", "20", "50", "100", "200"])
                axes.set_xticks([], minor=True)
    for top, bottom, quantity in zip(*panels, QUANTITIES, strict=True):
        top.set_title(quantity, fontsize=10, loc="left")
        bottom.set_xlabel(sweep.label, fontsize=9)
    panels[0, 0].legend(frameon=False, fontsize=8)
    return figure


def tabulate(sweep: Sweep, found: dict[tuple[str, str], NDArray[np.floating]]) -> None:
    """Print medians and half the width of the bands as a table."""
    print(f"\n| {sweep.label} | method | tissue | " + " | ".join(QUANTITIES) + " |\n|" + "---|" * 6)
    for (tissue, method), values in found.items():
        for place, value in enumerate(sweep.values):
            low, middle, high = values[..., place]
            cells = [f"{m:.2f} ± {(h - lo) / 2:.2f}" for lo, m, h in zip(low, middle, high, strict=True)]
            print(f"| {value:g} | {method} | {tissue} | " + " | ".join(cells) + " |")


def main() -> None:
    """Write the figures into the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Bias and spread of every method, as figures and tables.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for sweep in SWEEPS:
        found = {
            (tissue, method): sweep_method(sweep, mtt_s, settings)
            for tissue, mtt_s in TISSUES.items()
            for method, settings in sweep.methods.items()
        }
        tabulate(sweep, found)
        figure = draw(sweep, found)
        FigureCanvasAgg(figure).print_png(folder / f"accuracy-{sweep.name}.png", metadata={"Software": None})


if __name__ == "__main__":
    main()
