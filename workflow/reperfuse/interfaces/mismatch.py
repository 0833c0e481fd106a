"""Steps of the mismatch stage: the penumbra, and a session's numbers."""

import math
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse import images, mismatch
from reperfuse.interfaces.base import Step, StepInputSpec, document, image, isdefined, read_columns


class SegmentPenumbraInputSpec(StepInputSpec):
    """Inputs of `SegmentPenumbra`."""

    deficit = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s")
    core = File(exists=True, mandatory=True, desc="diffusion core in perfusion space")


class SegmentPenumbraOutputSpec(TraitedSpec):
    """Outputs of `SegmentPenumbra`."""

    penumbra = image("tissue with Tmax above 6 s that is not core")


class SegmentPenumbra(Step):
    """Find hypoperfused tissue that is not core."""

    input_spec = SegmentPenumbraInputSpec
    output_spec = SegmentPenumbraOutputSpec

    def _compute(self) -> None:
        deficit, core = images.load(self.inputs.deficit), images.load(self.inputs.core)
        self.save_image("penumbra", mismatch.penumbra_mask(deficit.mask, core.mask), deficit)


class MeasureSessionInputSpec(StepInputSpec):
    """Inputs of `MeasureSession`; every file is optional."""

    core = File(exists=True, desc="diffusion core, diffusion grid")
    tmax4 = File(exists=True, desc="tissue with Tmax above 4 s")
    tmax6 = File(exists=True, desc="tissue with Tmax above 6 s")
    tmax8 = File(exists=True, desc="tissue with Tmax above 8 s")
    tmax10 = File(exists=True, desc="tissue with Tmax above 10 s")
    penumbra = File(exists=True, desc="Tmax above 6 s outside the core")
    rcbf = File(exists=True, desc="relative CBF (1)")
    motion = File(exists=True, desc="motion of each frame (mm, rad)")
    curves = File(exists=True, desc="arterial input")
    transform = File(exists=True, desc="diffusion to perfusion transform")
    participant = traits.Str(mandatory=True, desc="label")
    session = traits.Str(mandatory=True, desc="label")
    role = traits.Str(desc="baseline, post, followup or empty")
    absences = traits.List(desc="[what, reason] of each scan that is missing or cannot be used")
    criteria = traits.Dict(mandatory=True, desc="catalogue of criteria")
    limits = traits.Dict(mandatory=True, desc="limits of the quality figures")


class MeasureSessionOutputSpec(TraitedSpec):
    """Outputs of `MeasureSession`."""

    measures = document("the session's row of the tables")


class MeasureSession(Step):
    """Gather a session's volumes, mismatch, trial profiles and quality figures."""

    input_spec = MeasureSessionInputSpec
    output_spec = MeasureSessionOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        failures = [list(absence) for absence in self.inputs.absences]
        for name, paths in self._input_files().items():
            failures += [[name, reason] for reason in images.reasons(paths[0])]
        row: dict[str, Any] = {"role": self.inputs.role or None} | self._volumes()
        found = mismatch.volumetric_mismatch(row["tmax6_ml"], row["core_ml"])
        row |= {
            "mismatch_ml": found.difference_ml,
            "mismatch_coreg_ml": self._volume("penumbra"),
            "mismatch_ratio": found.ratio,
            "hir": mismatch.hypoperfusion_intensity_ratio(row["tmax10_ml"], row["tmax6_ml"]),
        }
        quantities = {name: value for name, value in row.items() if isinstance(value, float)}
        for name, criterion in self.inputs.criteria.items():
            row[name], _ = mismatch.classify(criterion, quantities)
        row |= self._quality()
        reasons = [f"{what}: {reason}" for what, reason in failures] + self._warnings(row)
        computed = [name for name, paths in self._input_files().items() if not images.reasons(paths[0])]
        failed = len(computed) < len(self._input_files()) or not computed
        row["status"] = "failed" if failed else ("warn" if self._warnings(row) else "ok")
        row["reasons"] = "; ".join(dict.fromkeys(reasons))
        self.save_document(
            "measures",
            {
                "participant_id": f"sub-{self.inputs.participant}",
                "session_id": f"ses-{self.inputs.session}",
                "Row": row,
                "Failures": failures,
            },
        )

    def _good(self, name: str) -> str | None:
        path = getattr(self.inputs, name)
        return str(path) if isdefined(path) and not images.reasons(path) else None

    def _volume(self, name: str) -> float:
        path = self._good(name)
        if path is None:
            return math.nan
        mask = images.load(path)
        return images.volume_ml(mask.mask, mask.affine)

    def _volumes(self) -> dict[str, float]:
        volumes = {f"{name}_ml": self._volume(name) for name in ("core", "tmax4", "tmax6", "tmax8", "tmax10")}
        volumes["rcbf30_ml"] = math.nan
        flow, deficit = self._good("rcbf"), self._good("tmax6")
        if flow and deficit:
            # inside the deficit only: CSF and noise lie below 30 % as well
            rcbf = images.load(flow)
            low = (rcbf.data < 0.3) & images.load(deficit).mask
            volumes["rcbf30_ml"] = images.volume_ml(low, rcbf.affine)
        return volumes

    def _quality(self) -> dict[str, float]:
        quality = dict.fromkeys(
            ("fd_mean_mm", "fd_max_mm", "bolus_cnr", "aif_fwhm_s", "registration_dice"), math.nan
        )
        if path := self._good("motion"):
            displacement = read_columns(path)["framewise_displacement"]
            quality |= {"fd_mean_mm": float(np.nanmean(displacement)), "fd_max_mm": float(np.nanmax(displacement))}
        if path := self._good("curves"):
            curves = images.read_sidecar(path)
            quality |= {"bolus_cnr": curves["BolusCNR"], "aif_fwhm_s": curves["Quality"]["fwhm_s"]}
        if path := self._good("transform"):
            quality["registration_dice"] = images.read_sidecar(path)["BrainDice"]
        return quality

    def _warnings(self, row: dict[str, Any]) -> list[str]:
        limits, warnings = self.inputs.limits, []
        if row["fd_max_mm"] > limits["max_framewise_displacement_mm"]:
            warnings.append(f"motion: framewise displacement reaches {row['fd_max_mm']:.1f} mm")
        if row["registration_dice"] < limits["min_registration_dice"]:
            warnings.append(f"registration: brain masks overlap with Dice {row['registration_dice']:.2f} only")
        if path := self._good("curves"):
            warnings += [f"aif: {warning}" for warning in images.read_sidecar(path)["Warnings"]]
        if path := self._good("core"):
            median = images.read_sidecar(path)["BrainMedianADC"]
            low, high = limits["brain_median_adc"]
            if not low <= median <= high:
                warnings.append(
                    f"diffusion: the median ADC of the brain's tissue is {median * 1e6:.0f}e-6 mm²/s, outside "
                    f"{low * 1e6:.0f}-{high * 1e6:.0f}e-6 (are the b-values right?)"
                )
        return warnings
