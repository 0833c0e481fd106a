"""When the frames and the slices of a series that follows a bolus were acquired."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeGuard

from reperfuse.faults import DataFault
from reperfuse.files.nifti import Header
from reperfuse.files.sidecars import sidecar_path
from reperfuse.perfusion.timing import ECHO_TIME_S, FRAME_SPACING_S

#: What a message calls each kind of series, and the frames without which it does not show a first passage. CT scanners
#: that cover the whole head at once take fewer than 20.
_CALLED, _FEWEST_FRAMES = {"dsc": "DSC", "ctp": "CT perfusion"}, {"dsc": 20, "ctp": 15}
#: Largest plausible values, in s; what lies above was written in milliseconds.
_LONGEST = {"RepetitionTime": 20.0, "EchoTime": ECHO_TIME_S[1]}
#: Longest gap between two frames of CT, s, and how uneven frames may be to count as even.
_LONGEST_GAP_S, _EVEN = 20.0, 1.02


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value of a sidecar is a number: true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def bolus_settings(
    kind: str, path: Path, sidecar: Mapping[str, Any], header: Header, acquisition: Mapping[str, float | None]
) -> dict[str, Any]:
    """Return the timing of a DSC or CT perfusion series, as the steps are told it.

    Parameters
    ----------
    kind : {"dsc", "ctp"}
    path : Path
        The image.
    sidecar : mapping
    header : Header
    acquisition : mapping
        ``repetition_time_s`` and ``echo_time_s`` given once for the whole study, or None.

    Returns
    -------
    dict
        ``repetition_time_s``, of CT the spacing that its frames are brought to; ``echo_time_s`` of DSC;
        ``frame_times_s`` of CT whose frames are not even; ``slice_axis`` and ``slice_times_s`` where they are known.

    Raises
    ------
    DataFault
        If the timing is missing, contradicts itself, or is that of no first passage.
    """
    if len(header.shape) != 4:
        raise DataFault(
            f"{path.name}: a {_CALLED[kind]} series has four dimensions, and this image has shape {header.shape}; "
            "convert the series again"
        )
    frames, stated_once = header.shape[3], acquisition.get("repetition_time_s") is not None
    if frames < _FEWEST_FRAMES[kind]:
        raise DataFault(
            f"{path.name}: {frames} frames do not show the first passage, at least {_FEWEST_FRAMES[kind]} needed; "
            "export the whole series"
        )
    if kind == "ctp" and (uneven := _uneven_times(path, sidecar, frames, acquisition)):
        return {
            "repetition_time_s": _finest(uneven),
            "frame_times_s": uneven,
        } | _slice_timing(path, sidecar, header.shape, _finest(uneven))
    repetition = _frame_spacing(path, sidecar, frames, acquisition)
    spacing = header.frame_spacing_s
    # 0 and 1 s are what converters write when they do not know
    if spacing not in (None, 0.0, 1.0) and not stated_once and abs(spacing / repetition - 1) > 0.02:
        raise DataFault(
            f"{path.name}: its header says {spacing:g} s between frames, and its sidecar {repetition:g} s; "
            "correct one of them, or set acquisition.repetition_time_s in the config"
        )
    whole = sidecar.get("AcquisitionDuration")
    if is_number(whole) and whole > 0 and not stated_once and not 0.8 < whole / (frames * repetition) < 1.25:
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
    echo = {"echo_time_s": _seconds("EchoTime", "echo_time_s", path, sidecar, acquisition)} if kind == "dsc" else {}
    return {"repetition_time_s": repetition} | echo | _slice_timing(path, sidecar, header.shape, repetition)


def _frame_spacing(
    path: Path, sidecar: Mapping[str, Any], frames: int, acquisition: Mapping[str, float | None]
) -> float:
    """Return the time between frames: the repetition time, or that of even times of the frames, s."""
    key = _key_of_times(sidecar)
    if "RepetitionTime" in sidecar or not key or acquisition.get("repetition_time_s") is not None:
        return _seconds("RepetitionTime", "repetition_time_s", path, sidecar, acquisition)
    times = _times(key, path, sidecar, frames)
    if not _are_even(times):
        raise DataFault(
            f"{sidecar_path(path).name}: {key} is not even, and only evenly spaced frames can be deconvolved; correct "
            "it"
        )
    return (times[-1] - times[0]) / (frames - 1)


def _uneven_times(
    path: Path, sidecar: Mapping[str, Any], frames: int, acquisition: Mapping[str, float | None]
) -> list[float]:
    """Return when each frame was acquired, from the first on, s; empty where the frames are even."""
    key = _key_of_times(sidecar)
    if not key or acquisition.get("repetition_time_s") is not None:
        return []
    times = _times(key, path, sidecar, frames)
    if _are_even(times):
        return []
    if max(_steps(times)) > _LONGEST_GAP_S or _finest(times) > FRAME_SPACING_S[1]:
        raise DataFault(
            f"{sidecar_path(path).name}: {max(_steps(times)):g} s between two frames do not show a first passage; "
            f"check {key}, and that it is in s"
        )
    return [time - times[0] for time in times]


def _key_of_times(sidecar: Mapping[str, Any]) -> str:
    """Return the key that holds the time of each frame, empty if there is none."""
    return next((key for key in ("VolumeTiming", "FrameTimesStart") if sidecar.get(key) is not None), "")


def _times(key: str, path: Path, sidecar: Mapping[str, Any], frames: int) -> list[float]:
    """Return the time of each frame, s."""
    times, where = sidecar[key], sidecar_path(path).name
    if not isinstance(times, list) or len(times) != frames or not all(map(is_number, times)):
        raise DataFault(f"{where}: {key} should hold {frames} times, one for each frame; correct it")
    if not all(math.isfinite(step) and step > 0 for step in _steps(times)):
        raise DataFault(f"{where}: {key} should increase from frame to frame; correct it")
    return [float(time) for time in times]


def _are_even(times: Sequence[float]) -> bool:
    return max(_steps(times)) <= _EVEN * min(_steps(times))


def _steps(times: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def _finest(times: Sequence[float]) -> float:
    """Return the shortest time between frames, not below what a first passage needs, s."""
    return max(min(_steps(times)), FRAME_SPACING_S[0])


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
    if not is_number(value) or not 0 < value <= _LONGEST[key]:
        # not the value itself: text of a sidecar may name a patient
        said = f"{key} is {value:g}, which is" if is_number(value) else f"{key} is"
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
    numbers = isinstance(times, list) and all(map(is_number, times))
    if not numbers or len(times) != shape[axis] or not all(0 <= time < repetition_s for time in times):
        raise DataFault(
            f"{where}: SliceTiming should hold {shape[axis]} times, one for each slice, from 0 to less than "
            f"{repetition_s:g} s; correct it, or leave it out"
        )
    return {"slice_axis": axis, "slice_times_s": times[::-1] if direction.endswith("-") else times}
