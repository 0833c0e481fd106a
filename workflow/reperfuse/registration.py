"""Register two images rigidly with ANTs, and resample through a matrix.

The only importer of ANTsPy, which is imported when a registration starts and not before. A transform
is a 4×4 matrix in the world (RAS+, mm) that takes a point of the fixed image to the moving image:
the direction in which images are resampled, and the one an ITK transform file stores.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from reperfuse.faults import DataFault
from reperfuse.images import Image

#: ITK's world is LPS+, ours RAS+.
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Registration:
    """A rigid registration.

    Attributes
    ----------
    matrix : ndarray, (4, 4)
        Point of the fixed image to point of the moving image (world, RAS+, mm).
    mutual_information : float
        Mattes mutual information of the two images after registration, in nats; higher is better.
    """

    matrix: NDArray[np.float64]
    mutual_information: float


def register_rigid(fixed: Image, moving: Image, fixed_mask: NDArray[np.bool_], *, seed: int = 1) -> Registration:
    """Register ``moving`` to ``fixed`` by a rotation and a translation (ANTs, Mattes mutual information).

    Parameters
    ----------
    fixed, moving : Image, (x, y, z)
        Two scans of one head, of any contrast, on any grids.
    fixed_mask : ndarray of bool, (x, y, z)
        Where in the fixed image the measure is taken.
    seed : int
        Seed of the sampling; on one thread the same seed gives the same bits.

    Returns
    -------
    Registration

    Raises
    ------
    DataFault
        If ANTs finds no transform.

    References
    ----------
    Avants et al. 2011, doi:10.1016/j.neuroimage.2010.09.025
    """
    os.environ["ANTS_RANDOM_SEED"] = str(seed)
    ants = _import_ants()
    target, source = _to_ants(fixed), _to_ants(moving)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = ants.registration(
                target,
                source,
                type_of_transform="DenseRigid",
                mask=_to_ants(Image(fixed_mask.astype(np.float32), fixed.affine)),
                mask_all_stages=True,
                outprefix=f"{folder}/",
                aff_iterations=(1000, 500, 250, 50),
                aff_smoothing_sigmas=(3, 2, 1, 0),
                aff_shrink_factors=(4, 3, 2, 1),
            )
        except RuntimeError as error:
            raise DataFault(f"registration: ANTs found no transform ({error})") from error
        transform = ants.read_transform(found["fwdtransforms"][0])
        # the transform's own parameters depend on its kind; where it sends four points does not
        corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
        images = np.array([transform.apply_to_point(tuple(corner)) for corner in corners])
        lps = np.eye(4)
        lps[:3, :3], lps[:3, 3] = (images[1:] - images[0]).T, images[0]
        matrix = _FLIP @ lps @ _FLIP
    return Registration(matrix, -float(ants.image_mutual_information(target, found["warpedmovout"])))


def resample(
    image: Image, like: Image, matrix: NDArray[np.float64] | None = None, *, order: int = 1
) -> NDArray[np.float32]:
    """Bring an image onto another's grid in one interpolation.

    Parameters
    ----------
    image : Image, (x, y, z)
        A missing value (NaN) makes the samples that touch it missing.
    like : Image
        Whose grid is wanted.
    matrix : ndarray, (4, 4), optional
        Point of ``like`` to point of ``image`` (world, RAS+, mm); the identity by default.
    order : int
        Of the spline: 0 nearest neighbour, 1 linear.

    Returns
    -------
    ndarray of float32, (x, y, z)
        NaN outside the field of view.
    """
    matrix = np.eye(4) if matrix is None else matrix
    voxels = np.linalg.inv(image.affine) @ matrix @ like.affine
    return ndimage.affine_transform(
        image.data.astype(np.float32),
        voxels[:3, :3],
        voxels[:3, 3],
        output_shape=like.data.shape[:3],
        order=order,
        cval=np.nan,
        prefilter=False,
    ).astype(np.float32)


def resample_mask(image: Image, like: Image, matrix: NDArray[np.float64] | None = None) -> NDArray[np.bool_]:
    """Bring a mask onto another's grid: linear interpolation, then one half.

    Unlike nearest neighbour this keeps the volume of a small mask on a coarser grid. Outside the
    field of view the mask is empty.
    """
    return resample(Image(image.mask.astype(np.float32), image.affine), like, matrix) > 0.5


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return the overlap of two masks, 2|A∩B|/(|A|+|B|); NaN if both are empty."""
    total = int(first.sum() + second.sum())
    return 2 * int((first & second).sum()) / total if total else float("nan")


def write_itk(path: str | Path, matrix: NDArray[np.float64]) -> None:
    """Write a matrix as an ITK transform file, which ANTs, Slicer and ITK-SNAP read."""
    lps = _FLIP @ matrix @ _FLIP
    values = " ".join(f"{value:.12g}" for value in (*lps[:3, :3].ravel(), *lps[:3, 3]))
    Path(path).write_text(
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        f"Parameters: {values}\nFixedParameters: 0 0 0\n",
        encoding="ascii",
    )


def read_itk(path: str | Path) -> NDArray[np.float64]:
    """Read the matrix `write_itk` wrote."""
    fields = dict(line.split(": ", 1) for line in Path(path).read_text(encoding="ascii").splitlines() if ": " in line)
    parameters, centre = (np.array(fields[key].split(), float) for key in ("Parameters", "FixedParameters"))
    lps = np.eye(4)
    lps[:3, :3] = parameters[:9].reshape(3, 3)
    lps[:3, 3] = parameters[9:] + centre - lps[:3, :3] @ centre
    return _FLIP @ lps @ _FLIP


def _import_ants() -> Any:
    # ITK reads this once; sums over threads are added in no fixed order, so one thread by default
    os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")
    import ants

    return ants


def _to_ants(image: Image) -> Any:
    lps = _FLIP @ image.affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    direction = lps[:3, :3] / spacing
    return _import_ants().from_numpy(
        np.nan_to_num(image.data).astype(np.float32), list(lps[:3, 3]), list(spacing), direction
    )
