"""Arterial input and venous output, found automatically in simulated heads, against the truth.

    python benchmarks/arterial_input.py [heads]
    python benchmarks/arterial_input.py strength [SNR ...]

Each head has another position, voxel size, voxel order, frame spacing, bolus, lesion side and noise. Printed are the
share of the chosen voxels that hold an artery of the healthy side, the error of the rise and of the width, the error
of the area after scaling to the vein, and the score.

With `strength`, one head without drift, its bolus 0.5 to 3 times as strong: the error of CBF and CBV (median over the
brain) and of Tmax and its volumes against maps of the true arterial input, once with the arterial input scaled to the
venous area by a factor and once as it is now, and the shares of the voxels whose signal falls to the noise.
"""

import sys
from itertools import permutations, product

import numpy as np
from reperfuse.faults import DataFault
from reperfuse.head.brain import brain_mask
from reperfuse.perfusion.arteries import select_aif
from reperfuse.perfusion.bolus import find_baseline
from reperfuse.perfusion.concentration import delta_r2star, relative_noise
from reperfuse.perfusion.curves import measure_curve
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.simulation import anatomy
from reperfuse.simulation.geometry import Grid, average_voxels, rigid, sample_points, static_oversampling
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.physiology import Flow
from reperfuse.simulation.protocols import HEAD_CENTRE_MM, Matrix, make_grid
from reperfuse.simulation.scanner import acquire_dsc
from reperfuse.simulation.scene import DscProtocol
from reperfuse.volumes.smoothing import smooth_inside

ORDERS = [
    "".join(letters[i] for i in order) for order in permutations(range(3)) for letters in product("LR", "PA", "IS")
]
EXTENT_MM = {"L": 200.0, "R": 200.0, "P": 215.0, "A": 215.0, "I": 125.0, "S": 125.0}


def draw_scan(rng: np.random.Generator) -> tuple[Grid, DscProtocol, Patient, Flow, np.ndarray]:
    """Draw a grid, a protocol, a patient and a pose."""
    order = ORDERS[rng.integers(len(ORDERS))]
    in_plane, thick = rng.uniform(1.7, 2.5), rng.uniform(4.0, 7.0)
    size = tuple(thick if code in "IS" else in_plane for code in order)
    shape = tuple(round(EXTENT_MM[code] / mm) for code, mm in zip(order, size, strict=True))
    grid = make_grid(Matrix(shape, size, axes=order, tilt_deg=rng.uniform(-12, 12)))
    spacing_s = rng.uniform(1.0, 2.5)
    protocol = DscProtocol(frames=round(85 / spacing_s), tr_s=spacing_s, snr=rng.choice([20.0, 35.0, 60.0]))
    patient = Patient("01", side=rng.choice(["left", "right"]), deficit_ml=rng.uniform(0, 160))
    flow = patient.flow("baseline")
    bolus = Bolus(arrival_s=rng.uniform(12, 20), peak=rng.uniform(60, 120), beta_s=rng.uniform(1.1, 2.0))
    flow = Flow(flow.zones, bolus, flow.left_mca_delay_s, flow.right_mca_delay_s)
    return grid, protocol, patient, flow, rigid(rng.uniform(-6, 6, 3), rng.uniform(-6, 6, 3), HEAD_CENTRE_MM)


def measure(seed: int) -> str:
    """Compare one head's arterial input with the truth."""
    grid, protocol, patient, flow, pose = draw_scan(np.random.default_rng(seed))
    head, rest = patient.head("baseline"), np.tile(np.eye(4), (protocol.frames, 1, 1))
    series = acquire_dsc(head, flow, grid, pose, protocol, rest, seed).series
    brain = brain_mask(series[..., 3:6].mean(axis=3), grid.voxel_mm)
    baseline = find_baseline(series[brain].mean(axis=0), protocol.tr_s)
    curves = delta_r2star(series, protocol.te_s, baseline)
    x = (grid.affine[0, :3] @ np.indices(grid.shape).reshape(3, -1) + grid.affine[0, 3]).reshape(grid.shape)
    healthy = (x > x[brain].mean()) == (patient.side == "left")
    what = (
        f"{seed:3d}  {'x'.join(f'{mm:.1f}' for mm in grid.voxel_mm)} mm  {protocol.tr_s:.1f} s  SNR {protocol.snr:.0f}"
    )
    try:
        found = select_aif(
            curves,
            brain,
            protocol.tr_s,
            baseline,
            echo_time_s=protocol.te_s,
            noise=relative_noise(series, brain, baseline),
            voxel_size_mm=grid.voxel_mm,
            search=healthy,
        )
    except DataFault as fault:
        return f"{what}  {fault}"
    parts = static_oversampling(grid)
    shares = anatomy.tissues(sample_points(grid, pose, head, parts))
    timely = shares.arteries + (shares.right_mca if patient.side == "left" else shares.left_mca)
    artery, vein = (average_voxels(share, grid, parts) for share in (timely, shares.veins + shares.sinuses))
    truth = arterial_curve(np.arange(protocol.frames) * protocol.tr_s, flow.bolus)
    true = measure_curve(truth, protocol.tr_s, baseline)
    return (
        f"{what}  arterial {np.mean(artery[tuple(found.aif_voxels.T)] > 0.1):4.0%}"
        f"  venous {np.mean(vein[tuple(found.vof_voxels.T)] > 0.3):4.0%}"
        f"  rise {found.quality['rise_s'] - true['rise_s']:+.2f} s"
        f"  width {found.quality['fwhm_s'] - true['fwhm_s']:+.1f} s"
        f"  area {found.aif.sum() / truth.sum() - 1:+4.0%} (unscaled {found.quality['area'] / true['area'] - 1:+4.0%})"
        f"  score {found.score:.2f} ({found.weakness})  {'; '.join(found.warnings)}"
    )


