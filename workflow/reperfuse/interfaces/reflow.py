"""The step that compares the lesion's blood volume with its mirror's."""

import math
from dataclasses import asdict

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.sidecars import read_number, read_sidecar, reasons
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined, sweep, takes
from reperfuse.serial.definitions import Comparisons, Preset, Reading, unjudged
from reperfuse.serial.imr import Definition, Impairment, Scene, find_impairment
from reperfuse.study import options
from reperfuse.volumes.image import Image
from reperfuse.volumes.noise import Noise, generator
from reperfuse.volumes.smoothing import smooth_inside

#: The inputs that hold the lesion of each source, and what each is called.
_LESIONS = {"followup": "lesion", "core": "baseline_core", "deficit": "baseline_deficit"}
_CALLED = {
    "rcbv": "relative CBV, which ASL does not measure",
    "rcbf": "relative CBF",
    "tmax6": "map of Tmax above 6 s, which ASL does not measure",
    "tmax4": "map of Tmax above 4 s",
    "followup": "follow-up lesion",
    "core": "core at baseline",
    "deficit": "deficit at baseline",
}
#: What is not known without the ADC after treatment.
_FLUID = "fluid in the lesion, which may count as impaired, for there is no ADC after treatment"


@takes("hypoperfusion", "csf_adc", "vessel_ratio")
@takes("intervals", "resamples")
@takes(
    "imr",
    *("map", "lesion_source", "asymmetry_threshold", "rule"),
    *("noise_limit", "min_volume_ml", "min_covered_share", "min_one_sided_share"),
)
class MapReflowInputSpec(StepInputSpec):
    """Inputs of `MapReflow`; all images in the perfusion space after treatment."""

    rcbv = File(exists=True, desc="relative CBV after treatment (1), where a bolus was followed")
    rcbf = File(exists=True, desc="relative CBF after treatment (1)")
    tmax4 = File(exists=True, desc="tissue with Tmax above 4 s after treatment")
    deficit = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s, or of low flow, after treatment")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    lesion = File(exists=True, desc="follow-up lesion")
    baseline_core = File(exists=True, desc="core before treatment")
    baseline_deficit = File(exists=True, desc="tissue with Tmax above 6 s before treatment")
    early = File(exists=True, desc="diffusion lesion after treatment: the early part of the lesion")
    adc = File(exists=True, desc="ADC after treatment (mm²/s)")
    rcbv_sd = File(exists=True, desc="standard deviation of relative CBV by the noise of the series (1)")
    mirror = File(exists=True, mandatory=True, desc="the head's mirror plane")
    definitions = traits.Dict(
        options.measured_by(options.read_definitions(options.REFLOW_PRESETS, options.defaults("imr"))),
        usedefault=True,
        desc="map, lesion_source, rule and asymmetry_threshold of each definition that is read besides",
    )


class MapReflowOutputSpec(TraitedSpec):
    """Outputs of `MapReflow`."""

    mirrored = image("relative CBV of the homologous point", "1")
    asymmetry = image("(rCBV - mirror)/mirror", "1")
    imr = image("lesion voxels with impaired microvascular reperfusion")
    asymmetry_sweep = sweep("tissue of the lesion below its mirror by more than")
    measures = document("impaired microvascular reperfusion (mL)")


