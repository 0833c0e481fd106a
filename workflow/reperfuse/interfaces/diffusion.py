"""Steps of the diffusion stage: ADC and core."""

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits
from numpy.typing import NDArray

from reperfuse.diffusion.adc import fit_adc
from reperfuse.diffusion.core import core_finder
from reperfuse.diffusion.noise import DiffusionNoise, map_noise, series_noise
from reperfuse.diffusion.plausible import check_adc
from reperfuse.diffusion.units import NOT_UNDERSTOOD, convert_adc, spelled
from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.head.brain import brain_mask, is_stripped
from reperfuse.head.content import check_clipped, check_lesion_size
from reperfuse.head.coverage import check_extent
from reperfuse.head.mirror import reflect
from reperfuse.head.tissue import csf_mask
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined, sweep, takes
from reperfuse.interfaces.chain import Chain, Link
from reperfuse.interfaces.head import ExtractBrain
from reperfuse.mismatch.stability import thresholds
from reperfuse.study.options import defaults
from reperfuse.volumes.arrays import Mask
from reperfuse.volumes.image import Image, crop, is_same_grid, volume_ml
from reperfuse.volumes.noise import Noise, generator

#: Of a trace image that does not say, s/mm².
_B_VALUE = 1000.0
#: Around the brain, where a core is found: nothing farther away is looked at.
_MARGIN_MM = 12.0


class ComputeADCInputSpec(StepInputSpec):
    """Inputs of `ComputeADC`: a series with its b-values, or else the scanner's maps."""

    dwi = File(exists=True, of_study=True, xor=["adc"], requires=["bvals"], desc="diffusion-weighted series (a.u.)")
    bvals = File(exists=True, of_study=True, desc="its b-values (s/mm²), FSL format")
    bvecs = File(exists=True, of_study=True, desc="its directions, FSL format; only to refuse a series of one or two")
    adc = File(exists=True, of_study=True, xor=["dwi"], desc="the scanner's ADC map")
    trace = File(exists=True, of_study=True, desc="the scanner's trace-weighted image (a.u.)")
    units = traits.Str(desc="unit of the scanner's ADC map, from its sidecar; empty if it does not say")
    b_value = traits.Float(_B_VALUE, usedefault=True, desc="b-value of the trace image (s/mm²)")


class ComputeADCOutputSpec(TraitedSpec):
    """Outputs of `ComputeADC`."""

    adc = image("apparent diffusion coefficient", "mm2/s", whole_head=True)
    trace = image("trace-weighted image", "arbitrary", whole_head=True)
    reference = image("image the session's diffusion is registered by", "arbitrary")


class ComputeADC(Step):
    """Fit ADC to a diffusion-weighted series, or bring the scanner's ADC map to mm²/s.

    Where the scanner gave no trace-weighted image, exp(−b·ADC) stands in for it.
    """

    input_spec = ComputeADCInputSpec
    output_spec = ComputeADCOutputSpec

    def _compute(self) -> None:
        if isdefined(self.inputs.dwi):
            self._fit()
        else:
            self._convert()

    def _fit(self) -> None:
        series = nifti.load(self.inputs.dwi)
        bvals = _read_numbers(self.inputs.bvals, "b-values").ravel()
        bvecs = _read_numbers(self.inputs.bvecs, "diffusion directions") if isdefined(self.inputs.bvecs) else None
        found = fit_adc(series.data, bvals, bvecs)
        brain = _brain(found.b0, series)
        said = self._doubts(found.adc, brain, series, series.data)
        self._stripped = is_stripped(found.b0, series.voxel_size_mm)
        self._save("adc", found.adc, series, Source="fitted to the diffusion-weighted series", **said)
        fitted = {"Source": "fitted to the diffusion-weighted series"}
        noise = None if brain is None else series_noise(series.data, bvals, brain)
        self._save("trace", found.trace, series, BValue=found.trace_b, **fitted, **_told(noise))
        self._save("reference", found.b0, series, **fitted)

    def _doubts(self, adc: NDArray[Any], brain: Mask | None, like: Image, stored: NDArray[Any]) -> dict[str, Any]:
        """Return what the sidecar of the ADC says of images that may not be what they stand for."""
        if brain is None:
            return {}
        check_adc(adc, brain, like.affine)
        warnings = check_clipped(stored, brain)
        if self.inputs.units == NOT_UNDERSTOOD:
            warnings.append("the unit stated for the ADC is not understood, so it was taken from the brain's median")
        return {"Warnings": warnings} if warnings else {}

    def _convert(self) -> None:
        scanner = nifti.load(self.inputs.adc)
        self.inputs.units = spelled(self.inputs.units or None)  # it goes into sidecars
        adc, factor, how = convert_adc(scanner.data, self.inputs.units or None)
        trace, source = np.exp(-self.inputs.b_value * adc), "computed as exp(-b ADC)"
        if isdefined(self.inputs.trace):
            stored = nifti.load(self.inputs.trace)
            if not is_same_grid(stored, scanner):
                raise DataFault("the scanner's trace image and ADC map lie on different grids; export both again")
            trace, source = stored.data, "scanner"
        brain = _brain(trace, scanner)
        said = self._doubts(adc, brain, scanner, trace)
        self._stripped = is_stripped(np.nan_to_num(trace), scanner.voxel_size_mm)
        self._save("adc", adc, scanner, Source="scanner", Factor=factor, FactorSource=how, **said)
        # computed from the ADC, the trace holds all of its noise
        noise = None if brain is None else map_noise(trace, brain, self.inputs.b_value, is_alone=source != "scanner")
        self._save("trace", trace, scanner, Source=source, BValue=self.inputs.b_value, **_told(noise))
        self._save("reference", trace, scanner, Source=source)

    def _save(self, name: str, data: NDArray[Any], like: Image, **extra: Any) -> None:
        self.save_image(name, data, like, SkullStripped=self._stripped, **extra)


