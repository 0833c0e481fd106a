"""What the documentation names is there."""

import re
from importlib import import_module
from pathlib import Path

import pages
import pytest
import reperfuse
from pages import files, reasons
from reperfuse import interfaces
from reperfuse.study.names import RESULTS
from reperfuse.study.options import REFLOW_PRESETS
from reperfuse.study.yaml_lines import read_yaml

DOCS = Path(__file__).parents[2] / "docs"
METHODS = (DOCS / "methods" / "index.md").read_text(encoding="utf-8")
TABLE = METHODS.partition("Where each equation stands")[2].partition("## ")[0]
ROWS = [row for row in TABLE.splitlines() if row.startswith("| ") and ".py" in row]


def test_the_equations_are_listed() -> None:
    assert len(ROWS) > 15


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split(" | ")[0])
def test_an_equation_is_one_hop_away(row: str) -> None:
    _, where, functions = row.strip("| ").split(" | ")
    modules = [import_module("reperfuse." + path.replace("/", ".")) for path in re.findall(r"`([\w/]+)\.py`", where)]
    assert modules
    for function in re.findall(r"`(\w+)`", functions):
        assert any(hasattr(module, function) for module in modules), function


def test_an_estimate_is_where_its_page_says() -> None:
    lines = (DOCS / "methods" / "statistics.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ")[-2:] for line in lines if line.startswith("| ") and ".py` |" in line]
    assert len(rows) > 10
    for where, functions in rows:
        module = import_module(f"reperfuse.analysis.estimates.{where.strip('`').removesuffix('.py')}")
        for function in re.findall(r"`(\w+)`", functions):
            assert hasattr(module, function), function


@pytest.mark.parametrize("name", pages.MADE)
def test_a_page_says_what_the_code_says(name: str) -> None:
    """Write them anew: ``PYTHONPATH=workflow:tests:docs python -m pages``."""
    assert (DOCS / name).read_text(encoding="utf-8") == pages.page(name)


def test_every_file_and_table_is_described() -> None:
    text = (DOCS / "outputs.md").read_text(encoding="utf-8")
    assert all(f"- `{result.ending}`: " in text for result in RESULTS.values())
    assert {f"columns {table}" for table in files.tables()} <= set(pages.parts("outputs.md"))


def test_every_reason_has_a_place() -> None:
    assert set(pages.parts("troubleshooting.md")) == set(reasons.SUBJECTS)
    spoken = [module for modules in reasons.SUBJECTS.values() for module in modules]
    assert len(spoken) == len(set(spoken))
    assert reasons.faulty_modules() <= {*spoken, *reasons.HANDED_ON}


def test_a_reason_is_found_however_it_is_made(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '''"""What this is about, in some words."""
LATE = "the value {} is late; ask again"
class Step:
    curve = image("a curve of the step, in s")
def judge(name, most):
    """Judge something and say so."""
    if most:
        raise DataFault(f"{name}: more than {most} mL are no lesion; draw it again")
    if name:
        raise ValueError("a fault of the program, not of the data")
    say(Source="taken from a mask of the study")
    return f"not known: {'the mask was not given to the study' if name else ''}"
''',
        encoding="utf-8",
    )
    assert list(reasons.sentences(module)) == [
        "the value … is late; ask again",
        "…: more than … mL are no lesion; draw it again",
        "not known: …",
        "the mask was not given to the study",
    ]


def test_the_api_has_every_step() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    assert re.findall(r"autoclass:: (reperfuse.interfaces.*)", text) == [
        f"{interfaces.module_of(name)}.{name}" for names in interfaces._STAGES.values() for name in names
    ]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "config/README.md"])
def test_a_page_outside_of_the_site_leads_somewhere(name: str) -> None:
    """The others are checked when the site is built."""
    page = DOCS.parent / name
    for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


def test_the_citation_is_of_this_version() -> None:
    citation = read_yaml(DOCS.parent / "CITATION.cff")
    assert citation["version"] == reperfuse.__version__
    assert f"## {citation['version']} ({citation['date-released']})" in (DOCS.parent / "CHANGELOG.md").read_text(
        "utf-8"
    )


def test_the_paper_has_the_form_that_its_journal_asks_for() -> None:
    text = (DOCS / "paper" / "paper.md").read_text(encoding="utf-8")
    body = text.split("---", 2)[2]
    assert 750 <= len(body.split()) <= 1750
    assert re.findall(r"^# (.+)$", body, re.MULTILINE) == [
        "Summary",
        "Statement of need",
        "State of the field",
        "Software design",
        "Research impact statement",
        "AI usage disclosure",
        "Acknowledgements",
        "References",
    ]
    sources = re.findall(r"^@\w+\{(\w+),", (DOCS / "paper" / "paper.bib").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"@(\w+)", body)) == set(sources)


@pytest.mark.parametrize(("name", "preset"), read_yaml(REFLOW_PRESETS).items(), ids=str)
def test_how_a_preset_differs_from_its_publication_is_told(name: str, preset: dict[str, str]) -> None:
    item = f"- **`{name}`**, mTICI {preset['min_mtici']} or better - {preset['title']} - {preset['differs']}"
    text = " ".join((DOCS / "methods" / "imr.md").read_text(encoding="utf-8").split())
    assert f"{item} - **" in text or f"{item} ## " in text


LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
PAGES = [page for folder in ("methods", "validation") for page in sorted((DOCS / folder).glob("*.md"))]


def anchors(page: Path) -> set[str]:
    """Return where a page can be linked to: its headings, as GitHub and MyST name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_links_lead_somewhere(page: Path) -> None:
    for file, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), file
        assert not anchor or anchor in anchors(there), anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.name}")
def test_each_source_is_named_and_each_name_used(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"^\[\^(\w+)\]:", text, re.M)
    assert len(named) == len(set(named))
    assert set(re.findall(r"\[\^(\w+)\](?!:)", text)) == set(named)


def test_each_page_is_on_its_list() -> None:
    for folder in ("methods", "validation"):
        listed = {file for file, _ in LINK.findall((DOCS / folder / "index.md").read_text(encoding="utf-8"))}
        assert {page.name for page in PAGES if page.parent.name == folder} - {"index.md"} <= listed


@pytest.mark.parametrize("page", sorted((DOCS / "validation").glob("*.md")), ids=lambda page: page.name)
def test_what_was_measured_is_dated_and_can_be_measured_again(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for command in re.findall(r"benchmarks/\w+\.py", text):
        assert (DOCS.parent / command).exists(), command
    if page.name not in ("index.md", "faults.md"):
        assert re.search(r"20\d\d-\d\d-\d\d", text)
        assert "version 0." in text
