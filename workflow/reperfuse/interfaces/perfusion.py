"""Steps of the perfusion stage: from the raw DSC series to maps."""

import warnings
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse import (
    aif,
    alignment,
    concentration,
    deconvolution,
    images,
    mirror,
    motion,
    nuisance,
    outliers,
    quality,
    segmentation,
    shading,
)
from reperfuse.faults import DataFault
from reperfuse.interfaces.base import Step, StepInputSpec, image, isdefined, read_columns, table, takes
from reperfuse.interfaces.head import load_mirror

#: Columns of a row-major 3×4 matrix.
MATRIX_COLUMNS = tuple(f"m{row}{column}" for row in range(3) for column in range(4))


@takes("motion")
class CorrectMotionInputSpec(StepInputSpec):
    """Inputs of `CorrectMotion`."""

    dsc = File(exists=True, mandatory=True, desc="raw DSC series (a.u.)")
    repetition_time_s = traits.Float(mandatory=True, desc="time between frames (s)")


class CorrectMotionOutputSpec(TraitedSpec):
    """Outputs of `CorrectMotion`."""

    series = image("motion-corrected DSC series", "arbitrary")
    reference = image("mean of the realigned pre-bolus frames", "arbitrary")
    timeseries = table("motion of each frame (mm, rad)")
    transforms = table("3×4 matrix of each frame: world point of the reference to world point of the frame (mm)")


class CorrectMotion(Step):
    """Realign every frame of a DSC series to the mean of its pre-bolus frames."""

    input_spec = CorrectMotionInputSpec
    output_spec = CorrectMotionOutputSpec

    def _compute(self) -> None:
        raw = images.load(self.inputs.dsc)
        if raw.data.ndim != 4:
            raise DataFault(f"a DSC series has four dimensions, this image has {raw.data.ndim}")
        blank = np.array([not alignment.has_contrast(frame) for frame in np.moveaxis(raw.data, 3, 0)])
        if blank.all():
            raise DataFault("every frame of the series is empty or constant")
        head = alignment.find_head(_mean(raw.data[..., ~blank]), raw.affine)
        baseline = self._baseline(_curve(raw.data, head), blank)
        found = motion.estimate_motion(raw.data, raw.affine, baseline.frames)
        still = _mean(raw.data[..., _within(baseline, ~blank)])
        brain = segmentation.brain_mask(found.reference, raw.voxel_size_mm)
        field = shading.receive_field(still, raw.affine, brain)
        series = motion.resample(raw.data / field[..., None], raw.affine, found.matrices)
        air = outliers.air_signal(raw.data, head, raw.voxel_size_mm)
        outlier = found.outlier | outliers.find_outliers(series[brain], baseline.frames, ~found.outlier, air)
        reference = _mean(series[..., _within(baseline, ~outlier)])
        figures = self._quality(series[brain], baseline, outlier)
        replaced = outlier if self.inputs.outlier_frames == "interpolate" else ~_is_known(found.matrices)
        series = self._bridge(series, replaced, baseline, brain)
        notes = self._passage(_curve(series, brain), replaced, baseline)
        if not alignment.sees_through_plane(raw.data.shape[:3], raw.affine):
            notes.append(
                "motion was corrected in the plane of the slices only: "
                "so few or so thick slices do not show motion through the plane"
            )
        self.save_image("series", series, raw, self.inputs.repetition_time_s)
        self.save_image("reference", reference, raw)
        figures |= {"FramesUsed": series.shape[3], "FramesReplaced": np.flatnonzero(replaced[: series.shape[3]])}
        self._save_motion(found, outlier, figures, replaced, notes)

    def _baseline(self, curve: np.ndarray, unusable: np.ndarray) -> concentration.Baseline:
        bridged = concentration.bridge_frames(curve, unusable)
        return concentration.find_baseline(bridged, self.inputs.repetition_time_s)

    def _bridge(
        self, series: np.ndarray, replaced: np.ndarray, baseline: concentration.Baseline, brain: np.ndarray
    ) -> np.ndarray:
        """Replace frames, and make sure that what is left still holds the bolus."""
        max_gap = int(self.inputs.max_gap_s / self.inputs.repetition_time_s)
        bridged = concentration.bridge_frames(series, replaced, baseline.arrival, max_gap)
        left, frames = bridged.shape[3], len(replaced)
        if left < frames:
            try:
                concentration.find_baseline(_curve(bridged, brain), self.inputs.repetition_time_s)
            except DataFault as fault:
                raise DataFault(f"only the first {left} of {frames} frames could be realigned: {fault}") from fault
        return bridged

    def _passage(self, curve: np.ndarray, replaced: np.ndarray, baseline: concentration.Baseline) -> list[str]:
        """Say which frames of the first passage of the bolus were replaced; two in a row leave its course unknown."""
        loss = -np.log(curve)
        end = concentration.first_passage_end(loss - loss[baseline.frames].mean(), baseline)
        lost = np.flatnonzero(replaced[baseline.arrival : end]) + baseline.arrival
        times = " and ".join(f"{frame * self.inputs.repetition_time_s:g} s" for frame in lost)
        if (np.diff(lost) == 1).any():
            raise DataFault(
                f"the frames at {times} cannot be used, and the bolus passes in them: its course is not known"
            )
        if len(lost) == 0:
            return []
        return [f"the frame at {times}, while the bolus passes, could not be used and was interpolated"]

    def _quality(self, curves: np.ndarray, baseline: concentration.Baseline, outlier: np.ndarray) -> dict[str, Any]:
        steady = curves[:, _within(baseline, ~outlier)]
        return {
            "TemporalSNR": quality.temporal_snr(steady),
            "DVARSPercent": float(np.median(quality.dvars_percent(steady))) if steady.shape[1] > 1 else np.nan,
            "OutlierFrames": int(outlier.sum()),
            "OutlierShare": float(outlier.mean()),
            "BrainLostShare": quality.lost_share(curves[:, ~outlier]),
        }

    def _save_motion(
        self,
        found: motion.Motion,
        outlier: np.ndarray,
        figures: dict[str, Any],
        replaced: np.ndarray,
        notes: list[str],
    ) -> None:
        parameters = np.hstack([found.translations_mm, found.rotations_rad]).T
        names = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
        self.save_table(
            "timeseries",
            dict(zip(names, parameters, strict=True))
            | {"framewise_displacement": found.framewise_displacement_mm, "outlier": outlier},
            Quality=figures,
            Warnings=notes,
        )
        matrices = found.matrices[:, :3].reshape(-1, 12).T
        self.save_table(
            "transforms",
            dict(zip(MATRIX_COLUMNS, matrices, strict=True)),
            FramesReplaced=np.flatnonzero(replaced),
        )


