"""What is true of a simulated cohort."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Grades of reperfusion from the best one down: steps below mTICI 3.
GRADES = ("3", "2c", "2b", "2a", "1", "0")
#: From mTICI 0 to 3, as in cohorts of thrombectomy.
_GRADE_SHARES = {"3": 0.45, "2c": 0.25, "2b": 0.17, "2a": 0.07, "1": 0.02, "0": 0.04}
#: Share whose deficit falls by more than half, by grade.
_REPERFUSED_SHARES = {"3": 0.95, "2c": 0.88, "2b": 0.65, "2a": 0.30, "1": 0.10, "0": 0.05}


@dataclass(frozen=True)
class Effects:
    """The effects that a cohort is drawn with; each is that of a model with all terms of its group.

    NIH Stroke Scale at 24 h and at day 5: the expected value is ``*_at_0 + *_per_point × NIHSS at baseline +
    nihss_per_step × steps of mTICI below 3 + *_per_ml × imr_ml``; the standard deviation is ``nihss_noise`` times that.
    mRS at 90 days: proportional odds of a higher grade. Favourable response (NIHSS at day 30 lower by 8 or more, or 0
    to 1): a logistic model. Growth: the four groups of profile and reperfusion differ by a shift.

    Attributes
    ----------
    grade_shares, reperfused_shares : mapping of str to float
        Share of each mTICI, and of its patients in whom Tmax > 6 s falls by more than half.
    imr_odds_grade_3, imr_odds_ratio_below_3 : float
        Odds of more than 5 mL of IMR at mTICI 3, and the odds ratio of any lower grade. The counts published for
        mTICI 3 (4 of 22) and 2c (4 of 11), doi:10.3389/fneur.2025.1478240.
    late_persistent, late_onset : float
        Share of IMR that is still there at a second scan, and of patients without it who have it then.
    nihss_24h_per_ml, nihss_day5_per_ml : float
        Points per mL of IMR.
    nihss_24h_per_point, nihss_day5_per_point, nihss_24h_at_0, nihss_day5_at_0, nihss_per_step, nihss_noise : float
        The rest of those models.
    mrs_odds_ratio_per_ml, mrs_odds_ratio_per_year, mrs_odds_ratio_per_point, mrs_odds_ratio_per_grade : float
        Common odds ratio of a higher mRS for a mL of IMR, a year of age, a point of the NIHSS at baseline, and a grade
        of mRS before the stroke.
    mrs_odds_ratio_target, mrs_odds_ratio_other : float
        The same of reperfusion in patients with and without the target profile.
    mrs_shares : sequence of float
        Of mRS 0 to 6 at 70 years and 15 points, without IMR, disability before and reperfusion.
    response_odds_ratio_target, response_odds_ratio_other : float
        Odds ratio of a favourable response for reperfusion, with and without the target profile; as DEFUSE 2 published
        (doi:10.1016/S1474-4422(12)70203-X).
    response_odds_target, response_odds_other : float
        Odds of it at the age of 70 without reperfusion.
    response_odds_ratio_per_year : float
    growth_ml : mapping of (bool, bool) to float
        Median growth by (target profile, reperfused), mL.
    profile : (str, str)
        The criterion and its class that count as the target profile.
    missing : float
        Share of clinical values that nobody wrote down.
    without_post : float
        Share of patients without perfusion after treatment.
    with_late : float
        Share of patients with a second scan after treatment.
    """

    grade_shares: Mapping[str, float] = field(default_factory=lambda: dict(_GRADE_SHARES))
    reperfused_shares: Mapping[str, float] = field(default_factory=lambda: dict(_REPERFUSED_SHARES))
    imr_odds_grade_3: float = 4 / 18
    imr_odds_ratio_below_3: float = 18 / 7
    late_persistent: float = 0.6
    late_onset: float = 0.08
    nihss_24h_per_ml: float = 0.11
    nihss_day5_per_ml: float = 0.50
    nihss_24h_per_point: float = 0.45
    nihss_day5_per_point: float = 0.30
    nihss_24h_at_0: float = 2.0
    nihss_day5_at_0: float = 1.5
    nihss_per_step: float = 1.0
    nihss_noise: float = 0.35
    mrs_odds_ratio_per_ml: float = 1.15
    mrs_odds_ratio_per_year: float = 1.04
    mrs_odds_ratio_per_point: float = 1.08
    mrs_odds_ratio_per_grade: float = 1.5
    mrs_odds_ratio_target: float = 1 / 4.0
    mrs_odds_ratio_other: float = 1 / 1.9
    mrs_shares: tuple[float, ...] = (0.05, 0.08, 0.12, 0.15, 0.25, 0.15, 0.20)
    response_odds_ratio_target: float = 8.8
    response_odds_ratio_other: float = 0.2
    response_odds_target: float = 0.3
    response_odds_other: float = 1.2
    response_odds_ratio_per_year: float = 0.97
    growth_ml: Mapping[tuple[bool, bool], float] = field(
        default_factory=lambda: {(True, True): 10.0, (True, False): 45.0, (False, True): 14.0, (False, False): 24.0}
    )
    profile: tuple[str, str] = ("defuse2", "target")
    missing: float = 0.03
    without_post: float = 0.04
    with_late: float = 0.5


@dataclass(frozen=True)
class Rules:
    """What of a configuration decides on the tables.

    Attributes
    ----------
    criteria : mapping
        The catalogue of criteria.
    presets : mapping
        The definitions of IMR.
    half_widths : mapping of str to float
        How far each map's threshold is moved either way.
    core_threshold : float
        The core lies below, mm²/s.
    """

    criteria: Mapping[str, Any]
    presets: Mapping[str, Any]
    half_widths: Mapping[str, float]
    core_threshold: float
