"""What the sidecar and the header of a scan say of its acquisition."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.sidecars import sidecar_path

#: Largest plausible values, in s; what lies above was written in milliseconds.
_LONGEST = {"RepetitionTime": 20.0, "EchoTime": 0.5}


def scan_settings(
    kind: str, path: Path, sidecar: Mapping[str, Any], acquisition: Mapping[str, float | None]
) -> dict[str, Any]:
    """Return what a step must know of a scan, or raise the DataFault that rules the scan out."""
    header = nifti.read_header(path)
    if kind == "dsc":
        if len(header.shape) != 4:
            raise DataFault(f"{path.name}: a DSC series has four dimensions, this image has shape {header.shape}")
        repetition = _seconds("RepetitionTime", "repetition_time_s", path, sidecar, acquisition)
        spacing = header.frame_spacing_s
        stated_once = acquisition.get("repetition_time_s") is not None
        # 0 and 1 s are what converters write when they do not know
        if spacing not in (None, 0.0, 1.0) and not stated_once and abs(spacing / repetition - 1) > 0.02:
            raise DataFault(
                f"{path.name}: its header says {spacing:g} s between frames, its sidecar's RepetitionTime "
                f"{repetition:g} s; mend one, or give acquisition.repetition_time_s in the config"
            )
        return {
            "repetition_time_s": repetition,
            "echo_time_s": _seconds("EchoTime", "echo_time_s", path, sidecar, acquisition),
        } | _slice_timing(path, sidecar, header.shape, repetition)
    if kind == "dwi":
        bvals = Path(str(path).removesuffix(".gz").removesuffix(".nii") + ".bval")
        if not bvals.is_file():
            raise DataFault(f"{bvals.name}: missing, so the b-values of {path.name} are unknown")
        bvecs = bvals.with_suffix(".bvec")
        directions = {"bvecs": str(bvecs)} if bvecs.is_file() else {}
        return {"bvals": str(bvals)} | directions | _phase_encoding(sidecar)
    if kind == "adc":
        units = {"units": sidecar["Units"]} if isinstance(sidecar.get("Units"), str) else {}
        return units | _phase_encoding(sidecar)
    return {}


def _phase_encoding(sidecar: Mapping[str, Any]) -> dict[str, str]:
    """Return the voxel axis of phase encoding, where the sidecar says; its sign may be unknown (PhaseEncodingAxis)."""
    stated = str(sidecar.get("PhaseEncodingDirection", sidecar.get("PhaseEncodingAxis"))).removesuffix("-")
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
        raise DataFault(f"{where}: {key} is missing; add it (in s), or give acquisition.{setting} in the config")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST[key]:
        raise DataFault(f"{where}: {key} is {value!r}, which is no plausible number of seconds")
    return float(value)


def _slice_timing(
    path: Path, sidecar: Mapping[str, Any], shape: tuple[int, ...], repetition_s: float
) -> dict[str, Any]:
    """Return the axis of the slices and the time of each in the order of its voxels, where the sidecar says."""
    times = sidecar.get("SliceTiming")
    if times is None:
        return {}
    where = sidecar_path(path).name
    direction = str(sidecar.get("SliceEncodingDirection", "k"))
    if direction.removesuffix("-") not in ("i", "j", "k"):
        raise DataFault(f"{where}: SliceEncodingDirection is {direction!r}; it should be i, j or k, with or without -")
    axis = "ijk".index(direction[0])
    numbers = isinstance(times, list) and all(isinstance(time, int | float) for time in times)
    if not numbers or len(times) != shape[axis] or not all(0 <= time < repetition_s for time in times):
        raise DataFault(
            f"{where}: SliceTiming should hold {shape[axis]} times, one a slice, from 0 to less than "
            f"{repetition_s:g} s; mend it, or leave it out"
        )
    return {"slice_axis": axis, "slice_times_s": times[::-1] if direction.endswith("-") else times}
