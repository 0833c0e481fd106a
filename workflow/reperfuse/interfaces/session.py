"""The step that gathers a session's row of the tables."""

import math
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.files import nifti
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.sidecars import read_number, read_sidecar, reasons
from reperfuse.files.tables import read_columns
from reperfuse.head.mirror import half
from reperfuse.interfaces.base import Step, StepInputSpec, document, isdefined
from reperfuse.mismatch import doubts, session
from reperfuse.mismatch.intervals import bounds, drawn_volumes, plausible, without_noise
from reperfuse.mismatch.mismatch import FLOW_CORE, covered_share, laterality, side
from reperfuse.study.options import defaults
from reperfuse.volumes.image import volume_ml


class MeasureSessionInputSpec(StepInputSpec):
    """Inputs of `MeasureSession`; every file is optional."""

    core = File(exists=True, desc="diffusion core, diffusion grid")
    flow_core = File(exists=True, desc="core by blood flow in perfusion space, where there is no diffusion")
    core_mirror = File(exists=True, desc="the head's mirror plane in diffusion space")
    core_curves = File(exists=True, desc="volume of the core against its threshold")
    core_dscref = File(exists=True, desc="diffusion core in perfusion space")
    tmax4 = File(exists=True, desc="tissue with Tmax above 4 s")
    tmax6 = File(exists=True, desc="tissue with Tmax above 6 s")
    tmax8 = File(exists=True, desc="tissue with Tmax above 8 s")
    tmax10 = File(exists=True, desc="tissue with Tmax above 10 s")
    delay3 = File(exists=True, desc="tissue with an arterial delay above 3 s")
    delay6 = File(exists=True, desc="tissue with an arterial delay above 6 s")
    delay_curves = File(exists=True, desc="volume against the threshold of the arterial delay")
    rttp45 = File(exists=True, desc="tissue whose curve peaks 4.5 s later than normal tissue's")
    lowflow30 = File(exists=True, desc="tissue with CBF below 30 % of that of the other side, by ASL")
    lowflow40 = File(exists=True, desc="tissue with CBF below 40 % of that of the other side, by ASL")
    lowflow50 = File(exists=True, desc="tissue with CBF below 50 % of that of the other side, by ASL")
    deficit_mirror = File(exists=True, desc="the head's mirror plane in perfusion space")
    deficit_curves = File(exists=True, desc="volumes of the perfusion maps against their thresholds")
    deficit_draws = File(exists=True, desc="volumes that the perfusion series gives with noise added")
    penumbra = File(exists=True, desc="Tmax above 6 s outside the core")
    motion = File(exists=True, desc="motion of each frame (mm, rad)")
    curves = File(exists=True, desc="arterial input")
    transform = File(exists=True, desc="diffusion to perfusion transform")
    reflow = File(exists=True, desc="reflow document, for the session after treatment")
    post = File(exists=True, desc="measures of the session after treatment, for the baseline session")
    participant = traits.Str(mandatory=True, desc="label")
    session = traits.Str(mandatory=True, desc="label")
    role = traits.Str(desc="baseline, post, followup or empty")
    perfusion = traits.Enum("", "dsc", "ctp", "asl", usedefault=True, desc="kind of the perfusion scan")
    side = traits.Enum("unknown", "left", "right", usedefault=True, desc="side of the stroke, as the study says")
    is_oriented = traits.Bool(True, usedefault=True, desc="the headers say which side is left")
    clinical = traits.Dict(desc="[value, why it is not known] of age, nihss_baseline and hours_from_onset")
    absences = traits.List(desc="[what, reason] of each scan that is missing or cannot be used")
    criteria = traits.Dict(mandatory=True, desc="catalogue of criteria")
    half_widths = traits.Dict(
        defaults("stability"),
        usedefault=True,
        desc="how far the thresholds of each map are moved either way",
        is_setting=True,
    )
    core_threshold = traits.Float(
        defaults("core")["adc_threshold"], usedefault=True, desc="ADC threshold of the core (mm²/s)", is_setting=True
    )
    limits = traits.Dict(defaults("quality"), usedefault=True, desc="limits of the quality figures", is_setting=True)


class MeasureSessionOutputSpec(TraitedSpec):
    """Outputs of `MeasureSession`."""

    measures = document("the session's row of the tables")


#: What a session is not failed without.
_MIRRORS = ("core_mirror", "deficit_mirror")
#: What tells volumes against thresholds.
_CURVES = ("core_curves", "penumbra", "deficit_curves", "delay_curves", "rttp45")


