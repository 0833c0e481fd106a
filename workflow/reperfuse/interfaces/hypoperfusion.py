"""Steps that find hypoperfused tissue and penumbra, and measure how volumes hang on the threshold."""

from collections.abc import Callable
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.faults import DataFault
from reperfuse.files import nifti, sidecars
from reperfuse.files.itk import read_itk
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.references import is_hu
from reperfuse.head import mirror
from reperfuse.head.bone import fluid_on_ct
from reperfuse.head.coverage import cut_off
from reperfuse.head.tissue import csf_mask, vessel_mask
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined, sweep, takes
from reperfuse.mismatch.doubts import deficit_warnings
from reperfuse.mismatch.mismatch import penumbra_mask
from reperfuse.mismatch.sweep import normal_tmax_s, sweep_perfusion
from reperfuse.perfusion.hypoperfusion import hypoperfusion_finder
from reperfuse.study.options import defaults
from reperfuse.volumes.bits import masks_of
from reperfuse.volumes.image import Image, volume_ml
from reperfuse.volumes.transforms import resample_mask


@takes("hypoperfusion")
class CleaningInputSpec(StepInputSpec):
    """How late tissue is found; each step of the cleaning can be switched off."""

    brain = File(exists=True, mandatory=True, desc="brain mask")
    reference = File(exists=True, mandatory=True, desc="perfusion reference (a.u., or HU)")
    adc = File(exists=True, desc="ADC in perfusion space (mm²/s), to leave fluid out")
    cbv = File(exists=True, desc="CBV in any unit, to leave vessels out")
    mirror = File(exists=True, desc="the head's mirror plane, to leave the other side out")
    side = traits.Enum("unknown", "left", "right", usedefault=True, desc="side of the stroke")


class HypoperfusionInputSpec(CleaningInputSpec):
    """Inputs of a step that finds hypoperfused tissue."""

    tmax = File(exists=True, mandatory=True, desc="Tmax (s)")


class HypoperfusionStep(Step):
    """A step that cleans hypoperfused tissue the way its inputs say.

    It does without an ADC that failed, and without a mirror plane: then both sides count, and it says so.
    """

    tolerates_faults = True

    def _fluid(self, brain: Image) -> np.ndarray:
        """Return fluid, by the ADC where there is one and by the reference's brightness."""
        inputs, path = self.inputs, self._good("adc")
        reference, is_ct = nifti.load(inputs.reference).data, is_hu(inputs.reference)
        fluid = csf_mask(
            brain.mask,
            adc=nifti.load(path).data if path else None,
            reference=None if is_ct else reference,
            csf_adc=inputs.csf_adc,
            csf_ratio=inputs.csf_ratio,
        )
        return fluid | fluid_on_ct(reference, brain.mask, brain.voxel_size_mm) if is_ct else fluid

    def _leaves_a_side_out(self) -> bool:
        return self.inputs.symptomatic_side_only and self.inputs.side != "unknown"

    def _warnings(self) -> list[str]:
        """Return what a sidecar says where a side should be left out and cannot be told from the other."""
        reasons = sidecars.reasons(self.inputs.mirror) if self._leaves_a_side_out() else []
        return [f"tissue of both sides counts ({reason})" for reason in reasons]

    def _half(self, brain: Image) -> np.ndarray | None:
        """Return the side that counts, if the other is left out."""
        if not (self._leaves_a_side_out() and (path := self._good("mirror"))):
            return None
        right = mirror.half(brain.data.shape, brain.affine, load_mirror(path))
        return right if self.inputs.side == "right" else ~right

    def _finder(
        self, brain: Image, half: np.ndarray | None, area: np.ndarray | None = None
    ) -> Callable[[np.ndarray], Callable[[float], np.ndarray]]:
        """Return the function that gives, for a map, the function that gives its cleaned mask above a threshold.

        Without CBV, the area below each voxel's curve tells vessels.
        """
        inputs, csf, vessels = self.inputs, self._fluid(brain), None
        if inputs.vessel_ratio is not None:
            cbv = nifti.load(inputs.cbv).data if isdefined(inputs.cbv) else area
            if cbv is None:
                raise DataFault(
                    "no CBV, which is needed to find vessels; without it, set hypoperfusion.vessel_ratio to null"
                )
            vessels = vessel_mask(brain.mask, cbv, inputs.vessel_ratio)

        return lambda values: hypoperfusion_finder(
            values,
            brain.mask,
            brain.voxel_size_mm,
            csf=csf,
            vessels=vessels,
            half=half,
            **self._options("hypoperfusion", "csf_adc", "csf_ratio", "vessel_ratio", "symptomatic_side_only"),
        )


class SegmentHypoperfusionOutputSpec(TraitedSpec):
    """Outputs of `SegmentHypoperfusion`."""

    tmax4 = image("tissue with Tmax above 4 s")
    tmax6 = image("tissue with Tmax above 6 s")
    tmax8 = image("tissue with Tmax above 8 s")
    tmax10 = image("tissue with Tmax above 10 s")


