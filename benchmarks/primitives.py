"""Sampling, smoothing and morphology beside the functions of SciPy that give the same: CPU time in turns, difference.

Run: ``python benchmarks/primitives.py``. A head of 192 × 192 × 24 voxels (1.2 × 1.2 × 5.5 mm) and a series of
128 × 128 × 22 × 50 (1.75 × 1.75 × 6 mm), as on a clinical scanner. The smallest of three times counts. A difference is
that of the results, over their range; of masks, the number of voxels.
"""

import time
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from reperfuse.volumes.geometry import rigid_matrix
from reperfuse.volumes.morphology import dilated, eroded, highest_within
from reperfuse.volumes.smoothing import FWHM_PER_SD, smooth, smooth_inside
from reperfuse.volumes.splines import sample_grid
from scipy import ndimage

HEAD, VOXEL = (192, 192, 24), np.array([1.2, 1.2, 5.5])
SERIES, VOXEL_OF_SERIES = (128, 128, 22, 50), np.array([1.75, 1.75, 6.0])


def in_turns(*calls: Callable[[], Any]) -> tuple[list[float], list[Any]]:
    """Return the least CPU time of each call, one after the other three times, and what they return."""
    times, results = [np.inf] * len(calls), [None] * len(calls)
    for _ in range(3):
        for number, call in enumerate(calls):
            start = time.process_time()
            results[number] = call()
            times[number] = min(times[number], time.process_time() - start)
    return times, results


def filtered(values: np.ndarray, fwhm_mm: float, voxel: np.ndarray, truncate: float) -> np.ndarray:
    """Smooth a volume, or each frame of a series, with SciPy's Gaussian."""
    sigma = fwhm_mm / FWHM_PER_SD / voxel
    frames = values if values.ndim == 4 else values[..., np.newaxis]
    found = [
        ndimage.gaussian_filter(one, sigma, mode="constant", truncate=truncate) for one in np.moveaxis(frames, 3, 0)
    ]
    return np.stack(found, axis=3).reshape(values.shape)


def ball(radius_mm: float) -> np.ndarray:
    """Return a ball as a footprint."""
    reach = (radius_mm // VOXEL).astype(int)
    axes = [np.arange(-far, far + 1) * size for far, size in zip(reach, VOXEL, strict=True)]
    return np.sqrt(sum(part**2 for part in np.meshgrid(*axes, indexing="ij"))) <= radius_mm


def report(what: str, scipys: Callable[[], np.ndarray], ours: Callable[[], np.ndarray]) -> None:
    """Print a row."""
    (before, after), (one, other) = in_turns(scipys, ours)
    known = np.isfinite(one) & np.isfinite(other)
    difference = (
        f"{int((one != other).sum())} voxels"
        if one.dtype == bool
        else f"{np.abs(one - other)[known].max() / np.ptp(one[known]):.0e}"
    )
    print(f"| {what} | {1000 * before:.0f} | {1000 * after:.0f} | {before / after:.1f} | {difference} |")


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    image = rng.random(HEAD, dtype=np.float32)
    mask = ndimage.gaussian_filter(image, 2.5 / VOXEL) > 0.51
    series = rng.random(SERIES, dtype=np.float32)
    inside = ndimage.gaussian_filter(series[..., 0], 4.0) > 0.49
    print("| what | SciPy, ms | here, ms | ratio | difference |\n|---|---|---|---|---|")

    def mean(fwhm_mm: float) -> np.ndarray:
        weight = filtered(mask.astype(np.float32), fwhm_mm, VOXEL, 3)
        total = filtered(np.where(mask, image, 0), fwhm_mm, VOXEL, 3)
        return np.where(weight > 1e-4, total / np.where(weight > 1e-4, weight, 1), np.nan)

    for fwhm_mm in (3.0, 10.0, 50.0):
        report(
            f"mean within {fwhm_mm:g} mm", lambda f=fwhm_mm: mean(f), lambda f=fwhm_mm: smooth(image, mask, f, VOXEL)
        )

    def smoothed() -> np.ndarray:
        weight = filtered(inside.astype(np.float32), 4.0, VOXEL_OF_SERIES, 4)[..., np.newaxis]
        total = filtered(np.where(inside[..., np.newaxis], series, 0), 4.0, VOXEL_OF_SERIES, 4)
        return np.where(inside[..., np.newaxis], total / np.where(weight > 0, weight, 1), np.nan)

    frame = ndimage.gaussian_filter(series[..., 0], 1.0)
    for (order, name), angle_deg in product(((3, "cubic"), (1, "linear")), (0.3, 2.0)):
        turn = rigid_matrix(np.full(3, 0.3), np.radians([angle_deg] * 3), np.array(SERIES[:3]) / 2)
        report(
            f"frame turned by {angle_deg:g}°, {name}",
            lambda turn=turn, order=order: ndimage.affine_transform(frame, turn, order=order, mode="mirror"),
            lambda turn=turn, order=order: sample_grid(frame, turn, frame.shape, order, 0.1),
        )
    report("series, 4 mm", smoothed, lambda: smooth_inside(series, inside, VOXEL_OF_SERIES, 4.0))
    for radius_mm in (1.5, 4.0, 8.0):

        def within(radius_mm: float = radius_mm) -> np.ndarray:
            return np.asarray(ndimage.distance_transform_edt(~mask, sampling=VOXEL) <= radius_mm)

        report(f"dilation, {radius_mm:g} mm", within, lambda r=radius_mm: dilated(mask, r, VOXEL))
    report(
        "erosion, 2 mm",
        lambda: np.asarray(ndimage.distance_transform_edt(mask, sampling=VOXEL) > 2.0),
        lambda: eroded(mask, 2.0, VOXEL),
    )
    for radius_mm in (4.0, 8.0):
        report(
            f"highest within {radius_mm:g} mm",
            lambda r=radius_mm: ndimage.maximum_filter(image, footprint=ball(r), mode="constant"),
            lambda r=radius_mm: highest_within(image, r, VOXEL, outside=0.0),
        )


if __name__ == "__main__":
    main()
