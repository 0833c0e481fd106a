"""Steps of a session whose perfusion scan is a CT series."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.head.bone import brain_on_ct, metal_on_ct
from reperfuse.head.coverage import check_extent
from reperfuse.head.outline import sees_through_plane
from reperfuse.interfaces.base import Step, StepInputSpec, image, table
from reperfuse.interfaces.chain import Chain, Link
from reperfuse.interfaces.delay import SegmentDelay
from reperfuse.interfaces.head import ExtractBrain
from reperfuse.interfaces.hypoperfusion import SegmentHypoperfusion, SegmentPenumbra, SweepPerfusion
from reperfuse.interfaces.motion import save_motion
from reperfuse.interfaces.peak import MapTimeToPeak
from reperfuse.interfaces.perfusion import (
    DeconvolutionStep,
    DeconvolvePerfusionInputSpec,
    NormalizePerfusion,
    NormalizePerfusionInputSpec,
    NormalizePerfusionOutputSpec,
)
from reperfuse.interfaces.resampling import ResamplePerfusion
from reperfuse.mismatch.mismatch import flow_core_mask
from reperfuse.perfusion.attenuation import MISSING_HU, find_ct_baseline, find_offset
from reperfuse.perfusion.coarse import Blocks
from reperfuse.perfusion.ct_motion import estimate_ct_motion, realign, square_grid
from reperfuse.perfusion.motion import Motion
from reperfuse.perfusion.nuisance import bridge_matrices
from reperfuse.perfusion.quality import lost_share
from reperfuse.perfusion.sampling import even_times, resample_times
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.image import Image
from reperfuse.volumes.smoothing import cube_means

#: Share of the brain that metal may hide before its perfusion is not known.
_MOST_METAL = 0.2
#: Side of the cubes of normal tissue whose mean curves give its CBF, mm: some hundred voxels.
_REGION_MM = 20.0


class CorrectCtMotionInputSpec(StepInputSpec):
    """Inputs of `CorrectCtMotion`."""

    ctp = File(exists=True, mandatory=True, of_study=True, desc="raw CT perfusion series (HU)")
    repetition_time_s = traits.Float(mandatory=True, desc="time between frames, or what uneven ones are brought to (s)")
    frame_times_s = traits.List(traits.Float(), desc="when each frame was acquired, if they are not even (s)")
    slice_times_s = traits.List(traits.Float(), desc="when each slice is acquired, after its frame begins (s)")
    slice_axis = traits.Enum(2, 0, 1, usedefault=True, desc="voxel axis of the slices")


class CorrectCtMotionOutputSpec(TraitedSpec):
    """Outputs of `CorrectCtMotion`."""

    series = image("motion-corrected CT series at even times; bone and what is not known are -1024", "HU")
    reference = image("mean of the realigned pre-bolus frames", "HU")
    timeseries = table("motion of each frame (mm, rad)")
    transforms = table("3×4 matrix of each frame: world point of the reference to world point of the frame (mm)")


class CorrectCtMotion(Step):
    """Average a CT series to voxels of perfusion, realign its frames, and bring them to even times."""

    input_spec = CorrectCtMotionInputSpec
    output_spec = CorrectCtMotionOutputSpec

    def _compute(self) -> None:
        raw, offset_hu, blocks = self._read()
        frames = raw.data.shape[3]
        times = np.asarray(self.inputs.frame_times_s or self.inputs.repetition_time_s * np.arange(frames))
        baseline = self._before_bolus(raw, times)
        found = estimate_ct_motion(raw.data, raw.affine, baseline)
        grid = square_grid(raw.data.shape[:3], raw.affine)
        aligned, reference = realign(raw.data, raw.affine, found.matrices, baseline, grid)
        unknown: Mask = np.asarray(np.isnan(found.matrices).any(axis=(1, 2)))
        even = even_times(times, self.inputs.repetition_time_s)
        delays = self._slice_times(blocks)
        series = resample_times(aligned, times, even, delays, blocks.across)
        like = Image(reference, np.asarray(grid[1], float))
        brain = brain_on_ct(reference, like.voxel_size_mm)
        notes = self._notes(raw, offset_hu, unknown, times)
        notes += self._without_metal(series, like, brain)
        about = self._about(blocks, offset_hu)
        self.save_image("series", np.nan_to_num(series, nan=MISSING_HU), like, self.inputs.repetition_time_s, **about)
        self.save_image("reference", reference, like, **about)
        self._save(found, unknown, series[brain], (times, even), notes)

    def _read(self) -> tuple[Image, float, Blocks]:
        """Return the series on coarse voxels, HU, what was added to them, and the blocks that were averaged."""
        stream = nifti.each_frame(self.inputs.ctp)
        first = next(stream)
        blocks = Blocks.of(first.data.shape, first.affine)
        offset_hu = find_offset(first.data[tuple(slice(None, None, count) for count in blocks.counts)])
        frames = [blocks.mean(frame.data, offset_hu) for frame in itertools.chain([first], stream)]
        if len(frames) < 2:
            raise DataFault("the CT perfusion series has a single frame; export the whole series")
        return Image(np.stack(frames, axis=3), np.asarray(blocks.affine, float)), offset_hu, blocks

    def _before_bolus(self, raw: Image, times: Array) -> slice:
        """Return the frames before the bolus, by the median of the brain, which the skull of a moving head spares."""
        voxel = raw.voxel_size_mm
        mean = np.median(raw.data[..., :: max(raw.data.shape[3] // 8, 1)], axis=3)
        brain = brain_on_ct(mean, voxel)
        check_extent(brain, raw.affine)
        curve = np.array([np.nanmedian(frame[brain]) for frame in np.moveaxis(raw.data, 3, 0)])
        dt_s = self.inputs.repetition_time_s
        even = even_times(times, dt_s)
        arrival_s = even[find_ct_baseline(np.interp(even, times, curve), dt_s).arrival]
        return slice(0, max(int(np.searchsorted(times, arrival_s - 0.5 * dt_s)), 2))

    def _slice_times(self, blocks: Blocks) -> list[float]:
        times, axis = self.inputs.slice_times_s, self.inputs.slice_axis
        if times and axis != blocks.across:
            raise DataFault(
                "the sidecar's SliceTiming is of another axis than that of the slices; correct SliceEncodingDirection"
            )
        return blocks.slice_times(times, axis) if times else []

    def _notes(self, raw: Image, offset_hu: float, unknown: np.ndarray, times: Array) -> list[str]:
        """Say what was done to the series that a reader should know."""
        said = []
        if offset_hu:
            said.append(
                f"the values lay {offset_hu:g} above Hounsfield units, as scanners store them, and {offset_hu:g} was "
                "subtracted; export the series with its rescaling"
            )
        if self.inputs.frame_times_s:
            spacing_s = self.inputs.repetition_time_s
            said.append(f"the frames are not evenly spaced, and were brought to every {spacing_s:.2g} s")
        if unknown.any():
            when = " and ".join(f"{time:.3g} s" for time in times[unknown])
            said.append(f"the frame at {when} could not be realigned and was interpolated")
        if not sees_through_plane(raw.data.shape[:3], raw.affine):
            said.append(
                "motion was corrected only within the plane of the slices: slices so few or so thick do not show "
                "motion through the plane"
            )
        return said

    def _without_metal(self, series: Array, like: Image, brain: np.ndarray) -> list[str]:
        """Take what metal spoils out of the series, in place, and say how much of the brain that is."""
        metal = metal_on_ct(like.data, like.voxel_size_mm)
        share = float((metal & brain).sum() / brain.sum())
        if share > _MOST_METAL:
            raise DataFault(
                f"metal, such as a clip or a coil, and its streaks hide {share:.0%} of the brain, so its perfusion is "
                "not known; use another scan"
            )
        series[metal] = np.nan
        return [f"metal and its streaks hide {share:.1%} of the brain, which is left out"] if share else []

    def _about(self, blocks: Blocks, offset_hu: float) -> dict[str, Any]:
        """Return what sidecars say of how the series was prepared."""
        return {
            "Modality": "CT",
            "AveragedVoxels": list(blocks.counts),
            "OffsetHU": offset_hu,
            "RepetitionTime": self.inputs.repetition_time_s,
        }

    def _save(
        self, found: Motion, unknown: np.ndarray, curves: Array, when: tuple[Array, Array], notes: list[str]
    ) -> None:
        times, even = when
        figures = {
            "OutlierFrames": int(found.outlier.sum()),
            "OutlierShare": float(found.outlier.mean()),
            "BrainLostShare": lost_share(curves),
            "FramesUsed": len(found.outlier),
        }
        poses = bridge_matrices(found.matrices, unknown)
        flat = poses.reshape(len(times), 16).T
        at_even = np.stack([np.interp(even, times, entry) for entry in flat], axis=1).reshape(-1, 4, 4)
        nothing = np.zeros(len(even), dtype=bool)
        save_motion(self, found, found.outlier, at_even, figures, nothing, {"Warnings": notes})


class NormalizeCtPerfusionInputSpec(NormalizePerfusionInputSpec, DeconvolvePerfusionInputSpec):
    """Inputs of `NormalizeCtPerfusion`."""


class NormalizeCtPerfusion(DeconvolutionStep, NormalizePerfusion):
    """Divide CBF and CBV by those of contralateral normal tissue, its CBF being that of mean curves.

    Deconvolution flattens a noisy curve more, and a fast passage more than a slow one: the CBF of voxels of normal
    tissue is too low on CT, that of the core is not. The mean curve of a region has hardly any noise. One curve of all
    normal tissue would not do: deconvolution is truncated in steps, which change its CBF by 8 %.
    """

    input_spec = NormalizeCtPerfusionInputSpec
    output_spec = NormalizePerfusionOutputSpec

    def _means(self, normal: Mask, maps: Mapping[str, Array]) -> dict[str, float]:
        tissue = self._tissue()
        places_mm = np.argwhere(normal & tissue.whole) * tissue.brain.voxel_size_mm
        curves, voxels = cube_means(tissue.curves[normal[tissue.whole]], places_mm, _REGION_MM)
        flows = self._deconvolve(curves, tissue.arterial).cbf
        known = np.isfinite(flows)
        flow = float((flows * voxels)[known].sum() / voxels[known].sum())
        return super()._means(normal, maps) | {"rcbf": flow}


class SegmentFlowCoreInputSpec(StepInputSpec):
    """Inputs of `SegmentFlowCore`."""

    rcbf = File(exists=True, mandatory=True, desc="relative CBF (1)")
    deficit = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s")


class SegmentFlowCoreOutputSpec(TraitedSpec):
    """Outputs of `SegmentFlowCore`."""

    core = image("tissue with Tmax above 6 s and less than 30 % of the blood flow of normal tissue")


class SegmentFlowCore(Step):
    """Find the core by its blood flow, where there is no diffusion."""

    input_spec = SegmentFlowCoreInputSpec
    output_spec = SegmentFlowCoreOutputSpec

    def _compute(self) -> None:
        rcbf, deficit = nifti.load(self.inputs.rcbf), nifti.load(self.inputs.deficit)
        core = flow_core_mask(rcbf.data, deficit.mask)
        self.save_image("core", core, deficit, Modality="CT")


class MeasureCtMismatch(Chain):
    """Find hypoperfused tissue as `MeasurePerfusion` does, the core by its blood flow, and the penumbra around it."""

    links = (
        Link(SegmentHypoperfusion, takes={"adc": None}),
        Link(SegmentDelay, takes={"adc": None}, gives={"curves": "delay_curves"}),
        Link(MapTimeToPeak, takes={"adc": None, "cbv": None}),
        Link(NormalizeCtPerfusion, takes={"deficit": "tmax6", "core": None}),
        Link(SegmentFlowCore, takes={"deficit": "tmax6"}),
        Link(SweepPerfusion, takes={"deficit": "tmax6", "adc": None}, gives={"curves": "deficit_curves"}),
        Link(SegmentPenumbra, takes={"deficit": "tmax6"}),
        Link(ResamplePerfusion, takes={"adc": None}, wants="resamples"),
    )


class PrepareCtPerfusion(Chain):
    """Give a CT series corrected for motion at even times, its reference, its brain and the plane that mirrors it."""

    links = (Link(CorrectCtMotion), Link(ExtractBrain))
