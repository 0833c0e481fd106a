"""Register two images rigidly with ANTs, and undo the distortion of an echo-planar one.

The only importer of ANTsPy, which is imported when a registration starts and not before.
"""

import importlib.machinery
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from reperfuse.distortion import estimate_distortion
from reperfuse.faults import DataFault
from reperfuse.images import Image
from reperfuse.transforms import FLIP, Displacement, Matrix, Transform, from_itk, resample, resample_mask

Mask = NDArray[np.bool_]

_EDGE_SIGMA_MM = 2.0
_BINS = 48
#: How deep in the brain edges are compared, and at how many points.
_EDGE_DEPTH_MM = 8.0
_EDGE_POINTS = 20000
#: How far off a place is that must not fit better, and by how much it may.
_NEARBY_MM = 4.0
_MARGIN_NOISE = 0.03


@dataclass(frozen=True)
class Registration:
    """A registration and how well the two images fit.

    Attributes
    ----------
    matrix : ndarray, (4, 4)
        The rigid part: point of the fixed image to point of the moving image (world, RAS+, mm).
    mutual_information : float
        Normalised mutual information over the fixed brain (Studholme 1999,
        doi:10.1016/S0031-3203(98)00091-0): 1 for images that have nothing in common, 2 for the same.
    edge_agreement : float
        Correlation of the two images' gradient magnitudes in the depth of the brain, for the outlines of
        any two heads agree, and outside the lesion.
    edge_margin : float
        By how much that is better, as Fisher's z (the inverse hyperbolic tangent), than wherever else the head may
        lie: shifted by 4 mm or turned about any axis until those depths are 4 mm off (root mean square). Negative:
        the fit is not at its own optimum.
    brain_dice : float
        Overlap of the brain masks where both images see.
    displacement : Displacement, optional
        From where the rigid part ends to where the tissue is in the distorted moving image.
    """

    matrix: Matrix
    mutual_information: float
    edge_agreement: float
    edge_margin: float
    brain_dice: float
    displacement: Displacement | None = None

    @property
    def transform(self) -> Transform:
        """Point of the fixed image to point of the moving image."""
        return Transform((self.matrix, self.displacement) if self.displacement else (self.matrix,))


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
        raise DataFault("registration: a brain mask is empty")
    pair = _Pair(fixed, moving, fixed_brain, moving_brain, lesion, rim_mm, lesion_rim_mm, seed)
    limits = (min_brain_dice, min_edge_agreement)
    found = pair.refine(pair.coarse(np.eye(4)))
    if _is_poor(found, *limits):
        starts = [pair.coarse(start) for start in (*_turns((-40.0, -20.0, 20.0, 40.0)), *_shifts((-30.0, 30.0)))]
        best = max(starts, key=lambda start: pair.judge(start).edge_agreement)
        found = max(found, pair.refine(best), key=lambda fit: fit.edge_agreement)
    if _is_poor(found, *limits):
        raise DataFault(
            f"registration: the images do not fit (overlap of the brains {found.brain_dice:.2f}, "
            f"edge agreement {found.edge_agreement:.2f}, {found.edge_margin:+.2f} against the best place nearby)"
        )
    if distortion_axis is None:
        return found
    return max(found, pair.undistort(found, distortion_axis), key=lambda fit: fit.edge_agreement)


def _is_poor(found: Registration, min_brain_dice: float, min_edge_agreement: float) -> bool:
    good = found.brain_dice >= min_brain_dice and found.edge_agreement >= min_edge_agreement
    return not (good and found.edge_margin >= -_MARGIN_NOISE)


def _turns(angles_deg: Iterable[float], axes: str = "xyz") -> list[Matrix]:
    turns = [Rotation.from_euler(axis, angle, degrees=True) for axis in axes for angle in angles_deg]
    matrices: list[Matrix] = [np.eye(4) for _ in turns]
    for matrix, turn in zip(matrices, turns, strict=True):
        matrix[:3, :3] = turn.as_matrix()
    return matrices


