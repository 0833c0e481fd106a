"""Steps of the serial stage: the follow-up lesion, growth, reperfusion and reflow."""

import math
from functools import reduce
from typing import Any

import numpy as np
from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, traits

from reperfuse import images, mirror, segmentation, serial, swelling, transforms
from reperfuse.faults import DataFault
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined, takes
from reperfuse.interfaces.head import load_mirror


def _load_chain(paths: list[str]) -> transforms.Transform:
    """Put transforms one after another, the first applied first."""
    return reduce(transforms.Transform.then, map(transforms.read_itk, paths))


@takes("hypoperfusion", "csf_adc")
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
    does_without = ("mirror",)

    def _compute(self) -> None:
        reference, brain = images.load(self.inputs.reference), images.load(self.inputs.brain)
        if isdefined(self.inputs.expert):
            transform: transforms.Transform | None = None
            if isdefined(self.inputs.expert_transform):
                transform = transforms.read_itk(self.inputs.expert_transform)
                # diffusion was registered to perfusion, so its transform starts at the expert's grid
                transform = transform.inverse() if self.inputs.expert_datatype == "perf" else transform
            lesion = transforms.resample_mask(images.load(self.inputs.expert), reference, transform)
            self.save_image("lesion", lesion, reference, LesionSource="expert")
            return
        self._refuse_faults("mirror")
        adc = images.load(self.inputs.adc).data if isdefined(self.inputs.adc) else None
        lesion = segmentation.followup_lesion(
            reference.data,
            brain.mask,
            reference.voxel_size_mm,
            mirrored=mirror.reflect(reference.data, reference.affine, load_mirror(self.inputs.mirror)),
            adc=adc,
            csf_adc=self.inputs.csf_adc,
            rim_mm=4.0 if adc is None else 0.0,  # without diffusion the reference is FLAIR
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
        reference, lesion = images.load(self.inputs.reference), images.load(self.inputs.lesion)
        chain = _load_chain(self.inputs.transforms)
        projected = transforms.resample_mask(lesion, reference, chain)
        self.save_image(
            "lesion",
            projected,
            reference,
            Interpolation="linear, above one half",
            LesionMl=images.volume_ml(lesion.mask, lesion.affine),
            ShareInFieldOfView=transforms.share_within(lesion, reference, chain),
        )


class MeasureSwellingInputSpec(StepInputSpec):
    """Inputs of `MeasureSwelling`."""

    fixed = File(exists=True, mandatory=True, desc="baseline image (a.u.)")
    fixed_brain = File(exists=True, mandatory=True, desc="its brain mask")
    moving = File(exists=True, mandatory=True, desc="follow-up image (a.u.)")
    lesion = File(exists=True, mandatory=True, desc="follow-up lesion")
    transform = File(exists=True, mandatory=True, desc="baseline to follow-up points (ITK)")


class MeasureSwellingOutputSpec(TraitedSpec):
    """Outputs of `MeasureSwelling`."""

    displacement = image("how far tissue has moved by the follow-up, along x, y and z (RAS+)", "mm")


class MeasureSwelling(Step):
    """Measure how far the follow-up lesion has pushed the tissue around it."""

    input_spec = MeasureSwellingInputSpec
    output_spec = MeasureSwellingOutputSpec

    def _compute(self) -> None:
        fixed, brain, moving, lesion = (
            images.load(getattr(self.inputs, name)) for name in ("fixed", "fixed_brain", "moving", "lesion")
        )
        matrix = transforms.read_itk(self.inputs.transform).matrix
        assert matrix is not None  # sessions are registered rigidly
        displacement = np.zeros((*fixed.data.shape, 3), np.float32)
        if lesion.mask.any():
            displacement = swelling.measure_swelling(
                fixed.data,
                fixed.affine,
                moving.data,
                moving.affine,
                matrix,
                brain.mask,
                transforms.resample_mask(lesion, moving),
            ).on_grid(fixed.data.shape, fixed.affine)
        ratio = swelling.volume_ratio(displacement, fixed.affine)[brain.mask]
        if ratio.min() <= 0:
            raise DataFault("swelling: the displacement between baseline and follow-up folds tissue")
        self.save_image(
            "displacement",
            displacement,
            fixed,
            LargestMm=float(np.linalg.norm(displacement, axis=-1)[brain.mask].max()),
            VolumeRatio=[float(ratio.min()), float(ratio.max())],
        )


class QuantifyGrowthInputSpec(StepInputSpec):
    """Inputs of `QuantifyGrowth`."""

    core = File(exists=True, mandatory=True, desc="baseline core, baseline diffusion grid")
    lesion = File(exists=True, mandatory=True, desc="follow-up lesion")
    transform = File(exists=True, mandatory=True, desc="baseline diffusion to follow-up points (ITK)")
    displacement = File(exists=True, desc="of baseline points before that transform: swelling (mm)")
    penumbra = File(exists=True, desc="baseline penumbra, baseline perfusion space")
    tmax6 = File(exists=True, desc="baseline tissue with Tmax above 6 s, baseline perfusion space")
    tmax4 = File(exists=True, desc="the same above 4 s")
    penumbra_transform = File(exists=True, desc="baseline perfusion to baseline diffusion points (ITK)")


class QuantifyGrowthOutputSpec(TraitedSpec):
    """Outputs of `QuantifyGrowth`."""

    growth = document("growth and reversal of the lesion (mL) and salvage of the penumbra (1)")
    change = image("baseline core and follow-up lesion: 1 in both, 2 grown, 3 reversed")


class QuantifyGrowth(Step):
    """Compare the baseline core and penumbra with the follow-up lesion, voxel by voxel."""

    input_spec = QuantifyGrowthInputSpec
    output_spec = QuantifyGrowthOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        undone = isdefined(self.inputs.displacement)
        self._refuse_faults("core", "lesion", "transform", *(["displacement"] if undone else []))
        core, lesion = images.load(self.inputs.core), images.load(self.inputs.lesion)
        to_lesion = transforms.read_itk(self.inputs.transform)
        if undone:
            moved = images.load(self.inputs.displacement)
            to_lesion = transforms.Transform((transforms.Displacement(moved.data, moved.affine),)).then(to_lesion)
        voxel_ml = math.prod(core.voxel_size_mm) / 1000
        later = transforms.resample_mask(lesion, core, to_lesion)
        found = serial.voxelwise_growth(core.mask, later, voxel_ml)
        self.save_image("change", serial.lesion_change(core.mask, later), core)
        salvage = math.nan
        if penumbra := self._good("penumbra"):
            tissue = images.load(penumbra)
            chain = transforms.read_itk(self.inputs.penumbra_transform).then(to_lesion)
            salvage = serial.salvage_fraction(tissue.mask, transforms.resample_mask(lesion, tissue, chain))
        self.save_document(
            "growth",
            {
                "infarct_unswollen_ml": images.volume_ml(later, core.affine) if undone else math.nan,
                "growth_voxelwise_ml": found.growth_ml,
                "reversal_ml": found.reversal_ml,
                "salvage_fraction": salvage,
            }
            | self._destinations(core, later & ~core.mask, voxel_ml),
        )

    def _destinations(self, core: images.Image, grown: np.ndarray, voxel_ml: float) -> dict[str, float]:
        """Return what the grown part was at baseline, where perfusion was measured then."""
        if not all(self._good(name) for name in ("tmax6", "tmax4", "penumbra_transform")):
            return {}
        back = transforms.read_itk(self.inputs.penumbra_transform).inverse()
        tmax6, tmax4 = images.load(self.inputs.tmax6), images.load(self.inputs.tmax4)
        seen = transforms.resample_mask(images.Image(np.ones_like(tmax6.data), tmax6.affine), core, back)
        late, very_late = (transforms.resample_mask(mask, core, back) for mask in (tmax4, tmax6))
        into = serial.growth_into(grown, very_late, late, seen, voxel_ml)
        return {f"growth_{name}": value for name, value in vars(into).items()}


class CompareDeficitsInputSpec(StepInputSpec):
    """Inputs of `CompareDeficits`; masks in the perfusion space after treatment."""

    before = File(exists=True, mandatory=True, desc="baseline tissue with Tmax above 6 s")
    tmax = File(exists=True, mandatory=True, desc="baseline Tmax (s), in its own space")
    transform = File(exists=True, mandatory=True, desc="points after treatment to baseline points (ITK)")
    after = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s after treatment")
    brain = File(exists=True, mandatory=True, desc="brain mask after treatment")


class CompareDeficitsOutputSpec(TraitedSpec):
    """Outputs of `CompareDeficits`."""

    change = image("deficit before and after treatment: 1 recovered, 2 persistent, 3 new")
    earlier_tmax = image("Tmax at baseline", "s")


class CompareDeficits(Step):
    """Tell where the deficit has recovered, where it persists, and where it is new."""

    input_spec = CompareDeficitsInputSpec
    output_spec = CompareDeficitsOutputSpec

    def _compute(self) -> None:
        before, after, brain = (images.load(getattr(self.inputs, name)) for name in ("before", "after", "brain"))
        change = serial.deficit_change(before.mask, after.mask, brain.mask)
        names = {"recovered": serial.RECOVERED, "persistent": serial.PERSISTENT, "new": serial.NEW}
        volumes = {
            f"deficit_{name}_ml": images.volume_ml(change == label, after.affine) for name, label in names.items()
        }
        self.save_image("change", change, after, **volumes)
        transform = transforms.read_itk(self.inputs.transform)
        self.save_image("earlier_tmax", transforms.resample(images.load(self.inputs.tmax), after, transform), after)


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
        rcbv, brain, lesion = (images.load(getattr(self.inputs, name)) for name in ("rcbv", "brain", "lesion"))
        known = images.read_sidecar(self.inputs.lesion)
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
            compared = images.load(self.inputs.rcbf)
            homologue = self._homologue(compared, plane)
            judged = self._find(compared, homologue, region, brain, plane)
        medians = {
            name: serial.regional_asymmetry(
                compared.data, homologue, part, compared.voxel_size_mm, judged.smoothing_fwhm_mm
            )
            for name, part in self._parts(region).items()
        }
        imr = self._impaired(judged, region, medians, rcbv)
        covered = found.covered * float(known["ShareInFieldOfView"]) * float(region.sum() / lesion.mask.sum())
        impaired_ml = images.volume_ml(imr, rcbv.affine)
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

    def _homologue(self, compared: images.Image, plane: mirror.Mirror) -> np.ndarray:
        """Reflect a map; NaN where either side is fluid, of whose vessels it says nothing."""
        homologue = mirror.reflect(compared.data, compared.affine, plane)
        if self.inputs.csf_adc is not None and (path := self._good("adc")):
            fluid = images.load(path).data > self.inputs.csf_adc  # around the brain too: the mirror of its rim
            homologue[fluid | mirror.reflect_mask(fluid, compared.affine, plane)] = np.nan
        return homologue

    def _find(
        self,
        compared: images.Image,
        homologue: np.ndarray,
        region: np.ndarray,
        brain: images.Image,
        plane: mirror.Mirror,
    ) -> serial.Reflow:
        abnormal = images.load(self.inputs.deficit).mask | region
        on_both_sides = brain.mask & mirror.reflect_mask(brain.mask, brain.affine, plane)
        return serial.find_impaired_reflow(
            compared.data,
            homologue,
            region,
            on_both_sides & ~abnormal & ~mirror.reflect_mask(abnormal, brain.affine, plane),
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
        early = images.load(path).mask
        return {"": region, "_early": region & early, "_growth": region & ~early}

    def _impaired(
        self, judged: serial.Reflow, region: np.ndarray, medians: dict[str, float], like: images.Image
    ) -> np.ndarray:
        if isdefined(self.inputs.delayed):
            late = images.load(self.inputs.delayed).mask & region
            return segmentation.remove_small(late, self.inputs.min_volume_ml, np.array(like.voxel_size_mm))
        if self.inputs.rule == "voxelwise":
            return judged.imr
        counted = [""] if self.inputs.rule == "regional" else list(medians)
        parts = self._parts(region)
        low = [parts[name] for name in counted if medians[name] < -self.inputs.asymmetry_threshold]
        return np.logical_or.reduce([*low, np.zeros_like(region)])

    def _doubts(self, covered: float, lesion: images.Image, plane: mirror.Mirror) -> list[str]:
        """Say why the lesion, or its mirror image, does not allow to judge reflow, if it does not."""
        found = [plane.doubt] if plane.doubt else []
        if covered < self.inputs.min_covered_share:
            found.append(f"only {100 * covered:.0f} % of the lesion can be compared with its mirror image")
        side = mirror.half(lesion.data.shape, lesion.affine, plane)
        share = float((lesion.mask & side).sum() / lesion.mask.sum())
        if max(share, 1 - share) < self.inputs.min_one_sided_share:
            found.append(f"the lesion crosses the midline ({100 * min(share, 1 - share):.0f} % on the other side)")
        return found


@takes("imr", "significant_ml")
class MeasurePatientInputSpec(StepInputSpec):
    """Inputs of `MeasurePatient`; every file is optional."""

    baseline = File(exists=True, desc="measures of the baseline session")
    post = File(exists=True, desc="measures of the session after treatment")
    lesion = File(exists=True, desc="follow-up lesion")
    growth = File(exists=True, desc="growth document")
    deficits = File(exists=True, desc="what became of the deficit, voxel by voxel")
    reflow = File(exists=True, desc="reflow document")
    participant = traits.Str(mandatory=True, desc="label")
    absences = traits.List(desc="[what, reason] of each comparison that cannot be made")
    exclusions = traits.List(desc="reasons why IMR cannot be judged in this patient")
    hours = traits.List(desc="[time from treatment to the scan after it (h), why it is not known]")
    hours_allowed = traits.List(desc="[first, last] time from treatment at which reflow can be judged (h)")


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
        for name in ("lesion", "growth", "deficits", "reflow"):
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
        if self._good("lesion"):
            lesion = images.load(self.inputs.lesion)
            row["infarct_followup_ml"] = images.volume_ml(lesion.mask, lesion.affine)
            row["lesion_source"] = images.read_sidecar(self.inputs.lesion)["LesionSource"]
        row["growth_ml"] = row["infarct_followup_ml"] - row["core_baseline_ml"]
        parts = ("growth_penumbra_ml", "growth_oligaemia_ml", "growth_beyond_ml", "growth_unseen_ml")
        for key in ("infarct_unswollen_ml", "growth_voxelwise_ml", "reversal_ml", *parts):
            row[key] = self._number("growth", key)
        hours = self._number("baseline", "hours_from_onset")
        row["initial_growth_ml_h"] = serial.initial_growth_rate(row["core_baseline_ml"], hours)
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
        } | {
            f"deficit_{name}_ml": self._number("deficits", f"deficit_{name}_ml")
            for name in ("recovered", "persistent", "new")
        }

    def _reflow(self, failures: list[list[str]]) -> dict[str, Any]:
        keys = ("imr_ml", "imr_fraction", "imr_null_ml", "imr_covered", "rcbv_asymmetry_median")
        parts = ("rcbv_asymmetry_median_early", "rcbv_asymmetry_median_growth")
        row: dict[str, Any] = {key: self._number("reflow", key) for key in (*keys, *parts)}
        known = not math.isnan(row["imr_ml"])
        hours, unknown = self.inputs.hours
        first, last = self.inputs.hours_allowed
        exclusions = [*self.inputs.exclusions, *self._read("reflow").get("NotEvaluable", [])]
        if hours is not None and not first <= hours <= last:
            exclusions.append(f"scanned {hours:.1f} h after treatment, not within {first:g} to {last:g} h")
        if not known:
            exclusions += [reason for what, reason in failures if what == "reflow"] or ["not computed"]
        # of a patient who cannot be judged it would count as a finding in every mean of the column
        row["imr_significant"] = row["imr_ml"] > self.inputs.significant_ml if known and not exclusions else None
        row["imr_evaluable"] = not exclusions
        row["imr_exclusion"] = "; ".join(dict.fromkeys(exclusions))
        row["hours_from_treatment"] = math.nan if hours is None else hours
        row["imr_note"] = f"time from treatment unknown ({unknown}), so it is not held against it" if unknown else ""
        return row
