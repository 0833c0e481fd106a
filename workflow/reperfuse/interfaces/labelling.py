"""Steps of arterial spin labelling: from the raw series to blood flow and transit time."""

from dataclasses import replace
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.tables import read_columns
from reperfuse.head.content import check_scan
from reperfuse.interfaces.base import Step, StepInputSpec, image, isdefined, table, takes
from reperfuse.interfaces.chain import Chain, Link
from reperfuse.interfaces.head import ExtractBrain
from reperfuse.perfusion import label_quality
from reperfuse.perfusion.label_arrival import flow_and_arrival
from reperfuse.perfusion.label_motion import bring_to, estimate_label_motion
from reperfuse.perfusion.label_outliers import outlying_pairs
from reperfuse.perfusion.label_pairs import Differences, check_sign, subtract
from reperfuse.perfusion.labelling import PARTITION, Labelling, consensus_flow, relaxed
from reperfuse.perfusion.motion import resample
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.image import Image
from reperfuse.volumes.smoothing import smooth_inside


class LabellingInputSpec(StepInputSpec):
    """What the sidecar says of the labelling, see `reperfuse.study.labelling.asl_settings`."""

    labeling = traits.Enum("PCASL", "CASL", "PASL", usedefault=True, desc="kind of labelling")
    volume_types = traits.List(traits.Str(), mandatory=True, desc="control, label, m0scan, deltam ... of each volume")
    efficiency = traits.Float(0.85, usedefault=True, desc="labelling efficiency (1)")
    field_strength_t = traits.Enum(3.0, 1.5, usedefault=True, desc="field strength (T)")


def _labelling(inputs: Any) -> Labelling:
    return Labelling(inputs.labeling == "PASL", inputs.efficiency, inputs.field_strength_t)


class CorrectAslMotionInputSpec(LabellingInputSpec):
    """Inputs of `CorrectAslMotion`."""

    asl = File(exists=True, mandatory=True, of_study=True, desc="raw labelled series (a.u.)")
    m0scan = File(exists=True, of_study=True, desc="raw M0 scan, where it is one of its own (a.u.)")
    m0_form = traits.Enum("separate", "included", "estimate", "control", usedefault=True, desc="where M0 comes from")
    m0_estimate = traits.Float(desc="relaxed signal of blood, where that is all there is (a.u.)")
    repetition_times_s = traits.List(traits.Float(), mandatory=True, desc="time before each excitation (s)")
    m0_repetition_times_s = traits.List(traits.Float(), desc="that of the M0 scan (s)")


class CorrectAslMotionOutputSpec(TraitedSpec):
    """Outputs of `CorrectAslMotion`."""

    series = image("motion-corrected labelled series", "arbitrary")
    reference = image("M0 in the pose of the realigned series, or the mean control where there is none", "arbitrary")
    m0 = image("relaxed signal of tissue", "arbitrary")
    timeseries = table("motion of each volume (mm, rad)")


