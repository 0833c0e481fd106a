"""Each criterion at and around its thresholds, with values missing, and how firmly its class holds."""

import math
from pathlib import Path
from typing import Any

import pytest
from reperfuse.mismatch.criteria import QUANTITIES, VOLUMES, Rule, classify, needs, parse_rule
from reperfuse.mismatch.stability import stability, thresholds
from reperfuse.study.settings import ConfigError, read_criteria

ROOT = Path(__file__).parents[2]
CATALOGUE_FILE = ROOT / "config" / "criteria.yaml"
SCHEMA = ROOT / "workflow" / "schemas" / "criteria.schema.yaml"
CATALOGUE = read_criteria(CATALOGUE_FILE, {}, SCHEMA)
HALF_WIDTHS = {"tmax": 1.0, "delay": 1.0, "adc": 40e-6, "rcbf": 0.1, "rmtt": 0.1}

#: A patient whom every criterion would have chosen.
TARGET = {
    "core_ml": 20.0,
    "tmax2_ml": 900.0,
    "delay2_ml": 130.0,
    "tmax4_ml": 110.0,
    "tmax6_ml": 90.0,
    "tmax8_ml": 50.0,
    "tmax10_ml": 25.0,
    "rcbf20_ml": 12.0,
    "rcbf30_ml": 22.0,
    "rcbf40_ml": 40.0,
    "rmtt145_ml": 99.0,
    "rmtt150_ml": 95.0,
    "mismatch_coreg_ml": 72.0,
    "age": 70.0,
    "nihss_baseline": 16.0,
    "hours_from_onset": 8.0,
    "post_core_ml": 18.0,
    "post_tmax6_ml": 5.0,
}


def patient(**changed: float) -> dict[str, float]:
    return TARGET | changed


def judge(name: str, **changed: float) -> str | None:
    return classify(CATALOGUE[name], patient(**changed))[0]


