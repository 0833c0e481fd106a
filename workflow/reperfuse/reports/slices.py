"""What of a head its figures show: a stack of axial slices, and the slices that all figures of a patient share."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.volumes.arrays import Array
from reperfuse.volumes.geometry import apply_matrix
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import Transform

N_SLICES = 8


_MARGIN_VOXELS = 3


#: Share of the focus at either end that may lie outside the slices shown.
_SPECKS = 0.03


@dataclass(frozen=True)
class Slices:
    """The slices of a grid that a figure shows.

    Attributes
    ----------
    numbers : sequence of int or None
        In the grid's stack; None: it has none there.
    heights_mm : sequence of float
        What is written above each.
    """

    numbers: Sequence[int | None]
    heights_mm: Sequence[float]


@dataclass(frozen=True)
class Cut:
    """Where a patient's figures are cut, as an image sees it.

    Attributes
    ----------
    points_mm : ndarray, (n, 3)
        A point of each slice, where the disease is, in the space that the patient's images share.
    way : Transform
        From that space to the image's.
    is_shared : bool
        The patient's first image is in that space, too.
    """

    points_mm: Array
    way: Transform
    is_shared: bool = True

    def of(self, grid: Image) -> Slices:
        """Return the slices of a grid that lie closest, each with its height in the space that is shared."""
        stack, turned = radiological(grid.data, grid.affine)
        places = apply_matrix(np.linalg.inv(turned), self.way(self.points_mm))
        numbers = places[:, 0].round().astype(int)
        is_there = (numbers >= 0) & (numbers < len(stack))
        shown = apply_matrix(turned, np.column_stack([numbers, places[:, 1:]]))
        heights = np.where(is_there, self.way.inverse()(shown)[:, 2], self.points_mm[:, 2])
        return Slices([int(k) if there else None for k, there in zip(numbers, is_there, strict=True)], list(heights))


def choose_points(brain: Image, disease_mm: Array, volumes_ml: Array) -> Array:
    """Choose the slices of a patient's figures: those that show the disease of all sessions; without one, the brain.

    Parameters
    ----------
    brain : Image
        A brain mask, whose slices are chosen from, and from those that would follow them where the disease goes on.
    disease_mm : ndarray, (n, 3)
        The voxels of all regions, in the space of the brain mask (world, RAS+, mm).
    volumes_ml : ndarray, (n,)
        The volume of each.

    Returns
    -------
    ndarray, (slices, 3)
        A point of each slice, above and below the middle of the disease (mm).
    """
    head, turned = radiological(brain.mask, brain.affine)
    places = apply_matrix(np.linalg.inv(turned), disease_mm)
    numbers = places[:, 0].round().astype(int)
    low = min(0, int(numbers.min(initial=0)))
    beyond = max(len(head), int(numbers.max(initial=0)) + 1) - low
    held = np.bincount(numbers - low, volumes_ml, beyond)
    area = np.pad(head.sum(axis=(1, 2)), (-low, beyond + low - len(head)))
    chosen = _spread(area, held, N_SLICES) + low
    seen = places if len(places) else np.argwhere(head | ~head.any())
    middle = np.average(seen[:, 1:], axis=0, weights=volumes_ml if len(places) else None)
    return apply_matrix(turned, np.column_stack([chosen, np.tile(middle, (len(chosen), 1))]))


def radiological(volume: NDArray[Any], affine: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Turn a volume so that it reads as a stack of axial images.

    Parameters
    ----------
    volume : ndarray, (x, y, z)
        In any voxel order; an oblique grid is turned to the closest axes, never interpolated.
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).

    Returns
    -------
    stack : ndarray, (slice, row, column)
        Slices go up, rows go to the back, columns go to the patient's left.
    affine : ndarray, (4, 4)
        Index of the stack to world (RAS+, mm).
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    # the voxel axis along each of the world's: the assignment that agrees best as a whole
    order = max(permutations(range(3)), key=lambda axes: sum(abs(directions[w, a]) for w, a in enumerate(axes)))
    axes = (order[2], order[1], order[0])
    stack = np.transpose(volume, axes)
    turned = affine.astype(float)
    turned[:, :3] = affine[:, axes]
    for position, (world, sign) in enumerate(((2, 1), (1, -1), (0, -1))):
        if turned[world, position] * sign < 0:
            stack = np.flip(stack, position)
            turned[:, 3] += turned[:, position] * (stack.shape[position] - 1)
            turned[:, position] *= -1
    return stack, turned


def choose_slices(brain: NDArray[np.bool_], focus: NDArray[np.bool_] | None, count: int = N_SLICES) -> NDArray[np.intp]:
    """Choose the slices of a stack (slice, row, column) that show the focus; without one, the brain.

    The slice with most of the focus is always among them.
    """
    held = np.zeros(len(brain)) if focus is None else focus.sum(axis=(1, 2)).astype(float)
    return _spread(brain.sum(axis=(1, 2)), held, count)


def _spread(area: NDArray[Any], held: NDArray[Any], count: int) -> NDArray[np.intp]:
    """Choose slices by how much of the brain and of the focus each holds."""
    inside = np.flatnonzero(area > 0.15 * area.max()) if area.any() else np.arange(len(area))
    first, last = int(inside[0]), int(inside[-1])
    if held.any():
        # specks far from the rest do not decide what is shown
        share = np.cumsum(held) / held.sum()
        found = np.flatnonzero((held > 0) & (share > _SPECKS) & (share - held / held.sum() < 1 - _SPECKS))
        lack = max(0, count - (int(found[-1]) - int(found[0]) + 3))
        first, last = min(first, int(found[0])), max(last, int(found[-1]))
        low, high = found[0] - 1 - lack // 2, found[-1] + 1 + (lack + 1) // 2
        # what does not fit at one end of the brain is added at the other
        low, high = low - max(0, high - last), high + max(0, first - low)
        first, last = max(first, int(low)), min(last, int(high))
    chosen = np.unique(np.linspace(first, last, min(count, last - first + 1)).round().astype(int))
    if held.any() and held.argmax() not in chosen:
        chosen[np.abs(chosen - held.argmax()).argmin()] = held.argmax()
    return chosen


def crop(brain: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and columns of a stack that hold the brain, with a margin."""
    if not brain.any():
        return slice(0, brain.shape[1]), slice(0, brain.shape[2])
    bounds = []
    for axes in ((0, 2), (0, 1)):
        found = np.flatnonzero(brain.any(axis=axes))
        bounds.append(slice(max(0, int(found[0]) - _MARGIN_VOXELS), int(found[-1]) + 1 + _MARGIN_VOXELS))
    return bounds[0], bounds[1]
