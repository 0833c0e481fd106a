"""A head for X-rays, of a few ellipsoids: scalp, skull, brain with fluid and a calcification, in a holder."""

from collections.abc import Sequence

import numpy as np

AIR, FAT, BONE, BRAIN, FLUID, MUSCLE = -1000.0, -90.0, 900.0, 34.0, 8.0, 55.0


def grid(voxel_mm: Sequence[float] = (2.0, 2.0, 5.0), lowest_mm: float = -45.0) -> np.ndarray:
    """Affine of a field of view around the head, 240 mm wide."""
    affine = np.diag([*voxel_mm, 1.0])
    affine[:3, 3] = -120.0, -120.0, lowest_mm
    return affine


def shape(voxel_mm: Sequence[float] = (2.0, 2.0, 5.0), slices: int = 20) -> tuple[int, int, int]:
    return round(240 / voxel_mm[0]), round(240 / voxel_mm[1]), slices


def draw(
    size: Sequence[int], affine: np.ndarray, moved: np.ndarray | None = None, *, holder: bool = True
) -> np.ndarray:
    """HU of the head at each voxel; `moved` takes a point of the head at rest to where it is."""
    index = np.indices(size).reshape(3, -1)
    world = affine @ np.vstack([index, np.ones(index.shape[1])])
    x, y, z = (np.linalg.inv(moved if moved is not None else np.eye(4)) @ world)[:3]

    def inside(a: float, b: float, c: float, at: Sequence[float] = (0, 0, 0)) -> np.ndarray:
        return np.asarray(((x - at[0]) / a) ** 2 + ((y - at[1]) / b) ** 2 + ((z - at[2]) / c) ** 2 < 1)

    image = np.full(index.shape[1], AIR)
    image[inside(86, 104, 96)] = FAT
    for side in (-80, 80):  # the muscles of the temples, outside the skull
        image[inside(7, 34, 30, (side, 10, -20)) & inside(86, 104, 96)] = MUSCLE
    image[inside(76, 94, 86)] = BONE
    image[inside(70, 88, 80)] = BRAIN
    for side in (-14, 14):
        image[inside(8, 26, 12, (side, 0, 5))] = FLUID
    image[inside(4, 4, 6, (0, -20, 0))] = BONE / 3  # a calcified pineal gland
    if holder:
        rests = np.abs(np.hypot(world[0], world[1] * 0.95) - 112) < 2.5
        image[rests & (world[1] < -20)] = np.maximum(image[rests & (world[1] < -20)], 30.0)
    return image.reshape(tuple(size)).astype(np.float32)


def brain(size: Sequence[int], affine: np.ndarray) -> np.ndarray:
    """Where the brain is at rest."""
    world = affine @ np.vstack([np.indices(size).reshape(3, -1), np.ones(int(np.prod(size)))])
    x, y, z = world[:3]
    return np.asarray((x / 70) ** 2 + (y / 88) ** 2 + (z / 80) ** 2 < 1).reshape(tuple(size))
