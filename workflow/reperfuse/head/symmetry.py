"""How bright a voxel is against normal tissue nearby and against the other side of the head."""

from __future__ import annotations

import numpy as np

from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.morphology import highest_within
from reperfuse.volumes.robust import sd_about_zero
from reperfuse.volumes.smoothing import smooth


def brightness(
    image: Array, mirrored: Array | None, tissue: Mask, voxel: Array, smoothing_mm: float, homologue_mm: float
) -> tuple[Array, Array, Array]:
    """Brightness relative to normal tissue nearby, to that or the mirror image nearby, and to that at its place."""
    smoothed = smooth(image, tissue, smoothing_mm, voxel)
    median = float(np.median(image[tissue]))
    if mirrored is None:
        return (smoothed / median,) * 3
    mirrored = mirrored * _shading(image, mirrored, tissue, voxel)
    known = np.isfinite(mirrored)
    # The darker of the two sides is normal: its local mean follows the coil, not the lesion.
    darker = np.clip(np.fmin(image, mirrored), 0.5 * median, 1.5 * median)
    usual = smooth(darker, tissue, 50.0, voxel, fill=median)
    homologue = smooth(mirrored, known, smoothing_mm, voxel, fill=0.0)
    brightest = highest_within(homologue, homologue_mm, voxel, outside=0.0)
    # white matter on FLAIR, the darkest of tissues, has some 0.7 of the mean
    return smoothed / usual, smoothed / np.maximum(brightest, usual), smoothed / np.maximum(homologue, 0.7 * usual)


def _shading(image: Array, mirrored: Array, tissue: Mask, voxel: Array) -> Array:
    """Ratio of the two sides' coil sensitivities: a log-linear field, fitted with lesions trimmed."""
    with np.errstate(invalid="ignore"):
        places = np.argwhere(tissue & (mirrored > 0) & (image > 0))
    if len(places) < 1000:
        return np.ones(image.shape, np.float32)
    places = places[:: max(1, len(places) // 20000)]
    log_ratio = np.log(image[tuple(places.T)] / mirrored[tuple(places.T)])
    design = np.column_stack([np.ones(len(places)), places * voxel / 100])
    kept = np.ones(len(places), bool)
    residual = log_ratio - np.median(log_ratio)
    for _ in range(10):
        spread = sd_about_zero(residual[kept])
        kept = np.abs(residual) <= 1.5 * spread
        field = np.linalg.lstsq(design[kept], log_ratio[kept], rcond=None)[0]
        residual = log_ratio - design @ field
    axes = np.ogrid[tuple(slice(n) for n in image.shape)]
    linear = field[0] + sum(field[i + 1] * voxel[i] / 100 * axes[i] for i in range(3))
    return np.exp(np.clip(linear, -0.7, 0.7)).astype(np.float32)
