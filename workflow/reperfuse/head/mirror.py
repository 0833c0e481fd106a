"""The head's own reflection: p → p − 2(n·p − d)n, by the plane n·p = d that carries each half onto the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from reperfuse.faults import DataFault
from reperfuse.head.alignment import Normalization, align, normalize, prepare_target
from reperfuse.head.outline import find_head, has_contrast
from reperfuse.volumes.arrays import Array
from reperfuse.volumes.geometry import apply_matrix, voxel_sizes
from reperfuse.volumes.splines import sample_grid

# Narrower than for motion: a lesion on one side is itself what the division has to take out.
_NORMALIZATION = Normalization(sigma_mm=6.0, contrast=0.4, smoothing_mm=2.0)


#: Stands for the correlation with a reflection most of which lies outside the field of view.
_UNSEEN = -1.0


#: A slab thinner than this is too thin to be aligned with its flip.
_THIN_MM = 40.0


@dataclass(frozen=True)
class Mirror:
    """A reflection in world space (RAS+, mm).

    Attributes
    ----------
    normal : (3,) array
        Unit normal of the plane, towards the patient's right half-space of the world (x > 0).
    offset_mm : float
        The plane holds the points p with normal · p = offset.
    matrix : (4, 4) array
        World point → its mirror image.
    quality : float
        Correlation of the locally normalised head with its reflection; 1 is a perfect symmetry.
    doubt : str
        What of the plane the image does not show; empty for most.
    """

    normal: Array
    offset_mm: float
    matrix: Array
    quality: float
    doubt: str = ""


def find_mirror(
    image: Array,
    affine: Array,
    mask: NDArray[np.bool_] | None = None,
    normalization: Normalization | None = None,
    max_tilt_deg: float = 18.0,
    max_shift_mm: float = 12.0,
    min_quality: float = 0.3,
) -> Mirror:
    """Find the plane that reflects a head onto itself.

    The header is believed about where left and right are: the search starts from planes through
    the head's centre whose normal is within `max_tilt_deg` of world x. The best of them, refined,
    starts a rigid alignment of the head with its own flip; the nearest exact reflection to that is
    kept unless it matches worse. A thin slab is compared with its reflections only. In a single slice
    the head's tilt to one side does not show: the plane is then upright to the slice.

    Parameters
    ----------
    image : (x, y, z) array
        On any grid: oblique, flipped, permuted or anisotropic.
    affine : (4, 4) array
        Voxel → world (RAS+, mm).
    mask : (x, y, z) bool array, optional
        Voxels whose match counts, for instance the head without a lesion; by default the head.
    normalization : Normalization, optional
        What is done to the image first; it takes out a coil's shading.
    max_tilt_deg, max_shift_mm : float
        Reach of the coarse search.
    min_quality : float
        Below this correlation of the head with its reflection there is no mirror.

    Raises
    ------
    DataFault
        If the image is empty or constant, or no reflection matches.
    """
    how = normalization or _NORMALIZATION
    if _extent_mm(image, affine).min() < _THIN_MM:
        return _accept(*_search_slab(image, affine, mask, how, max_tilt_deg, max_shift_mm), min_quality)
    target = prepare_target(image, affine, mask, how)
    center = target.center
    comparison = _Comparison(image, affine, how, 4.0)
    tilts, shifts = _steps(max_tilt_deg, 6.0), _steps(max_shift_mm, 6.0)
    blurred = _Comparison(image, affine, Normalization(sigma_mm=20.0, smoothing_mm=3.5), 7.0)
    coarse = _best(blurred, product(tilts, tilts, shifts), center)
    comparison.keep_inside(_plane(coarse, center), margin_mm=8.0)
    start = _plane(_refine(comparison, coarse, center), center)
    for _ in range(2):
        # A flipped image is the same voxels under a reflected affine: nothing is interpolated.
        try:
            found = align(target, image, start @ affine)
        except DataFault:  # too little of the flip lies in the field of view to refine the plane by
            break
        finer = _nearest_reflection(start @ found.matrix, center)
        if not found.converged or comparison.correlation(finer) < comparison.correlation(start) - 0.01:
            break
        start = finer
    return _accept(start, comparison.correlation(start), "", min_quality)


def reflect(image: Array, affine: Array, mirror: Mirror, order: int = 1) -> Array:
    """Give each voxel the value at its mirror image.

    Parameters
    ----------
    image : (x, y, z) array
    affine : (4, 4) array
    mirror : Mirror
    order : int
        Of the spline; 0 for labels, 1 for maps.

    Returns
    -------
    (x, y, z) float32 array
        On the same grid; NaN where the mirror image lies outside the field of view.
    """
    return sample_grid(image, np.linalg.inv(affine) @ mirror.matrix @ affine, image.shape, order)


def reflect_mask(mask: NDArray[np.bool_], affine: Array, mirror: Mirror) -> NDArray[np.bool_]:
    """Give each voxel the value of a mask at its mirror image, of which half a voxel is enough; see `reflect`."""
    return reflect(mask.astype(np.float32), affine, mirror) > 0.5


def half(shape: tuple[int, ...], affine: Array, mirror: Mirror) -> NDArray[np.bool_]:
    """Tell which voxels lie on the side of the mirror plane that its normal points to.

    Parameters
    ----------
    shape : tuple of int
        Of the grid, (x, y, z).
    affine : (4, 4) array
        Voxel to world (RAS+, mm).
    mirror : Mirror

    Returns
    -------
    (x, y, z) bool array
    """
    along = mirror.normal @ affine[:3, :3]
    distance = sum(step * index for step, index in zip(along, np.indices(shape, sparse=True), strict=True))
    return np.asarray(distance + mirror.normal @ affine[:3, 3] > mirror.offset_mm)


def reflection_matrix(normal: Array, offset_mm: float) -> Array:
    """4×4 world reflection at the plane normal · p = offset."""
    matrix = np.eye(4)
    matrix[:3, :3] -= 2 * np.outer(normal, normal)
    matrix[:3, 3] = 2 * offset_mm * normal
    return matrix


def _accept(matrix: Array, quality: float, doubt: str, min_quality: float) -> Mirror:
    """Return the plane of a reflection that matches well enough."""
    if quality == _UNSEEN:
        raise DataFault(
            "no mirror plane: too little of the head's reflection lies in the field of view; use a scan of the whole "
            "head"
        )
    if quality < min_quality:
        raise DataFault(
            f"no mirror plane: the head does not match its own reflection (correlation {quality:.2f}, at least "
            f"{min_quality:.2f} needed); check the scan for artefacts"
        )
    normal = _normal(matrix)
    return Mirror(normal, float(normal @ matrix[:3, 3] / 2), matrix, quality, doubt)


def _normal(matrix: Array) -> Array:
    """Return the unit normal of an (almost) exact reflection, with positive x."""
    symmetric = (matrix[:3, :3] + matrix[:3, :3].T) / 2
    normal = np.linalg.eigh(symmetric)[1][:, 0]
    return normal if normal[0] > 0 else -normal


def _nearest_reflection(matrix: Array, center: Array) -> Array:
    """Reflection whose plane halves the way from the head's centre to its image."""
    normal = _normal(matrix)
    return reflection_matrix(normal, float(normal @ (center + apply_matrix(matrix, center)) / 2))


