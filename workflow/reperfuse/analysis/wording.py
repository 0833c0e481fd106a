"""Words of a methods text: names of columns and settings, lists, units."""

from collections.abc import Iterable

import pandas as pd

#: What columns, maps and settings are called in a sentence.
WORDS = {
    "age": "age",
    "nihss_baseline": "NIHSS at baseline",
    "nihss_24h": "NIHSS at 24 h",
    "nihss_day5": "NIHSS at day 5",
    "nihss_day30": "NIHSS at day 30",
    "mtici": "mTICI",
    "rcbv": "relative cerebral blood volume",
    "rcbf": "relative cerebral blood flow",
    "ica_occlusion": "carotid occlusion",
    "hemorrhagic_transformation": "haemorrhagic transformation",
    "reocclusion": "reocclusion",
    "followup": "follow-up lesion",
    "core": "baseline core",
    "deficit": "baseline deficit (Tmax above 6 s)",
    "map": "the map",
    "asymmetry_threshold": "the threshold",
    "rule": "the rule",
    "lesion_source": "the lesion",
    "significant_ml": "the significant volume",
    "hours_after_treatment": "the time of the scan",
    "exclusions": "the exclusions",
    "min_mtici": "the lowest mTICI",
}


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return words as a list within a sentence."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def percent(share: float) -> str:
    """Return a share as text."""
    return f"{100 * share:g} %"


def diffusivity(adc: float) -> str:
    """Return an apparent diffusion coefficient (mm²/s) as text."""
    return f"{1e6 * adc:g} × 10⁻⁶ mm²/s"


def patients(n: int) -> str:
    """Return a number of patients as text."""
    return f"{n} patient{'' if n == 1 else 's'}"


def quartiles(values: pd.Series) -> str:
    """Return the median and quartiles of known values as text; empty where there are none."""
    if values.empty:
        return ""
    low, middle, high = (f"{values.quantile(share):.3g}" for share in (0.25, 0.5, 0.75))
    return f"{middle} [{low}–{high}]"
