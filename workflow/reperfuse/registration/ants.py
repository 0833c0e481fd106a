"""ANTs: the only importer of ANTsPy, which is imported when a registration starts and not before."""

import importlib.machinery
import importlib.util
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.faults import DataFault
from reperfuse.files.itk import FLIP, from_itk
from reperfuse.volumes.arrays import Array

Volume = tuple[NDArray[Any], Array]


def search_rigid(
    fixed: Volume, moving: Volume, scope: Volume, *, smoothing_mm: float, shrink: int, bins: int, seed: int
) -> Array:
    """Search, from the identity, for the rotation and translation of largest Mattes mutual information.

    Parameters
    ----------
    fixed, moving : (array, array)
        Data, (x, y, z), and affine, (4, 4): voxel index to world (RAS+, mm).
    scope : (array of bool, array)
        Where the fixed image is looked at.
    smoothing_mm : float
        Standard deviation of the Gaussian that both images are smoothed with.
    shrink : int
        By how much the fixed grid is made coarser; ANTs shrinks thick slices less by itself.
    bins : int
        Of the joint histogram.
    seed : int
        On one thread the same seed gives the same bits.

    Returns
    -------
    (4, 4) array
        Point of the fixed image to point of the moving image (world, RAS+, mm).

    Raises
    ------
    DataFault
        If ANTs finds no transform.
    """
    library = load_library()
    itk = [_to_itk(*volume) for volume in (fixed, moving, scope)]
    target, source, mask = (library.ptrstr(image.pointer) for image in itk)
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "dimensionality": 3,
            "metric": f"MATTES[{target},{source},1,{bins},Regular,1]",
            "transform": "Rigid[0.1]",
            "convergence": "[1000,1e-6,10]",
            "smoothing-sigmas": f"{smoothing_mm:g}mm",
            "shrink-factors": shrink,
            "masks": f"[{mask},NA]",
            "use-histogram-matching": 0,
            "float": 1,
            "random-seed": seed,
            "output": f"{folder}/",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        failed = library.antsRegistration(words)
        result = Path(folder) / "0GenericAffine.mat"
        if failed or not result.is_file():
            raise DataFault(
                "registration: ANTs found no transform between the scans; check that both show this patient's whole "
                "brain"
            )
        return _read_affine(result)


def _read_affine(path: Path) -> Array:
    """Read the rigid transform ANTs wrote (MATLAB format, single precision)."""
    from scipy.io import loadmat

    content = loadmat(path)
    kind = next(name for name in content if name.startswith("AffineTransform"))
    values, centre = content[kind].ravel().astype(float), content["fixed"].ravel().astype(float)
    matrix = from_itk(values, centre)
    left, _, right = np.linalg.svd(matrix[:3, :3])
    matrix[:3, :3] = left @ right  # a rotation to double precision
    return matrix


def load_library() -> Any:
    """Return ANTsPy's compiled library.

    ``import ants`` also runs its plotting and learning parts, which cost seconds (statsmodels,
    scikit-learn, matplotlib, pandas); the library alone costs hundredths of one. Where it is not
    found on its own, the whole package is imported.
    """
    # ITK reads this once; sums over threads are added in no fixed order, so one thread by default
    os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")
    if "ants.lib" in sys.modules:
        return sys.modules["ants.lib"]
    package = importlib.util.find_spec("ants")
    places = package.submodule_search_locations if package else None
    spec = importlib.machinery.PathFinder.find_spec("ants.lib", places) if places else None
    if spec is None or spec.loader is None:
        from ants import lib

        return lib
    library = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(library)
    sys.modules["ants.lib"] = library  # a later `import ants` must find this one: types are registered once
    return library


@dataclass(frozen=True)
class _ItkImage:
    """An image of the library, and the array whose memory it uses."""

    pointer: Any
    array: NDArray[Any]


def _to_itk(data: NDArray[Any], affine: Array) -> _ItkImage:
    library = load_library()
    lps = FLIP @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    # the library is handed bare pointers: an image must be float, a mask must be bytes
    kind, letters = (np.uint8, "UC") if data.dtype == bool else (np.float32, "F")
    array = np.ascontiguousarray(data.T, dtype=kind)
    pointer = getattr(library, f"fromNumpy{letters}3")(array, data.shape)
    library.setOrigin(pointer, lps[:3, 3].tolist())
    library.setSpacing(pointer, spacing.tolist())
    library.setDirection(pointer, (lps[:3, :3] / spacing).tolist())
    return _ItkImage(pointer, array)
