"""Time and accuracy of the realignment, side by side with ANTsPy's, on one simulated series.

Run with one thread a tool: set OMP_NUM_THREADS and ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS to 1.
"""

import argparse
import resource
import time

import ants
import numpy as np
from reperfuse.motion import estimate_motion, resample
from reperfuse.simulation.anatomy import Head, brain_points
from reperfuse.simulation.geometry import Grid, draw_motion, rigid
from reperfuse.simulation.physiology import Flow
from reperfuse.simulation.scanner import acquire_dsc
from reperfuse.simulation.scene import DscProtocol
from scipy.spatial.transform import Rotation

BASELINE, BOLUS = slice(3, 12), slice(14, 26)
POSE = rigid([4, 5, -3], [2, -1, 3])
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def make_grid():
    affine = np.diag([2.0, 2.0, 6.0, 1.0])
    affine[:3, 3] = -111, -145, -61
    return Grid((112, 128, 24), affine)


def move(matrix, points):
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def point_errors(estimate, truth):
    """Mean distance over the brain a frame (mm), one common pose removed."""
    points = move(POSE, brain_points(6.0)[0])
    difference = np.linalg.inv(estimate) @ truth
    common = np.eye(4)
    common[:3, :3] = Rotation.from_matrix(difference[:, :3, :3]).mean().as_matrix()
    center = points.mean(axis=0)
    common[:3, 3] = move(difference.mean(axis=0), center) - common[:3, :3] @ center
    return np.array(
        [
            np.linalg.norm(move(a @ common, points) - move(b, points), axis=1).mean()
            for a, b in zip(estimate, truth, strict=True)
        ]
    )


def correct_with_ants(series, affine):
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


def correct_with_ours(series, affine):
    motion = estimate_motion(series, affine, BASELINE)
    resample(series, affine, motion.matrices)
    return motion.matrices


def timed(run, *arguments):
    cpu, wall = time.process_time(), time.perf_counter()
    result = run(*arguments)
    return result, time.process_time() - cpu, time.perf_counter() - wall


def report(name, matrices, truth, cpu, wall):
    errors = point_errors(matrices, truth)
    print(
        f"{name:10s} error mean {errors.mean():.3f}  bolus {errors[BOLUS].mean():.3f}  "
        f"worst {errors.max():.3f} mm   "
        f"CPU {1000 * cpu / len(truth):.0f} ms a frame  wall {1000 * wall / len(truth):.0f}  "
        f"peak memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    grid = make_grid()
    truth = draw_motion(options.frames, BASELINE, (16, 22, 40), 3.0, 3.0, grid.centre, options.seed)
    protocol = DscProtocol(frames=options.frames)
    series = acquire_dsc(Head(), Flow(), grid, POSE, protocol, truth, [options.seed, 1]).series
    ours, cpu, wall = timed(correct_with_ours, series, grid.affine)
    report("reperfuse", ours, truth, cpu, wall)
    files, ants_cpu, ants_wall = timed(correct_with_ants, series, grid.affine)
    report("ANTsPy", read_ants(files), truth, ants_cpu, ants_wall)
    print(f"CPU time: 1/{ants_cpu / cpu:.1f} of ANTsPy's")


if __name__ == "__main__":
    main()
