"""Trials' criteria: declarative rules over a session's quantities, the class they give it, and how firmly.

A criterion is a mapping (an entry of the catalogue): ``classes``, in the order they are tried, each with a
``name`` and ``all`` or ``any`` of its rules; the class ``otherwise``; and, where they are not Tmax > 6 s and
the diffusion core, the volumes it compares, ``deficit`` and ``core``. A rule is a quantity, one of < <= > >=,
and a number or another quantity: "core_ml < 70".
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reperfuse.mismatch import hypoperfusion_intensity_ratio, volumetric_mismatch

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
}
#: Thresholds whose volumes the tables hold, for each map: s, mm²/s, and relative to normal tissue.
TABULATED: dict[str, tuple[float, ...]] = {
    "tmax": (2.0, 4.0, 6.0, 8.0, 10.0),
    "delay": (2.0,),
    "adc": (550e-6, 600e-6, 620e-6),
    "rcbf": (0.2, 0.3, 0.4),
    "rmtt": (1.45, 1.5),
}
#: The curve of the co-registered mismatch against the threshold behind each of the volumes it is made of.
COREGISTERED = {"core_ml": "coreg_adc", "tmax6_ml": "coreg_tmax"}
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


@dataclass(frozen=True)
class Stability:
    """How far a threshold can move before a criterion's class changes.

    Attributes
    ----------
    parameter : str
        The volume whose threshold moves.
    low, high : float
        Lowest and highest threshold, among those tried, of the unbroken interval around the criterion's own
        threshold in which the class holds; NaN without a class.
    stable : bool or None
        Whether it holds at all that were tried; None without a class.
    """

    parameter: str
    low: float
    high: float
    stable: bool | None


def parse_rule(text: str) -> Rule:
    """Read a rule.

    Raises
    ------
    ValueError
        With a sentence for the user, if it is no rule or names an unknown quantity.
    """
    found = _RULE.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no rule; write a quantity, one of < <= > >=, and a number or a quantity")
    name, sign, limit = found.groups()
    rule = Rule(name, sign, float(limit) if limit[0].isdigit() else limit)
    for unknown in set(rule.names) - set(QUANTITIES):
        raise ValueError(f"{text!r} names {unknown}, which is not known; a rule may name {', '.join(QUANTITIES)}")
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


def threshold_band(threshold: float, half_width: float) -> list[float]:
    """Return five thresholds, evenly from a half-width below to a half-width above."""
    return [round(threshold + half_width * step / 2, 9) for step in (-2, -1, 0, 1, 2)]


def thresholds(source: str, half_width: float, core_threshold: float | None = None) -> list[float]:
    """List, for one map, every threshold behind a volume and the band around it, and those of the tables.

    Parameters
    ----------
    source : str
        A map: tmax or delay (s), adc (mm²/s), rcbf or rmtt (1).
    half_width : float
        Of the band, in the map's unit.
    core_threshold : float, optional
        The core's own ADC threshold, mm²/s.
    """
    own = [core_threshold if limit is None else limit for name, limit in VOLUMES.values() if name == source]
    return sorted(
        {
            *TABULATED[source],
            *(value for limit in own if limit for value in threshold_band(limit, half_width)),
        }
    )


def stability(
    criterion: Criterion,
    quantities: Quantities,
    curves: Mapping[str, Curve],
    half_widths: Mapping[str, float],
    core_threshold: float,
) -> list[Stability]:
    """Move each threshold behind a criterion, one at a time, and see whether the class holds.

    Parameters
    ----------
    criterion, quantities : mapping
        As for :func:`classify`.
    curves : mapping
        Volume against threshold for each map of `VOLUMES`, and the co-registered mismatch against that of
        ADC and Tmax (`COREGISTERED`); what is not known may be absent.
    half_widths : mapping
        For each map, how far its threshold moves either way.
    core_threshold : float
        The core's own ADC threshold, mm²/s.

    Returns
    -------
    list of Stability
        One for each volume the criterion needs; the co-registered mismatch is made of core and Tmax > 6 s, and
        moves with either.
    """
    needed = set(needs(criterion))
    coregistered = COREGISTERED if "mismatch_coreg_ml" in needed else {}
    nominal, _ = classify(criterion, quantities)
    found = []
    for name, (source, threshold) in VOLUMES.items():
        if name not in needed | set(coregistered):
            continue
        moved = {name: source} | ({"mismatch_coreg_ml": coregistered[name]} if name in coregistered else {})
        if nominal is None or not set(moved.values()) <= set(curves):
            found.append(Stability(name, math.nan, math.nan, None))
            continue
        volumes = {what: dict(curves[curve]) for what, curve in moved.items()}
        band = threshold_band(core_threshold if threshold is None else threshold, half_widths[source])
        held = [
            classify(criterion, {**quantities, **{what: volumes[what][value] for what in moved}})[0] == nominal
            for value in band
        ]
        low = next((i + 1 for i in (1, 0) if not held[i]), 0)
        high = next((i - 1 for i in (3, 4) if not held[i]), 4)
        found.append(Stability(name, band[low], band[high], all(held)))
    return found


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
