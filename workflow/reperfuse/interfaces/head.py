"""The step that any image of a head goes through: its brain, and the plane that mirrors it."""

from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec
from numpy.typing import NDArray

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.references import is_hu, load_reference
from reperfuse.head.bone import brain_on_ct
from reperfuse.head.brain import brain_mask
from reperfuse.head.content import check_brain_size, check_scan, check_wrapped
from reperfuse.head.coverage import check_whole
from reperfuse.head.given import check_brain, read_mask
from reperfuse.head.mirror import find_mirror
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined
from reperfuse.volumes.image import Image, is_same_grid, volume_ml
from reperfuse.volumes.transforms import resample_mask


class ExtractBrainInputSpec(StepInputSpec):
    """Inputs of `ExtractBrain`."""

    reference = File(exists=True, mandatory=True, desc="an image of the head (a.u., or HU)")
    given = File(exists=True, of_study=True, desc="a brain mask of the study's own, on any grid in the same space")


class ExtractBrainOutputSpec(TraitedSpec):
    """Outputs of `ExtractBrain`."""

    brain = image("brain mask")
    mirror = document("the head's mirror plane: unit normal and its distance from the world's origin (mm)")


class ExtractBrain(Step):
    """Find the brain in an echo-planar, FLAIR or CT image, or take the given mask; and its plane of symmetry."""

    input_spec = ExtractBrainInputSpec
    output_spec = ExtractBrainOutputSpec
    takes_given = True

    def _compute(self) -> None:
        reference, is_ct = load_reference(self.inputs.reference), is_hu(self.inputs.reference)
        if not is_ct:
            check_scan(reference.data)
        if isdefined(self.inputs.given):
            brain, how = self._given(reference)
        else:
            whole = nifti.load(self.inputs.reference).data if is_ct else reference.data
            find = brain_on_ct if is_ct else brain_mask
            brain, how = find(whole, reference.voxel_size_mm), {"Source": "automatic"}
            check_brain_size(volume_ml(brain, reference.affine))
            check_whole(reference.data, brain, reference.affine)
        if not is_ct:
            check_wrapped(reference.data, brain)
        self.save_image("brain", brain, reference, **how)
        try:
            plane = find_mirror(reference.data, reference.affine, brain)
        except DataFault as fault:  # the maps can do without
            self.save_fault("mirror", [str(fault)])
            return
        content = {"Normal": plane.normal, "OffsetMm": plane.offset_mm, "Quality": plane.quality}
        self.save_document("mirror", content | ({"Doubt": plane.doubt} if plane.doubt else {}))

    def _given(self, reference: Image) -> tuple[NDArray[np.bool_], dict[str, Any]]:
        given, name = nifti.load(self.inputs.given), Path(self.inputs.given).name
        marked = read_mask(given, name, reference)
        same = is_same_grid(given, reference)
        brain = marked if same else resample_mask(Image(marked, given.affine), reference)
        check_brain(volume_ml(marked, given.affine), brain, name)
        return brain, {"Source": "given"} | ({} if same else {"Interpolation": "linear, above one half"})
