"""ITK transform files, which ANTs, Slicer and ITK-SNAP read."""

from functools import reduce
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reperfuse.volumes.arrays import Array
from reperfuse.volumes.transforms import Displacement, Transform, as_transform


def read_chain(paths: list[str]) -> Transform:
    """Put transforms one after another, the first applied first."""
    return reduce(Transform.then, map(read_itk, paths))


#: ITK's world is LPS+, ours RAS+.
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_itk(path: str | Path, given: Array | Transform) -> None:
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


def _affine(matrix: Array) -> Block:
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
    steps: list[Array | Displacement] = []
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


def from_itk(parameters: NDArray[np.float64], centre: NDArray[np.float64]) -> Array:
    """Return the matrix of an ITK affine transform: 9 + 3 parameters, and its centre."""
    lps = np.eye(4)
    lps[:3, :3] = parameters[:9].reshape(3, 3)
    lps[:3, 3] = parameters[9:] + centre - lps[:3, :3] @ centre
    return np.asarray(FLIP @ lps @ FLIP)
