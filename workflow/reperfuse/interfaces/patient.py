"""The step that gathers a patient's row of the tables."""

import math
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.files import nifti
from reperfuse.files.sidecars import read_number, read_sidecar, reasons
from reperfuse.interfaces.base import Step, StepInputSpec, document, isdefined, takes
from reperfuse.mismatch.intervals import columns, interval, plausible, without_noise
from reperfuse.serial.bounds import BOUNDED, patient_draws
from reperfuse.serial.growth import growth_ml, initial_growth_rate
from reperfuse.serial.reperfusion import is_reperfused, reperfusion_fraction
from reperfuse.serial.verdict import judge
from reperfuse.volumes.image import volume_ml


@takes("imr", "significant_ml")
class MeasurePatientInputSpec(StepInputSpec):
    """Inputs of `MeasurePatient`; every file is optional."""

    baseline = File(exists=True, desc="measures of the baseline session")
    post = File(exists=True, desc="measures of the session after treatment")
    lesion = File(exists=True, desc="follow-up lesion")
    growth = File(exists=True, desc="growth document")
    deficits = File(exists=True, desc="what became of the deficit, voxel by voxel")
    reflow = File(exists=True, desc="reflow document")
    reflow_late = File(exists=True, desc="reflow document of a second scan after treatment")
    participant = traits.Str(mandatory=True, desc="label")
    absences = traits.List(desc="[what, reason] of each comparison that cannot be made")
    exclusions = traits.List(desc="reasons why IMR cannot be judged in this patient")
    unknown_exclusions = traits.List(desc="columns that would rule the patient out, and are not known")
    hours = traits.List(desc="[time from treatment to the scan after it (h), why it is not known]")
    has_late = traits.Bool(False, usedefault=True, desc="the study has a second scan after treatment")
    exclusions_late = traits.List(desc="reasons why IMR cannot be judged at the second scan")
    hours_late = traits.List(desc="[time from treatment to the second scan (h), why it is not known]")
    hours_allowed = traits.List(desc="[first, last] time from treatment at which reflow can be judged (h)")


class MeasurePatientOutputSpec(TraitedSpec):
    """Outputs of `MeasurePatient`."""

    measures = document("the patient's row of the tables")


