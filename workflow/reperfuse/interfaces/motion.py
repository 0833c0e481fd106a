"""The step that realigns a DSC series."""

from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar
from reperfuse.files.tables import read_columns
from reperfuse.head.brain import brain_mask
from reperfuse.head.content import check_clipped, check_scan
from reperfuse.head.outline import find_head, has_contrast, sees_through_plane
from reperfuse.interfaces.base import Step, StepInputSpec, image, table, takes
from reperfuse.interfaces.chain import Chain, Link
from reperfuse.interfaces.head import ExtractBrain
from reperfuse.perfusion import motion
from reperfuse.perfusion.attenuation import refuse_ct
from reperfuse.perfusion.bolus import (
    Baseline,
    _is_known,
    brain_curve,
    bridge_frames,
    bridge_gaps,
    find_baseline,
    mean_of_known,
    replaced_in_passage,
    usable_frames,
)
from reperfuse.perfusion.motion import Motion, estimate_motion
from reperfuse.perfusion.nuisance import bridge_matrices
from reperfuse.perfusion.outliers import air_signal, find_outliers
from reperfuse.perfusion.passage import check_direction, check_frames, check_order
from reperfuse.perfusion.quality import dvars_percent, lost_share, temporal_snr
from reperfuse.perfusion.shading import receive_field
from reperfuse.perfusion.timing import check_times

#: Columns of a row-major 3×4 matrix.
MATRIX_COLUMNS = tuple(f"m{row}{column}" for row in range(3) for column in range(4))


@takes("motion")
class CorrectMotionInputSpec(StepInputSpec):
    """Inputs of `CorrectMotion`."""

    dsc = File(exists=True, mandatory=True, of_study=True, desc="raw DSC series (a.u.)")
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
        check_times(self.inputs.repetition_time_s)
        raw = nifti.load(self.inputs.dsc)
        if raw.data.ndim != 4:
            raise DataFault(
                f"a DSC series has four dimensions, and this image has {raw.data.ndim}; convert the series again"
            )
        blank = np.array([not has_contrast(frame) for frame in np.moveaxis(raw.data, 3, 0)])
        if blank.all():
            raise DataFault("every frame of the series is empty or constant; export the series again")
        mean = mean_of_known(raw.data[..., ~blank])
        refuse_ct(mean)
        check_scan(mean)
        check_order(raw.data[..., ~blank])
        head = find_head(mean, raw.affine)
        dt_s = self.inputs.repetition_time_s
        baseline = find_baseline(bridge_frames(brain_curve(raw.data, head), blank), dt_s)
        found = estimate_motion(raw.data, raw.affine, baseline.frames)
        still = mean_of_known(raw.data[..., usable_frames(baseline, ~blank)])
        brain = brain_mask(found.reference, raw.voxel_size_mm)
        doubts = check_frames(raw.data[..., ~blank]) + check_clipped(
            raw.data[..., usable_frames(baseline, ~blank)], brain
        )
        field = receive_field(still, raw.affine, brain)
        # a coil may leave a part of the brain as dark as air is next to what is bright
        series = motion.resample(raw.data / field[..., None], raw.affine, found.matrices, head | brain, baseline.frames)
        air = air_signal(raw.data, head, raw.voxel_size_mm)
        outlier = found.outlier | find_outliers(series[brain], baseline.frames, ~found.outlier, air)
        reference = mean_of_known(series[..., usable_frames(baseline, ~outlier)])
        figures = self._quality(series[brain], baseline, outlier)
        replaced = outlier if self.inputs.outlier_frames == "interpolate" else ~_is_known(found.matrices)
        series = bridge_gaps(series, replaced, baseline, brain, dt_s, self.inputs.max_gap_s)
        curve = brain_curve(series, brain)
        doubts += check_direction(curve, baseline)
        notes = replaced_in_passage(curve, replaced, baseline, dt_s)
        if not sees_through_plane(raw.data.shape[:3], raw.affine):
            notes.append(
                "motion was corrected only within the plane of the slices: slices so few or so thick do not show "
                "motion through the plane"
            )
        self.save_image("series", series, raw, dt_s)
        self.save_image("reference", reference, raw)
        figures |= {"FramesUsed": series.shape[3], "FramesReplaced": np.flatnonzero(replaced[: series.shape[3]])}
        said = {"Warnings": notes} | ({"Doubts": doubts} if doubts else {})
        save_motion(self, found, outlier, found.matrices, figures, replaced, said)

    def _quality(self, curves: np.ndarray, baseline: Baseline, outlier: np.ndarray) -> dict[str, Any]:
        steady = curves[:, usable_frames(baseline, ~outlier)]
        return {
            "TemporalSNR": temporal_snr(steady),
            "DVARSPercent": float(np.median(dvars_percent(steady))) if steady.shape[1] > 1 else np.nan,
            "OutlierFrames": int(outlier.sum()),
            "OutlierShare": float(outlier.mean()),
            "BrainLostShare": lost_share(curves[:, ~outlier]),
        }


def save_motion(
    step: Step,
    found: Motion,
    outlier: np.ndarray,
    poses: np.ndarray,
    figures: dict[str, Any],
    replaced: np.ndarray,
    said: dict[str, list[str]],
) -> None:
    """Save the motion of each frame as acquired, and the matrices (t, 4, 4) of the frames of the realigned series."""
    parameters = np.hstack([found.translations_mm, found.rotations_rad]).T
    names = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
    step.save_table(
        "timeseries",
        dict(zip(names, parameters, strict=True))
        | {"framewise_displacement": found.framewise_displacement_mm, "outlier": outlier},
        Quality=figures,
        **said,
    )
    matrices = poses[:, :3].reshape(-1, 12).T
    step.save_table(
        "transforms",
        dict(zip(MATRIX_COLUMNS, matrices, strict=True)),
        FramesReplaced=np.flatnonzero(replaced),
    )


class PreparePerfusion(Chain):
    """Make a session's DSC series ready: realigned, its reference, its brain and the plane that mirrors it."""

    links = (Link(CorrectMotion), Link(ExtractBrain))


def read_poses(path: str) -> np.ndarray:
    """Read the matrices (t, 4, 4) that `CorrectMotion` wrote; frames it replaced lie between their neighbours."""
    columns = read_columns(path)
    rows = np.stack([columns[name] for name in MATRIX_COLUMNS], axis=1).reshape(-1, 3, 4)
    matrices = np.concatenate([rows, np.broadcast_to([[[0.0, 0.0, 0.0, 1.0]]], (len(rows), 1, 4))], axis=1)
    replaced = np.zeros(len(rows), dtype=bool)
    replaced[read_sidecar(path).get("FramesReplaced", [])] = True
    return bridge_matrices(matrices, replaced)
