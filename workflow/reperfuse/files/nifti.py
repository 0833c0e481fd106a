"""Load a NIfTI image, and save one with its sidecar.

The only importer of nibabel. Arrays leave this module in the file's own voxel order together with
the affine that takes a voxel index to the world (RAS+, mm).
"""

import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast

import nibabel as nb
import numpy as np
from numpy.typing import DTypeLike, NDArray

from reperfuse.faults import DataFault
from reperfuse.files.originals import begin
from reperfuse.files.sidecars import sidecar_path, write_json
from reperfuse.volumes.image import Image

_NIFTI1_BYTES, _NIFTI2_BYTES = nb.Nifti1Header.sizeof_hdr, nb.Nifti2Header.sizeof_hdr
_ORDERS: tuple[Literal["little"], Literal["big"]] = ("little", "big")
#: Seconds in one unit of the header's fourth dimension, by the bits of ``xyzt_units`` that say so.
_SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}
#: Sizes that a voxel of a head's scan may have, and the largest extent of one, mm.
_VOXEL_MM, _EXTENT_MM = (0.2, 20.0), 1000.0
#: Volume of a voxel, of a box with the same edges: 1 for axes at right angles, 0.87 with a gantry tilted by 30°.
_LEAST_SQUARE = 0.7
#: How far the header's two statements of the position may differ, mm.
_SAME_PLACE_MM = 5.0
#: What zlib calls the format of gzip.
_GZIP = 31


@dataclass(frozen=True)
class Header:
    """What the header says, without the data.

    Attributes
    ----------
    shape : tuple of int
        Trailing dimensions of one are left out.
    frame_spacing_s : float or None
        Time between frames, s; None if it is not stated.
    is_oriented : bool
        It says where left and right are.
    extent_mm : tuple of float
        How long the image is along each axis, mm.
    """

    shape: tuple[int, ...]
    frame_spacing_s: float | None
    is_oriented: bool = True
    extent_mm: tuple[float, ...] = ()


def read_header(path: str | Path) -> Header:
    """Read shape, frame spacing and orientation.

    Raises
    ------
    DataFault
        If the file is not a readable NIfTI image of a head's size, or contradicts itself about its position.
    """
    try:  # without an image around it, which takes a large study some seconds more to index
        with _opened(path) as stream:
            block = stream.read(_NIFTI2_BYTES)
        _check_start(path, block)
        is_second = _is_second(block)
        header = nb.Nifti2Header(block) if is_second else nb.Nifti1Header(block[:_NIFTI1_BYTES])
        return _checked(path, header)
    except DataFault:
        raise
    except Exception as error:
        raise _unreadable(path, error) from error


def _checked(path: str | Path, header: Any) -> Header:
    name = Path(path).name
    shape = tuple(int(n) for n in header.get_data_shape())
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if not 3 <= len(shape) <= 4 or min(shape) < 1:
        raise DataFault(
            f"{name}: an image has three dimensions, or four with time, and this one has shape {shape}; convert it "
            "again"
        )
    _check_numbers(name, header)
    affine = _affine(name, header)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    least, most = _VOXEL_MM
    if sizes.min() < least or sizes.max() > most:
        said = " × ".join(f"{size:.3g}" for size in sizes)
        raise DataFault(f"{name}: voxels of {said} mm are not those of a head's scan; correct the header's geometry")
    if abs(np.linalg.det(affine[:3, :3] / sizes)) < _LEAST_SQUARE:
        raise DataFault(
            f"{name}: the axes of the header's affine are not at right angles; correct the header's geometry"
        )
    if (sizes * shape[:3]).max() > _EXTENT_MM:
        long_m = (sizes * shape[:3]).max() / 1000
        raise DataFault(f"{name}: the image is {long_m:.1f} m long; correct the header's geometry")
    codes = int(header["qform_code"]), int(header["sform_code"])
    if min(codes) > 0:
        corners = np.array([*np.ndindex(2, 2, 2)]) * (np.array(shape[:3]) - 1)
        one, other = (corners @ form[:3, :3].T + form[:3, 3] for form in (header.get_qform(), header.get_sform()))
        apart = float(np.linalg.norm(one - other, axis=1).max())
        if not apart <= _SAME_PLACE_MM:
            raise DataFault(
                f"{name}: the header's qform and sform place the image differently (by up to {apart:.0f} mm), so its "
                "position, or which side is left, is not known; set the wrong one to the right one"
            )
    spacing = None
    if len(header.get_zooms()) > 3 and header.get_zooms()[3] > 0:
        scale = _SECONDS.get(int(header["xyzt_units"]) & 0x38)
        spacing = float(header.get_zooms()[3]) * scale if scale else None
    return Header(shape, spacing, max(codes) > 0, tuple(map(float, sizes * shape[:3])))


