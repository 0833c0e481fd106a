"""What a patient's measures would be if the noise of the scans were drawn anew, by the volumes they are made of."""

from __future__ import annotations

import numpy as np

from reperfuse.serial.growth import growth_ml
from reperfuse.serial.reperfusion import reperfusion_fraction
from reperfuse.volumes.arrays import Array

#: Columns of a patient that have an interval.
BOUNDED = (
    "core_baseline_ml",
    "infarct_followup_ml",
    "growth_ml",
    "tmax6_baseline_ml",
    "tmax6_post_ml",
    "reperfusion_fraction",
    "imr_ml",
)


def patient_draws(
    core: Array | None,
    lesion: Array | float | None,
    deficit: Array | None,
    deficit_after: Array | None,
    impaired: Array | None,
) -> dict[str, Array | None]:
    """Return draws of the columns of `BOUNDED` from those of volumes; scans of their own share no noise.

    Parameters
    ----------
    core, lesion, deficit, deficit_after, impaired : (n,) array, optional
        Core and deficit before treatment, follow-up lesion, deficit after treatment, and impaired reflow, mL; None
        where they are not known. An expert's lesion is a number: noise did not draw it.
    """
    growth = fraction = None
    if core is not None and lesion is not None:
        growth = np.array([growth_ml(*pair) for pair in zip(core, np.broadcast_to(lesion, core.shape), strict=True)])
    if deficit is not None and deficit_after is not None:
        fraction = np.array([reperfusion_fraction(*pair) for pair in zip(deficit, deficit_after, strict=True)])
    drawn = lesion if isinstance(lesion, np.ndarray) else None
    return dict(zip(BOUNDED, (core, drawn, growth, deficit, deficit_after, fraction, impaired), strict=True))
