"""A session judged: its volumes, its class by every criterion, and what of it is doubtful.

A row is a mapping from a column of the table to its value; a number that is not known is NaN.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reperfuse.mismatch.criteria import CLINICAL, POST, VOLUMES, Criterion, Curve, classify, of_labelling
from reperfuse.mismatch.intervals import share_held
from reperfuse.mismatch.mismatch import hypoperfusion_intensity_ratio, volumetric_mismatch
from reperfuse.mismatch.stability import TABULATED, stability
from reperfuse.volumes.arrays import Array

Row = dict[str, Any]


Curves = Mapping[str, Curve]


#: What cannot be told without a bolus, and why it is not known where perfusion was scanned by ASL.
_OF_A_BOLUS = (
    *(name for name, (source, _) in VOLUMES.items() if source not in ("adc", "lowflow")),
    *("mismatch_coreg_ml", "post_tmax6_ml"),
)
NO_TMAX = "needs Tmax, which ASL does not measure"


def volumes(masks: Mapping[str, float], coregistered_ml: float, curves: Curves) -> Row:
    """Return the volumes of a session and what follows from them.

    Parameters
    ----------
    masks : mapping of str to float
        ``core_ml``, ``tmax4_ml``, ``tmax6_ml``, ``tmax8_ml``, ``tmax10_ml`` and ``rttp45_ml``: volumes of the
        masks, mL.
    coregistered_ml : float
        Volume of the deficit outside the core voxel by voxel, mL.
    curves : mapping of str to curve
        Volume (mL) against the threshold of each map.

    Returns
    -------
    dict
    """
    found = {name: _at(curves, source, threshold) for name, (source, threshold) in VOLUMES.items()} | dict(masks)
    mismatch = volumetric_mismatch(found["tmax6_ml"], found["core_ml"])
    return found | {
        "mismatch_ml": mismatch.difference_ml,
        "mismatch_coreg_ml": coregistered_ml,
        "mismatch_ratio": mismatch.ratio,
        "hir": hypoperfusion_intensity_ratio(found["tmax10_ml"], found["tmax6_ml"]),
    }


def by_flow(curves: Curves, tmax6_ml: float) -> dict[str, list[tuple[float, float]]]:
    """Return curves in which the core's is that of relative CBF, inside Tmax above 6 s, where there is no diffusion.

    Parameters
    ----------
    curves : mapping of str to curve
        Volume (mL) against the threshold of each map.
    tmax6_ml : float
        Volume of Tmax above 6 s, which holds the core, mL.
    """
    flow = list(curves.get("rcbf", ()))
    moved = {"adc": flow, "coreg_adc": [(limit, tmax6_ml - ml) for limit, ml in flow]} if flow else {}
    return {name: list(curve) for name, curve in curves.items()} | moved


def tabulated(curves: Curves, maps: Sequence[str]) -> list[Row]:
    """Return the rows of the table of thresholds for some maps; NaN where a map has no curve."""
    return [
        {"map": name, "threshold": limit, "ml": _at(curves, name, limit)} for name in maps for limit in TABULATED[name]
    ]


def _at(curves: Curves, name: str, threshold: float | None) -> float:
    return math.nan if threshold is None else dict(curves.get(name, ())).get(threshold, math.nan)


@dataclass(frozen=True)
class Knowledge:
    """What is known of a patient beside the volumes of a session.

    Attributes
    ----------
    clinical : mapping of str to (value, reason)
        What the study's tables say, None with the reason where they do not.
    post : mapping
        The row of the session after treatment.
    not_relative : sequence of str
        Why CBF and CBV relative to normal tissue are not known, where Tmax is.
    normal_tmax_s : float
        Tmax of the session's normal tissue, s.
    is_labelled : bool
        Perfusion was scanned by ASL, which follows no bolus.
    """

    clinical: Mapping[str, Sequence[Any]]
    post: Mapping[str, Any]
    not_relative: Sequence[str]
    normal_tmax_s: float
    is_labelled: bool = False

    def value(self, name: str) -> float:
        """Return a value of the study's tables."""
        value = self.clinical.get(name, [None])[0]
        return math.nan if value is None else float(value)

    def unspecific(self) -> dict[str, str]:
        """Return why a volume says nothing of the deficit: Tmax thresholds that normal tissue exceeds."""
        normal_s = self.normal_tmax_s
        return {
            name: f"Tmax of normal tissue is {normal_s:.1f} s, so Tmax above {threshold:g} s does not mark a deficit"
            for name, (source, threshold) in VOLUMES.items()
            if source == "tmax" and threshold is not None and normal_s >= threshold
        }

    def why_unknown(self) -> dict[str, str]:
        """Return why a quantity that a criterion may ask for is not known."""
        clinical = {name: self.clinical.get(name, [None, "not given"])[1] for name in CLINICAL}
        relative = [name for name, (source, _) in VOLUMES.items() if source in ("rcbf", "rmtt")]
        unscaled = dict.fromkeys(relative, "; ".join(self.not_relative)) if self.not_relative else {}
        post = dict.fromkeys(POST, "there is no session after treatment with that scan")
        labelled = dict.fromkeys(_OF_A_BOLUS, NO_TMAX) if self.is_labelled else {}
        return clinical | unscaled | post | self.unspecific() | labelled


