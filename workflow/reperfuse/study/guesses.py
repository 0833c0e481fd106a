"""What a study's own names may mean: which session has which role, and which column is which.

A guess is only ever shown to the user, who decides. Nothing is computed from one.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from reperfuse.faults import DataFault
from reperfuse.study.clinical import ClinicalData

#: Hours after a patient's first session: until the first one is "after treatment", until the second "a day later".
_POST_H, _LATE_H = 12.0, 60.0
#: Roles by their order alone, for each number of sessions.
_IN_ORDER = {1: ("baseline",), 2: ("baseline", "followup"), 3: ("baseline", "post", "followup")}
_FOUR = ("baseline", "post", "late", "followup")
#: Words of a label that leave its role certain.
_WORDS = {
    "baseline": re.compile(r"(baseline|base|bl|pre|pretreatment|preop|admission|adm|acute|initial)\d*", re.IGNORECASE),
    "post": re.compile(r"(post|posttreatment|postop|after|postevt)\d*", re.IGNORECASE),
    "late": re.compile(r"late|(24|36|48)(h|hr|hrs|hours)|day[12]", re.IGNORECASE),
    "followup": re.compile(r"(followup|fu|follow|chronic|subacute|day[3-9]|d[3-9])\d*", re.IGNORECASE),
}


@dataclass(frozen=True)
class Roles:
    """A guess at which sessions have which role.

    Attributes
    ----------
    labels : mapping of str to list of str
        Session labels of each role that some label may have.
    basis : str
        What it rests on: dates, words or order.
    others : list of str
        Labels that no role was found for.
    """

    labels: Mapping[str, list[str]]
    basis: str
    others: list[str]

    def block(self) -> list[str]:
        """Return the entry of the config, a line each."""
        lines = ["sessions:"]
        for role in ("baseline", "post", "late", "followup"):
            if labels := self.labels.get(role):
                quoted = [f'"{label}"' for label in labels]
                lines.append(f"  {role}: {quoted[0] if len(quoted) == 1 else '[' + ', '.join(quoted) + ']'}")
        return lines


def guess_roles(visits: Mapping[str, Mapping[str, datetime | None]]) -> Roles:
    """Guess the role of each session label of a study.

    Parameters
    ----------
    visits : mapping
        When each session of each patient was, by the labels of both; None where that is not known.

    Returns
    -------
    Roles
        Centres that name sessions differently are told apart by their labels, which no patient has both of.
    """
    found: dict[str, list[str]] = defaultdict(list)
    others, bases = [], set()
    hours = _hours(visits)
    for scheme in _schemes(visits.values()):
        roles, basis = _roles_of(scheme, hours)
        bases.add(basis)
        for label in scheme:
            found[roles[label]].append(label) if label in roles else others.append(label)
    return Roles(dict(found), " and ".join(sorted({word for basis in bases for word in basis.split(" and ")})), others)


def dated(clinical: ClinicalData, sessions: Mapping[str, Iterable[str]]) -> dict[str, dict[str, datetime | None]]:
    """Return when each session of each patient was, by the study's tables; None where they do not say it, or twice."""

    def when(patient: str, session: str) -> datetime | None:
        try:
            return clinical.scanned_at(patient, session)
        except DataFault:
            return None

    return {patient: {label: when(patient, label) for label in labels} for patient, labels in sessions.items()}


def _schemes(visits: Iterable[Collection[str]]) -> list[list[str]]:
    """Return the labels that occur together in some patient, directly or by way of others."""
    schemes: list[set[str]] = []
    for labels in {frozenset(one) for one in visits if one}:
        touched = [scheme for scheme in schemes if scheme & labels]
        schemes = [scheme for scheme in schemes if not scheme & labels] + [set(labels).union(*touched)]
    return sorted(sorted(scheme, key=_in_order) for scheme in schemes)


def _in_order(label: str) -> list[tuple[bool, int, str]]:
    """Return what sorts labels, their numbers by value: 2 before 10."""
    parts = re.findall(r"\d+|\D+", label)
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part.casefold()) for part in parts]


def _hours(visits: Mapping[str, Mapping[str, datetime | None]]) -> dict[str, float]:
    """Return how long after a patient's first session each label is, the median of the patients, hours."""
    delays: dict[str, list[float]] = defaultdict(list)
    for own in visits.values():
        times = {label: time.replace(tzinfo=None) for label, time in own.items() if time}
        if len(own) > 1 and len(times) == len(own):
            first = min(times.values())
            for label, time in times.items():
                delays[label].append((time - first).total_seconds() / 3600)
    return {label: median(values) for label, values in delays.items()}