CASES: list[tuple[str, dict[str, float], str]] = [
    # generic: ratio > 1.2 is a mismatch, < 1.0 none
    ("generic", {"core_ml": 10, "tmax6_ml": 12.01}, "mismatch"),
    ("generic", {"core_ml": 10, "tmax6_ml": 12.0}, "borderline"),
    ("generic", {"core_ml": 10, "tmax6_ml": 11.99}, "borderline"),
    ("generic", {"core_ml": 10, "tmax6_ml": 10.01}, "borderline"),
    ("generic", {"core_ml": 10, "tmax6_ml": 10.0}, "borderline"),
    ("generic", {"core_ml": 10, "tmax6_ml": 9.99}, "none"),
    ("generic", {"core_ml": 0, "tmax6_ml": 5}, "mismatch"),
    ("generic", {"core_ml": 0, "tmax6_ml": 0.5}, "mismatch"),
    ("generic", {"core_ml": 0, "tmax6_ml": 0}, "none"),
    ("generic", {"core_ml": 10, "tmax6_ml": 0}, "none"),
    # DEFUSE: malignant from 100 mL of core or Tmax > 8 s, small below 10 mL, target from 1.2 and 10 mL
    ("defuse", {}, "target"),
    ("defuse", {"core_ml": 99.9, "delay2_ml": 200}, "target"),
    ("defuse", {"core_ml": 100, "delay2_ml": 200}, "malignant"),
    ("defuse", {"core_ml": 100.1, "delay2_ml": 200}, "malignant"),
    ("defuse", {"tmax8_ml": 99.9}, "target"),
    ("defuse", {"tmax8_ml": 100}, "malignant"),
    ("defuse", {"tmax8_ml": 100.1}, "malignant"),
    ("defuse", {"core_ml": 9.9, "delay2_ml": 9.9}, "small"),
    ("defuse", {"core_ml": 0, "delay2_ml": 9.9}, "small"),
    ("defuse", {"core_ml": 0, "delay2_ml": 10}, "target"),
    ("defuse", {"core_ml": 0, "delay2_ml": 10.1}, "target"),
    ("defuse", {"core_ml": 10, "delay2_ml": 9.9}, "none"),
    ("defuse", {"core_ml": 10.1, "delay2_ml": 9.9}, "none"),
    ("defuse", {"core_ml": 60, "delay2_ml": 72}, "target"),
    ("defuse", {"core_ml": 60, "delay2_ml": 72.1}, "target"),
    ("defuse", {"core_ml": 60, "delay2_ml": 71.9}, "none"),
    ("defuse", {"core_ml": 20, "delay2_ml": 30}, "target"),
    ("defuse", {"core_ml": 20, "delay2_ml": 30.1}, "target"),
    ("defuse", {"core_ml": 20, "delay2_ml": 29.9}, "none"),
    ("defuse", {"core_ml": 0, "delay2_ml": 0, "tmax8_ml": 0}, "small"),
    # EPITHET: ratio > 1.2 and at least 10 mL
    ("epithet", {"core_ml": 60, "delay2_ml": 72.1}, "mismatch"),
    ("epithet", {"core_ml": 60, "delay2_ml": 72}, "none"),
    ("epithet", {"core_ml": 60, "delay2_ml": 71.9}, "none"),
    ("epithet", {"core_ml": 20, "delay2_ml": 30}, "mismatch"),
    ("epithet", {"core_ml": 20, "delay2_ml": 30.1}, "mismatch"),
    ("epithet", {"core_ml": 20, "delay2_ml": 29.9}, "none"),
    ("epithet", {"core_ml": 0, "delay2_ml": 0}, "none"),
    # DEFUSE 2
    ("defuse2", {}, "target"),
    ("defuse2", {"core_ml": 69.9, "tmax6_ml": 180}, "target"),
    ("defuse2", {"core_ml": 70, "tmax6_ml": 180}, "malignant"),
    ("defuse2", {"core_ml": 70.1, "tmax6_ml": 180}, "malignant"),
    ("defuse2", {"tmax10_ml": 99.9}, "target"),
    ("defuse2", {"tmax10_ml": 100}, "malignant"),
    ("defuse2", {"tmax10_ml": 100.1}, "malignant"),
    ("defuse2", {"core_ml": 50, "tmax6_ml": 90}, "target"),
    ("defuse2", {"core_ml": 50, "tmax6_ml": 90.1}, "target"),
    ("defuse2", {"core_ml": 50, "tmax6_ml": 89.9}, "none"),
    ("defuse2", {"core_ml": 5, "tmax6_ml": 20}, "target"),
    ("defuse2", {"core_ml": 5, "tmax6_ml": 20.1}, "target"),
    ("defuse2", {"core_ml": 5, "tmax6_ml": 19.9}, "none"),
    ("defuse2", {"core_ml": 0, "tmax6_ml": 15}, "target"),
    ("defuse2", {"core_ml": 0, "tmax6_ml": 0, "tmax10_ml": 0}, "none"),
    # DEFUSE 3: 6 to 16 h
    ("defuse3", {}, "target"),
    ("defuse3", {"core_ml": 69.9, "tmax6_ml": 180}, "target"),
    ("defuse3", {"core_ml": 70, "tmax6_ml": 180}, "none"),
    ("defuse3", {"core_ml": 70.1, "tmax6_ml": 180}, "none"),
    ("defuse3", {"core_ml": 50, "tmax6_ml": 90}, "target"),
    ("defuse3", {"core_ml": 50, "tmax6_ml": 90.1}, "target"),
    ("defuse3", {"core_ml": 50, "tmax6_ml": 89.9}, "none"),
    ("defuse3", {"core_ml": 5, "tmax6_ml": 20}, "target"),
    ("defuse3", {"core_ml": 5, "tmax6_ml": 20.1}, "target"),
    ("defuse3", {"core_ml": 5, "tmax6_ml": 19.9}, "none"),
    ("defuse3", {"hours_from_onset": 5.99}, "outside_window"),
    ("defuse3", {"hours_from_onset": 6}, "target"),
    ("defuse3", {"hours_from_onset": 6.01}, "target"),
    ("defuse3", {"hours_from_onset": 15.99}, "target"),
    ("defuse3", {"hours_from_onset": 16}, "target"),
    ("defuse3", {"hours_from_onset": 16.01}, "outside_window"),
    # EXTEND-IA and EXTEND: ratio > 1.2, difference > 10 mL, core < 70 mL
    *(
        (name, changed, found)
        for name in ("extend_ia", "extend")
        for changed, found in (
            ({}, "mismatch"),
            ({"core_ml": 60, "tmax6_ml": 72.1}, "mismatch"),
            ({"core_ml": 60, "tmax6_ml": 72}, "none"),
            ({"core_ml": 60, "tmax6_ml": 71.9}, "none"),
            ({"core_ml": 20, "tmax6_ml": 30.1}, "mismatch"),
            ({"core_ml": 20, "tmax6_ml": 30}, "none"),
            ({"core_ml": 20, "tmax6_ml": 29.9}, "none"),
            ({"core_ml": 69.9}, "mismatch"),
            ({"core_ml": 70}, "none"),
            ({"core_ml": 69.9, "tmax6_ml": 180}, "mismatch"),
            ({"core_ml": 70, "tmax6_ml": 180}, "none"),
            ({"core_ml": 70.1, "tmax6_ml": 180}, "none"),
            ({"core_ml": 0, "tmax6_ml": 0}, "none"),
        )
    ),
    # SWIFT PRIME
    ("swift_prime", {}, "target"),
    ("swift_prime", {"core_ml": 50, "tmax6_ml": 90.1}, "target"),
    ("swift_prime", {"core_ml": 49.9, "tmax6_ml": 90.1}, "target"),
    ("swift_prime", {"core_ml": 50.1, "tmax6_ml": 100}, "none"),
    ("swift_prime", {"tmax10_ml": 100}, "target"),
    ("swift_prime", {"tmax10_ml": 99.9}, "target"),
    ("swift_prime", {"tmax10_ml": 100.1}, "none"),
    ("swift_prime", {"core_ml": 5, "tmax6_ml": 20}, "target"),
    ("swift_prime", {"core_ml": 5, "tmax6_ml": 20.1}, "target"),
    ("swift_prime", {"core_ml": 5, "tmax6_ml": 19.9}, "none"),
    ("swift_prime", {"core_ml": 50, "tmax6_ml": 90}, "none"),
    ("swift_prime", {"core_ml": 50, "tmax6_ml": 89.9}, "none"),
    # DAWN: core against age and NIHSS, 6 to 24 h
    ("dawn", {"age": 80, "nihss_baseline": 10, "core_ml": 20.9}, "mismatch"),
    ("dawn", {"age": 81, "nihss_baseline": 10, "core_ml": 20.9}, "mismatch"),
    ("dawn", {"age": 80, "nihss_baseline": 11, "core_ml": 20.9}, "mismatch"),
    ("dawn", {"age": 80, "nihss_baseline": 10, "core_ml": 21}, "none"),
    ("dawn", {"age": 80, "nihss_baseline": 10, "core_ml": 21.1}, "none"),
    ("dawn", {"age": 80, "nihss_baseline": 9, "core_ml": 0}, "none"),
    ("dawn", {"age": 80, "nihss_baseline": 20, "core_ml": 30}, "none"),
    ("dawn", {"age": 79, "nihss_baseline": 10, "core_ml": 30.9}, "mismatch"),
    ("dawn", {"age": 79, "nihss_baseline": 10, "core_ml": 31}, "none"),
    ("dawn", {"age": 79, "nihss_baseline": 10, "core_ml": 31.1}, "none"),
    ("dawn", {"age": 79, "nihss_baseline": 9, "core_ml": 5}, "none"),
    ("dawn", {"age": 79, "nihss_baseline": 19, "core_ml": 31}, "none"),
    ("dawn", {"age": 79, "nihss_baseline": 20, "core_ml": 31}, "mismatch"),
    ("dawn", {"age": 79, "nihss_baseline": 21, "core_ml": 31}, "mismatch"),
    ("dawn", {"age": 79, "nihss_baseline": 20, "core_ml": 50.9}, "mismatch"),
    ("dawn", {"age": 79, "nihss_baseline": 20, "core_ml": 51}, "none"),
    ("dawn", {"age": 79, "nihss_baseline": 20, "core_ml": 51.1}, "none"),
    ("dawn", {"hours_from_onset": 5.9}, "outside_window"),
    ("dawn", {"hours_from_onset": 6}, "mismatch"),
    ("dawn", {"hours_from_onset": 6.1}, "mismatch"),
    ("dawn", {"hours_from_onset": 23.9}, "mismatch"),
    ("dawn", {"hours_from_onset": 24}, "mismatch"),
    ("dawn", {"hours_from_onset": 24.1}, "outside_window"),
    # relative flow
    ("relative_flow", {"rcbf30_ml": 10, "rmtt150_ml": 12.1}, "mismatch"),
    ("relative_flow", {"rcbf30_ml": 10, "rmtt150_ml": 12}, "borderline"),
    ("relative_flow", {"rcbf30_ml": 10, "rmtt150_ml": 11.9}, "borderline"),
    ("relative_flow", {"rcbf30_ml": 10, "rmtt150_ml": 10.1}, "borderline"),
    ("relative_flow", {"rcbf30_ml": 10, "rmtt150_ml": 10}, "borderline"),
    ("relative_flow", {"rcbf30_ml": 10, "rmtt150_ml": 9.9}, "none"),
    ("relative_flow", {"rcbf30_ml": 0, "rmtt150_ml": 0}, "none"),
    ("relative_flow", {"rcbf30_ml": 0, "rmtt150_ml": 0.5}, "mismatch"),
    # reversal: the deficit shrinks and the core does not grow
    ("reversal", {}, "reversal"),
    ("reversal", {"post_core_ml": 20}, "reversal"),
    ("reversal", {"post_core_ml": 19.9}, "reversal"),
    ("reversal", {"post_core_ml": 20.1}, "none"),
    ("reversal", {"post_tmax6_ml": 89.9}, "reversal"),
    ("reversal", {"post_tmax6_ml": 90}, "none"),
    ("reversal", {"post_tmax6_ml": 90.1}, "none"),
]


