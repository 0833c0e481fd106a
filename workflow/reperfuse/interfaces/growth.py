"""Steps that compare the baseline core with the follow-up lesion."""

import math

import numpy as np
from nipype.interfaces.base import File, TraitedSpec

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.itk import read_itk
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined
from reperfuse.interfaces.chain import Chain, Link
from reperfuse.interfaces.registration import RegisterImages
from reperfuse.serial.growth import growth_into, lesion_change, salvage_fraction, voxelwise_growth
from reperfuse.serial.swelling import measure_swelling, volume_ratio
from reperfuse.volumes.image import Image, volume_ml
from reperfuse.volumes.transforms import Displacement, Transform, resample_mask


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
            nifti.load(getattr(self.inputs, name)) for name in ("fixed", "fixed_brain", "moving", "lesion")
        )
        matrix = read_itk(self.inputs.transform).matrix
        assert matrix is not None  # sessions are registered rigidly
        displacement = np.zeros((*fixed.data.shape, 3), np.float32)
        if lesion.mask.any():
            displacement = measure_swelling(
                fixed.data,
                fixed.affine,
                moving.data,
                moving.affine,
                matrix,
                brain.mask,
                resample_mask(lesion, moving),
            ).on_grid(fixed.data.shape, fixed.affine)
        ratio = volume_ratio(displacement, fixed.affine)[brain.mask]
        if ratio.min() <= 0:
            raise DataFault(
                "swelling: the displacement between baseline and follow-up folds tissue; turn off growth.undo_swelling"
            )
        self.save_image(
            "displacement",
            displacement,
            fixed,
            LargestMm=float(np.linalg.norm(displacement, axis=-1)[brain.mask].max()),
            VolumeRatio=[float(ratio.min()), float(ratio.max())],
        )


class AlignFollowup(Chain):
    """Register baseline diffusion to the follow-up scan, and measure how far the lesion has pushed tissue since."""

    links = (Link(RegisterImages), Link(MeasureSwelling))


class QuantifyGrowthInputSpec(StepInputSpec):
    """Inputs of `QuantifyGrowth`."""

    core = File(exists=True, mandatory=True, desc="baseline core, baseline diffusion (or CT perfusion) grid")
    lesion = File(exists=True, mandatory=True, desc="follow-up lesion")
    transform = File(exists=True, mandatory=True, desc="space of the core to follow-up points (ITK)")
    displacement = File(exists=True, desc="swelling, applied to baseline points before that transform (mm)")
    penumbra = File(exists=True, desc="baseline penumbra, baseline perfusion space")
    tmax6 = File(exists=True, desc="baseline tissue with Tmax above 6 s, baseline perfusion space")
    tmax4 = File(exists=True, desc="baseline tissue with Tmax above 4 s, baseline perfusion space")
    penumbra_transform = File(
        exists=True, desc="baseline perfusion to baseline diffusion points (ITK), if that holds the core"
    )


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
        core, lesion = nifti.load(self.inputs.core), nifti.load(self.inputs.lesion)
        to_lesion = read_itk(self.inputs.transform)
        if undone:
            moved = nifti.load(self.inputs.displacement)
            to_lesion = Transform((Displacement(moved.data, moved.affine),)).then(to_lesion)
        voxel_ml = math.prod(core.voxel_size_mm) / 1000
        later = resample_mask(lesion, core, to_lesion)
        change = lesion_change(core.mask, later)
        found = voxelwise_growth(change, voxel_ml)
        self.save_image("change", change, core)
        salvage = math.nan
        if penumbra := self._good("penumbra"):
            tissue = nifti.load(penumbra)
            chain = self._to_core().then(to_lesion)
            salvage = salvage_fraction(tissue.mask, resample_mask(lesion, tissue, chain))
        self.save_document(
            "growth",
            {
                "infarct_unswollen_ml": volume_ml(later, core.affine) if undone else math.nan,
                "growth_voxelwise_ml": found.growth_ml,
                "reversal_ml": found.reversal_ml,
                "salvage_fraction": salvage,
            }
            | self._destinations(core, later & ~core.mask, voxel_ml),
        )

    def _to_core(self) -> Transform:
        """Return the transform from perfusion to the space of the core, which of blood flow is the same."""
        path = self.inputs.penumbra_transform
        return read_itk(path) if isdefined(path) else Transform(())

    def _destinations(self, core: Image, grown: np.ndarray, voxel_ml: float) -> dict[str, float]:
        """Return what the grown part was at baseline, where perfusion was measured then."""
        needed = ["tmax6", "tmax4", *(["penumbra_transform"] if isdefined(self.inputs.penumbra_transform) else [])]
        if not all(self._good(name) for name in needed):
            return {}
        back = self._to_core().inverse()
        tmax6, tmax4 = nifti.load(self.inputs.tmax6), nifti.load(self.inputs.tmax4)
        seen = resample_mask(Image(np.ones_like(tmax6.data), tmax6.affine), core, back)
        late, very_late = (resample_mask(mask, core, back) for mask in (tmax4, tmax6))
        into = growth_into(grown, very_late, late, seen, voxel_ml)
        return {f"growth_{name}": value for name, value in vars(into).items()}
