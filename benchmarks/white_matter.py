"""Whether white matter can be told from grey among the normal tissue that is the unit of relative CBF and CBV.

``python benchmarks/white_matter.py`` takes the simulated patients before treatment, without motion and with the true
arterial input, deficit and diffusion on the perfusion grid, and tries three contrasts a session has: the image before
the bolus, the ADC and CBV, smoothed as the workflow does. A row holds, for the voxels below Otsu's threshold,

- how many are white matter (more white than grey) and how much of the white matter they hold,
- their mean CBF over that of the white matter: 1 where the contrast works,
- the volume below 30 % of that mean within Tmax > 6 s.

The row *all* is the unit in use; *white* is the white matter of the truth. It takes a minute.
"""

import numpy as np
from reperfuse.diffusion.adc import fit_adc
from reperfuse.head.brain import _otsu
from reperfuse.head.tissue import csf_mask, normal_tissue
from reperfuse.perfusion.bolus import Baseline
from reperfuse.perfusion.concentration import delta_r2star
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.simulation import anatomy
from reperfuse.simulation.geometry import average_voxels, moving_oversampling, sample_points, world_points
from reperfuse.simulation.hemodynamics import arterial_curve
from reperfuse.simulation.patients import DEMO_PATIENTS, Patient
from reperfuse.simulation.protocols import CLINICAL, DEMO, Protocol, plan_session
from reperfuse.simulation.scanner import acquire_dsc, acquire_dwi
from reperfuse.volumes.smoothing import smooth_inside

WINDOW_S, FWHM_MM, DEFICIT_S, LOW_FLOW = 50.0, 4.0, 6.0, 0.3


def measure(patient: Patient, protocol: Protocol) -> dict[str, tuple[float, float, float, float]]:
    """Measure purity and share of what each contrast calls white, its unit of CBF and the volume of low flow."""
    plan = plan_session(patient, "baseline", protocol, seed=1)
    head, flow = patient.head("baseline"), plan.flow
    grid, pose, dsc = plan.grids["dsc"], plan.poses["dsc"], protocol.dsc
    parts = moving_oversampling(grid)
    shares = anatomy.tissues(sample_points(grid, pose, head, parts))
    white, grey, fluid = (average_voxels(values, grid, parts) for values in (shares.white, shares.grey, shares.csf))
    brain = white + grey + fluid >= 0.5

    rest = np.tile(np.eye(4), (dsc.frames, 1, 1))
    series = smooth_inside(acquire_dsc(head, flow, grid, pose, dsc, rest, seed=1).series, brain, grid.voxel_mm, FWHM_MM)
    arrival = round(flow.bolus.arrival_s / dsc.tr_s)
    used = slice(0, round((flow.bolus.arrival_s + WINDOW_S) / dsc.tr_s))
    curves = delta_r2star(series[brain], dsc.te_s, Baseline(3, arrival))[:, used]
    aif = arterial_curve(np.arange(dsc.frames) * dsc.tr_s, flow.bolus)[used]
    cbf, cbv, tmax = np.full((3, *grid.shape), np.nan, dtype=np.float32)
    maps = deconvolve(curves, aif, dsc.tr_s)
    cbf[brain], cbv[brain], tmax[brain] = maps.cbf, maps.cbv, maps.tmax
    image = series[..., 3:arrival].mean(axis=-1)
    weighted, bvals, bvecs = acquire_dwi(head, patient.injuries("baseline"), grid, pose, protocol.dwi, seed=2)
    adc = smooth_inside(fit_adc(weighted, bvals, bvecs).adc, brain, grid.voxel_mm, FWHM_MM)

    deficit = np.nan_to_num(tmax) > DEFICIT_S
    right = ((world_points(grid) - pose[:3, 3]) @ pose[:3, 0]).reshape(grid.shape) > 0
    normal = normal_tissue(brain, deficit, right, csf=csf_mask(brain, reference=image), cbv=cbv) & np.isfinite(adc)
    is_white = white > grey
    called = {"all": normal, "white": normal & is_white}
    for name, contrast in (("image", image), ("ADC", adc), ("CBV", cbv)):
        called[name] = normal & (contrast < _otsu(contrast[normal]))
    found = {}
    for name, mask in called.items():
        unit = float(np.nanmean(cbf[mask]))
        low_ml = np.count_nonzero(deficit & (cbf < LOW_FLOW * unit)) * grid.voxel_ml
        share = (mask & is_white).sum() / (normal & is_white).sum()
        found[name] = (is_white[mask].mean(), share, unit / np.nanmean(cbf[called["white"]]), low_ml)
    return found


def main() -> None:
    print("| scan | patient | contrast | of these white | of the white | CBF over that of white | below 30 % (mL) |")
    print("|---|---|---|---|---|---|---|")
    for scan, protocol in (("2.75 × 2.75 × 6 mm", DEMO), ("1.9 × 1.9 × 5 mm", CLINICAL)):
        for patient in DEMO_PATIENTS:
            for name, (purity, share, unit, low_ml) in measure(patient, protocol).items():
                print(f"| {scan} | {patient.label} | {name} | {purity:.2f} | {share:.2f} | {unit:.2f} | {low_ml:.0f} |")


if __name__ == "__main__":
    main()
