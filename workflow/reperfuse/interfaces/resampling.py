"""The step that measures a perfusion series again and again with noise of its own kind added."""

from collections.abc import Mapping

import numpy as np
from nipype.interfaces.base import File, TraitedSpec

from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.interfaces.base import document, image, takes
from reperfuse.interfaces.hypoperfusion import HypoperfusionInputSpec, HypoperfusionStep
from reperfuse.interfaces.perfusion import DeconvolutionStep, DeconvolvePerfusionInputSpec
from reperfuse.mismatch.criteria import VOLUMES
from reperfuse.mismatch.sweep import Finder, sweep_perfusion
from reperfuse.volumes.image import Image, crop
from reperfuse.volumes.noise import generator, series_noise


@takes("intervals", "resamples")
class ResamplePerfusionInputSpec(DeconvolvePerfusionInputSpec, HypoperfusionInputSpec):
    """Inputs of `ResamplePerfusion`."""

    rcbf = File(exists=True, mandatory=True, desc="relative CBF (1)")
    rcbv = File(exists=True, mandatory=True, desc="relative CBV (1)")


class ResamplePerfusionOutputSpec(TraitedSpec):
    """Outputs of `ResamplePerfusion`."""

    draws = document("volumes (mL) that the series gives with noise added")
    rcbv_sd = image("standard deviation of relative CBV by the noise of the series", "1")


class ResamplePerfusion(DeconvolutionStep, HypoperfusionStep):
    """Add noise of its own kind to a series, and measure its deficit again, a number of times.

    The arterial input, the brain, fluid, vessels and normal tissue stay those of the series itself.
    """

    input_spec = ResamplePerfusionInputSpec
    output_spec = ResamplePerfusionOutputSpec

    def _compute(self) -> None:
        self._refuse_faults("series", "brain", "curves", "tmax", "reference", "cbv")
        brain, baseline = nifti.load(self.inputs.brain), self._baseline()
        last = baseline.arrival + round(self.inputs.window_s / self.inputs.repetition_time_s)
        boxed, box = crop(self._series(), brain.mask)
        series, inside = np.ascontiguousarray(boxed.data[..., :last]), Image(brain.data[box], boxed.affine)
        noise, random = series_noise(series[..., baseline.frames], inside.mask), generator(series)
        finder, normal = self._finder(brain, self._half(brain)), self._normal_means()
        drawn: dict[str, list[float]] = {}
        own = nifti.load(self.inputs.cbv).data
        squares, counts = np.zeros((2, *brain.data.shape))
        for _ in range(self.inputs.resamples):
            noisy = noise.draw(series.shape, random)
            noisy += series
            maps = {name: np.full(brain.data.shape, np.nan, np.float32) for name in ("tmax", "cbf", "cbv")}
            found = self._maps(self._tissue_of(Image(noisy, boxed.affine), inside))
            for name, whole in maps.items():
                whole[box] = found[name]
            change = maps["cbv"] - own
            squares += np.nan_to_num(change) ** 2
            counts += np.isfinite(change)
            for name, ml in _volumes(maps, brain, finder, normal).items():
                drawn.setdefault(name, []).append(ml)
        about = {"NoiseSD": noise.sd, "NoiseCorrelation": noise.correlation}
        self.save_document("draws", about | {"Draws": drawn})
        with np.errstate(invalid="ignore"):
            spread = np.sqrt(squares / counts) / normal.get("cbv", np.nan)
        self.save_image(
            "rcbv_sd",
            spread,
            brain,
            SmoothingFWHMMm=self.inputs.smoothing_fwhm_mm,
            NoiseSD=noise.sd,
            NoiseCorrelation=noise.correlation,
        )

    def _normal_means(self) -> dict[str, float]:
        """Return CBF and CBV of the series' normal tissue; empty where that is not known."""
        paths = {"cbf": self.inputs.rcbf, "cbv": self.inputs.rcbv}
        if any(reasons(path) for path in paths.values()):
            return {}
        return {name: float(read_sidecar(path)["NormalTissueMean"]) for name, path in paths.items()}


def _volumes(
    maps: Mapping[str, np.ndarray], brain: Image, finder: Finder, normal: Mapping[str, float]
) -> dict[str, float]:
    """Return the volumes (mL) of the deficit that maps show, by the names of `VOLUMES`."""
    deficit = finder(maps["tmax"])(6.0)
    relative = (maps["cbf"] / normal["cbf"], maps["cbv"] / normal["cbv"]) if normal else None
    still = dict.fromkeys(("tmax", "delay", "rcbf", "rmtt"), 0.0)
    swept = sweep_perfusion(maps["tmax"], brain.mask, deficit, brain.affine, finder, still, relative=relative)
    curves = {name: {point[0]: point[1] for point in curve} for name, curve in swept.curves.items()}
    return {
        name: curves[source][threshold]
        for name, (source, threshold) in VOLUMES.items()
        if source in curves and threshold is not None
    }