class _Comparison:
    """Correlation of a locally normalised head with its reflections, at a grid of its own points."""

    def __init__(self, image: Array, affine: Array, how: Normalization, spacing_mm: float, reach: float = 0.0) -> None:
        self._reach = reach  # how far beyond the outermost voxel centres a point may lie, in voxels
        self._smooth, grid = normalize(image, affine, how)
        stride = np.maximum(1, np.round(spacing_mm / voxel_sizes(affine)).astype(int))
        voxels = np.argwhere(find_head(image, affine)[tuple(slice(None, None, n) for n in stride)]) * stride
        self._points = apply_matrix(affine, voxels)
        self._to_voxel = np.linalg.inv(grid)
        self._last = np.array(self._smooth.shape) - 1
        self._values = self._sample(apply_matrix(self._to_voxel, self._points))

    def _sample(self, voxels: Array) -> Array:
        return ndimage.map_coordinates(self._smooth, voxels.T, order=1, mode="nearest")

    def correlation(self, reflection: Array) -> float:
        """Return the correlation, `_UNSEEN` where too little of the head stays in the field of view."""
        mirrored = apply_matrix(self._to_voxel @ reflection, self._points)
        inside = ((mirrored >= -self._reach) & (mirrored <= self._last + self._reach)).all(axis=1)
        if inside.mean() < 0.4:
            return _UNSEEN
        return float(np.corrcoef(self._sample(mirrored[inside]), self._values[inside])[0, 1])

    def keep_inside(self, reflection: Array, margin_mm: float) -> None:
        """Keep the points whose reflection lies well inside the field of view.

        Planes near this one are then compared at the same points: a plane that merely moves what
        does not match out of the field of view gains nothing.
        """
        margin = margin_mm / np.linalg.norm(np.linalg.inv(self._to_voxel)[:3, :3], axis=0)
        mirrored = apply_matrix(self._to_voxel @ reflection, self._points)
        inside = ((mirrored >= margin) & (mirrored <= self._last - margin)).all(axis=1)
        if inside.sum() > 500:
            self._points, self._values = self._points[inside], self._values[inside]


