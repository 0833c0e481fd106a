"""What a sweep's field of bits holds."""

import numpy as np
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar
from reperfuse.volumes.image import volume_ml


def mask_at(path: str, threshold: float) -> np.ndarray:
    """Return the mask at one of the thresholds."""
    bit = read_sidecar(path)["Thresholds"].index(threshold)
    return nifti.load(path, np.uint32).data >> np.uint32(bit) & np.uint32(1) == 1


def volumes_of_bits(path: str) -> list[list[float]]:
    """Return [threshold, mL] of each mask."""
    affine = nifti.load(path, np.uint32).affine
    return [[limit, volume_ml(mask_at(path, limit), affine)] for limit in read_sidecar(path)["Thresholds"]]
