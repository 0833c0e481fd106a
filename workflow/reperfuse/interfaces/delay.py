"""Steps that measure the arterial delay of tissue, and find the tissue that blood reaches late."""

from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec
from numpy.typing import ArrayLike

from reperfuse.files import nifti
from reperfuse.interfaces.base import document, image, takes
from reperfuse.interfaces.hypoperfusion import CleaningInputSpec, HypoperfusionStep
from reperfuse.interfaces.perfusion import TissueInputSpec, TissueStep
from reperfuse.mismatch.stability import TABULATED
from reperfuse.perfusion.attenuation import SMOOTHING_FWHM_MM
from reperfuse.perfusion.delay import arterial_delay
from reperfuse.volumes.arrays import Mask
from reperfuse.volumes.image import volume_ml
from reperfuse.volumes.smoothing import smoothed_curves


@takes("concentration", "motion_signal_per_mm", "window_s")
@takes("delay")
class MapDelayInputSpec(TissueInputSpec):
    """Inputs of `MapDelay`."""


class MapDelayOutputSpec(TraitedSpec):
    """Outputs of `MapDelay`."""

    delay = image(
        "time from the arterial input to the arrival of the bolus in tissue",
        "s",
        caplex={"Q.PH1.007": "Arterial delay time"},
    )
    delaysd = image("standard deviation of the arterial delay", "s")


class MapDelay(TissueStep):
    """Measure the arterial delay of each voxel."""

    input_spec = MapDelayInputSpec
    output_spec = MapDelayOutputSpec

    def _compute(self) -> None:
        tissue = self._tissue()
        found = arterial_delay(tissue.curves, tissue.arterial, self.inputs.repetition_time_s, tissue.arrival)
        self.save_image("delay", tissue.volume(found.delay), tissue.brain)
        self.save_image("delaysd", tissue.volume(found.sd), tissue.brain)

    def _smoothed(self, curves: np.ndarray, within: Mask, voxel_size_mm: ArrayLike) -> np.ndarray:
        """Return curves smoothed by a Gaussian: their noise stays independent from frame to frame, as it must be."""
        if self._is_ct():
            return smoothed_curves(curves, within, voxel_size_mm, SMOOTHING_FWHM_MM)
        return super()._smoothed(curves, within, voxel_size_mm)


class SegmentDelayInputSpec(CleaningInputSpec):
    """Inputs of `SegmentDelay`."""

    delay = File(exists=True, mandatory=True, desc="arterial delay (s)")


class SegmentDelayOutputSpec(TraitedSpec):
    """Outputs of `SegmentDelay`."""

    delay3 = image("tissue with an arterial delay above 3 s")
    delay6 = image("tissue with an arterial delay above 6 s")
    curves = document("volume (mL) against the threshold of the arterial delay (s)")


class SegmentDelay(HypoperfusionStep):
    """Find the tissue that blood reaches late, cleaned as the hypoperfused tissue is."""

    input_spec = SegmentDelayInputSpec
    output_spec = SegmentDelayOutputSpec

    def _compute(self) -> None:
        self._refuse_faults("delay", "brain", "reference")
        delay, brain = nifti.load(self.inputs.delay), nifti.load(self.inputs.brain)
        find = self._finder(brain, self._half(brain))(delay.data)
        extra: dict[str, Any] = {"Warnings": said} if (said := self._warnings()) else {}
        for threshold_s in (3, 6):
            self.save_image(f"delay{threshold_s}", find(float(threshold_s)), delay, **extra)
        curve = [[limit, volume_ml(find(limit), brain.affine)] for limit in TABULATED["arterial_delay"]]
        self.save_document("curves", {"Curves": {"arterial_delay": curve}})