@pytest.mark.parametrize(("name", "changed", "found"), CASES)
def test_class_at_each_threshold(name: str, changed: dict[str, float], found: str) -> None:
    assert judge(name, **changed) == found


def test_every_criterion_and_every_class_has_a_case() -> None:
    tried = {(name, found) for name, _, found in CASES}
    assert tried == {
        (name, level)
        for name, entry in CATALOGUE.items()
        for level in [*(candidate["name"] for candidate in entry["classes"]), entry["otherwise"]]
    }


#: Whole numbers: the nearest case is one away.
WHOLE = ("age", "nihss_baseline")


def rules_of(name: str) -> list[Rule]:
    return [parse_rule(rule) for entry in CATALOGUE[name]["classes"] for rule in entry.get("all", entry.get("any"))]


def compared(rule: Rule, name: str, values: dict[str, float]) -> tuple[float, float]:
    """Both sides of a rule, by the definitions in the head of the catalogue."""
    deficit = values[CATALOGUE[name].get("deficit", "tmax6_ml")]
    core = values[CATALOGUE[name].get("core", "core_ml")]
    own = {"deficit_ml": deficit, "mismatch_ml": deficit - core, "mismatch_ratio": deficit / core if core else math.inf}
    known = values | own
    limit = rule.limit if isinstance(rule.limit, float) else known[rule.limit]
    return known[rule.quantity], limit


