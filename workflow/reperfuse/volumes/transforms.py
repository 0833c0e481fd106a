"""Where the tissue at a point of one image lies in another: transforms, their files, and resampling through them.

A transform takes a point of the image whose grid is wanted to the image that is resampled (world, RAS+,
mm): the direction in which images are resampled, and the one an ITK transform file stores.
"""

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reperfuse.volumes.arrays import Array
from reperfuse.volumes.geometry import apply_matrix
from reperfuse.volumes.image import Image


@dataclass(frozen=True)
class Displacement:
    """A displacement stated on a coarse grid.

    Attributes
    ----------
    vectors : ndarray, (x, y, z, 3)
        Added to a point at the grid's points (world, RAS+, mm); linear between them, none beyond.
    affine : ndarray, (4, 4)
        Index of the grid to world (RAS+, mm).
    is_inverse : bool
        It is undone, not done.
    """

    vectors: NDArray[np.float64]
    affine: Array
    is_inverse: bool = False

    def __call__(self, points: Array) -> Array:
        """Take points, (n, 3), mm, to where they are displaced."""
        moved = points + self._at(points)
        if not self.is_inverse:
            return moved
        # a displacement that changes by less than its length from place to place has one inverse, reached so
        for _ in range(20):
            moved = points - self._at(moved)
        return moved

    def _at(self, points: Array) -> Array:
        places = apply_matrix(np.linalg.inv(self.affine), points).T
        found = [ndimage.map_coordinates(self.vectors[..., axis], places, order=1) for axis in range(3)]
        return np.stack(found, axis=1)


@dataclass(frozen=True)
class Transform:
    """A chain of matrices, (4, 4), and displacements, the first applied first."""

    steps: tuple[Array | Displacement, ...]

    def __call__(self, points: Array) -> Array:
        """Take points, (n, 3), world mm, to the other image."""
        for step in self.steps:
            points = step(points) if isinstance(step, Displacement) else apply_matrix(step, points)
        return points

    def then(self, other: "Transform") -> "Transform":
        """Return this transform followed by another."""
        return Transform(self.steps + other.steps)

    def inverse(self) -> "Transform":
        """Return the way back."""
        return Transform(
            tuple(
                replace(step, is_inverse=not step.is_inverse) if isinstance(step, Displacement) else np.linalg.inv(step)
                for step in reversed(self.steps)
            )
        )

    @property
    def matrix(self) -> Array | None:
        """The chain as one matrix; None if it displaces."""
        matrices = [step for step in self.steps if not isinstance(step, Displacement)]
        if len(matrices) < len(self.steps):
            return None
        return reduce(lambda chain, step: step @ chain, matrices, np.eye(4))


def as_transform(given: Array | Transform | None) -> Transform:
    """Return a matrix, (4, 4), as a transform; None is the identity."""
    if isinstance(given, Transform):
        return given
    return Transform(() if given is None else (given,))


def resample(
    image: Image, like: Image, transform: Array | Transform | None = None, *, order: int = 1
) -> NDArray[np.float32]:
    """Bring an image onto another's grid in one interpolation.

    Parameters
    ----------
    image : Image, (x, y, z)
        A missing value (NaN) makes the samples that touch it missing.
    like : Image
        Whose grid is wanted.
    transform : Transform or ndarray, (4, 4), optional
        Point of ``like`` to point of ``image`` (world, RAS+, mm); the identity by default.
    order : int
        Of the spline: 0 nearest neighbour, 1 linear.

    Returns
    -------
    ndarray of float32, (x, y, z)
        NaN outside the field of view.
    """
    transform, shape = as_transform(transform), like.data.shape[:3]
    how = {"order": order, "cval": np.nan, "prefilter": False}
    data, to_voxels = image.data.astype(np.float32), np.linalg.inv(image.affine)
    if transform.matrix is not None:
        voxels = to_voxels @ transform.matrix @ like.affine
        found = ndimage.affine_transform(data, voxels[:3, :3], voxels[:3, 3], output_shape=shape, **how)
    else:
        points = apply_matrix(like.affine, np.indices(shape).reshape(3, -1).T)
        found = ndimage.map_coordinates(data, apply_matrix(to_voxels, transform(points)).T, **how).reshape(shape)
    return np.asarray(found, np.float32)


def resample_mask(image: Image, like: Image, transform: Array | Transform | None = None) -> NDArray[np.bool_]:
    """Bring a mask onto another's grid: linear interpolation, then one half.

    Unlike nearest neighbour this keeps the volume of a small mask on a coarser grid. Outside the
    field of view the mask is empty.
    """
    return resample(Image(image.mask.astype(np.float32), image.affine), like, transform) > 0.5


def share_within(mask: Image, like: Image, transform: Array | Transform) -> float:
    """Return the share of a mask inside the field of view of another image; NaN for an empty mask.

    ``transform`` takes a point of ``like`` to the mask's (world, RAS+, mm), as in `resample`.
    """
    voxels = np.argwhere(mask.mask)
    if not len(voxels):
        return float("nan")
    points = as_transform(transform).inverse()(apply_matrix(mask.affine, voxels))
    places = apply_matrix(np.linalg.inv(like.affine), points)
    return float(((places >= -0.5) & (places <= np.array(like.data.shape[:3]) - 0.5)).all(axis=1).mean())
