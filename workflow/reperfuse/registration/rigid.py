"""Register two images of one head rigidly with ANTs, and undo the distortion of an echo-planar one."""

import numpy as np
from scipy import ndimage

from reperfuse.faults import DataFault
from reperfuse.registration.ants import search_rigid
from reperfuse.registration.distortion import estimate_distortion
from reperfuse.registration.fit import (
    BINS,
    Registration,
    correlation,
    gradient_magnitude,
    is_poor,
    mutual_information,
)
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.geometry import apply_matrix, shift, shifts, turns
from reperfuse.volumes.image import Image, dice
from reperfuse.volumes.morphology import dilated
from reperfuse.volumes.transforms import Displacement, Transform, resample, resample_mask

#: How deep in the brain edges are compared, and at how many points.
_EDGE_DEPTH_MM = 8.0


_EDGE_POINTS = 20000


#: How far off a place is that must not fit better, and by how much it may.
_NEARBY_MM = 4.0


def register(
    fixed: Image,
    moving: Image,
    fixed_brain: Mask,
    moving_brain: Mask,
    *,
    lesion: Mask | None = None,
    min_brain_dice: float = 0.7,
    min_edge_agreement: float = 0.2,
    rim_mm: float = 20.0,
    lesion_rim_mm: float = 5.0,
    distortion_axis: int | None = None,
    seed: int = 1,
) -> Registration:
    """Register ``moving`` to ``fixed`` by a rotation and a translation (ANTs, Mattes mutual information).

    Where an axis of distortion is named, a smooth displacement along it follows (`estimate_distortion`),
    if the edges then agree better.

    The start is the shift that brings the brains' centres together. Where the fit found from there
    is poor, the search starts again from heads turned to either side about each axis, and from heads
    shifted along the body, as where one scan holds only a part of the brain.

    Parameters
    ----------
    fixed, moving : Image, (x, y, z)
        Two scans of one head, of any contrast, on any grids. Where left and right are is believed
        as the headers say.
    fixed_brain, moving_brain : ndarray of bool, (x, y, z)
        The brains.
    lesion : ndarray of bool, (x, y, z), optional
        Part of the moving image that is left out of the measure, for instance a swollen infarct.
    min_brain_dice, min_edge_agreement : float
        A fit below either is poor, as is one that fits clearly better somewhere near.
    rim_mm : float
        How far beyond the brain the measure still looks. Skull and scalp hold a scan that covers only
        a part of the brain: from 5 mm, 14 upper slices of 24 came out 4.4 mm off, from 20 mm 0.7 mm.
    lesion_rim_mm : float
        How far around the lesion the measure does not look.
    distortion_axis : int, optional
        Axis of the moving image's array along which it is distorted, and the fixed image is not.
    seed : int
        Of ANTs; on one thread the same seed gives the same bits.

    Returns
    -------
    Registration

    Raises
    ------
    DataFault
        If a brain is empty, ANTs finds no transform, or the best fit is poor.

    References
    ----------
    Avants et al. 2011, doi:10.1016/j.neuroimage.2010.09.025
    """
    if not (fixed_brain.any() and moving_brain.any()):
        raise DataFault("registration: a brain mask is empty; give a mask of the brain (brain_masks)")
    pair = _Pair(fixed, moving, fixed_brain, moving_brain, lesion, rim_mm, lesion_rim_mm, seed)
    limits = (min_brain_dice, min_edge_agreement)
    found = pair.refine(pair.coarse(np.eye(4)))
    if is_poor(found, *limits):
        starts = [pair.coarse(start) for start in (*turns((-40.0, -20.0, 20.0, 40.0)), *shifts((-30.0, 30.0)))]
        best = max(starts, key=lambda start: pair.judge(start).edge_agreement)
        found = max(found, pair.refine(best), key=lambda fit: fit.edge_agreement)
    if is_poor(found, *limits):
        raise DataFault(
            f"registration: the images do not fit: brain overlap {found.brain_dice:.2f} (at least {min_brain_dice:g} "
            f"needed), edge agreement {found.edge_agreement:.2f} (at least {min_edge_agreement:g} needed), edge margin "
            f"{found.edge_margin:+.2f}; check that both scans show this patient's whole brain"
        )
    if distortion_axis is None:
        return found
    return max(found, pair.undistort(found, distortion_axis), key=lambda fit: fit.edge_agreement)


