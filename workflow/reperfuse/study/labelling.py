"""What the sidecar and the context of an arterial spin labelling scan say of how its blood was labelled.

BIDS gives every volume a type (``aslcontext.tsv``) and asks for the keys that are read here. A key that is missing is
never guessed: which of them is needed depends on the labelling, and the message names them all.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.sidecars import sidecar_path

#: What a volume may be. The scanner's own CBF and images without excitation are told, and left out.
VOLUME_TYPES = ("control", "label", "m0scan", "deltam", "cbf", "noRF")
#: Volumes that hold labelled blood, or should hold none of it where a label does.
_LABELLED = ("control", "label", "deltam")
#: Keys that BIDS requires of every labelled scan.
_ALWAYS = (
    *("MagneticFieldStrength", "MRAcquisitionType", "EchoTime", "RepetitionTimePreparation"),
    *("ArterialSpinLabelingType", "PostLabelingDelay", "BackgroundSuppression", "M0Type", "TotalAcquiredPairs"),
)
#: Largest plausible times, s; what lies above was written in milliseconds.
_LONGEST_S = {
    "PostLabelingDelay": 10.0,
    "LabelingDuration": 10.0,
    "RepetitionTimePreparation": 30.0,
    "BolusCutOffDelayTime": 3.0,
    "SliceTiming": 5.0,
}
#: Words that the sidecar may hold.
_WORDS = {
    "ArterialSpinLabelingType": ("PCASL", "CASL", "PASL"),
    "MRAcquisitionType": ("2D", "3D"),
    "M0Type": ("Separate", "Included", "Estimate", "Absent"),
    "BolusCutOffTechnique": ("QUIPSS", "QUIPSSII", "Q2TIPS"),
}
#: Field strengths whose relaxation times are held, T, and how far a magnet's own may lie from the name it goes by.
FIELD_STRENGTHS_T = (1.5, 3.0)
_FIELD_TOLERANCE_T = 0.2
#: Share of the inversion that is left at the neck (Alsop et al. 2015, doi:10.1002/mrm.25197; CASL: Wang et al. 2005,
#: doi:10.1148/radiol.2351031663), and what a pulse of background suppression leaves of it (Garcia et al. 2005,
#: doi:10.1002/mrm.20556).
_EFFICIENCY = {"PCASL": 0.85, "CASL": 0.68, "PASL": 0.98}
_EFFICIENCY_OF_A_PULSE = 0.95


def asl_settings(path: Path, sidecar: Mapping[str, Any], rows: Sequence[str], header: nifti.Header) -> dict[str, Any]:
    """Return what a step must know of a labelled scan, for JSON.

    Parameters
    ----------
    path : Path
        The image.
    sidecar : mapping
        Content of its JSON.
    rows : sequence of str
        Types of the volumes, as ``aslcontext.tsv`` lists them.
    header : Header
        Of the image.

    Returns
    -------
    dict
        ``labeling`` (PCASL, CASL or PASL), ``volume_types``, and a number a volume of ``delays_s`` (from the end of
        labelling, or from the pulse of PASL, to the readout of the first slice), ``durations_s`` (of the labelled
        bolus) and ``repetition_times_s``; ``efficiency``, ``field_strength_t``, ``background_suppression``, ``m0``
        (included, separate, estimate or control), with an estimate ``m0_estimate``; in two dimensions ``slice_axis``
        and ``slice_times_s``, from the first slice; ``notes``, sentences on what was assumed.

    Raises
    ------
    DataFault
        If a key is missing or makes no sense, or if the volumes do not make pairs.
    """
    _check_keys(path, sidecar)
    types = _volume_types(path, rows, header)
    labeling = str(sidecar["ArterialSpinLabelingType"])
    pulses = _suppression_pulses(path, sidecar)
    settings: dict[str, Any] = {
        "labeling": labeling,
        "volume_types": types,
        "delays_s": _times("PostLabelingDelay", path, sidecar, types),
        "durations_s": _durations(path, sidecar, types),
        "repetition_times_s": _times("RepetitionTimePreparation", path, sidecar, types),
        "efficiency": _efficiency(path, sidecar, labeling, pulses or 0),
        "field_strength_t": _field_strength(path, sidecar),
        "background_suppression": bool(sidecar["BackgroundSuppression"]),
        "notes": [],
    }
    _check_pairs(path, settings)
    if pulses is None and "LabelingEfficiency" not in sidecar:
        settings["notes"].append(
            f"{sidecar_path(path).name}: BackgroundSuppressionNumberPulses is missing, so that CBF may read too low by "
            "5 % a pulse"
        )
    settings |= _m0(path, sidecar, types, settings)
    if sidecar["MRAcquisitionType"] == "2D":
        settings |= _slice_timing(path, sidecar, header.shape)
    return settings


def m0_settings(path: Path, sidecar: Mapping[str, Any], header: nifti.Header) -> dict[str, Any]:
    """Return what a step must know of a separate M0 scan: its repetition time, s.

    Raises
    ------
    DataFault
        If it is not in the sidecar.
    """
    where = sidecar_path(path).name
    if sidecar.get("RepetitionTimePreparation") is None:
        raise DataFault(f"{where}: RepetitionTimePreparation is missing; add it (in s)")
    volumes = header.shape[3] if len(header.shape) > 3 else 1
    return {"repetition_times_s": _times("RepetitionTimePreparation", path, sidecar, ["m0scan"] * volumes)}


def _check_keys(path: Path, sidecar: Mapping[str, Any]) -> None:
    """Make sure that the required keys are there, that words are known words and numbers are numbers."""
    where = sidecar_path(path).name
    needed = list(_ALWAYS)
    if sidecar.get("ArterialSpinLabelingType") in ("PCASL", "CASL"):
        needed.append("LabelingDuration")
    if sidecar.get("ArterialSpinLabelingType") == "PASL":
        needed.append("BolusCutOffFlag")
        needed += ["BolusCutOffDelayTime", "BolusCutOffTechnique"] if sidecar.get("BolusCutOffFlag") is True else []
    if sidecar.get("MRAcquisitionType") == "2D":
        needed.append("SliceTiming")
    if sidecar.get("M0Type") == "Estimate":
        needed.append("M0Estimate")
    missing = [key for key in needed if sidecar.get(key) is None]
    if missing:
        listed = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
        raise DataFault(f"{where}: {listed} {'is' if len(missing) == 1 else 'are'} missing; add what BIDS requires")
    for key, words in _WORDS.items():
        if sidecar.get(key) is not None and sidecar[key] not in words:
            raise DataFault(f"{where}: {key} should be one of {', '.join(words)}; correct it")
    for key in ("BackgroundSuppression", "BolusCutOffFlag", "LookLocker"):
        if sidecar.get(key) is not None and not isinstance(sidecar[key], bool):
            raise DataFault(f"{where}: {key} should be true or false; correct it")
    if sidecar.get("LookLocker"):
        raise DataFault(
            f"{path.name}: a Look-Locker readout weakens the label at each delay, which no equation here describes; "
            "use a scan with one readout after each labelling"
        )


def _volume_types(path: Path, rows: Sequence[str], header: nifti.Header) -> list[str]:
    """Return the type of each volume."""
    where, volumes = _context_name(path), header.shape[3] if len(header.shape) > 3 else 1
    if len(rows) != volumes:
        raise DataFault(
            f"{where}: {len(rows)} rows for the {volumes} volumes of {path.name}; give one row for each volume"
        )
    for number, row in enumerate(rows, 1):
        if row not in VOLUME_TYPES:
            raise DataFault(f"{where}: row {number} is none of {', '.join(VOLUME_TYPES)}; correct it")
    if not any(row in _LABELLED for row in rows):
        whose = "only the scanner's own CBF, of unknown constants" if "cbf" in rows else "no labelled volume"
        raise DataFault(f"{where}: {path.name} holds {whose}; use a series of control and label volumes, or of deltam")
    if "deltam" in rows and ("control" in rows or "label" in rows):
        raise DataFault(f"{where}: deltam stands beside control and label; keep one of the two")
    return list(rows)


def _context_name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii").removesuffix("_asl") + "_aslcontext.tsv"


def _check_pairs(path: Path, settings: Mapping[str, Any]) -> None:
    """Make sure that at each delay there are as many controls as labels."""
    counts: dict[tuple[float, float], Counter[str]] = {}
    for kind, delay, duration in zip(
        settings["volume_types"], settings["delays_s"], settings["durations_s"], strict=True
    ):
        if kind in ("control", "label"):
            counts.setdefault((delay, duration), Counter())[kind] += 1
    for (delay, _), count in counts.items():
        if count["control"] != count["label"]:
            raise DataFault(
                f"{_context_name(path)}: {count['control']} control and {count['label']} label volumes at a "
                f"PostLabelingDelay of {delay:g} s do not make pairs; correct the rows, or remove the volume without "
                "a partner"
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _times(key: str, path: Path, sidecar: Mapping[str, Any], types: Sequence[str]) -> list[float]:
    """Return a time of each volume; it may be 0 where no blood is labelled, except between excitations."""
    where, stated, longest = sidecar_path(path).name, sidecar[key], _LONGEST_S[key]
    values = list(stated) if isinstance(stated, list | tuple) else [stated] * len(types)
    if len(values) != len(types):
        raise DataFault(
            f"{where}: {key} holds {len(values)} values for the {len(types)} volumes; give one, or one for each volume"
        )
    for value, kind in zip(values, types, strict=True):
        may_be_none = kind not in _LABELLED and key != "RepetitionTimePreparation"
        if not _is_number(value) or not (0 < value <= longest or (may_be_none and value == 0)):
            # not the value itself where it is text, which may name a patient
            said = f"{key} is {value:g}, which is" if _is_number(value) else f"{key} is"
            raise DataFault(f"{where}: {said} not a plausible number of seconds; check that it is not in ms")
    return [float(value) for value in values]


def _durations(path: Path, sidecar: Mapping[str, Any], types: Sequence[str]) -> list[float]:
    """Return how long the labelled bolus of each volume is, s."""
    if sidecar["ArterialSpinLabelingType"] != "PASL":
        return _times("LabelingDuration", path, sidecar, types)
    where = sidecar_path(path).name
    if not sidecar["BolusCutOffFlag"] or sidecar["BolusCutOffTechnique"] == "QUIPSS":
        raise DataFault(
            f"{where}: the labelled bolus is not cut off by QUIPSSII or Q2TIPS (BolusCutOffFlag, "
            "BolusCutOffTechnique), so its duration and CBF are unknown; use a scan whose bolus is cut off"
        )
    stated = sidecar["BolusCutOffDelayTime"]
    # of Q2TIPS the first and the last of the pulses: the bolus ends with the first
    first = stated[0] if isinstance(stated, list) and stated else stated
    return _times("BolusCutOffDelayTime", path, {"BolusCutOffDelayTime": first}, types)


def _suppression_pulses(path: Path, sidecar: Mapping[str, Any]) -> int | None:
    """Return the number of inversions that suppress the background; None if it is not stated."""
    if not sidecar["BackgroundSuppression"]:
        return 0
    count, times = sidecar.get("BackgroundSuppressionNumberPulses"), sidecar.get("BackgroundSuppressionPulseTime")
    if count is None:
        return len(times) if isinstance(times, list) else None
    if not _is_number(count) or not 0 <= count <= 10 or count != int(count):
        raise DataFault(
            f"{sidecar_path(path).name}: BackgroundSuppressionNumberPulses should be a whole number from 0 to 10; "
            "correct it"
        )
    return int(count)


def _efficiency(path: Path, sidecar: Mapping[str, Any], labeling: str, pulses: int) -> float:
    """Return the labelling efficiency: as measured, or as published and weakened by background suppression."""
    stated = sidecar.get("LabelingEfficiency")
    if stated is None:
        return float(_EFFICIENCY[labeling] * _EFFICIENCY_OF_A_PULSE**pulses)
    if not _is_number(stated) or not 0 < stated <= 1:
        raise DataFault(f"{sidecar_path(path).name}: LabelingEfficiency should lie between 0 and 1; correct it")
    return float(stated)


def _field_strength(path: Path, sidecar: Mapping[str, Any]) -> float:
    stated = sidecar["MagneticFieldStrength"]
    near = [one for one in FIELD_STRENGTHS_T if _is_number(stated) and abs(stated - one) <= _FIELD_TOLERANCE_T]
    if not near:
        raise DataFault(
            f"{sidecar_path(path).name}: MagneticFieldStrength should be 1.5 or 3 T, whose relaxation times of blood "
            "and tissue are used; correct it, or use another scan"
        )
    return near[0]


def _m0(path: Path, sidecar: Mapping[str, Any], types: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the signal of fully relaxed tissue comes from."""
    where, kind = sidecar_path(path).name, sidecar["M0Type"]
    if kind == "Included" and "m0scan" not in types:
        raise DataFault(f"{_context_name(path)}: M0Type is Included, and no row is m0scan; correct one of them")
    if kind == "Estimate":
        estimate = sidecar["M0Estimate"]
        if not _is_number(estimate) or estimate <= 0:
            raise DataFault(f"{where}: M0Estimate should be a number above 0; correct it")
        return {"m0": "estimate", "m0_estimate": float(estimate)}
    if kind != "Absent":
        return {"m0": str(kind).lower()}
    if "control" not in types:
        raise DataFault(f"{where}: M0Type is Absent, and there is no control volume to take its place; add an M0 scan")
    if settings["background_suppression"]:
        raise DataFault(
            f"{where}: M0Type is Absent, and BackgroundSuppression has darkened the control volumes that could take "
            "its place; add an M0 scan"
        )
    notes = [*settings["notes"], f"{where}: M0Type is Absent, so the mean control volume takes its place"]
    return {"m0": "control", "notes": notes}


def _slice_timing(path: Path, sidecar: Mapping[str, Any], shape: Sequence[int]) -> dict[str, Any]:
    """Return the axis of the slices and when each is read after the first, in the order of its voxels."""
    where, times = sidecar_path(path).name, sidecar["SliceTiming"]
    direction = sidecar.get("SliceEncodingDirection", "k")
    if not isinstance(direction, str) or direction.removesuffix("-") not in ("i", "j", "k"):
        raise DataFault(f"{where}: SliceEncodingDirection should be i, j or k, with or without -; correct it")
    axis = "ijk".index(direction[0])
    longest = _LONGEST_S["SliceTiming"]
    numbers = isinstance(times, list) and all(map(_is_number, times))
    if not numbers or len(times) != shape[axis] or not all(0 <= time < longest for time in times):
        raise DataFault(
            f"{where}: SliceTiming should hold {shape[axis]} times in s, one for each slice; correct it (check that "
            "they are not in ms)"
        )
    after = [float(time) - min(times) for time in times]
    return {"slice_axis": axis, "slice_times_s": after[::-1] if direction.endswith("-") else after}
