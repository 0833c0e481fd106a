"""Who the patients of a cohort are, and how they were treated."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from reperfuse.simulation.cohort.effects import GRADES, Effects

#: A value a patient, by name.
Columns = dict[str, NDArray[Any]]

_SITES = {"M1": 0.62, "M2": 0.22, "ICA": 0.16}
_ANAESTHESIA = {"sedation": 0.5, "general": 0.3, "local": 0.2}


def draw_people(n: int, rng: Generator, effects: Effects) -> Columns:
    """Draw what is known of patients beside their scans.

    Returns
    -------
    dict of str to (n,) array
        Columns of the table of participants as far as they are no outcomes; ``steps`` of mTICI below 3; and the hours
        from onset to the first scan, to treatment, and from treatment to the scan after it.
    """
    age = np.clip(np.rint(70 + 13 * rng.standard_normal(n)), 22, 97).astype(int)
    hours = np.round(np.clip(np.exp(np.log(4.0) + 0.45 * rng.standard_normal(n)), 1.2, 11.5), 2)
    minutes = np.rint(60 * hours + 50 + 90 * rng.random(n)).astype(int)
    grade = choose(effects.grade_shares, n, rng)
    bled = rng.random(n) < 0.10
    return {
        "age": age,
        "sex": np.where(rng.random(n) < 0.48, "F", "M"),
        "side": np.where(rng.random(n) < 0.52, "left", "right"),
        "nihss_baseline": np.clip(np.rint(15 + 6 * rng.standard_normal(n)), 2, 32).astype(int),
        "mrs_premorbid": choose({0: 0.74, 1: 0.18, 2: 0.08}, n, rng).astype(int),
        "tpa": (rng.random(n) < np.where(hours < 4.5, 0.6, 0.1)).astype(int),
        "glucose": np.rint(np.clip(np.exp(np.log(125) + 0.28 * rng.standard_normal(n)), 65, 400)).astype(int),
        "hypertension": (rng.random(n) < 1 / (1 + np.exp(-0.04 * (age - 58)))).astype(int),
        "diabetes": (rng.random(n) < 0.22).astype(int),
        "atrial_fibrillation": (rng.random(n) < 1 / (1 + np.exp(-0.06 * (age - 79)))).astype(int),
        "occlusion_site": choose(_SITES, n, rng),
        "passes": 1 + np.minimum(np.floor(-1.2 * np.log(1 - rng.random(n))), 6).astype(int),
        "anaesthesia": choose(_ANAESTHESIA, n, rng),
        "mtici": grade,
        "steps": np.array([GRADES.index(one) for one in grade]),
        "ica_occlusion": (rng.random(n) < 0.04).astype(int),
        "hemorrhagic_transformation": bled.astype(int),
        "reocclusion": (rng.random(n) < 0.03).astype(int),
        "sich": (bled & (rng.random(n) < 0.35)).astype(int),
        "hours_from_onset": hours,
        "onset_to_reperfusion_min": minutes,
        "hours_from_treatment": np.round(0.3 + 1.6 * rng.random(n), 2),
    }


def choose(shares: Mapping[Any, float], n: int, rng: Generator) -> NDArray[Any]:
    """Draw n values, each with its share."""
    return pick(list(shares), np.cumsum(list(shares.values())), rng.random(n))


def pick(values: Sequence[Any], below: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[Any]:
    """Return the values whose cumulative shares numbers from 0 to 1 fall into."""
    places = np.minimum(np.searchsorted(below / below[-1], at, side="right"), len(values) - 1)
    return np.array(values)[places]
