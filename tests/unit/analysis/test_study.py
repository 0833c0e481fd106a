"""The analysis of a whole study: the example cohort, and cohorts that allow little."""

import math
from pathlib import Path
from typing import Any

import pytest
from reperfuse import interfaces
from reperfuse.analysis import study
from reperfuse.analysis.paper import Choices
from reperfuse.files.sidecars import read_sidecar
from reperfuse.files.tables import read_rows, table_text
from reperfuse.reports.statistics import read_statistics, rounded, written_p
from reperfuse.study import options
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.dictionaries import table_dictionaries
from reperfuse.study.yaml_lines import read_yaml

pytestmark = pytest.mark.xdist_group("example")

EXAMPLE = options.ROOT / "config" / "examples" / "cohort"
TABLES = EXAMPLE / "derivatives" / "reperfuse" / "group"
CONFIG = read_yaml(options.CONFIG)
DEFINITIONS = options.read_definitions(options.REFLOW_PRESETS, CONFIG["imr"])
DICTIONARIES = table_dictionaries(options.TABLES, read_yaml(options.CRITERIA), DEFINITIONS, has_late=True)


def analyze(
    folder: Path,
    tables: Path = TABLES,
    people: Path = EXAMPLE / "participants.tsv",
    ratings: Any = (),
    unused: Any = (),
    **choices: Any,
) -> Path:
    """Run the step in a folder, as the rule does."""
    interfaces.AnalyzeStudy(
        **{name: str(tables / f"{name}.tsv") for name in ("sessions", "patients", "reflow")},
        people=[str(people)],
        dictionaries=DICTIONARIES,
        statistics=read_yaml(options.STATISTICS),
        columns=CONFIG["columns"],
        choices=CONFIG["analysis"] | choices,
        definition=DEFINITIONS["valls2025"] | {"name": "valls2025"},
        presets=DEFINITIONS,
        methods=CONFIG,
        ratings=list(ratings),
        unused_ratings=list(unused),
    ).run(cwd=folder)
    return folder


def made(folder: Path, name: str) -> Path:
    (found,) = folder.glob(f"*{name}")
    return found


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return analyze(tmp_path_factory.mktemp("example"))


def test_the_example_has_every_table_and_figure(example: Path) -> None:
    tables, figures = made(example, "tables"), made(example, "figures")
    about = read_yaml(options.STATISTICS)
    assert {path.stem for path in tables.glob("*.tsv")} == set(about)
    empty = {path.stem for path in tables.glob("*.tsv") if not read_rows(path)}
    assert empty == {"not_done"}
    assert len(list(figures.glob("*.svg"))) == len(list(figures.glob("*.png"))) == 10
    for path in tables.glob("*.tsv"):
        head = path.read_text(encoding="utf-8").partition("\n")[0].split("\t")
        assert head == list(about[path.stem]["columns"])
        assert set(head) <= set(read_sidecar(path))


def test_the_analysis_table_is_a_row_a_patient(example: Path) -> None:
    rows = read_rows(made(example, "analysis.tsv"))
    people = {row["participant_id"]: row for row in read_rows(EXAMPLE / "participants.tsv")}
    results = {row["participant_id"]: row for row in read_rows(TABLES / "patients.tsv")}
    assert [row["participant_id"] for row in rows] == sorted(people)
    for row in rows:
        name = row["participant_id"]
        assert row["imr_ml"] == results[name]["imr_ml"]
        assert row["nihss_day5"] == people[name]["nihss_day5"]
    assert list(rows[0]) == list(DICTIONARIES["analysis"])
    assert set(rows[0]) <= set(read_sidecar(made(example, "analysis.tsv")))


def test_the_own_definition_counts_as_the_study_does(example: Path) -> None:
    (own,) = (
        row for row in read_rows(made(example, "imr.tsv")) if row["is_preset"] == "1" and row["preset"] == "valls2025"
    )
    first = read_rows(made(example, "tables") / "frequency.tsv")[0]
    assert [own[name] for name in ("k", "n", "percent", "low", "high")] == [
        first[name] for name in ("k", "n", "percent", "low", "high")
    ]


def test_the_experts_of_the_example_are_set_against_the_automatic_lesions(example: Path) -> None:
    rows = {row["measure"]: row for row in read_rows(made(example, "tables") / "agreement.tsv")}
    experts = [row for row in read_rows(TABLES / "patients.tsv") if row["lesion_source"] == "expert"]
    assert {row["n"] for row in rows.values()} == {str(len(experts))}
    differences = [float(row["lesion_automatic_ml"]) - float(row["infarct_followup_ml"]) for row in experts]
    assert float(rows["bias, mL"]["value"]) == pytest.approx(sum(differences) / len(experts), rel=1e-5)
    assert float(rows["ICC(A,1)"]["value"]) > 0.9
    assert 0.75 < float(rows["Dice, median"]["value"]) < 0.85


