"""What a patient's page says first: one sentence, the clinical line, and each criterion's class with what decides it.

Every number is the tables' own, written as the tables on the page write it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reperfuse.mismatch.criteria import VOLUMES
from reperfuse.reports.reasons import NO_VALUE
from reperfuse.reports.values import Value

#: The values of a row, by column.
Values = Mapping[str, Value]


#: Says that something is not known, and why if that has not been said.
Unknown = Callable[[str, Value], str]


_NO_REASON = "the reason is not recorded"


_SIDES = {"left": "on the left", "right": "on the right", "bilateral": "on both sides"}


#: What each clinical value is called in the line, in its order; values are those of the vocabulary.
_CLINICAL = {
    "age": "Age",
    "sex": "Sex",
    "side": "Side (study's tables)",
    "nihss_baseline": "NIHSS",
    "tpa": "Thrombolysis",
    "mtici": "mTICI",
    "nihss_24h": "NIHSS at 24 h",
    "nihss_day5": "NIHSS at day 5",
    "mrs_90d": "mRS at 90 days",
}


#: How a threshold of each map is written: its scale, its decimals and its unit.
_THRESHOLDS = {
    "adc": ("ADC", 1e6, 0, "10⁻⁶ mm²/s"),
    "tmax": ("Tmax", 1, 1, "s"),
    "delay": ("Tmax later than normal", 1, 1, "s"),
    "rcbf": ("rCBF", 100, 0, "%"),
    "rmtt": ("rMTT", 100, 0, "%"),
    "lowflow": ("CBF of the other side", 100, 0, "%"),
}


#: What the quantities of a rule are called; volumes against a threshold follow from their names.
_QUANTITIES = {
    "core_ml": "core",
    "deficit_ml": "deficit",
    "mismatch_ml": "mismatch",
    "mismatch_ratio": "mismatch ratio",
    "mismatch_coreg_ml": "mismatch voxel by voxel",
    "hir": "hypoperfusion intensity ratio",
    "age": "age",
    "nihss_baseline": "NIHSS",
    "hours_from_onset": "hours from onset",
    "post_core_ml": "core after treatment",
    "post_tmax6_ml": "Tmax > 6 s lesion after treatment",
    "delay2_ml": "lesion with Tmax 2 s later than normal",
    **{f"tmax{seconds}_ml": f"Tmax > {seconds} s lesion" for seconds in (2, 4, 6, 8, 10)},
    **{f"rcbf{percent}_ml": f"rCBF < {percent} % lesion" for percent in (20, 30, 40)},
    **{f"rmtt{percent}_ml": f"rMTT > {percent} % lesion" for percent in (145, 150)},
    **{f"lowflow{percent}_ml": f"CBF < {percent} % lesion by ASL" for percent in (30, 40, 50)},
}


_RULE = re.compile(r"(\w+) *(<=|>=|<|>) *([\w.]+)")


_SIGNS = {"<=": "≤", ">=": "≥"}


@dataclass(frozen=True)
class Judgement:
    """A criterion's class in words, the rule that decides it, and whether it holds when thresholds move."""

    title: str
    verdict: str
    rule: str
    stability: str
    is_stable: bool | None


def headline(rows: Mapping[str, Values], patient: Values, profile: str, title: str) -> str:
    """Say in one sentence what was found, after what could not be looked at.

    Parameters
    ----------
    rows : mapping of mapping of Value
        The row of each session there is, by its role.
    patient : mapping of Value
        The patient's row.
    profile, title : str
        The criterion whose class is named (a column of the sessions) and its title.

    Returns
    -------
    str
        Plain text.
    """
    gone = _not_looked_at(rows)
    said = {part for reason in gone.values() for part in reason.split("; ")}

    def unknown(what: str, value: Value) -> str:
        """Give a reason once, be it that another holds it."""
        parts = [part for part in value.why.split("; ") if part]
        is_new = any(not any(reason in part for reason in said) for part in parts)
        said.update(parts)
        return f"{what}: {value.why}" if is_new else what

    before = _before(rows.get("baseline", {}), profile, title.partition(" (")[0], unknown)
    found = [*filter(None, [before]), *_afterwards(rows, patient, unknown)]
    text = "; ".join(found)
    sentences = [f"{what}: {reason}." for what, reason in gone.items()] + [f"{text[:1].upper()}{text[1:]}."]
    return " ".join(sentences)


