"""Patients who come to a CT scanner, and are followed by MR."""

from typing import Any

from reperfuse.simulation.patients import Patient

CT_SCANS = {"baseline": ("ctp",), "followup": ("dwi",)}


WITH_POST = {"baseline": ("ctp",), "post": ("dsc", "dwi"), "followup": ("dwi",)}


# In a penumbra of 40 % of the normal flow, white matter would have less than 30 % of the mean flow of the other
# half: twice the core.
PENUMBRA_FLOW = (0.60, 0.70)


def ct_patient(label: str, **known: Any) -> Patient:
    """Make a patient whose core is where CT says it is: where relative flow is below 30 %.

    Parameters
    ----------
    label : str
        BIDS participant label.
    known
        Other attributes of the patient.

    Returns
    -------
    Patient
        By default with a CT perfusion series on arrival and diffusion at follow-up.
    """
    return Patient(label, **{"penumbra_flow": PENUMBRA_FLOW, "scans": CT_SCANS} | known)


#: Cores and deficits of every size; of two patients the treatment is followed by DSC.
CT_PATIENTS = (
    ct_patient("01", side="left", core_ml=25.0, deficit_ml=95.0, lesion_ml=38.0),
    ct_patient("02", side="right", core_ml=40.0, deficit_ml=130.0, lesion_ml=65.0, scans=WITH_POST),
    ct_patient("03", side="left", core_ml=90.0, deficit_ml=170.0, lesion_ml=150.0, post_deficit_ml=150.0),
    ct_patient("04", side="right", core_ml=12.0, deficit_ml=70.0, lesion_ml=15.0, scans=WITH_POST),
    ct_patient("05", side="left", core_ml=55.0, deficit_ml=62.0, oligaemia_ml=10.0, lesion_ml=62.0),
    ct_patient("06", side="right", core_ml=32.0, deficit_ml=150.0, lesion_ml=95.0),
)
