"""The data dictionaries of the tables."""

import pytest
from reperfuse.study.dictionaries import table_dictionaries
from reperfuse.study.options import CRITERIA, REFLOW_PRESETS, TABLES, defaults, read_definitions
from reperfuse.study.yaml_lines import read_yaml

CATALOGUE = read_yaml(CRITERIA)
LATE = {
    *("imr_late_ml", "imr_late_significant", "imr_late_evaluable", "imr_late_exclusion"),
    "hours_from_treatment_late",
}


def test_a_second_scan_after_treatment_has_columns_where_the_study_has_that_role() -> None:
    without, having = (table_dictionaries(TABLES, CATALOGUE, {}, has_late=has_late) for has_late in (False, True))
    assert set(having["patients"]) - set(without["patients"]) == LATE
    of_session = {"late_" + name.removeprefix("post_") for name in without["analysis"] if name.startswith("post_")}
    assert set(having["analysis"]) - set(without["analysis"]) == LATE | of_session
    assert "late_tmax6_ml" in of_session
    assert [name for name in without["analysis"] if name in having["analysis"]] == list(without["analysis"])


@pytest.mark.parametrize("table", ["reflow", "imr"])
def test_a_definition_says_how_it_differs_from_its_publication(table: str) -> None:
    definitions = read_definitions(REFLOW_PRESETS, defaults("imr") | {"asymmetry_threshold": 0.12})
    levels = table_dictionaries(TABLES, CATALOGUE, definitions)[table]["preset"]["Levels"]
    assert list(levels) == [*read_yaml(REFLOW_PRESETS), "study"]
    assert "that a reader sees" in levels["ng2022"]
    assert levels["study"].startswith("valls2025 with asymmetry_threshold 0.12")


@pytest.mark.parametrize("table", ["sessions", "patients", "failures"])
def test_every_column_has_a_name_for_readers(table: str) -> None:
    columns = table_dictionaries(TABLES, CATALOGUE, {}, has_late=True)[table]
    names = [entry["LongName"] for entry in columns.values()]
    assert len(set(names)) == len(names)
    assert all(len(entry["LongName"]) <= 45 for column, entry in columns.items() if column not in CATALOGUE)
    if table == "sessions":
        assert columns["defuse2"]["LongName"] == CATALOGUE["defuse2"]["title"]


def test_the_analysis_says_which_session_a_column_is_of() -> None:
    columns = table_dictionaries(TABLES, CATALOGUE, {}, has_late=False)["analysis"]
    assert columns["post_tmax6_ml"]["LongName"] == "After treatment: Tmax > 6 s"