@pytest.mark.parametrize(
    ("name", "rule"), [(name, rule) for name in CATALOGUE for rule in dict.fromkeys(rules_of(name))]
)
def test_every_threshold_has_cases_below_at_and_above_it(name: str, rule: Rule) -> None:
    """A threshold that is added or changed in the catalogue needs cases next to it."""
    places = set()
    for criterion, changed, _ in CASES:
        if criterion == name:
            value, limit = compared(rule, name, patient(**changed))
            if math.isclose(value, limit, rel_tol=1e-9):
                places.add("at")
            elif abs(value - limit) <= (1.0 if limit == 0 or rule.quantity in WHOLE else 0.05 * limit):
                places.add("below" if value < limit else "above")
    wanted = {"at", "above"} if rule.limit == 0 else {"below", "at", "above"}
    assert places >= wanted, f"no case {wanted - places} {rule.quantity} {rule.sign} {rule.limit}"


@pytest.mark.parametrize("name", CATALOGUE)
def test_nothing_is_guessed_for_what_is_missing(name: str) -> None:
    for what in needs(CATALOGUE[name]):
        assert classify(CATALOGUE[name], patient(**{what: math.nan})) == (None, [what])
    unasked = {what: math.nan for what in TARGET if what not in needs(CATALOGUE[name])}
    assert classify(CATALOGUE[name], patient(**unasked))[0] == judge(name)


