"""Each criterion at and around its thresholds, with values missing, and how firmly its class holds."""

import math

import pytest
from reperfuse.mismatch.criteria import QUANTITIES, VOLUMES, Rule, classify, needs, parse_rule
from trials import CATALOGUE, CATALOGUE_FILE, TARGET, patient


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
    # low flow by ASL, with the limits of DEFUSE 3
    ("asl2023", {}, "target"),
    ("asl2023", {"core_ml": 69.9, "lowflow40_ml": 180}, "target"),
    ("asl2023", {"core_ml": 70, "lowflow40_ml": 180}, "none"),
    ("asl2023", {"core_ml": 70.1, "lowflow40_ml": 180}, "none"),
    ("asl2023", {"core_ml": 50, "lowflow40_ml": 90}, "target"),
    ("asl2023", {"core_ml": 50, "lowflow40_ml": 90.1}, "target"),
    ("asl2023", {"core_ml": 50, "lowflow40_ml": 89.9}, "none"),
    ("asl2023", {"core_ml": 5, "lowflow40_ml": 20}, "target"),
    ("asl2023", {"core_ml": 5, "lowflow40_ml": 20.1}, "target"),
    ("asl2023", {"core_ml": 5, "lowflow40_ml": 19.9}, "none"),
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
        with pytest.raises(ValueError, match=r"no rule|no known quantity"):
            parse_rule(text)


def test_a_criterion_may_ask_for_the_intensity_ratio() -> None:
    criterion = {"classes": [{"name": "severe", "any": ["hir >= 0.4"]}], "otherwise": "mild"}
    assert needs(criterion) == ["tmax6_ml", "tmax10_ml"]
    assert classify(criterion, {"tmax6_ml": 90, "tmax10_ml": 36}) == ("severe", [])
    assert classify(criterion, {"tmax6_ml": 90, "tmax10_ml": 35.9}) == ("mild", [])
    assert classify(criterion, {"tmax6_ml": 0, "tmax10_ml": 0}) == ("mild", [])
    assert classify(criterion, {"tmax6_ml": 90}) == (None, ["tmax10_ml"])


def test_a_rule_of_an_unknown_quantity_is_told_what_there_is() -> None:
    with pytest.raises(
        ValueError, match=r"^'core < 70' names core, which is no known quantity; .* core_ml, tmax2_ml, "
    ):
        parse_rule("core < 70")


def test_the_catalogue_says_every_quantity() -> None:
    text = CATALOGUE_FILE.read_text(encoding="utf-8").split("generic:")[0]
    assert [name for name in QUANTITIES if name not in text] == []
    assert set(VOLUMES) <= set(QUANTITIES)
