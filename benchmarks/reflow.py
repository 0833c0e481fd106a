"""Impaired reflow and the mirror plane against simulated truth, over many heads, lesions, noise levels and seeds.

    python benchmarks/reflow.py            all (about a quarter of an hour on one core)
    python benchmarks/reflow.py --brief    two seeds, fewer poses
    python benchmarks/reflow.py --draw 2   other poses, places and noise: choose constants on one draw, report another

rCBV maps come from the simulator's anatomy on the grid of the demo study: grey and white matter, fluid and vessels
mixed in each voxel, halves that differ by 2.5 mm, noise as single voxels of a DSC series at an SNR have it
(1.5 s a frame, 16 s before the bolus, 50 s after), smoothed by 4 mm. The mirror is found on the head's own image.
Each line: what was asked, and what came out.
"""

import argparse
import sys
from itertools import product

import numpy as np
from reperfuse.head import mirror
from reperfuse.head.mirror import find_mirror, reflect_mask
from reperfuse.serial.reflow import Reflow, find_impaired_reflow
from reperfuse.simulation import anatomy, truth
from reperfuse.simulation.anatomy import Head, Region, brain_points, midplane
from reperfuse.simulation.geometry import average_voxels, moving_oversampling, rigid, sample_points
from reperfuse.simulation.patients import PROPORTIONS
from reperfuse.simulation.physiology import perfusion_at
from reperfuse.simulation.protocols import DEMO, HEAD_CENTRE_MM, make_grid
from reperfuse.simulation.scanner import FlairProtocol, acquire_flair
from reperfuse.volumes.geometry import apply_matrix
from reperfuse.volumes.smoothing import smooth_inside

GRID = make_grid(DEMO.dsc_matrix)
VOXEL_MM = tuple(float(size) for size in GRID.voxel_mm)
#: Signal of the pure tissues before the bolus, relative to fluid at full relaxation.
SIGNAL = {"grey": 0.381, "white": 0.340, "csf": 0.444, "blood": 0.3}
BLOOD_CBV = 30.0  # mL/100 g that a voxel of blood seems to hold: its signal is gone long before 100
#: mL/100 g: standard deviation of a voxel's CBV times the SNR, by the SNR. With the mean of the frames before the bolus
#: alone it would be 52 at any SNR; see docs/methods/concentration.md.
NOISE_CBV = {30: 42.0, 50: 45.0, 100: 49.0}
LESION_CENTRE, ISLAND_CENTRE = np.array([36.0, -6.0, 16.0]), np.array([37.0, -6.0, 17.0])
POSES = 5


class Scene:
    """A head in a pose, with its mirror plane, a lesion of 52 mL, and what it would show without noise."""

    def __init__(self, side: str, rng: np.random.Generator, asymmetry_mm: float = 2.5) -> None:
        self.side, self.head = side, Head(asymmetry_mm)
        moved = rng.uniform(-4, 4, 3)
        self.island_centre = tuple(ISLAND_CENTRE + moved)
        lesion = Region(side, tuple(LESION_CENTRE + moved), PROPORTIONS, 52.0)
        self._islands: dict[float, tuple[np.ndarray, float]] = {}
        pose = rigid(rng.uniform(-12, 12, 3), rng.uniform(-4, 4, 3), HEAD_CENTRE_MM)
        parts = moving_oversampling(GRID)
        self.points = sample_points(GRID, pose, self.head, parts)
        shares = anatomy.tissues(self.points)
        self.volume = np.zeros(len(self.points), np.float32)
        for kind in ("grey", "white"):
            share = getattr(shares, kind)
            here = np.flatnonzero(share > 0)
            cbf, mtt, _ = perfusion_at(self.points[here], kind, ())
            self.volume[here] += share[here] * SIGNAL[kind] * cbf * mtt / 60
        signal = sum(SIGNAL[kind] * getattr(shares, kind) for kind in ("grey", "white", "csf"))
        self.signal = self.average(signal + SIGNAL["blood"] * shares.blood)
        self.healthy = self.average(self.volume + SIGNAL["blood"] * BLOOD_CBV * shares.blood)
        self.brain = self.average(shares.grey + shares.white + shares.csf + shares.blood) >= 0.5
        self.lesion = self.average(truth.is_inside(self.points, lesion)) >= 0.5
        reference = 1000 * self.signal + 60 * self.average(shares.scalp)
        noise = np.random.default_rng(1).normal(0, 4, (2, *GRID.shape))
        self.reference = np.hypot(reference + noise[0], noise[1])
        self.mirror = find_mirror(self.reference, GRID.affine, self.brain)
        self.normal = self.brain & self.reflect(self.brain) & ~self.lesion & ~self.reflect(self.lesion)

    def average(self, values: np.ndarray) -> np.ndarray:
        """Average values at the points over each voxel."""
        return average_voxels(np.asarray(values, np.float32), GRID, moving_oversampling(GRID))

    def reflect(self, mask: np.ndarray) -> np.ndarray:
        """Reflect a mask at the plane that was found."""
        return reflect_mask(mask, GRID.affine, self.mirror)

    def island(self, volume_ml: float) -> tuple[np.ndarray, float]:
        """Return what an island takes of the map if it holds no blood at all, and its volume in mL."""
        if not volume_ml:
            return np.zeros(GRID.shape, np.float32), 0.0
        if volume_ml not in self._islands:
            region = Region(self.side, self.island_centre, PROPORTIONS, volume_ml)
            part = self.average(self.volume * (region.radius(self.points) < 1))
            self._islands[volume_ml] = part, truth.volume_ml(self.head, region)
        return self._islands[volume_ml]

    def rcbv(self, volume_ml: float, ratio: float, snr: float, seed: list[int]) -> np.ndarray:
        """Return a noisy map of the head with an island."""
        part, _ = self.island(volume_ml)
        with np.errstate(divide="ignore", invalid="ignore"):
            cbv = np.nan_to_num((self.healthy - (1 - ratio) * part) / self.signal)
        cbv += np.random.default_rng(seed).normal(0, NOISE_CBV[snr] / snr, cbv.shape)
        cbv = smooth_inside(cbv, self.brain, VOXEL_MM, 4.0)
        return (cbv / np.nanmean(cbv[self.normal])).astype(np.float32)

    def find(self, volume_ml: float, ratio: float, snr: float, seed: list[int]) -> tuple[Reflow, float]:
        """Find the island in a noisy map; also return its true volume."""
        rcbv = self.rcbv(volume_ml, ratio, snr, seed)
        mirrored = mirror.reflect(rcbv, GRID.affine, self.mirror)
        found = find_impaired_reflow(rcbv, mirrored, self.lesion & self.brain, self.normal, VOXEL_MM)
        return found, self.island(volume_ml)[1]


