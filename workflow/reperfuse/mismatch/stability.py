"""Whether the class of a criterion holds when its thresholds move."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from reperfuse.mismatch.criteria import VOLUMES, Criterion, Curve, Quantities, classify, needs

#: Thresholds whose volumes the tables hold, for each map: s, mm²/s, and relative to normal tissue.
TABULATED: dict[str, tuple[float, ...]] = {
    "tmax": (2.0, 4.0, 6.0, 8.0, 10.0),
    "delay": (2.0,),
    "arterial_delay": (2.0, 3.0, 4.0, 6.0),
    "rttp": (3.5, 4.5, 5.5),
    "adc": (550e-6, 600e-6, 620e-6),
    "rcbf": (0.2, 0.3, 0.4),
    "rmtt": (1.45, 1.5),
    "lowflow": (0.3, 0.4, 0.5),
}


#: The curve of the co-registered mismatch against the threshold behind each of the volumes it is made of.
COREGISTERED = {"core_ml": "coreg_adc", "tmax6_ml": "coreg_tmax"}


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
