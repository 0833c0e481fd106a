"""What the sidecar and the header of a scan say of its acquisition."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeGuard

from reperfuse.diffusion.units import spelled
from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.originals import begin, read_text
from reperfuse.files.sidecars import sidecar_path
from reperfuse.perfusion.timing import ECHO_TIME_S, FRAME_SPACING_S
from reperfuse.study.layout import File, Inherited

#: A head is wider than this, mm.
_LEAST_EXTENT_MM = 90.0
#: Frames without which no first passage is known.
_FEWEST_FRAMES = 20
#: FLAIR is weighted by T2, so its echo is late, s: 0.08 or more.
_SHORTEST_FLAIR_S = 0.05
#: Highest b-value that is taken for none, and the lowest that weights by diffusion, s/mm².
_HIGHEST_B0, _LOWEST_B = 100.0, 300.0
#: The strongest weighting that a scanner of people gives, s/mm².
_HIGHEST_B = 40_000.0
#: What is read of a sidecar.
_READ = (
    *("RepetitionTime", "EchoTime", "VolumeTiming", "AcquisitionDuration", "SliceTiming", "SliceEncodingDirection"),
    *("PhaseEncodingDirection", "PhaseEncodingAxis", "Units"),
)
#: Largest plausible values, in s; what lies above was written in milliseconds.
_LONGEST = {"RepetitionTime": 20.0, "EchoTime": ECHO_TIME_S[1]}


@dataclass(frozen=True)
class Acquired:
    """What a step must know of a scan, and how many volumes it holds."""

    settings: dict[str, Any]
    volumes: int


def read_scan(kind: str, file: File, tables: Inherited, acquisition: Mapping[str, float | None]) -> Acquired:
    """Read what a step must know of a scan from its header and its sidecars.

    Raises
    ------
    DataFault
        If that cannot be known, or the scan cannot be used.
    """
    path, header = file.path, nifti.read_header(file.path)
    volumes = header.shape[3] if len(header.shape) > 3 else 1
    extent = max(header.extent_mm)
    if extent < _LEAST_EXTENT_MM:
        raise DataFault(
            f"{path.name}: the image is only {extent:.0f} mm wide, too small for a head; correct the header's geometry"
        )
    sidecar: dict[str, Any] = {}
    for table in tables.of(file, ".json"):
        sidecar |= _read_json(table)
    settings: dict[str, Any] = {} if header.is_oriented else {"is_oriented": False}
    if kind == "dsc":
        settings |= _series(path, sidecar, header, acquisition)
    elif kind == "dwi":
        settings |= _gradients(file, tables, volumes) | _phase_encoding(sidecar)
    elif len(header.shape) != 3:
        raise DataFault(f"{path.name}: it needs three dimensions, and has shape {header.shape}; save it as one volume")
    elif kind == "flair":
        _check_flair(path, sidecar)
    elif kind == "adc":
        settings |= {"units": spelled(sidecar["Units"])} if isinstance(sidecar.get("Units"), str) else {}
        settings |= _phase_encoding(sidecar)
    return Acquired(settings, volumes)


def _check_flair(path: Path, sidecar: Mapping[str, Any]) -> None:
    """Make sure that an image called FLAIR was not taken at the echo time of another."""
    echo_s = sidecar.get("EchoTime")
    if _is_number(echo_s) and 0 < echo_s < _SHORTEST_FLAIR_S:
        raise DataFault(
            f"{path.name}: EchoTime is {1000 * echo_s:g} ms, as in a T1 or T2* image, and FLAIR has 80 ms or more; "
            "name the scan by its kind"
        )


def _read_json(path: Path) -> dict[str, Any]:
    text = read_text(path)
    try:
        content = json.loads(text, object_pairs_hook=_Pairs, parse_int=_whole)
    except (ValueError, RecursionError):
        raise DataFault(f"{path.name}: not readable as JSON; write it again, or remove it") from None
    if not isinstance(content, _Pairs):
        raise DataFault(f"{path.name}: the sidecar is not a JSON object; write it again, or remove it")
    for key in _READ:
        if key in content.contradicted:
            raise DataFault(f"{path.name}: it holds {key} more than once, with different values; keep the correct one")
    return content


class _Pairs(dict[str, Any]):
    """An object of JSON, and the keys that it gives different values."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.contradicted = {key for key, value in pairs if value != self[key]} if len(self) < len(pairs) else set()