def _brain(reference: NDArray[Any], like: Image) -> Mask | None:
    """Find the brain; None where it is not found: the step that needs it says so, or is given one."""
    try:
        return brain_mask(reference, like.voxel_size_mm)
    except DataFault:
        return None


def _told(noise: DiffusionNoise | None) -> dict[str, Any]:
    """Return what the sidecar of the trace says of its noise."""
    return {} if noise is None else {"Noise": asdict(noise)}


def read_noise(trace: str) -> DiffusionNoise | None:
    """Return the noise of diffusion images from the sidecar of the trace; None where it is not known."""
    known = read_sidecar(trace).get("Noise")
    if known is None:
        return None
    images = {name: Noise(known[name]["sd"], tuple(known[name]["correlation"])) for name in ("trace", "b0")}
    return DiffusionNoise(**images, b_value=known["b_value"])


def _read_numbers(path: str, what: str) -> NDArray[np.float64]:
    """Read an FSL gradient file, (rows, columns)."""
    lines = Path(path).read_text(encoding="utf-8-sig", errors="replace").split("\n")
    try:
        return np.array([line.split() for line in lines if line.strip()], float)
    except ValueError:
        raise DataFault(f"the {what} are not a table of numbers; write the file again") from None


@takes("core")
@takes("hypoperfusion", "csf_adc")
class SegmentCoreInputSpec(StepInputSpec):
    """Inputs of `SegmentCore`."""

    adc = File(exists=True, mandatory=True, desc="ADC (mm²/s)")
    trace = File(exists=True, mandatory=True, desc="trace-weighted image (a.u.)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    mirror = File(exists=True, mandatory=True, desc="the head's mirror plane")


class SegmentCoreOutputSpec(TraitedSpec):
    """Outputs of `SegmentCore`."""

    core = image("diffusion lesion")


class CoreStep(Step):
    """A step that finds the diffusion core the way its inputs say."""

    def _finder(self, adc: Image) -> Callable[[float], np.ndarray]:
        """Return the function that gives the core below a threshold (mm²/s)."""
        trace, brain = nifti.load(self.inputs.trace), nifti.load(self.inputs.brain)
        find = self._finder_in(adc, trace, brain)
        self._doubts = [*read_sidecar(self.inputs.adc).get("Warnings", []), *check_extent(brain.mask, brain.affine)]

        def find_plausible(adc_threshold: float) -> np.ndarray:
            core = find(adc_threshold)
            check_lesion_size("the core", volume_ml(core, adc.affine), brain.mask, brain.affine)
            return core

        return find_plausible

    def _finder_in(self, adc: Image, trace: Image, brain: Image) -> Callable[[float], np.ndarray]:
        """Return the function that gives the core of some maps, be it larger than a core can be."""
        mirrored = None
        if not reasons(self.inputs.mirror):
            mirrored = reflect(trace.data, trace.affine, load_mirror(self.inputs.mirror))
        return core_finder(
            adc.data,
            trace.data,
            brain.mask,
            adc.voxel_size_mm,
            mirrored_trace=mirrored,
            csf_adc=self.inputs.csf_adc,
            b_value=float(read_sidecar(self.inputs.trace).get("BValue", _B_VALUE)),
            **self._options("core", "adc_threshold"),
        )


class SegmentCore(CoreStep):
    """Find the diffusion core; without a mirror plane, by its brightness against the whole brain, and it says so."""

    input_spec = SegmentCoreInputSpec
    output_spec = SegmentCoreOutputSpec
    does_without = ("mirror",)

    def _compute(self) -> None:
        adc, brain = nifti.load(self.inputs.adc), nifti.load(self.inputs.brain)
        core = self._finder(adc)(self.inputs.adc_threshold)
        # fluid left out: how much of it a mask holds says nothing of the b-values
        tissue = brain.mask & ~csf_mask(brain.mask, adc=adc.data, csf_adc=self.inputs.csf_adc)
        median = float(np.nanmedian(adc.data[tissue])) if tissue.any() else math.nan
        warnings = [
            f"found without its mirror image, so tissue that is bright on both sides may count ({reason})"
            for reason in reasons(self.inputs.mirror)
        ]
        warnings += self._doubts
        extra: dict[str, Any] = {"Warnings": warnings} if warnings else {}
        self.save_image("core", core, adc, BrainMedianADC=median, **extra)


@takes("intervals", "resamples")
class SweepCoreInputSpec(SegmentCoreInputSpec):
    """Inputs of `SweepCore`."""

    half_width = traits.Float(
        defaults("stability")["adc"], usedefault=True, desc="how far the threshold is moved either way (mm²/s)"
    )


class SweepCoreOutputSpec(TraitedSpec):
    """Outputs of `SweepCore`."""

    curves = document("volume (mL) of the core against the threshold of the ADC (mm²/s)")
    adc_sweep = sweep("diffusion lesion with ADC below")


class SweepCore(CoreStep):
    """Measure the core at every threshold in use and around its own."""

    input_spec = SweepCoreInputSpec
    output_spec = SweepCoreOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        self._refuse_faults("adc", "trace", "brain")
        adc = nifti.load(self.inputs.adc)
        find = self._finder(adc)
        limits = thresholds("adc", self.inputs.half_width, self.inputs.adc_threshold)
        masks = {limit: find(limit) for limit in limits}
        curve = [[limit, volume_ml(mask, adc.affine)] for limit, mask in masks.items()]
        self.save_document("curves", {"Curves": {"adc": curve}, "Draws": self._draws(adc)})
        self.save_sweep("adc_sweep", masks, adc, "mm2/s", self.inputs.adc_threshold)

    def _draws(self, adc: Image) -> dict[str, list[float]]:
        """Return the core's volume (mL) in maps with noise added; empty where the noise is not known."""
        noise, whole_brain = read_noise(self.inputs.trace), nifti.load(self.inputs.brain)
        if noise is None:
            return {}
        boxed, box = crop(adc, whole_brain.mask, _MARGIN_MM)
        trace, brain = (Image(one.data[box], boxed.affine) for one in (nifti.load(self.inputs.trace), whole_brain))
        random, volumes = generator(trace.data), []
        for _ in range(self.inputs.resamples):
            noisy_adc, noisy_trace = noise.add(boxed.data, trace.data, random)
            maps = Image(noisy_adc, boxed.affine), Image(noisy_trace, boxed.affine)
            core = self._finder_in(*maps, brain)(self.inputs.adc_threshold)
            volumes.append(volume_ml(core, adc.affine))
        return {"core_ml": volumes}


class MeasureCore(Chain):
    """Find the diffusion core, and measure it at every threshold."""

    links = (Link(SegmentCore), Link(SweepCore))


class PrepareDiffusion(Chain):
    """Make a session's diffusion ready: ADC and trace image, its brain and the plane that mirrors it."""

    links = (Link(ComputeADC), Link(ExtractBrain))
