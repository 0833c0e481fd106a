"""The step that compares the deficit before and after treatment."""

from nipype.interfaces.base import File, TraitedSpec

from reperfuse.files import nifti
from reperfuse.files.itk import read_itk
from reperfuse.interfaces.base import Step, StepInputSpec, image
from reperfuse.interfaces.chain import Chain, Link
from reperfuse.interfaces.lesion import ProjectLesion
from reperfuse.interfaces.registration import RegisterImages
from reperfuse.serial.reperfusion import NEW, PERSISTENT, RECOVERED, deficit_change
from reperfuse.volumes import transforms
from reperfuse.volumes.image import volume_ml


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
        before, after, brain = (nifti.load(getattr(self.inputs, name)) for name in ("before", "after", "brain"))
        change = deficit_change(before.mask, after.mask, brain.mask)
        names = {"recovered": RECOVERED, "persistent": PERSISTENT, "new": NEW}
        volumes = {f"deficit_{name}_ml": volume_ml(change == label, after.affine) for name, label in names.items()}
        self.save_image("change", change, after, **volumes)
        transform = read_itk(self.inputs.transform)
        self.save_image("earlier_tmax", transforms.resample(nifti.load(self.inputs.tmax), after, transform), after)


class CompareWithBaseline(Chain):
    """Register perfusion to that of baseline, bring the deficit from there, and compare."""

    links = (
        Link(RegisterImages),
        Link(
            ProjectLesion,
            takes={"lesion": "deficit", "reference": "fixed", "transforms": "transform"},
            gives={"lesion": "before"},
        ),
        Link(CompareDeficits, takes={"brain": "fixed_brain"}),
    )