def _whole(digits: str) -> float:
    # a whole number of hundreds of digits is no number to compute with
    return int(digits) if len(digits) < 16 else float(digits)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _series(
    path: Path, sidecar: Mapping[str, Any], header: nifti.Header, acquisition: Mapping[str, float | None]
) -> dict[str, Any]:
    """Return the timing of a DSC series."""
    if len(header.shape) != 4:
        raise DataFault(
            f"{path.name}: a DSC series has four dimensions, and this image has shape {header.shape}; convert the "
            "series again"
        )
    frames, stated_once = header.shape[3], acquisition.get("repetition_time_s") is not None
    if frames < _FEWEST_FRAMES:
        raise DataFault(
            f"{path.name}: {frames} frames do not show the first passage, at least {_FEWEST_FRAMES} needed; export the "
            "whole series"
        )
    repetition = _frame_spacing(path, sidecar, frames, acquisition)
    spacing = header.frame_spacing_s
    # 0 and 1 s are what converters write when they do not know
    if spacing not in (None, 0.0, 1.0) and not stated_once and abs(spacing / repetition - 1) > 0.02:
        raise DataFault(
            f"{path.name}: its header says {spacing:g} s between frames, and its sidecar {repetition:g} s; "
            "correct one of them, or set acquisition.repetition_time_s in the config"
        )
    whole = sidecar.get("AcquisitionDuration")
    if _is_number(whole) and whole > 0 and not stated_once and not 0.8 < whole / (frames * repetition) < 1.25:
        raise DataFault(
            f"{path.name}: {frames} frames of {repetition:g} s take {frames * repetition:g} s, and its sidecar's "
            f"AcquisitionDuration says {whole:g} s; check that RepetitionTime is not that of one shot, correct one of "
            "them, or set acquisition.repetition_time_s in the config"
        )
    least, most = FRAME_SPACING_S
    if not least <= repetition <= most:
        raise DataFault(
            f"{path.name}: {repetition:g} s between frames is not plausible for a first passage "
            f"({least:g} to {most:g} s); check that it is not the time of one shot, and not in ms"
        )
    return {
        "repetition_time_s": repetition,
        "echo_time_s": _seconds("EchoTime", "echo_time_s", path, sidecar, acquisition),
    } | _slice_timing(path, sidecar, header.shape, repetition)


def _frame_spacing(
    path: Path, sidecar: Mapping[str, Any], frames: int, acquisition: Mapping[str, float | None]
) -> float:
    """Return the time between frames: the repetition time, or that of an even VolumeTiming, s."""
    times = sidecar.get("VolumeTiming")
    if "RepetitionTime" in sidecar or times is None or acquisition.get("repetition_time_s") is not None:
        return _seconds("RepetitionTime", "repetition_time_s", path, sidecar, acquisition)
    where = sidecar_path(path).name
    if not isinstance(times, list) or len(times) != frames or not all(map(_is_number, times)):
        raise DataFault(f"{where}: VolumeTiming should hold {frames} times, one for each frame; correct it")
    steps = [later - earlier for earlier, later in pairwise(times)]
    if not all(math.isfinite(step) for step in steps) or min(steps) <= 0 or max(steps) > 1.02 * min(steps):
        raise DataFault(
            f"{where}: VolumeTiming is not even, and only evenly spaced frames can be deconvolved; correct it"
        )
    return float(sum(steps) / len(steps))


