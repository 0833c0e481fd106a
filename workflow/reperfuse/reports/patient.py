"""A patient's page from finished files: measures and figures in, self-contained HTML out; nothing is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reperfuse.files import sidecars
from reperfuse.files.sidecars import read_sidecar
from reperfuse.reports.captions import ACUTE_ROLES, CAPTIONS, LATER, OVERVIEW, ROLE_TITLES, Caption
from reperfuse.reports.provenance import Origin
from reperfuse.reports.reasons import NO_VALUE, why_patient, why_session
from reperfuse.reports.rendering import embedded, render
from reperfuse.reports.summary import Values, clinical_line, headline, in_words, judge
from reperfuse.reports.values import Numbers, Value, show_row
from reperfuse.study.ratings import rating_in_words

ROLES = ("baseline", "post", "late", "followup")


#: Columns that are text beside the numbers, shown elsewhere on the page.
_NOT_IN_TABLE = {"participant_id", "session_id", "role", "status", "reasons"}


_NO_SUCH = "that volume is 0 mL"


#: What the columns of the core hold where diffusion is not acute, and why they may be undefined.
_NOT_ACUTE = {
    "core_ml": ("Volume with ADC below the threshold of acute stroke, although this session is no longer acute", ""),
    "core_source": ("What that volume (core_ml) was found by", ""),
    "core_covered": ("Share of that volume (core_ml) with Tmax above 6 s", _NO_SUCH),
    "core_side": ("Side that holds at least 80 % of that volume (core_ml)", _NO_SUCH),
    "core_laterality": (
        "(right - left)/(right + left) of that volume (core_ml); the sides are divided by the head's mirror plane",
        _NO_SUCH,
    ),
    "mismatch_ml": ("Volume with Tmax above 6 s minus that volume (core_ml)", ""),
    "mismatch_coreg_ml": ("Volume with Tmax above 6 s outside that volume (core_ml), voxel by voxel", ""),
    "mismatch_ratio": ("Volume with Tmax above 6 s divided by that volume (core_ml)", "both volumes are 0 mL"),
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
    """A figure, embedded, with its caption and how it is read; ``name`` is its own on the page."""

    name: str
    source: str
    alt: str
    caption: str
    reading: str


@dataclass(frozen=True)
class Study:
    """What a patient's page takes from the study.

    Attributes
    ----------
    dictionaries : mapping
        Data dictionary of the tables ``sessions`` and ``patients``.
    criteria : mapping
        Title of each criterion, by the name of its column.
    profile : str
        The criterion that the first sentence names.
    clinical : mapping
        What is known of the patient from the study's tables, as the vocabulary reads it; None: not understood.
    ratings : sequence of rows
        What raters say of the patient's sessions, see `reperfuse.study.ratings`.
    """

    dictionaries: Mapping[str, Dictionary]
    criteria: Mapping[str, str]
    profile: str
    clinical: Mapping[str, Any]
    ratings: Sequence[Mapping[str, str]] = ()


def render_patient(
    patient: Path,
    sessions: Sequence[Path],
    figures: Sequence[Path],
    study: Study,
    *,
    made: Sequence[Origin] = (),
    viewer: Mapping[str, Any] | None = None,
    environment: Sequence[str] = (),
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
        PNG files named ``…_ses-<s>_desc-<what>_figure.png``, and one ``…_desc-overview_figure.png``.
    study : Study
    made : sequence of Origin
        How the results were made.
    viewer : mapping, optional
        What the interactive viewer shows; without it the page has none.
    environment : sequence of str
        Name and version of what the program rests on.
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
    row, columns = subject.get("Row", {}), study.dictionaries["sessions"]
    told = {name: entry for name, entry in study.dictionaries["patients"].items() if name not in _NOT_IN_TABLE}
    values = show_row(row, told, lambda column: why_patient(column, study.dictionaries, subject, by_role))
    first = by_role.get("baseline", {"Reasons": ["there is no baseline session"]})
    baseline = _values(first, columns)
    # criteria judge the baseline session only
    unjudged = {name: entry for name, entry in columns.items() if name not in study.criteria}
    chapters = [_chapter(visit, figures, columns if visit is first else unjudged, values, study) for visit in visits]
    rows = {role: _values(visit, columns) for role, visit in by_role.items()}
    sentence = headline(rows, values, study.profile, study.criteria.get(study.profile, ""))
    for chapter in chapters:
        rated = [row for row in study.ratings if row["session_id"] == chapter["label"]]
        chapter["verdict"] = [*_rated(rated, chapter["has_role"]), *chapter["verdict"]]
    return render(
        "patient.html",
        scripts=("ratings.js", *(("viewer.js",) if viewer else ())),
        viewer=viewer,
        participant=subject.get("participant_id", "n/a"),
        headline=sentence,
        clinical=clinical_line(study.clinical, baseline, values),
        overview=[
            _picture(path, "The sessions", OVERVIEW, sentence)
            for path in figures
            if path.name.endswith("_desc-overview_figure.png")
        ],
        cards=_cards(values, baseline, rows.get("post", {})),
        judgements=judge(study.criteria, baseline, columns, first.get("Stability", [])),
        numbers=Numbers.of(
            (value for value in values.values() if value.column not in ("imr_exclusion", "imr_note")),
            subject.get("Failures", []),
        ),
        broken=subject.get("Reasons", []),
        chapters=chapters,
        origins=made,
        settings=list(dict.fromkeys(f"{origin.step}, {setting}" for origin in made for setting in origin.settings)),
        makers=sorted({f"reperfuse {origin.version}" for origin in made if origin.version} - {f"reperfuse {version}"}),
        environment=environment,
        version=version,
    )


def _values(visit: Mapping[str, Any], columns: Dictionary) -> Values:
    return show_row(visit.get("Row", {}), columns, lambda name: why_session(name, columns, visit))


def _role_order(visit: Mapping[str, Any]) -> tuple[int, str]:
    role = visit.get("Row", {}).get("role")
    return (ROLES.index(role) if role in ROLES else len(ROLES), str(visit.get("session_id", "")))


def _chapter(
    visit: Mapping[str, Any],
    figures: Sequence[Path],
    dictionary: Dictionary,
    patient: Values,
    study: Study,
) -> dict[str, Any]:
    """Gather what the page says of a session; ``patient`` holds the patient's own numbers."""
    row = visit.get("Row", {})
    label = visit.get("session_id", "n/a")
    role = row.get("role")
    captions = CAPTIONS
    if role in ROLES and role not in ACUTE_ROLES:
        captions = {what: LATER.get(what, caption) for what, caption in CAPTIONS.items()}
        for name, (text, why) in _NOT_ACUTE.items():
            dictionary = {**dictionary, name: {**dictionary[name], "Description": text, "undefined": why}}
    values = _values(visit, dictionary)
    status, warnings = row.get("status", "failed"), list(dict.fromkeys(visit.get("Warnings", [])))
    return {
        "label": label,
        "role": ROLE_TITLES.get(role, "Another session") if role not in NO_VALUE else "Another session",
        "has_role": role not in NO_VALUE,
        "status": status,
        "warnings": warnings,
        "broken": visit.get("Reasons", []),
        "verdict": visit.get("Reasons", []) + (_failures(visit) if status == "failed" else []) + warnings,
        "figures": [
            _picture(path, label, caption, _told(caption, {**patient, **values}, study))
            for what, caption in captions.items()
            for path in figures
            if path.name.endswith(f"_{label}_desc-{what}_figure.png")
        ],
        "numbers": Numbers.of(
            (value for name, value in values.items() if name not in _NOT_IN_TABLE),
            visit.get("Failures", []),
        ),
    }