def _search_slab(
    image: Array,
    affine: Array,
    mask: NDArray[np.bool_] | None,
    how: Normalization,
    max_tilt_deg: float,
    max_shift_mm: float,
) -> tuple[Array, float, str]:
    """Return the plane of a thin slab, how well its reflection matches, and what the slab does not show of it.

    A slice stands for its whole thickness: between slice centres, hardly a point of a tilted head would be
    compared. Where a head tapers, a tilt to one side is hard to tell from a shift, so the best plane of every
    such tilt is refined.
    """
    if not has_contrast(image):
        raise DataFault("no mirror plane: the image is empty or constant; export the scan again")
    across = int(np.argmin(_extent_mm(image, affine)))
    single = image.shape[across] == 1
    upright_to = affine[:3, across] / voxel_sizes(affine)[across] if single else None
    center = apply_matrix(affine, np.argwhere(find_head(image, affine) if mask is None else mask).mean(axis=0))
    comparison = _Comparison(image, affine, how, 4.0, reach=0.5)
    tilts, shifts = _steps(max_tilt_deg, 6.0), _steps(max_shift_mm, 6.0)
    planes = []
    for roll in [0.0] if single else _steps(max_tilt_deg, 3.0):
        start = _best(comparison, product([roll], tilts, shifts), center, upright_to)
        planes.append(_plane(_refine(comparison, start, center, upright_to), center, upright_to))
    matches = [comparison.correlation(plane) for plane in planes]
    best = int(np.argmax(matches))
    doubt = "a single slice does not show whether the head is tilted to one side" if single else ""
    return planes[best], matches[best], doubt


def _extent_mm(image: Array, affine: Array) -> Array:
    return np.array(image.shape) * voxel_sizes(affine)


def _steps(reach: float, step: float) -> Array:
    """Return the steps from −reach to reach."""
    return np.arange(-reach, reach + 0.1, step)


def _best(
    comparison: _Comparison, planes: Iterable[Sequence[float]], center: Array, upright_to: Array | None = None
) -> Array:
    """Return the tilts and the shift whose reflection matches best; see `_plane`."""
    tried = np.array(list(planes))
    return tried[int(np.argmax([comparison.correlation(_plane(plane, center, upright_to)) for plane in tried]))]


def _refine(comparison: _Comparison, start: Array, center: Array, upright_to: Array | None = None) -> Array:
    """Turn and shift a plane until its reflection matches best.

    Only true reflections are tried, so that a large lesion or a swollen half cannot lead astray as
    it can a free rigid alignment of the head with its flip.
    """
    from scipy import optimize  # most steps only load a plane

    simplex = np.vstack([start, start + np.diag([3.0, 3.0, 3.0])])
    found = optimize.minimize(
        lambda plane: -comparison.correlation(_plane(plane, center, upright_to)),
        start,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": 0.02, "fatol": 1e-5, "maxfev": 300},
    )
    return np.asarray(found.x)


def _plane(parameters: Array, center: Array, upright_to: Array | None = None) -> Array:
    """Return the reflection at a plane tilted about y and z (degrees) and shifted (mm) off the centre.

    With the normal of a slice, the plane is upright to that slice, whatever its tilt about y.
    """
    turn = Rotation.from_euler("yz", parameters[:2], degrees=True)
    normal = turn.apply([1.0, 0.0, 0.0])
    if upright_to is not None:
        normal = normal - (normal @ upright_to) * upright_to
        normal /= np.linalg.norm(normal)
    return reflection_matrix(normal, float(normal @ center) + parameters[2])
