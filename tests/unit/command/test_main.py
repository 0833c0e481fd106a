"""What the command makes of its words: a call of Snakemake, or a sentence and status 2."""

import json
import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import reperfuse
import yaml
from reperfuse.command import running
from reperfuse.command.main import COMMANDS, main
from reperfuse.study.options import CONFIG, ROOT
from snakemake.cli import parse_config
from studies import GOOD, Study


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Path]]:
    """The calls of Snakemake, none of which is made."""
    made: list[tuple[list[str], Path]] = []
    monkeypatch.setattr(running, "_start", lambda words, folder: made.append((words, folder)) or 0)
    monkeypatch.setattr(running, "failed_sessions", lambda _: [])
    return made


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a study: 1").mkdir()
    return "a study: 1"


def said(words: list[str]) -> dict[str, Any]:
    """Return the configuration that Snakemake reads in a call."""
    place = words.index("--config") if "--config" in words else len(words)
    return dict(parse_config(words[place + 1 :]))


def test_a_run_is_a_call_of_snakemake_with_the_shipped_workflow(calls: list[Any], study: str) -> None:
    assert main(["run", study]) == 0
    ((words, folder),) = calls
    assert words[:4] == [sys.executable, "-P", "-m", "snakemake"]
    assert words[4:10] == [
        *("--snakefile", str(ROOT / "Snakefile")),
        *("--workflow-profile", str(ROOT / "profiles" / "default")),
        *("--cores", "all"),
    ]
    assert said(words) == {"bids_dir": study}
    assert folder == Path.cwd()


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        (["--participant-label", "01", "sub-2"], "participants", ["01", "sub-2"]),
        (["--participant_label", "01", "--participant-label=1e3"], "participants", ["01", "1e3"]),
        (["--exclude-participant-label", "010"], "exclude_participants", ["010"]),
        (["--exclude_participant_label", "010"], "exclude_participants", ["010"]),
        (["--session-label", "day0", "00"], "include_sessions", ["day0", "00"]),
        (["--session_label=day0"], "include_sessions", ["day0"]),
    ],
)
@pytest.mark.parametrize("as_app", [True, False])
def test_labels_reach_the_workflow_as_they_are_written(
    calls: list[Any], study: str, given: list[str], key: str, value: list[str], as_app: bool
) -> None:
    assert main([study, "out", "participant", *given] if as_app else ["run", study, "out", *given]) == 0
    assert said(calls[0][0]) == {"bids_dir": study, "output_dir": "out", key: value}


@pytest.mark.parametrize("path", ["a: b", "a #b", "it's", 'a "b"', "Stüdie 1", "123", "true", "-", "'quoted'", "[1]"])
def test_a_path_is_that_path_to_snakemake(calls: list[Any], study: str, path: str) -> None:
    assert main(["run", study, path] if path != "-" else ["run", study, "./-"]) == 0
    assert said(calls[0][0])["output_dir"] == (path if path != "-" else "./-")


@pytest.mark.parametrize(("level", "rule"), [("participant", "participants"), ("group", "group")])
def test_a_level_of_a_bids_app_is_a_rule(calls: list[Any], study: str, level: str, rule: str) -> None:
    assert main([study, "out", level, "--skip_bids_validator", "--n_cpus", "3"]) == 0
    words = calls[0][0]
    assert words[4] == rule
    assert f"rule {rule}:" in (ROOT / "Snakefile").read_text()
    assert words[words.index("--cores") + 1] == "3"


@pytest.mark.parametrize(
    ("name", "profiles", "workflow"),
    [
        ("slurm", [str(ROOT / "profiles" / "slurm")], "default"),
        ("cluster-generic", [str(ROOT / "profiles" / "slurm")], "cluster-generic"),
        ("mine", ["mine"], "default"),
    ],
)
def test_a_profile_says_where_jobs_run(
    calls: list[Any], study: str, name: str, profiles: list[str], workflow: str
) -> None:
    main(["run", study, "--profile", name])
    words = calls[0][0]
    assert words[words.index("--profile") + 1 :][:1] == profiles
    folder = Path(words[words.index("--workflow-profile") + 1])
    assert folder == ROOT / "profiles" / workflow
    assert (folder / "profile.yaml").is_file()
    assert "--cores" not in words  # the profile's
    main(["run", study, "--profile", name, "--cores", "2"])
    assert calls[1][0][calls[1][0].index("--cores") + 1] == "2"


