"""Masks: pieces, openings and closings.

All distances are in mm and measured between voxel centres, so a radius below the slice distance never reaches
across slices, and neither the order nor the direction of the axes matters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from reperfuse.volumes.arrays import Array, Mask

NEIGHBOURS = np.ones((3, 3, 3), bool)


FACES = ndimage.generate_binary_structure(3, 1)

#: Of more rows than this, a ball is left to distances.
_MOST_ROWS = 300


def pieces_with(mask: Mask, evidence: Mask) -> Mask:
    """Keep the pieces (26 neighbours) of a mask that hold evidence."""
    if not mask.any():
        return mask.copy()
    found, box = np.zeros_like(mask), box_of(mask)
    labels, count = ndimage.label(mask[box], NEIGHBOURS)
    kept = np.zeros(count + 1, bool)
    kept[labels[mask[box] & evidence[box]]] = True
    kept[0] = False
    found[box] = kept[labels]
    return found


def eroded(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    """Keep what is farther than a radius from anything outside; the image's edge is not outside."""
    if mask.all() or not mask.any() or radius_mm <= 0:
        return mask.copy()
    kept, box = np.zeros_like(mask), box_of(mask, 1)
    kept[box] = ~_near(~mask[box], radius_mm, voxel)
    return kept


def dilated(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    """Add what lies within a radius."""
    if not mask.any() or radius_mm <= 0:
        return mask.copy()
    grown, box = np.zeros_like(mask), box_of(mask, (radius_mm // voxel).astype(int) + 1)
    grown[box] = _near(mask[box], radius_mm, voxel)
    return grown


def _near(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    """Find what lies within a radius of a mask."""
    if len(_rows(radius_mm, voxel)[0]) > _MOST_ROWS:
        return ndimage.distance_transform_edt(~mask, sampling=voxel) <= radius_mm
    return _joined(mask, radius_mm, voxel, np.logical_or, outside=False)


def highest_within(values: Array, radius_mm: float, voxel: ArrayLike, outside: float) -> Array:
    """Return the highest value within a radius of each voxel; beyond the image lies `outside`."""
    return _joined(values, radius_mm, np.asarray(voxel, float), np.maximum, outside)


def _rows(radius_mm: float, voxel: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of voxels along x that a ball consists of: (n, 2) steps along y and z, (n,) how far each goes."""
    steps = [np.arange(-(radius_mm // size), radius_mm // size + 1) for size in voxel]
    x, y, z = (step * size for step, size in zip(steps, voxel, strict=True))
    inside = np.sqrt(x[:, None, None] ** 2 + y[:, None] ** 2 + z**2) <= radius_mm
    reach = (inside.sum(axis=0) - 1) // 2
    across = np.argwhere(inside.any(axis=0))
    return across - np.array([len(y) // 2, len(z) // 2]), reach[tuple(across.T)]


def _joined(values: NDArray[Any], radius_mm: float, voxel: Array, join: np.ufunc, outside: float) -> NDArray[Any]:
    """Join the values within a radius of each voxel: those along x first, which every row of the ball shares."""
    across, reach = _rows(radius_mm, voxel)
    margin = [int(radius_mm // size) for size in voxel]
    padded = np.pad(values, [(more, more) for more in margin], constant_values=outside)
    along, result = padded[margin[0] : margin[0] + values.shape[0]].copy(), values.copy()
    for far in range(margin[0] + 1):
        for start in {margin[0] - far, margin[0] + far}:
            join(along, padded[start : start + values.shape[0]], out=along)
        for y, z in across[reach == far] + margin[1:]:
            join(result, along[:, y : y + values.shape[1], z : z + values.shape[2]], out=result)
    return result


def box_of(mask: Mask, margin: ArrayLike = 0) -> tuple[slice, ...]:
    """Return the smallest box that holds a mask, with a margin of voxels: what lies far from it need not be known."""
    plane = np.asarray(mask.any(axis=0))  # long rows first: an image has few slices
    held = (mask.reshape(len(mask), -1).any(axis=1), plane.any(axis=1), plane.any(axis=0))
    sides = zip(map(np.flatnonzero, held), np.broadcast_to(margin, 3), strict=True)
    return tuple(slice(max(0, int(side[0] - more)), int(side[-1] + more) + 1) for side, more in sides)


def opened(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    """Remove what is thinner than twice a radius."""
    return dilated(eroded(mask, radius_mm, voxel), radius_mm, voxel)


def closed(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    """Fill gaps thinner than twice a radius."""
    margin = [(int(radius_mm / size) + 1,) * 2 for size in voxel]
    closed = eroded(dilated(np.pad(mask, margin), radius_mm, voxel), radius_mm, voxel)
    return closed[tuple(slice(before, -after) for before, after in margin)]


def largest(mask: Mask) -> Mask:
    """Keep the largest piece (6 neighbours)."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask.copy()
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def fill(mask: Mask, voxel: Array) -> Mask:
    """Fill what is enclosed, in space and in each slice (the planes across the largest voxel size)."""
    across = int(np.argmax(voxel))
    filled = np.moveaxis(ndimage.binary_fill_holes(mask), across, 0)
    return np.moveaxis(np.stack([ndimage.binary_fill_holes(plane) for plane in filled]), 0, across)


def surrounded(mask: Mask) -> Mask:
    """Find the voxels most of whose neighbourhood of 27 voxels is in a mask; beyond the image lies its mirror image."""
    return ndimage.uniform_filter(mask.astype(np.float32), 3) > 0.5


def remove_small(mask: Mask, min_volume_ml: float, voxel: Array) -> Mask:
    """Keep the pieces (26 neighbours) of at least a volume."""
    if not mask.any():
        return mask.copy()
    found, box = np.zeros_like(mask), box_of(mask)
    labels, _ = ndimage.label(mask[box], NEIGHBOURS)
    volumes_ml = np.bincount(labels.ravel()) * float(voxel.prod()) / 1000
    kept = volumes_ml >= min_volume_ml
    kept[0] = False
    found[box] = kept[labels]
    return found
