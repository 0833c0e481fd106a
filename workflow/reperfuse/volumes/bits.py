"""Several masks of one grid in one volume: a bit each."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reperfuse.volumes.arrays import Mask

#: Most masks that one volume holds.
MOST = 32


def bit_field(masks: Sequence[Mask]) -> NDArray[np.uint32]:
    """Put masks, (x, y, z), into one volume: bit i of a voxel, of value 2**i, is set where the i-th mask holds it.

    Raises
    ------
    ValueError
        If there are none, or more than `MOST`.
    """
    if not 0 < len(masks) <= MOST:
        raise ValueError(f"{len(masks)} masks do not go into {MOST} bits")
    field = np.zeros(masks[0].shape, np.uint32)
    for bit, mask in enumerate(masks):
        field |= mask.astype(np.uint32) << np.uint32(bit)
    return field


def masks_of(field: NDArray[np.uint32], number: int) -> list[Mask]:
    """Return the masks, (x, y, z), that `bit_field` put into one volume."""
    return [(field >> np.uint32(bit)) & np.uint32(1) == 1 for bit in range(number)]


__all__ = ["MOST", "bit_field", "masks_of"]