def _not_looked_at(rows: Mapping[str, Values]) -> dict[str, str]:
    """Return why there is no perfusion, no Tmax or no diffusion of a session that a reader would look for."""
    wanted = (
        ("baseline", "tmax6_ml", "No perfusion before treatment"),
        ("baseline", "core_ml", "No diffusion before treatment"),
        ("post", "tmax6_ml", "No perfusion after treatment"),
    )
    gone = {} if "baseline" in rows else {"No numbers before treatment": "there is no baseline session"}
    for role, column, what in wanted:
        if role in rows and rows[role][column].is_missing:
            if column == "tmax6_ml" and not rows[role]["lowflow40_ml"].is_missing:
                continue  # by ASL, which knows no Tmax
            is_seen = column == "tmax6_ml" and not rows[role]["rttp45_ml"].is_missing
            gone[what.replace("perfusion", "Tmax") if is_seen else what] = rows[role][column].why or _NO_REASON
    return gone


def _before(row: Values, profile: str, title: str, unknown: Unknown) -> str:
    if not row:
        return ""
    hours, ratio, verdict = row["hours_from_onset"], row["mismatch_ratio"], row.get(profile)
    opening = _stroke(row)
    opening += ", time from onset unknown" if hours.is_missing else f", {in_words(hours)} from onset"
    deficits = (
        ("Tmax > 6 s", "tmax6_ml"),
        ("low flow by ASL", "lowflow40_ml"),
        ("relative TTP > 4.5 s", "rttp45_ml"),
    )
    late = next((one for one in deficits if not row[one[1]].is_missing), deficits[0])
    volumes = [
        f"{name} {in_words(row[column])}" for name, column in (("core", "core_ml"), late) if not row[column].is_missing
    ]
    if not volumes:
        return opening
    volumes += [] if ratio.is_missing else [f"mismatch {ratio.text}"]
    text = f"{opening}: {', '.join(volumes)}"
    if verdict is None:
        return text
    if verdict.is_missing:
        return f"{text}; {unknown(f'{title} not judged', verdict)}"
    return f"{text} → {class_in_words(verdict.text)} by {title}"


def _stroke(row: Values) -> str:
    """Name the stroke by its side, where core and deficit agree on that."""
    sides = {what: row[f"{what}_side"].text for what in ("deficit", "core") if not row[f"{what}_side"].is_missing}
    if len(set(sides.values())) > 1:
        return f"Stroke with {' and '.join(f'{what} {_SIDES[side]}' for what, side in sides.items())}"
    if sides:
        side = next(iter(sides.values()))
        return "Stroke on both sides" if side == "bilateral" else f"{side.capitalize()}-sided stroke"
    deficit = "tmax6_ml" if row["lowflow40_ml"].is_missing else "lowflow40_ml"
    volumes = [row[column] for column in ("core_ml", deficit)]
    if any(volume.is_missing or volume.text != "0.0" for volume in volumes):
        return "Stroke, side unknown"
    return "Neither core nor deficit"


def _afterwards(rows: Mapping[str, Values], patient: Values, unknown: Unknown) -> list[str]:
    found = []
    flow, growth = patient["reperfusion_fraction"], patient["growth_ml"]
    if "post" not in rows:
        found.append("no session after treatment")
    elif flow.is_missing:
        found.append(unknown("reperfusion unknown", flow))
    else:
        found.append(_change("deficit grew by", "reperfused", flow))
    if "followup" not in rows:
        found.append("no follow-up")
    elif growth.is_missing:
        found.append(unknown("growth unknown", growth))
    else:
        found.append(_change("infarct shrank by", "infarct grew by", growth))
    return found + ([_reflow(patient, unknown)] if "post" in rows else [])


def _change(negative: str, positive: str, value: Value) -> str:
    text = in_words(value)
    return f"{negative} {text[1:]}" if text.startswith("−") else f"{positive} {text}"