def test_what_the_clinical_criteria_ask() -> None:
    assert set(needs(CATALOGUE["dawn"])) >= {"age", "nihss_baseline", "hours_from_onset"}
    assert "hours_from_onset" in needs(CATALOGUE["defuse3"])
    assert set(needs(CATALOGUE["reversal"])) >= {"post_core_ml", "post_tmax6_ml"}


KINDS: list[tuple[str, dict[str, float], dict[str, str]]] = [
    (
        "malignant",
        {
            "core_ml": 120,
            "delay2_ml": 250,
            "tmax6_ml": 220,
            "tmax8_ml": 160,
            "tmax10_ml": 120,
            "nihss_baseline": 22,
        },
        {"generic": "mismatch", "defuse": "malignant", "epithet": "mismatch", "defuse2": "malignant"}
        | dict.fromkeys(("defuse3", "extend", "extend_ia", "swift_prime", "dawn"), "none"),
    ),
    (
        "small lesion",
        {"core_ml": 2, "delay2_ml": 8, "tmax6_ml": 5, "tmax8_ml": 3, "tmax10_ml": 0, "nihss_baseline": 3},
        {"generic": "mismatch", "defuse": "small", "epithet": "none", "defuse2": "none"}
        | dict.fromkeys(("defuse3", "extend", "extend_ia", "swift_prime", "dawn"), "none"),
    ),
    (
        "no mismatch",
        {"core_ml": 40, "delay2_ml": 42, "tmax6_ml": 38, "tmax8_ml": 30, "tmax10_ml": 20},
        {"generic": "none"}
        | dict.fromkeys(
            ("defuse", "epithet", "defuse2", "defuse3", "extend", "extend_ia", "swift_prime", "dawn"), "none"
        ),
    ),
    (
        "healthy",
        dict.fromkeys((name for name in TARGET if name.endswith("_ml")), 0.0) | {"nihss_baseline": 0},
        {"generic": "none", "defuse": "small", "relative_flow": "none"}
        | dict.fromkeys(
            ("epithet", "defuse2", "defuse3", "extend", "extend_ia", "swift_prime", "dawn", "reversal"),
            "none",
        ),
    ),
]


@pytest.mark.parametrize(("values", "classes"), [case[1:] for case in KINDS], ids=[kind for kind, _, _ in KINDS])
def test_patients_of_each_kind(values: dict[str, float], classes: dict[str, str]) -> None:
    assert {name: judge(name, **values) for name in classes} == classes


# --- stability -------------------------------------------------------------------------------------------


def curves(**slopes: float) -> dict[str, list[tuple[float, float]]]:
    """Volumes that fall or rise linearly with the threshold, by so many mL over a half-width."""
    nominal = {
        "tmax": (6.0, 90.0),
        "delay": (2.0, 130.0),
        "adc": (620e-6, 20.0),
        "rcbf": (0.3, 22.0),
        "rmtt": (1.5, 95.0),
    }
    return {
        source: [
            (limit, volume + slopes.get(source, 0.0) * (limit - centre) / HALF_WIDTHS[source])
            for limit in thresholds(source, HALF_WIDTHS[source], 620e-6)
        ]
        for source, (centre, volume) in nominal.items()
    }


def test_a_class_far_from_its_thresholds_is_stable() -> None:
    found = stability(CATALOGUE["extend"], TARGET, curves(tmax=-5, adc=2), HALF_WIDTHS, 620e-6)
    assert [(row.parameter, row.low, row.high, row.stable) for row in found] == [
        ("core_ml", 580e-6, 660e-6, True),
        ("tmax6_ml", 5.0, 7.0, True),
    ]


def test_the_interval_ends_where_the_class_changes() -> None:
    # 40 mL of core at 620e-6 and 11 mL more for every 20e-6: above 50 mL a deficit of 90 mL is no target
    patient_ = patient(core_ml=40.0)
    moved = curves(tmax=-8) | {"adc": [(v, 40.0 + (v - 620e-6) / 20e-6 * 11) for v, _ in curves()["adc"]]}
    core, deficit, _ = stability(CATALOGUE["defuse2"], patient_, moved, HALF_WIDTHS, 620e-6)
    assert (core.low, core.high, core.stable) == (580e-6, 620e-6, False)
    assert (deficit.low, deficit.high, deficit.stable) == (5.0, 7.0, True)


