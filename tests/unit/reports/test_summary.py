"""The first screen of a patient's page: each number is the table's, and what is not known is said."""

from pathlib import Path

import pytest
import yaml
from reperfuse.mismatch.criteria import QUANTITIES
from reperfuse.reports.summary import clinical_line, headline, judge, rule_in_words
from reperfuse.reports.values import show

TABLES = yaml.safe_load((Path(__file__).parents[3] / "workflow/schemas/tables.yaml").read_text(encoding="utf-8"))
LEVELS = {"target": "mismatch_ratio >= 1.8 and mismatch_ml >= 15", "none": "none of the others"}
SESSIONS = TABLES["sessions"] | {"defuse2": {"Description": "", "Levels": LEVELS}}

FOUND = {
    "core_side": "right",
    "deficit_side": "right",
    "hours_from_onset": 3.1,
    "core_ml": 29.7,
    "tmax6_ml": 100.7,
    "mismatch_ratio": 3.39,
    "defuse2": "target",
}
AFTER = {
    "reperfusion_fraction": 1.0,
    "growth_ml": 22.04,
    "imr_ml": 13.8,
    "imr_null_ml": 0.8,
    "imr_evaluable": True,
}
HEALTHY = FOUND | {"core_side": None, "deficit_side": None, "core_ml": 0.0, "tmax6_ml": 0.0, "mismatch_ratio": "n/a"}
HEALTHY |= {"defuse2": "none"}
NO_POST = "no session after treatment; no follow-up."


def row(columns, values: dict, why: dict | None = None) -> dict:
    return {name: show(name, values.get(name), entry, (why or {}).get(name, "")) for name, entry in columns.items()}


def say(found=None, after=None, *, roles=("post", "followup"), why=None) -> str:
    """The sentence for a baseline session's row, a patient's row, and sessions of these roles."""
    rows = {role: row(SESSIONS, {"tmax6_ml": 1.0}) for role in roles}
    rows |= {} if found is None else {"baseline": row(SESSIONS, found, why)}
    patient = row(TABLES["patients"], after or {}, why)
    return headline(rows, patient, "defuse2", "DEFUSE 2 (Lansberg et al. 2012)")


CASES = {
    "all": (
        say(FOUND, AFTER),
        "Right-sided stroke, 3.1 h from onset: core 29.7 mL, Tmax > 6 s 100.7 mL, mismatch 3.39 → target by DEFUSE 2; "
        "reperfused 100 %; infarct grew by 22.0 mL; "
        "13.8 mL of the lesion without microvascular reflow (noise alone would give 0.8 mL).",
    ),
    "healthy": (
        say(HEALTHY, roles=()),
        "Neither core nor deficit, 3.1 h from onset: core 0.0 mL, Tmax > 6 s 0.0 mL → none by DEFUSE 2; " + NO_POST,
    ),
    "no deficit but a core": (
        say(FOUND | {"deficit_side": None, "tmax6_ml": 0.0, "mismatch_ratio": 0.0, "defuse2": "none"}, roles=()),
        "Right-sided stroke, 3.1 h from onset: core 29.7 mL, Tmax > 6 s 0.0 mL, mismatch 0.00 → none by DEFUSE 2; "
        + NO_POST,
    ),
    "a deficit and no core": (
        say(FOUND | {"core_side": None, "core_ml": 0.0, "mismatch_ratio": "inf"}, roles=()),
        "Right-sided stroke, 3.1 h from onset: core 0.0 mL, Tmax > 6 s 100.7 mL, mismatch ∞ → target by DEFUSE 2; "
        + NO_POST,
    ),
    "no artery": (
        say(
            FOUND
            | {"deficit_side": None, "tmax6_ml": None, "rttp45_ml": 93.3, "mismatch_ratio": None, "defuse2": None},
            roles=(),
            why={"tmax6_ml": "no artery", "mismatch_ratio": "no artery", "defuse2": "no artery"},
        ),
        "No Tmax before treatment: no artery. Right-sided stroke, 3.1 h from onset: core 29.7 mL, "
        "relative TTP > 4.5 s 93.3 mL; DEFUSE 2 not judged; " + NO_POST,
    ),
    "left": (
        say(FOUND | {"core_side": "left", "deficit_side": "left"}, roles=()),
        "Left-sided stroke, 3.1 h from onset: core 29.7 mL, Tmax > 6 s 100.7 mL, mismatch 3.39 → target by DEFUSE 2; "
        + NO_POST,
    ),
    "sides that differ": (
        say(FOUND | {"core_side": "bilateral", "hours_from_onset": None}, roles=()),
        "Stroke with deficit on the right and core on both sides, time from onset unknown: core 29.7 mL, "
        "Tmax > 6 s 100.7 mL, mismatch 3.39 → target by DEFUSE 2; " + NO_POST,
    ),
    "side unknown": (
        say(FOUND | {"core_side": None, "deficit_side": None}, roles=()),
        "Stroke, side unknown, 3.1 h from onset: core 29.7 mL, Tmax > 6 s 100.7 mL, mismatch 3.39 → target by "
        "DEFUSE 2; " + NO_POST,
    ),
    "failed perfusion": (
        say(
            FOUND | {"deficit_side": None, "tmax6_ml": None, "mismatch_ratio": None, "defuse2": None},
            {"growth_ml": -3.04},
            why={
                "tmax6_ml": "no bolus",
                "defuse2": "no bolus",
                "reperfusion_fraction": "no bolus",
                "imr_ml": "no rCBV",
            },
        ),
        "No perfusion before treatment: no bolus. Right-sided stroke, 3.1 h from onset: core 29.7 mL; DEFUSE 2 not "
        "judged; reperfusion unknown; infarct shrank by 3.0 mL; microvascular reflow unknown: no rCBV.",
    ),
    "reflow not evaluable": (
        say(FOUND, AFTER | {"reperfusion_fraction": -0.2, "imr_evaluable": False, "imr_exclusion": "reocclusion"}),
        "Right-sided stroke, 3.1 h from onset: core 29.7 mL, Tmax > 6 s 100.7 mL, mismatch 3.39 → target by DEFUSE 2; "
        "deficit grew by 20 %; infarct grew by 22.0 mL; microvascular reflow not evaluable: reocclusion.",
    ),
    "no baseline": (
        say(None, AFTER | {"reperfusion_fraction": None}, why={"reperfusion_fraction": "there is no baseline session"}),
        "No numbers before treatment: there is no baseline session. Reperfusion unknown; infarct grew by 22.0 mL; "
        "13.8 mL of the lesion without microvascular reflow (noise alone would give 0.8 mL).",
    ),
}