def _roles_of(labels: list[str], hours: Mapping[str, float]) -> tuple[dict[str, str], str]:
    if len(labels) > 1 and all(label in hours for label in labels):
        return _by_dates(sorted(labels, key=lambda label: hours[label]), hours), "dates"
    words = {label: role for label in labels for role, word in _WORDS.items() if word.fullmatch(label)}
    if len(words) != len(set(words.values())):
        words = {}
    others = [label for label in labels if label not in words]
    order = _FOUR if len(labels) == 4 else _IN_ORDER.get(len(labels), ("baseline",))
    left = [role for role in order if role not in words.values()]
    basis = " and ".join(["words"] * bool(words) + ["order"] * bool(others))
    return _with_followup(words | dict(zip(others, left, strict=False))), basis


def _with_followup(roles: dict[str, str]) -> dict[str, str]:
    """Make a scan a day later the follow-up where there is no other: it shows the infarct."""
    if "followup" in roles.values():
        return roles
    return {label: "followup" if role == "late" else role for label, role in roles.items()}


def _by_dates(labels: list[str], hours: Mapping[str, float]) -> dict[str, str]:
    """Return the role of labels in the order of their dates: the first of each role."""
    roles = {labels[0]: "baseline"}
    for label in labels[1:]:
        role = "post" if hours[label] <= _POST_H else "late" if hours[label] <= _LATE_H else "followup"
        if role not in roles.values():
            roles[label] = role
    return _with_followup(roles)


#: What a word of a column's name stands for, where it can be nothing else.
_SAME: Mapping[str, str] = {
    **dict.fromkeys(("adm", "admission", "bl", "base", "initial", "pre", "pretreatment", "presentation"), "baseline"),
    **dict.fromkeys(("24hr", "24hrs", "24hours"), "24h"),
    **dict.fromkeys(("3m", "3mo", "3months", "90days", "90day", "day90", "d90", "m3"), "90d"),
    **dict.fromkeys(("d5", "5d"), "day5"),
    **dict.fromkeys(("d30", "30d"), "day30"),
    "gender": "sex",
    **dict.fromkeys(("ivt", "rtpa"), "tpa"),
    "anesthesia": "anaesthesia",
    "haemorrhagic": "hemorrhagic",
}
#: Names of one word for a column of two.
_WHOLE: Mapping[str, str] = {"af": "atrial_fibrillation", "afib": "atrial_fibrillation", "premrs": "mrs_premorbid"}
#: Words that change nothing.
_IDLE = {"score", "total", "grade", "patient", "at", "years", "yrs"}


def guess_columns(there: Iterable[str], wanted: Mapping[str, str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Guess which of a study's columns is which.

    Parameters
    ----------
    there : iterable of str
        The columns of the study's tables.
    wanted : mapping of str to str
        What each clinical column is called in the config.

    Returns
    -------
    sure : dict of str to str
        The study's column for each clinical column that is not there under its own name: the same words.
    unsure : dict of str to list of str
        The study's columns that share the first word, and are not surely another.
    """
    names = {name.casefold(): name for name in there}
    called = {name.casefold() for name in wanted.values()}
    words = {name: _words(name) for folded, name in names.items() if folded not in called}
    absent = [key for key, name in wanted.items() if name.casefold() not in names]
    same = {key: [name for name, own in words.items() if own == _words(key)] for key in absent}
    taken = {name for found in same.values() for name in found}
    unsure = {
        key: found or [name for name, own in words.items() if name not in taken and _shares(key, own)]
        for key, found in same.items()
        if len(found) != 1
    }
    sure = {key: found[0] for key, found in same.items() if len(found) == 1}
    return sure, {key: found for key, found in unsure.items() if found}


def _shares(key: str, words: Collection[str]) -> bool:
    """Tell whether a name has the first word of a clinical column, or most of it, as TICI is of mTICI."""
    first = key.split("_")[0]
    return any(word == first or (len(word) > 3 and first.endswith(word)) for word in words)


def _words(name: str) -> frozenset[str]:
    """Return the words of a name, at underscores, blanks and capitals, and between a scale and its time."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name).casefold()
    apart = re.sub(r"(nihss|mrs)(?=\d)", r"\1_", _WHOLE.get(apart, apart))
    return frozenset(_SAME.get(word, word) for word in re.split(r"[^a-z0-9]+", apart) if word and word not in _IDLE)