def test_what_follows_two_hyphens_is_for_snakemake(calls: list[Any], study: str) -> None:
    settings = ["--config", "core={adc_threshold: 6e-4}", "group_over=complete"]
    main(["run", study, "-n", "--", "--until", "measure_core", *settings, "--forceall"])
    words = calls[0][0]
    assert words[words.index("--until") :][:3] == ["--until", "measure_core", "--forceall"]
    assert "--dry-run" in words
    assert words.count("--config") == 1  # of two, Snakemake would take the last and compute the demo
    assert said(words) == {"bids_dir": study, "core": {"adc_threshold": "6e-4"}, "group_over": "complete"}


def test_a_file_of_settings_is_named_to_snakemake_and_options_override_it(calls: list[Any], study: str) -> None:
    Path("study.yaml").write_text("bids_dir: elsewhere\nparticipants: [01]\n")
    main(["run", study, "--config-file", "study.yaml"])
    words = calls[0][0]
    assert words[words.index("--configfile") + 1] == "study.yaml"
    assert said(words) == {"bids_dir": study}


def test_the_demo_runs_in_its_folder(calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    assert main(["demo", "new folder", "--cores", "1"]) == 0
    assert [folder for _, folder in calls] == [tmp_path, tmp_path / "new folder"]
    assert all(said(words) == {} for words, _ in calls)
    assert main(["demo", "other", "-n"]) == 2
    assert not Path("other").exists()


def test_the_study_may_be_named_in_the_file_of_settings_alone(
    calls: list[Any], study: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path("own.yaml")
    file.write_text("core: {min_volume_ml: 1}\n")
    for words in (["run"], ["run", "--config-file", str(file)]):
        assert main(words) == 2
        assert "name the folder of the study" in capsys.readouterr().err
    assert not calls
    file.write_text(f"bids_dir: {study!r}\n")
    assert main(["run", "--config-file", str(file)]) == 0
    (call,) = calls
    assert "bids_dir" not in str(call)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "the following arguments are required: <command>"),
        (["rnu", "x"], "there is no command and no folder rnu; the commands are run, check, init, demo, simulate"),
        (["run", "{}", "out", "--participants", "01"], "unrecognized arguments: --participants"),
        (
            ["run", "{}", "out", "--config", "a=1"],
            "--config a=1; --help lists the options, and those of Snakemake follow",
        ),
        (["run", "{}", "--cores", "0"], "0 is no number of cores, nor all"),
        (["run", "{}", "--config-file", "no.yaml"], "there is no file no.yaml"),
        (["{}", "out"], "the following arguments are required: level"),
        (["{}", "out", "session"], "invalid choice: 'session'"),
        (["simulate", "new", "--", "-n"], "simulate does not start Snakemake, so it takes nothing after --"),
    ],
)
def test_words_that_cannot_be_understood_are_named(
    calls: list[Any], study: str, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([word.format(study) for word in words])
    assert stop.value.code == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not calls


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("core: {adc_treshold: 6e-4}", "core.adc_treshold: unknown key; did you mean adc_threshold?"),
        ("core: [", "study.yaml cannot be read as YAML: while parsing"),
        ("- core", "study.yaml holds no settings"),
        ("\xff", "study.yaml cannot be read as YAML: 'utf-8'"),
    ],
)
def test_settings_that_cannot_be_used_are_named_before_snakemake_starts(
    calls: list[Any], study: str, capsys: pytest.CaptureFixture[str], text: str, sentence: str
) -> None:
    Path("study.yaml").write_text(text, encoding="latin-1")
    assert main(["run", study, "--config-file", "study.yaml"]) == 2
    assert sentence in capsys.readouterr().err
    assert not calls


def test_an_empty_file_of_settings_changes_nothing(calls: list[Any], study: str) -> None:
    Path("study.yaml").write_text("# later\n")
    assert main(["run", study, "--config-file", "study.yaml"]) == 0
    assert len(calls) == 1


def test_help_names_every_setting_with_its_comment(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["run", "--help"], [str(ROOT), "out", "participant", "--help"]):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 0
        assert CONFIG.read_text(encoding="utf-8") in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version"]])
def test_help_and_version_are_quick(words: list[str]) -> None:
    ask = "import sys; from reperfuse.command.main import main\ntry: main(sys.argv[1:])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask, *words], capture_output=True, text=True, check=True)
    *lines, modules = done.stdout.splitlines()
    assert not {"numpy", "nibabel", "nipype", "snakemake", "yaml"} & set(modules.split())
    text = "\n".join(lines)
    assert (
        text == f"reperfuse {reperfuse.__version__}"
        if words == ["--version"]
        else all(re.search(rf"^    {name} ", text, re.MULTILINE) for name in COMMANDS)
    )


