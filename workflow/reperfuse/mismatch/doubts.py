"""What of a session is doubtful, as the tables and the pages say it.

``limits`` are the section ``quality`` of the configuration.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

#: The smallest mismatch that any criterion of the catalogue counts, mL (EXTEND, doi:10.1056/NEJMoa1813046).
_COUNTS_ML = 10.0
#: Share of the brain that is more than what one artery supplies.
_MOST_LATE = 0.6


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