def measure_strength(strength: float, snr: float) -> str:
    """Compare maps of one head, whose bolus is so many times as strong, with those of the true arterial input."""
    grid = make_grid(Matrix((96, 104, 24), (2.2, 2.2, 5.0), axes="LPS", tilt_deg=5.0))
    protocol = DscProtocol(frames=57, snr=snr, drift=0.0)
    patient = Patient("01", side="left", deficit_ml=90.0)
    flow = patient.flow("baseline")
    flow = Flow(flow.zones, Bolus(peak=90 * strength), flow.left_mca_delay_s, flow.right_mca_delay_s)
    pose, rest = rigid((3.0, -2.0, 1.0), (1.0, 2.0, -1.0), HEAD_CENTRE_MM), np.tile(np.eye(4), (protocol.frames, 1, 1))
    series = acquire_dsc(patient.head("baseline"), flow, grid, pose, protocol, rest, 0).series
    brain = brain_mask(series[..., 3:6].mean(axis=3), grid.voxel_mm)
    baseline = find_baseline(series[brain].mean(axis=0), protocol.tr_s)
    curves = delta_r2star(series, protocol.te_s, baseline)
    right = (grid.affine[0, 0] * np.arange(grid.shape[0]) + grid.affine[0, 3] > 0)[:, np.newaxis, np.newaxis]
    scan = {
        "echo_time_s": protocol.te_s,
        "noise": relative_noise(series, brain, baseline),
        "voxel_size_mm": grid.voxel_mm,
        "search": np.broadcast_to(right, grid.shape),
    }
    plain, now = (
        select_aif(curves, brain, protocol.tr_s, baseline, **scan, scale_to_vof=scale) for scale in (False, True)
    )
    whole = brain & np.isfinite(curves).all(axis=-1)
    tissue = smooth_inside(curves, whole, grid.voxel_mm, 4.0)[whole][::3, baseline.first :]
    voxel_ml = 3e-3 * np.prod(grid.voxel_mm)
    arterial = (
        arterial_curve(np.arange(protocol.frames) * protocol.tr_s, flow.bolus),
        plain.aif * max(plain.quality["area_ratio"], 1),
        now.aif,
    )
    true, *others = (deconvolve(tissue, curve[baseline.first :], protocol.tr_s) for curve in arterial)
    volumes = [[voxel_ml * (maps.tmax > limit_s).sum() for limit_s in (4, 6)] for maps in (true, *others)]
    text = f"{strength:4.2f}  SNR {snr:3.0f}  true {volumes[0][0]:4.0f} {volumes[0][1]:4.0f} mL"
    for name, maps, (above_4, above_6) in zip(("factor", "now"), others, volumes[1:], strict=True):
        text += (
            f"  | {name} CBF {np.nanmedian(maps.cbf / true.cbf) - 1:+6.1%}"
            f" CBV {np.nanmedian(maps.cbv / true.cbv) - 1:+5.1%}"
            f" Tmax {np.nanmedian(maps.tmax - true.tmax):+.2f} s {above_4:4.0f} {above_6:4.0f} mL"
        )
    saturated = (now.quality[f"{which}SaturatedShare"] for which in ("", "Venous", "Brain"))
    return text + "  | saturated " + " ".join(f"{share:.0%}" for share in saturated)


if __name__ == "__main__":
    if sys.argv[1:2] == ["strength"]:
        for snr in map(float, sys.argv[2:] or ["100"]):
            for strength in (0.5, 0.75, 1, 1.25, 1.5, 2, 3):
                print(measure_strength(strength, snr), flush=True)
    else:
        for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
            print(measure(number), flush=True)
