"""``reperfuse init`` writes a config that finds what the default one does not."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest
from reperfuse.command import check, init
from reperfuse.study.yaml_lines import read_yaml
from studies import GOOD, Study


def called(command: Any, *words: str) -> int:
    parser = ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(words))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Two patients in whom nothing is named as the default config expects."""
    monkeypatch.chdir(tmp_path)
    made = Study(tmp_path / "a study with späces")
    for label in ("01", "02"):
        for session in ("01", "02", "03"):
            stem = f"sub-{label}_ses-{session}"
            folder = f"sub-{label}/ses-{session}"
            made.add(f"{folder}/dwi/{stem}_adc.nii.gz", {})
            if session != "03":
                made.add(f"{folder}/func/{stem}_task-dsc_bold.nii.gz", GOOD, frames=40)
                rest = {"RepetitionTime": 2.0, "EchoTime": 0.03}
                made.add(f"{folder}/func/{stem}_task-rest_bold.nii.gz", rest, frames=200, spacing_s=2.0)
        mask = f"derivatives/experts/sub-{label}/ses-03/dwi/sub-{label}_ses-03_label-L_mask.nii.gz"
        made.add(mask, {})
    (made.root / "participants.tsv").write_text(
        "participant_id\tAge\tNIHSS_adm\tNIHSS_24hr\tTICI\nsub-01\t70\t14\t5\t3\nsub-02\t60\t9\t2\t3\n"
    )
    return made


def test_what_it_writes_makes_the_study_computable(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(study.root.rglob("*"))
    assert called(check, str(study.root)) == 2
    assert "write `inputs: {dsc: {datatype: func, suffix: bold, task: dsc}}` into" in capsys.readouterr().err
    assert called(init, str(study.root)) == 0
    assert sorted(study.root.rglob("*")) == before
    capsys.readouterr()
    assert called(check, "--config-file", "study.yaml") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:5] == [
        "sessions  baseline 2 (01), post 2 (02), followup 2 (03)",
        "scans     4 DSC, 6 ADC maps",
        "given     2 lesion masks",
        "clinical  3 known columns: age, nihss_baseline, nihss_24h",
    ]
    assert [line.split()[-1] for line in lines if line.startswith(("  infarct", "  reperf", "  clinical"))] == ["2"] * 3


def test_only_what_differs_is_written(study: Study) -> None:
    called(init, str(study.root), "--output", "own.yaml")
    assert read_yaml(Path("own.yaml")) == {
        "bids_dir": str(study.root),
        "sessions": {"baseline": "01", "post": "02", "followup": "03"},
        "inputs": {
            "dsc": {"datatype": "func", "suffix": "bold", "task": "dsc"},
            "adc": {"datatype": "dwi", "suffix": "adc"},
        },
        "columns": {"nihss_baseline": "NIHSS_adm", "nihss_24h": "NIHSS_24hr"},
        "lesion_masks": str(study.root / "derivatives" / "experts"),
    }
    text = Path("own.yaml").read_text()
    assert "sessions:  # a guess by order" in text
    assert '  # mtici: "TICI"  # is it this one?' in text


def test_a_study_of_the_default_names_needs_its_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = Study(tmp_path / "study")
    study.dsc("01", "baseline", GOOD)
    (study.root / "participants.tsv").write_text("participant_id\tage\tmtici\tmRS\nsub-01\t70\t3\t2\n")
    assert called(init, "study") == 0
    assert read_yaml(Path("study.yaml")) == {"bids_dir": str(study.root)}
    assert called(check, "--config-file", "study.yaml") == 0


def test_roles_by_dates_and_a_role_that_was_not_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = Study(tmp_path / "study")
    days = {"x": "2024-01-06", "y": "2024-01-01", "z": "2024-04-01"}
    for session in days:
        study.dsc("01", session, GOOD)
    rows = [f"ses-{session}\t{day}T08:00:00" for session, day in days.items()]
    (study.root / "sub-01" / "sub-01_sessions.tsv").write_text("\n".join(["session_id\tacq_time", *rows]))
    assert called(init, "study") == 0
    assert read_yaml(Path("study.yaml"))["sessions"] == {"baseline": "y", "followup": "x"}
    text = Path("study.yaml").read_text()
    assert "a guess by dates" in text
    assert "# no role was guessed for z" in text


def test_a_study_without_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = Study(tmp_path / "study")
    study.add("sub-01/perf/sub-01_dsc.nii.gz", GOOD, frames=20)
    assert called(init, "study") == 0
    assert read_yaml(Path("study.yaml"))["role_without_session"] == "baseline"
    assert called(check, "--config-file", "study.yaml") == 0


def test_a_file_is_never_overwritten(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    Path("study.yaml").write_text("mine")
    assert called(init, str(study.root)) == 2
    assert Path("study.yaml").read_text() == "mine"
    assert "study.yaml is there already, and is not overwritten" in capsys.readouterr().err


def test_what_cannot_be_written_or_read(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(init, str(study.root), "--output", "nowhere/study.yaml") == 2
    assert "nowhere/study.yaml cannot be written" in capsys.readouterr().err
    assert called(init, "nobody") == 2
    assert "there is no folder nobody" in capsys.readouterr().err
    assert not Path("study.yaml").exists()
