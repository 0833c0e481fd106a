"""What is exactly known about a simulated patient: the row of the table of patients."""

from collections.abc import Sequence

from reperfuse.simulation.patients import Patient
from reperfuse.simulation.truth import IMR_CBV_RATIO, Row, _inside


def patient_row(patient: Patient, sessions: Sequence[Row]) -> Row:
    """Truth of a patient over all sessions, columns as in ``group/patients.tsv``.

    Growth, reversal and salvage are counted in the frame of the head before it swells. Of a core that is not seen by
    diffusion, the growth in volume alone is known.

    Parameters
    ----------
    patient : Patient
        The patient.
    sessions : sequence of dict
        Rows of the patient's sessions.

    Returns
    -------
    dict
        Column → value, None where there is nothing to know.
    """
    by_role = {row["role"]: row for row in sessions}
    row: Row = {"participant_id": f"sub-{patient.label}"}
    return row | _growth(patient, by_role) | _reperfusion(by_role) | _no_reflow(patient, by_role)


def _growth(patient: Patient, by_role: dict[object, Row]) -> Row:
    core_ml, lesion_ml = (by_role.get(role, {}).get("core_ml") for role in ("baseline", "followup"))
    deficit, (core, lesion) = (
        patient.deficit("baseline"),
        (patient.core("baseline"), patient.core("followup")),
    )
    within, volume = _inside(patient, core, lesion, deficit)
    core_there, lesion_there, deficit_there = within
    penumbra = deficit_there & ~core_there
    names = ("growth_ml", "growth_voxelwise_ml", "reversal_ml", "penumbra_ml", "salvage_fraction")
    row: Row = {"core_baseline_ml": core_ml, "infarct_followup_ml": lesion_ml, **dict.fromkeys(names)}
    if isinstance(core_ml, float) and isinstance(lesion_ml, float):
        row["growth_ml"] = lesion_ml - core_ml
    if "dwi" not in patient.scans.get("baseline", ()):
        core_ml = None
    if isinstance(core_ml, float):
        row["penumbra_ml"] = float(penumbra.sum() * volume)
    if isinstance(core_ml, float) and isinstance(lesion_ml, float):
        row["growth_voxelwise_ml"] = float((lesion_there & ~core_there).sum() * volume)
        row["reversal_ml"] = float((core_there & ~lesion_there).sum() * volume)
        if penumbra.any():
            row["salvage_fraction"] = float((penumbra & ~lesion_there).sum() / penumbra.sum())
    row["defuse2"] = by_role.get("baseline", {}).get("defuse2")
    return row


def _reperfusion(by_role: dict[object, Row]) -> Row:
    before, after = (by_role.get(role, {}).get("tmax6_ml") for role in ("baseline", "post"))
    row: Row = {"tmax6_baseline_ml": before, "tmax6_post_ml": after}
    names = ("reperfusion_fraction", "reperfused_50", "reperfused_90")
    if not (isinstance(before, float) and isinstance(after, float) and before > 0):
        return row | dict.fromkeys(names)
    fraction = 1 - after / before
    return row | dict(zip(names, (fraction, int(fraction > 0.5), int(fraction > 0.9)), strict=True))


def _no_reflow(patient: Patient, by_role: dict[object, Row]) -> Row:
    if "followup" not in by_role or by_role.get("post", {}).get("tmax6_ml") is None:
        return {"imr_ml": None, "imr_fraction": None}
    (island, lesion), volume = _inside(patient, patient.island("post"), patient.core("followup"))
    impaired = int((island & lesion).sum()) if patient.island_cbv_ratio < IMR_CBV_RATIO else 0
    return {"imr_ml": impaired * volume, "imr_fraction": impaired / lesion.sum() if lesion.any() else None}
