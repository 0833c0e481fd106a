"""A patient's page from finished files: measures and figures in, self-contained HTML out; nothing is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reperfuse.files import sidecars
from reperfuse.files.sidecars import read_sidecar
from reperfuse.reports.reasons import NO_VALUE, why_patient, why_session
from reperfuse.reports.rendering import embedded, render
from reperfuse.reports.values import Numbers, Value, show

ROLES = ("baseline", "post", "late", "followup")


_ROLE_TITLES = {
    "baseline": "Before treatment",
    "post": "Within hours after treatment",
    "late": "A day after treatment",
    "followup": "Follow-up",
}


#: Columns that are text beside the numbers, shown elsewhere on the page.
_NOT_IN_TABLE = {"participant_id", "session_id", "role", "status", "reasons"}


#: What a figure shows, for its caption and for readers who cannot see it; in the order of the page.
_CAPTIONS = {
    "diffusion": "Trace-weighted image and ADC; the core is outlined, at follow-up the lesion too.",
    "flair": "FLAIR image; the follow-up lesion is outlined.",
    "perfusion": "Penumbra and core over the anatomy; Tmax, deficit (above 6 s) and core outlined; "
    "MTT, relative CBF and relative CBV.",
    "growth": "Trace-weighted image at baseline; the core that is infarct at follow-up, what has grown since, "
    "and what was reversed.",
    "reperfusion": "Tmax at baseline and after treatment; the deficit (above 6 s) that recovered, persists or is new.",
    "reflow": "Lesion after treatment and its mirror image; relative CBV, its mirror image, and "
    "(rCBV − mirror)/mirror; voxels with impaired microvascular reperfusion (IMR).",
    "quality": "Motion of the head; arterial input and venous output; where on the reference they were taken "
    "(squares: artery, circles: vein).",
}


Dictionary = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Card:
    """A headline number."""

    title: str
    value: Value
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A figure with its caption, embedded."""

    source: str
    alt: str
    caption: str


def render_patient(
    patient: Path,
    sessions: Sequence[Path],
    figures: Sequence[Path],
    *,
    dictionaries: Mapping[str, Dictionary],
    criteria: Mapping[str, str],
    version: str,
) -> str:
    """Write a patient's page.

    Parameters
    ----------
    patient : path
        The patient's measures (JSON).
    sessions : sequence of path
        Measures of each session (JSON).
    figures : sequence of path
        PNG files named ``…_ses-<s>_desc-<what>_figure.png``.
    dictionaries : mapping
        Data dictionary of the tables ``sessions`` and ``patients``.
    criteria : mapping
        Title of each criterion, by the name of its column.
    version : str
        Of the program.

    Returns
    -------
    str
        HTML with everything embedded.
    """
    subject = read_sidecar(patient)
    visits = sorted((read_sidecar(path) for path in sessions), key=_role_order)
    by_role = {visit["Row"]["role"]: visit for visit in visits if visit.get("Row", {}).get("role")}
    row, columns = subject.get("Row", {}), dictionaries["sessions"]
    values = {
        column: show(column, row.get(column), entry, why_patient(column, dictionaries, subject, by_role))
        for column, entry in dictionaries["patients"].items()
        if column not in _NOT_IN_TABLE
    }
    first = by_role.get("baseline", {"Reasons": ["there is no baseline session"]})
    baseline = {
        column: show(column, first.get("Row", {}).get(column), entry, why_session(column, columns, first))
        for column, entry in columns.items()
    }
    # criteria judge the baseline session only
    unjudged = {name: entry for name, entry in columns.items() if name not in criteria}
    chapters = [_chapter(visit, figures, columns if visit is first else unjudged) for visit in visits]
    return render(
        "patient.html",
        participant=subject.get("participant_id", "n/a"),
        cards=_cards(values, baseline),
        profiles={title: baseline[name] for name, title in criteria.items()},
        numbers=Numbers.of(
            (value for value in values.values() if value.column not in ("imr_exclusion", "imr_note")),
            subject.get("Failures", []),
        ),
        broken=subject.get("Reasons", []),
        chapters=chapters,
        version=version,
    )


def _role_order(visit: Mapping[str, Any]) -> tuple[int, str]:
    role = visit.get("Row", {}).get("role")
    return (ROLES.index(role) if role in ROLES else len(ROLES), str(visit.get("session_id", "")))


def _chapter(visit: Mapping[str, Any], figures: Sequence[Path], dictionary: Dictionary) -> dict[str, Any]:
    """Gather what the page says of a session."""
    row = visit.get("Row", {})
    label = visit.get("session_id", "n/a")
    role = row.get("role")
    return {
        "label": label,
        "role": _ROLE_TITLES.get(role, "Another session") if role not in NO_VALUE else "Another session",
        "status": row.get("status", "failed"),
        "warnings": list(dict.fromkeys(visit.get("Warnings", []))),
        "broken": visit.get("Reasons", []),
        "figures": [
            _picture(path, label, caption)
            for what, caption in _CAPTIONS.items()
            for path in figures
            if path.name.endswith(f"_{label}_desc-{what}_figure.png")
        ],
        "numbers": Numbers.of(
            (
                show(column, row.get(column), entry, why_session(column, dictionary, visit))
                for column, entry in dictionary.items()
                if column not in _NOT_IN_TABLE
            ),
            visit.get("Failures", []),
        ),
    }


def _picture(path: Path, label: str, caption: str) -> Picture:
    reasons = "; ".join(sidecars.reasons(path))
    alt = f"Not computed: {reasons}" if reasons else f"{label}: {caption}"
    return Picture(embedded(path.read_bytes()), alt, "" if reasons else caption)


def _cards(values: Mapping[str, Value], baseline: Mapping[str, Value]) -> list[Card]:
    """Choose the headline numbers."""
    source = values["lesion_source"]
    drawn = "" if source.is_missing else f", {source.text}"
    return [
        Card("Core at baseline", values["core_baseline_ml"]),
        Card("Tmax > 6 s at baseline", values["tmax6_baseline_ml"]),
        Card(
            "Mismatch at baseline",
            baseline["mismatch_ml"],
            (
                f"ratio {_in_words(baseline['mismatch_ratio'])}",
                f"{_in_words(baseline['mismatch_coreg_ml'])} voxel by voxel",
            ),
        ),
        Card(
            "Infarct growth",
            values["growth_ml"],
            (f"{_in_words(values['infarct_followup_ml'])} at follow-up{drawn}",),
        ),
        Card(
            "Reperfusion",
            values["reperfusion_fraction"],
            (f"{_in_words(values['tmax6_post_ml'])} with Tmax > 6 s after treatment",),
        ),
        Card("Impaired reflow (IMR)", values["imr_ml"], _reflow_details(values)),
    ]


def _in_words(value: Value) -> str:
    return f"{value.text} {value.unit}".strip()


def _reflow_details(values: Mapping[str, Value]) -> tuple[str, ...]:
    exclusion = values["imr_exclusion"]
    judged = "evaluable" if exclusion.is_missing else f"not evaluable: {exclusion.text}"
    if values["imr_ml"].is_missing:
        return (judged,) if exclusion.text != values["imr_ml"].why else ("not evaluable",)
    significant = {"yes": "significant", "no": "not significant"}.get(values["imr_significant"].text, "")
    return (
        f"noise alone gives {_in_words(values['imr_null_ml'])}",
        ", ".join(filter(None, (significant, judged))),
    )


__all__ = ["Card", "Picture", "Value", "render_patient", "show"]
