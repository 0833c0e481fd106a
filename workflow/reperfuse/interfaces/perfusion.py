"""Steps that make maps of a realigned series of a bolus passage."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits
from numpy.typing import ArrayLike

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.references import is_hu
from reperfuse.files.sidecars import read_sidecar
from reperfuse.files.tables import read_columns
from reperfuse.head import mirror
from reperfuse.head.bone import fluid_on_ct
from reperfuse.head.tissue import csf_mask, normal_tissue
from reperfuse.interfaces.base import Step, StepInputSpec, image, isdefined, takes
from reperfuse.interfaces.motion import read_poses
from reperfuse.perfusion.attenuation import (
    BRAIN_LEVEL_HU,
    enhancement,
    find_ct_baseline,
    is_vessel,
    measured,
    tissue_curve,
    widened,
)
from reperfuse.perfusion.bolus import Baseline, brain_curve, find_baseline
from reperfuse.perfusion.concentration import align_slices, delta_r2star
from reperfuse.perfusion.deconvolution import PerfusionMaps, deconvolve
from reperfuse.perfusion.leakage import remove_leakage
from reperfuse.perfusion.nuisance import remove_nuisance
from reperfuse.perfusion.timing import check_times
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.geometry import apply_matrix
from reperfuse.volumes.image import Image
from reperfuse.volumes.likeness import alike_means
from reperfuse.volumes.morphology import box_of
from reperfuse.volumes.smoothing import smoothed_curves


class CurvesInputSpec(StepInputSpec):
    """Inputs of a step that works on the curves of a series: ΔR2* (s⁻¹) of DSC, enhancement (HU) of CT."""

    series = File(exists=True, mandatory=True, desc="motion-corrected DSC series (a.u.), or CT series (HU)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    repetition_time_s = traits.Float(mandatory=True, desc="time between frames (s)")
    modality = traits.Enum("dsc", "ctp", usedefault=True, desc="kind of the series: DSC-MRI or CT perfusion")
    echo_time_s = traits.Union(traits.Float(), None, desc="echo time (s); CT has none")
    slice_times_s = traits.List(traits.Float(), desc="when each slice is acquired, after its frame begins (s)")
    slice_axis = traits.Enum(2, 0, 1, usedefault=True, desc="voxel axis of the slices")


class CurvesStep(Step):
    """A step that works on the curves of a series."""

    def _is_ct(self) -> bool:
        return bool(self.inputs.modality == "ctp")

    def _sidecar(self, name: str, extra: dict[str, Any]) -> dict[str, Any]:
        """Return what a sidecar holds; of CT, it says so."""
        content = super()._sidecar(name, extra)
        if self._is_ct():
            content["Parameters"].pop("echo_time_s", None)
            return content | {"Modality": "CT"}
        content["Parameters"].pop("modality")
        return content

    def _check_times(self) -> None:
        """Make sure that the times are there, and are those of a series of this kind."""
        echo_s = self.inputs.echo_time_s
        if self._is_ct():
            check_times(self.inputs.repetition_time_s)
        elif not isdefined(echo_s) or echo_s is None:
            raise ValueError("echo_time_s is needed for a DSC series")
        else:
            check_times(self.inputs.repetition_time_s, echo_s)

    def _series(self) -> Image:
        """Return the series; of CT, with NaN where it has no value."""
        series = nifti.load(self.inputs.series)
        return Image(measured(series.data), series.affine) if self._is_ct() else series

    def _find_baseline(self, series: Image, brain: Image) -> Baseline:
        dt_s = self.inputs.repetition_time_s
        if self._is_ct():
            return find_ct_baseline(tissue_curve(series.data, brain.mask), dt_s)
        return find_baseline(brain_curve(series.data, brain.mask), dt_s)

    def _curves(self, series: Image, baseline: Baseline) -> np.ndarray:
        """Return curves from the first frame at steady state on: earlier ones say nothing of contrast."""
        if self._is_ct():
            return enhancement(series.data, baseline)[..., baseline.first :]
        curves = delta_r2star(series.data, self.inputs.echo_time_s, baseline)[..., baseline.first :]
        times, dt_s = self.inputs.slice_times_s, self.inputs.repetition_time_s
        return align_slices(curves, times, dt_s, self.inputs.slice_axis) if times else curves

    def _first_passage(self, series: Image, brain: Image, baseline: Baseline) -> tuple[np.ndarray, np.ndarray]:
        """Return smoothed curves of the first passage (n, t), and the voxels (x, y, z) that they are of."""
        window = baseline.arrival - baseline.first + round(self.inputs.window_s / self.inputs.repetition_time_s)
        if self.inputs.slice_times_s or not brain.mask.any():
            box = tuple(map(slice, brain.data.shape))
            curves = self._curves(series, baseline)[..., :window]
        else:
            box = box_of(brain.mask)
            curves = self._curves(Image(series.data[(*box, slice(baseline.first + window))], series.affine), baseline)
        # a voxel that left the field of view for a frame has no whole curve
        within = brain.mask[box] & np.isfinite(curves).all(axis=-1)
        if self._is_ct():
            within &= ~is_vessel(curves)
        whole = np.zeros(brain.data.shape, bool)
        whole[box] = within
        return self._smoothed(curves, within, series.voxel_size_mm), whole

    def _smoothed(self, curves: np.ndarray, within: Mask, voxel_size_mm: ArrayLike) -> np.ndarray:
        """Return the curves (n, t) of the voxels of a mask, averaged with their neighbours."""
        if self._is_ct():
            return alike_means(curves, within, voxel_size_mm)
        return smoothed_curves(curves, within, voxel_size_mm, self.inputs.smoothing_fwhm_mm)


class TissueInputSpec(CurvesInputSpec):
    """Inputs of a step that compares tissue with the arterial input; it takes the options of the curves it needs."""

    curves = File(exists=True, mandatory=True, desc="table of time (s) and aif (ΔR2*, s⁻¹, or HU)")
    transforms = File(exists=True, desc="3×4 matrix of each frame, to remove what motion leaves in the curves (mm)")


@dataclass(frozen=True)
class Tissue:
    """Curves of n voxels and the arterial input on the same t frames.

    Attributes
    ----------
    brain : Image
        The brain mask.
    whole : (x, y, z) bool array
        The voxels: those of the brain that never leave the field of view.
    curves : (n, t) array
        ΔR2*, s⁻¹.
    arterial : (t,) array
        Arterial input, s⁻¹.
    arrival : int
        Frames before the bolus.
    """

    brain: Image
    whole: Mask
    curves: Array
    arterial: Array
    arrival: int

    def volume(self, values: Array) -> Array:
        """Return values of the voxels as an image, NaN elsewhere."""
        image = np.full(self.whole.shape, np.nan, np.float32)
        image[self.whole] = values
        return image


class TissueStep(CurvesStep):
    """A step that compares tissue with the arterial input."""

    def _tissue(self) -> Tissue:
        """Return smoothed curves of the first passage, without what motion and a wrong level leave in them."""
        self._check_times()
        return self._tissue_of(self._series(), nifti.load(self.inputs.brain))

    def _baseline(self) -> Baseline:
        stated = read_sidecar(self.inputs.curves)["Baseline"]
        return Baseline(stated["First"], stated["Arrival"])

    def _tissue_of(self, series: Image, brain: Image) -> Tissue:
        baseline = self._baseline()
        curves, whole = self._first_passage(series, brain, baseline)
        used = slice(baseline.first, baseline.first + curves.shape[-1])
        arterial = read_columns(self.inputs.curves)["aif"][used]
        points_mm = apply_matrix(brain.affine, np.argwhere(whole))
        arrival = baseline.arrival - baseline.first
        tissue = self._without_nuisance(curves, points_mm, arterial, used, arrival)
        return Tissue(brain, whole, tissue, arterial, arrival)

    def _without_nuisance(
        self, tissue: np.ndarray, points_mm: np.ndarray, arterial: np.ndarray, used: slice, arrival: int
    ) -> np.ndarray:
        """Remove the error of each curve's level and, where the motion is given, what follows the displacement."""
        still = np.tile(np.eye(4), (len(arterial), 1, 1))
        poses = read_poses(self.inputs.transforms)[used] if isdefined(self.inputs.transforms) else still
        return remove_nuisance(
            tissue,
            points_mm,
            poses,
            arterial,
            self.inputs.repetition_time_s,
            1 / BRAIN_LEVEL_HU if self._is_ct() else self.inputs.echo_time_s,
            Baseline(0, arrival),
            change_per_mm=self.inputs.motion_signal_per_mm,
        )


