"""Steps of the follow-up lesion: found, and brought to another session."""

import traceback
from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, traits

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.itk import read_chain, read_itk
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.head.content import check_clipped, check_lesion_size, flair_doubts
from reperfuse.head.coverage import check_extent
from reperfuse.head.given import check_lesion, read_mask
from reperfuse.head.mirror import half, reflect
from reperfuse.interfaces.base import Step, StepInputSpec, image, isdefined, takes
from reperfuse.interfaces.diffusion import read_noise
from reperfuse.mismatch.mismatch import laterality, side
from reperfuse.serial.lesion import followup_lesion
from reperfuse.volumes.arrays import Mask
from reperfuse.volumes.image import Image, crop, dice, volume_ml
from reperfuse.volumes.noise import generator, image_noise
from reperfuse.volumes.transforms import Transform, resample_mask, share_within

#: Around the brain, where a lesion is found: nothing farther away is looked at.
_MARGIN_MM = 12.0


@takes("hypoperfusion", "csf_adc")
@takes("intervals", "resamples")
class SegmentLesionInputSpec(StepInputSpec):
    """Inputs of `SegmentLesion`."""

    reference = File(exists=True, mandatory=True, desc="trace-weighted or FLAIR image (a.u.)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    mirror = File(exists=True, mandatory=True, desc="the head's mirror plane")
    adc = File(exists=True, desc="ADC (mm²/s)")
    expert = File(exists=True, of_study=True, desc="an expert's lesion mask")
    expert_transform = File(
        exists=True, desc="transform between reference and expert's grid (ITK); identity by default"
    )
    expert_datatype = traits.Str(desc="what the expert drew on: dwi, anat or perf")
    side = traits.Enum("unknown", "left", "right", usedefault=True, desc="side of the stroke, as the study says")


class SegmentLesionOutputSpec(TraitedSpec):
    """Outputs of `SegmentLesion`."""

    lesion = image("follow-up lesion")


class SegmentLesion(Step):
    """Take the expert's follow-up lesion, or find it by its asymmetry where there is none.

    An expert's lesion is compared with the automatic one, as far as that can be found.
    """

    input_spec = SegmentLesionInputSpec
    output_spec = SegmentLesionOutputSpec
    takes_given = True
    does_without = ("mirror",)

    def _compute(self) -> None:
        reference, brain = nifti.load(self.inputs.reference), nifti.load(self.inputs.brain)
        said = check_extent(brain.mask, brain.affine)
        if isdefined(self.inputs.expert):
            lesion, doubts = self._drawn(reference, brain)
            said += doubts + self._other_side(lesion, reference)
            automatic = self._compare(lesion, reference, brain)
            self.save_image(
                "lesion", lesion, reference, LesionSource="expert", Warnings=said, AutomaticLesion=automatic
            )
            return
        lesion, doubts = self._automatic(reference, brain)
        said += self._other_side(lesion, reference) + doubts
        extra: dict[str, Any] = {"Warnings": list(dict.fromkeys(said))} if said else {}
        draws = self._draws(reference, brain)
        self.save_image("lesion", lesion, reference, LesionSource="automatic", Draws=draws, **extra)

    def _drawn(self, reference: Image, brain: Image) -> tuple[Mask, list[str]]:
        """Return the expert's lesion on the grid of the reference, and what is to be said of it."""
        transform: Transform | None = None
        if isdefined(self.inputs.expert_transform):
            transform = read_itk(self.inputs.expert_transform)
            # diffusion was registered to perfusion, so its transform starts at the expert's grid
            transform = transform.inverse() if self.inputs.expert_datatype == "perf" else transform
        expert, name = nifti.load(self.inputs.expert), Path(self.inputs.expert).name
        beside = None if isdefined(self.inputs.expert_transform) else reference
        marked = Image(read_mask(expert, name, beside), expert.affine)
        lesion = resample_mask(marked, reference, transform)
        check_lesion(volume_ml(marked.data, expert.affine), lesion, brain.mask, reference.affine, name)
        return lesion, [] if marked.data.any() else [
            (f"{name}: the mask is empty, so the lesion is 0 mL; check that this is meant")
        ]

    def _automatic(self, reference: Image, brain: Image) -> tuple[Mask, list[str]]:
        """Return the lesion as it is found by its asymmetry, and what is doubtful of the images."""
        self._refuse_faults("mirror")
        adc = nifti.load(self.inputs.adc).data if isdefined(self.inputs.adc) else None
        lesion, mirrored = self._find(reference, brain.mask, adc)
        check_lesion_size("the lesion", volume_ml(lesion, reference.affine), brain.mask, brain.affine)
        if adc is None:
            doubts = check_clipped(reference.data, brain.mask) + flair_doubts(reference.data, mirrored, brain.mask)
        else:
            doubts = list(read_sidecar(self.inputs.adc).get("Warnings", []))
        return lesion, doubts

    def _find(self, reference: Image, brain: Mask, adc: np.ndarray | None) -> tuple[Mask, np.ndarray]:
        """Return the lesion of an image, and the mirrored image that it was found by."""
        mirrored = reflect(reference.data, reference.affine, load_mirror(self.inputs.mirror))
        lesion = followup_lesion(
            reference.data,
            brain,
            reference.voxel_size_mm,
            mirrored=mirrored,
            adc=adc,
            csf_adc=self.inputs.csf_adc,
            rim_mm=4.0 if adc is None else 0.0,  # without diffusion the reference is FLAIR
        )
        return lesion, mirrored

    def _draws(self, reference: Image, brain: Image) -> dict[str, list[float]]:
        """Return the automatic lesion's volume (mL) in images with noise added."""
        adc_path = self.inputs.adc if isdefined(self.inputs.adc) else None
        boxed, box = crop(reference, brain.mask, _MARGIN_MM)
        adc = nifti.load(adc_path).data[box] if adc_path else None
        stated = read_noise(self.inputs.reference)
        noise = stated.trace if stated else image_noise(reference.data, brain.mask)
        random, volumes = generator(boxed.data), []
        for _ in range(self.inputs.resamples):
            noisy = Image(np.maximum(boxed.data + noise.draw(boxed.data.shape, random), 0), boxed.affine)
            volumes.append(volume_ml(self._find(noisy, brain.mask[box], adc)[0], reference.affine))
        return {"infarct_followup_ml": volumes}

    def _compare(self, drawn: Mask, reference: Image, brain: Image) -> dict[str, Any]:
        """Return the automatic lesion's volume and its overlap with the one drawn, or why there is none.

        Nothing that happens here may cost the lesion that was drawn.
        """
        try:
            found, doubts = self._automatic(reference, brain)
        except DataFault as fault:
            return {"Reasons": [str(fault)]}
        except (ArithmeticError, LookupError, ValueError) as error:
            traceback.print_exc()
            return {"Reasons": [f"internal error ({type(error).__name__}) in the automatic lesion; please report it"]}
        return {"LesionMl": volume_ml(found, reference.affine), "Dice": dice(drawn, found), "Warnings": doubts}

    def _other_side(self, lesion: Mask, reference: Image) -> list[str]:
        """Say that the lesion lies on the side other than the one the study says."""
        stated = self.inputs.side
        if stated == "unknown" or reasons(self.inputs.mirror):
            return []
        lies = side(laterality(lesion, half(lesion.shape, reference.affine, load_mirror(self.inputs.mirror))))
        if lies in (None, "bilateral", stated):
            return []
        return [f"the lesion lies on the {lies}, and the study says {stated}; check the column and the header"]


class ProjectLesionInputSpec(StepInputSpec):
    """Inputs of `ProjectLesion`."""

    lesion = File(exists=True, mandatory=True, desc="follow-up lesion")
    reference = File(exists=True, mandatory=True, desc="image whose grid is wanted")
    transforms = InputMultiObject(File(exists=True), mandatory=True, desc="from the reference to the lesion (ITK)")


class ProjectLesionOutputSpec(TraitedSpec):
    """Outputs of `ProjectLesion`."""

    lesion = image("lesion or deficit of another session, on the grid of this one")


class ProjectLesion(Step):
    """Bring the follow-up lesion to another session, in one interpolation."""

    input_spec = ProjectLesionInputSpec
    output_spec = ProjectLesionOutputSpec

    def _compute(self) -> None:
        reference, lesion = nifti.load(self.inputs.reference), nifti.load(self.inputs.lesion)
        chain = read_chain(self.inputs.transforms)
        projected = resample_mask(lesion, reference, chain)
        self.save_image(
            "lesion",
            projected,
            reference,
            Interpolation="linear, above one half",
            LesionMl=volume_ml(lesion.mask, lesion.affine),
            ShareInFieldOfView=share_within(lesion, reference, chain),
        )
