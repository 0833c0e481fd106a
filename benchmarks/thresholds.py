"""What noise alone does to the volume above each threshold of Tmax.

``python benchmarks/thresholds.py`` deconvolves the curves of the simulated patients before treatment, without motion
and with the true arterial input, at several signal-to-noise ratios (of the signal, as it is after smoothing), and
prints Tmax and its volumes as a table. Volumes are those of single voxels, without any cleaning.
"""

import numpy as np
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.simulation.hemodynamics import arterial_curve
from reperfuse.simulation.patients import DEMO_PATIENTS
from reperfuse.simulation.protocols import DEMO, plan_session
from reperfuse.simulation.scanner import acquire_dsc

WINDOW_S = 50.0
THRESHOLDS_S = (4, 6, 8, 10)
TISSUES = {"normal": (0.0, 3.0), "7.5–9 s": (7.5, 9.0), "9–10 s": (9.0, 10.0)}  # by Tmax without noise


def main() -> None:
    """Print a row for each patient and signal-to-noise ratio."""
    tissues = (f"Tmax of {name}" for name in TISSUES)
    print("| patient | SNR |", " | ".join([*tissues, *(f"> {s} s (mL)" for s in THRESHOLDS_S)]), "|")
    print("|" + "---|" * (2 + len(TISSUES) + len(THRESHOLDS_S)))
    for patient in DEMO_PATIENTS:
        plan = plan_session(patient, "baseline", DEMO, 1)
        flow = plan.flow
        grid, rest = plan.grids["dsc"], np.tile(np.eye(4), (DEMO.dsc.frames, 1, 1))
        head, pose = patient.head("baseline"), plan.poses["dsc"]
        still = acquire_dsc(head, flow, grid, pose, DEMO.dsc, rest, seed=1).still
        used = slice(0, round((flow.bolus.arrival_s + WINDOW_S) / DEMO.dsc.tr_s))
        signal = still[still[..., 0] > 0.3 * still[..., 0].max()][:, used]
        signal = signal / signal[:, :1]
        aif = arterial_curve(np.arange(DEMO.dsc.frames) * DEMO.dsc.tr_s, flow.bolus)[used]
        supplied = -np.log(signal).mean(axis=1) > 0.005  # neither fluid nor scalp
        signal, truth = signal[supplied], None
        for snr in (np.inf, 200, 100, 50):
            noise = np.random.default_rng(1).standard_normal(signal.shape, dtype=np.float32) / np.float32(snr)
            curves = -np.log(np.maximum(signal + noise, 0.01)) / DEMO.dsc.te_s
            tmax = deconvolve(curves, aif, DEMO.dsc.tr_s).tmax
            truth = tmax if truth is None else truth
            middle = (np.nanmedian(tmax[(truth > low) & (truth < high)]) for low, high in TISSUES.values())
            volumes = (np.count_nonzero(tmax > s) * grid.voxel_ml for s in THRESHOLDS_S)
            cells = [*(f"{value:.1f}" for value in middle), *(f"{volume:.0f}" for volume in volumes)]
            print(f"| {patient.label} | {snr:g} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
