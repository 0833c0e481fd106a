"""Masks that were given: what they must be to stand for a lesion, a brain or arteries."""

import numpy as np

from reperfuse.faults import DataFault
from reperfuse.head.content import LARGEST_BRAIN_ML, MOST_OF_BRAIN
from reperfuse.volumes.arrays import Mask
from reperfuse.volumes.image import Image, is_same_grid, volume_ml

#: How much of an image a brain can take.
_MOST_OF_IMAGE = 0.9
#: How far a mask may lie off the scan whose matrix it has, mm.
_SAME_PLACE_MM = 1.0
#: Least share of a lesion that lies on the brain it was drawn on: an outline may pass the brain mask by a voxel.
_LEAST_ON_BRAIN = 0.7


def read_mask(given: Image, name: str, drawn_on: Image | None = None) -> Mask:
    """Return what a given mask marks.

    Parameters
    ----------
    given : Image
    name : str
        Of its file.
    drawn_on : Image, optional
        The scan it lies beside.

    Returns
    -------
    (x, y, z) bool array

    Raises
    ------
    DataFault
        If it has not three dimensions, holds missing values, or more than one value beside 0: several labels, or
        probabilities, of which nothing says which is meant. If it has the matrix of the scan it was drawn on, and
        lies elsewhere: its geometry was lost.
    """
    if given.data.ndim != 3:
        raise DataFault(
            f"{name}: a mask needs three dimensions, and this one has shape {given.data.shape}; save it as one volume"
        )
    same_matrix = drawn_on is not None and given.data.shape == drawn_on.data.shape[:3]
    if same_matrix and drawn_on is not None and not is_same_grid(given, drawn_on, _SAME_PLACE_MM):
        raise DataFault(
            f"{name}: the mask has the matrix of the scan it was drawn on, but another geometry; "
            "save it with the scan's affine"
        )
    if not np.isfinite(given.data).all():
        raise DataFault(f"{name}: the mask holds missing values; write 0 outside the mask")
    values = np.unique(given.data[given.data != 0])
    if len(values) > 1 or (values < 0).any():
        kind = "probabilities" if (np.abs(values) < 1).any() else "more than one label"
        raise DataFault(f"{name}: the mask holds {kind}; write 1 inside the mask, and 0 outside")
    return np.asarray(given.data > 0)


def check_lesion(drawn_ml: float, lesion: Mask, brain: Mask, affine: np.ndarray, name: str) -> None:
    """Make sure that a lesion lies on the brain it was drawn on.

    Parameters
    ----------
    drawn_ml : float
        Its volume on its own grid, mL.
    lesion, brain : (x, y, z) bool array
        The lesion brought to the grid of the scan, and the scan's brain.
    affine : (4, 4) array
        Of that grid.
    name : str
        Of its file.

    Raises
    ------
    DataFault
        If most of it lies elsewhere, or it is larger than a lesion can be.
    """
    inside_ml, brain_ml = volume_ml(lesion & brain, affine), volume_ml(brain, affine)
    if drawn_ml > MOST_OF_BRAIN * brain_ml:
        raise DataFault(
            f"{name}: {drawn_ml:.0f} mL is too much for a lesion in a brain of {brain_ml:.0f} mL; "
            "check that it is not inverted, and not a mask of the brain"
        )
    if drawn_ml > 0 and inside_ml < _LEAST_ON_BRAIN * drawn_ml:
        raise DataFault(
            f"{name}: only {inside_ml:.1f} of its {drawn_ml:.1f} mL lie on the brain of the scan; "
            "save it with the geometry of the scan it was drawn on"
        )


def check_brain(given_ml: float, brain: Mask, name: str) -> None:
    """Make sure that a given brain mask has the size of a brain and lies in the image.

    Parameters
    ----------
    given_ml : float
        Its volume on its own grid, mL.
    brain : (x, y, z) bool array
        The mask brought to the grid of the scan.
    name : str
        Of its file.

    Raises
    ------
    DataFault
        If it has not, or lies elsewhere.
    """
    if not brain.any():
        raise DataFault(f"{name}: the brain mask is empty inside the image; save it with the geometry of its scan")
    if given_ml > LARGEST_BRAIN_ML or brain.mean() > _MOST_OF_IMAGE:
        raise DataFault(
            f"{name}: {given_ml:.0f} mL, or nearly all of the image, is no brain; check that it is not inverted"
        )
