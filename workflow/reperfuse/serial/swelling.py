"""The displacement of tissue that an infarct pushes aside, or draws in, between two scans of one head."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

from reperfuse.faults import DataFault
from reperfuse.head.alignment import Normalization, normalize
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.geometry import apply_matrix, linearize, voxel_sizes
from reperfuse.volumes.robust import bisquare, sd_about_zero
from reperfuse.volumes.splines import sample_grid

_NORMALIZATION = Normalization(smoothing_mm=3.0)


_NODES_MM = 20.0


_POINTS_MM = 5.0


_DEGREE = 4  # of the polynomial that gives one scan's intensities from the other's


_ITERATIONS, _SETTLED_MM = 8, 0.05


#: Neighbours share anatomy that the interpolation misses, not only noise: that many points tell as much as one.
_POINTS_ALIKE = 2.0


_MARGIN_MM = 1.5  # by which a lesion is taken wider, where it must not show


_CELL_MM = 6.0  # of the lesion, as a source of expansion


@dataclass(frozen=True)
class Displacement:
    """A smooth displacement: cubic B-splines on a lattice along the axes of the world.

    Attributes
    ----------
    coefficients : (kx, ky, kz, 3) array
        mm (RAS+); beyond the lattice nothing moves.
    to_lattice : (4, 4) array
        World point (RAS+, mm) → index into `coefficients`.
    """

    coefficients: Array
    to_lattice: Array

    def at(self, points: Array) -> Array:
        """Return the displacement (n, 3), in mm, of world points (n, 3)."""
        places = apply_matrix(self.to_lattice, points).T
        parts = np.moveaxis(self.coefficients, -1, 0)
        return np.stack([ndimage.map_coordinates(part, places, order=3, prefilter=False) for part in parts], axis=-1)

    def on_grid(self, shape: tuple[int, ...], affine: Array) -> Array:
        """Return the displacement (x, y, z, 3), in mm, of the voxels of a grid; float32."""
        voxels = np.indices(shape).reshape(3, -1).T
        return self.at(apply_matrix(affine, voxels)).reshape(*shape, 3).astype(np.float32)


def measure_swelling(
    fixed: Array,
    fixed_affine: Array,
    moving: Array,
    moving_affine: Array,
    matrix: Array,
    brain: Mask,
    lesion: Mask,
    *,
    strain_sd: float = 0.5,
    shift_sd_mm: float = 2.0,
    smoothness_mm: float = 25.0,
    reach_mm: float = 30.0,
    rim_mm: float = 7.0,
    skin_mm: float = 4.0,
) -> Displacement:
    """Measure how far the tissue around a lesion lies from where a rigid registration puts it.

    The lesion itself shows nothing to register by, so its rim is inferred from the tissue around. What may be
    expected is written as a normal prior: the displacement of an elastic medium in which the lesion expands or
    shrinks evenly, of any amount, and a smooth displacement in any direction that fades with the distance from
    the lesion. The most probable displacement, given that and the two scans outside of the lesion, is found by
    Gauss–Newton with bisquare weights; the intensities of one scan are taken for a polynomial of the other's.

    Parameters
    ----------
    fixed, moving : (x, y, z) array
        Earlier and later scan, of any grids but of one contrast: of FLAIR and diffusion, what is found is wrong.
    fixed_affine, moving_affine : (4, 4) array
        Voxel → world (RAS+, mm).
    matrix : (4, 4) array
        World point of the earlier scan → of the later one, rigid.
    brain : (x, y, z) bool array
        On the grid of the earlier scan.
    lesion : (x, y, z) bool array
        On the grid of the later scan.
    strain_sd : float
        Of the relative growth of the lesion's volume.
    shift_sd_mm, smoothness_mm : float
        Of the smooth displacement: its size in each direction, and the distance over which it changes.
    reach_mm : float
        Distance from the lesion over which that fades.
    rim_mm, skin_mm : float
        What is left out next to the lesion, which shines into its neighbourhood, and at the brain's surface.

    Returns
    -------
    Displacement
        Of points of the earlier scan: a point p is found at ``matrix`` applied to p + displacement.

    Raises
    ------
    DataFault
        If too little of the brain around the lesion is seen in both scans.

    References
    ----------
    Goodier 1937, doi:10.1080/14786443708561882 (the expanding inclusion); Baker & Matthews 2004,
    doi:10.1023/B:VISI.0000011205.11775.fd
    """
    scene = _Scene(moving, moving_affine, matrix, lesion)
    earlier = _without(fixed, fixed_affine, scene.lesion_on(fixed.shape, fixed_affine))
    points, values, slopes = _tissue(earlier, fixed_affine, brain, skin_mm)
    low = points.min(axis=0) - _NODES_MM
    count = np.ceil((points.max(axis=0) + _NODES_MM - low) / _NODES_MM).astype(int) + 1
    to_lattice = np.diag([1 / _NODES_MM] * 3 + [1.0])
    to_lattice[:3, 3] = -low / _NODES_MM
    nodes = apply_matrix(np.linalg.inv(to_lattice), np.indices(count).reshape(3, -1).T)
    fade = np.exp(-((scene.distance(nodes) / reach_mm) ** 2) / 2)
    free = fade > 0.05
    splines = _splines(apply_matrix(to_lattice, points), count, free)
    points, values, slopes = points[splines.near], values[splines.near], slopes[splines.near]
    expansion = strain_sd * scene.expansion(nodes[free])
    precision = linalg.inv(_covariance(nodes[free], fade[free], shift_sd_mm, smoothness_mm, expansion))
    coefficients = np.zeros((int(free.sum()), 3))
    weight = np.ones(len(points))
    for _ in range(_ITERATIONS):
        there = points + splines.at(coefficients)
        seen = scene.is_seen(there) & (scene.distance(there) > rim_mm)
        if seen.sum() < 200:
            raise DataFault(
                "swelling: too little of the brain around the lesion is seen in both scans; turn off "
                "growth.undo_swelling"
            )
        found, found_slopes = scene.sample(there[seen])
        law = np.polynomial.Polynomial.fit(values[seen], found, _DEGREE, w=np.sqrt(weight[seen]))
        residual = np.asarray(found - law(values[seen]), float)
        weight[seen] = bisquare(residual)
        # the mean of both scans' slopes reaches the optimum in fewer steps than either
        jacobian = (found_slopes + law.deriv()(values[seen])[:, None] * slopes[seen]) / 2
        noise = sd_about_zero(residual)
        change, error = np.zeros((len(points), 3)), np.zeros(len(points))
        scale = weight[seen] / (_POINTS_ALIKE * noise**2)
        change[seen], error[seen] = np.sqrt(scale)[:, None] * jacobian, np.sqrt(scale) * residual
        step = _step(splines, change, error, precision, coefficients)
        coefficients += step
        if np.abs(splines.at(step)).max() < _SETTLED_MM:
            break
    whole = np.zeros((len(nodes), 3))
    whole[free] = coefficients
    return Displacement(whole.reshape(*count, 3), to_lattice)


def volume_ratio(displacement: Array, affine: Array) -> Array:
    """Return by what factor a displacement changes the volume of each voxel; 0 or less where it folds.

    Parameters
    ----------
    displacement : (x, y, z, 3) array
        mm (world, RAS+).
    affine : (4, 4) array
        Voxel → world.

    Returns
    -------
    (x, y, z) array
    """
    by_voxel = np.stack(np.gradient(displacement, axis=(0, 1, 2)), axis=-1)
    return np.asarray(np.linalg.det(np.eye(3) + by_voxel @ np.linalg.inv(affine[:3, :3])))


class _Scene:
    """The later scan and its lesion, seen from the world of the earlier one."""

    def __init__(self, moving: Array, moving_affine: Array, matrix: Array, lesion: Mask) -> None:
        self._image, self._affine = normalize(_without(moving, moving_affine, lesion), moving_affine, _NORMALIZATION)
        self._affine = np.linalg.inv(matrix) @ self._affine
        self._lesion, self._lesion_affine = lesion, np.linalg.inv(matrix) @ moving_affine
        self._distance = ndimage.distance_transform_edt(~lesion, sampling=voxel_sizes(moving_affine))

    def distance(self, points: Array) -> Array:
        """Distance from the lesion, mm."""
        voxels = apply_matrix(np.linalg.inv(self._lesion_affine), points)
        return ndimage.map_coordinates(self._distance, voxels.T, order=1, mode="nearest")

    def lesion_on(self, shape: tuple[int, ...], affine: Array) -> Mask:
        """Tell which voxels of a grid lie in the lesion."""
        voxels = np.linalg.inv(self._lesion_affine) @ affine
        return np.asarray(sample_grid(self._lesion.astype(np.float32), voxels, shape, 0) > 0.5)

    def is_seen(self, points: Array) -> Mask:
        """Tell which points lie in the field of view."""
        voxels = apply_matrix(np.linalg.inv(self._affine), points)
        return np.asarray(((voxels >= 0) & (voxels <= np.array(self._image.shape) - 1)).all(axis=1))

    def sample(self, points: Array) -> tuple[Array, Array]:
        """Return normalised intensities and their slopes."""
        return linearize(self._image, self._affine, apply_matrix(np.linalg.inv(self._affine), points))

    def expansion(self, points: Array) -> Array:
        """Displacement (n, 3) of an elastic medium in which the volume of the lesion grows by all of itself."""
        stride = np.maximum(1, np.round(_CELL_MM / voxel_sizes(self._lesion_affine)).astype(int))
        cells, share = np.unique(np.argwhere(self._lesion) // stride, axis=0, return_counts=True)
        volume = share * abs(np.linalg.det(self._lesion_affine[:3, :3]))
        arm = points[:, None] - apply_matrix(self._lesion_affine, (cells + 0.5) * stride - 0.5)
        distance = np.maximum(np.linalg.norm(arm, axis=-1), _CELL_MM)
        return (volume[:, None] * arm / (4 * np.pi * distance[..., None] ** 3)).sum(axis=1)


def _without(image: Array, affine: Array, lesion: Mask) -> Array:
    """Fill the lesion from around it: its brightness would change the local mean its neighbours are divided by."""
    sizes = voxel_sizes(affine)
    kept = ndimage.distance_transform_edt(~lesion, sampling=sizes) > _MARGIN_MM
    sigma = _NORMALIZATION.sigma_mm / sizes
    weight, total = (
        ndimage.gaussian_filter(part.astype(np.float32), sigma) for part in (kept, np.where(kept, image, 0))
    )
    return np.where(kept, image, total / np.maximum(weight, np.finfo(np.float32).tiny))


def _tissue(image: Array, affine: Array, brain: Mask, skin_mm: float) -> tuple[Array, Array, Array]:
    """Return world points of the brain below its surface, with normalised intensities and their slopes."""
    normalized, grid = normalize(image, affine, _NORMALIZATION)
    stride = np.maximum(1, np.round(_POINTS_MM / voxel_sizes(grid)).astype(int))
    voxels = np.indices(np.ceil(np.array(normalized.shape) / stride).astype(int)).reshape(3, -1).T * stride
    points = apply_matrix(grid, voxels)
    depth = ndimage.distance_transform_edt(brain, sampling=voxel_sizes(affine))
    deep = ndimage.map_coordinates(depth, apply_matrix(np.linalg.inv(affine), points).T, order=1) > skin_mm
    return points[deep], *linearize(normalized, grid, voxels[deep])


def _covariance(nodes: Array, fade: Array, shift_sd_mm: float, smoothness_mm: float, expansion: Array) -> Array:
    """Prior (3n, 3n) of the coefficients, one axis after the other."""
    apart = ((nodes[:, None] - nodes) ** 2).sum(axis=-1)
    # the last term keeps a smooth covariance from being singular
    alike = np.exp(-apart / 2 / smoothness_mm**2) + 1e-3 * np.eye(len(nodes))
    shift = shift_sd_mm**2 * fade * fade[:, None] * alike
    return np.asarray(np.kron(np.eye(3), shift) + np.outer(expansion.T, expansion.T))


@dataclass(frozen=True)
class _Splines:
    """Cubic B-splines at points, cell by cell of their lattice: all points of a cell lie in the same 64 of them.

    Attributes
    ----------
    near : (n,) array
        The points that any of the splines reaches, those of a cell together.
    cells : list of (points, nodes, weights)
        Of each cell: its points among those (slice), its splines (m,), and what each counts at each point (k, m).
    """

    near: NDArray[np.intp]
    cells: list[tuple[slice, NDArray[np.intp], Array]]

    def at(self, coefficients: Array) -> Array:
        """Return the sum of the splines at the points, (n, 3)."""
        return np.concatenate([weights @ coefficients[nodes] for _, nodes, weights in self.cells])


def _splines(places: Array, count: NDArray[np.integer], free: Mask) -> _Splines:
    """Return the splines that are free at places given in indices of the lattice."""
    first = np.floor(places).astype(int)
    part = places - first
    cubic = np.stack([(1 - part) ** 3, 3 * part**3 - 6 * part**2 + 4, 0 * part, part**3]) / 6
    cubic[2] = 1 - cubic.sum(axis=0)
    offsets = np.array([*np.ndindex(4, 4, 4)])
    number = np.cumsum(free) - 1
    cell = np.ravel_multi_index(first.T, tuple(count))
    order = np.argsort(cell, kind="stable")
    near, cells, done = [], [], 0
    for members in np.split(order, np.flatnonzero(np.diff(cell[order])) + 1):
        nodes = np.ravel_multi_index((first[members[0]] + offsets - 1).T, tuple(count), mode="clip")
        used = free[nodes]
        if used.any():
            x, y, z = cubic[:, members].transpose(2, 1, 0)
            weights = (x[:, :, None, None] * y[:, None, :, None] * z[:, None, None]).reshape(len(members), -1)
            cells.append((slice(done, done + len(members)), number[nodes[used]], weights[:, used]))
            near.append(members)
            done += len(members)
    return _Splines(np.concatenate(near) if near else order[:0], cells)


def _step(splines: _Splines, jacobian: Array, residual: Array, precision: Array, coefficients: Array) -> Array:
    """Gauss–Newton step (n, 3) towards the most probable coefficients, from what is weighted already."""
    count = len(coefficients)
    hessian = precision.reshape(3, count, 3, count).copy()
    slope = (precision @ coefficients.T.ravel()).reshape(3, count)
    for points, nodes, weights in splines.cells:
        # (k, 3, m): how each point changes with each coefficient
        change = jacobian[points][:, :, None] * weights[:, None]
        flat = change.reshape(len(change), -1)
        hessian[:, nodes[:, None], :, nodes] += (flat.T @ flat).reshape(3, len(nodes), 3, -1).transpose(1, 3, 0, 2)
        slope[:, nodes] += (residual[points] @ flat).reshape(3, -1)
    size = 3 * count
    return -linalg.solve(hessian.reshape(size, size), slope.ravel(), assume_a="pos").reshape(3, count).T
