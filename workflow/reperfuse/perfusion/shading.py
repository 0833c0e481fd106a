"""The coil's shading, which stays with the scanner when the head moves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reperfuse.volumes.arrays import Array
from reperfuse.volumes.geometry import apply_matrix, voxel_sizes
from reperfuse.volumes.robust import robust_sd

_ITERATIONS = 60


def receive_field(image: Array, affine: Array, brain: NDArray[np.bool_], depth_mm: float = 8.0) -> Array:
    """Estimate the coil's shading, which stays with the scanner when the head moves.

    A head that moves through the field changes its signal by what the field changes, and a change
    of 1 % that outlasts the bolus moves CBV by tens of percent. Dividing the frames by the field
    before they are realigned takes that out.

    The logarithm of the image is taken for a quadratic in space plus the level of one of three
    tissues (white, grey, fluid), or for none of them, and the most probable quadratic is found by
    expectation–maximisation (Wells et al. 1996, doi:10.1109/42.511747). Without tissues a quadratic
    would follow the anatomy, whose rim is brighter and which moves with the head; finer terms would
    even so.

    Parameters
    ----------
    image : (x, y, z) array
        Mean of the pre-bolus frames, as scanned.
    affine : (4, 4) array
        Voxel → world (RAS+, mm).
    brain : (x, y, z) bool array
    depth_mm : float
        How deep in the brain it is looked at: at the surface, voxels hold fluid and skull in any proportion.

    Returns
    -------
    (x, y, z) float32 array
        Relative sensitivity, 1 on average over the brain; limited to 0.4–2.5 far from it.
    """
    inside = brain & (image > 0)
    deep = inside & (ndimage.distance_transform_edt(brain, sampling=voxel_sizes(affine)) > depth_mm)
    if deep.sum() < 500:
        return np.ones(image.shape, np.float32)
    center = apply_matrix(affine, np.argwhere(inside).mean(axis=0)[None])[0]
    points = (apply_matrix(affine, np.indices(image.shape).reshape(3, -1).T) - center) / 80.0
    x, y, z = points.T
    terms = np.stack([x, y, z, x * x, y * y, z * z, x * y, x * z, y * z], axis=1)
    field = terms @ _fit_shading(np.log(image[deep].astype(float)), terms[deep.ravel()])
    field -= np.mean(field[inside.ravel()])
    return np.exp(np.clip(field, np.log(0.4), np.log(2.5))).reshape(image.shape).astype(np.float32)


def _fit_shading(logs: Array, terms: Array) -> Array:
    """Most probable coefficients (k,) of the terms (n, k) in the logarithms (n,) of an image of three tissues."""
    coefficients = np.zeros(terms.shape[1])
    middle = np.median(logs)
    spread = robust_sd(logs) + 1e-6
    levels, variances, shares = (
        middle + spread * np.array([-1.0, 0.0, 1.0]),
        np.full(3, spread**2 / 3),
        np.full(3, 1 / 3),
    )
    neither = 0.02 / (np.ptp(logs) + spread)  # density of what is none of the three
    for _ in range(_ITERATIONS):
        flat = logs - terms @ coefficients
        density = shares / np.sqrt(2 * np.pi * variances) * np.exp(-((flat[:, None] - levels) ** 2) / (2 * variances))
        member = density / (density.sum(axis=1, keepdims=True) + neither)
        count = member.sum(axis=0) + 1e-9
        levels = (member * flat[:, None]).sum(axis=0) / count
        variances = np.maximum((member * (flat[:, None] - levels) ** 2).sum(axis=0) / count, 1e-5)
        shares = 0.98 * count / count.sum()
        weights = member / variances
        weight = weights.sum(axis=1)
        # of a single slice, some terms are multiples of others
        normal, target = (terms * weight[:, None]).T @ terms, terms.T @ (logs * weight - weights @ levels)
        step = np.linalg.lstsq(normal, target, rcond=None)[0] - coefficients
        coefficients += step
        if np.abs(step).max() < 1e-4:
            break
    return coefficients
