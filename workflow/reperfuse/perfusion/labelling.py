"""Blood flow from arterial spin labelling at one delay, by the equation of the consensus paper.

Blood is labelled at the neck and imaged when it has arrived. The difference of an image with and one without label is
proportional to blood flow, once divided by what the same tissue gives when nothing was labelled and all is relaxed
(M0). The equation (Alsop et al. 2015, doi:10.1002/mrm.25197) takes all of the label to be in the tissue before the
image, and to fade there as in blood.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.volumes.arrays import Array

#: Water in a gram of tissue over that in a millilitre of blood, mL/g (Herscovitch and Raichle 1985,
#: doi:10.1038/jcbfm.1985.9).
PARTITION = 0.9
#: From mL/g/s to mL/100 g/min.
PER_100G_MIN = 6000.0
#: T1 of arterial blood (Alsop et al. 2015) and of grey matter (Wansapura et al. 1999, at 3 T), s, by field strength, T.
T1_BLOOD_S = {1.5: 1.35, 3.0: 1.65}
T1_TISSUE_S = {1.5: 1.1, 3.0: 1.33}
#: Magnetisation that had longer than this to relax is whole (Alsop et al. 2015), s.
_WHOLE_AFTER_S = 5.0


@dataclass(frozen=True)
class Labelling:
    """How blood was labelled.

    Attributes
    ----------
    is_pulsed : bool
        Labelled by one pulse and cut off after a bolus (QUIPSS II, Q2TIPS), not flowing past a plane.
    efficiency : float
        Share of the magnetisation that labelling changes, of an inversion.
    field_strength_t : float
        1.5 or 3 T.
    """

    is_pulsed: bool
    efficiency: float
    field_strength_t: float = 3.0

    @property
    def t1_blood_s(self) -> float:
        """T1 of arterial blood, s."""
        return T1_BLOOD_S[self.field_strength_t]

    @property
    def t1_tissue_s(self) -> float:
        """T1 of grey matter, s."""
        return T1_TISSUE_S[self.field_strength_t]


def relaxed(image: Array, repetition_time_s: float, labelling: Labelling) -> Array:
    """Return what an image would show of grey matter if all magnetisation had relaxed.

    Parameters
    ----------
    image : array
        Signal after excitations of 90 degrees.
    repetition_time_s : float
        Time between them, s.
    labelling : Labelling
        For the field strength.
    """
    if repetition_time_s >= _WHOLE_AFTER_S:
        return image
    return image / -np.expm1(-repetition_time_s / labelling.t1_tissue_s)


def consensus_flow(
    difference: Array, m0: Array, delay_s: ArrayLike, duration_s: ArrayLike, labelling: Labelling
) -> Array:
    """Blood flow by the consensus equation.

    Continuous: 6000 λ ΔM exp(w/T1b) / (2 α M0 T1b (1 − exp(−τ/T1b))); pulsed: 6000 λ ΔM exp(w/T1b) / (2 α M0 τ).

    Parameters
    ----------
    difference : array
        ΔM, control less label.
    m0 : array
        Relaxed signal of tissue, in the unit of the difference.
    delay_s : array_like
        w, from the end of labelling (pulsed: from the pulse) to the readout, s; of each voxel or of all.
    duration_s : array_like
        τ, duration of the labelled bolus, s.
    labelling : Labelling

    Returns
    -------
    array
        mL/100 g/min; NaN where M0 is not positive.
    """
    delay, duration, t1 = np.asarray(delay_s, float), np.asarray(duration_s, float), labelling.t1_blood_s
    bolus = duration if labelling.is_pulsed else -t1 * np.expm1(-duration / t1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(m0 > 0, difference / m0, np.nan)
    return ratio * (PER_100G_MIN * PARTITION * np.exp(delay / t1) / (2 * labelling.efficiency * bolus))
