"""Steps of the serial stage: the follow-up lesion, growth, reperfusion and reflow."""

import math
from functools import reduce
from typing import Any

import numpy as np
from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, traits

from reperfuse import images, mirror, registration, segmentation, serial
from reperfuse.faults import DataFault
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined
from reperfuse.interfaces.head import load_mirror


def _load_chain(paths: list[str]) -> np.ndarray:
    """Multiply transforms, the first applied first."""
    return reduce(lambda chain, path: registration.read_itk(path) @ chain, paths, np.eye(4))


class SegmentLesionInputSpec(StepInputSpec):
    """Inputs of `SegmentLesion`."""

    reference = File(exists=True, mandatory=True, desc="trace-weighted or FLAIR image (a.u.)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    mirror = File(exists=True, mandatory=True, desc="the head's mirror plane")
    adc = File(exists=True, desc="ADC (mm²/s)")
    expert = File(exists=True, desc="an expert's lesion mask")
    expert_transform = File(
        exists=True, desc="transform between reference and expert's grid (ITK); identity by default"
    )
    expert_datatype = traits.Str(desc="what the expert drew on: dwi, anat or perf")


class SegmentLesionOutputSpec(TraitedSpec):
    """Outputs of `SegmentLesion`."""

    lesion = image("follow-up lesion")


class SegmentLesion(Step):
    """Take the expert's follow-up lesion, or find it by its asymmetry where there is none."""

    input_spec = SegmentLesionInputSpec
    output_spec = SegmentLesionOutputSpec

    def _compute(self) -> None:
        reference, brain = images.load(self.inputs.reference), images.load(self.inputs.brain)
        if isdefined(self.inputs.expert):
            matrix = None
            if isdefined(self.inputs.expert_transform):
                matrix = registration.read_itk(self.inputs.expert_transform)
                # diffusion was registered to perfusion, so its transform starts at the expert's grid
                matrix = np.linalg.inv(matrix) if self.inputs.expert_datatype == "perf" else matrix
            lesion = registration.resample_mask(images.load(self.inputs.expert), reference, matrix)
            self.save_image("lesion", lesion, reference, LesionSource="expert")
            return
        adc = images.load(self.inputs.adc).data if isdefined(self.inputs.adc) else None
        lesion = segmentation.followup_lesion(
            reference.data,
            brain.mask,
            reference.voxel_size_mm,
            mirrored=mirror.reflect(reference.data, reference.affine, load_mirror(self.inputs.mirror)),
            adc=adc,
        )
        self.save_image("lesion", lesion, reference, LesionSource="automatic")


class ProjectLesionInputSpec(StepInputSpec):
    """Inputs of `ProjectLesion`."""

    lesion = File(exists=True, mandatory=True, desc="follow-up lesion")
    reference = File(exists=True, mandatory=True, desc="image whose grid is wanted")
    transforms = InputMultiObject(File(exists=True), mandatory=True, desc="from the reference to the lesion (ITK)")


class ProjectLesionOutputSpec(TraitedSpec):
    """Outputs of `ProjectLesion`."""

    lesion = image("follow-up lesion on the grid of another session")


class ProjectLesion(Step):
    """Bring the follow-up lesion to another session, in one interpolation."""

    input_spec = ProjectLesionInputSpec
    output_spec = ProjectLesionOutputSpec

    def _compute(self) -> None:
        reference = images.load(self.inputs.reference)
        matrix = _load_chain(self.inputs.transforms)
        lesion = registration.resample_mask(images.load(self.inputs.lesion), reference, matrix)
        self.save_image("lesion", lesion, reference, Interpolation="linear, above one half")


class QuantifyGrowthInputSpec(StepInputSpec):
    """Inputs of `QuantifyGrowth`."""

    core = File(exists=True, mandatory=True, desc="baseline core, baseline diffusion grid")
    lesion = File(exists=True, mandatory=True, desc="follow-up lesion")
    transform = File(exists=True, mandatory=True, desc="baseline diffusion to follow-up points (ITK)")
    penumbra = File(exists=True, desc="baseline penumbra, baseline perfusion space")
    penumbra_transform = File(exists=True, desc="baseline perfusion to baseline diffusion points (ITK)")


class QuantifyGrowthOutputSpec(TraitedSpec):
    """Outputs of `QuantifyGrowth`."""

    growth = document("growth and reversal of the lesion (mL) and salvage of the penumbra (1)")


class QuantifyGrowth(Step):
    """Compare the baseline core and penumbra with the follow-up lesion, voxel by voxel."""

    input_spec = QuantifyGrowthInputSpec
    output_spec = QuantifyGrowthOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        needed = (self.inputs.core, self.inputs.lesion, self.inputs.transform)
        reasons = [reason for path in needed for reason in images.reasons(path)]
        if reasons:
            raise DataFault("; ".join(dict.fromkeys(reasons)))
        core, lesion = images.load(self.inputs.core), images.load(self.inputs.lesion)
        matrix = registration.read_itk(self.inputs.transform)
        voxel_ml = math.prod(core.voxel_size_mm) / 1000
        found = serial.voxelwise_growth(core.mask, registration.resample_mask(lesion, core, matrix), voxel_ml)
        salvage = math.nan
        penumbra = self.inputs.penumbra
        if isdefined(penumbra) and not images.reasons(penumbra):
            tissue = images.load(penumbra)
            chain = _load_chain([self.inputs.penumbra_transform, self.inputs.transform])
            salvage = serial.salvage_fraction(tissue.mask, registration.resample_mask(lesion, tissue, chain))
        self.save_document(
            "growth",
            {
                "growth_voxelwise_ml": found.growth_ml,
                "reversal_ml": found.reversal_ml,
                "salvage_fraction": salvage,
            },
        )


class MapReflowInputSpec(StepInputSpec):
    """Inputs of `MapReflow`."""

    rcbv = File(exists=True, mandatory=True, desc="relative CBV after treatment (1)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    deficit = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s after treatment")
    lesion = File(exists=True, mandatory=True, desc="follow-up lesion in the same space")
    mirror = File(exists=True, mandatory=True, desc="the head's mirror plane")
    asymmetry_threshold = traits.Float(mandatory=True, desc="impaired below (1 - this) of the mirror (1)")
    noise_limit = traits.Float(mandatory=True, desc="largest robust SD of normal tissue's asymmetry (1)")
    min_volume_ml = traits.Float(mandatory=True, desc="smallest component that counts (mL)")


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
        rcbv, brain, deficit, lesion = (
            images.load(getattr(self.inputs, name)) for name in ("rcbv", "brain", "deficit", "lesion")
        )
        if not lesion.mask.any():
            raise DataFault("the follow-up lesion is empty, or lies outside the perfusion slab")
        plane = load_mirror(self.inputs.mirror)

        def mirrored(mask: np.ndarray) -> np.ndarray:
            return mirror.reflect(mask.astype(np.float32), brain.affine, plane) > 0.5

        abnormal = deficit.mask | lesion.mask
        found = serial.find_impaired_reflow(
            rcbv.data,
            mirror.reflect(rcbv.data, rcbv.affine, plane),
            lesion.mask & brain.mask,
            brain.mask & mirrored(brain.mask) & ~abnormal & ~mirrored(abnormal),
            rcbv.voxel_size_mm,
            asymmetry_threshold=self.inputs.asymmetry_threshold,
            noise_limit=self.inputs.noise_limit,
            min_volume_ml=self.inputs.min_volume_ml,
        )
        note = {"SmoothingFWHMMm": found.smoothing_fwhm_mm, "NoiseSD": found.noise_sd}
        self.save_image("mirrored", found.mirror, rcbv, **note)
        self.save_image("asymmetry", found.asymmetry, rcbv, **note)
        self.save_image("imr", found.imr, rcbv, **note)
        self.save_document(
            "measures",
            note
            | {
                "imr_ml": found.imr_ml,
                "imr_fraction": found.imr_ml / found.lesion_ml if found.lesion_ml else math.nan,
                "imr_null_ml": found.null_ml,
                "rcbv_asymmetry_median": found.asymmetry_median,
                "LesionCovered": found.covered,
            },
        )


class MeasurePatientInputSpec(StepInputSpec):
    """Inputs of `MeasurePatient`; every file is optional."""

    baseline = File(exists=True, desc="measures of the baseline session")
    post = File(exists=True, desc="measures of the session after treatment")
    lesion = File(exists=True, desc="follow-up lesion")
    growth = File(exists=True, desc="growth document")
    reflow = File(exists=True, desc="reflow document")
    participant = traits.Str(mandatory=True, desc="label")
    absences = traits.List(desc="[what, reason] of each comparison that cannot be made")
    exclusions = traits.List(desc="reasons why IMR cannot be judged in this patient")
    significant_ml = traits.Float(mandatory=True, desc="IMR above this volume is significant (mL)")


class MeasurePatientOutputSpec(TraitedSpec):
    """Outputs of `MeasurePatient`."""

    measures = document("the patient's row of the tables")


class MeasurePatient(Step):
    """Gather a patient's growth, reperfusion and reflow."""

    input_spec = MeasurePatientInputSpec
    output_spec = MeasurePatientOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        failures = [list(absence) for absence in self.inputs.absences]
        for name in ("lesion", "growth", "reflow"):
            path = getattr(self.inputs, name)
            if isdefined(path):
                failures += [[name, reason] for reason in images.reasons(path)]
        row = self._growth() | self._reperfusion() | self._reflow(failures)
        self.save_document(
            "measures",
            {"participant_id": f"sub-{self.inputs.participant}", "Row": row, "Failures": failures},
        )

    def _read(self, name: str) -> dict[str, Any]:
        path = getattr(self.inputs, name)
        content = images.read_sidecar(path) if isdefined(path) else {}
        return content.get("Row", content)

    def _number(self, name: str, key: str) -> float:
        value = self._read(name).get(key)
        return float(value) if value not in (None, "n/a") else math.nan

    def _growth(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "core_baseline_ml": self._number("baseline", "core_ml"),
            "infarct_followup_ml": math.nan,
            "lesion_source": None,
        }
        if isdefined(self.inputs.lesion) and not images.reasons(self.inputs.lesion):
            lesion = images.load(self.inputs.lesion)
            row["infarct_followup_ml"] = images.volume_ml(lesion.mask, lesion.affine)
            row["lesion_source"] = images.read_sidecar(self.inputs.lesion)["LesionSource"]
        row["growth_ml"] = row["infarct_followup_ml"] - row["core_baseline_ml"]
        for key in ("growth_voxelwise_ml", "reversal_ml"):
            row[key] = self._number("growth", key)
        row["penumbra_ml"] = self._number("baseline", "mismatch_coreg_ml")
        row["salvage_fraction"] = self._number("growth", "salvage_fraction")
        return row

    def _reperfusion(self) -> dict[str, Any]:
        before, after = self._number("baseline", "tmax6_ml"), self._number("post", "tmax6_ml")
        fraction = serial.reperfusion_fraction(before, after)
        known = not math.isnan(fraction)
        return {
            "tmax6_baseline_ml": before,
            "tmax6_post_ml": after,
            "reperfusion_fraction": fraction,
            "reperfused_50": fraction > 0.5 if known else None,
            "reperfused_90": fraction > 0.9 if known else None,
            "persistent_tmax6_ml": after,
        }

    def _reflow(self, failures: list[list[str]]) -> dict[str, Any]:
        keys = ("imr_ml", "imr_fraction", "imr_null_ml", "rcbv_asymmetry_median")
        row: dict[str, Any] = {key: self._number("reflow", key) for key in keys}
        known = not math.isnan(row["imr_ml"])
        exclusions = list(self.inputs.exclusions)
        if not known:
            exclusions += [reason for what, reason in failures if what == "reflow"] or ["not computed"]
        row["imr_significant"] = row["imr_ml"] > self.inputs.significant_ml if known else None
        row["imr_evaluable"] = not exclusions
        row["imr_exclusion"] = "; ".join(dict.fromkeys(exclusions))
        return row
