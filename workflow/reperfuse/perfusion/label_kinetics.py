"""The general kinetic model of arterial spin labelling (Buxton et al. 1998, doi:10.1002/mrm.1910400308).

Label arrives in tissue after a transit time, as a bolus of known duration that has faded as in blood. In tissue it
fades with the relaxation of tissue, and is washed out by the flow itself.
"""

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.perfusion.labelling import PARTITION, PER_100G_MIN, Labelling
from reperfuse.volumes.arrays import Array


def label_signal(
    flow: ArrayLike, arrival_s: ArrayLike, delay_s: ArrayLike, duration_s: ArrayLike, labelling: Labelling
) -> Array:
    """Difference of control and label that blood flow gives, relative to the relaxed signal of tissue.

    With t from the beginning of labelling, Δ the arrival, τ the duration, 1/T1' = 1/T1 + f/λ, what has entered
    u = min(max(t − Δ, 0), τ) and what has passed since v = max(t − Δ − τ, 0):

    continuous: ΔM/M0 = (2 α f/λ) T1' exp(−Δ/T1b) (1 − exp(−u/T1')) exp(−v/T1');
    pulsed, with k = 1/T1b − 1/T1': ΔM/M0 = (2 α f/λ) exp(−t/T1') (exp(−kΔ) − exp(−k(Δ + u)))/k.

    Parameters
    ----------
    flow : array_like
        f, mL/100 g/min.
    arrival_s : array_like
        Δ, arterial transit time, s.
    delay_s : array_like
        From the end of labelling (pulsed: from the pulse) to the readout, s.
    duration_s : array_like
        τ, of the labelled bolus, s.
    labelling : Labelling

    Returns
    -------
    array
        Of the shape that the arguments have together.
    """
    rate = np.asarray(flow, float) / PER_100G_MIN / PARTITION
    arrival, duration = np.asarray(arrival_s, float), np.asarray(duration_s, float)
    since_label = np.asarray(delay_s, float) + (0 if labelling.is_pulsed else duration)
    per_s = 1 / labelling.t1_tissue_s + rate
    entered = np.clip(since_label - arrival, 0, duration)
    if labelling.is_pulsed:
        difference = 1 / labelling.t1_blood_s - per_s
        course = np.exp(-since_label * per_s) * np.exp(-difference * arrival) * -np.expm1(-difference * entered)
        return np.asarray(2 * labelling.efficiency * rate * course / difference)
    passed = np.maximum(since_label - arrival - duration, 0)
    course = np.exp(-arrival / labelling.t1_blood_s) * -np.expm1(-entered * per_s) * np.exp(-passed * per_s)
    return np.asarray(2 * labelling.efficiency * rate * course / per_s)