def _affine(name: str, header: Any) -> NDArray[np.float64]:
    """Return where the header says the voxels are."""
    try:
        affine = np.asarray(header.get_best_affine(), dtype=float)
    except ValueError:  # a quaternion that is none
        raise DataFault(
            f"{name}: the header's position (qform) holds no valid rotation; correct the header's geometry"
        ) from None
    if not np.all(np.isfinite(affine)) or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise DataFault(f"{name}: the header's affine is singular, so positions are unknown; convert it again")
    return affine


def _check_numbers(name: str, header: Any) -> None:
    """Make sure that a voxel holds one real number, and that how it is scaled is known."""
    kind = header.get_data_dtype()
    if kind.fields is not None or kind.kind == "c":
        what = "complex numbers" if kind.kind == "c" else "colours"
        raise DataFault(f"{name}: its voxels hold {what} instead of one number each; export magnitude images")
    try:
        slope, _ = header.get_slope_inter()
    except nb.spatialimages.HeaderDataError:
        slope = -1.0
    if slope is not None and slope < 0:
        raise DataFault(
            f"{name}: the header's scaling (slope, intercept) is not that of signals or maps; convert it again"
        )
    if not 0 <= float(header["vox_offset"]) < math.inf:
        raise DataFault(f"{name}: the header does not say where the data begin; convert it again")


#: The series that was read last, for the steps of a chain read the same one; by file, its time and its size.
_LAST_SERIES: dict[Any, Image] = {}


def load(path: str | Path, kind: DTypeLike = np.float32) -> Image:
    """Load an image as float32, or a field of bits as uint32, without trailing dimensions of one.

    A compressed file is read to its end, so that its checksum is verified. The values of a series cannot be changed.

    Raises
    ------
    DataFault
        If the file is missing, damaged or not NIfTI, or its geometry is not that of a head's scan.
    """
    about = Path(path).stat() if Path(path).is_file() else None
    key = about and (str(path), kind, about.st_mtime_ns, about.st_size)
    if key in _LAST_SERIES:
        return _LAST_SERIES[key]
    found = _read(path, kind)
    if found.data.ndim == 4:
        found.data.flags.writeable = False
        _LAST_SERIES.clear()
        _LAST_SERIES[key] = found
    return found


def _read(path: str | Path, kind: DTypeLike) -> Image:
    try:
        packed = _is_compressed(path)
        content = Path(path).read_bytes()
        if packed:
            content = gzip.decompress(content)
        _check_start(path, content)
        image = (nb.Nifti2Image if _is_second(content) else nb.Nifti1Image).from_bytes(content)
        stored = cast(Any, image.dataobj)
        if len(content) < stored.offset + stored.dtype.itemsize * math.prod(image.shape):
            raise EOFError
        bare = cast(NDArray[Any], stored.get_unscaled())
        data = _scaled(bare, stored.slope, stored.inter) if kind == np.float32 else bare.astype(kind)
    except DataFault:
        raise
    except Exception as error:  # a broken stream shows as EOFError, OSError, zlib.error or ValueError
        raise _unreadable(path, error) from error
    header = _checked(path, image.header) if data.size > 1 else Header(data.shape, None)
    return Image(data.reshape(header.shape), np.asarray(image.affine, dtype=float))


