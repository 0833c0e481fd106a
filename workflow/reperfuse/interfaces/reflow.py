"""The step that compares the lesion's blood volume with its mirror's."""

from nipype.interfaces.base import File, TraitedSpec

from reperfuse.files import nifti
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.sidecars import read_number, read_sidecar
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined, takes
from reperfuse.serial.imr import Definition, Scene, find_impairment


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
        rcbv, lesion = nifti.load(self.inputs.rcbv), nifti.load(self.inputs.lesion)
        known = read_sidecar(self.inputs.lesion)
        adc, early = self._good("adc"), self._good("early")
        scene = Scene(
            lesion.mask,
            nifti.load(self.inputs.brain).mask,
            nifti.load(self.inputs.deficit).mask,
            load_mirror(self.inputs.mirror),
            read_number(known["LesionMl"]),
            read_number(known["ShareInFieldOfView"]),
            early=nifti.load(early).mask if early else None,
            fluid=nifti.load(adc).data > self.inputs.csf_adc if adc and self.inputs.csf_adc is not None else None,
        )
        found = find_impairment(
            rcbv,
            scene,
            Definition(vessel_ratio=self.inputs.vessel_ratio, **self._options("imr")),
            rcbf=nifti.load(self.inputs.rcbf) if isdefined(self.inputs.rcbf) else None,
            delayed=nifti.load(self.inputs.delayed).mask if isdefined(self.inputs.delayed) else None,
        )
        note = {"SmoothingFWHMMm": found.judged.smoothing_fwhm_mm, "NoiseSD": found.judged.noise_sd}
        self.save_image("mirrored", found.shown.mirror, rcbv, **note)
        self.save_image("asymmetry", found.shown.asymmetry, rcbv, **note)
        self.save_image("imr", found.imr, rcbv, **note)
        sweep = {f"{threshold:.2f}": ml for threshold, ml in found.judged.sweep_ml.items()}
        measures = {
            "imr_ml": found.imr_ml,
            "imr_fraction": found.imr_fraction,
            "imr_null_ml": found.judged.null_ml,
            "imr_covered": found.covered,
            "asymmetry_sweep_ml": sweep,
            "NotEvaluable": found.doubts,
        }
        medians = {f"rcbv_asymmetry_median{name}": value for name, value in found.medians.items()}
        self.save_document("measures", note | measures | medians)
