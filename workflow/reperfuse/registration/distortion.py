"""Find how far an echo-planar image is displaced along its phase-encoding axis, against an image of the same head.

Off-resonance moves tissue along one axis only, and smoothly. Contrasts differ, and so does what is bright,
but edges lie in the same places and run the same way: the directions of the two images' gradients are
compared (normalised gradient fields: Haber and Modersitzki 2006, doi:10.1007/11866763_89), inside the brain
and at the resolution of the images. At its rim, or blurred, unlike contrasts put one edge at two places.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reperfuse.volumes.arrays import Array

#: Between the points at which the displacement is stated; it is linear between them.
LATTICE_MM = 10.0


_POINTS_MM = 4.0


def estimate_distortion(
    fixed: Array,
    moving: Array,
    brain: NDArray[np.bool_],
    voxel_size_mm: tuple[float, float, float],
    axis: int,
    *,
    amplitude_mm: float = 3.0,
    length_mm: float = 40.0,
    sigma_mm: float = 1.5,
    depth_mm: float = 5.0,
    confidence: float = 1.5,
) -> tuple[Array, NDArray[np.float64]]:
    """Estimate the displacement of an image along one of its axes.

    The displacement is the most probable one, given that before the images are seen it is a Gaussian
    process: what the images do not tell stays near zero.

    Parameters
    ----------
    fixed, moving : ndarray, (x, y, z)
        Two images on the same grid, rigidly aligned, a.u.; the second is distorted.
    brain : ndarray of bool, (x, y, z)
        The brain in the first.
    voxel_size_mm : tuple of float
    axis : int
        Of the array, along which the second is distorted.
    amplitude_mm, length_mm : float
        Standard deviation of the displacement, and the distance over which it changes.
    sigma_mm : float
        Of the Gaussian before the gradients are taken.
    depth_mm : float
        How deep in the brain edges are compared.
    confidence : float
        What the agreement of one edge weighs: the concentration of the (Watson) distribution of directions.

    Returns
    -------
    displacement : ndarray, (l, m, n)
        Along the axis, in mm: tissue at a point of the first image lies this far along in the second.
    pitch : ndarray, (3,)
        Spacing of its points in voxels; the first point is voxel (0, 0, 0).
    """
    from scipy import optimize  # distortion is estimated only where that is asked for

    size = np.asarray(voxel_size_mm, float)
    deep = ndimage.distance_transform_edt(brain, sampling=size) > depth_mm
    pitch = LATTICE_MM / size
    stride = np.maximum(1, np.rint(_POINTS_MM / size)).astype(int)
    places = np.argwhere(deep[tuple(slice(None, None, step) for step in stride)])
    lattices, modes = zip(
        *(_modes(*values, length_mm) for values in zip(brain.shape, pitch, stride, strict=True)), strict=True
    )
    if not len(places):
        return np.zeros([len(lattice) for lattice in lattices]), pitch
    voxels = places * stride
    edges = _directions(fixed, deep, size, sigma_mm)[tuple(voxels.T)]
    # the axis of distortion last: along it, and only along it, there is interpolation
    lines = np.moveaxis(_directions(moving, deep, size, sigma_mm), axis, 2)
    lines = ndimage.spline_filter1d(lines, 3, axis=2, output=np.float32, mode="mirror")
    across = tuple(np.delete(voxels, axis, axis=1).T)
    last = brain.shape[axis] - 2
    spots = float(np.prod(stride * size)) / (2 * np.sqrt(np.pi) * sigma_mm) ** 3  # independent edges a point
    weight = confidence * min(1.0, spots)
    shape = [mode.shape[1] for mode in modes]

    def cost(coefficients: Array) -> tuple[float, Array]:
        shift = amplitude_mm * np.einsum("xa,yb,zc,abc->xyz", *modes, coefficients.reshape(shape), optimize=True)
        target = voxels[:, axis] + shift[tuple(places.T)] / size[axis]
        start = np.clip(np.floor(target), 1, last - 1).astype(int)
        near = np.stack([(edges * lines[(*across, start + k)]).sum(axis=1) for k in (-1, 0, 1, 2)])
        values, slopes = _cubic_weights(np.clip(target - start, 0, 1))
        agreement, slope = (values * near).sum(axis=0), (slopes * near).sum(axis=0) / size[axis]
        gradient = np.zeros(shift.shape)
        gradient[tuple(places.T)] = -2 * weight * agreement * slope
        back = amplitude_mm * np.einsum("xa,yb,zc,xyz->abc", *modes, gradient, optimize=True).ravel()
        value = -weight * float((agreement**2).sum()) + 0.5 * float(coefficients @ coefficients)
        return value, back + coefficients

    found = optimize.minimize(cost, np.zeros(np.prod(shape)), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    return amplitude_mm * np.einsum("xa,yb,zc,abc->xyz", *lattices, found.reshape(shape), optimize=True), pitch


def _modes(count: int, pitch: float, stride: int, length_mm: float) -> tuple[Array, Array]:
    """Return the modes of the Gaussian process along an axis, at the lattice's points and at every stride-th voxel."""
    nodes = np.arange(max(2, int(np.ceil((count - 1) / pitch)) + 1))
    covariance = np.exp(-0.5 * (LATTICE_MM * (nodes[:, None] - nodes) / length_mm) ** 2)
    variance, vectors = np.linalg.eigh(covariance)
    kept = variance > 1e-3 * variance.max()
    lattice = vectors[:, kept] * np.sqrt(variance[kept])
    weights = np.maximum(0, 1 - np.abs(np.arange(0, count, stride)[:, None] / pitch - nodes))
    return lattice, weights @ lattice


def _cubic_weights(part: Array) -> tuple[Array, Array]:
    """Return the weights of four spline coefficients around a place, and their slopes, (4, n)."""
    t, u = part, 1 - part
    values = np.stack([u**3, 3 * t**3 - 6 * t**2 + 4, 3 * u**3 - 6 * u**2 + 4, t**3]) / 6
    slopes = np.stack([-(u**2), 3 * t**2 - 4 * t, 4 * u - 3 * u**2, t**2]) / 2
    return values, slopes


def _directions(image: Array, inside: NDArray[np.bool_], size: Array, sigma_mm: float) -> Array:
    """Gradient over its length, (x, y, z, 3); shorter than one where it is weak beside the brain's."""
    smooth = ndimage.gaussian_filter(image.astype(np.float32), sigma_mm / size, mode="nearest", truncate=3)
    gradient = np.stack(np.gradient(smooth, *size), axis=-1)
    length = np.sqrt((gradient**2).sum(axis=-1))
    weak = 0.25 * float(np.median(length[inside]))
    return (gradient / np.sqrt(length**2 + max(weak, 1e-30) ** 2)[..., None]).astype(np.float32)
