"""How people write what a study's tables hold: yes and no, grades, sides, numbers, times.

Only what is certain is understood. Anything else raises `NotUnderstood`, and is treated as unknown.
"""

import math
import re
from datetime import datetime, time, timedelta

from reperfuse.faults import one_line

_MISSING = {*("", "n/a", "na", "nan", "none", "null", "nil", "missing", "unknown", "unk", "not known"), *"-.?"}
_YES = {"1", "y", "yes", "true", "t", "x", "present", "positive", "pos", "+"}
_NO = {"0", "n", "no", "false", "f", "absent", "negative", "neg"}
#: Grades of haemorrhagic transformation (ECASS): each says that there is one.
_BLEEDING = re.compile(r"(hi|ph)[- ]?[12]")
#: Grades of reperfusion, from none to all of the territory.
GRADES = ("0", "1", "2a", "2b", "2b50", "2b67", "2c", "3")
_GRADE = re.compile(rf"(?:[me]?tici[ :=-]*)?({'|'.join(GRADES)})")
_ROMAN = {"i": "1", "iia": "2a", "iib": "2b", "iic": "2c", "iii": "3"}
_SIDES = {"left": "left", "l": "left", "lt": "left", "right": "right", "r": "right", "rt": "right"}
#: Words that leave a side certain: vessels, and where a stroke is. A weakness would be of the other side.
_BESIDE_A_SIDE = {
    *("m", "mca", "aca", "pca", "ica", "tica", "t", "a", "p", "carotid", "internal", "middle", "anterior", "posterior"),
    *("cerebral", "artery", "terminus", "distal", "proximal", "side", "sided", "hemisphere", "hemispheric"),
    *("stroke", "infarct", "infarction", "occlusion", "lvo"),
}
_SEXES = {"f": "female", "female": "female", "woman": "female", "m": "male", "male": "male", "man": "male"}
_GENERAL_ANAESTHESIA = {"general", "ga", "general anaesthesia", "general anesthesia"}
_AWAKE = {"sedation", "conscious sedation", "cs", "local", "local anaesthesia", "local anesthesia", "awake"}
#: Where a large artery is closed, as the segments are named; a tandem occlusion is of the neck and the head.
_SITES = {
    **{site: site.upper() for site in ("ica", "m1", "m2", "m3", "a1", "a2", "p1", "p2", "ba", "va")},
    **{"mca m1": "M1", "m1 mca": "M1", "mca-m1": "M1", "mca m2": "M2", "m2 mca": "M2", "mca-m2": "M2"},
    **dict.fromkeys(("t-ica", "tica", "ica-t", "ica t", "carotid t", "ica terminus", "carotid terminus"), "ICA-T"),
    **{"basilar": "BA", "basilar artery": "BA", "vertebral": "VA", "vertebral artery": "VA", "tandem": "tandem"},
}
#: What a rater may say of a session, from the best to the worst, and how else it is written.
RATINGS = ("accept", "doubt", "reject")
_RATED = {**{word: word for word in RATINGS}, "accepted": "accept", "doubtful": "doubt", "rejected": "reject"}
_BRACKETS = str.maketrans("<>", "‹›")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?")


class NotUnderstood(ValueError):
    """A value is not one that is known here; the message says what is."""


def tidy(text: str) -> str:
    """Return a cell without blanks and quotes around it; empty where it says that nothing is known."""
    text = text.replace("\u00a0", " ").strip().strip("\"'“”‘’„").strip()
    return "" if text.lower() in _MISSING or text.lower() in ("#n/a", "#value!", "#ref!") else text


def read_name(text: str) -> str:
    """Return a name in one line, its angle brackets as ‹ and ›: Snakemake's own report runs what its pages hold."""
    return one_line(text.translate(_BRACKETS))


def read_flag(text: str) -> bool:
    """Read yes or no; ``PH1`` and its kin are a yes of haemorrhagic transformation."""
    word = re.sub(r"^([01])\.0*$", r"\1", text.lower())
    if word in _YES or _BLEEDING.fullmatch(word):
        return True
    if word in _NO:
        return False
    raise NotUnderstood("write yes or no as 1 or 0")


