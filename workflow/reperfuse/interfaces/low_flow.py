"""The step that finds tissue of low flow by arterial spin labelling, and the chain that ends with it."""

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.files import nifti, sidecars
from reperfuse.files.mirrors import load_mirror
from reperfuse.head import mirror
from reperfuse.head.coverage import cut_off
from reperfuse.interfaces.base import StepInputSpec, image, takes
from reperfuse.interfaces.chain import Chain, Link
from reperfuse.interfaces.hypoperfusion import HypoperfusionStep
from reperfuse.interfaces.labelling import QuantifyAsl
from reperfuse.interfaces.perfusion import NormalizePerfusion
from reperfuse.interfaces.registration import ResampleCore
from reperfuse.mismatch.doubts import deficit_warnings
from reperfuse.perfusion import label_quality
from reperfuse.perfusion.low_flow import SHARES, low_flow_finder
from reperfuse.volumes.image import volume_ml


@takes("hypoperfusion", "opening_mm", "min_volume_ml", "csf_adc", "csf_ratio", "symptomatic_side_only")
@takes("labelling", "low_flow_smoothing_mm")
class SegmentLowFlowInputSpec(StepInputSpec):
    """Inputs of `SegmentLowFlow`."""

    cbf = File(exists=True, mandatory=True, desc="CBF (mL/100 g/min)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    reference = File(exists=True, mandatory=True, desc="perfusion reference (a.u.)")
    adc = File(exists=True, desc="ADC in perfusion space (mm²/s), to leave fluid out")
    mirror = File(exists=True, mandatory=True, desc="the head's mirror plane")
    side = traits.Enum("unknown", "left", "right", usedefault=True, desc="side of the stroke")


class SegmentLowFlowOutputSpec(TraitedSpec):
    """Outputs of `SegmentLowFlow`."""

    lowflow30 = image("tissue with CBF below 30 % of that of the other side")
    lowflow40 = image("tissue with CBF below 40 % of that of the other side")
    lowflow50 = image("tissue with CBF below 50 % of that of the other side")


class SegmentLowFlow(HypoperfusionStep):
    """Find tissue whose blood flow is low against its homologue, at every share in use."""

    input_spec = SegmentLowFlowInputSpec
    output_spec = SegmentLowFlowOutputSpec

    def _compute(self) -> None:
        self._refuse_faults("cbf", "brain", "reference", "mirror")
        cbf, brain = nifti.load(self.inputs.cbf), nifti.load(self.inputs.brain)
        plane = load_mirror(self.inputs.mirror)
        right = mirror.half(brain.data.shape, brain.affine, plane)
        tissue, counts = brain.mask & ~self._fluid(brain), self._half(brain)
        mirrored = mirror.reflect(np.where(tissue, cbf.data, np.nan), brain.affine, plane)
        find = low_flow_finder(
            cbf.data, mirrored, tissue, right, cbf.voxel_size_mm, smoothing_mm=self.inputs.low_flow_smoothing_mm,
            opening_mm=self.inputs.opening_mm, min_volume_ml=self.inputs.min_volume_ml,
        )  # fmt: skip
        masks = {round(100 * share): find(share) for share in SHARES}
        shares = label_quality.bright_shares(cbf.data, tissue, masks[40], cbf.voxel_size_mm)
        cortex = label_quality.cortex_of(tissue, brain.mask, cbf.voxel_size_mm)
        both_ml = label_quality.borderzone_ml(cbf.data, cortex, right, cbf.voxel_size_mm)
        left_out = masks[40] & ~counts if counts is not None else np.zeros_like(tissue)
        if counts is not None:
            masks = {percent: mask & counts for percent, mask in masks.items()}
        low_ml, left_out_ml, brain_ml = (volume_ml(mask, brain.affine) for mask in (masks[40], left_out, brain.mask))
        said = list(sidecars.read_sidecar(self.inputs.cbf)["Warnings"]) + self._warnings()
        said += deficit_warnings(
            low_ml, left_out_ml, brain_ml, self.inputs.side, told_by="CBF below 40 %", suspect="the mirror plane"
        )
        said += cut_off(brain.mask, brain.affine) + self._late(shares, both_ml)
        about = {"BrightShare": shares[0], "BrightShareElsewhere": shares[1], "BorderzoneMl": both_ml}
        for percent, mask in masks.items():
            self.save_image(f"lowflow{percent}", mask, cbf, Warnings=said, Modality="ASL", **about)

    def _late(self, shares: tuple[float, float], both_ml: float) -> list[str]:
        """Say where label that came too late makes flow read low: one delay cannot tell."""
        if len(sidecars.read_sidecar(self.inputs.cbf)["Delays"]) > 1:
            return []
        said = []
        if label_quality.has_transit_artefact(shares):
            said.append(
                "bright arteries in and around the tissue of low flow hold label that has not arrived, so its volume "
                "is probably too large; scan several delays, or a longer one"
            )
        if both_ml:
            said.append(
                f"flow is low in the cortex of both sides ({both_ml:.0f} mL of each), as in border zones that label "
                "has not reached; scan several delays, or a longer one"
            )
        return said


class MeasureLabelling(Chain):
    """Compute blood flow and transit time of a labelled series, its tissue of low flow, and relative blood flow.

    With the core in diffusion space, it is brought to perfusion space, too.
    """

    links = (
        Link(ResampleCore, gives={"core": "core_dscref"}, wants="core"),
        Link(QuantifyAsl),
        Link(SegmentLowFlow),
        Link(NormalizePerfusion, takes={"deficit": "lowflow40", "core": "core_dscref", "cbv": None}),
    )