def _shifts(distances_mm: Iterable[float], axes: Iterable[int] = (2,)) -> list[Matrix]:
    return [_shift(distance * np.eye(3)[axis]) for axis in axes for distance in distances_mm]


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
            self.lesion = Image(_dilated(lesion, moving, lesion_rim_mm), moving.affine)
        self.seed = seed
        self.scope = _dilated(fixed_brain, fixed, rim_mm)
        depth = ndimage.distance_transform_edt(fixed_brain, sampling=fixed.voxel_size_mm)
        inside = np.argwhere(depth > min(_EDGE_DEPTH_MM, 0.5 * depth.max()))
        inside = inside[:: max(1, len(inside) // _EDGE_POINTS)]
        self.edge_points = inside @ fixed.affine[:3, :3].T + fixed.affine[:3, 3]
        self.fixed_edges = _gradient_magnitude(self.fixed.data, fixed)[tuple(inside.T)]
        self.moving_edges = _gradient_magnitude(self.moving.data, moving)
        self.fixed_centre, self.moving_centre = (
            _shift(image.affine[:3, :3] @ np.argwhere(brain).mean(axis=0) + image.affine[:3, 3])
            for image, brain in ((fixed, fixed_brain), (moving, moving_brain))
        )

    def coarse(self, start: Matrix) -> Matrix:
        """Register from centred brains moved by a matrix, at low resolution."""
        return self._register(self.moving_centre @ start @ np.linalg.inv(self.fixed_centre), self.scope, 8.0)

    def refine(self, start: Matrix) -> Registration:
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

    def judge(self, matrix: Matrix, displacement: Displacement | None = None) -> Registration:
        """Tell how well the images fit."""
        transform = Transform((matrix, displacement) if displacement else (matrix,))
        there = resample(self.moving, self.fixed, transform)
        seen = np.isfinite(there)
        there[~seen] = 0
        brain = resample_mask(self.moving_brain, self.fixed, transform)
        information = _mutual_information(self.fixed.data, there, seen & self.fixed_brain)
        agreement = self._edge_agreement(transform)
        best = np.max([self._edge_agreement(move.then(transform)) for move in self._moves_nearby()])
        margin = float(np.arctanh(agreement) - np.arctanh(best))
        overlap = dice(brain, self.fixed_brain & seen)
        return Registration(matrix, information, agreement, margin, overlap, displacement)

    def _moves_nearby(self) -> list[Transform]:
        """Move the head to places nearby: either way along and about each axis."""
        centre, back = self.fixed_centre, np.linalg.inv(self.fixed_centre)
        squares = np.mean((self.edge_points - centre[:3, 3]) ** 2, axis=0)
        moves = _shifts((-_NEARBY_MM, _NEARBY_MM), range(3))
        for axis, square in zip("xyz", squares, strict=True):
            angle = np.degrees(_NEARBY_MM / np.sqrt(squares.sum() - square))
            moves += _turns((-angle, angle), axis)
        return [Transform((centre @ move @ back,)) for move in moves]

    def _edge_agreement(self, transform: Transform) -> float:
        """Correlate the edges in the depth of the fixed brain with those of the moving image, outside its lesion."""
        points = transform.then(Transform((np.linalg.inv(self.moving.affine),)))(self.edge_points)
        seen = np.flatnonzero(((points >= 0) & (points <= np.array(self.moving_edges.shape) - 1)).all(axis=1))
        if self.lesion is not None:
            nearest = np.rint(points[seen]).astype(int)
            seen = seen[~self.lesion.data[tuple(nearest.T)]]
        there = ndimage.map_coordinates(self.moving_edges, points[seen].T, order=1)
        return _correlation(self.fixed_edges[seen], there)

    def _register(self, start: Matrix, scope: Mask, spacing_mm: float) -> Matrix:
        """Let ANTs register at a resolution; it shrinks thick slices less by itself."""
        back = np.linalg.inv(self.fixed_centre)
        shrink = max(1, round(spacing_mm / min(self.fixed.voxel_size_mm)))
        library = _load_ants()
        arrays = [
            (self.fixed.data, back @ self.fixed.affine),
            (self.moving.data, back @ np.linalg.inv(start) @ self.moving.affine),
            (scope, back @ self.fixed.affine),
        ]
        itk = [_to_ants(*array) for array in arrays]
        target, source, mask = (library.ptrstr(image.pointer) for image in itk)
        with tempfile.TemporaryDirectory() as folder:
            options = {
                "dimensionality": 3,
                "metric": f"MATTES[{target},{source},1,{_BINS},Regular,1]",
                "transform": "Rigid[0.1]",
                "convergence": "[1000,1e-6,10]",
                "smoothing-sigmas": f"{spacing_mm / 2:g}mm",
                "shrink-factors": shrink,
                "masks": f"[{mask},NA]",
                "use-histogram-matching": 0,
                "float": 1,
                "random-seed": self.seed,
                "output": f"{folder}/",
            }
            words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
            failed = library.antsRegistration(words)
            result = Path(folder) / "0GenericAffine.mat"
            if failed or not result.is_file():
                raise DataFault("registration: ANTs found no transform")
            found = _read_ants_affine(result)
        return start @ self.fixed_centre @ found @ back


def _read_ants_affine(path: Path) -> Matrix:
    """Read the rigid transform ANTs wrote (MATLAB format, single precision)."""
    from scipy.io import loadmat

    content = loadmat(path)
    kind = next(name for name in content if name.startswith("AffineTransform"))
    values, centre = content[kind].ravel().astype(float), content["fixed"].ravel().astype(float)
    matrix = from_itk(values, centre)
    left, _, right = np.linalg.svd(matrix[:3, :3])
    matrix[:3, :3] = left @ right  # a rotation to double precision
    return matrix


def _shift(vector: Matrix) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, 3] = vector
    return matrix


def _dilated(mask: Mask, image: Image, radius_mm: float) -> Mask:
    if not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=image.voxel_size_mm) <= radius_mm)


