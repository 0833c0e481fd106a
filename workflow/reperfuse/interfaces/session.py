"""The step that gathers a session's row of the tables."""

import math
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.files import nifti, sidecars
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.sidecars import read_sidecar
from reperfuse.files.tables import read_columns
from reperfuse.head.mirror import half
from reperfuse.interfaces.base import Step, StepInputSpec, defaults, document, isdefined
from reperfuse.mismatch.criteria import CLINICAL, POST, VOLUMES, classify
from reperfuse.mismatch.mismatch import (
    covered_share,
    hypoperfusion_intensity_ratio,
    laterality,
    side,
    volumetric_mismatch,
)
from reperfuse.mismatch.stability import TABULATED, stability
from reperfuse.volumes.image import volume_ml


class MeasureSessionInputSpec(StepInputSpec):
    """Inputs of `MeasureSession`; every file is optional."""

    core = File(exists=True, desc="diffusion core, diffusion grid")
    core_mirror = File(exists=True, desc="the head's mirror plane in diffusion space")
    core_curves = File(exists=True, desc="volume of the core against its threshold")
    core_dscref = File(exists=True, desc="diffusion core in perfusion space")
    tmax4 = File(exists=True, desc="tissue with Tmax above 4 s")
    tmax6 = File(exists=True, desc="tissue with Tmax above 6 s")
    tmax8 = File(exists=True, desc="tissue with Tmax above 8 s")
    tmax10 = File(exists=True, desc="tissue with Tmax above 10 s")
    deficit_mirror = File(exists=True, desc="the head's mirror plane in perfusion space")
    deficit_curves = File(exists=True, desc="volumes of the perfusion maps against their thresholds")
    penumbra = File(exists=True, desc="Tmax above 6 s outside the core")
    motion = File(exists=True, desc="motion of each frame (mm, rad)")
    curves = File(exists=True, desc="arterial input")
    transform = File(exists=True, desc="diffusion to perfusion transform")
    reflow = File(exists=True, desc="reflow document, for the session after treatment")
    post = File(exists=True, desc="measures of the session after treatment, for the baseline session")
    participant = traits.Str(mandatory=True, desc="label")
    session = traits.Str(mandatory=True, desc="label")
    role = traits.Str(desc="baseline, post, followup or empty")
    side = traits.Enum("unknown", "left", "right", usedefault=True, desc="side of the stroke, as the study says")
    clinical = traits.Dict(desc="[value, why it is not known] of age, nihss_baseline and hours_from_onset")
    absences = traits.List(desc="[what, reason] of each scan that is missing or cannot be used")
    criteria = traits.Dict(mandatory=True, desc="catalogue of criteria")
    half_widths = traits.Dict(
        defaults("stability"), usedefault=True, desc="how far the thresholds of each map are moved either way"
    )
    core_threshold = traits.Float(defaults("core")["adc_threshold"], usedefault=True, desc="core lies below (mm²/s)")
    limits = traits.Dict(defaults("quality"), usedefault=True, desc="limits of the quality figures")


class MeasureSessionOutputSpec(TraitedSpec):
    """Outputs of `MeasureSession`."""

    measures = document("the session's row of the tables")


#: What a session is not failed without.
_MIRRORS = ("core_mirror", "deficit_mirror")


