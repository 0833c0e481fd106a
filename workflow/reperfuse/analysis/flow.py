"""Who was enrolled, who was analysed, and what became of the others (STROBE, doi:10.1136/bmj.39335.541782.AD)."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from reperfuse.study.columns import EXCLUSIONS

#: What a reason that the images give begins with, and what it is called here.
_BY_IMAGES = {
    "scanned": "scanned too early or too late after treatment",
    "only": "lesion not comparable with its mirror image",
    "the lesion crosses": "lesion on both sides",
}


def patient_flow(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Count the patients at each step towards the two analyses, and those left out by their reason.

    Parameters
    ----------
    frame : DataFrame
        The analysis table.

    Returns
    -------
    list of rows
        ``analysis`` (reflow or growth), ``step``, ``n`` who reach it, and for each reason ``left_out`` at it; a step
        with several reasons has a row each.
    """
    return [*_follow("reflow", frame, _to_reflow(frame)), *_follow("growth", frame, _to_growth(frame))]


def _follow(analysis: str, frame: pd.DataFrame, steps: Iterator[tuple[str, pd.Series]]) -> Iterator[dict[str, Any]]:
    left = pd.Series(True, frame.index)
    yield {"analysis": analysis, "step": "enrolled", "n": len(frame), "left_out": 0, "reason": ""}
    for step, reasons in (*_to_accepted(frame), *steps):
        out = left & (reasons != "")
        left &= ~out
        counts = reasons[out].value_counts().sort_index().items() if out.any() else [("", 0)]
        for reason, n in counts:
            yield {"analysis": analysis, "step": step, "n": int(left.sum()), "left_out": int(n), "reason": reason}


def _to_accepted(frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Yield the step of the readers, where they reject any session."""
    if frame["rejected"].notna().any():
        yield "no session rejected by a rater", frame["rejected"].fillna("")


def _to_reflow(frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    yield "scanned after treatment", _unless(frame["post_status"].notna(), "no session after treatment")
    yield "perfusion maps after treatment", _unless(frame["post_tmax6_ml"].notna(), "no usable perfusion")
    yield "lesion at follow-up", _unless(frame["infarct_followup_ml"].notna(), "no lesion at follow-up")
    named = frame["imr_exclusion"].fillna("")
    yield "recanalised", _unless(~named.str.contains("not recanalised"), "not recanalised")
    excluded = pd.Series("", frame.index)
    for column, reason in EXCLUSIONS.items():
        excluded = excluded.where((excluded != "") | (frame[column] != 1), reason)
    # an exclusion that the definition in use does not ask for leaves nobody out
    asked = [reason if reason in text else "" for reason, text in zip(excluded, named, strict=True)]
    yield "no exclusion", pd.Series(asked, frame.index)
    yield "analysed", named.map(_in_short).where(frame["imr_evaluable"] != 1, "")


def _to_growth(frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    yield "scanned before treatment", _unless(frame["baseline_status"].notna(), "no session before treatment")
    yield "core before treatment", _unless(frame["core_baseline_ml"].notna(), "no usable diffusion")
    yield "deficit before treatment", _unless(frame["tmax6_baseline_ml"].notna(), "no usable perfusion")
    yield "reperfusion known", _unless(frame["reperfused"].notna(), "no deficit, or no perfusion after treatment")
    yield "analysed", _unless(frame["growth_ml"].notna(), "no lesion at follow-up")


def _unless(kept: pd.Series, reason: str) -> pd.Series:
    return kept.map({True: "", False: reason})


def _in_short(exclusion: str) -> str:
    """Return what an exclusion is counted as."""
    for text in exclusion.split("; "):
        for begins, called in _BY_IMAGES.items():
            if text.startswith(begins):
                return called
    return "reflow could not be judged"
