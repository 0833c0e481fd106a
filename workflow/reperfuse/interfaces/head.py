"""Steps that any image of a head goes through: the brain, and the head's own mirror."""

from pathlib import Path

import numpy as np
from nipype.interfaces.base import File, TraitedSpec

from reperfuse import images, mirror, segmentation
from reperfuse.interfaces.base import Step, StepInputSpec, document, image


class ExtractBrainInputSpec(StepInputSpec):
    """Inputs of `ExtractBrain`."""

    reference = File(exists=True, mandatory=True, desc="an image of the head (a.u.)")


class ExtractBrainOutputSpec(TraitedSpec):
    """Outputs of `ExtractBrain`."""

    brain = image("brain mask")


class ExtractBrain(Step):
    """Find the brain in an echo-planar or FLAIR image."""

    input_spec = ExtractBrainInputSpec
    output_spec = ExtractBrainOutputSpec

    def _compute(self) -> None:
        reference = images.load(self.inputs.reference)
        self.save_image("brain", segmentation.brain_mask(reference.data, reference.voxel_size_mm), reference)


class FindMirrorInputSpec(StepInputSpec):
    """Inputs of `FindMirror`."""

    reference = File(exists=True, mandatory=True, desc="an image of the head (a.u.)")
    brain = File(exists=True, mandatory=True, desc="its brain mask")


class FindMirrorOutputSpec(TraitedSpec):
    """Outputs of `FindMirror`."""

    mirror = document("the head's mirror plane: unit normal and its distance from the world's origin (mm)")


class FindMirror(Step):
    """Find the plane of the head's own left–right symmetry."""

    input_spec = FindMirrorInputSpec
    output_spec = FindMirrorOutputSpec

    def _compute(self) -> None:
        reference, brain = images.load(self.inputs.reference), images.load(self.inputs.brain)
        plane = mirror.find_mirror(reference.data, reference.affine, brain.mask)
        content = {"Normal": plane.normal, "OffsetMm": plane.offset_mm, "Quality": plane.quality}
        self.save_document("mirror", content)


def load_mirror(path: str | Path) -> mirror.Mirror:
    """Read the plane that `FindMirror` wrote."""
    content = images.read_sidecar(path)
    normal = np.array(content["Normal"])
    matrix = mirror.reflection_matrix(normal, content["OffsetMm"])
    return mirror.Mirror(normal, content["OffsetMm"], matrix, content["Quality"])
