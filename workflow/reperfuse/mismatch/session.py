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


#: The smallest mismatch that any criterion of the catalogue counts, mL (EXTEND, doi:10.1056/NEJMoa1813046).
_COUNTS_ML = 10.0
#: What cannot be told without a bolus, and why it is not known where perfusion was scanned by ASL.
_OF_A_BOLUS = (
    *(name for name, (source, _) in VOLUMES.items() if source not in ("adc", "lowflow")),
    *("mismatch_coreg_ml", "post_tmax6_ml"),
)
NO_TMAX = "needs Tmax, which ASL does not measure"
#: Share of the brain that is more than what one artery supplies.
_MOST_LATE = 0.6


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


def motion_warnings(row: Row, limits: Mapping[str, Any], notes: Sequence[str], frames: int, used: int) -> list[str]:
    """Say what of a series' realignment and noise is doubtful.

    Parameters
    ----------
    row : dict
        The session's quality figures.
    limits : mapping
        Section ``quality`` of the configuration.
    notes : sequence of str
        What the realignment says itself.
    frames, used : int
        Frames of the series, and how many of them are used.
    """
    most_mm = limits["max_framewise_displacement_mm"]
    said = [f"framewise displacement reaches {row['fd_max_mm']:.1f} mm (limit {most_mm:g} mm)"]
    said = said if row["fd_max_mm"] > most_mm else []
    said += notes
    if frames and row["outlier_frames"] / frames > limits["max_outlier_share"]:
        said.append(f"{row['outlier_frames']} of {frames} frames could not be realigned, or fit badly")
    if used < frames:
        said.append(f"only the first {used} of {frames} frames are used")
    if row["brain_lost_share"] > limits["max_brain_lost_share"]:
        said.append(f"{row['brain_lost_share']:.0%} of the brain is outside the field of view in some frame")
    noise = []
    if row["tsnr"] < limits["min_temporal_snr"]:
        least = limits["min_temporal_snr"]
        noise.append(f"the temporal SNR before the bolus is only {row['tsnr']:.0f} (at least {least:g} needed)")
    if row["bolus_cnr"] < limits["min_bolus_cnr"]:
        least = limits["min_bolus_cnr"]
        noise.append(f"the bolus is only {row['bolus_cnr']:.1f} times the noise of a voxel (at least {least:g} needed)")
    return [*(f"motion: {warning}" for warning in said), *(f"noise: {warning}" for warning in noise)]


def registration_warnings(row: Row, limits: Mapping[str, Any]) -> list[str]:
    """Say what of the registration of diffusion and perfusion is doubtful."""
    said = []
    if row["registration_dice"] < limits["min_registration_dice"]:
        least = limits["min_registration_dice"]
        said.append(
            f"registration: the brain masks overlap with a Dice of only {row['registration_dice']:.2f} (at least "
            f"{least:g} needed); look at the figure of alignment"
        )
    if row["edge_margin"] < limits["min_edge_margin"]:
        said.append(
            "registration: the edges of diffusion and perfusion agree hardly better than when moved by 4 mm "
            f"({row['edge_agreement']:.2f}, {row['edge_margin']:+.2f}, at least {limits['min_edge_margin']:+g} "
            "needed); check the alignment, and that both scans are of this patient"
        )
    return said


def time_warnings(row: Row, limits: Mapping[str, Any]) -> list[str]:
    """Say that a baseline scan is later than those the thresholds were set on."""
    if row["hours_from_onset"] > limits["max_hours_from_onset"]:
        hours = row["hours_from_onset"]
        return [f"time: scanned {hours:.1f} h after onset; the thresholds were derived from earlier scans"]
    return []


def side_warnings(row: Row, stated: str, *, is_oriented: bool = True) -> list[str]:
    """Say where core, deficit and what the study says (left, right or unknown) lie on different sides."""
    if not is_oriented:
        return ["side: a header does not say which side is left, so results that depend on the side are missing"]
    said = []
    if stated != "unknown" and row["core_side"] not in (None, "bilateral", stated):
        said.append(
            f"side: the core lies on the {row['core_side']}, and the study says {stated}; check the column and the "
            "header"
        )
    if {row["core_side"], row["deficit_side"]} == {"left", "right"}:
        said.append(
            f"side: the core lies on the {row['core_side']}, and the deficit on the {row['deficit_side']}; "
            "check left and right in both headers"
        )
    return said


def deficit_warnings(
    deficit_ml: float,
    left_out_ml: float,
    brain_ml: float,
    side: str,
    *,
    told_by: str = "Tmax above 6 s",
    suspect: str = "the time between frames",
) -> list[str]:
    """Say what of hypoperfused tissue is doubtful.

    Parameters
    ----------
    deficit_ml, left_out_ml : float
        What counts, and what lies on the other side than the study says, mL.
    brain_ml : float
        Volume of the brain seen, mL.
    side : str
        The side the study says.
    told_by : str
        What hypoperfused tissue has.
    suspect : str
        What may be wrong where too much of the brain has it.
    """
    said = []
    if left_out_ml >= _COUNTS_ML:
        said.append(
            f"{left_out_ml:.0f} mL with {told_by} on the other side is left out, as the study says {side} "
            "(hypoperfusion.symptomatic_side_only); check the side"
        )
    if deficit_ml + left_out_ml > _MOST_LATE * brain_ml:
        said.append(
            f"{told_by.replace(' ', ' is ', 1)} in {(deficit_ml + left_out_ml) / brain_ml:.0%} of the brain, more than "
            f"one artery supplies; check {suspect}"
        )
    return said


def arterial_warnings(
    score: float, weakness: str, area_ratio: float, limits: Mapping[str, Any], notes: Sequence[str]
) -> list[str]:
    """Say what of the arterial input is doubtful; ``notes`` is what its choice says itself."""
    said, (low, high) = list(notes), limits["aif_area_ratio"]
    if score < limits["min_aif_score"]:
        said.append(
            f"the {weakness} of the arterial input is doubtful (score {score:.2f}, at least "
            f"{limits['min_aif_score']:g} needed)"
        )
    if not math.isnan(area_ratio) and not low <= area_ratio <= high:
        said.append(
            f"the venous area is {area_ratio:.1f} times the arterial area ({low:g} to {high:g} expected), so absolute "
            "CBF and CBV may be wrong"
        )
    return [f"aif: {warning}" for warning in said]


def diffusion_warnings(median_adc: float, limits: Mapping[str, Any]) -> list[str]:
    """Say that the ADC of the brain's tissue, mm²/s, is not that of a brain."""
    low, high = limits["brain_median_adc"]
    if math.isnan(median_adc) or low <= median_adc <= high:
        return []
    return [
        f"diffusion: the median ADC of the brain's tissue is {median_adc * 1e6:.0f}e-6 mm²/s, "
        f"outside {low * 1e6:.0f}-{high * 1e6:.0f}e-6; check the b-values"
    ]
