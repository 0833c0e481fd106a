"""The step that compares the lesion's blood volume with its mirror's."""

import math

import numpy as np
from nipype.interfaces.base import File, TraitedSpec

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.sidecars import read_sidecar
from reperfuse.head.mirror import Mirror, half, reflect, reflect_mask
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined, takes
from reperfuse.serial.reflow import Reflow, find_impaired_reflow, regional_asymmetry
from reperfuse.volumes.image import Image, volume_ml
from reperfuse.volumes.morphology import remove_small


@takes("hypoperfusion", "csf_adc", "vessel_ratio")
@takes(
    "imr",
    *("asymmetry_threshold", "rule", "noise_limit", "min_volume_ml", "min_covered_share", "min_one_sided_share"),
)
class MapReflowInputSpec(StepInputSpec):
    """Inputs of `MapReflow`; all images in the perfusion space after treatment."""

    rcbv = File(exists=True, mandatory=True, desc="relative CBV after treatment (1)")
    rcbf = File(exists=True, desc="relative CBF (1), compared with its mirror in place of rCBV")
    delayed = File(exists=True, desc="tissue with late Tmax, impaired in place of what lies below its mirror")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    deficit = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s after treatment")
    lesion = File(exists=True, mandatory=True, desc="lesion in which reflow is judged")
    early = File(exists=True, desc="diffusion lesion after treatment: the early part of the lesion")
    adc = File(exists=True, desc="ADC after treatment (mm²/s)")
    mirror = File(exists=True, mandatory=True, desc="the head's mirror plane")


class MapReflowOutputSpec(TraitedSpec):
    """Outputs of `MapReflow`."""

    mirrored = image("relative CBV of the homologous point", "1")
    asymmetry = image("(rCBV - mirror)/mirror", "1")
    imr = image("lesion voxels with impaired microvascular reperfusion")
    measures = document("impaired microvascular reperfusion (mL)")


class MapReflow(Step):
    """Compare the lesion's rCBV after treatment with its mirror's."""

    input_spec = MapReflowInputSpec
    output_spec = MapReflowOutputSpec

    def _compute(self) -> None:
        rcbv, brain, lesion = (nifti.load(getattr(self.inputs, name)) for name in ("rcbv", "brain", "lesion"))
        known = read_sidecar(self.inputs.lesion)
        if not lesion.mask.any():
            full_ml = float(known["LesionMl"])
            raise DataFault(
                f"the lesion ({full_ml:.1f} mL) lies outside the perfusion slab: 0 % of it is covered"
                if full_ml
                else "there is no lesion"
            )
        plane = load_mirror(self.inputs.mirror)
        region = lesion.mask & brain.mask
        compared, homologue = rcbv, self._homologue(rcbv, plane)
        found = judged = self._find(compared, homologue, region, brain, plane)
        if isdefined(self.inputs.rcbf):
            compared = nifti.load(self.inputs.rcbf)
            homologue = self._homologue(compared, plane)
            judged = self._find(compared, homologue, region, brain, plane)
        medians = {
            name: regional_asymmetry(compared.data, homologue, part, compared.voxel_size_mm, judged.smoothing_fwhm_mm)
            for name, part in self._parts(region).items()
        }
        imr = self._impaired(judged, region, medians, rcbv)
        covered = found.covered * float(known["ShareInFieldOfView"]) * float(region.sum() / lesion.mask.sum())
        impaired_ml = volume_ml(imr, rcbv.affine)
        note = {"SmoothingFWHMMm": judged.smoothing_fwhm_mm, "NoiseSD": judged.noise_sd}
        self.save_image("mirrored", found.mirror, rcbv, **note)
        self.save_image("asymmetry", found.asymmetry, rcbv, **note)
        self.save_image("imr", imr, rcbv, **note)
        self.save_document(
            "measures",
            note
            | {
                "imr_ml": impaired_ml,
                "imr_fraction": impaired_ml / judged.lesion_ml if judged.lesion_ml else math.nan,
                "imr_null_ml": judged.null_ml,
                "imr_covered": covered,
                "asymmetry_sweep_ml": {f"{threshold:.2f}": ml for threshold, ml in judged.sweep_ml.items()},
                "NotEvaluable": self._doubts(covered, lesion, plane),
            }
            | {f"rcbv_asymmetry_median{name}": value for name, value in medians.items()},
        )

    def _homologue(self, compared: Image, plane: Mirror) -> np.ndarray:
        """Reflect a map; NaN where either side is fluid, of whose vessels it says nothing."""
        homologue = reflect(compared.data, compared.affine, plane)
        if self.inputs.csf_adc is not None and (path := self._good("adc")):
            fluid = nifti.load(path).data > self.inputs.csf_adc  # around the brain too: the mirror of its rim
            homologue[fluid | reflect_mask(fluid, compared.affine, plane)] = np.nan
        return homologue

    def _find(
        self,
        compared: Image,
        homologue: np.ndarray,
        region: np.ndarray,
        brain: Image,
        plane: Mirror,
    ) -> Reflow:
        abnormal = nifti.load(self.inputs.deficit).mask | region
        on_both_sides = brain.mask & reflect_mask(brain.mask, brain.affine, plane)
        return find_impaired_reflow(
            compared.data,
            homologue,
            region,
            on_both_sides & ~abnormal & ~reflect_mask(abnormal, brain.affine, plane),
            compared.voxel_size_mm,
            asymmetry_threshold=self.inputs.asymmetry_threshold,
            noise_limit=self.inputs.noise_limit,
            min_volume_ml=self.inputs.min_volume_ml,
            vessel_ratio=self.inputs.vessel_ratio,
        )

    def _parts(self, region: np.ndarray) -> dict[str, np.ndarray]:
        """Return the lesion and, where it is known what of it came first, its early and its late part."""
        path = self._good("early")
        if path is None:
            return {"": region}
        early = nifti.load(path).mask
        return {"": region, "_early": region & early, "_growth": region & ~early}

    def _impaired(self, judged: Reflow, region: np.ndarray, medians: dict[str, float], like: Image) -> np.ndarray:
        if isdefined(self.inputs.delayed):
            late = nifti.load(self.inputs.delayed).mask & region
            return remove_small(late, self.inputs.min_volume_ml, np.array(like.voxel_size_mm))
        if self.inputs.rule == "voxelwise":
            return judged.imr
        counted = [""] if self.inputs.rule == "regional" else list(medians)
        parts = self._parts(region)
        low = [parts[name] for name in counted if medians[name] < -self.inputs.asymmetry_threshold]
        return np.logical_or.reduce([*low, np.zeros_like(region)])

    def _doubts(self, covered: float, lesion: Image, plane: Mirror) -> list[str]:
        """Say why the lesion, or its mirror image, does not allow to judge reflow, if it does not."""
        found = [plane.doubt] if plane.doubt else []
        if covered < self.inputs.min_covered_share:
            found.append(f"only {100 * covered:.0f} % of the lesion can be compared with its mirror image")
        side = half(lesion.data.shape, lesion.affine, plane)
        share = float((lesion.mask & side).sum() / lesion.mask.sum())
        if max(share, 1 - share) < self.inputs.min_one_sided_share:
            found.append(f"the lesion crosses the midline ({100 * min(share, 1 - share):.0f} % on the other side)")
        return found