@takes("concentration")
@takes("deconvolution")
class DeconvolvePerfusionInputSpec(TissueInputSpec):
    """Inputs of `DeconvolvePerfusion`."""


class DeconvolvePerfusionOutputSpec(TraitedSpec):
    """Outputs of `DeconvolvePerfusion`."""

    cbf = image("cerebral blood flow", "mL/100 g/min", caplex={"Q.PH1.003": "Blood flow"})
    cbv = image("cerebral blood volume", "mL/100 g", caplex={"Q.PH1.001.b": "Relative volume fraction"})
    uncorrected_cbv = image("cerebral blood volume before leakage is corrected for, if it is", "mL/100 g")
    mtt = image("mean transit time", "s", caplex={"Q.PH1.006": "Mean transit time"})
    tmax = image(
        "time to maximum of the residue function",
        "s",
        caplex={"Q.CD1.003": "Data grid point of maximum value", "Q.IC1.002": "Tissue residue function"},
    )


class DeconvolutionStep(TissueStep):
    """A step that deconvolves the tissue curves with the arterial input."""

    def _maps(self, tissue: Tissue) -> dict[str, Array]:
        """Return the maps of tissue, (x, y, z) each, by name."""
        maps = self._deconvolve(tissue.curves, tissue.arterial)
        dt_s = self.inputs.repetition_time_s
        values = {name: getattr(maps, name) for name in ("cbf", "cbv", "mtt", "tmax")}
        if self.inputs.leakage_correction:
            sealed = remove_leakage(tissue.curves, maps.tmax, dt_s)
            values |= {"uncorrected_cbv": maps.cbv, "cbv": self._deconvolve(sealed, tissue.arterial).cbv}
        flows = np.abs(maps.tmax) <= self.inputs.latest_tmax_s
        return {name: tissue.volume(np.where(flows, value, np.nan)) for name, value in values.items()}

    def _deconvolve(self, tissue: np.ndarray, arterial: np.ndarray) -> PerfusionMaps:
        """Return maps of tissue curves; on CT, CBF and MTT are those by a wider arterial input."""
        dt_s, options = self.inputs.repetition_time_s, self._options("deconvolution", "latest_tmax_s")
        maps = deconvolve(tissue, arterial, dt_s, **options)
        if not self._is_ct():
            return maps
        cbf = deconvolve(tissue, widened(arterial, dt_s), dt_s, **options).cbf
        return replace(maps, cbf=cbf, mtt=np.float32(60) * maps.cbv / cbf)


