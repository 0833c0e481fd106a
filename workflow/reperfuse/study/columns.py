"""The clinical columns of a study's tables, and how each is read."""

from collections.abc import Callable, Mapping
from functools import partial

from reperfuse.study.vocabulary import (
    read_anaesthesia,
    read_flag,
    read_grade,
    read_number,
    read_score,
    read_sex,
    read_side,
    read_site,
)

#: Columns that say why reflow cannot be judged in a patient.
EXCLUSIONS: Mapping[str, str] = {
    "ica_occlusion": "carotid occlusion",
    "hemorrhagic_transformation": "haemorrhagic transformation",
    "reocclusion": "reocclusion",
}
_FLAGS = ("tpa", "hypertension", "diabetes", "atrial_fibrillation", "death_90d", "sich")
_NIHSS = ("nihss_baseline", "nihss_24h", "nihss_day5", "nihss_day30")

#: How each column is read, apart from times.
READERS: Mapping[str, Callable[[str], float | str]] = {
    "age": partial(read_number, least=0, most=120),
    "sex": read_sex,
    "side": read_side,
    **dict.fromkeys(_NIHSS, partial(read_score, least=0, most=42)),
    "mrs_premorbid": partial(read_score, least=0, most=5),
    "mrs_90d": partial(read_score, least=0, most=6),
    **dict.fromkeys(_FLAGS, read_flag),
    "glucose": partial(read_number, least=1, most=1000),
    "occlusion_site": read_site,
    "passes": partial(read_score, least=0, most=30),
    "onset_to_reperfusion_min": partial(read_number, least=0, most=60 * 24 * 30),
    "anaesthesia": read_anaesthesia,
    "mtici": read_grade,
    **dict.fromkeys(EXCLUSIONS, read_flag),
}


def read_own(text: str) -> float:
    """Read a column of the study's own, of which only the name is known: a number, or yes or no.

    Text is not understood: it may name a patient.
    """
    try:
        return read_number(text, -1e12, 1e12)
    except ValueError:
        return float(read_flag(text))