class CorrectAslMotion(Step):
    """Realign the volumes of a labelled series, and bring M0 to them."""

    input_spec = CorrectAslMotionInputSpec
    output_spec = CorrectAslMotionOutputSpec

    def _compute(self) -> None:
        raw, kinds = nifti.load(self.inputs.asl), np.asarray(self.inputs.volume_types)
        data = raw.data if raw.data.ndim == 4 else raw.data[..., np.newaxis]
        shown = np.isin(kinds, ("control", "label"))
        if shown.any():
            check_scan(np.nan_to_num(data[..., shown]).mean(axis=-1))
        found = estimate_label_motion(data, raw.affine, self.inputs.volume_types)
        series = resample(data, raw.affine, found.matrices)
        self.save_image("series", series, raw)
        frames = {"framewise_displacement": found.framewise_displacement_mm, "outlier": found.outlier}
        parameters = np.hstack([found.translations_mm, found.rotations_rad]).T
        names = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
        quality = {
            "OutlierFrames": int(found.outlier.sum()),
            "OutlierShare": float(found.outlier.mean()),
            "FramesUsed": int((~found.outlier).sum()),
            "BrainLostShare": np.nan,
            "TemporalSNR": np.nan,
            "DVARSPercent": np.nan,
        }
        columns = dict(zip(names, parameters, strict=True)) | frames
        self.save_table("timeseries", columns, Quality=quality, Warnings=[])
        try:
            m0, shows_head = self._m0(data, series, found.reference, raw.affine)
        except DataFault as fault:  # the series itself is as good
            self.save_image("reference", found.reference, raw, Source="mean control")
            self.save_fault("m0", [str(fault)])
            return
        source = self.inputs.m0_form if shows_head else "mean control"
        self.save_image("reference", m0 if shows_head else found.reference, raw, Source=source)
        self.save_image("m0", m0, raw, Source=self.inputs.m0_form)

    def _m0(self, data: Array, series: Array, reference: Array, affine: Array) -> tuple[Array, bool]:
        """Return the relaxed signal of tissue on the grid of the series, and whether it is an image."""
        inputs, kinds, labelling = self.inputs, np.asarray(self.inputs.volume_types), _labelling(self.inputs)
        if inputs.m0_form == "estimate":
            return np.full(data.shape[:3], PARTITION * inputs.m0_estimate, dtype=np.float32), False
        if inputs.m0_form == "control":
            mean = np.nanmean(series[..., kinds == "control"], axis=-1)
            times = np.asarray(inputs.repetition_times_s)[kinds == "control"]
            return relaxed(mean, float(times.mean()), labelling), False
        if inputs.m0_form == "included":
            times = np.asarray(inputs.repetition_times_s)[kinds == "m0scan"]
            own, own_affine = data[..., kinds == "m0scan"].mean(axis=-1), affine
        else:
            if not isdefined(inputs.m0scan):
                raise DataFault("M0Type is Separate, and the session has no usable m0scan; add it, or correct M0Type")
            scan, times = nifti.load(inputs.m0scan), np.asarray(inputs.m0_repetition_times_s)
            own, own_affine = scan.data if scan.data.ndim == 3 else scan.data.mean(axis=-1), scan.affine
        # differences that the scanner made show no head to align with
        can_align = "control" in inputs.volume_types or "label" in inputs.volume_types
        moved = bring_to(own, own_affine, reference, affine) if can_align else own
        return relaxed(moved, float(times.mean()), labelling), True


class PrepareLabelling(Chain):
    """Make a session's labelled series ready: realigned, M0, the brain and the plane that mirrors it."""

    links = (Link(CorrectAslMotion), Link(ExtractBrain))