def test_an_interval_is_unbroken() -> None:
    """A class that comes back beyond the point where it was lost is not counted."""
    broken = curves() | {"tmax": [(v, {5.5: 0.0}.get(v, 90.0)) for v, _ in curves()["tmax"]]}
    row = stability(CATALOGUE["extend"], TARGET, broken, HALF_WIDTHS, 620e-6)[1]
    assert (row.low, row.high, row.stable) == (6.0, 7.0, False)


COREGISTERED = {"title": "C", "doi": "none", "classes": [{"name": "a", "all": ["mismatch_coreg_ml >= 70"]}]} | {
    "otherwise": "b"
}


def test_the_coregistered_mismatch_moves_with_either_of_its_thresholds() -> None:
    swept = curves() | {
        "coreg_adc": [(v, 72.0 - (v - 620e-6) * 1e5) for v, _ in curves()["adc"]],  # 70 mL at 640e-6
        "coreg_tmax": [(v, 72.0 - 4.0 * (v - 6.0)) for v, _ in curves()["tmax"]],  # 70 mL at 6.5 s
    }
    rows = stability(COREGISTERED, TARGET, swept, HALF_WIDTHS, 620e-6)
    assert [(row.parameter, row.low, row.high, row.stable) for row in rows] == [
        ("core_ml", 580e-6, 640e-6, False),
        ("tmax6_ml", 5.0, 6.5, False),
    ]


def test_core_and_coregistered_mismatch_move_together() -> None:
    both = COREGISTERED | {"classes": [{"name": "a", "all": ["mismatch_coreg_ml < 73", "core_ml >= 20"]}]}
    rising = {"adc": [(v, 20.0 + (v - 620e-6) * 1e5) for v, _ in curves()["adc"]]}
    falling = {"coreg_adc": [(v, 72.0 - (v - 620e-6) * 1e5) for v, _ in curves()["adc"]]}
    still = {"coreg_tmax": [(v, 72.0) for v, _ in curves()["tmax"]]}
    core, deficit = stability(both, TARGET, curves() | rising | falling | still, HALF_WIDTHS, 620e-6)
    assert (core.low, core.high, core.stable) == (620e-6, 660e-6, False)
    assert deficit.stable


def test_a_mismatch_that_was_not_swept_has_no_stability() -> None:
    rows = stability(COREGISTERED, TARGET, curves(), HALF_WIDTHS, 620e-6)
    assert [(row.parameter, row.stable) for row in rows] == [("core_ml", None), ("tmax6_ml", None)]


def test_no_class_no_stability() -> None:
    rows = stability(CATALOGUE["dawn"], patient(age=math.nan), curves(), HALF_WIDTHS, 620e-6)
    assert [(row.parameter, row.stable) for row in rows] == [("core_ml", None)]
    assert all(math.isnan(row.low) and math.isnan(row.high) for row in rows)


def test_swept_thresholds_hold_those_of_the_tables_and_of_every_band() -> None:
    assert {2.0, 4.0, 5.0, 5.5, 6.0, 6.5, 7.0, 8.0, 10.0, 11.0} <= set(thresholds("tmax", 1.0))
    assert {550e-6, 580e-6, 600e-6, 620e-6, 640e-6, 660e-6} == set(thresholds("adc", 40e-6, 620e-6))
    assert {0.2, 0.3, 0.4} <= set(thresholds("rcbf", 0.1))
    assert {1.4, 1.45, 1.5, 1.6} <= set(thresholds("rmtt", 0.1))


# --- a study's own criteria ------------------------------------------------------------------------------

OWN = {
    "title": "Mine",
    "doi": "none",
    "classes": [{"name": "severe", "all": ["hir >= 0.4", "tmax6_ml > core_ml"]}],
    "otherwise": "mild",
}


def test_a_study_adds_its_own() -> None:
    catalogue = read_criteria(CATALOGUE_FILE, {"mine": OWN}, SCHEMA)
    assert list(catalogue) == [*CATALOGUE, "mine"]
    assert classify(catalogue["mine"], patient(tmax10_ml=36.0)) == ("severe", [])
    assert classify(catalogue["mine"], patient(tmax10_ml=35.9)) == ("mild", [])
    # without a deficit the ratio of intensities has no value, and satisfies no rule
    assert classify(catalogue["mine"], patient(tmax6_ml=0.0, tmax10_ml=0.0)) == ("mild", [])