class DeconvolvePerfusion(DeconvolutionStep):
    """Deconvolve the tissue curves with the arterial input."""

    input_spec = DeconvolvePerfusionInputSpec
    output_spec = DeconvolvePerfusionOutputSpec

    def _compute(self) -> None:
        tissue = self._tissue()
        for name, volume in self._maps(tissue).items():
            self.save_image(name, volume, tissue.brain)


@takes("hypoperfusion", "csf_ratio", "vessel_ratio")
class NormalizePerfusionInputSpec(StepInputSpec):
    """Inputs of `NormalizePerfusion`."""

    cbf = File(exists=True, mandatory=True, desc="CBF (mL/100 g/min)")
    cbv = File(exists=True, desc="CBV (mL/100 g), where a bolus was followed")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    reference = File(exists=True, mandatory=True, desc="perfusion reference (a.u., or HU)")
    deficit = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s, or of low flow")
    mirror = File(exists=True, mandatory=True, desc="the head's mirror plane")
    core = File(exists=True, desc="diffusion core in perfusion space")


class NormalizePerfusionOutputSpec(TraitedSpec):
    """Outputs of `NormalizePerfusion`."""

    rcbf = image("CBF over its mean in contralateral normal tissue", "1")
    rcbv = image("CBV over its mean in contralateral normal tissue", "1")


class NormalizePerfusion(Step):
    """Divide CBF and CBV by their means in contralateral normal tissue."""

    input_spec = NormalizePerfusionInputSpec
    output_spec = NormalizePerfusionOutputSpec

    def _compute(self) -> None:
        brain, deficit = nifti.load(self.inputs.brain), nifti.load(self.inputs.deficit)
        lesion = deficit.mask
        if self._good("core"):
            lesion = lesion | nifti.load(self.inputs.core).mask
        half = mirror.half(brain.data.shape, brain.affine, load_mirror(self.inputs.mirror))
        inputs, reference = self.inputs, nifti.load(self.inputs.reference)
        cbv = nifti.load(inputs.cbv) if isdefined(inputs.cbv) else None
        if is_hu(inputs.reference):
            csf = fluid_on_ct(reference.data, brain.mask, brain.voxel_size_mm)
        else:
            csf = csf_mask(brain.mask, reference=reference.data, csf_ratio=inputs.csf_ratio)
        volume = None if cbv is None else cbv.data
        normal = normal_tissue(brain.mask, lesion, half, csf=csf, cbv=volume, vessel_ratio=inputs.vessel_ratio)
        if not normal.any():
            raise DataFault("no normal tissue on the other side to normalise by")
        maps = {"rcbf": nifti.load(self.inputs.cbf).data} | ({} if volume is None else {"rcbv": volume})
        for name, mean in self._means(normal, maps).items():
            self.save_image(name, maps[name] / mean, brain, NormalTissueMean=mean)

    def _means(self, normal: Mask, maps: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return what normal tissue has, by the name of the map that is relative to it."""
        return {name: float(np.nanmean(values[normal])) for name, values in maps.items()}
