"""What an image of a head can hold: the values of a scan, a brain's size, lesions smaller than it."""

from __future__ import annotations

import numpy as np

from reperfuse.faults import DataFault
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.image import volume_ml

#: What a brain measures at most, mL.
LARGEST_BRAIN_ML = 2500.0
#: How much of a brain a lesion can take.
MOST_OF_BRAIN = 0.6
#: Fewer different values are a mask or labels.
_FEWEST_VALUES = 8
#: No scan's largest value is so many times its others'.
_OUTSTANDING = 1e4
#: Interpolation makes a magnitude negative by no more, of its largest, and in no more of the image.
_NEGATIVE, _MOST_NEGATIVE = 0.1, 0.01
#: Share of the brain at the largest value of an image: more was cut off there; more than any fluid takes is no scan.
_CLIPPED, _MOST_CLIPPED = 0.01, 0.3
#: A byte holds so many values; share of neighbours in the brain that lie this far apart, of them: in scans stored as
#: bytes 0.0003 at most (real and simulated heads), in those whose largest values began at 0 again 0.003 or more.
_BYTE, _FAR_APART, _MOST_FAR_APART = 256, 0.75, 0.002
#: Fluid where it is bright, and dark, of the brain's median; the least share of the brain that it takes.
_FLUID_BRIGHT, _FLUID_DARK, _LEAST_FLUID = 1.6, 0.5, 0.02


def check_scan(image: Array) -> None:
    """Make sure that an image holds the values of a scan.

    Parameters
    ----------
    image : (x, y, z) array

    Raises
    ------
    DataFault
        If it holds a few only, as a mask does, negative ones, or one that is out of all proportion.
    """
    values = np.unique(image[~np.isnan(image)])
    if len(values) < 2:
        raise DataFault("no brain was found: the image is empty or constant; export the scan again")
    sizes = np.abs(values)
    if np.isinf(sizes.max()) or sizes.max() > _OUTSTANDING * np.percentile(sizes, 90, method="lower") > 0:
        raise DataFault(
            "the image is damaged: it holds values that are infinite or far above all others; export the scan again"
        )
    negative = float((image < -_NEGATIVE * np.percentile(sizes, 99)).mean())
    if negative > _MOST_NEGATIVE:
        raise DataFault(
            f"{negative:.0%} of the image is negative: an integer overflow, or an offset was subtracted from the "
            "signal; export the scan again"
        )
    if len(values) < _FEWEST_VALUES:
        raise DataFault(
            f"the image holds only {len(values)} different values: it is a mask or a drawing; store the scan itself "
            "there"
        )


def check_clipped(images: Array, brain: Mask) -> list[str]:
    """Make sure that the signal was not cut off at the largest number its file or scanner can hold.

    Parameters
    ----------
    images : (x, y, z) or (x, y, z, t) array
        As stored, not resampled; a.u.
    brain : (x, y, z) bool array

    Returns
    -------
    list of str
        A sentence if it was in some of the brain, else nothing.

    Raises
    ------
    DataFault
        If it was in more of it than the brightest tissue takes.
    """
    frames = np.moveaxis(images, 3, 0) if images.ndim == 4 else images[np.newaxis]
    share = max(float((frame[brain] >= np.nanmax(frame)).mean()) for frame in frames) if brain.any() else 0.0
    said = f"the signal of {share:.0%} of the brain is cut off at the largest value stored"
    if share > _MOST_CLIPPED:
        raise DataFault(f"{said}; export the scan again without clipping")
    return [f"{said}, so bright tissue cannot be told apart there"] if share > _CLIPPED else []


def check_wrapped(image: Array, brain: Mask) -> None:
    """Make sure that bright values did not begin at 0 again, as those do that are too large for a byte.

    Parameters
    ----------
    image : (x, y, z) array
        As stored, not resampled; a.u.
    brain : (x, y, z) bool array

    Raises
    ------
    DataFault
        If the image holds no more values than a byte, and too many neighbours in the brain lie far apart.
    """
    values = np.unique(image[~np.isnan(image)])
    if len(values) > _BYTE:
        return
    far = _FAR_APART * (values[-1] - values[0])
    pairs = jumps = 0
    for axis in range(3):
        planes, inside = np.moveaxis(image, axis, 0), np.moveaxis(brain, axis, 0)
        both = inside[:-1] & inside[1:]
        pairs += int(both.sum())
        jumps += int((np.abs(np.diff(planes, axis=0))[both] > far).sum())
    if jumps > _MOST_FAR_APART * pairs:
        raise DataFault(
            "bright and dark voxels alternate everywhere: values too large for 8 bits started again at 0; "
            "export the scan with 16 bits"
        )


def flair_doubts(image: Array, mirrored: Array, brain: Mask) -> list[str]:
    """Say that an image on which fluid is bright, on both sides alike, is no FLAIR.

    Parameters
    ----------
    image : (x, y, z) array
        a.u.
    mirrored : (x, y, z) array
        `image` reflected at the head's mid-plane, NaN outside the field of view.
    brain : (x, y, z) bool array

    Returns
    -------
    list of str
        A sentence, or nothing.
    """
    level = np.median(image[brain])
    with np.errstate(invalid="ignore"):
        bright = (brain & (np.fmin(image, mirrored) > _FLUID_BRIGHT * level)).sum() / brain.sum()
        dark = (brain & (np.fmax(image, mirrored) < _FLUID_DARK * level)).sum() / brain.sum()
    if bright > max(dark, _LEAST_FLUID):
        return ["fluid is brighter than tissue, which is not so on FLAIR; check that it is a FLAIR image"]
    return []


def check_brain_size(brain_ml: float) -> None:
    """Make sure that what was found is not larger than a brain, mL.

    Raises
    ------
    DataFault
        If it is.
    """
    if brain_ml > LARGEST_BRAIN_ML:
        raise DataFault(
            f"no brain was found: the region that looks like one measures {brain_ml:.0f} mL; check the scan, or give a "
            "mask (brain_masks)"
        )


def check_lesion_size(what: str, lesion_ml: float, brain: Mask, affine: Array) -> None:
    """Make sure that a lesion is not larger than one can be in the brain it lies in.

    Parameters
    ----------
    what : str
        It is called in a message.
    lesion_ml : float
        Its volume, mL.
    brain : (x, y, z) bool array
    affine : (4, 4) array
        Of the brain's grid.

    Raises
    ------
    DataFault
        If it takes more than 60 % of the brain.
    """
    brain_ml = volume_ml(brain, affine)
    if lesion_ml > MOST_OF_BRAIN * brain_ml:
        raise DataFault(
            f"{what}: {lesion_ml:.0f} mL is too much for a lesion in a brain of {brain_ml:.0f} mL; check the scan"
        )
