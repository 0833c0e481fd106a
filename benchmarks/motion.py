"""Time and accuracy of the realignment, side by side with ANTsPy's, on simulated series as hard as real ones.

    python benchmarks/motion.py [--seeds 5] [--first 100] [--slices 24] [--without-ants]

Each seed is a head that moves, compared with ANTs, and the same head at rest. Run with one thread a tool: set
OMP_NUM_THREADS and ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS to 1.
"""

import argparse
import time

import numpy as np
from reperfuse.head.brain import brain_mask
from reperfuse.head.outline import find_head
from reperfuse.perfusion.motion import estimate_motion, resample
from reperfuse.perfusion.outliers import air_signal, find_outliers
from reperfuse.simulation.anatomy import brain_points
from reperfuse.simulation.hard_series import HardSeries, draw_hard_series
from scipy.spatial.transform import Rotation

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def move(matrix, points):
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def point_errors(estimate, series: HardSeries):
    """Mean distance over the brain in the slab a frame (mm), one common pose removed; NaN without an estimate."""
    points = move(series.pose, brain_points(3.0)[0])
    voxels = move(np.linalg.inv(series.grid.affine), points)
    points = points[((voxels > -0.5) & (voxels < np.array(series.grid.shape) - 0.5)).all(axis=1)]
    truth, known = series.recorded.motion, np.isfinite(estimate).all(axis=(1, 2))
    difference = np.linalg.inv(estimate[known]) @ truth[known]
    common = np.eye(4)
    common[:3, :3] = Rotation.from_matrix(difference[:, :3, :3]).mean().as_matrix()
    center = points.mean(axis=0)
    common[:3, 3] = move(difference.mean(axis=0), center) - common[:3, :3] @ center
    errors = np.full(len(truth), np.nan)
    for frame in np.flatnonzero(known):
        errors[frame] = np.linalg.norm(
            move(estimate[frame] @ common, points) - move(truth[frame], points), axis=1
        ).mean()
    return errors


def correct_with_ants(series, affine):
    import ants

    lps = LPS @ affine
    size = np.linalg.norm(lps[:3, :3], axis=0)
    direction = np.eye(4)
    direction[:3, :3] = lps[:3, :3] / size
    image = ants.from_numpy(
        series.astype(np.float32), origin=[*lps[:3, 3], 0.0], spacing=[*size, 1.5], direction=direction
    )
    return ants.motion_correction(image, type_of_transform="BOLDRigid")["motion_parameters"]


def read_ants(files):
    """Point matrices (RAS+, mm) from the files of ITK transforms."""
    import ants

    matrices = []
    for file in files:
        transform = ants.read_transform(file[0] if isinstance(file, list) else file)
        origin = np.array(transform.apply_to_point((0.0, 0.0, 0.0)))
        matrix = np.eye(4)
        for axis, unit in enumerate(100 * np.eye(3)):
            matrix[:3, axis] = (np.array(transform.apply_to_point(tuple(unit))) - origin) / 100
        matrix[:3, 3] = origin
        matrices.append(LPS @ matrix @ LPS)
    return np.array(matrices)


def correct_with_ours(series: HardSeries):
    found = estimate_motion(series.recorded.series, series.grid.affine, series.baseline)
    return found, resample(series.recorded.series, series.grid.affine, found.matrices)


def outliers(found, realigned, series: HardSeries):
    brain = brain_mask(found.reference, series.grid.voxel_mm)
    scanned, voxel_mm = series.recorded.series, series.grid.voxel_mm
    air = air_signal(scanned, find_head(scanned.mean(axis=3), series.grid.affine), voxel_mm)
    return found.outlier | find_outliers(realigned[brain], series.baseline, ~found.outlier, air)


def timed(run, *arguments):
    cpu = time.process_time()
    result = run(*arguments)
    return result, time.process_time() - cpu


def report(name, errors, series: HardSeries, cpu, rest=""):
    known = errors[series.baseline.start :]
    print(
        f"    {name:9s} mean {np.nanmean(known):.3f}  bolus {np.nanmean(errors[series.bolus]):.3f}  "
        f"worst {np.nanmax(known):.3f} mm  CPU {1000 * cpu / len(errors):5.0f} ms a frame  {rest}",
        flush=True,
    )
    return np.nanmean(known), np.nanmean(errors[series.bolus]), np.nanmax(known), cpu / len(errors)


def compare(seed, slices, with_ants):
    """Print and return the figures of one seed, moving and at rest."""
    rows = {}
    for moving in (True, False):
        series = draw_hard_series(seed, slices, moving=moving)
        scan = series.protocol
        print(
            f"seed {seed}, {'moving' if moving else 'at rest'}: {slices} slices, TR {scan.tr_s:.1f} s, "
            f"TE {1000 * scan.te_s:.0f} ms, SNR {scan.snr:.0f}, drop {series.drop:.0%}"
        )
        (found, realigned), cpu = timed(correct_with_ours, series)
        flagged = np.flatnonzero(outliers(found, realigned, series))
        rows["ours" if moving else "rest"] = report(
            "reperfuse", point_errors(found.matrices, series), series, cpu, f"outliers {list(map(int, flagged))}"
        )
        if moving and with_ants:
            files, cpu = timed(correct_with_ants, series.recorded.series, series.grid.affine)
            rows["ants"] = report("ANTsPy", point_errors(read_ants(files), series), series, cpu)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--slices", type=int, default=24)
    parser.add_argument("--without-ants", action="store_true")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    rows = [compare(seed, options.slices, not options.without_ants) for seed in seeds]
    for name, label in (("ours", "reperfuse, moving"), ("ants", "ANTsPy, moving"), ("rest", "reperfuse, at rest")):
        if name in rows[0]:
            mean, bolus, worst, cpu = np.mean([row[name] for row in rows], axis=0)
            print(f"{label:19s} mean {mean:.3f}  bolus {bolus:.3f}  worst {worst:.3f} mm  CPU {1000 * cpu:.0f} ms")


if __name__ == "__main__":
    main()