@dataclass(frozen=True)
class Classes:
    """A session's class by each criterion, how firm each is, and [criterion, reason] for those that are not known."""

    row: Row
    stability: list[Row]
    failures: list[list[str]]


def judge(
    row: Mapping[str, Any],
    criteria: Mapping[str, Criterion],
    known: Knowledge,
    curves: Curves,
    half_widths: Mapping[str, float],
    core_threshold: float,
    draws: Mapping[str, Array] | None = None,
) -> Classes:
    """Tell a baseline session's class by every criterion, and whether it holds when a threshold moves.

    Parameters
    ----------
    row : mapping
        The session's volumes, see `volumes`.
    criteria : mapping of str to criterion
        The catalogue.
    known : Knowledge
    curves : mapping of str to curve
        Volume (mL) against the threshold of each map.
    half_widths : mapping of str to float
        How far each map's threshold is moved either way.
    core_threshold : float
        The core lies below, mm²/s.
    draws : mapping of str to (n,) array, optional
        What the volumes would be with other noise, see `reperfuse.mismatch.intervals.plausible`.

    Returns
    -------
    Classes
    """
    quantities = {name: row[name] for name in (*VOLUMES, "mismatch_coreg_ml")}
    quantities |= {name: known.value(name) for name in CLINICAL}
    for name in POST:
        value = known.post.get(name.removeprefix("post_"))
        quantities[name] = math.nan if value in (None, "n/a") else float(value)
    quantities |= dict.fromkeys(known.unspecific(), math.nan)
    found, reasons = Classes({}, [], []), known.why_unknown()
    for name, one in criteria.items():
        criterion = of_labelling(one) if known.is_labelled else one
        found.row[name], missing = classify(criterion, quantities)
        # why another volume of this session is not known has been said already
        unknown = [
            reasons[what] if reasons[what] == NO_TMAX else f"{what} is not known: {reasons[what]}"
            for what in missing
            if what in reasons
        ]
        if unknown:
            found.failures.append([name, "; ".join(dict.fromkeys(unknown))])
        held = share_held(criterion, quantities, draws or {})
        for band in stability(criterion, quantities, curves, half_widths, core_threshold):
            stable = None if band.stable is None else ("stable" if band.stable else "unstable")
            entry = {"criterion": name, "class": found.row[name], "stability": stable, "held_share": held}
            found.stability.append(entry | {"parameter": band.parameter, "low": band.low, "high": band.high})
    return found


def status(warnings: Sequence[str], broken: Sequence[str], does_without: Sequence[str], *, is_empty: bool) -> str:
    """Return ok, warn or failed: a session fails by what is broken, unless it can do without."""
    if is_empty or set(broken) - set(does_without):
        return "failed"
    return "warn" if warnings or broken else "ok"