class _Pair:
    """Two images whose brains' centres are the origin while ANTs works on them.

    ANTs is given the moving image under a header that already holds the start, so that it always
    begins at the identity, turns about the brain, and sees the same numbers wherever the head was.
    """

    def __init__(
        self,
        fixed: Image,
        moving: Image,
        fixed_brain: Mask,
        moving_brain: Mask,
        lesion: Mask | None,
        rim_mm: float,
        lesion_rim_mm: float,
        seed: int,
    ) -> None:
        self.fixed, self.moving = (Image(np.nan_to_num(image.data), image.affine) for image in (fixed, moving))
        self.fixed_brain = fixed_brain
        self.moving_brain = Image(moving_brain, moving.affine)
        self.lesion = None
        if lesion is not None and lesion.any():
            self.lesion = Image(dilated(lesion, lesion_rim_mm, np.array(moving.voxel_size_mm)), moving.affine)
        self.seed = seed
        self.scope = dilated(fixed_brain, rim_mm, np.array(fixed.voxel_size_mm))
        depth = ndimage.distance_transform_edt(fixed_brain, sampling=fixed.voxel_size_mm)
        inside = np.argwhere(depth > min(_EDGE_DEPTH_MM, 0.5 * depth.max()))
        inside = inside[:: max(1, len(inside) // _EDGE_POINTS)]
        self.edge_points = apply_matrix(fixed.affine, inside)
        self.fixed_edges = gradient_magnitude(self.fixed.data, fixed)[tuple(inside.T)]
        self.moving_edges = gradient_magnitude(self.moving.data, moving)
        self.fixed_centre, self.moving_centre = (
            shift(apply_matrix(image.affine, np.argwhere(brain).mean(axis=0)))
            for image, brain in ((fixed, fixed_brain), (moving, moving_brain))
        )

    def coarse(self, start: Array) -> Array:
        """Register from centred brains moved by a matrix, at low resolution."""
        return self._register(self.moving_centre @ start @ np.linalg.inv(self.fixed_centre), self.scope, 8.0)

    def refine(self, start: Array) -> Registration:
        """Register from a start close by, without the lesion."""
        scope = self.scope
        if self.lesion is not None:  # only now it is known where it lies in the fixed image
            scope = scope & ~resample_mask(self.lesion, self.fixed, start)
        return self.judge(self._register(start, scope, 4.0))

    def undistort(self, found: Registration, axis: int) -> Registration:
        """Find the displacement along an axis of the moving image that is left by a rigid fit."""
        moving, back = self.moving, np.linalg.inv(found.matrix)
        there = np.nan_to_num(resample(self.fixed, moving, back))
        brain = resample_mask(Image(self.fixed_brain, self.fixed.affine), moving, back)
        along, pitch = estimate_distortion(there, moving.data, brain, moving.voxel_size_mm, axis)
        direction = moving.affine[:3, axis] / moving.voxel_size_mm[axis]
        field = Displacement(along[..., None] * direction, moving.affine @ np.diag([*pitch, 1.0]))
        return self.judge(found.matrix, field)

    def judge(self, matrix: Array, displacement: Displacement | None = None) -> Registration:
        """Tell how well the images fit."""
        transform = Transform((matrix, displacement) if displacement else (matrix,))
        there = resample(self.moving, self.fixed, transform)
        seen = np.isfinite(there)
        there[~seen] = 0
        brain = resample_mask(self.moving_brain, self.fixed, transform)
        information = mutual_information(self.fixed.data, there, seen & self.fixed_brain)
        agreement = self._edge_agreement(transform)
        best = np.max([self._edge_agreement(move.then(transform)) for move in self._moves_nearby()])
        margin = float(np.arctanh(agreement) - np.arctanh(best))
        overlap = dice(brain, self.fixed_brain & seen)
        return Registration(matrix, information, agreement, margin, overlap, displacement)

    def _moves_nearby(self) -> list[Transform]:
        """Move the head to places nearby: either way along and about each axis."""
        centre, back = self.fixed_centre, np.linalg.inv(self.fixed_centre)
        squares = np.mean((self.edge_points - centre[:3, 3]) ** 2, axis=0)
        moves = shifts((-_NEARBY_MM, _NEARBY_MM), range(3))
        for axis, square in zip("xyz", squares, strict=True):
            angle = np.degrees(_NEARBY_MM / np.sqrt(squares.sum() - square))
            moves += turns((-angle, angle), axis)
        return [Transform((centre @ move @ back,)) for move in moves]

    def _edge_agreement(self, transform: Transform) -> float:
        """Correlate the edges in the depth of the fixed brain with those of the moving image, outside its lesion."""
        points = transform.then(Transform((np.linalg.inv(self.moving.affine),)))(self.edge_points)
        seen = np.flatnonzero(((points >= 0) & (points <= np.array(self.moving_edges.shape) - 1)).all(axis=1))
        if self.lesion is not None:
            nearest = np.rint(points[seen]).astype(int)
            seen = seen[~self.lesion.data[tuple(nearest.T)]]
        there = ndimage.map_coordinates(self.moving_edges, points[seen].T, order=1)
        return correlation(self.fixed_edges[seen], there)

    def _register(self, start: Array, scope: Mask, spacing_mm: float) -> Array:
        """Let ANTs register at a resolution; it shrinks thick slices less by itself."""
        back = np.linalg.inv(self.fixed_centre)
        shrink = max(1, round(spacing_mm / min(self.fixed.voxel_size_mm)))
        found = search_rigid(
            (self.fixed.data, back @ self.fixed.affine),
            (self.moving.data, back @ np.linalg.inv(start) @ self.moving.affine),
            (scope, back @ self.fixed.affine),
            smoothing_mm=spacing_mm / 2,
            shrink=shrink,
            bins=BINS,
            seed=self.seed,
        )
        return start @ self.fixed_centre @ found @ back
