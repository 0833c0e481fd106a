"""Steps of the group stage: the tables of a study."""

from typing import Any

from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, traits

from reperfuse.files.sidecars import read_sidecar
from reperfuse.interfaces.base import Step, StepInputSpec, isdefined, table


class TabulateStudyInputSpec(StepInputSpec):
    """Inputs of `TabulateStudy`."""

    sessions = InputMultiObject(File(exists=True), desc="measures of every session")
    patients = InputMultiObject(File(exists=True), desc="measures of every patient")
    left_out = traits.List(
        traits.List(traits.Str()),
        usedefault=True,
        desc="[participant_id, what, reason] of what the measures do not cover",
    )
    dictionaries = traits.Dict(mandatory=True, desc="data dictionary of each table")


class TabulateStudyOutputSpec(TraitedSpec):
    """Outputs of `TabulateStudy`."""

    sessions = table("a row a session")
    patients = table("a row a patient")
    thresholds = table("volume of each lesion at each threshold in use")
    stability = table("how far each threshold can move before a criterion's class changes")
    reflow = table("impaired reflow by every definition and threshold")
    failures = table("what was not computed, for whom, and why")


class TabulateStudy(Step):
    """Write the study's tables, each with its data dictionary."""

    input_spec = TabulateStudyInputSpec
    output_spec = TabulateStudyOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        sessions, patients = (
            [read_sidecar(path) for path in (files if isdefined(files) else [])]
            for files in (self.inputs.sessions, self.inputs.patients)
        )
        self._save("sessions", [_identity(item) | item["Row"] for item in sessions])
        self._save("patients", [_identity(item) | item["Row"] for item in patients])
        for name, items in (("thresholds", sessions), ("stability", sessions), ("reflow", patients)):
            self._save(name, [_identity(item) | row for item in items for row in item.get(name.title(), [])])
        failures = [
            _identity(item) | {"what": what, "reason": reason}
            for item in (*sessions, *patients)
            for what, reason in item["Failures"]
        ]
        failures += [dict(zip(("participant_id", "what", "reason"), row, strict=True)) for row in self.inputs.left_out]
        failures.sort(key=lambda row: (row["participant_id"], row.get("session_id", ""), row["what"]))
        self._save("failures", failures)

    def save_fault(self, name: str, reasons: list[str]) -> None:
        """Stop: tables without rows would pass for those of a study."""
        raise RuntimeError(f"{name}: {'; '.join(reasons)}; delete that file, so that it is made again")

    def _save(self, name: str, rows: list[dict[str, Any]]) -> None:
        self.save_rows(name, rows, self.inputs.dictionaries[name])

    def _parameters(self) -> dict[str, Any]:
        return {}


def _identity(item: dict[str, Any]) -> dict[str, Any]:
    return {key: item[key] for key in ("participant_id", "session_id") if key in item}