def _rated(rows: Sequence[Mapping[str, str]], has_role: bool) -> list[str]:
    """Return what raters say of a session; a patient with a rejected one that has a role is left out."""
    left_out = "; the patient is left out of the analysis" if has_role else ""
    return [rating_in_words(row) + (left_out if row["rating"] == "reject" else "") for row in rows]


def _failures(visit: Mapping[str, Any]) -> list[str]:
    """Return each reason why something was not computed, with all that it stopped."""
    stopped: dict[str, list[str]] = {}
    for what, reason in visit.get("Failures", []):
        stopped.setdefault(reason, []).append(what)
    return [f"{', '.join(stopped_steps)}: {reason}" for reason, stopped_steps in stopped.items()]


def _told(caption: Caption, values: Values, study: Study) -> str:
    """Write the numbers of a figure, by the name of each column."""
    columns = {**study.dictionaries["patients"], **study.dictionaries["sessions"]}
    known = [name for name in caption.columns if name in values and not values[name].is_missing]
    return "; ".join(f"{columns[name]['LongName']} {in_words(values[name])}" for name in known) + ("." if known else "")


def _picture(path: Path, label: str, caption: Caption, values: str = "") -> Picture:
    reasons = "; ".join(sidecars.reasons(path))
    alt = f"Not computed: {reasons}" if reasons else f"{label}: {caption.text} {values}".strip()
    said = Caption("", "") if reasons else caption
    return Picture(path.name.removesuffix("_figure.png"), embedded(path.read_bytes()), alt, said.text, said.reading)


def _cards(values: Values, baseline: Values, post: Values) -> list[Card]:
    """Choose the headline numbers."""
    before, deficit = _deficit(values["tmax6_baseline_ml"], baseline)
    after, remaining = _deficit(values["tmax6_post_ml"], post)
    source = values["lesion_source"]
    drawn = "" if source.is_missing else f", {source.text}"
    return [
        Card("Core at baseline", values["core_baseline_ml"]),
        Card(f"{before} at baseline", deficit),
        Card(
            "Mismatch at baseline",
            baseline["mismatch_ml"],
            (
                f"ratio {in_words(baseline['mismatch_ratio'])}",
                f"{in_words(baseline['mismatch_coreg_ml'])} voxel by voxel",
            ),
        ),
        Card(
            "Infarct growth",
            values["growth_ml"],
            (f"{in_words(values['infarct_followup_ml'])} at follow-up{drawn}",),
        ),
        Card(
            "Reperfusion",
            values["reperfusion_fraction"],
            (f"{in_words(remaining)} with {after} after treatment",),
        ),
        Card("Impaired reflow (IMR)", values["imr_ml"], _reflow_details(values)),
    ]


def _deficit(late: Value, session: Values) -> tuple[str, Value]:
    """Return what a session's deficit is called and its volume: by Tmax, or by flow where that is what ASL measured."""
    flow = session.get("lowflow40_ml")
    return ("Tmax > 6 s", late) if flow is None or flow.is_missing else ("CBF < 40 % (ASL)", flow)


def _reflow_details(values: Mapping[str, Value]) -> tuple[str, ...]:
    exclusion = values["imr_exclusion"]
    judged = "evaluable" if exclusion.is_missing else f"not evaluable: {exclusion.text}"
    if values["imr_ml"].is_missing:
        return (judged,) if exclusion.text != values["imr_ml"].why else ("not evaluable",)
    significant = {"yes": "significant", "no": "not significant"}.get(values["imr_significant"].text, "")
    return (
        f"noise alone would give {in_words(values['imr_null_ml'])}",
        ", ".join(filter(None, (significant, judged))),
    )


__all__ = ["Card", "Picture", "Study", "render_patient"]
