"""What a run does before its first job: the study, the results' folder, and what left them."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from reperfuse.study import results, start, summary
from reperfuse.study.manifest import StudyError
from reperfuse.study.settings import complete
from studies import GOOD, Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    made = Study(tmp_path / "study")
    for subject in ("01", "02"):
        for session in ("baseline", "post"):
            made.dsc(subject, session, GOOD)
    return made


def configured(study: Study, **settings: Any) -> dict[str, Any]:
    config = {"bids_dir": str(study.root), "output_dir": str(study.root.parent / "out"), **settings}
    complete(config, [])
    return config


def begin(config: dict[str, Any], *, asks: bool = False, is_demo: bool = False) -> Any:
    results._CLAIMS.clear()
    return start.begin(config, is_demo=is_demo, cores=1, asks=asks, has_records=True)


def page(out: Path, subject: str, *sessions: str) -> None:
    (out / f"sub-{subject}.html").write_text("a page")
    for session in sessions:
        (out / f"sub-{subject}" / f"ses-{session}" / "perf").mkdir(parents=True)
    (out / ".snakemake").mkdir(exist_ok=True)


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        ("snakemake --cores all", False),
        ("snakemake -n", True),
        ("snakemake --list-rules", True),
        ("snakemake --list", True),
        ("snakemake --dag=dot", True),
        ("snakemake --cores 1 --summary", True),
        ("snakemake --cores 1 --config bids_dir=n", False),
    ],
)
def test_what_only_asks(line: str, asks: bool) -> None:
    assert start.only_asks(line.split()) is asks


def test_a_run_that_only_asks_writes_nothing(study: Study) -> None:
    config = configured(study)
    before = sorted(study.root.parent.rglob("*"))
    assert begin(config, asks=True).sessions
    assert sorted(study.root.parent.rglob("*")) == before
    assert begin(config).sessions
    assert (Path(config["output_dir"]) / "logs" / "manifest.tsv").is_file()


def test_the_demo_is_not_simulated_for_a_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config: dict[str, Any] = {"bids_dir": str(tmp_path / "demo")}
    complete(config, [])
    manifest = begin(config, asks=True, is_demo=True)
    assert {label: len(sessions) for label, sessions in manifest.sessions.items()} == {"01": 3, "02": 3, "03": 3}
    assert "does not exist yet: a run simulates it first (3 patients, about a minute)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_is_in_a_folder_of_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out, elsewhere = tmp_path / "out", tmp_path / "temporary"
    for folder in ("sub-01", "logs", ".snakemake/metadata", ".snakemake/iocache"):
        (out / folder).mkdir(parents=True)
    (out / "sub-01.html").write_text("a page")
    os.utime(out / "sub-01.html", (10, 20))
    start.enter(out, elsewhere, is_dry=True)
    assert Path.cwd() == elsewhere / "results"
    assert {str(path) for path in Path().rglob("*")} >= {"sub-01", "sub-01.html", "logs", ".snakemake/metadata"}
    assert not Path(".snakemake/iocache").exists()
    assert Path("sub-01.html").lstat().st_mtime == 20
    monkeypatch.chdir(tmp_path)
    start.enter(out, elsewhere, is_dry=False)
    assert Path.cwd() == out


def test_a_dry_run_needs_no_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    start.enter(tmp_path / "out", tmp_path / "temporary", is_dry=True)
    assert [path.name for path in Path().iterdir()] == [".snakemake"]
    assert not (tmp_path / "out").exists()


def test_results_without_records_are_refused(study: Study) -> None:
    config = configured(study)
    out = Path(config["output_dir"])
    begin(config)
    page(out, "01", "baseline")
    (out / ".snakemake").rmdir()
    with pytest.raises(StudyError, match="without the records of how they were made"):
        begin(config)
    (out / ".snakemake").mkdir()
    begin(config)


def test_what_left_the_study_leaves_the_results(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(study, participants=["01"])
    out = Path(config["output_dir"])
    begin(config)
    page(out, "01", "baseline", "late")
    page(out, "02", "baseline")
    page(out, "03", "baseline")
    begin(config)
    said = capsys.readouterr().err
    assert "sub-03 is no longer in the study" in said
    assert "sub-01/ses-late is no longer in the study" in said
    # one that the settings leave out is in the study
    assert {path.name for path in out.glob("sub-*.html")} == {"sub-01.html", "sub-02.html"}
    assert (out / "sub-01" / "ses-baseline").is_dir()
    assert not (out / "sub-01" / "ses-late").exists()
    assert (out / "removed" / "sub-03.html").read_text() == "a page"
    assert results.removed(out, study.root) == ["sub-01/ses-late", "sub-03"]
    # it leaves a second time
    page(out, "03", "post")
    begin(config)
    assert {path.name for path in (out / "removed" / "sub-03").iterdir()} == {"ses-post"}
    # and is back
    study.dsc("03", "baseline", GOOD)
    begin(config)
    assert results.removed(out, study.root) == ["sub-01/ses-late", "sub-03/ses-post"]


def test_a_study_without_sessions_keeps_its_results(tmp_path: Path) -> None:
    study = Study(tmp_path / "study")
    study.add("sub-01/perf/sub-01_dsc.nii.gz", GOOD, frames=20)
    config = configured(study)
    begin(config)
    page(Path(config["output_dir"]), "01", "baseline")
    begin(config)
    assert results.removed(Path(config["output_dir"]), study.root) == []


def test_a_patient_in_whom_the_program_failed_is_computed_anew(study: Study) -> None:
    config = configured(study)
    out = Path(config["output_dir"])
    begin(config)
    page(out, "01", "baseline")
    page(out, "02", "baseline")
    results.note_crash(out, "sub-01_ses-baseline_compute_adc", "sub-01 ses-baseline: internal error (KeyError)")
    results.note_crash(out, "sub-01_ses-post_segment_core", "sub-01 ses-post: internal error (TypeError)")
    assert results.crashes(out) == [
        "sub-01 ses-baseline: internal error (KeyError)",
        "sub-01 ses-post: internal error (TypeError)",
    ]
    begin(config, asks=True)
    assert (out / "sub-01").is_dir()
    begin(config)
    assert results.crashes(out) == []
    assert not (out / "sub-01").exists()
    assert not (out / "sub-01.html").exists()
    assert (out / "sub-02" / "ses-baseline").is_dir()


def test_a_stop_is_noticed_and_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    before = signal.signal(signal.SIGINT, signal.default_int_handler), signal.set_wakeup_fd(-1)
    try:
        was_stopped = start.watch_for_stop()
        assert not was_stopped()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert was_stopped()
        assert was_stopped(), "it is so ever after"
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.set_wakeup_fd(before[1])
    for fault in (KeyboardInterrupt(), ValueError("another")):
        sys.excepthook(type(fault), fault, None)
    assert capsys.readouterr().err == f"{summary.STOPPED}\nValueError: another\n"


def test_a_signal_that_is_ignored_is_no_stop() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.set_wakeup_fd(-1)
    try:
        was_stopped = start.watch_for_stop()
        signal.raise_signal(signal.SIGINT)
        assert not was_stopped()
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.set_wakeup_fd(before[1])