class MapReflow(Step):
    """Compare the lesion's rCBV after treatment with its mirror's, by the study's definition and by every other."""

    input_spec = MapReflowInputSpec
    output_spec = MapReflowOutputSpec
    does_without = ("rcbv_sd", "rcbf", "tmax4", "early", "adc", *_LESIONS.values())
    #: By every definition; empty until they could be read.
    _readings: tuple[Reading, ...] = ()

    def _compute(self) -> None:
        definition = Definition(vessel_ratio=self.inputs.vessel_ratio, **self._options("imr", "map", "lesion_source"))
        own = Preset(**{key: getattr(self.inputs, key) for key in options.MEASURED_BY})
        missing: dict[str, str] = {}
        maps, scenes = self._maps(missing), self._scenes(missing)
        comparisons = Comparisons(maps, scenes, definition, missing)
        try:
            found = _find(own, maps, scenes, definition, missing)
            comparisons.remember(own, found.shown, found.judged, found.medians)
        finally:
            # one definition may lack what another has
            presets = self._presets().items()
            self._readings = tuple(row for name, one in presets for row in comparisons.readings(name, one))
        draws = self._draws(own, maps, scenes, definition)
        self._save(found, maps["rcbv"], found.judged.null_ml if own.is_compared else math.nan, draws)

    def _presets(self) -> dict[str, Preset]:
        return {name: Preset(**settings) for name, settings in self.inputs.definitions.items()}

    def _maps(self, missing: dict[str, str]) -> dict[str, Image]:
        """Load the maps that definitions compare or count; of one that is not there, note why."""
        maps = {"tmax6": nifti.load(self.inputs.deficit)}
        for name in ("rcbf", "tmax4"):
            if path := self._path_or_reason(name, name, missing):
                maps[name] = nifti.load(path)
        if isdefined(self.inputs.rcbv):
            return maps | {"rcbv": nifti.load(self.inputs.rcbv)}
        # with ASL, flow alone stands for what is compared with its mirror
        self._refuse_faults("rcbf")
        missing |= {name: f"there is no {_CALLED[name]}" for name in ("rcbv", "tmax6")}
        return {"rcbv": maps["rcbf"], "rcbf": maps["rcbf"]}

    def _scenes(self, missing: dict[str, str]) -> dict[str, Scene]:
        """Load the head with the lesion of each source; of one that is not there, note why."""
        brain, deficit = (nifti.load(path).mask for path in (self.inputs.brain, self.inputs.deficit))
        plane = load_mirror(self.inputs.mirror)
        adc, early = self._good("adc"), self._good("early")
        early_part = nifti.load(early).mask if early else None
        fluid = nifti.load(adc).data > self.inputs.csf_adc if adc and self.inputs.csf_adc is not None else None
        scenes = {}
        for source, name in _LESIONS.items():
            if path := self._path_or_reason(name, source, missing):
                known, lesion = read_sidecar(path), nifti.load(path).mask
                ml, share = (read_number(known[key]) for key in ("LesionMl", "ShareInFieldOfView"))
                scenes[source] = Scene(lesion, brain, deficit, plane, ml, share, early=early_part, fluid=fluid)
        return scenes

    def _path_or_reason(self, name: str, called: str, missing: dict[str, str]) -> str | None:
        path = getattr(self.inputs, name)
        if not isdefined(path):
            missing[called] = f"there is no {_CALLED[called]}"
        elif said := reasons(path):
            missing[called] = "; ".join(said)
        return None if called in missing else str(path)

    def _draws(
        self, own: Preset, maps: dict[str, Image], scenes: dict[str, Scene], definition: Definition
    ) -> dict[str, list[float]]:
        """Return the impaired volume (mL) with noise added to relative CBV; empty where another map decides."""
        path = self._good("rcbv_sd")
        if path is None or own.map != "rcbv":
            return {}
        spread, about, rcbv = nifti.load(path).data, read_sidecar(path), maps["rcbv"]
        noise, random, volumes = Noise(1.0, tuple(about["NoiseCorrelation"])), generator(rcbv.data), []
        known = np.isfinite(rcbv.data) & np.isfinite(spread)
        for _ in range(self.inputs.resamples):
            field = noise.draw(rcbv.data.shape, random)
            field = smooth_inside(field, known, rcbv.voxel_size_mm, about["SmoothingFWHMMm"])
            noisy = Image(rcbv.data + spread * field / np.nanstd(field), rcbv.affine)
            volumes.append(_find(own, maps | {"rcbv": noisy}, scenes, definition, {}).imr_ml)
        return {"imr_ml": volumes}

    def _save(self, found: Impairment, rcbv: Image, null_ml: float, draws: dict[str, list[float]]) -> None:
        note = {"SmoothingFWHMMm": found.judged.smoothing_fwhm_mm, "NoiseSD": found.judged.noise_sd}
        if isdefined(self.inputs.rcbv):
            self.save_image("mirrored", found.shown.mirror, rcbv, **note)
            self.save_image("asymmetry", found.shown.asymmetry, rcbv, **note)
        else:
            self.save_image(
                "mirrored", found.shown.mirror, rcbv, **note, Description="relative CBF of the homologue (1)"
            )
            self.save_image("asymmetry", found.shown.asymmetry, rcbv, **note, Description="(rCBF - mirror)/mirror (1)")
        self.save_image("imr", found.imr, rcbv, **note)
        own = self.inputs.asymmetry_threshold
        self.save_sweep("asymmetry_sweep", found.judged.sweep, rcbv, "1", own)
        sweep_ml = {f"{threshold:.2f}": ml for threshold, ml in found.judged.sweep_ml.items()}
        measures = {
            "imr_ml": found.imr_ml,
            "imr_fraction": found.imr_fraction,
            "imr_null_ml": null_ml,
            "imr_covered": found.covered,
            "asymmetry_sweep_ml": sweep_ml,
            "Draws": draws,
            "NotEvaluable": found.doubts,
            "NotChecked": [] if self._good("adc") or self.inputs.csf_adc is None else [_FLUID],
            "Definitions": [asdict(row) for row in self._readings],
        }
        medians = {f"rcbv_asymmetry_median{name}": value for name, value in found.medians.items()}
        self.save_document("measures", note | measures | medians)

    def save_fault(self, name: str, reasons: list[str]) -> None:
        """Save an output without a value; the document has what other definitions than the study's give."""
        if name != "measures":
            super().save_fault(name, reasons)
            return
        readings = self._readings or unjudged(self._presets(), "; ".join(reasons))
        self.save_document(name, {"Reasons": reasons, "Definitions": [asdict(row) for row in readings]})


def _find(
    own: Preset, maps: dict[str, Image], scenes: dict[str, Scene], definition: Definition, missing: dict[str, str]
) -> Impairment:
    """Find impaired reflow by the study's own definition."""
    said = [missing[needed] for needed in (own.map, own.lesion_source) if needed in missing]
    if said:
        raise DataFault("; ".join(said))
    return find_impairment(
        maps["rcbv"],
        scenes[own.lesion_source],
        definition,
        rcbf=maps["rcbf"] if own.map == "rcbf" else None,
        delayed=None if own.is_compared else maps[own.map].mask,
    )
