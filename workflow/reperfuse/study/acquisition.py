"""What the sidecar and the header of a scan say of its acquisition."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reperfuse.diffusion.units import spelled
from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.originals import begin, read_text
from reperfuse.files.tables import read_rows
from reperfuse.study.labelling import asl_settings, m0_settings
from reperfuse.study.layout import File, Inherited
from reperfuse.study.series import bolus_settings, is_number

#: A head is wider than this, mm.
_LEAST_EXTENT_MM = 90.0
#: FLAIR is weighted by T2, so its echo is late, s: 0.08 or more.
_SHORTEST_FLAIR_S = 0.05
#: Highest b-value that is taken for none, and the lowest that weights by diffusion, s/mm².
_HIGHEST_B0, _LOWEST_B = 100.0, 300.0
#: The strongest weighting that a scanner of people gives, s/mm².
_HIGHEST_B = 40_000.0
#: What is read of a sidecar.
_READ = (
    *("RepetitionTime", "EchoTime", "VolumeTiming", "AcquisitionDuration", "SliceTiming", "SliceEncodingDirection"),
    *("PhaseEncodingDirection", "PhaseEncodingAxis", "Units", "FrameTimesStart", "PostLabelingDelay", "M0Type"),
    *("ArterialSpinLabelingType", "LabelingDuration", "RepetitionTimePreparation", "BolusCutOffDelayTime"),
)


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
    if kind in ("dsc", "ctp"):
        settings |= bolus_settings(kind, path, sidecar, header, acquisition)
    elif kind == "asl":
        settings |= asl_settings(path, sidecar, _volume_types(file, tables), header)
    elif kind == "m0scan":
        settings |= m0_settings(path, sidecar, header)
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
    if is_number(echo_s) and 0 < echo_s < _SHORTEST_FLAIR_S:
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


def _volume_types(file: File, tables: Inherited) -> list[str]:
    """Return what each volume of an ASL series is, as its table says; empty without one."""
    found = tables.of(file, "aslcontext.tsv")
    return [row.get("volume_type", "") for row in read_rows(found[-1])] if found else []


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
