"""Label that blood carries into tissue: the integral of what arrives and what is left of it.

The general kinetic model (Buxton et al. 1998, doi:10.1002/mrm.1910400308) is a convolution: each moment's label enters
with the flow, and is left to a share that falls as tissue relaxes and blood washes it out. Here it is integrated
numerically, apart from the closed forms with which data are evaluated.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from reperfuse.simulation.anatomy import Array

PARTITION = 0.9  # water of tissue over that of blood, mL/g
T1_BLOOD_S = 1.65  # arterial blood at 3 T

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


@dataclass(frozen=True)
class Label:
    """How blood is labelled and what becomes of the label.

    Attributes
    ----------
    pulsed : bool
        All of the bolus at once, or one moment after the other.
    duration_s : float
        Of the bolus, s.
    efficiency : float
        Share of an inversion.
    model : {"kinetic", "single"}
        The general kinetic model; or a single compartment, in which label fades as in blood and is not washed out, as
        the consensus equation has it.
    """

    pulsed: bool
    duration_s: float
    efficiency: float
    model: Literal["kinetic", "single"] = "kinetic"

    def age_s(self, delay_s: float) -> float:
        """Time of the readout from the beginning of labelling, s."""
        return delay_s + (0.0 if self.pulsed else self.duration_s)


def tissue_label(cbf: Array, arrival_s: Array, read_s: Array, t1_s: float, label: Label) -> Array:
    """Label in tissue, relative to its relaxed magnetisation.

    Parameters
    ----------
    cbf, arrival_s : (n,) array
        mL/100 g/min, and arterial transit time, s.
    read_s : (n,) array
        Time of the readout from the beginning of labelling, s.
    t1_s : float
        T1 of the tissue, s.
    label : Label

    Returns
    -------
    (n,) array
    """
    rate = cbf / 6000.0 / PARTITION
    loss = 1 / T1_BLOOD_S if label.model == "single" else 1 / t1_s + rate
    end = np.clip(read_s, arrival_s, arrival_s + label.duration_s)
    total = np.zeros_like(rate)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        moment = arrival_s + (end - arrival_s) * (node + 1) / 2
        age = moment if label.pulsed else arrival_s  # of the label when it enters
        total += weight * np.exp(-age / T1_BLOOD_S - (read_s - moment) * loss)
    return 2 * label.efficiency * rate * total * (end - arrival_s) / 2


def arterial_label(arrival_s: Array, read_s: Array, label: Label) -> Array:
    """Label of blood in an artery, relative to the relaxed magnetisation of tissue.

    Parameters
    ----------
    arrival_s : (n,) array
        Time at which label reaches the artery, s.
    read_s : (n,) array
        Time of the readout from the beginning of labelling, s.
    label : Label

    Returns
    -------
    (n,) array
        0 where label has not come yet, or has passed.
    """
    since = read_s - arrival_s
    age = read_s if label.pulsed else arrival_s
    there = (since > 0) & (since < label.duration_s)
    return np.where(there, 2 * label.efficiency * np.exp(-age / T1_BLOOD_S) / PARTITION, 0)
