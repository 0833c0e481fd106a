"""Impaired microvascular reperfusion (IMR): where it is, how much of it noise would give, and what is doubtful.

A voxel of the lesion is impaired where, after treatment, asymmetry = (rCBV − mirror)/mirror < −threshold (0.15 in
Valls Carbó et al. 2025, doi:10.3389/fneur.2025.1478240). Other definitions judge the lesion, or its early and late
part, by the median of the asymmetry, compare rCBF in place of rCBV, or count tissue with late Tmax
(config/reflow.yaml names them and their sources).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from reperfuse.faults import DataFault
from reperfuse.head.mirror import Mirror, half, reflect, reflect_mask
from reperfuse.serial.reflow import Reflow, find_impaired_reflow, regional_asymmetry
from reperfuse.volumes.arrays import Mask
from reperfuse.volumes.image import Image, volume_ml
from reperfuse.volumes.morphology import remove_small


@dataclass(frozen=True)
class Definition:
    """What counts as impaired, and what must be known of a lesion to be judged.

    Attributes
    ----------
    rule : str
        ``voxelwise``; ``regional``: the whole lesion, by its median; ``subregions``: its early and late part too.
    asymmetry_threshold : float
        Impaired below (1 − this) of the mirror.
    noise_limit : float
        Smoothing grows until the robust SD of normal tissue's asymmetry is below this.
    min_volume_ml : float
        Smallest component that counts, mL.
    vessel_ratio : float, optional
        Vessels, left out, have more rCBV than this times normal tissue's median.
    min_covered_share : float
        Least share of the lesion that can be compared with its mirror image.
    min_one_sided_share : float
        Least share of the lesion on one side of the mirror plane.
    """

    rule: str
    asymmetry_threshold: float
    noise_limit: float
    min_volume_ml: float
    vessel_ratio: float | None
    min_covered_share: float
    min_one_sided_share: float


@dataclass(frozen=True)
class Impairment:
    """Microvascular reperfusion of a lesion.

    Attributes
    ----------
    shown : Reflow
        rCBV against its mirror.
    judged : Reflow
        The same of the map that is judged: rCBV, or rCBF where that is compared.
    imr : (x, y, z) bool array
        Impaired voxels of the lesion.
    imr_ml, imr_fraction : float
        Their volume, and its share of the lesion: by voxel, of what was compared of it, else of it whole.
    medians : dict of str to float
        Median asymmetry of the lesion (``""``) and, where it is known which came first, of its early part
        (``"_early"``) and of what it grew by (``"_growth"``).
    covered : float
        Share of the whole lesion, outside the field of view too, that could be compared with its mirror image.
    doubts : list of str
        Why the lesion does not allow to judge reflow.
    """

    shown: Reflow
    judged: Reflow
    imr: Mask
    imr_ml: float
    imr_fraction: float
    medians: dict[str, float]
    covered: float
    doubts: list[str]


@dataclass(frozen=True)
class Scene:
    """What is known of a head after treatment, all (x, y, z) in its perfusion space.

    Attributes
    ----------
    lesion, brain, deficit : bool array
        The lesion in which reflow is judged, the brain, and tissue with Tmax above 6 s.
    plane : Mirror
        The head's mirror plane.
    lesion_ml : float
        Volume of the whole lesion, outside the field of view too, mL.
    share_in_view : float
        Share of it that lies in the field of view.
    early : bool array, optional
        The diffusion lesion after treatment.
    fluid : bool array, optional
        Of whose vessels a map says nothing; around the brain too, for the mirror image of its rim.
    """

    lesion: Mask
    brain: Mask
    deficit: Mask
    plane: Mirror
    lesion_ml: float
    share_in_view: float
    early: Mask | None = None
    fluid: Mask | None = None
    #: What has been worked out already, for the head stays the same while its maps change.
    _known: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def region(self) -> Mask:
        """The part of the lesion that lies in the brain."""
        return self.lesion & self.brain

    def parts(self) -> dict[str, Mask]:
        """Return the lesion and, where it is known what of it came first, its early and its late part."""
        if self.early is None:
            return {"": self.region}
        return {"": self.region, "_early": self.region & self.early, "_growth": self.region & ~self.early}

    def _once(self, name: str, found: Callable[[], Mask]) -> Mask:
        if name not in self._known:
            self._known[name] = found()
        return cast(Mask, self._known[name])

    def normal(self, affine: np.ndarray) -> Mask:
        """Return brain that is normal, and whose mirror image is: outside lesion and deficit."""
        abnormal = self.deficit | self.region

        def find() -> Mask:
            on_both_sides = self.brain & reflect_mask(self.brain, affine, self.plane)
            return on_both_sides & ~abnormal & ~reflect_mask(abnormal, affine, self.plane)

        return self._once("normal", find)

    def homologue(self, compared: Image) -> np.ndarray:
        """Return the mirror image of a map; NaN where either side is fluid."""
        last, mirrored = self._known.get("homologue", (None, None))
        if last is not compared:
            mirrored = reflect(compared.data, compared.affine, self.plane)
            if (fluid := self.fluid) is not None:
                affine = compared.affine
                mirrored[self._once("fluid", lambda: fluid | reflect_mask(fluid, affine, self.plane))] = np.nan
            self._known["homologue"] = compared, mirrored
        return cast(np.ndarray, mirrored)


def find_impairment(
    rcbv: Image, scene: Scene, definition: Definition, *, rcbf: Image | None = None, delayed: Mask | None = None
) -> Impairment:
    """Find impaired microvascular reperfusion.

    Parameters
    ----------
    rcbv : Image
        Relative CBV after treatment.
    scene : Scene
    definition : Definition
    rcbf : Image, optional
        Relative CBF, compared with its mirror in place of rCBV.
    delayed : (x, y, z) bool array, optional
        Tissue with late Tmax, impaired in place of what lies below its mirror.

    Returns
    -------
    Impairment

    Raises
    ------
    DataFault
        If there is no lesion, or nothing of it lies in the field of view.
    """
    check_lesion(scene)
    shown = judged = compare(rcbv, scene, definition)
    compared = rcbv
    if rcbf is not None:
        compared, judged = rcbf, compare(rcbf, scene, definition)
    medians = regional_medians(compared, scene, judged)
    by_voxel = delayed is None and definition.rule == "voxelwise"
    if by_voxel:
        imr = judged.imr
    elif delayed is not None:
        imr = delayed_tissue(delayed, scene, definition, rcbv.voxel_size_mm)
    else:
        imr = parts_below(definition.asymmetry_threshold, definition.rule, scene, medians)
    impaired_ml = volume_ml(imr, rcbv.affine)
    covered = share_covered(shown, scene)
    return Impairment(
        shown,
        judged,
        imr,
        impaired_ml,
        share_of_lesion(impaired_ml, judged, scene.region, rcbv.affine, by_voxel=by_voxel),
        medians,
        covered,
        doubts(covered, scene, rcbv.affine, definition),
    )


def check_lesion(scene: Scene) -> None:
    """Raise a `DataFault` if there is no lesion, or nothing of it lies in the field of view."""
    if scene.lesion_ml == 0:
        raise DataFault("there is no lesion")
    if not scene.lesion.any():
        raise DataFault(f"the lesion ({scene.lesion_ml:.1f} mL) lies outside the perfusion slab: 0 % of it is covered")


def compare(compared: Image, scene: Scene, definition: Definition) -> Reflow:
    """Compare a map with its mirror in the lesion of a scene."""
    return find_impaired_reflow(
        compared.data,
        scene.homologue(compared),
        scene.region,
        scene.normal(compared.affine),
        compared.voxel_size_mm,
        asymmetry_threshold=definition.asymmetry_threshold,
        noise_limit=definition.noise_limit,
        min_volume_ml=definition.min_volume_ml,
        vessel_ratio=definition.vessel_ratio,
    )


def regional_medians(compared: Image, scene: Scene, judged: Reflow) -> dict[str, float]:
    """Return the median asymmetry of the lesion and of its parts, smoothed as the map was."""
    homologue, fwhm = scene.homologue(compared), judged.smoothing_fwhm_mm
    return {
        name: regional_asymmetry(compared.data, homologue, part, compared.voxel_size_mm, fwhm)
        for name, part in scene.parts().items()
    }


def delayed_tissue(
    delayed: Mask, scene: Scene, definition: Definition, voxel_size_mm: tuple[float, float, float]
) -> Mask:
    """Return the delayed tissue of the lesion, without pieces that are noise."""
    return remove_small(delayed & scene.region, definition.min_volume_ml, np.array(voxel_size_mm))


def parts_below(threshold: float, rule: str, scene: Scene, medians: Mapping[str, float]) -> Mask:
    """Return the whole parts of the lesion whose median is impaired."""
    parts = scene.parts()
    counted = [""] if rule == "regional" else list(parts)
    low = [parts[name] for name in counted if medians[name] < -threshold]
    return np.logical_or.reduce([*low, np.zeros_like(scene.region)])


def share_covered(shown: Reflow, scene: Scene) -> float:
    """Return the share of the whole lesion, outside the field of view too, that could be compared with its mirror."""
    return shown.covered * scene.share_in_view * float(scene.region.sum() / scene.lesion.sum())


def share_of_lesion(impaired_ml: float, judged: Reflow, whole: Mask, affine: np.ndarray, *, by_voxel: bool) -> float:
    """Return an impaired volume as a share of the lesion: by voxel, of what was compared of it, else of it whole."""
    of_ml = judged.lesion_ml if by_voxel else volume_ml(whole, affine)
    return impaired_ml / of_ml if of_ml else math.nan


def doubts(covered: float, scene: Scene, affine: np.ndarray, definition: Definition) -> list[str]:
    """Say why the lesion, or its mirror image, does not allow to judge reflow, if it does not."""
    found = [scene.plane.doubt] if scene.plane.doubt else []
    if covered < definition.min_covered_share:
        least = f"at least {100 * definition.min_covered_share:.0f} % needed"
        found.append(f"only {100 * covered:.0f} % of the lesion can be compared with its mirror image ({least})")
    share = float((scene.lesion & half(scene.lesion.shape, affine, scene.plane)).sum() / scene.lesion.sum())
    if max(share, 1 - share) < definition.min_one_sided_share:
        across, most = 100 * min(share, 1 - share), 100 * (1 - definition.min_one_sided_share)
        found.append(f"the lesion crosses the midline ({across:.0f} % on the other side, at most {most:.0f} % allowed)")
    return found
