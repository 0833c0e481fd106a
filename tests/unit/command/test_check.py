"""``reperfuse check`` prints what is known of a study, and writes nothing."""

from argparse import ArgumentParser
from pathlib import Path

import pytest
from reperfuse.command import check
from studies import GOOD, Study


def checked(*words: str) -> int:
    parser = ArgumentParser()
    check.add_arguments(parser)
    return check.run(parser.parse_args(words))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = Study(tmp_path / "study")
    for session in ("baseline", "post"):
        made.dsc("01", session, GOOD)
    return made


def test_a_study(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(study.root.parent.rglob("*"))
    assert checked(str(study.root)) == 0
    assert "  reperfusion           1\n" in capsys.readouterr().out
    assert sorted(study.root.parent.rglob("*")) == before


def test_nothing_can_be_computed(tmp_path: Path) -> None:
    study = Study(tmp_path / "study")
    study.dsc("01", "baseline", {})
    assert checked(str(study.root)) == 1


def test_the_config_names_the_study(
    study: Study, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study.root.parent)
    Path("study.yaml").write_text("bids_dir: study\nsessions: {baseline: post, post: baseline}\n")
    assert checked("--config-file", "study.yaml") == 0
    assert "sessions  baseline 1 (post), post 1 (baseline)" in capsys.readouterr().out
    assert checked("elsewhere", "--config-file", "study.yaml") == 2
    assert f"there is no folder {study.root.parent / 'elsewhere'}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("sesions: {}", "sesions: unknown key; did you mean sessions?"),
        ("columns: {age: Alter}", "columns.age: the study's tables have no column Alter; they have none"),
        ("analysis: {profile: nobody}", "analysis.profile: there is no criterion nobody"),
        ("criteria: {mine: {title: x}}", "the criteria cannot be used"),
        ("[", "study.yaml cannot be read as YAML"),
        ("- 1", "study.yaml holds no settings"),
        ("participants: [x]", "participants: x is not in the study"),
    ],
)
def test_a_config_that_cannot_be_used(study: Study, capsys: pytest.CaptureFixture[str], config: str, said: str) -> None:
    file = study.root.parent / "study.yaml"
    file.write_text(config)
    assert checked(str(study.root), "--config-file", str(file)) == 2
    assert said in capsys.readouterr().err


def test_tables_of_an_earlier_run(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).parents[3] / "config" / "examples" / "cohort"
    file = study.root.parent / "study.yaml"
    file.write_text(f"group_tables: {example}/derivatives/reperfuse/group")
    assert checked(str(example), "--config-file", str(file)) == 0
    assert "only the analysis is made" in capsys.readouterr().out
    file.write_text(f"group_tables: {example}")
    assert checked(str(example), "--config-file", str(file)) == 2
    assert "has no sessions.tsv, patients.tsv" in capsys.readouterr().err


def test_what_cannot_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked() == 2
    assert "name the folder of the study" in capsys.readouterr().err
    (tmp_path / "own.yaml").write_text("core: {min_volume_ml: 1}")
    assert checked("--config-file", str(tmp_path / "own.yaml")) == 2
    assert "name the folder of the study" in capsys.readouterr().err
    (tmp_path / "own.yaml").unlink()
    with pytest.raises(SystemExit) as ended:
        checked("--config-file", str(tmp_path / "none.yaml"))
    assert ended.value.code == 2
    assert "there is no file" in capsys.readouterr().err
    assert checked(str(tmp_path)) == 2
    assert "is empty; name the folder" in capsys.readouterr().err