@pytest.mark.parametrize(("found", "wanted"), CASES.values(), ids=CASES)
def test_the_first_sentence_holds_the_tables_values(found: str, wanted: str) -> None:
    assert found == wanted


def test_the_clinical_line_says_what_is_known_and_what_is_not_understood() -> None:
    known = {"age": 71.0, "sex": "female", "mtici": "2b50", "nihss_baseline": 14.0, "mrs_90d": None, "tpa": True}
    line = clinical_line(
        known | {"glucose": 5.0},
        row(SESSIONS, {"hours_from_onset": 3.1}),
        row(TABLES["patients"], {"hours_from_treatment": None}),
    )
    assert line == [
        ("Age", "71"),
        ("Sex", "female"),
        ("NIHSS", "14"),
        ("Thrombolysis", "yes"),
        ("mTICI", "2b50"),
        ("mRS at 90 days", "not understood"),
        ("From onset to the first scan", "3.1 h"),
    ]


def band(**what) -> dict:
    return {"criterion": "defuse2", "class": "target", "stability": "stable", "low": 5.0, "high": 7.0} | what


@pytest.mark.parametrize(
    ("bands", "is_stable", "said"),
    [
        ([band(parameter="tmax6_ml"), band(parameter="core_ml")], True, "stable"),
        (
            [
                band(parameter="tmax6_ml", stability="unstable", high=6.5),
                band(parameter="core_ml", stability="unstable", low=0.00062, high=0.00062),
            ],
            False,
            "changes: the class holds only for Tmax 5.0–6.5 s, ADC 620 10⁻⁶ mm²/s",
        ),
        ([band(parameter="tmax6_ml", stability=None)], None, "not known"),
        ([band(parameter="tmax6_ml", stability="unstable", criterion="other")], None, "not known"),
    ],
)
def test_a_class_says_whether_it_holds_when_thresholds_move(bands, is_stable, said) -> None:
    (found,) = judge({"defuse2": "DEFUSE 2"}, row(SESSIONS, FOUND), SESSIONS, bands)
    assert (found.verdict, found.is_stable, found.stability) == ("target", is_stable, said)
    assert found.rule == "mismatch ratio ≥ 1.8 and mismatch ≥ 15 mL"


def test_a_class_says_how_often_it_holds_with_noise_added() -> None:
    (found,) = judge(
        {"defuse2": "DEFUSE 2"}, row(SESSIONS, FOUND), SESSIONS, [band(parameter="core_ml", held_share=0.846)]
    )
    assert (found.is_stable, found.stability) == (True, "stable; with noise added, it holds in 85 %")
    (found,) = judge(
        {"defuse2": "DEFUSE 2"}, row(SESSIONS, FOUND), SESSIONS, [band(parameter="core_ml", held_share="n/a")]
    )
    assert found.stability == "stable"


def test_a_class_that_is_not_known_says_why() -> None:
    unknown = row(SESSIONS, {}, {"defuse2": "age not known"})
    (found,) = judge({"defuse2": "DEFUSE 2"}, unknown, SESSIONS, [])
    assert (found.verdict, found.rule) == ("n/a", "age not known")


@pytest.mark.parametrize("name", QUANTITIES)
def test_every_quantity_of_a_rule_has_a_name(name: str) -> None:
    assert "_" not in rule_in_words(f"{name} >= 10")
    assert rule_in_words(f"post_core_ml <= {name}").endswith(rule_in_words(f"{name} < 1").partition(" < 1")[0])