def sweep_reflow(poses: int, seeds: int, draw: int) -> None:
    """Print the error of the volume, and how often it is on the right side of 5 mL."""
    scenes = [Scene(("left", "right")[pose % 2], np.random.default_rng([draw, pose])) for pose in range(poses)]
    islands = [(0.0, 1.0), *product((2.5, 8.0, 20.0), (0.5, 0.6, 0.7)), (20.0, 0.75), (20.0, 0.8)]
    print(f"impaired reflow: {len(scenes)} poses, {seeds} seeds each; volumes in mL")
    for snr in NOISE_CBV:
        print(f"\nSNR {snr}\nisland  ratio  mean error  SD    largest  right side of 5 mL")
        for volume_ml, ratio in islands:
            runs = [
                scene.find(volume_ml, ratio, snr, [draw, pose, seed])
                for pose, scene in enumerate(scenes)
                for seed in range(seeds)
            ]
            found = np.array([reflow.imr_ml for reflow, _ in runs])
            true = np.array([true_ml for _, true_ml in runs])
            right = ((found > 5) == (true > 5)).mean()
            print(
                f"{true.mean():6.1f}  {ratio:5.2f}  {np.mean(found - true):+10.1f}  {np.std(found - true):4.1f}  "
                f"{found.max():7.1f}  {right:17.0%}"
            )
        print(f"smoothing {runs[-1][0].smoothing_fwhm_mm:g} mm, noise {runs[-1][0].noise_sd:.3f}")


def sweep_mirror(seeds: int) -> None:
    """Print the error of the plane of symmetric heads, and of homologous points of a head that is not symmetric."""
    print("\nmirror plane: tilt about three axes up to 12 degrees, shift up to 6 mm")
    print("head                               degrees mean, largest   mm mean, largest")
    cases = {
        "symmetric": (0.0, 0.25, 1.0),
        "strong coil bias": (0.0, 0.6, 1.0),
        "bright lesion of 100 mL": (0.0, 0.25, 2.5),
        "dark lesion of 100 mL": (0.0, 0.25, 0.3),
        "halves that differ by 3 mm": (3.0, 0.25, 1.0),
    }
    for name, (asymmetry_mm, bias, factor) in cases.items():
        errors, distances = [], []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            pose = rigid(rng.uniform(-12, 12, 3), rng.uniform(-6, 6, 3), HEAD_CENTRE_MM)
            head = Head(asymmetry_mm)
            image = acquire_flair(head, (), GRID, pose, FlairProtocol(te_s=0.03, coil_bias=bias), seed=seed)
            points = sample_points(GRID, pose, Head(), (1, 1, 1))
            side = "left" if seed % 2 else "right"
            inside = Region(side, (36, -10, 20), (1, 1.5, 1.2), 100.0).radius(points) < 1
            image = np.where(inside.reshape(GRID.shape), factor * image, image)
            found = find_mirror(image, GRID.affine)
            normal, _ = midplane(pose)
            centre = pose[:3, :3] @ np.array([0.0, -18.0, 10.0]) + pose[:3, 3]
            angle = np.degrees(np.arccos(min(1.0, abs(float(normal @ found.normal)))))
            errors.append((angle, abs(found.normal @ centre - found.offset_mm)))
            if asymmetry_mm:
                brain = brain_points(8.0)[0]
                there = apply_matrix(found.matrix, apply_matrix(pose, brain))
                distances.append(np.linalg.norm(there - apply_matrix(pose, head.homologue(brain)), axis=1).mean())
        angles, offsets = np.array(errors).T
        print(f"{name:34s} {angles.mean():10.2f}, {angles.max():.2f}  {offsets.mean():13.2f}, {offsets.max():.2f}")
        if distances:
            print(
                f"    homologous points: {np.mean(distances):.2f} mm on average, {max(distances):.2f} in the worst head"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--brief", action="store_true", help="two seeds, fewer poses")
    parser.add_argument("--draw", type=int, default=1, help="of the poses, places and noise")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    sweep_reflow(*((2, 2) if options.brief else (POSES, 5)), options.draw)
    sweep_mirror(4 if options.brief else 20)
