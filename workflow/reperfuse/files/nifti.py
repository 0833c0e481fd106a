"""Load a NIfTI image, and save one with its sidecar.

The only importer of nibabel. Arrays leave this module in the file's own voxel order together with
the affine that takes a voxel index to the world (RAS+, mm).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nb
import numpy as np
from nibabel.openers import ImageOpener
from numpy.typing import NDArray

from reperfuse.faults import DataFault
from reperfuse.files.sidecars import sidecar_path, write_json
from reperfuse.volumes.image import Image

_NIFTI1_BYTES, _NIFTI2_BYTES = nb.Nifti1Header.sizeof_hdr, nb.Nifti2Header.sizeof_hdr


#: Seconds in one unit of the header's fourth dimension.
_SECONDS = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}


@dataclass(frozen=True)
class Header:
    """What the header says, without the data: shape, and the frame spacing in s (None if unstated)."""

    shape: tuple[int, ...]
    frame_spacing_s: float | None


def read_header(path: str | Path) -> Header:
    """Read shape and frame spacing.

    Raises
    ------
    DataFault
        If the file is not a readable NIfTI image.
    """
    try:  # without an image around it, which takes a large study some seconds more to index
        with ImageOpener(str(path)) as stream:
            block = stream.read(_NIFTI2_BYTES)
        is_second = _NIFTI2_BYTES in (int.from_bytes(block[:4], order) for order in ("little", "big"))
        header = nb.Nifti2Header(block) if is_second else nb.Nifti1Header(block[:_NIFTI1_BYTES])
    except Exception as error:
        raise _unreadable(path, error) from error
    zooms = header.get_zooms()
    spacing = None
    if len(zooms) > 3 and zooms[3] > 0:
        scale = _SECONDS.get(header.get_xyzt_units()[1])
        spacing = float(zooms[3]) * scale if scale else None
    return Header(tuple(int(n) for n in header.get_data_shape()), spacing)


def load(path: str | Path) -> Image:
    """Load an image as float32.

    Raises
    ------
    DataFault
        If the file is missing, truncated or not NIfTI, or its affine is singular.
    """
    image = _open(path)
    try:
        data = np.asarray(image.dataobj, dtype=np.float32)
    except Exception as error:  # a broken stream shows as EOFError, OSError, zlib.error or ValueError
        raise DataFault(f"{Path(path).name}: the image data cannot be read ({error})") from error
    if not np.all(np.isfinite(image.affine)) or abs(np.linalg.det(image.affine[:3, :3])) < 1e-9:
        raise DataFault(f"{Path(path).name}: the header's affine is singular, so positions are unknown")
    return Image(data, np.asarray(image.affine, dtype=float))


def _open(path: str | Path) -> Any:
    try:
        return nb.load(path)
    except Exception as error:  # nibabel, gzip and the file system each raise their own
        raise _unreadable(path, error) from error


def _unreadable(path: str | Path, error: Exception) -> DataFault:
    return DataFault(f"{Path(path).name}: not a readable NIfTI image ({error})")


def save(
    path: str | Path,
    data: NDArray[Any],
    affine: NDArray[np.float64],
    *,
    sidecar: dict[str, Any],
    frame_spacing_s: float | None = None,
) -> None:
    """Write a NIfTI image and its JSON sidecar.

    A mask is written as uint8 and a map as float32. A series (4-D) is written as scaled int16, a
    missing sample as 0, since a series holds signal and no signal is what 0 says.

    Parameters
    ----------
    path : path
        Ends in ``.nii.gz``.
    data : ndarray, (x, y, z) or (x, y, z, t)
    affine : ndarray, (4, 4)
        Voxel index to world (RAS+, mm).
    sidecar : dict
        What the sidecar holds.
    frame_spacing_s : float, optional
        Time between frames of a series, in s.
    """
    slope = 1.0
    if data.dtype == bool:
        data = data.astype(np.uint8)
    elif data.ndim == 4:
        # no intercept, so that 0 stays 0
        data = np.nan_to_num(data)
        slope = max(float(np.abs(data).max()) / 32767, 1e-30)
        data = np.rint(data / slope).astype(np.int16)
    else:
        data = data.astype(np.float32)
    image = nb.Nifti1Image(data, affine)
    image.header.set_slope_inter(slope, 0)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1, strip_shears=True)
    if data.ndim == 4 and frame_spacing_s is not None:
        image.header.set_zooms((*image.header.get_zooms()[:3], frame_spacing_s))
    nb.save(image, path)
    write_json(sidecar_path(path), sidecar)