def _mean(series: np.ndarray) -> np.ndarray:
    """Mean over frames of what is known; NaN where no frame holds anything."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice")
        return np.nanmean(series, axis=-1)


def _curve(series: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean over the voxels of a mask in each frame; NaN in a frame that holds nothing.

    Voxels at the border of the field of view come and go with motion (0 where a stored series has nothing), and the
    mean would with them, so they do not count.
    """
    curves = series[mask]
    known = curves > 0
    whole = known[:, known.any(axis=0)].all(axis=1)
    return _mean(curves[whole].T if whole.any() else curves.T)


def _within(baseline: concentration.Baseline, usable: np.ndarray) -> np.ndarray:
    """Return the indices of the usable frames of the baseline."""
    return np.flatnonzero(usable[baseline.frames]) + baseline.first


def _is_known(matrices: np.ndarray) -> np.ndarray:
    return np.isfinite(matrices).all(axis=(1, 2))


class CurvesInputSpec(StepInputSpec):
    """Inputs of a step that works on the ΔR2* curves of a series."""

    series = File(exists=True, mandatory=True, desc="motion-corrected DSC series (a.u.)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    repetition_time_s = traits.Float(mandatory=True, desc="time between frames (s)")
    echo_time_s = traits.Float(mandatory=True, desc="echo time (s)")
    slice_times_s = traits.List(traits.Float(), desc="when each slice is acquired, after its frame begins (s)")
    slice_axis = traits.Enum(2, 0, 1, usedefault=True, desc="voxel axis of the slices")


class CurvesStep(Step):
    """A step that works on the ΔR2* curves of a series."""

    def _curves(self, series: images.Image, baseline: concentration.Baseline) -> np.ndarray:
        """Return ΔR2* (s⁻¹) from the first frame at steady state on: earlier ones say nothing of contrast."""
        curves = concentration.delta_r2star(series.data, self.inputs.echo_time_s, baseline)[..., baseline.first :]
        times, dt_s = self.inputs.slice_times_s, self.inputs.repetition_time_s
        return concentration.align_slices(curves, times, dt_s, self.inputs.slice_axis) if times else curves


@takes("aif")
class SelectArterialInputInputSpec(CurvesInputSpec):
    """Inputs of `SelectArterialInput`."""

    side = traits.Enum(
        "unknown", "left", "right", usedefault=True, desc="side of the lesion, arteries are taken opposite"
    )
    manual = File(
        exists=True,
        desc="arterial input chosen by hand: a mask on the grid of the series, or a table of time (s) and aif (s⁻¹)",
    )


class SelectArterialInputOutputSpec(TraitedSpec):
    """Outputs of `SelectArterialInput`."""

    curves = table("time (s), arterial input and venous output (ΔR2*, s⁻¹)")


class SelectArterialInput(CurvesStep):
    """Choose the arterial input and venous output functions."""

    input_spec = SelectArterialInputInputSpec
    output_spec = SelectArterialInputOutputSpec

    def _compute(self) -> None:
        series, brain = images.load(self.inputs.series), images.load(self.inputs.brain)
        dt_s = self.inputs.repetition_time_s
        baseline = concentration.find_baseline(_curve(series.data, brain.mask), dt_s)
        curves = self._curves(series, baseline)
        steady = concentration.Baseline(0, baseline.arrival - baseline.first)
        noise = concentration.relative_noise(series.data, brain.mask, baseline)
        found = self._choose(curves, noise, brain, steady, baseline.first)
        self.save_table(
            "curves",
            {
                "time": np.arange(series.data.shape[-1]) * dt_s,
                "aif": np.pad(found.aif, (baseline.first, 0), constant_values=np.nan),
                "vof": np.pad(found.vof, (baseline.first, 0), constant_values=np.nan),
            },
            Baseline={"First": baseline.first, "Arrival": baseline.arrival},
            Selection=self._selection(),
            ArterialVoxels=found.aif_voxels,
            VenousVoxels=found.vof_voxels,
            Quality=found.quality,
            BolusCNR=concentration.contrast_to_noise(curves[brain.mask], steady),
            Score=found.score,
            Weakness=found.weakness,
            Warnings=found.warnings,
        )

    def _selection(self) -> str:
        """Say how the arterial input is chosen: automatic, manual voxels or manual curve."""
        if not isdefined(self.inputs.manual):
            return "automatic"
        return "manual curve" if self.inputs.manual.endswith(".tsv") else "manual voxels"

    def _choose(
        self,
        curves: np.ndarray,
        noise: np.ndarray,
        brain: images.Image,
        steady: concentration.Baseline,
        first: int,
    ) -> aif.ArterialInput:
        """Return the arterial input of curves whose first frame is frame ``first`` of the series."""
        dt_s = self.inputs.repetition_time_s
        scan = {"echo_time_s": self.inputs.echo_time_s, "noise": noise, "voxel_size_mm": brain.voxel_size_mm}
        if self._selection() == "manual curve":
            times = (first + np.arange(curves.shape[-1])) * dt_s
            curve = read_arterial_curve(self.inputs.manual, times)
            return aif.aif_from_curve(curve, curves, brain.mask, dt_s, steady, **scan)
        scale = self.inputs.scale_to_vof
        if self._selection() == "manual voxels":
            voxels = images.load(self.inputs.manual)
            if not images.is_same_grid(voxels, brain):
                raise DataFault("the mask of arterial voxels is not on the grid of the DSC series")
            return aif.aif_from_voxels(curves, voxels.mask, brain.mask, dt_s, steady, **scan, scale_to_vof=scale)
        return aif.select_aif(
            curves,
            brain.mask,
            dt_s,
            steady,
            **scan,
            search=self._search(brain),
            scale_to_vof=scale,
            min_score=self.inputs.min_score,
        )

    def _search(self, brain: images.Image) -> np.ndarray | None:
        """Return the hemisphere away from the lesion, None when the side is not known."""
        if self.inputs.side == "unknown":
            return None
        indices = np.indices(brain.data.shape).reshape(3, -1)
        x = (brain.affine[:3, :3] @ indices + brain.affine[:3, 3:])[0].reshape(brain.data.shape)
        centre = x[brain.mask].mean()
        return (x > centre) if self.inputs.side == "left" else (x < centre)


def read_arterial_curve(path: str, times_s: np.ndarray) -> np.ndarray:
    """Read an arterial input given as a curve, at these times.

    Parameters
    ----------
    path : str
        Table with the columns ``time`` (s) and ``aif`` (s⁻¹).
    times_s : (t,) array
        Frame times, s.

    Returns
    -------
    (t,) array
        Linear between the times of the table, s⁻¹.

    Raises
    ------
    DataFault
        If the table cannot be read, lacks a column, or does not reach over all frames.
    """
    name = path.rpartition("/")[2]
    try:
        columns = read_columns(path)
    except (ValueError, IndexError) as error:
        raise DataFault(f"{name}: not a table of numbers ({error})") from error
    if not {"time", "aif"} <= set(columns):
        raise DataFault(f"{name}: the columns time (s) and aif (s⁻¹) are needed")
    known = np.isfinite(columns["time"]) & np.isfinite(columns["aif"])
    time, curve = columns["time"][known], columns["aif"][known]
    slack = 0.5 * (times_s[1] - times_s[0])
    if len(time) == 0 or (np.diff(time) <= 0).any() or time[0] > times_s[0] + slack or time[-1] < times_s[-1] - slack:
        raise DataFault(
            f"{name}: the times should rise and reach from {times_s[0]:g} to {times_s[-1]:g} s, as the series does"
        )
    return np.interp(times_s, time, curve)


@takes("concentration")
@takes("deconvolution")
class DeconvolvePerfusionInputSpec(CurvesInputSpec):
    """Inputs of `DeconvolvePerfusion`."""

    curves = File(exists=True, mandatory=True, desc="table of time (s) and aif (ΔR2*, s⁻¹)")
    transforms = File(exists=True, desc="3×4 matrix of each frame, to remove what motion leaves in the curves (mm)")


class DeconvolvePerfusionOutputSpec(TraitedSpec):
    """Outputs of `DeconvolvePerfusion`."""

    cbf = image("cerebral blood flow", "mL/100 g/min")
    cbv = image("cerebral blood volume", "mL/100 g")
    uncorrected_cbv = image("cerebral blood volume before leakage is corrected for, if it is", "mL/100 g")
    mtt = image("mean transit time", "s")
    tmax = image("time to maximum of the residue function", "s")
    ttp = image("time from bolus arrival to the peak of ΔR2*", "s")


class DeconvolvePerfusion(CurvesStep):
    """Deconvolve the tissue curves with the arterial input."""

    input_spec = DeconvolvePerfusionInputSpec
    output_spec = DeconvolvePerfusionOutputSpec

    def _compute(self) -> None:
        series, brain = images.load(self.inputs.series), images.load(self.inputs.brain)
        dt_s = self.inputs.repetition_time_s
        stated = images.read_sidecar(self.inputs.curves)["Baseline"]
        baseline = concentration.Baseline(stated["First"], stated["Arrival"])
        curves = self._curves(series, baseline)
        arrival = baseline.arrival - baseline.first
        curves = curves[..., : arrival + round(self.inputs.window_s / dt_s)]
        used = slice(baseline.first, baseline.first + curves.shape[-1])
        # a voxel that left the field of view for a frame has no whole curve
        whole = brain.mask & np.isfinite(curves).all(axis=-1)
        curves = concentration.smooth(curves, whole, series.voxel_size_mm, self.inputs.smoothing_fwhm_mm)
        arterial = read_columns(self.inputs.curves)["aif"][used]
        points_mm = alignment.apply_matrix(brain.affine, np.argwhere(whole))
        tissue = self._without_nuisance(curves[whole], points_mm, arterial, used, arrival)
        maps = self._deconvolve(tissue, arterial)
        values = {name: getattr(maps, name) for name in ("cbf", "cbv", "mtt", "tmax")}
        values["ttp"] = deconvolution.time_to_peak(tissue, dt_s, arrival)
        if self.inputs.leakage_correction:
            sealed = self._without_leakage(tissue, maps.tmax)
            values |= {"uncorrected_cbv": maps.cbv, "cbv": self._deconvolve(sealed, arterial).cbv}
        flows = np.abs(maps.tmax) <= self.inputs.latest_tmax_s
        for name, value in values.items():
            volume = np.full(brain.data.shape, np.nan, np.float32)
            volume[whole] = np.where(flows, value, np.nan)
            self.save_image(name, volume, brain)

    def _without_nuisance(
        self, tissue: np.ndarray, points_mm: np.ndarray, arterial: np.ndarray, used: slice, arrival: int
    ) -> np.ndarray:
        """Remove the error of each curve's level and, where the motion is given, what follows the displacement."""
        still = np.tile(np.eye(4), (len(arterial), 1, 1))
        poses = read_poses(self.inputs.transforms)[used] if isdefined(self.inputs.transforms) else still
        return nuisance.remove_nuisance(
            tissue,
            points_mm,
            poses,
            arterial,
            self.inputs.repetition_time_s,
            self.inputs.echo_time_s,
            concentration.Baseline(0, arrival),
            change_per_mm=self.inputs.motion_signal_per_mm,
        )

    def _deconvolve(self, tissue: np.ndarray, arterial: np.ndarray) -> deconvolution.PerfusionMaps:
        return deconvolution.deconvolve(
            tissue,
            arterial,
            self.inputs.repetition_time_s,
            **self._options("deconvolution", "latest_tmax_s"),
        )

    def _without_leakage(self, tissue: np.ndarray, tmax: np.ndarray) -> np.ndarray:
        """Correct the curves with the mean of tissue that neither leaks nor is supplied late."""
        delay = np.nan_to_num(tmax - np.nanmedian(tmax))
        normal = ~concentration.is_leaking(tissue) & (np.abs(delay) < 2.0)
        if not normal.any():
            raise DataFault("no tissue without leakage and delay, by which leakage could be corrected")
        reference = tissue[normal].mean(axis=0, dtype=float)
        return concentration.correct_leakage(tissue, reference, self.inputs.repetition_time_s, delay)[0]


def read_poses(path: str) -> np.ndarray:
    """Read the matrices (t, 4, 4) that `CorrectMotion` wrote; frames it replaced lie between their neighbours."""
    columns = read_columns(path)
    rows = np.stack([columns[name] for name in MATRIX_COLUMNS], axis=1).reshape(-1, 3, 4)
    matrices = np.concatenate([rows, np.broadcast_to([[[0.0, 0.0, 0.0, 1.0]]], (len(rows), 1, 4))], axis=1)
    replaced = np.zeros(len(rows), dtype=bool)
    replaced[images.read_sidecar(path).get("FramesReplaced", [])] = True
    return nuisance.bridge_matrices(matrices, replaced)


@takes("hypoperfusion", "csf_ratio", "vessel_ratio")
class NormalizePerfusionInputSpec(StepInputSpec):
    """Inputs of `NormalizePerfusion`."""

    cbf = File(exists=True, mandatory=True, desc="CBF (mL/100 g/min)")
    cbv = File(exists=True, mandatory=True, desc="CBV (mL/100 g)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    reference = File(exists=True, mandatory=True, desc="perfusion reference (a.u.)")
    deficit = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s")
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
        brain, deficit = images.load(self.inputs.brain), images.load(self.inputs.deficit)
        lesion = deficit.mask
        if self._good("core"):
            lesion = lesion | images.load(self.inputs.core).mask
        half = mirror.half(brain.data.shape, brain.affine, load_mirror(self.inputs.mirror))
        reference, cbv = images.load(self.inputs.reference), images.load(self.inputs.cbv)
        inputs = self.inputs
        csf = segmentation.csf_mask(brain.mask, reference=reference.data, csf_ratio=inputs.csf_ratio)
        normal = segmentation.normal_tissue(
            brain.mask, lesion, half, csf=csf, cbv=cbv.data, vessel_ratio=inputs.vessel_ratio
        )
        if not normal.any():
            raise DataFault("no contralateral normal tissue to normalise by")
        for name, source in (("rcbf", images.load(self.inputs.cbf)), ("rcbv", cbv)):
            mean = float(np.nanmean(source.data[normal]))
            self.save_image(name, source.data / mean, brain, NormalTissueMean=mean)
