"""What can be computed of a study, for how many patients, and the main reason why not for the others."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reperfuse.faults import DataFault
from reperfuse.study import absences, facts
from reperfuse.study.columns import READERS
from reperfuse.study.plan import Plan

#: What is computed of a session, and the scans that it needs.
_WITHIN = {"perfusion maps": ("dsc|ctp|asl",), "core": ("dwi|adc|ctp",), "mismatch": ("dsc|ctp|asl", "dwi|adc|ctp")}
#: What compares sessions: the name it has among the absences, and the scans whose faults explain why it cannot be done.
_COMPARED = {
    "infarct growth": ("growth", "dwi|adc|ctp|flair"),
    "reperfusion": ("reperfusion", "dsc|ctp|asl"),
    "IMR": ("reflow", "dsc|ctp|asl"),
}
#: A reason that is none: the session has the scan.
INSTEAD = "of the same session is used instead"
#: What a reason begins with: the name of the file, which is another in each patient.
_NAME = re.compile(r"^(?:the folder )?(?P<name>\S+)(?:: | is not used: | is left out: )(?P<problem>.*)$", re.DOTALL)


@dataclass(frozen=True)
class Share:
    """For how many patients something can be computed, and why not for the others."""

    what: str
    able: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    note: str = ""

    def line(self) -> str:
        """Return it as a line, with the main reason."""
        text = f"  {self.what:<18}{self.able:>5}" + (f" {self.note}" if self.note else "")
        if self.reasons:
            reason, number = max(self.reasons.items(), key=lambda pair: pair[1])
            others = sum(self.reasons.values()) - number
            text += f"   not {number}: {reason}" + (f"; {others} for other reasons" if others else "")
        return text


def shares(plan: Plan, people: Sequence[str]) -> list[Share]:
    """Return what can be computed of a study, for how many of its people."""
    return [*_within(plan, people), *_compared(plan, people), _analysed(plan, people)]


def numbered(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where that is due."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def split(reason: str) -> tuple[str, str]:
    """Return the name a reason begins with, empty if there is none, and the rest."""
    named = _NAME.match(reason)
    return (named["name"], named["problem"]) if named else ("", reason)


def _within(plan: Plan, people: Iterable[str]) -> Iterator[Share]:
    """Yield what can be computed of single sessions."""
    for what, kinds in _WITHIN.items():
        reasons: Counter[str] = Counter()
        able = sessions = 0
        for subject in people:
            number = sum(plan.has(subject, session, *kinds) for session in plan.sessions(subject))
            able, sessions = able + bool(number), sessions + number
            if not number:
                reasons[_fault(plan, subject, "|".join(kinds)) or _no_scans(kinds)] += 1
        yield Share(what, able, reasons, f"({numbered(sessions, 'session')})" if able else "")


def _no_scans(kinds: Iterable[str]) -> str:
    called = ["diffusion" if kind.startswith("dwi") else "perfusion" for kind in kinds]
    return f"no session with {' and '.join(called)}"


def _fault(plan: Plan, subject: str, kinds: str) -> str:
    """Return what is wrong with a patient's scans of some kinds, empty if there are none; the remedy stands above."""
    wanted = kinds.split("|")
    found = [
        _briefly(reason)
        for session in (*plan.sessions(subject), "")
        for kind, reason in plan.manifest.reasons(subject, session)
        if (kind in wanted or not session) and INSTEAD not in reason
    ]
    return found[0] if found else ""


def _briefly(reason: str) -> str:
    if "is not used: " in reason:
        return "images that may be it are not used, see above"
    return split(reason)[1].split(";")[0].split(" (")[0]


def _compared(plan: Plan, people: Iterable[str]) -> Iterator[Share]:
    """Yield what can be computed by comparing sessions."""
    lacking = {subject: absences.lacking(plan, subject) for subject in people}
    for what, (comparison, kinds) in _COMPARED.items():
        reasons: Counter[str] = Counter()
        for subject, needs in lacking.items():
            lacks = needs[comparison]
            if lacks:
                # a fault explains a scan that a session lacks; a session that is not there explains itself
                is_explained = plan.sessions(subject) and any(one.startswith("no session") for one in lacks)
                fault = "" if is_explained else _fault(plan, subject, kinds)
                reasons[fault or "; ".join(lacks)] += 1
            elif what == "IMR" and (exclusions := facts.reflow_exclusions(plan, subject)):
                reasons[exclusions[0]] += 1
        note = _unknown_exclusions(plan) if what == "IMR" else ""
        able = len(lacking) - sum(reasons.values())
        yield Share(what, able, reasons, note if able else "")


def _unknown_exclusions(plan: Plan) -> str:
    called = plan.config["columns"]
    names = [called[name] for name in plan.reflow_settings["exclusions"] if not plan.clinical.has(called[name])]
    return f"(nobody is ruled out by {', '.join(names)}: no such column)" if names else ""


def _analysed(plan: Plan, people: Iterable[str]) -> Share:
    """Return how many patients have IMR and an outcome."""
    outcomes = [name for name in (*plan.config["analysis"]["outcomes"], "mrs_90d") if name in READERS]
    called = ", ".join(plan.config["columns"][name] for name in outcomes)
    reasons: Counter[str] = Counter()
    able = 0
    for subject in people:
        if absences.lacking(plan, subject)["reflow"] or facts.reflow_exclusions(plan, subject):
            reasons["no IMR"] += 1
        elif not any(_is_known(plan, subject, name) for name in outcomes):
            reasons[f"none of {called} is known"] += 1
        else:
            able += 1
    return Share("clinical analysis", able, reasons)


def _is_known(plan: Plan, subject: str, column: str) -> bool:
    for session in (*plan.sessions(subject), None):
        try:
            plan.clinical.known(subject, session, column)
        except DataFault:
            continue
        return True
    return False
