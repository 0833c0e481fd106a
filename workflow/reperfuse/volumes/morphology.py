"""Masks: pieces, openings and closings.

All distances are in mm and measured between voxel centres, so a radius below the slice distance never reaches
across slices, and neither the order nor the direction of the axes matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from reperfuse.volumes.arrays import Array, Mask

NEIGHBOURS = np.ones((3, 3, 3), bool)


FACES = ndimage.generate_binary_structure(3, 1)


def pieces_with(mask: Mask, evidence: Mask) -> Mask:
    """Keep the pieces (26 neighbours) of a mask that hold evidence."""
    labels, count = ndimage.label(mask, NEIGHBOURS)
    kept = np.zeros(count + 1, bool)
    kept[labels[mask & evidence]] = True
    kept[0] = False
    return kept[labels]


def eroded(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    """Keep what is farther than a radius from anything outside; the image's edge is not outside."""
    if mask.all() or not mask.any() or radius_mm <= 0:
        return mask.copy()
    kept, box = np.zeros_like(mask), _box(mask, np.ones(3, int))
    kept[box] = ndimage.distance_transform_edt(mask[box], sampling=voxel) > radius_mm
    return kept


def dilated(mask: Mask, radius_mm: float, voxel: Array) -> Mask:
    """Add what lies within a radius."""
    if not mask.any() or radius_mm <= 0:
        return mask.copy()
    grown, box = np.zeros_like(mask), _box(mask, (radius_mm // voxel).astype(int) + 1)
    grown[box] = ndimage.distance_transform_edt(~mask[box], sampling=voxel) <= radius_mm
    return grown


def _box(mask: Mask, margin: NDArray[np.intp]) -> tuple[slice, ...]:
    """Return the smallest box that holds a mask, with a margin: distances far from it need not be known."""
    (found,) = ndimage.find_objects(mask.astype(np.uint8))
    return tuple(slice(max(0, side.start - more), side.stop + more) for side, more in zip(found, margin, strict=True))


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


def ball(radius_mm: float, voxel: ArrayLike) -> Mask:
    """Return the voxels within a radius of the one in the middle, as a footprint."""
    offsets = [np.arange(-(radius_mm // size), radius_mm // size + 1) * size for size in np.asarray(voxel, float)]
    return np.asarray(sum(part**2 for part in np.meshgrid(*offsets, indexing="ij")) <= radius_mm**2)


def remove_small(mask: Mask, min_volume_ml: float, voxel: Array) -> Mask:
    """Keep the pieces (26 neighbours) of at least a volume."""
    labels, _ = ndimage.label(mask, NEIGHBOURS)
    volumes_ml = np.bincount(labels.ravel()) * float(voxel.prod()) / 1000
    kept = volumes_ml >= min_volume_ml
    kept[0] = False
    return kept[labels]