class MeasureSession(Step):
    """Gather a session's volumes, mismatch, trial profiles and quality figures."""

    input_spec = MeasureSessionInputSpec
    output_spec = MeasureSessionOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        own = {name: paths[0] for name, paths in self._input_files().items() if name not in ("post", "reflow")}
        failures = [list(absence) for absence in self.inputs.absences]
        broken = {name: found for name, path in own.items() if (found := reasons(path))}
        failures += [[name, reason] for name, found in broken.items() for reason in found]
        deficit = self._sidecar_of("deficit_curves")
        failures += [["rcbf", reason] for reason in deficit.get("NotComputed", [])]
        curves = self._curves()
        masks = {f"{name}_ml": self._volume(name) for name in ("tmax4", "tmax6", "tmax8", "tmax10", "rttp45")}
        masks["core_ml"] = self._volume(self._core())
        low = {round(share / 100, 2): self._volume(f"lowflow{share}") for share in (30, 40, 50)}
        masks |= {f"lowflow{100 * share:.0f}_ml": ml for share, ml in low.items()}
        if is_labelled := isdefined(self.inputs.lowflow40):
            failures.append(["dsc", session.NO_TMAX])
        row: dict[str, Any] = {
            "role": self.inputs.role or None,
            "perfusion": self.inputs.perfusion or None,
            "core_source": self._core_source(),
        }
        row |= session.volumes(masks, self._volume("penumbra"), curves) | self._sides()
        row |= {f"arterial_delay{limit_s}_ml": self._volume(f"delay{limit_s}") for limit_s in (3, 6)}
        known = session.Knowledge(
            self.inputs.clinical,
            read_sidecar(self.inputs.post).get("Row", {}) if isdefined(self.inputs.post) else {},
            deficit.get("NotComputed", []),
            read_number(deficit.get("NormalTmax")),
            is_labelled,
        )
        row["hours_from_onset"] = known.value("hours_from_onset")
        resampled = [self._sidecar_of(name).get("Draws", {}) for name in ("core_curves", "deficit_draws")]
        if self._core() == "flow_core":
            resampled[0] = {"core_ml": resampled[1].get("rcbf30_ml", [])}
        draws, quiet = (drawn_volumes(row, resampled[0] | resampled[1], draw) for draw in (plausible, without_noise))
        row |= bounds(row, draws, quiet)
        classes = session.Classes({}, [], [])
        if self.inputs.role == "baseline":
            widths, threshold, judged = self.inputs.half_widths, self.inputs.core_threshold, curves
            if self._core() == "flow_core":
                widths, threshold = {**widths, "adc": widths["rcbf"]}, FLOW_CORE
                judged = session.by_flow(curves, row["tmax6_ml"])
            classes = session.judge(row, self.inputs.criteria, known, judged, widths, threshold, draws)
        failures += classes.failures
        row |= classes.row | self._quality()
        warnings = self._warnings(row)
        row["status"] = session.status(warnings, list(broken), _MIRRORS, is_empty=not own)
        swept = self._swept() + (["lowflow"] if is_labelled else [])
        thresholds = session.tabulated({**curves, "lowflow": list(low.items())}, swept) + self._asymmetry_sweep()
        tables = {"Thresholds": thresholds, "Stability": classes.stability}
        self._save("measures", row, failures, warnings, **tables, Draws=draws, DrawsWithoutNoise=quiet)

    def save_fault(self, name: str, reasons: list[str]) -> None:
        """Save the row of a session of which nothing is known but why."""
        row = {"role": self.inputs.role or None, "status": "failed"}
        self._save(name, row, [["session", reason] for reason in reasons], [])

    def _save(
        self, name: str, row: dict[str, Any], failures: list[list[str]], warnings: list[str], **more: Any
    ) -> None:
        labels = {"participant_id": f"sub-{self.inputs.participant}", "session_id": f"ses-{self.inputs.session}"}
        said = dict.fromkeys([*(f"{what}: {reason}" for what, reason in failures), *warnings])
        row["reasons"] = "; ".join(said)
        self.save_document(name, labels | {"Row": row, "Failures": failures, "Warnings": warnings} | more)

    def _sidecar_of(self, name: str) -> dict[str, Any]:
        """Return the sidecar of an input; empty if that is not there, or has failed."""
        path = self._good(name)
        return read_sidecar(path) if path else {}

    def _core(self) -> str:
        """Return the input that holds the core: of diffusion, or of blood flow where there is no diffusion."""
        return "flow_core" if isdefined(self.inputs.flow_core) else "core"

    def _core_source(self) -> str | None:
        """Return what the core was found by."""
        if not self._good(self._core()):
            return None
        return {"core": "diffusion", "flow_core": "rcbf30"}[self._core()]

    def _volume(self, name: str) -> float:
        path = self._good(name)
        if path is None:
            return math.nan
        mask = nifti.load(path)
        return volume_ml(mask.mask, mask.affine)

    def _curves(self) -> dict[str, list[tuple[float, float]]]:
        """Return volume against threshold for each map that has it."""
        found = [self._sidecar_of(name).get("Curves", {}) for name in _CURVES]
        return {name: [(limit, ml) for limit, ml in curve] for curves in found for name, curve in curves.items()}

    def _swept(self) -> list[str]:
        """Return the maps whose thresholds the session should have been measured at."""
        maps = ["adc"] if isdefined(self.inputs.core_curves) else []
        maps += ["tmax", "delay", "rcbf", "rmtt"] if isdefined(self.inputs.deficit_curves) else []
        maps += ["arterial_delay"] if isdefined(self.inputs.delay_curves) else []
        return maps + (["rttp"] if isdefined(self.inputs.rttp45) else [])

    def _asymmetry_sweep(self) -> list[dict[str, Any]]:
        sweep = self._sidecar_of("reflow").get("asymmetry_sweep_ml", {})
        return [{"map": "asymmetry", "threshold": float(limit), "ml": ml} for limit, ml in sweep.items()]

    def _sides(self) -> dict[str, Any]:
        row: dict[str, Any] = {}
        is_flow = self._core() == "flow_core"
        of_core = ("core", self._core(), "deficit_mirror" if is_flow else "core_mirror")
        for name, mask, plane in (of_core, ("deficit", self._deficit(), "deficit_mirror")):
            lesion, mirror_path = self._good(mask), self._good(plane)
            one_sidedness = math.nan
            if lesion and mirror_path and self.inputs.is_oriented:
                found = nifti.load(lesion)
                right = half(found.data.shape, found.affine, load_mirror(mirror_path))
                one_sidedness = laterality(found.mask, right)
            row |= {f"{name}_laterality": one_sidedness, f"{name}_side": side(one_sidedness)}
        core, deficit = self._good("flow_core" if is_flow else "core_dscref"), self._good(self._deficit())
        row["core_covered"] = math.nan
        if core and deficit:
            row["core_covered"] = covered_share(nifti.load(core).mask, nifti.load(deficit).mask)
        return row

    def _deficit(self) -> str:
        """Return what the deficit is told by: Tmax above 6 s, or with ASL low flow."""
        return "lowflow40" if isdefined(self.inputs.lowflow40) else "tmax6"

    def _quality(self) -> dict[str, float]:
        path, fit = self._good("motion"), self._sidecar_of("transform")
        figures, arterial = self._sidecar_of("motion").get("Quality", {}), self._sidecar_of("curves")
        displacement = read_columns(path)["framewise_displacement"] if path else np.array([np.nan])
        return {
            "fd_mean_mm": float(np.nanmean(displacement)) if path else math.nan,
            "fd_max_mm": float(np.nanmax(displacement)) if path else math.nan,
            "bolus_cnr": read_number(arterial.get("BolusCNR")),
            "aif_fwhm_s": read_number(arterial.get("Quality", {}).get("fwhm_s")),
            "aif_score": read_number(arterial.get("Score")),
            "registration_dice": read_number(fit.get("BrainDice")),
            "tsnr": read_number(figures.get("TemporalSNR")),
            "dvars_percent": read_number(figures.get("DVARSPercent")),
            "outlier_frames": figures.get("OutlierFrames", math.nan),
            "brain_lost_share": read_number(figures.get("BrainLostShare")),
            "edge_agreement": read_number(fit.get("EdgeAgreement")),
            "edge_margin": read_number(fit.get("EdgeMargin")),
        }

    def _warnings(self, row: dict[str, Any]) -> list[str]:
        limits, path = self.inputs.limits, self._good("motion")
        moved, frames = self._sidecar_of("motion"), len(read_columns(path)["outlier"]) if path else 0
        used = moved["Quality"]["FramesUsed"] if path else 0
        warnings = doubts.motion_warnings(row, limits, moved.get("Warnings", []), frames, used)
        warnings += [f"series: {doubt}" for doubt in moved.get("Doubts", [])]
        warnings += doubts.registration_warnings(row, limits)
        warnings += doubts.time_warnings(row, limits) if self.inputs.role == "baseline" else []
        warnings += doubts.side_warnings(row, self.inputs.side, is_oriented=self.inputs.is_oriented)
        warnings += self._mirror_warnings()
        if arterial := self._sidecar_of("curves"):
            ratio = read_number(arterial["Quality"]["area_ratio"])
            doubtful = (arterial["Score"], arterial["Weakness"], ratio)
            warnings += doubts.arterial_warnings(*doubtful, limits, arterial["Warnings"])
        if core := self._sidecar_of("core"):
            warnings += doubts.diffusion_warnings(read_number(core["BrainMedianADC"]), limits)
        return warnings

    def _mirror_warnings(self) -> list[str]:
        """Say what of a plane is doubtful, and what was done without one."""
        planes = [load_mirror(path) for path in map(self._good, _MIRRORS) if path]
        warnings = [f"mirror: {plane.doubt}" for plane in planes if plane.doubt]
        for title, name in (("core", "core"), ("hypoperfusion", self._deficit())):
            warnings += [f"{title}: {warning}" for warning in self._sidecar_of(name).get("Warnings", [])]
        return warnings
