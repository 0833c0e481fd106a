from pathlib import Path
from typing import Any

import pytest
from reperfuse.mismatch.criteria import classify
from reperfuse.study.settings import ConfigError, read_criteria
from trials import CATALOGUE, CATALOGUE_FILE, ROOT, SCHEMA, patient

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
        ("mine", ruled("corr_ml < 70"), "names corr_ml, which is no known quantity"),
        ("mine", ruled("core_ml < tmax5_ml"), "names tmax5_ml, which is no known quantity"),
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
        ("mine", bad(deficit="tmax5_ml"), "criteria.mine.deficit: tmax5_ml is not a known volume"),
        ("mine", {"title": "Mine"}, "criteria.mine: 'doi' is a required property"),
        ("mine", bad(doi="Lancet 2012"), "should be a DOI"),
        ("core_ml", OWN, "criteria.core_ml: a column of the tables already has this name"),
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