class MeasureSession(Step):
    """Gather a session's volumes, mismatch, trial profiles and quality figures."""

    input_spec = MeasureSessionInputSpec
    output_spec = MeasureSessionOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        own = {name: paths[0] for name, paths in self._input_files().items() if name not in ("post", "reflow")}
        failures = [list(absence) for absence in self.inputs.absences]
        broken = {name: reasons for name, path in own.items() if (reasons := sidecars.reasons(path))}
        failures += [[name, reason] for name, reasons in broken.items() for reason in reasons]
        failures += [["rcbf", reason] for reason in self._why_not_relative()]
        curves = self._curves()
        row: dict[str, Any] = {"role": self.inputs.role or None} | self._volumes(curves) | self._sides()
        row["hours_from_onset"] = self._clinical("hours_from_onset")
        firmness: list[dict[str, Any]] = []
        if self.inputs.role == "baseline":
            firmness = self._judge(row, curves, failures)
        row |= self._quality()
        warnings = self._warnings(row)
        failed = not own or bool(broken.keys() - set(_MIRRORS))
        row["status"] = "failed" if failed else ("warn" if warnings or broken else "ok")
        row["reasons"] = "; ".join(dict.fromkeys([*(f"{what}: {reason}" for what, reason in failures), *warnings]))
        self.save_document(
            "measures",
            {
                "participant_id": f"sub-{self.inputs.participant}",
                "session_id": f"ses-{self.inputs.session}",
                "Row": row,
                "Failures": failures,
                "Thresholds": self._thresholds(curves),
                "Stability": firmness,
            },
        )

    def _volume(self, name: str) -> float:
        path = self._good(name)
        if path is None:
            return math.nan
        mask = nifti.load(path)
        return volume_ml(mask.mask, mask.affine)

    def _curves(self) -> dict[str, list[tuple[float, float]]]:
        """Return volume against threshold for each map that has it."""
        paths = filter(None, (self._good("core_curves"), self._good("deficit_curves")))
        found = [read_sidecar(path)["Curves"] for path in paths]
        return {name: [(limit, ml) for limit, ml in curve] for curves in found for name, curve in curves.items()}

    def _volumes(self, curves: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
        masks = {f"{name}_ml": self._volume(name) for name in ("core", "tmax4", "tmax6", "tmax8", "tmax10")}
        volumes = {
            name: math.nan if threshold is None else dict(curves.get(source, ())).get(threshold, math.nan)
            for name, (source, threshold) in VOLUMES.items()
        } | masks
        found = volumetric_mismatch(volumes["tmax6_ml"], volumes["core_ml"])
        return volumes | {
            "mismatch_ml": found.difference_ml,
            "mismatch_coreg_ml": self._volume("penumbra"),
            "mismatch_ratio": found.ratio,
            "hir": hypoperfusion_intensity_ratio(volumes["tmax10_ml"], volumes["tmax6_ml"]),
        }

    def _thresholds(self, curves: dict[str, list[tuple[float, float]]]) -> list[dict[str, Any]]:
        """Return the rows of the table of thresholds, for the maps the session should have."""
        expected = ["adc"] if isdefined(self.inputs.core_curves) else []
        expected += ["tmax", "delay", "rcbf", "rmtt"] if isdefined(self.inputs.deficit_curves) else []
        rows = [
            {"map": name, "threshold": limit, "ml": dict(curves.get(name, ())).get(limit, math.nan)}
            for name in expected
            for limit in TABULATED[name]
        ]
        reflow = self._good("reflow")
        sweep = read_sidecar(reflow).get("asymmetry_sweep_ml", {}) if reflow else {}
        return rows + [{"map": "asymmetry", "threshold": float(limit), "ml": ml} for limit, ml in sweep.items()]

    def _sides(self) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for name, mask, plane in (("core", "core", "core_mirror"), ("deficit", "tmax6", "deficit_mirror")):
            lesion, mirror_path = self._good(mask), self._good(plane)
            one_sidedness = math.nan
            if lesion and mirror_path:
                found = nifti.load(lesion)
                right = half(found.data.shape, found.affine, load_mirror(mirror_path))
                one_sidedness = laterality(found.mask, right)
            row |= {f"{name}_laterality": one_sidedness, f"{name}_side": side(one_sidedness)}
        core, deficit = self._good("core_dscref"), self._good("tmax6")
        row["core_covered"] = math.nan
        if core and deficit:
            row["core_covered"] = covered_share(nifti.load(core).mask, nifti.load(deficit).mask)
        return row

    def _clinical(self, name: str) -> float:
        value = self.inputs.clinical.get(name, [None])[0]
        return math.nan if value is None else float(value)

    def _judge(
        self, row: dict[str, Any], curves: dict[str, list[tuple[float, float]]], failures: list[list[str]]
    ) -> list[dict[str, Any]]:
        """Add the class by every criterion to the row, and return how stable each is."""
        post = read_sidecar(self.inputs.post).get("Row", {}) if isdefined(self.inputs.post) else {}
        quantities = {name: row[name] for name in (*VOLUMES, "mismatch_coreg_ml")}
        quantities |= {name: self._clinical(name) for name in CLINICAL}
        for name in POST:
            value = post.get(name.removeprefix("post_"))
            quantities[name] = math.nan if value in (None, "n/a") else float(value)
        reasons = self._why_unknown() | self._unspecific()
        quantities |= dict.fromkeys(self._unspecific(), math.nan)
        rows = []
        for name, criterion in self.inputs.criteria.items():
            row[name], missing = classify(criterion, quantities)
            # why another volume of this session is not known has been said already
            unknown = [f"{what} not known: {reasons[what]}" for what in missing if what in reasons]
            if unknown:
                failures.append([name, "; ".join(unknown)])
            for found in stability(criterion, quantities, curves, self.inputs.half_widths, self.inputs.core_threshold):
                stable = None if found.stable is None else ("stable" if found.stable else "unstable")
                limits = {"parameter": found.parameter, "low": found.low, "high": found.high}
                rows.append({"criterion": name, "class": row[name], "stability": stable} | limits)
        return rows

    def _why_not_relative(self) -> list[str]:
        """Return why CBF and CBV relative to normal tissue are not known, where Tmax is."""
        path = self._good("deficit_curves")
        return read_sidecar(path).get("NotComputed", []) if path else []

    def _why_unknown(self) -> dict[str, str]:
        given = self.inputs.clinical
        clinical = {name: given.get(name, [None, "not given"])[1] for name in CLINICAL}
        relative = [name for name, (source, _) in VOLUMES.items() if source in ("rcbf", "rmtt")]
        reasons = self._why_not_relative()
        unscaled = dict.fromkeys(relative, "; ".join(reasons)) if reasons else {}
        return clinical | unscaled | dict.fromkeys(POST, "it takes a session after treatment with that scan")

    def _unspecific(self) -> dict[str, str]:
        """Return why a volume says nothing of the deficit: Tmax thresholds that normal tissue exceeds."""
        path = self._good("deficit_curves")
        if path is None:
            return {}
        normal_s = float(read_sidecar(path)["NormalTmax"])
        return {
            name: f"normal tissue's own Tmax is {normal_s:.1f} s, so Tmax above {threshold:g} s is no deficit"
            for name, (source, threshold) in VOLUMES.items()
            if source == "tmax" and threshold is not None and normal_s >= threshold
        }

    def _quality(self) -> dict[str, float]:
        names = ("fd_mean_mm", "fd_max_mm", "bolus_cnr", "aif_fwhm_s", "aif_score", "registration_dice")
        more = ("tsnr", "dvars_percent", "outlier_frames", "brain_lost_share", "edge_agreement", "edge_margin")
        quality = dict.fromkeys((*names, *more), math.nan)
        if path := self._good("motion"):
            displacement = read_columns(path)["framewise_displacement"]
            quality |= {
                "fd_mean_mm": float(np.nanmean(displacement)),
                "fd_max_mm": float(np.nanmax(displacement)),
            }
            figures = read_sidecar(path)["Quality"]
            quality |= {
                "tsnr": _number(figures["TemporalSNR"]),
                "dvars_percent": _number(figures["DVARSPercent"]),
                "outlier_frames": figures["OutlierFrames"],
                "brain_lost_share": _number(figures["BrainLostShare"]),
            }
        if path := self._good("curves"):
            curves = read_sidecar(path)
            quality |= {
                "bolus_cnr": curves["BolusCNR"],
                "aif_fwhm_s": curves["Quality"]["fwhm_s"],
                "aif_score": curves["Score"],
            }
        if path := self._good("transform"):
            fit = read_sidecar(path)
            quality |= {
                "registration_dice": _number(fit["BrainDice"]),
                "edge_agreement": _number(fit["EdgeAgreement"]),
                "edge_margin": _number(fit["EdgeMargin"]),
            }
        return quality

    def _warnings(self, row: dict[str, Any]) -> list[str]:
        limits, warnings = self.inputs.limits, []
        if row["fd_max_mm"] > limits["max_framewise_displacement_mm"]:
            warnings.append(f"motion: framewise displacement reaches {row['fd_max_mm']:.1f} mm")
        warnings += self._motion_warnings(row)
        if row["registration_dice"] < limits["min_registration_dice"]:
            warnings.append(f"registration: brain masks overlap with Dice {row['registration_dice']:.2f} only")
        if row["edge_margin"] < limits["min_edge_margin"]:
            warnings.append(
                "registration: the edges of diffusion and perfusion agree hardly better than 4 mm off "
                f"({row['edge_agreement']:.2f}, {row['edge_margin']:+.2f}); are they aligned, and of one patient?"
            )
        if self.inputs.role == "baseline" and row["hours_from_onset"] > limits["max_hours_from_onset"]:
            warnings.append(
                f"time: scanned {row['hours_from_onset']:.1f} h after onset; the thresholds were set on earlier scans"
            )
        if self.inputs.side != "unknown" and row["core_side"] not in (None, "bilateral", self.inputs.side):
            warnings.append(f"side: the core lies on the {row['core_side']}, the study says {self.inputs.side}")
        if {row["core_side"], row["deficit_side"]} == {"left", "right"}:
            warnings.append(
                f"side: the core lies on the {row['core_side']}, the deficit on the {row['deficit_side']} "
                "(is left right in one of the headers?)"
            )
        warnings += self._mirror_warnings()
        warnings += self._arterial_warnings()
        if path := self._good("core"):
            median = read_sidecar(path)["BrainMedianADC"]
            low, high = limits["brain_median_adc"]
            if not low <= median <= high:
                warnings.append(
                    f"diffusion: the median ADC of the brain's tissue is {median * 1e6:.0f}e-6 mm²/s, "
                    f"outside {low * 1e6:.0f}-{high * 1e6:.0f}e-6 (are the b-values right?)"
                )
        return warnings

    def _mirror_warnings(self) -> list[str]:
        """Say what of a plane is doubtful, and what was done without one."""
        planes = [load_mirror(path) for path in map(self._good, _MIRRORS) if path]
        warnings = [f"mirror: {plane.doubt}" for plane in planes if plane.doubt]
        for title, name in (("core", "core"), ("hypoperfusion", "tmax6")):
            if path := self._good(name):
                warnings += [f"{title}: {warning}" for warning in read_sidecar(path).get("Warnings", [])]
        return warnings

    def _arterial_warnings(self) -> list[str]:
        path = self._good("curves")
        if path is None:
            return []
        found = read_sidecar(path)
        warnings, ratio = list(found["Warnings"]), _number(found["Quality"]["area_ratio"])
        low, high = self.inputs.limits["aif_area_ratio"]
        if found["Score"] < self.inputs.limits["min_aif_score"]:
            warnings.append(f"the arterial input is doubtful in its {found['Weakness']} (score {found['Score']:.2f})")
        if not np.isnan(ratio) and not low <= ratio <= high:
            warnings.append(f"the venous area is {ratio:.1f} times the arterial area: CBF and CBV may be out of scale")
        return [f"aif: {warning}" for warning in warnings]

    def _motion_warnings(self, row: dict[str, Any]) -> list[str]:
        limits, warnings, path = self.inputs.limits, [], self._good("motion")
        if path:
            found, frames = read_sidecar(path), len(read_columns(path)["outlier"])
            warnings += [f"motion: {warning}" for warning in found["Warnings"]]
            figures = found["Quality"]
            if figures["OutlierShare"] > limits["max_outlier_share"]:
                warnings.append(
                    f"motion: {row['outlier_frames']} of {frames} frames could not be realigned or fit badly"
                )
            if figures["FramesUsed"] < frames:
                warnings.append(f"motion: only the first {figures['FramesUsed']} of {frames} frames are used")
        if row["brain_lost_share"] > limits["max_brain_lost_share"]:
            warnings.append(
                f"motion: {row['brain_lost_share']:.0%} of the brain leaves the field of view in some frame"
            )
        if row["tsnr"] < limits["min_temporal_snr"]:
            warnings.append(f"noise: the temporal SNR before the bolus is {row['tsnr']:.0f} only")
        if row["bolus_cnr"] < limits["min_bolus_cnr"]:
            warnings.append(f"noise: the bolus is only {row['bolus_cnr']:.1f} times as high as a voxel's noise")
        return warnings


def _number(value: Any) -> float:
    """Return a number of a sidecar, NaN for ``n/a``."""
    return math.nan if value == "n/a" else float(value)