def _scaled(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[np.float32]:
    """Return what stored numbers stand for; nibabel takes three times as long, in double precision."""
    values = stored.astype(np.float32)
    if slope != 1:
        values *= np.float32(slope)
    if intercept != 0:
        values += np.float32(intercept)
    return values


def each_frame(path: str | Path) -> Iterator[Image]:
    """Yield the frames of a series one after another, float32: one that fills the memory need not fit into it.

    Raises
    ------
    DataFault
        As :func:`load` does.
    """
    try:
        with _opened(path) as stream:
            block = stream.read(_NIFTI2_BYTES)
            _check_start(path, block)
            header = nb.Nifti2Header(block) if _is_second(block) else nb.Nifti1Header(block[:_NIFTI1_BYTES])
            shape, kind = _checked(path, header).shape, header.get_data_dtype()
            affine, (slope, intercept) = _affine(Path(path).name, header), header.get_slope_inter()
            stream.seek(int(header["vox_offset"]))
            for _ in range(shape[3] if len(shape) == 4 else 1):
                content = stream.read(kind.itemsize * math.prod(shape[:3]))
                if len(content) < kind.itemsize * math.prod(shape[:3]):
                    raise EOFError
                data = np.frombuffer(content, kind).reshape(shape[:3], order="F")
                yield Image(_scaled(data, 1.0 if slope is None else slope, intercept or 0.0), affine)
            while stream.read(1 << 20):  # to the end, where a compressed file has its checksum
                pass
    except DataFault:
        raise
    except (EOFError, OSError, zlib.error, ValueError) as error:
        raise _unreadable(path, error) from error


def _opened(path: str | Path) -> IO[bytes]:
    """Open a file, compressed or not."""
    return cast(IO[bytes], gzip.open(path)) if _is_compressed(path) else Path(path).open("rb")


def _is_compressed(path: str | Path) -> bool:
    """Tell whether a file is compressed; what only stands for an image says so."""
    path = Path(path)
    start = begin(path)
    is_compressed, is_named_so = start[:2] == b"\x1f\x8b", path.name.endswith(".gz")
    if not start:
        raise DataFault(f"{path.name}: not a readable NIfTI image (it is empty); copy or convert it again")
    if is_compressed and not is_named_so:
        raise DataFault(f"{path.name}: not a readable NIfTI image by this name (it is compressed); name it .nii.gz")
    if not is_compressed and not _is_nifti(start):
        raise DataFault(f"{path.name}: not a readable NIfTI image (it is another kind of file); convert it again")
    if not is_compressed and is_named_so:
        raise DataFault(f"{path.name}: not a readable NIfTI image by this name (it is not compressed); name it .nii")
    return is_compressed


def _is_nifti(block: bytes) -> bool:
    return not {_NIFTI1_BYTES, _NIFTI2_BYTES}.isdisjoint(int.from_bytes(block[:4], order) for order in _ORDERS)


def _check_start(path: str | Path, block: bytes) -> None:
    """Make sure that what was compressed is an image."""
    name = Path(path).name
    if not block:
        raise DataFault(f"{name}: not a readable NIfTI image (it is empty); copy or convert it again")
    if block[:2] == b"\x1f\x8b":
        raise DataFault(f"{name}: not a readable NIfTI image (it is compressed twice); decompress it once")


def _is_second(block: bytes) -> bool:
    return _NIFTI2_BYTES in (int.from_bytes(block[:4], order) for order in _ORDERS)


def _unreadable(path: str | Path, error: Exception) -> DataFault:
    # the libraries' own words hold paths, line breaks and whatever the file holds
    what = {
        EOFError: "it is cut off",
        gzip.BadGzipFile: "its compressed data are damaged",
        zlib.error: "its compressed data are damaged",
    }
    why = next((words for kind, words in what.items() if isinstance(error, kind)), "its header or data are damaged")
    return DataFault(f"{Path(path).name}: not a readable NIfTI image ({why}); copy or convert it again")


def save(
    path: str | Path,
    data: NDArray[Any],
    affine: NDArray[np.float64],
    *,
    sidecar: dict[str, Any],
    frame_spacing_s: float | None = None,
) -> None:
    """Write a NIfTI image and its JSON sidecar.

    A mask is written as uint8, a field of bits (uint32) as it is, and a map as float32. A series (4-D) is
    written as scaled int16, a missing sample as 0, since a series holds signal and no signal is what 0 says.

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
    elif data.dtype == np.uint32:
        pass
    elif data.ndim == 4:
        # no intercept, so that 0 stays 0
        data = np.where(np.isfinite(data), data, 0).astype(np.float32, copy=False)
        slope = max(float(data.max()), -float(data.min()), 32767e-30) / 32767
        data = np.rint(np.divide(data, slope, out=data), out=data).astype(np.int16)
    else:
        data = data.astype(np.float32)
    # in the file's own order, for nibabel turns each volume voxel by voxel
    image = nb.Nifti1Image(np.asfortranarray(data), affine)
    image.header.set_slope_inter(slope, 0)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1, strip_shears=True)
    if data.ndim == 4 and frame_spacing_s is not None:
        image.header.set_zooms((*image.header.get_zooms()[:3], frame_spacing_s))
    # a series is mostly noise: to look for runs of one value alone takes a third of the time, and no more bytes
    packer = zlib.compressobj(1, wbits=_GZIP, strategy=zlib.Z_RLE if data.ndim == 4 else zlib.Z_DEFAULT_STRATEGY)
    Path(path).write_bytes(packer.compress(image.to_bytes()) + packer.flush())
    write_json(sidecar_path(path), sidecar)