def _gradients(file: File, tables: Inherited, volumes: int) -> dict[str, Any]:
    """Return the files of a diffusion series' b-values and directions, which BIDS lets lie above it."""
    bvals, bvecs = tables.of(file, ".bval"), tables.of(file, ".bvec")
    name = file.path.name
    if not bvals:
        missing = name.removesuffix(".gz").removesuffix(".nii") + ".bval"
        raise DataFault(f"{missing}: the file is missing, so the b-values of {name} are unknown; add it")
    begin(bvals[-1])
    try:
        values = [float(word) for word in bvals[-1].read_text(encoding="utf-8-sig").split()]
        if not all(0 <= value < math.inf for value in values):
            raise ValueError
    except (OSError, ValueError):
        raise DataFault(
            f"{bvals[-1].name}: not a row of numbers of 0 or more, so the b-values of {name} are unknown; write it "
            "again"
        ) from None
    if len(values) != volumes:
        raise DataFault(
            f"{bvals[-1].name}: {len(values)} b-values for the {volumes} volumes of {name}; give one for each volume"
        )
    if min(values) > _HIGHEST_B0 or max(values) < _LOWEST_B:
        raise DataFault(
            f"{name}: an ADC needs volumes without and with diffusion weighting, and it has b = {_range(values)}; use "
            "a series with both, or the scanner's ADC map"
        )
    if max(values) > _HIGHEST_B:
        raise DataFault(f"{bvals[-1].name}: a b-value of {max(values):g} is not plausible; check that it is in s/mm²")
    return {"bvals": str(bvals[-1])} | ({"bvecs": str(bvecs[-1])} if bvecs and _can_be_read(bvecs[-1]) else {})


def _can_be_read(path: Path) -> bool:
    """Tell whether there is a file to be read: directions can be done without, whatever is wrong with them."""
    try:
        begin(path)
    except DataFault:
        return False
    return True


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:g} s/mm²" if low == high else f"{low:g} to {high:g} s/mm²"


def _phase_encoding(sidecar: Mapping[str, Any]) -> dict[str, str]:
    """Return the voxel axis of phase encoding, where the sidecar says; its sign may be unknown (PhaseEncodingAxis)."""
    said = sidecar.get("PhaseEncodingDirection", sidecar.get("PhaseEncodingAxis"))
    stated = said.removesuffix("-") if isinstance(said, str) else ""
    return {"phase_encoding_axis": stated} if stated in ("i", "j", "k") else {}


def _seconds(
    key: str,
    setting: str,
    path: Path,
    sidecar: Mapping[str, Any],
    acquisition: Mapping[str, float | None],
) -> float:
    value = acquisition.get(setting)
    value = sidecar.get(key) if value is None else value
    where = sidecar_path(path).name
    if value is None:
        raise DataFault(f"{where}: {key} is missing; add it (in s), or set acquisition.{setting} in the config")
    if not _is_number(value) or not 0 < value <= _LONGEST[key]:
        # not the value itself: text of a sidecar may name a patient
        said = f"{key} is {value:g}, which is" if _is_number(value) else f"{key} is"
        raise DataFault(f"{where}: {said} not a plausible number of seconds; correct it")
    return float(value)


def _slice_timing(
    path: Path, sidecar: Mapping[str, Any], shape: tuple[int, ...], repetition_s: float
) -> dict[str, Any]:
    """Return the axis of the slices and the time of each in the order of its voxels, where the sidecar says."""
    times = sidecar.get("SliceTiming")
    if times is None:
        return {}
    where = sidecar_path(path).name
    direction = sidecar.get("SliceEncodingDirection", "k")
    if not isinstance(direction, str) or direction.removesuffix("-") not in ("i", "j", "k"):
        # not the value itself: text of a sidecar may name a patient
        raise DataFault(f"{where}: SliceEncodingDirection should be i, j or k, with or without -; correct it")
    axis = "ijk".index(direction[0])
    numbers = isinstance(times, list) and all(map(_is_number, times))
    if not numbers or len(times) != shape[axis] or not all(0 <= time < repetition_s for time in times):
        raise DataFault(
            f"{where}: SliceTiming should hold {shape[axis]} times, one for each slice, from 0 to less than "
            f"{repetition_s:g} s; correct it, or leave it out"
        )
    return {"slice_axis": axis, "slice_times_s": times[::-1] if direction.endswith("-") else times}