def _gradient_magnitude(data: NDArray[np.floating], image: Image) -> NDArray[np.float32]:
    """Gradient magnitude at a fixed scale in mm, whatever the voxels are."""
    sizes = np.array(image.voxel_size_mm)
    smooth = ndimage.gaussian_filter(data.astype(np.float32), _EDGE_SIGMA_MM / sizes, mode="nearest", truncate=3)
    slopes = (np.gradient(smooth, size, axis=axis) for axis, size in enumerate(sizes) if smooth.shape[axis] > 1)
    return np.sqrt(sum(slope**2 for slope in slopes))


def _correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    if first.size < 2 or first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _mutual_information(first: NDArray[np.floating], second: NDArray[np.floating], where: Mask) -> float:
    """Return the normalised mutual information; NaN where there is nothing to compare."""
    if not where.any():
        return float("nan")
    one, other = (np.clip(image[where], *np.percentile(image[where], (1, 99))) for image in (first, second))
    joint = np.histogram2d(one, other, bins=_BINS)[0] / where.sum()

    def entropy(share: NDArray[np.float64]) -> float:
        return -float((share[share > 0] * np.log(share[share > 0])).sum())

    together = entropy(joint)
    return (entropy(joint.sum(axis=0)) + entropy(joint.sum(axis=1))) / together if together > 0 else float("nan")


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the overlap of two masks, 2|A∩B|/(|A|+|B|); NaN if both are empty."""
    total = int(first.sum() + second.sum())
    return 2 * int((first & second).sum()) / total if total else float("nan")


def _load_ants() -> Any:
    """Return ANTsPy's compiled library.

    ``import ants`` also runs its plotting and learning parts, which cost seconds (statsmodels,
    scikit-learn, matplotlib, pandas); the library alone costs hundredths of one. Where it is not
    found on its own, the whole package is imported.
    """
    # ITK reads this once; sums over threads are added in no fixed order, so one thread by default
    os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")
    if "ants.lib" in sys.modules:
        return sys.modules["ants.lib"]
    package = importlib.util.find_spec("ants")
    places = package.submodule_search_locations if package else None
    spec = importlib.machinery.PathFinder.find_spec("ants.lib", places) if places else None
    if spec is None or spec.loader is None:
        from ants import lib

        return lib
    library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)
    sys.modules["ants.lib"] = library  # a later `import ants` must find this one: types are registered once
    return library


@dataclass(frozen=True)
class _ItkImage:
    """An image of the library, and the array whose memory it uses."""

    pointer: Any
    array: NDArray[Any]


def _to_ants(data: NDArray[Any], affine: Matrix) -> _ItkImage:
    library = _load_ants()
    lps = FLIP @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    # the library is handed bare pointers: an image must be float, a mask must be bytes
    kind, letters = (np.uint8, "UC") if data.dtype == bool else (np.float32, "F")
    array = np.ascontiguousarray(data.T, dtype=kind)
    pointer = getattr(library, f"fromNumpy{letters}3")(array, data.shape)
    library.setOrigin(pointer, lps[:3, 3].tolist())
    library.setSpacing(pointer, spacing.tolist())
    library.setDirection(pointer, (lps[:3, :3] / spacing).tolist())
    return _ItkImage(pointer, array)
