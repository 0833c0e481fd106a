"""Where the tissue at a point of one image lies in another: transforms, their files, and resampling through them.

A transform takes a point of the image whose grid is wanted to the image that is resampled (world, RAS+,
mm): the direction in which images are resampled, and the one an ITK transform file stores.
"""

from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reperfuse.images import Image

Matrix = NDArray[np.floating[Any]]
Points = NDArray[np.floating[Any]]

#: ITK's world is LPS+, ours RAS+.
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


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
    affine: Matrix
    is_inverse: bool = False

    def __call__(self, points: Points) -> Points:
        """Take points, (n, 3), mm, to where they are displaced."""
        moved = points + self._at(points)
        if not self.is_inverse:
            return moved
        # a displacement that changes by less than its length from place to place has one inverse, reached so
        for _ in range(20):
            moved = points - self._at(moved)
        return moved

    def _at(self, points: Points) -> Points:
        places = _apply(np.linalg.inv(self.affine), points).T
        found = [ndimage.map_coordinates(self.vectors[..., axis], places, order=1) for axis in range(3)]
        return np.stack(found, axis=1)


@dataclass(frozen=True)
class Transform:
    """A chain of matrices, (4, 4), and displacements, the first applied first."""

    steps: tuple[Matrix | Displacement, ...]

    def __call__(self, points: Points) -> Points:
        """Take points, (n, 3), world mm, to the other image."""
        for step in self.steps:
            points = step(points) if isinstance(step, Displacement) else _apply(step, points)
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
    def matrix(self) -> Matrix | None:
        """The chain as one matrix; None if it displaces."""
        matrices = [step for step in self.steps if not isinstance(step, Displacement)]
        if len(matrices) < len(self.steps):
            return None
        return reduce(lambda chain, step: step @ chain, matrices, np.eye(4))


def _apply(matrix: Matrix, points: NDArray[Any]) -> Points:
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def as_transform(given: Matrix | Transform | None) -> Transform:
    """Return a matrix, (4, 4), as a transform; None is the identity."""
    if isinstance(given, Transform):
        return given
    return Transform(() if given is None else (given,))


def resample(
    image: Image, like: Image, transform: Matrix | Transform | None = None, *, order: int = 1
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
        points = _apply(like.affine, np.indices(shape).reshape(3, -1).T)
        found = ndimage.map_coordinates(data, _apply(to_voxels, transform(points)).T, **how).reshape(shape)
    return np.asarray(found, np.float32)


def resample_mask(image: Image, like: Image, transform: Matrix | Transform | None = None) -> NDArray[np.bool_]:
    """Bring a mask onto another's grid: linear interpolation, then one half.

    Unlike nearest neighbour this keeps the volume of a small mask on a coarser grid. Outside the
    field of view the mask is empty.
    """
    return resample(Image(image.mask.astype(np.float32), image.affine), like, transform) > 0.5


def share_within(mask: Image, like: Image, transform: Matrix | Transform) -> float:
    """Return the share of a mask inside the field of view of another image; NaN for an empty mask.

    ``transform`` takes a point of ``like`` to the mask's (world, RAS+, mm), as in `resample`.
    """
    voxels = np.argwhere(mask.mask)
    if not len(voxels):
        return float("nan")
    points = as_transform(transform).inverse()(_apply(mask.affine, voxels))
    places = _apply(np.linalg.inv(like.affine), points)
    return float(((places >= -0.5) & (places <= np.array(like.data.shape[:3]) - 0.5)).all(axis=1).mean())


def write_itk(path: str | Path, given: Matrix | Transform) -> None:
    """Write a transform as an ITK transform file, which ANTs, Slicer and ITK-SNAP read.

    A matrix is an affine transform; where there are displacements too, the file holds a composite one.
    """
    transform = as_transform(given)
    steps = list(transform.steps) if transform.matrix is None else [transform.matrix]
    # ITK applies the last one first
    blocks = [_displacement(step) if isinstance(step, Displacement) else _affine(step) for step in reversed(steps)]
    if len(blocks) > 1:
        blocks.insert(0, ("CompositeTransform_double_3_3", None, None))
    lines = ["#Insight Transform File V1.0"]
    for number, (kind, values, fixed) in enumerate(blocks):
        lines += [f"#Transform {number}", f"Transform: {kind}"]
        if values is not None and fixed is not None:
            lines += [f"Parameters: {_numbers(values)}", f"FixedParameters: {_numbers(fixed)}"]
    Path(path).write_text("\n".join(lines) + "\n", encoding="ascii")


Block = tuple[str, NDArray[np.float64] | None, NDArray[np.float64] | None]


def _affine(matrix: Matrix) -> Block:
    lps = FLIP @ matrix @ FLIP
    return "AffineTransform_double_3_3", np.r_[lps[:3, :3].ravel(), lps[:3, 3]], np.zeros(3)


def _displacement(step: Displacement) -> Block:
    if step.is_inverse:
        raise ValueError("an inverse displacement has no grid to be written on")
    lps = FLIP @ step.affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    values = (step.vectors @ FLIP[:3, :3]).transpose(2, 1, 0, 3).ravel()
    fixed = np.r_[step.vectors.shape[:3], lps[:3, 3], spacing, (lps[:3, :3] / spacing).ravel()]
    return "DisplacementFieldTransform_double_3_3", values, fixed


def _numbers(values: NDArray[np.float64]) -> str:
    return " ".join(f"{value:.12g}" for value in values + 0.0)  # without the sign of a zero


def read_itk(path: str | Path) -> Transform:
    """Read the transform `write_itk` wrote."""
    steps: list[Matrix | Displacement] = []
    for block in Path(path).read_text(encoding="ascii").split("Transform: ")[1:]:
        kind, *lines = block.splitlines()
        fields = dict(line.split(": ", 1) for line in lines if ": " in line)
        values, fixed = (np.array(fields.get(key, "").split(), float) for key in ("Parameters", "FixedParameters"))
        if kind.startswith("Displacement"):
            shape = fixed[:3].astype(int)
            lps = np.eye(4)
            lps[:3, :3], lps[:3, 3] = fixed[9:].reshape(3, 3) * fixed[6:9], fixed[3:6]
            vectors = values.reshape(*shape[::-1], 3).transpose(2, 1, 0, 3) @ FLIP[:3, :3]
            steps.insert(0, Displacement(vectors, FLIP @ lps))
        elif kind.startswith("Affine"):
            steps.insert(0, from_itk(values, fixed))
    return Transform(tuple(steps))


def from_itk(parameters: NDArray[np.float64], centre: NDArray[np.float64]) -> Matrix:
    """Return the matrix of an ITK affine transform: 9 + 3 parameters, and its centre."""
    lps = np.eye(4)
    lps[:3, :3] = parameters[:9].reshape(3, 3)
    lps[:3, 3] = parameters[9:] + centre - lps[:3, :3] @ centre
    return np.asarray(FLIP @ lps @ FLIP)
