"""Whether a patient's microvascular reperfusion can be judged, and what is found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Verdict:
    """Whether a patient's reflow can be judged, and what is found.

    Attributes
    ----------
    evaluable : bool
    exclusion : str
        Why it cannot be judged; empty if it can.
    significant : bool or None
        None where it cannot be judged: it would count as a finding in every mean.
    """

    evaluable: bool
    exclusion: str
    significant: bool | None


def judge(
    imr_ml: float,
    reasons: Sequence[str],
    *,
    hours: float | None,
    hours_allowed: Sequence[float],
    significant_ml: float,
    why_unknown: Sequence[str] = (),
) -> Verdict:
    """Tell whether a patient's reflow can be judged, and whether what is impaired is significant.

    Parameters
    ----------
    imr_ml : float
        Impaired volume, mL; NaN where it is not known.
    reasons : sequence of str
        What else rules the patient out.
    hours : float or None
        From treatment to the scan after it; None where it is not known, which is not held against the patient.
    hours_allowed : (first, last)
        When after treatment reflow can be judged, h.
    significant_ml : float
        Impaired volume above which it is significant, mL.
    why_unknown : sequence of str
        Why the volume is not known.

    Returns
    -------
    Verdict
    """
    first, last = hours_allowed
    exclusions = list(reasons)
    if hours is not None and not first <= hours <= last:
        exclusions.append(f"scanned {hours:.1f} h after treatment, not within {first:g} to {last:g} h")
    if math.isnan(imr_ml):
        exclusions += list(why_unknown) or ["not computed"]
    verdict = Verdict(not exclusions, "; ".join(dict.fromkeys(exclusions)), None)
    return verdict if exclusions else replace(verdict, significant=imr_ml > significant_ml)
