"""A patient's reflow by every definition and threshold in use, each map compared with its mirror once.

Published rates of impaired reflow run from 0 to 43 % of patients: what is compared, how far below its mirror, in which
lesion and by which rule decides. `tabulate_definitions` gives them side by side.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reperfuse.faults import DataFault
from reperfuse.serial.imr import (
    Definition,
    Scene,
    check_lesion,
    compare,
    delayed_tissue,
    doubts,
    parts_below,
    regional_medians,
    share_covered,
    share_of_lesion,
)
from reperfuse.serial.reflow import THRESHOLDS, Reflow
from reperfuse.volumes.image import Image, volume_ml


@dataclass(frozen=True)
class Preset:
    """What a definition compares, and where.

    Attributes
    ----------
    map : str
        ``rcbv`` or ``rcbf``, compared with its mirror; else a mask of delayed tissue, such as ``tmax4``.
    lesion_source : str
        The lesion it is judged in: ``followup``, ``core`` or ``deficit``.
    rule : str
        As of `reperfuse.serial.imr.Definition`.
    asymmetry_threshold : float
        The definition's own; of no meaning for delayed tissue.
    """

    map: str
    lesion_source: str
    rule: str
    asymmetry_threshold: float

    @property
    def is_compared(self) -> bool:
        """Whether the map is compared with its mirror."""
        return self.map in ("rcbv", "rcbf")

    @property
    def is_by_voxel(self) -> bool:
        """Whether each voxel is judged by its own asymmetry."""
        return self.is_compared and self.rule == "voxelwise"

    def thresholds(self) -> list[float]:
        """Return the thresholds at which the definition is read; NaN, once, where it has none."""
        return sorted({*THRESHOLDS, self.asymmetry_threshold}) if self.is_compared else [math.nan]


@dataclass(frozen=True)
class Reading:
    """Impaired reflow by one definition at one threshold.

    Attributes
    ----------
    preset : str
        Name of the definition.
    threshold : float
        Of the asymmetry; NaN for delayed tissue.
    imr_ml, imr_fraction, imr_null_ml : float
        Impaired volume (mL), its share of the lesion, and the volume that noise alone gives (mL); NaN where unknown.
    judged : bool
        Whether the images allow it.
    reason : str
        Why they do not; empty if they do.
    """

    preset: str
    threshold: float
    imr_ml: float
    imr_fraction: float
    imr_null_ml: float
    judged: bool
    reason: str


def unjudged(presets: Mapping[str, Preset], reason: str) -> list[Reading]:
    """Return the readings of a patient whose images allow none."""
    return [
        Reading(name, threshold, math.nan, math.nan, math.nan, False, reason)
        for name, one in presets.items()
        for threshold in one.thresholds()
    ]


class Comparisons:
    """Maps of a head after treatment against their mirrors in its lesions, each compared when it is first asked for.

    Parameters
    ----------
    maps : mapping of str to Image
        Relative CBV (``rcbv``), and what else there is: ``rcbf``, masks of delayed tissue.
    scenes : mapping of str to Scene
        What is known of the head, by the source of the lesion.
    definition : Definition
        What a comparison needs beside its threshold.
    missing : mapping of str to str
        Why a map or a lesion is not there.
    """

    def __init__(
        self,
        maps: Mapping[str, Image],
        scenes: Mapping[str, Scene],
        definition: Definition,
        missing: Mapping[str, str],
    ) -> None:
        self._maps, self._scenes, self._definition, self._missing = maps, scenes, definition, missing
        self._compared: dict[tuple[str, str, float], Reflow] = {}
        self._medians: dict[tuple[str, str, float], dict[str, float]] = {}

    def remember(self, one: Preset, shown: Reflow, judged: Reflow, medians: dict[str, float]) -> None:
        """Keep what was compared elsewhere."""
        threshold = one.asymmetry_threshold
        self._compared[_key("rcbv", one.lesion_source, threshold)] = shown
        if one.is_compared:
            key = _key(one.map, one.lesion_source, threshold)
            self._compared[key], self._medians[key] = judged, medians

    def readings(self, name: str, one: Preset) -> list[Reading]:
        """Return the readings of a definition."""
        try:
            for needed in (one.map, one.lesion_source):
                if needed in self._missing:
                    raise DataFault(self._missing[needed])
            check_lesion(self._scenes[one.lesion_source])
        except DataFault as fault:
            return unjudged({name: one}, str(fault))
        scene, affine = self._scenes[one.lesion_source], self._maps["rcbv"].affine
        shown = self._compare("rcbv", one)
        judged = self._compare(one.map, one) if one.is_compared else shown
        said = doubts(share_covered(shown, scene), scene, affine, self._definition)
        found = []
        for threshold in one.thresholds():
            impaired_ml = self._impaired_ml(one, threshold)
            null_ml = judged.null_sweep_ml[threshold] if one.is_compared else math.nan
            share = share_of_lesion(impaired_ml, judged, scene.region, affine, by_voxel=one.is_by_voxel)
            found.append(Reading(name, threshold, impaired_ml, share, null_ml, not said, "; ".join(said)))
        return found

    def _impaired_ml(self, one: Preset, threshold: float) -> float:
        scene = self._scenes[one.lesion_source]
        if not one.is_compared:
            delayed = self._maps[one.map]
            mask = delayed_tissue(delayed.mask, scene, self._definition, delayed.voxel_size_mm)
        elif one.is_by_voxel:
            return self._compare(one.map, one).sweep_ml[threshold]
        else:
            mask = parts_below(threshold, one.rule, scene, self._regional_medians(one))
        return volume_ml(mask, self._maps["rcbv"].affine)

    def _compare(self, name: str, one: Preset) -> Reflow:
        key = _key(name, one.lesion_source, one.asymmetry_threshold)
        if key not in self._compared:
            definition = replace(self._definition, asymmetry_threshold=one.asymmetry_threshold)
            self._compared[key] = compare(self._maps[name], self._scenes[one.lesion_source], definition)
        return self._compared[key]

    def _regional_medians(self, one: Preset) -> dict[str, float]:
        key = _key(one.map, one.lesion_source, one.asymmetry_threshold)
        if key not in self._medians:
            scene, judged = self._scenes[one.lesion_source], self._compare(one.map, one)
            self._medians[key] = regional_medians(self._maps[one.map], scene, judged)
        return self._medians[key]


def _key(name: str, lesion_source: str, threshold: float) -> tuple[str, str, float]:
    """Return what a comparison is kept by: a threshold in use is read from that of any other one."""
    return name, lesion_source, 0.0 if threshold in THRESHOLDS else threshold
