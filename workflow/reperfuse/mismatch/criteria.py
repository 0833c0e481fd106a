"""Trials' criteria: declarative rules over a session's quantities, the class they give it, and how firmly.

A criterion is a mapping (an entry of the catalogue): ``classes``, in the order they are tried, each with a
``name`` and ``all`` or ``any`` of its rules; the class ``otherwise``; and, where they are not Tmax > 6 s and
the diffusion core, the volumes it compares, ``deficit`` and ``core``; ``deficit_asl`` is the deficit where perfusion
was scanned by arterial spin labelling. A rule is a quantity, one of < <= > >=, and a number or another quantity:
"core_ml < 70".
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reperfuse.mismatch.mismatch import hypoperfusion_intensity_ratio, volumetric_mismatch

Criterion = Mapping[str, Any]


Quantities = Mapping[str, float]


#: Volume (mL) against threshold, by increasing threshold.
Curve = Sequence[tuple[float, float]]


#: The map and the threshold (s, or relative to normal tissue) behind each volume; the core's is configured.
VOLUMES: dict[str, tuple[str, float | None]] = {
    "core_ml": ("adc", None),
    **{f"tmax{seconds}_ml": ("tmax", float(seconds)) for seconds in (2, 4, 6, 8, 10)},
    "delay2_ml": ("delay", 2.0),
    **{f"rcbf{percent}_ml": ("rcbf", percent / 100) for percent in (20, 30, 40)},
    **{f"rmtt{percent}_ml": ("rmtt", percent / 100) for percent in (145, 150)},
    **{f"lowflow{percent}_ml": ("lowflow", percent / 100) for percent in (30, 40, 50)},
}


#: What is known of a patient from the study's tables.
CLINICAL = ("age", "nihss_baseline", "hours_from_onset")


#: Volumes of the session after treatment.
POST = ("post_core_ml", "post_tmax6_ml")


#: Quantities made of a criterion's own deficit and core, or of others.
DERIVED = ("deficit_ml", "mismatch_ml", "mismatch_ratio", "hir")


#: All that a rule may name.
QUANTITIES = (*VOLUMES, *DERIVED, "mismatch_coreg_ml", *CLINICAL, *POST)


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


_RULE = re.compile(r"\s*([a-z]\w*)\s*(<=|>=|<|>)\s*([a-z]\w*|\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True)
class Rule:
    """A comparison of a quantity with a number or with another quantity."""

    quantity: str
    sign: str
    limit: float | str

    @property
    def names(self) -> tuple[str, ...]:
        """The quantities it names."""
        return (self.quantity, self.limit) if isinstance(self.limit, str) else (self.quantity,)


def parse_rule(text: str) -> Rule:
    """Read a rule.

    Raises
    ------
    ValueError
        With a sentence for the user, if it is no rule or names an unknown quantity.
    """
    found = _RULE.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no rule; write a quantity, one of < <= > >=, and a number or another quantity")
    name, sign, limit = found.groups()
    rule = Rule(name, sign, float(limit) if limit[0].isdigit() else limit)
    for unknown in set(rule.names) - set(QUANTITIES):
        raise ValueError(
            f"{text!r} names {unknown}, which is no known quantity; a rule may name {', '.join(QUANTITIES)}"
        )
    return rule


def classify(criterion: Criterion, quantities: Quantities) -> tuple[str | None, list[str]]:
    """Give a session its class.

    Parameters
    ----------
    criterion : mapping
    quantities : mapping
        Volumes in mL, age in years, hours; what is absent or NaN is not known.

    Returns
    -------
    name : str or None
        The class; None if anything its rules need is not known. A ratio without a value (neither core nor
        deficit) satisfies no rule.
    missing : list of str
        What is not known.
    """
    missing = [name for name in needs(criterion) if math.isnan(quantities.get(name, math.nan))]
    if missing:
        return None, missing
    for candidate in criterion["classes"]:
        combine = all if "all" in candidate else any
        rules = candidate["all"] if "all" in candidate else candidate["any"]
        if combine(_holds(parse_rule(rule), criterion, quantities) for rule in rules):
            return str(candidate["name"]), []
    return str(criterion["otherwise"]), []


def needs(criterion: Criterion) -> list[str]:
    """List the measured quantities a criterion's rules need, in the order of `QUANTITIES`."""
    deficit, core = _compared(criterion)
    made_of = {
        "deficit_ml": (deficit,),
        "mismatch_ml": (deficit, core),
        "mismatch_ratio": (deficit, core),
        "hir": ("tmax10_ml", "tmax6_ml"),
    }
    found = {
        source
        for candidate in criterion["classes"]
        for rule in candidate.get("all", candidate.get("any", ()))
        for name in parse_rule(rule).names
        for source in made_of.get(name, (name,))
    }
    return [name for name in QUANTITIES if name in found]


def of_labelling(criterion: Criterion) -> Criterion:
    """Return a criterion as it is where perfusion was scanned by arterial spin labelling."""
    return {**criterion, "deficit": criterion["deficit_asl"]} if "deficit_asl" in criterion else criterion


def _compared(criterion: Criterion) -> tuple[str, str]:
    return criterion.get("deficit", "tmax6_ml"), criterion.get("core", "core_ml")


def _holds(rule: Rule, criterion: Criterion, quantities: Quantities) -> bool:
    limit = rule.limit if isinstance(rule.limit, float) else _value(rule.limit, criterion, quantities)
    return _COMPARISONS[rule.sign](_value(rule.quantity, criterion, quantities), limit)


def _value(name: str, criterion: Criterion, quantities: Quantities) -> float:
    deficit_ml, core_ml = (quantities.get(volume, math.nan) for volume in _compared(criterion))
    if name == "deficit_ml":
        return deficit_ml
    if name == "mismatch_ml":
        return volumetric_mismatch(deficit_ml, core_ml).difference_ml
    if name == "mismatch_ratio":
        return volumetric_mismatch(deficit_ml, core_ml).ratio
    if name == "hir":
        return hypoperfusion_intensity_ratio(quantities["tmax10_ml"], quantities["tmax6_ml"])
    return quantities[name]