class MeasurePatient(Step):
    """Gather a patient's growth, reperfusion and reflow."""

    input_spec = MeasurePatientInputSpec
    output_spec = MeasurePatientOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        failures = [list(absence) for absence in self.inputs.absences]
        for name in ("lesion", "growth", "deficits", "reflow", "reflow_late"):
            path = getattr(self.inputs, name)
            if isdefined(path):
                failures += [[name, reason] for reason in reasons(path)]
        if path := self._good("lesion"):
            about = read_sidecar(path)
            automatic = about.get("AutomaticLesion", {})
            failures += [["lesion", warning] for warning in about.get("Warnings", [])]
            for key in ("Reasons", "Warnings"):
                failures += [["lesion_automatic", said] for said in automatic.get(key, [])]
        row = self._growth() | self._reperfusion() | self._reflow(failures)
        row |= self._bounds(row)
        if self.inputs.has_late:
            row |= self._reflow_late(failures)
        roles = {"post": "reflow", "late": "reflow_late"}
        readings = [{"role": role} | found for role, name in roles.items() for found in self._readings(name)]
        self._save("measures", row, failures, readings)

    def save_fault(self, name: str, reasons: list[str]) -> None:
        """Save the row of a patient of whom nothing is known but why."""
        self._save(name, {}, [["patient", reason] for reason in reasons], [])

    def _save(self, name: str, row: dict[str, Any], failures: list[list[str]], readings: list[dict[str, Any]]) -> None:
        labels = {"participant_id": f"sub-{self.inputs.participant}"}
        self.save_document(name, labels | {"Row": row, "Failures": failures, "Reflow": readings})

    def _read(self, name: str) -> dict[str, Any]:
        path = getattr(self.inputs, name)
        content = read_sidecar(path) if isdefined(path) else {}
        return content.get("Row", content)

    def _readings(self, name: str) -> list[dict[str, Any]]:
        """Return what every definition says of reflow."""
        return list(self._read(name).get("Definitions", []))

    def _number(self, name: str, key: str) -> float:
        return read_number(self._read(name).get(key))

    def _growth(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "core_baseline_ml": self._number("baseline", "core_ml"),
            "infarct_followup_ml": math.nan,
            "lesion_source": None,
            "lesion_automatic_ml": math.nan,
            "lesion_dice": math.nan,
        }
        if self._good("lesion"):
            lesion = nifti.load(self.inputs.lesion)
            row["infarct_followup_ml"] = volume_ml(lesion.mask, lesion.affine)
            about = read_sidecar(self.inputs.lesion)
            row["lesion_source"] = about["LesionSource"]
            automatic = about.get("AutomaticLesion", {})
            row["lesion_automatic_ml"] = read_number(automatic.get("LesionMl"))
            row["lesion_dice"] = read_number(automatic.get("Dice"))
        row["growth_ml"] = growth_ml(row["core_baseline_ml"], row["infarct_followup_ml"])
        parts = ("growth_penumbra_ml", "growth_oligaemia_ml", "growth_beyond_ml", "growth_unseen_ml")
        for key in ("infarct_unswollen_ml", "growth_voxelwise_ml", "reversal_ml", *parts):
            row[key] = self._number("growth", key)
        hours = self._number("baseline", "hours_from_onset")
        row["initial_growth_ml_h"] = initial_growth_rate(row["core_baseline_ml"], hours)
        row["penumbra_ml"] = self._number("baseline", "mismatch_coreg_ml")
        row["salvage_fraction"] = self._number("growth", "salvage_fraction")
        return row

    def _reperfusion(self) -> dict[str, Any]:
        before, after = self._number("baseline", "tmax6_ml"), self._number("post", "tmax6_ml")
        fraction = reperfusion_fraction(before, after)
        if math.isnan(before) and math.isnan(after):  # of two ASL sessions, low flow is compared
            fraction = reperfusion_fraction(
                self._number("baseline", "lowflow40_ml"), self._number("post", "lowflow40_ml")
            )
        return {
            "tmax6_baseline_ml": before,
            "tmax6_post_ml": after,
            "reperfusion_fraction": fraction,
            "reperfused_50": is_reperfused(fraction, 0.5),
            "reperfused_90": is_reperfused(fraction, 0.9),
            "persistent_tmax6_ml": after,
        } | {
            f"deficit_{name}_ml": self._number("deficits", f"deficit_{name}_ml")
            for name in ("recovered", "persistent", "new")
        }

    def _reflow(self, failures: list[list[str]]) -> dict[str, Any]:
        keys = ("imr_ml", "imr_fraction", "imr_null_ml", "imr_covered", "rcbv_asymmetry_median")
        parts = ("rcbv_asymmetry_median_early", "rcbv_asymmetry_median_growth")
        row: dict[str, Any] = {key: self._number("reflow", key) for key in (*keys, *parts)}
        hours, unknown = self.inputs.hours
        verdict = judge(
            row["imr_ml"],
            [*self.inputs.exclusions, *self._read("reflow").get("NotEvaluable", [])],
            hours=hours,
            hours_allowed=self.inputs.hours_allowed,
            significant_ml=self.inputs.significant_ml,
            why_unknown=[reason for what, reason in failures if what == "reflow"],
        )
        row["imr_significant"] = verdict.significant
        row["imr_evaluable"] = verdict.evaluable
        row["imr_exclusion"] = verdict.exclusion
        row["hours_from_treatment"] = math.nan if hours is None else hours
        notes = [f"the time from treatment is unknown ({unknown}), so it was not checked"] if unknown else []
        if self.inputs.unknown_exclusions:
            notes.append(f"not known, so not checked: {', '.join(self.inputs.unknown_exclusions)}")
        notes += [f"not checked: {what}" for what in self._read("reflow").get("NotChecked", [])]
        row["imr_note"] = "; ".join(notes)
        return row

    def _bounds(self, row: dict[str, Any]) -> dict[str, float]:
        """Return the intervals of the row, from the draws of the volumes."""
        sets = []
        for key, draw in (("Draws", plausible), ("DrawsWithoutNoise", without_noise)):
            before, after = (self._draws(name, key) for name in ("baseline", "post"))
            lesion = draw(row["infarct_followup_ml"], self._draws("lesion").get("infarct_followup_ml"))
            drawn = patient_draws(
                core=before.get("core_ml"),
                lesion=row["infarct_followup_ml"] if row["lesion_source"] == "expert" else lesion,
                deficit=before.get("tmax6_ml"),
                deficit_after=after.get("tmax6_ml"),
                impaired=draw(row["imr_ml"], self._draws("reflow").get("imr_ml")),
            )
            sets.append(drawn)
        found = {name: interval(row[name], *(drawn[name] for drawn in sets)) for name in BOUNDED}
        return {column: value for name, ends in found.items() for column, value in columns(name, ends).items()}

    def _draws(self, name: str, key: str = "Draws") -> dict[str, np.ndarray]:
        path = self._good(name)
        drawn = read_sidecar(path).get(key, {}) if path else {}
        return {volume: np.array(values, float) for volume, values in drawn.items()}

    def _reflow_late(self, failures: list[list[str]]) -> dict[str, Any]:
        imr_ml, (hours, _) = self._number("reflow_late", "imr_ml"), self.inputs.hours_late
        verdict = judge(
            imr_ml,
            [*self.inputs.exclusions_late, *self._read("reflow_late").get("NotEvaluable", [])],
            hours=None,  # a definition's hours are those of the first scan
            hours_allowed=self.inputs.hours_allowed,
            significant_ml=self.inputs.significant_ml,
            why_unknown=[reason for what, reason in failures if what == "reflow_late"],
        )
        return {
            "imr_late_ml": imr_ml,
            "imr_late_significant": verdict.significant,
            "imr_late_evaluable": verdict.evaluable,
            "imr_late_exclusion": verdict.exclusion,
            "hours_from_treatment_late": math.nan if hours is None else hours,
        }