def test_the_page_says_what_the_tables_say(example: Path) -> None:
    shown = read_statistics(made(example, "tables"), made(example, "figures"), DICTIONARIES["analysis"])
    by_name = {part.name: part.table for part in shown if part.table}
    assert len(by_name) == 10
    for name, table in by_name.items():
        rows = read_rows(made(example, "tables") / f"{name}.tsv")
        assert len(table.rows) == len(rows)
        for cells, row in zip(table.rows, rows, strict=True):
            text = " | ".join(cells)
            for column in ("n", "k", "events", "left_out", "beta", "odds_ratio", "value", "percent", "low", "high"):
                if row.get(column, "n/a") != "n/a":
                    assert rounded(row[column]) in text, (name, column)
            if row.get("p", "n/a") != "n/a":
                assert written_p(row["p"]) in cells
            if row.get("note", "n/a") != "n/a":
                assert row["note"] in cells
    assert sum(len(part.figures) for part in shown) == 10


@pytest.mark.slow
def test_the_same_tables_give_the_same_bytes(example: Path, tmp_path: Path) -> None:
    again = analyze(tmp_path)
    files = sorted(path.relative_to(example) for path in example.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert [path for path in files if (example / path).read_bytes() != (again / path).read_bytes()] == []


def test_the_methods_cite_what_the_bibliography_holds(example: Path) -> None:
    text = made(example, "citation.md").read_text(encoding="utf-8")
    references = made(example, "references.bib").read_text(encoding="utf-8")
    assert "Reflow was judged in" in text
    assert "@valls2025" in text
    assert "{valls2025," in references


def change(folder: Path, **columns: list[str]) -> tuple[Path, Path]:
    """Write the example's tables with as many patients as the columns have values, and those in their columns."""
    count = len(next(iter(columns.values())))
    names = [row["participant_id"] for row in read_rows(EXAMPLE / "participants.tsv")][:count]
    people = folder / "participants.tsv"
    for path in (
        EXAMPLE / "participants.tsv",
        *(TABLES / f"{name}.tsv" for name in ("patients", "sessions", "reflow")),
    ):
        rows = [row for row in read_rows(path) if row["participant_id"] in names]
        for row in rows:
            at = names.index(row["participant_id"])
            row.update({name: values[at] for name, values in columns.items() if name in row})
        head = list(read_rows(path)[0])
        (folder / path.name).write_text(table_text(head, (row.values() for row in rows)), encoding="utf-8")
    return folder, people


POOR = {
    "nobody": {"age": []},
    "one": {"age": ["70"]},
    "three": {"age": ["70", "71", "72"]},
    "one IMR+": {"imr_significant": ["1"] + ["0"] * 29, "imr_evaluable": ["1"] * 30},
    "one grade, constant covariate": {"mtici": ["3"] * 30, "nihss_baseline": ["12"] * 30, "imr_evaluable": ["1"] * 30},
    "separation": {"mrs_90d": ["5"] * 8 + ["1"] * 22, "imr_significant": ["1"] * 8 + ["0"] * 22},
    "text for numbers": {"nihss_day5": ["high"] * 30, "age": ["seventy"] * 30},
    "nobody can be judged": {"imr_evaluable": ["0"] * 30, "imr_significant": ["n/a"] * 30},
    "nobody has an outcome": {name: ["n/a"] * 30 for name in ("mrs_90d", "nihss_day5", "nihss_24h", "nihss_day30")},
    "40 % missing": {"age": ["70", "n/a", "62", "n/a", "81"] * 6, "nihss_baseline": ["n/a", "12", "9", "4", "n/a"] * 6},
}


@pytest.mark.parametrize("poor", POOR.values(), ids=POOR)
def test_what_cannot_be_estimated_says_why(tmp_path: Path, poor: dict[str, list[str]]) -> None:
    tables, people = change(tmp_path, **poor)
    paper = study.analyze(
        {name: read_rows(tables / f"{name}.tsv") for name in ("patients", "sessions", "reflow")},
        ClinicalData(people.parent),
        Choices(**CONFIG["analysis"]),
        DICTIONARIES,
        definition=DEFINITIONS["valls2025"] | {"name": "valls2025"},
        presets=DEFINITIONS,
        methods=CONFIG,
        all_enrolled=True,
    )
    for name in ("nihss", "mrs", "profile", "factors"):
        for row in paper.tables[name]:
            if not any(math.isfinite(row.get(key, math.nan)) for key in ("beta", "odds_ratio", "value")):
                assert row["note"].startswith("not estimable: "), (name, row)
                assert math.isnan(row["p"]), (name, row)
    reasons = {row["what"]: row["reason"] for row in paper.tables["not_done"]}
    assert len(paper.drawings) + sum(what.startswith("figure ") for what in reasons) == 10
    assert paper.methods.startswith("# Methods")


def test_without_a_second_measurement_there_is_no_agreement(tmp_path: Path) -> None:
    tables, people = change(tmp_path, lesion_automatic_ml=["n/a"] * 30, lesion_dice=["n/a"] * 30)
    found = made(analyze(tmp_path / "out", tables, people), "tables")
    assert read_rows(found / "agreement.tsv") == []
    reasons = {row["what"]: row["reason"] for row in read_rows(found / "not_done.tsv")}
    assert reasons["agreement"].endswith("and no lesion is an expert's with an automatic one beside it")


def test_a_person_twice_is_one_patient(tmp_path: Path) -> None:
    tables, people = change(tmp_path, age=["70"] * 12)
    first = people.read_text(encoding="utf-8").splitlines()[1]
    people.write_text(people.read_text(encoding="utf-8") + first.replace("\t70\t", "\t71\t") + "\n", encoding="utf-8")
    rows = read_rows(made(analyze(tmp_path / "out", tables, people), "analysis.tsv"))
    assert len(rows) == 12
    assert rows[0]["age"] == "n/a"  # 70 or 71: nobody knows


def test_a_rejected_patient_leaves_every_analysis(example: Path, tmp_path: Path) -> None:
    judged = [row["participant_id"] for row in read_rows(TABLES / "patients.tsv") if row["imr_evaluable"] == "1"]
    nasty = "A $x_ <b>"
    ratings = [
        {"participant_id": name, "session_id": f"ses-{session}", "rater": rater, "rating": rating, "time": ""}
        for name in judged[:12]
        for session, rater, rating in (
            ("post", nasty, "reject" if name == judged[0] else "accept"),
            ("post", "B", "accept"),
            ("baseline", "B", "doubt"),
        )
    ]
    unused = ["n/a", "ratings", "sub-01_desc-rating.tsv is empty"]
    analyze(tmp_path, ratings=ratings, unused=[unused])
    why = f"session post rejected by rater {nasty}"
    rows = {row["participant_id"]: row for row in read_rows(made(tmp_path, "analysis.tsv"))}
    before = {row["participant_id"]: row for row in read_rows(made(example, "analysis.tsv"))}
    assert rows[judged[0]]["rejected"] == why
    assert rows[judged[0]]["imr_ml"] == rows[judged[0]]["post_tmax6_ml"] == rows[judged[0]]["growth_ml"] == "n/a"
    assert {name for name in rows if rows[name] != before[name]} == {judged[0]}

    def read(folder: Path, name: str) -> list[dict[str, str]]:
        return read_rows(made(folder, "tables") / f"{name}.tsv")

    flow = [row for row in read(tmp_path, "flow") if row["step"] == "no session rejected by a rater"]
    assert [(row["analysis"], row["left_out"], row["reason"]) for row in flow] == [
        ("reflow", "1", why),
        ("growth", "1", why),
    ]
    assert int(read(tmp_path, "frequency")[0]["n"]) == int(read(example, "frequency")[0]["n"]) - 1
    own = {
        folder: next(int(row["n"]) for row in read_rows(made(folder, "imr.tsv")) if row["is_preset"] == "1")
        for folder in (example, tmp_path)
    }
    assert own[tmp_path] == own[example] - 1
    assert why in read_sidecar(made(tmp_path, "figures") / "flow.png")["AlternativeText"]
    agreement = [row for row in read(tmp_path, "agreement") if row["other"].startswith("rater")]
    assert [(row["other"], row["ours"], row["n"]) for row in agreement] == [("rater B", f"rater {nasty}", "12")] * 2
    assert {"what": "ratings", "reason": unused[2]} in read(tmp_path, "not_done")
    assert read_rows(made(tmp_path, "ratings.tsv"))[0]["time"] == "n/a"
    methods = made(tmp_path, "citation.md").read_text(encoding="utf-8")
    assert (
        f"Results of {len(rows) - 1} patients were analysed. Left out, because a reader rejected a session: 1 patient."
        in methods
    )
    assert "not estimable" not in agreement[0]["note"]