@pytest.mark.parametrize("name", ["check", "init"])
def test_a_command_is_a_module_of_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType(f"reperfuse.command.{name}")
    module.add_arguments = lambda parser: parser.add_argument("bids_dir")  # type: ignore[attr-defined]
    module.run = lambda arguments: {"here": 0, "there": 1}[arguments.bids_dir]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, f"reperfuse.command.{name}", module)
    assert main([name, "here"]) == 0
    assert main([name, "there"]) == 1


def measured(out: Path, study: Study, **states: str) -> None:
    """Write what a run leaves of its sessions."""
    (out / "logs").mkdir(parents=True)
    study.index().write(out / "logs" / "manifest.tsv")
    for session, status in states.items():
        folder = out / "sub-01" / f"ses-{session}"
        folder.mkdir(parents=True)
        (folder / f"sub-01_ses-{session}_measures.json").write_text(json.dumps({"Row": {"status": status}}))


@pytest.mark.parametrize(("status", "ended"), [("ok", 0), ("warn", 0), ("failed", 1)])
def test_a_failed_session_of_this_run_gives_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: str, ended: int
) -> None:
    study = Study(tmp_path / "study")
    for session in ("baseline", "post"):
        study.dsc("01", session, GOOD)
    out = tmp_path / "out"
    measured(out, study, baseline="ok", post=status, followup="failed")  # the last is of an earlier run
    monkeypatch.setattr(running, "_start", lambda *_: 0)
    assert main(["run", str(study.root), str(out)]) == ended
    assert ("sub-01 ses-post" in capsys.readouterr().err) is (ended == 1)
    for question in (["-n"], ["--", "-n"], ["--", "--lint"]):
        assert main(["run", str(study.root), str(out), *question]) == 0
    assert main(["run", str(study.root), str(tmp_path / "nothing yet"), "--", "--version"]) == 0


@pytest.mark.parametrize("status", [1, 2])
def test_the_status_of_snakemake_is_that_of_the_command(
    monkeypatch: pytest.MonkeyPatch, study: str, status: int
) -> None:
    monkeypatch.setattr(running, "_start", lambda *_: status)
    assert main(["run", study]) == status


def test_snakemake_keeps_no_records_in_the_study(monkeypatch: pytest.MonkeyPatch, study: str, tmp_path: Path) -> None:
    records, out = tmp_path / study / ".snakemake", tmp_path / "out" / ".snakemake" / "log"

    def start(*_: Any) -> int:
        (records / "log").mkdir(parents=True, exist_ok=True)
        (records / "log" / "new.log").write_text("x")
        return 2

    monkeypatch.setattr(running, "_start", start)
    monkeypatch.chdir(study)
    assert main(["run", ".", "../out"]) == 2
    assert not records.exists()
    # what another workflow keeps there stays
    (records / "log").mkdir(parents=True)
    (records / "log" / "own.log").write_text("x")
    out.parent.mkdir(parents=True)
    main(["run", ".", "../out"])
    assert [path.name for path in (records / "log").iterdir()] == ["own.log"]
    assert (out / "new.log").is_file()


_READY = "import os; print(os.getpid(), flush=True)\n"
_WAITS = "import signal, time\ntry: time.sleep(60)\nexcept KeyboardInterrupt: raise SystemExit(1)"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_stops_the_command_stops_snakemake(tmp_path: Path, number: int, status: int) -> None:
    ask = "import sys; from reperfuse.command.running import _start; from pathlib import Path\n"
    ask += f"sys.exit(_start([sys.executable, '-c', {_READY + _WAITS!r}], Path()))"
    command = subprocess.Popen([sys.executable, "-c", ask], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    assert command.stdout is not None
    child = int(command.stdout.readline())
    command.send_signal(number)
    assert command.wait(20) == status
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_simulated_study_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from reperfuse.simulation import study as simulation

    real = simulation.simulate_study
    monkeypatch.setattr(simulation, "simulate_study", lambda folder, **_: real(folder, [], simulation.TINY))
    assert main(["simulate", str(tmp_path / "new")]) == 0
    assert (tmp_path / "new" / "dataset_description.json").is_file()
    assert main(["simulate", str(tmp_path / "new")]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_the_default_settings_are_a_file_of_settings() -> None:
    assert isinstance(yaml.safe_load(CONFIG.read_text(encoding="utf-8")), dict)
