"""Speed and memory of oSVD, side by side with a loop over voxels and with bare matrix products.

``OPENBLAS_NUM_THREADS=1 python benchmarks/deconvolution.py`` solves 128 × 128 × 20 voxels × 60 frames at
SNR 50; the blocks are spread over threads, so the linear algebra of each must not be. All is in single precision.

- *plain loop*: the equations as they are written, a voxel and a threshold at a time: the block-circulant matrix is
  decomposed once, and for each threshold the truncated pseudo-inverse is applied to the curve as its three factors,
  its curve judged by the oscillation index, and the first that is smooth enough taken; CBF alone, on one thread;
- *tight loop*: the same, with what does not depend on the threshold taken out of the inner loop (both are timed
  on a sample of the voxels and scaled to all of them; the maps of the sample are compared);
- *products*: nothing but the products tissue (n × N) · M (N × 2N) that a sweep takes, blocks and threads as in
  *deconvolve*: at all levels, and at each with the voxels alone that have not passed an earlier one;
- *deconvolve*: the library, from curves to CBF, CBV, MTT and Tmax. It takes fewer products than a sweep, since
  bounds exclude most levels, and half of each, since lags ±i share theirs.
"""

import argparse
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.simulation.hemodynamics import arterial_curve, tissue_curves
from scipy.linalg import circulant

FloatArray = NDArray[np.floating]
Result = TypeVar("Result")

DT_S, ECHO_S, FRAMES, LIMIT, FLOOR, BLOCK = 1.5, 0.030, 60, 0.035 * 1.5**2, 0.01, 8000


def simulate(voxels: int, snr: float = 50.0) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(1)
    time_s = np.arange(FRAMES) * DT_S
    cbf, mtt, delay = rng.uniform(10, 70, voxels), rng.uniform(3, 10, voxels), rng.uniform(0, 6, voxels)
    curves = tissue_curves(time_s, cbf, mtt, delay)
    signal = np.exp(-ECHO_S * curves)
    signal += rng.standard_normal(signal.shape, dtype=np.float32) / np.float32(snr)
    return (-np.log(np.maximum(signal, 0.01)) / ECHO_S).astype(np.float32), arterial_curve(time_s)


def decompose(aif: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.intp]]:
    matrix = DT_S * circulant(np.concatenate([aif, np.zeros_like(aif)]))
    left, singular, right = (factor.astype(np.float32) for factor in np.linalg.svd(matrix))
    apart = np.append(np.diff(singular) < -1e-5 * singular[:-1], True) & (singular >= FLOOR * singular[0])
    return left, singular, right, np.flatnonzero(apart)[::-1] + 1


def plain_loop(tissue: FloatArray, aif: FloatArray) -> FloatArray:
    left, singular, right, levels = decompose(aif)
    height = np.empty(len(tissue))
    for voxel, curve in enumerate(tissue):
        padded = np.concatenate([curve, np.zeros_like(curve)])
        for kept in levels:
            inverse = np.where(singular >= singular[kept - 1], 1 / singular, 0)
            k = right.T @ (inverse * (left.T @ padded))
            if np.sum(np.abs(k[2:] - 2 * k[1:-1] + k[:-2])) / (len(k) * np.max(k)) < LIMIT:
                break
        height[voxel] = vertex(k)
    return height


def tight_loop(tissue: FloatArray, aif: FloatArray) -> tuple[FloatArray, NDArray[np.intp]]:
    left, singular, right, levels = decompose(aif)
    height, tries = np.empty(len(tissue)), np.empty(len(tissue), dtype=np.intp)
    for voxel, curve in enumerate(tissue):
        weights = left[: len(aif)].T @ curve / singular
        for tries[voxel], kept in enumerate(levels):
            k = weights[:kept] @ right[:kept]
            if np.abs(np.diff(k, 2)).sum() / (len(k) * k.max()) < LIMIT:
                break
        height[voxel] = vertex(k)
    return height, tries


def vertex(k: FloatArray) -> float:
    top = int(k.argmax())
    before, after = k[top - 1], k[(top + 1) % len(k)]
    return float(k[top] + (after - before) ** 2 / (8 * (2 * k[top] - before - after)))


def products(tissue: FloatArray, aif: FloatArray, tries: NDArray[np.intp], threads: int) -> float:
    left, singular, right, levels = decompose(aif)
    inverses = [((right[:kept].T / singular[:kept]) @ left[: len(aif), :kept].T).astype(np.float32) for kept in levels]
    share = [float((tries >= level).mean()) for level in range(len(levels))]  # of the voxels

    def sweep(start: int) -> None:
        block = tissue[start : start + BLOCK]
        work = np.empty(2 * FRAMES * len(block), dtype=np.float32)
        for inverse, waiting in zip(inverses, share, strict=True):
            count = round(waiting * len(block))
            np.matmul(inverse, block[:count].T, out=work[: 2 * FRAMES * count].reshape(2 * FRAMES, count))

    def run() -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(sweep, range(0, len(tissue), BLOCK)))

    return best(run)


def best(run: Callable[[], object], times: int = 3) -> float:
    spent = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        spent.append(time.perf_counter() - begin)
    return min(spent)


def timed(run: Callable[[], Result]) -> tuple[Result, float]:
    begin = time.perf_counter()
    return run(), time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voxels", type=int, default=128 * 128 * 20)
    parser.add_argument("--sample", type=int, default=1000, help="voxels of the loop")
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    tissue, aif = simulate(asked.voxels)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    library = best(lambda: deconvolve(tissue, aif, DT_S, threads=asked.threads, block_voxels=BLOCK))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sample = np.linspace(0, asked.voxels - 1, asked.sample).astype(int)
    scale = asked.voxels / asked.sample
    (height, tries), tight = timed(lambda: tight_loop(tissue[sample], aif))
    written, plain = timed(lambda: plain_loop(tissue[sample], aif))
    cbf = deconvolve(tissue[sample], aif, DT_S, haematocrit_factor=1.0, density_g_ml=1.0).cbf / 6000
    valid = np.isfinite(cbf)
    bare = products(tissue, aif, tries, asked.threads)
    every = products(tissue, aif, np.full_like(tries, tries.max()), asked.threads)
    print(f"{asked.voxels} voxels, {FRAMES} frames, {asked.threads} threads, {tries.mean() + 1:.0f} levels each")
    for name, loop in (("tight", height), ("plain", written)):
        print(f"CBF against the {name} loop: largest relative difference {np.abs(cbf / loop - 1)[valid].max():.1e}")
    print(f"plain loop  {scale * plain:8.2f} s   (from {asked.sample} voxels)")
    print(f"tight loop  {scale * tight:8.2f} s")
    print(f"products    {every:8.2f} s at all levels, {bare:.2f} s of voxels that have not passed")
    print(
        f"deconvolve  {library:8.2f} s   {scale * plain / library:.0f} × as fast as the plain loop, "
        f"{scale * tight / library:.0f} × as the tight loop, {library / every:.2f} and {library / bare:.2f} × the "
        "products"
    )
    print(f"memory      {peak:8.0f} MB at most ({before:.0f} MB to simulate the curves)")


if __name__ == "__main__":
    main()
