"""Tell whether two registered images fit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import Displacement, Transform

_EDGE_SIGMA_MM = 2.0


BINS = 48


_MARGIN_NOISE = 0.03


@dataclass(frozen=True)
class Registration:
    """A registration and how well the two images fit.

    Attributes
    ----------
    matrix : ndarray, (4, 4)
        The rigid part: point of the fixed image to point of the moving image (world, RAS+, mm).
    mutual_information : float
        Normalised mutual information over the fixed brain (Studholme 1999,
        doi:10.1016/S0031-3203(98)00091-0): 1 for images that have nothing in common, 2 for the same.
    edge_agreement : float
        Correlation of the two images' gradient magnitudes in the depth of the brain, for the outlines of
        any two heads agree, and outside the lesion.
    edge_margin : float
        By how much that is better, as Fisher's z (the inverse hyperbolic tangent), than wherever else the head may
        lie: shifted by 4 mm or turned about any axis until those depths are 4 mm off (root mean square). Negative:
        the fit is not at its own optimum.
    brain_dice : float
        Overlap of the brain masks where both images see.
    displacement : Displacement, optional
        From where the rigid part ends to where the tissue is in the distorted moving image.
    """

    matrix: Array
    mutual_information: float
    edge_agreement: float
    edge_margin: float
    brain_dice: float
    displacement: Displacement | None = None

    @property
    def transform(self) -> Transform:
        """Point of the fixed image to point of the moving image."""
        return Transform((self.matrix, self.displacement) if self.displacement else (self.matrix,))


def is_poor(found: Registration, min_brain_dice: float, min_edge_agreement: float) -> bool:
    """Tell a fit below either limit, or one that fits clearly better somewhere near."""
    good = found.brain_dice >= min_brain_dice and found.edge_agreement >= min_edge_agreement
    return not (good and found.edge_margin >= -_MARGIN_NOISE)


def gradient_magnitude(data: NDArray[np.floating], image: Image) -> NDArray[np.float32]:
    """Gradient magnitude at a fixed scale in mm, whatever the voxels are."""
    sizes = np.array(image.voxel_size_mm)
    smooth = ndimage.gaussian_filter(data.astype(np.float32), _EDGE_SIGMA_MM / sizes, mode="nearest", truncate=3)
    slopes = (np.gradient(smooth, size, axis=axis) for axis, size in enumerate(sizes) if smooth.shape[axis] > 1)
    return np.sqrt(sum(slope**2 for slope in slopes))


def correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the correlation of two sets of values, (n,); NaN where one does not vary."""
    if first.size < 2 or first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def mutual_information(first: NDArray[np.floating], second: NDArray[np.floating], where: Mask) -> float:
    """Return the normalised mutual information; NaN where there is nothing to compare."""
    if not where.any():
        return float("nan")
    one, other = (np.clip(image[where], *np.percentile(image[where], (1, 99))) for image in (first, second))
    joint = np.histogram2d(one, other, bins=BINS)[0] / where.sum()

    def entropy(share: NDArray[np.float64]) -> float:
        return -float((share[share > 0] * np.log(share[share > 0])).sum())

    together = entropy(joint)
    return (entropy(joint.sum(axis=0)) + entropy(joint.sum(axis=1))) / together if together > 0 else float("nan")
