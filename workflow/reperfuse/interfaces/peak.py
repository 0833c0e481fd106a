"""The step that tells late tissue by the peak of its curve, without an arterial input."""

from typing import Any

import numpy as np
from nipype.interfaces.base import TraitedSpec

from reperfuse.files import nifti
from reperfuse.interfaces.base import image, takes
from reperfuse.interfaces.hypoperfusion import CleaningInputSpec, HypoperfusionStep
from reperfuse.interfaces.perfusion import CurvesInputSpec, CurvesStep
from reperfuse.mismatch.stability import TABULATED
from reperfuse.perfusion.deconvolution import time_to_peak
from reperfuse.perfusion.hypoperfusion import normal_level
from reperfuse.volumes.image import volume_ml

#: How much later than normal tissue's a peak is in tissue whose Tmax is above 6 s, s (doi:10.3389/fneur.2017.00539).
_LATE_S = 4.5


@takes("concentration", "smoothing_fwhm_mm", "window_s")
class MapTimeToPeakInputSpec(CleaningInputSpec, CurvesInputSpec):
    """Inputs of `MapTimeToPeak`."""


class MapTimeToPeakOutputSpec(TraitedSpec):
    """Outputs of `MapTimeToPeak`."""

    ttp = image("time from bolus arrival to the peak of ΔR2*", "s", caplex={"Q.CD1.010": "Time to peak"})
    rttp45 = image("tissue whose ΔR2* peaks more than 4.5 s later than normal tissue's")


class MapTimeToPeak(HypoperfusionStep, CurvesStep):
    """Map the time to peak, and find the tissue in which it is late, cleaned as hypoperfused tissue is.

    Large vessels are told by the area of their curves, which is their CBV in a unit that no artery is needed for.
    """

    input_spec = MapTimeToPeakInputSpec
    output_spec = MapTimeToPeakOutputSpec

    def _compute(self) -> None:
        self._refuse_faults("series", "brain", "reference")
        self._check_times()
        series, brain = self._series(), nifti.load(self.inputs.brain)
        dt_s, baseline = self.inputs.repetition_time_s, self._find_baseline(series, brain)
        curves, whole = self._first_passage(series, brain, baseline)
        ttp, area = np.full((2, *whole.shape), np.nan, np.float32)
        ttp[whole] = time_to_peak(curves, dt_s, baseline.arrival - baseline.first)
        area[whole] = curves.sum(axis=-1)
        self.save_image("ttp", ttp, brain)
        find = self._finder(brain, self._half(brain), area)(ttp)
        normal_s = normal_level(ttp, brain.mask & ~self._fluid(brain), find, _LATE_S)
        extra: dict[str, Any] = {"Warnings": said} if (said := self._warnings()) else {}
        extra["NormalTTP"] = normal_s
        volumes = ([later_s, volume_ml(find(normal_s + later_s), brain.affine)] for later_s in TABULATED["rttp"])
        extra["Curves"] = {"rttp": list(volumes)}
        self.save_image("rttp45", find(normal_s + _LATE_S), brain, **extra)
