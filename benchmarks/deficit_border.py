"""What the border of a sharp deficit does to its volume.

``python benchmarks/deficit_border.py`` makes the curves of a ball of 25 mm whose tissue is late and has less flow, in
normal tissue, with noise, and prints the error of the volume of Tmax > 6 s for several voxels and flows: of single
voxels of the deconvolved map, by a plain Gaussian mean of Tmax, and as `hypoperfusion_finder` cleans it.
"""

import numpy as np
from numpy.typing import NDArray
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.perfusion.hypoperfusion import hypoperfusion_finder
from reperfuse.simulation.hemodynamics import arterial_curve, tissue_curves
from reperfuse.volumes.smoothing import smooth, smooth_inside

VOXELS_MM = ((1.5, 1.5, 5.0), (1.8, 1.8, 6.5), (2.0, 2.0, 5.0), (2.75, 2.75, 6.0))
#: CBF (mL/100 g/min), MTT (s) and delay (s) of late tissue; normal tissue has 60, 4 and 1.
LATE = ((40.0, 6.0, 6.0), (30.0, 8.0, 8.0), (20.0, 10.0, 9.0))
TIME_S, RADIUS_MM, NOISE, PARTS = np.arange(45) * 1.5, 25.0, 0.1, 5


def share_of_ball(shape: tuple[int, ...], voxel: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the share of each voxel that lies in the ball."""
    fine = [(np.arange(n * PARTS) + 0.5) / PARTS * size for n, size in zip(shape, voxel, strict=True)]
    x, y, z = ((axis - n * size / 2 - 0.3) ** 2 for axis, n, size in zip(fine, shape, voxel, strict=True))
    ball = x[:, None, None] + y[:, None] + z < RADIUS_MM**2
    parted = (part for n in shape for part in (n, PARTS))
    return ball.reshape(*parted).mean(axis=(1, 3, 5))


def main() -> None:
    """Print a row for each voxel size and flow."""
    print("| voxel (mm) | CBF of late tissue | single voxels | plain mean | as cleaned |\n|---|---|---|---|---|")
    rng, normal = np.random.default_rng(1), tissue_curves(TIME_S, 60.0, 4.0, 1.0)[0]
    for voxel in map(np.array, VOXELS_MM):
        shape = tuple(np.ceil(70 / voxel).astype(int))
        share, brain = share_of_ball(shape, voxel)[..., None], np.ones(shape, bool)
        for flow, transit_s, delay_s in LATE:
            curves = share * tissue_curves(TIME_S, flow, transit_s, delay_s)[0] + (1 - share) * normal
            curves += rng.normal(0, NOISE * normal.max(), curves.shape)
            smoothed = smooth_inside(curves, brain, voxel, 4.0).reshape(-1, len(TIME_S))
            tmax = deconvolve(smoothed, arterial_curve(TIME_S), 1.5).tmax.reshape(shape)
            found = (tmax > 6, smooth(tmax, brain, 3.0, voxel) > 6, hypoperfusion_finder(tmax, brain, voxel)(6.0))
            errors = (f"{mask.sum() / share.sum() - 1:+.1%}" for mask in found)
            print(f"| {' × '.join(f'{size:g}' for size in voxel)} | {flow / 60:.0%} |", " | ".join(errors), "|")


if __name__ == "__main__":
    main()