@takes("labelling", "subtraction", "smoothing_fwhm_mm", "arrival_smoothing_mm")
class QuantifyAslInputSpec(LabellingInputSpec):
    """Inputs of `QuantifyAsl`."""

    series = File(exists=True, mandatory=True, desc="motion-corrected labelled series (a.u.)")
    m0 = File(exists=True, mandatory=True, desc="relaxed signal of tissue (a.u.)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    timeseries = File(exists=True, mandatory=True, desc="motion of each volume")
    delays_s = traits.List(traits.Float(), mandatory=True, desc="post-labelling delay of each volume (s)")
    durations_s = traits.List(traits.Float(), mandatory=True, desc="duration of the labelled bolus of each volume (s)")
    slice_times_s = traits.List(traits.Float(), usedefault=True, desc="when each slice is read, after the first (s)")
    slice_axis = traits.Enum(2, 0, 1, usedefault=True, desc="voxel axis of the slices")
    notes = traits.List(traits.Str(), usedefault=True, desc="what was assumed of the labelling")


class QuantifyAslOutputSpec(TraitedSpec):
    """Outputs of `QuantifyAsl`."""

    cbf = image("cerebral blood flow", "mL/100 g/min", caplex={"Q.PH1.003": "Blood flow"})
    att = image("arterial transit time of the label", "s")


class QuantifyAsl(Step):
    """Compute blood flow of a labelled series, and the transit time where there are several delays."""

    input_spec = QuantifyAslInputSpec
    output_spec = QuantifyAslOutputSpec

    def _compute(self) -> None:
        inputs, brain, m0 = self.inputs, nifti.load(self.inputs.brain), nifti.load(self.inputs.m0)
        series = nifti.load(inputs.series)
        data = series.data if series.data.ndim == 4 else series.data[..., np.newaxis]
        usable = read_columns(inputs.timeseries)["outlier"] == 0
        pairs = subtract(
            data, inputs.volume_types, inputs.delays_s, inputs.durations_s, usable=usable,
            subtraction=inputs.subtraction,
        )  # fmt: skip
        inside = label_quality.trustworthy(pairs, m0.data, brain.mask)
        if not inside.any():
            raise DataFault("no voxel of the brain has M0 and is seen in every volume; check the series for motion")
        positive = check_sign(pairs.images, inside)
        kept = pairs.of(~_outlying(pairs, inside))
        signal = smooth_inside(m0.data, inside, series.voxel_size_mm, inputs.smoothing_fwhm_mm)
        flow, arrival, noise = self._maps(kept, signal, inside, series)
        cortex = label_quality.cortex_of(inside, brain.mask, series.voxel_size_mm)
        quality = {
            "Pairs": pairs.images.shape[-1],
            "PairsUsed": kept.images.shape[-1],
            "PositiveShare": positive,
            "SpatialVariation": label_quality.spatial_variation(flow, cortex),
            "NegativeShare": label_quality.negative_share(flow, cortex),
            "PairNoise": noise,
        }
        about: dict[str, Any] = {
            "Modality": "ASL",
            "Delays": [list(one) for one in kept.conditions],
            "Quality": quality,
        }
        model = "consensus equation" if arrival is None else "general kinetic model"
        self.save_image("cbf", flow, series, **about, Model=model, Warnings=list(inputs.notes))
        if arrival is None:
            self.save_fault("att", ["a single delay does not tell the transit time; scan several delays for it"])
        else:
            self.save_image("att", arrival, series, **about)

    def _maps(
        self, pairs: Differences, m0: Array, inside: Mask, like: Image
    ) -> tuple[Array, Array | None, float | None]:
        """Return flow, transit time where there are several delays, and the noise of a pair."""
        inputs, conditions = self.inputs, pairs.conditions
        voxel, labelling = like.voxel_size_mm, _labelling(inputs)
        smoothed = smooth_inside(pairs.images, inside, voxel, inputs.smoothing_fwhm_mm)
        noise = label_quality.pair_noise(replace(pairs, images=smoothed), inside)
        shape = [1, 1, 1]
        shape[inputs.slice_axis] = -1
        times = np.reshape(inputs.slice_times_s or [0.0], shape)
        later = np.broadcast_to(times, inside.shape)
        if len(conditions) == 1:
            delay_s, duration_s = conditions[0]
            return consensus_flow(smoothed.mean(axis=-1), m0, delay_s + later, duration_s, labelling), None, noise
        wider = smooth_inside(pairs.images, inside, voxel, inputs.arrival_smoothing_mm)
        steady = replace(pairs, images=wider)
        delays, durations = zip(*conditions, strict=True)
        found = flow_and_arrival(
            _means(replace(pairs, images=smoothed), inside), m0[inside], delays, durations,
            [int(pairs.at(one).sum()) for one in conditions], labelling,
            smoothed=_means(steady, inside), later_s=later[inside], noise=label_quality.pair_noise(steady, inside),
        )  # fmt: skip
        flow, arrival = np.full((2, *inside.shape), np.nan, dtype=np.float32)
        flow[inside], arrival[inside] = found.flow, found.arrival_s
        return flow, arrival, noise


def _means(pairs: Differences, inside: Mask) -> Array:
    """Mean difference at each delay, (n, d)."""
    return np.stack([pairs.images[inside][:, pairs.at(one)].mean(axis=1) for one in pairs.conditions], axis=1)


def _outlying(pairs: Differences, inside: Mask) -> Mask:
    """Tell the pairs that do not belong, at each delay."""
    curves = pairs.images[inside]
    mean = curves.mean(axis=1)
    grey = mean > np.median(mean)  # tissue of more flow, and the rest
    out = np.zeros(curves.shape[1], dtype=bool)
    for one in pairs.conditions:
        here = pairs.at(one)
        out[here] = outlying_pairs(curves[:, here], [grey, ~grey])
    return out
