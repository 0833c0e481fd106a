"""What the documentation names is there."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from damages.faults_page import page
from reperfuse.study.names import RESULTS
from reperfuse.study.options import REFLOW_PRESETS
from reperfuse.study.yaml_lines import read_yaml

DOCS = Path(__file__).parents[2] / "docs"
TABLE = (DOCS / "methods.md").read_text(encoding="utf-8").partition("Where each equation stands")[2].partition("## ")[0]
ROWS = [row for row in TABLE.splitlines() if row.startswith("| ") and ".py" in row]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0])
def test_an_equation_is_one_hop_away(row: str) -> None:
    _, where, functions = row.strip("| ").split(" | ")
    modules = [import_module("reperfuse." + path.replace("/", ".")) for path in re.findall(r"`([\w/]+)\.py`", where)]
    assert modules
    for function in re.findall(r"`(\w+)`", functions):
        assert any(hasattr(module, function) for module in modules), function


def test_an_estimate_is_where_its_page_says() -> None:
    lines = (DOCS / "statistics.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ")[-2:] for line in lines if line.startswith("| ") and ".py` |" in line]
    assert len(rows) > 10
    for where, functions in rows:
        module = import_module(f"reperfuse.analysis.estimates.{where.strip('`').removesuffix('.py')}")
        for function in re.findall(r"`(\w+)`", functions):
            assert hasattr(module, function), function


@pytest.mark.parametrize("name", [name for name, result in RESULTS.items() if result.delivered])
def test_a_delivered_result_is_described(name: str) -> None:
    outputs = (DOCS / "outputs.md").read_text(encoding="utf-8")
    ending = RESULTS[name].ending.removeprefix("space-dscref_")
    stem = re.sub(r"tmax\d+", "tmax", ending.partition(".")[0])
    assert stem in re.sub(r"tmax\d+", "tmax", outputs)


def test_the_table_of_faults_is_that_of_the_corpus() -> None:
    assert (DOCS / "faults.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(("name", "preset"), read_yaml(REFLOW_PRESETS).items(), ids=str)
def test_how_a_preset_differs_from_its_publication_is_told(name: str, preset: dict[str, str]) -> None:
    row = f"| `{name}` | {preset['title']} | {preset['min_mtici']} | {preset['differs']} |"
    assert row in (DOCS / "methods.md").read_text(encoding="utf-8").splitlines()