class SegmentHypoperfusion(HypoperfusionStep):
    """Find hypoperfused tissue at the four thresholds in use."""

    input_spec = HypoperfusionInputSpec
    output_spec = SegmentHypoperfusionOutputSpec

    def _compute(self) -> None:
        self._refuse_faults("tmax", "brain", "reference")
        tmax, brain = nifti.load(self.inputs.tmax), nifti.load(self.inputs.brain)
        half = self._half(brain)
        find = self._finder(brain, half)(tmax.data)
        masks = {threshold_s: find(float(threshold_s)) for threshold_s in (4, 6, 8, 10)}
        left_out = self._finder(brain, ~half)(tmax.data)(6.0) if half is not None else np.zeros(brain.data.shape, bool)
        deficit_ml, left_out_ml, brain_ml = (volume_ml(m, brain.affine) for m in (masks[6], left_out, brain.mask))
        said = self._warnings() + deficit_warnings(deficit_ml, left_out_ml, brain_ml, self.inputs.side)
        said += cut_off(brain.mask, brain.affine)
        extra: dict[str, Any] = {"Warnings": said} if said else {}
        for threshold_s, mask in masks.items():
            self.save_image(f"tmax{threshold_s}", mask, tmax, **extra)


class SweepPerfusionInputSpec(HypoperfusionInputSpec):
    """Inputs of `SweepPerfusion`."""

    deficit = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s")
    rcbf = File(exists=True, mandatory=True, desc="relative CBF (1)")
    rcbv = File(exists=True, mandatory=True, desc="relative CBV (1)")
    core = File(exists=True, desc="core in perfusion space, for the mismatch outside it")
    half_widths = traits.Dict(
        defaults("stability"), usedefault=True, desc="how far the thresholds of each map are moved either way"
    )


class SweepPerfusionOutputSpec(TraitedSpec):
    """Outputs of `SweepPerfusion`."""

    curves = document("volume (mL) against the threshold of Tmax (s), relative CBF and relative MTT (1)")
    tmax_sweep = sweep("tissue with Tmax above")
    rcbf_sweep = sweep("tissue with Tmax above 6 s and relative CBF below")


class SweepPerfusion(HypoperfusionStep):
    """Measure the volumes of Tmax, delay, relative CBF and relative MTT at every threshold in use and around it."""

    input_spec = SweepPerfusionInputSpec
    output_spec = SweepPerfusionOutputSpec

    def _compute(self) -> None:
        self._refuse_faults("tmax", "brain", "reference", "deficit")
        tmax, brain, deficit = (nifti.load(getattr(self.inputs, name)) for name in ("tmax", "brain", "deficit"))
        core, relative = self._good("core"), (self.inputs.rcbf, self.inputs.rcbv)
        unknown = [reason for path in relative for reason in sidecars.reasons(path)]
        found = sweep_perfusion(
            tmax.data,
            brain.mask,
            deficit.mask,
            brain.affine,
            self._finder(brain, self._half(brain)),
            self.inputs.half_widths,
            relative=None if unknown else (nifti.load(relative[0]).data, nifti.load(relative[1]).data),
            core=nifti.load(core).mask if core else None,
        )
        content: dict[str, Any] = {"Curves": found.curves, "NotComputed": list(dict.fromkeys(unknown))}
        content["NormalTmax"] = normal_tmax_s(tmax.data, brain.mask, deficit.mask)
        if said := self._warnings():
            content["Warnings"] = said
        self.save_document("curves", content)
        self.save_sweep("tmax_sweep", found.masks["tmax"], tmax, "s", 6.0)
        if "rcbf" in found.masks:
            self.save_sweep("rcbf_sweep", found.masks["rcbf"], tmax, "1", 0.3)
        else:
            self.save_fault("rcbf_sweep", content["NotComputed"])


class SegmentPenumbraInputSpec(StepInputSpec):
    """Inputs of `SegmentPenumbra`."""

    deficit = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s")
    core = File(exists=True, mandatory=True, desc="core in perfusion space")
    adc_sweep = File(exists=True, desc="the core at each threshold of the ADC, in diffusion space")
    transform = File(exists=True, desc="perfusion reference to diffusion points (ITK)")


class SegmentPenumbraOutputSpec(TraitedSpec):
    """Outputs of `SegmentPenumbra`."""

    penumbra = image("tissue with Tmax above 6 s that is not core")


class SegmentPenumbra(Step):
    """Find hypoperfused tissue that is not core, and measure it at every threshold of the core."""

    input_spec = SegmentPenumbraInputSpec
    output_spec = SegmentPenumbraOutputSpec
    does_without = ("adc_sweep",)

    def _compute(self) -> None:
        deficit, core = nifti.load(self.inputs.deficit), nifti.load(self.inputs.core)
        penumbra = penumbra_mask(deficit.mask, core.mask)
        self.save_image("penumbra", penumbra, deficit, **self._curves(deficit))

    def _curves(self, deficit: Image) -> dict[str, Any]:
        """Return the volume (mL) outside the core against its threshold, if the core is known at every one."""
        path = self._good("adc_sweep")
        if not path:
            return {}
        sweep, limits = nifti.load(path, np.uint32), sidecars.read_sidecar(path)["Thresholds"]
        transform = read_itk(self.inputs.transform)
        curve = []
        for limit, mask in zip(limits, masks_of(sweep.data, len(limits)), strict=True):
            outside = penumbra_mask(deficit.mask, resample_mask(Image(mask, sweep.affine), deficit, transform))
            curve.append([limit, volume_ml(outside, deficit.affine)])
        return {"Curves": {"coreg_adc": curve}}
