"""Steps that any image of a head goes through: the brain, and the head's own mirror."""

from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec

from reperfuse import images, mirror, segmentation, transforms
from reperfuse.faults import DataFault
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined


class ExtractBrainInputSpec(StepInputSpec):
    """Inputs of `ExtractBrain`."""

    reference = File(exists=True, mandatory=True, desc="an image of the head (a.u.)")
    given = File(exists=True, desc="a brain mask of the study's own, on any grid in the same space")


class ExtractBrainOutputSpec(TraitedSpec):
    """Outputs of `ExtractBrain`."""

    brain = image("brain mask")


class ExtractBrain(Step):
    """Find the brain in an echo-planar or FLAIR image, or take the mask that is given."""

    input_spec = ExtractBrainInputSpec
    output_spec = ExtractBrainOutputSpec

    def _compute(self) -> None:
        reference = images.load(self.inputs.reference)
        if not isdefined(self.inputs.given):
            brain = segmentation.brain_mask(reference.data, reference.voxel_size_mm)
            self.save_image("brain", brain, reference, Source="automatic")
            return
        given = images.load(self.inputs.given)
        if given.data.ndim != 3:
            raise DataFault(f"{Path(self.inputs.given).name}: a brain mask has three dimensions, not {given.data.ndim}")
        same = images.is_same_grid(given, reference)
        brain = given.mask if same else transforms.resample_mask(given, reference)
        if not brain.any():
            raise DataFault(f"{Path(self.inputs.given).name}: the brain mask is empty where the image is")
        how: dict[str, Any] = {} if same else {"Interpolation": "linear, above one half"}
        self.save_image("brain", brain, reference, Source="given", **how)


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