def _reflow(patient: Values, unknown: Unknown) -> str:
    impaired, exclusion = patient["imr_ml"], patient["imr_exclusion"]
    if not exclusion.is_missing:
        reason = Value("", "", "n/a", why=exclusion.text)
        return unknown("microvascular reflow not evaluable", reason)
    if impaired.is_missing:
        return unknown("microvascular reflow unknown", impaired)
    noise = patient["imr_null_ml"]
    beside = "" if noise.is_missing else f" (noise alone would give {in_words(noise)})"
    return f"{in_words(impaired)} of the lesion without microvascular reflow{beside}"


def in_words(value: Value) -> str:
    """Write a value with its unit."""
    return f"{value.text} {value.unit}".strip()


def class_in_words(name: str) -> str:
    """Write the name of a class."""
    return name.replace("_", " ")


def rule_in_words(rules: str) -> str:
    """Write the rules of a class with the names and units a reader knows."""

    def write(rule: re.Match[str]) -> str:
        name, sign, limit = rule.groups()
        unit = " mL" if name.endswith("_ml") and limit not in _QUANTITIES else ""
        return f"{_QUANTITIES.get(name, name)} {_SIGNS.get(sign, sign)} {_QUANTITIES.get(limit, limit)}{unit}"

    return _RULE.sub(write, rules)


def clinical_line(known: Mapping[str, Any], baseline: Values, patient: Values) -> list[tuple[str, str]]:
    """Return [what, value] of what is known of a patient from the study's tables.

    Parameters
    ----------
    known : mapping
        Values as the vocabulary reads them; None for one that is there and not understood.
    baseline, patient : mapping of Value
        The rows of the baseline session and of the patient.
    """
    times = (
        ("From onset to the first scan", baseline.get("hours_from_onset")),
        ("From treatment to the next scan", patient.get("hours_from_treatment")),
    )
    line = [
        (what, "not understood" if known[name] is None else _plain(known[name]))
        for name, what in _CLINICAL.items()
        if name in known
    ]
    return line + [(what, in_words(value)) for what, value in times if value and not value.is_missing]


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def judge(
    criteria: Mapping[str, str],
    row: Values,
    columns: Mapping[str, Mapping[str, Any]],
    bands: Sequence[Mapping[str, Any]],
) -> list[Judgement]:
    """Say each criterion's class at baseline, what decides it, and whether it is stable.

    Parameters
    ----------
    criteria : mapping
        Title by the name of the column.
    row : mapping of Value
        The baseline session's.
    columns : mapping
        The dictionary of the sessions, whose ``Levels`` hold each class with its rules.
    bands : sequence of mapping
        ``Stability`` of the session's measures.
    """
    found = []
    for name, title in criteria.items():
        value = row[name]
        rule = value.why if value.is_missing else rule_in_words(columns[name].get("Levels", {}).get(value.text, ""))
        is_stable, stability = _stability([band for band in bands if band["criterion"] == name])
        found.append(Judgement(title, class_in_words(value.text), rule, stability, is_stable))
    return found


def _stability(bands: Sequence[Mapping[str, Any]]) -> tuple[bool | None, str]:
    judged = [band for band in bands if band["stability"] not in NO_VALUE]
    if not judged:
        return None, "not known"
    moved = [_held(band) for band in judged if band["stability"] != "stable"]
    share = judged[0].get("held_share")
    noise = "" if share in (None, *NO_VALUE) else f"; with noise added, it holds in {100 * float(share):.0f} %"
    text = f"changes: the class holds only for {', '.join(moved)}" if moved else "stable"
    return not moved, text + noise


def _held(band: Mapping[str, Any]) -> str:
    """Say between which thresholds a class holds."""
    name, scale, decimals, unit = _THRESHOLDS[VOLUMES[band["parameter"]][0]]
    low, high = (f"{float(band[end]) * scale:.{decimals}f}" for end in ("low", "high"))
    return f"{name} {low}–{high} {unit}" if low != high else f"{name} {low} {unit}"


__all__ = ["Judgement", "Values", "class_in_words", "clinical_line", "headline", "in_words", "judge", "rule_in_words"]