def read_grade(text: str) -> str:
    """Read a grade of reperfusion (mTICI, eTICI): 0, 1, 2a, 2b, 2b50, 2b67, 2c or 3."""
    word = re.sub(r"^([013])\.0*$", r"\1", text.lower().strip())
    roman = _ROMAN.get(re.sub(r"^[me]?tici[ :=-]*", "", word))
    found = _GRADE.fullmatch(re.sub(r"(?<=2) (?=[abc])", "", word))
    if roman or found:
        return roman or str(found and found[1])
    raise NotUnderstood(f"write a grade as {', '.join(GRADES[:-1])} or {GRADES[-1]}")


def read_side(text: str) -> str:
    """Read left or right, as in ``left``, ``L`` and ``left MCA``."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    sides = {_SIDES[word] for word in words if word in _SIDES}
    if len(sides) == 1 and all(word in _SIDES or word in _BESIDE_A_SIDE for word in words):
        return sides.pop()
    raise NotUnderstood("write left or right")


def read_sex(text: str) -> str:
    """Read female or male."""
    if (word := text.lower()) in _SEXES:
        return _SEXES[word]
    raise NotUnderstood("write F or M")


def read_anaesthesia(text: str) -> bool:
    """Read whether a treatment was under general anaesthesia."""
    word = text.lower()
    if word in _GENERAL_ANAESTHESIA | _AWAKE:
        return word in _GENERAL_ANAESTHESIA
    try:
        return read_flag(text)
    except NotUnderstood:
        raise NotUnderstood("write general or sedation, or 1 or 0") from None


def read_site(text: str) -> str:
    """Read the segment of an artery that was closed."""
    if site := _SITES.get(" ".join(text.lower().split())):
        return site
    raise NotUnderstood(f"write one of {', '.join(sorted(set(_SITES.values())))}")


def read_rating(text: str) -> str:
    """Read what a rater says of a session."""
    if rating := _RATED.get(text.lower()):
        return rating
    raise NotUnderstood("write accept, doubt or reject")


def read_score(text: str, least: int, most: int) -> float:
    """Read whole points of a scale such as mRS or NIHSS."""
    try:
        number = read_number(re.sub(r"^(mrs|nihss)[ :=]*", "", text.lower()), least, most)
    except NotUnderstood:
        number = math.nan
    if number % 1 == 0:
        return number
    raise NotUnderstood(f"write a whole number from {least} to {most}")


def read_number(text: str, least: float, most: float) -> float:
    """Read a number between two, with a decimal point or comma."""
    try:
        number = float(re.sub(r"^([+-]?\d+),(\d+)$", r"\1.\2", text).replace("_", "no digit"))
    except ValueError:
        number = math.nan
    if least <= number <= most:
        return number
    raise NotUnderstood(f"write a number from {least:g} to {most:g}")


def read_moment(text: str) -> datetime:
    """Read a date and time as BIDS writes them. A date alone is none: midnight would be hours wrong."""
    try:
        if re.search(r"\d[T ]\d{1,2}:\d{2}", text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise NotUnderstood("write a date and time, as in 2025-01-31T08:15")


def read_start(text: str, end: datetime) -> datetime:
    """Read when something began that ended at a time: a date and time, or a time of day, the last one before.

    A date alone is no time: midnight would be hours wrong.
    """
    clock = _CLOCK.fullmatch(text)
    try:
        if clock:
            at = time(int(clock[1]), int(clock[2]), int(clock[3] or 0))
            start = datetime.combine(end.date(), at, end.tzinfo)
            return start - timedelta(days=1) if start > end else start
        start = read_moment(text)
        if (start.tzinfo is None) is (end.tzinfo is None):
            return start
    except (ValueError, OverflowError):  # no such hour, or a day before the calendar begins
        pass
    raise NotUnderstood("write a date and time, as in 2025-01-31T08:15, or a time of day, as in 08:15")
