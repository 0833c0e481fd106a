"""Kinds of damage to a study, each with what it must cost and what must be said of it.

A damage is a small function of a patient (`damages.patient.Patient`), declared beside its consequence. The tests of
`tests/validation/test_damages.py` and the table of docs/validation/faults.md are made from these declarations.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from damages.patient import Patient

#: Modules of this package, in the order of docs/validation/faults.md.
SUBJECTS = {
    "headers": "Headers of images",
    "streams": "Files and their bytes",
    "sidecars": "Sidecars",
    "gradients": "b-values and directions",
    "content": "What images hold",
    "layout": "Names and folders",
    "people": "Tables of people",
    "masks": "Lesions drawn by an expert",
    "config": "The config",
}


@dataclass(frozen=True)
class Damage:
    """A kind of damage.

    Attributes
    ----------
    name : str
        What is wrong, for docs/validation/faults.md.
    do : callable
        Damages a patient.
    costs : str
        The kind of scan that cannot be used, or the column whose value is not known; ``all`` if the study is refused,
        and empty if nothing is lost.
    says : str
        Words of the reason or warning; empty if nothing need be said.
    found : str
        ``indexing``, a ``step`` that reads the data, or the ``start`` of a run.
    value : object
        What a column must be read as.
    alone : bool
        It is a damage of more than the patient, and needs a study of its own.
    """

    name: str
    do: Callable[[Patient], Any]
    costs: str = ""
    says: str = ""
    found: str = "indexing"
    value: Any = None
    alone: bool = False


def corpus() -> dict[str, Damage]:
    """Return all kinds of damage, by ``subject: name``."""
    found = {}
    for subject in SUBJECTS:
        for damage in import_module(f"damages.{subject}").DAMAGES:
            name = f"{subject}: {damage.name}"
            assert name not in found, name
            found[name] = damage
    return found
