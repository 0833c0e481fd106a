"""Perfusion–diffusion mismatch, and the profile each trial's criterion gives it."""

import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_RULE = re.compile(r"\s*(?P<name>\w+)\s*(?P<sign><=|>=|<|>)\s*(?P<limit>\d+(\.\d+)?)\s*")


@dataclass(frozen=True)
class Mismatch:
    """Volumetric mismatch of a session.

    Attributes
    ----------
    difference_ml : float
        Deficit minus core, in mL.
    ratio : float
        Deficit over core; infinite where there is a deficit and no core, NaN where there is neither.
    """

    difference_ml: float
    ratio: float


def volumetric_mismatch(deficit_ml: float, core_ml: float) -> Mismatch:
    """Return difference and ratio of the volumes of deficit and core, both in mL (NaN if unknown)."""
    if math.isnan(deficit_ml) or math.isnan(core_ml):
        return Mismatch(math.nan, math.nan)
    if core_ml > 0:
        ratio = deficit_ml / core_ml
    else:
        ratio = math.inf if deficit_ml > 0 else math.nan
    return Mismatch(deficit_ml - core_ml, ratio)


def hypoperfusion_intensity_ratio(tmax10_ml: float, tmax6_ml: float) -> float:
    """Return the volume of Tmax > 10 s over that of Tmax > 6 s; NaN without a deficit.

    References
    ----------
    Olivot et al. 2014, doi:10.1161/STROKEAHA.113.003857
    """
    return tmax10_ml / tmax6_ml if tmax6_ml > 0 else math.nan


def penumbra_mask(deficit: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return hypoperfused tissue that is not core; both masks (x, y, z) on one grid."""
    return deficit & ~core


def classify(criterion: Mapping[str, Any], quantities: Mapping[str, float]) -> tuple[str | None, str]:
    """Give a session its class under a trial's criterion.

    Parameters
    ----------
    criterion : mapping
        An entry of the catalogue: ``classes``, in the order they are tried, each with ``name`` and
        ``all`` or ``any`` of its rules ("core_ml < 70"), and the class ``otherwise``.
    quantities : mapping
        What the rules may name; NaN for a value that is not known.

    Returns
    -------
    name : str or None
        The class, None when what a rule needs is not known.
    reason : str
        Why there is no class; empty when there is one.
    """
    missing = sorted(name for name in _needs(criterion) if math.isnan(quantities.get(name, math.nan)))
    # without core and without deficit the ratio has no value, but a mismatch there is not
    if "mismatch_ratio" in missing and quantities.get("core_ml") == 0:
        missing.remove("mismatch_ratio")
    if missing:
        return None, f"{', '.join(missing)} not known"
    for candidate in criterion["classes"]:
        combine = all if "all" in candidate else any
        if combine(_holds(rule, quantities) for rule in candidate.get("all") or candidate["any"]):
            return str(candidate["name"]), ""
    return str(criterion["otherwise"]), ""


def _rules(criterion: Mapping[str, Any]) -> list[str]:
    return [rule for candidate in criterion["classes"] for key in ("all", "any") for rule in candidate.get(key, ())]


def _parse(rule: str) -> tuple[str, str, float]:
    found = _RULE.fullmatch(rule)
    if not found:
        raise ValueError(f"{rule!r} is no rule; write a quantity, one of < <= > >=, and a number")
    return found["name"], found["sign"], float(found["limit"])


def _needs(criterion: Mapping[str, Any]) -> set[str]:
    return {_parse(rule)[0] for rule in _rules(criterion)}


def _holds(rule: str, quantities: Mapping[str, float]) -> bool:
    name, sign, limit = _parse(rule)
    return bool(_COMPARISONS[sign](quantities[name], limit))