def bad(**changed: Any) -> dict[str, Any]:
    return OWN | changed


def ruled(rule: str) -> dict[str, Any]:
    return bad(classes=[{"name": "a", "any": [rule]}])


@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        ("mine", ruled("core_ml => 70"), "criteria.mine.classes.0.any.0: 'core_ml => 70' is no rule"),
        ("mine", ruled("corr_ml < 70"), "names corr_ml, which is not known"),
        ("mine", ruled("core_ml < tmax5_ml"), "names tmax5_ml, which is not known"),
        ("mine", bad(classes=[{"name": "a"}]), "criteria.mine.classes.0: {'name': 'a'} should have a name"),
        ("mine", bad(classes=[{"name": "a", "all": []}]), "criteria.mine.classes.0.all: [] should hold a rule"),
        (
            "mine",
            bad(classes=[{"name": "a", "all": [70]}]),
            "criteria.mine.classes.0.all.0: 70 should be of type string",
        ),
        ("mine", bad(classes=[{"name": "a", "all": "hir > 1"}]), "classes.0.all: 'hir > 1' should be of type array"),
        ("mine", bad(classes=[{"name": 1, "all": ["hir > 1"]}]), "classes.0.name: 1 should be of type string"),
        ("mine", bad(otherwise=0), "criteria.mine.otherwise: 0 should be of type string"),
        ("mine", "severe", "criteria.mine: 'severe' should be of type object"),
        ("mine", ruled("hir > core_ml + 5"), "is no rule; write a quantity"),
        ("mine", bad(classes=[]), "criteria.mine.classes: [] should hold a class"),
        ("mine", bad(tilte="x"), "criteria.mine.tilte: unknown key; did you mean title?"),
        ("mine", bad(deficit="tmax5_ml"), "criteria.mine.deficit: tmax5_ml is no volume known here"),
        ("mine", {"title": "Mine"}, "criteria.mine: 'doi' is a required property"),
        ("mine", bad(doi="Lancet 2012"), "should be a DOI"),
        ("core_ml", OWN, "criteria.core_ml: a column of the tables has this name already"),
    ],
)
def test_a_bad_one_is_refused_with_its_key_and_reason(name: str, entry: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match="criteria cannot be used") as caught:
        read_criteria(CATALOGUE_FILE, {name: entry}, SCHEMA, taken=["core_ml"])
    assert said in str(caught.value)


def test_the_line_of_a_fault_is_named(tmp_path: Path) -> None:
    import yaml

    study = tmp_path / "study.yaml"
    study.write_text(
        "bids_dir: x\ncriteria:\n  mine:\n    title: Mine\n    doi: none\n    classes:\n"
        "      - name: a\n        any:\n          - hir > 1\n          - hir ? 2\n    otherwise: b\n",
        encoding="utf-8",
    )
    own = yaml.safe_load(study.read_text(encoding="utf-8"))["criteria"]
    with pytest.raises(ConfigError, match=r"study\.yaml, line 10: criteria\.mine\.classes\.0\.any\.1: 'hir \? 2'"):
        read_criteria(CATALOGUE_FILE, own, SCHEMA, written_in=[ROOT / "config" / "config.yaml", study])


def test_rules_are_read_whole() -> None:
    assert parse_rule(" core_ml<=70.5 ").limit == 70.5
    assert parse_rule("post_core_ml <= core_ml").names == ("post_core_ml", "core_ml")
    for text in (
        "core_ml < 70 mL",
        "core_ml == 70",
        "70 > core_ml",
        "core_ml <",
        "core_ml < -5",
        "core_ml < nan",
    ):
        with pytest.raises(ValueError, match=r"no rule|not known"):
            parse_rule(text)


def test_the_catalogue_says_every_quantity() -> None:
    text = CATALOGUE_FILE.read_text(encoding="utf-8").split("generic:")[0]
    assert [name for name in QUANTITIES if name not in text] == []
    assert set(VOLUMES) <= set(QUANTITIES)
