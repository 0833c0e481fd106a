"""A CT series on voxels of the size that perfusion has: averaged, which is where most of its noise goes.

A matrix of 512 shows detail of half a millimetre with a noise above the bolus in tissue. Blocks of about 2 × 2 × 5 mm
hold the noise of one voxel divided by the square root of their number, and a series of 320 thin slices fits into
memory.
"""

from dataclasses import dataclass

import numpy as np

from reperfuse.head.coverage import slice_axis
from reperfuse.perfusion.attenuation import PADDING_HU
from reperfuse.volumes.arrays import Array
from reperfuse.volumes.geometry import voxel_sizes

#: Size of a block in the plane of the slices and across them, mm.
IN_PLANE_MM, ACROSS_MM = 2.0, 5.0
#: A block that is lower holds nothing that was measured, HU: it is within a hair of padding in all its voxels.
_EMPTY_HU = PADDING_HU + 0.5


@dataclass(frozen=True)
class Blocks:
    """Blocks of voxels that are averaged.

    Attributes
    ----------
    counts : (3,) tuple of int
        Voxels of a block along each axis.
    shape : (3,) tuple of int
        Blocks along each axis; what is left over is cut evenly from both ends.
    first : (3,) tuple of int
        The first voxel that is used along each axis.
    affine : (4, 4) array
        Block index to world (mm).
    across : int
        Axis of the slices.
    """

    counts: tuple[int, int, int]
    shape: tuple[int, int, int]
    first: tuple[int, int, int]
    affine: Array
    across: int

    @classmethod
    def of(cls, shape: tuple[int, ...], affine: Array) -> "Blocks":
        """Lay blocks over a grid; voxels that are larger already stay as they are."""
        across = slice_axis(affine)
        wanted = np.where(np.arange(3) == across, ACROSS_MM, IN_PLANE_MM)
        counts = np.maximum(np.round(wanted / voxel_sizes(affine)).astype(int), 1)
        counts = np.minimum(counts, shape)
        number = np.array(shape) // counts
        first = (np.array(shape) - number * counts) // 2
        to_voxel = np.diag([*counts, 1.0])
        to_voxel[:3, 3] = first + (counts - 1) / 2
        x, y, z = (tuple(int(n) for n in one) for one in (counts, number, first))
        return cls(x, y, z, affine @ to_voxel, across)  # type: ignore[arg-type]

    def mean(self, frame: Array, offset_hu: float) -> Array:
        """Return the mean HU of each block of a frame as stored; NaN where nothing was measured.

        Parameters
        ----------
        frame : (x, y, z) array
            As stored, with the header's scaling.
        offset_hu : float
            What was added to HU, see :func:`reperfuse.perfusion.attenuation.find_offset`.
        """
        image, lowest = frame, np.float32(PADDING_HU + offset_hu)
        for axis in (2, 1, 0):
            start, count, number = self.first[axis], self.counts[axis], self.shape[axis]
            parts = [_every(image, axis, start + part, count, number) for part in range(count)]
            image = np.maximum(parts[0], lowest)
            for part in parts[1:]:
                image += np.maximum(part, lowest)
            lowest = np.float32(-np.inf)  # of sums nothing is cut off
        image /= np.float32(np.prod(self.counts))
        image -= np.float32(offset_hu)
        return np.where(image > _EMPTY_HU, image, np.float32(np.nan))

    def slice_times(self, times_s: list[float], axis: int) -> list[float]:
        """Return the time of each block along the axis of the slices, s: the mean of its slices."""
        start, count, number = self.first[axis], self.counts[axis], self.shape[axis]
        used = np.asarray(times_s, dtype=float)[start : start + count * number]
        return [float(time) for time in used.reshape(number, count).mean(axis=1)]


def _every(image: Array, axis: int, start: int, step: int, number: int) -> Array:
    """Every so many voxels along an axis."""
    where = [slice(None)] * 3
    where[axis] = slice(start, start + step * (number - 1) + 1, step)
    return image[tuple(where)]
