"""The image that perfusion is compared and shown by: of MRI as it is, of CT in the window of the brain."""

from pathlib import Path

import numpy as np

from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar
from reperfuse.head.bone import WINDOW_HU
from reperfuse.volumes.image import Image


def is_hu(path: str | Path) -> bool:
    """Tell whether an image is in Hounsfield units, as its sidecar says."""
    return read_sidecar(path).get("Units") == "HU"


def load_reference(path: str | Path) -> Image:
    """Load an image to be compared with others or to be shown.

    One in Hounsfield units comes in the window of the brain, in which fluid is darker and bone brighter than tissue:
    a tenth of the range of a whole head, as any measure that counts grey levels needs it.
    """
    image = nifti.load(path)
    return Image(np.clip(image.data, *WINDOW_HU), image.affine) if is_hu(path) else image
