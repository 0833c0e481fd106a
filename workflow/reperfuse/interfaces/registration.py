"""Steps that register two scans, and bring diffusion to perfusion space."""

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.itk import read_itk
from reperfuse.files.references import load_reference
from reperfuse.files.sidecars import read_sidecar
from reperfuse.interfaces.base import Step, StepInputSpec, image, isdefined, takes, transform_file
from reperfuse.interfaces.chain import Chain, Link
from reperfuse.registration import rigid
from reperfuse.registration.fit import Registration
from reperfuse.volumes import transforms
from reperfuse.volumes.geometry import apply_matrix
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import as_transform, resample_mask


@takes("registration", "min_brain_dice", "min_edge_agreement")
class RegisterImagesInputSpec(StepInputSpec):
    """Inputs of `RegisterImages`."""

    fixed = File(exists=True, mandatory=True, desc="reference image (a.u.)")
    fixed_brain = File(exists=True, mandatory=True, desc="its brain mask")
    moving = File(exists=True, mandatory=True, desc="image that is registered to the reference (a.u.)")
    moving_brain = File(exists=True, mandatory=True, desc="its brain mask")
    lesion = File(exists=True, desc="part of the moving image left out of the measure")
    distortion_axis = traits.Enum(
        "none", "i", "j", "k", "unknown", usedefault=True, desc="voxel axis of the moving image along which it is bent"
    )


class RegisterImagesOutputSpec(TraitedSpec):
    """Outputs of `RegisterImages`."""

    transform = transform_file("transform, fixed to moving points (ITK, LPS+, mm)")


class RegisterImages(Step):
    """Register two images of one head rigidly, and undo the distortion of the moving one if that is asked for."""

    input_spec = RegisterImagesInputSpec
    output_spec = RegisterImagesOutputSpec

    def _compute(self) -> None:
        axis = self.inputs.distortion_axis
        if axis == "unknown":
            raise DataFault(
                "registration: PhaseEncodingDirection is missing in the sidecar of the diffusion scan, so the axis of "
                "its distortion is unknown; add it, or set registration.distortion_axis (i, j, k or none)"
            )
        fixed, moving = load_reference(self.inputs.fixed), load_reference(self.inputs.moving)
        fixed_brain, moving_brain = nifti.load(self.inputs.fixed_brain), nifti.load(self.inputs.moving_brain)
        lesion = nifti.load(self.inputs.lesion).mask if isdefined(self.inputs.lesion) else None
        found = rigid.register(
            fixed,
            moving,
            fixed_brain.mask,
            moving_brain.mask,
            lesion=lesion,
            **self._options("registration"),
            distortion_axis=None if axis == "none" else "ijk".index(axis),
        )
        displaced = 0.0 if found.displacement is None else _longest(found, fixed, fixed_brain)
        self.save_transform(
            "transform",
            found.transform,
            Kind="rigid" if found.displacement is None else f"rigid, then displaced along {axis} of the moving image",
            LargestDisplacementMm=displaced,
            MutualInformation=found.mutual_information,
            EdgeAgreement=found.edge_agreement,
            EdgeMargin=found.edge_margin,
            BrainDice=found.brain_dice,
        )


def _longest(found: Registration, fixed: Image, brain: Image) -> float:
    """Return how far tissue of the brain is displaced at most, in mm."""
    points = apply_matrix(fixed.affine, np.argwhere(brain.mask))
    straight = as_transform(found.matrix)(points)
    return float(np.linalg.norm(found.transform(points) - straight, axis=1).max())


class ResampleDiffusionInputSpec(StepInputSpec):
    """Inputs of `ResampleDiffusion`."""

    adc = File(exists=True, mandatory=True, desc="ADC (mm²/s)")
    trace = File(exists=True, mandatory=True, desc="trace-weighted image (a.u.)")
    reference = File(exists=True, mandatory=True, desc="perfusion reference (a.u.)")
    transform = File(exists=True, mandatory=True, desc="perfusion reference to diffusion points (ITK)")


class ResampleDiffusionOutputSpec(TraitedSpec):
    """Outputs of `ResampleDiffusion`."""

    adc = image("apparent diffusion coefficient in perfusion space", "mm2/s", whole_head=True)
    trace = image("trace-weighted image in perfusion space", "arbitrary", whole_head=True)


class ResampleDiffusion(Step):
    """Bring ADC and trace to perfusion space, each in one linear interpolation."""

    input_spec = ResampleDiffusionInputSpec
    output_spec = ResampleDiffusionOutputSpec

    def _compute(self) -> None:
        reference = nifti.load(self.inputs.reference)
        transform = read_itk(self.inputs.transform)
        for name in ("adc", "trace"):
            path = getattr(self.inputs, name)
            resampled = transforms.resample(nifti.load(path), reference, transform)
            stripped = read_sidecar(path).get("SkullStripped", False)
            self.save_image(name, resampled, reference, Interpolation="linear", SkullStripped=stripped)


class AlignDiffusion(Chain):
    """Register diffusion to perfusion, and bring its maps there."""

    links = (Link(RegisterImages), Link(ResampleDiffusion, takes={"reference": "fixed"}))


class ResampleCoreInputSpec(StepInputSpec):
    """Inputs of `ResampleCore`."""

    core = File(exists=True, mandatory=True, desc="diffusion lesion")
    reference = File(exists=True, mandatory=True, desc="perfusion reference (a.u.)")
    transform = File(exists=True, mandatory=True, desc="perfusion reference to diffusion points (ITK)")


class ResampleCoreOutputSpec(TraitedSpec):
    """Outputs of `ResampleCore`."""

    core = image("diffusion lesion in perfusion space")


class ResampleCore(Step):
    """Bring the core to perfusion space in one linear interpolation."""

    input_spec = ResampleCoreInputSpec
    output_spec = ResampleCoreOutputSpec

    def _compute(self) -> None:
        reference, core = nifti.load(self.inputs.reference), nifti.load(self.inputs.core)
        projected = resample_mask(core, reference, read_itk(self.inputs.transform))
        self.save_image("core", projected, reference, Interpolation="linear, above one half")
