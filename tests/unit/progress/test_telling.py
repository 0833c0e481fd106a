"""Records of Snakemake's become lines for a person; errors and warnings are kept whole."""

import io
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from snakemake.logging import LoggerManager
from snakemake.settings.enums import Quietness
from snakemake.settings.types import OutputSettings
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase
from snakemake_logger_plugin_reperfuse import LogHandler
from snakemake_logger_plugin_reperfuse.telling import Telling

MOTION = "correcting head motion of the DSC series"
BASELINE = {"subject": "01", "session": "baseline"}


def record(
    event: LogEvent | None, text: str | None = None, at_s: float = 0.0, level: int = logging.INFO, **more: Any
) -> logging.LogRecord:
    made = logging.LogRecord("snakemake.logging", level, more.pop("path", "snakemake/workflow.py"), 1, text, (), None)
    made.created = at_s
    if event is not None:
        made.event = event
    made.__dict__.update(more)
    return made


WORDS = {"correct_motion": MOTION, "extract_brain": "extracting the brain", "map_delay": "mapping delay"}


def read(patients: int = 1) -> logging.LogRecord:
    return record(None, "", words=WORDS, patients=patients)


def plan(*steps: tuple[Any, ...], group: str | None = None) -> logging.LogRecord:
    """Say which step each number is: (rule, wildcards), from number 1 on."""
    return record(None, "", steps=[(number + 1, *step, group) for number, step in enumerate(steps)])


def started(*jobs: int | str, at_s: float = 0.0) -> logging.LogRecord:
    return record(LogEvent.JOB_STARTED, "Execute jobs...", at_s=at_s, jobs=list(jobs))


def counted(**counts: int) -> logging.LogRecord:
    return record(LogEvent.RUN_INFO, "Job stats", stats=counts | {"total": sum(counts.values())})


def finished(jobid: int, at_s: float = 0.0) -> logging.LogRecord:
    return record(LogEvent.JOB_FINISHED, at_s=at_s, job_id=jobid)


def failed(jobid: int, *logs: str, indent: bool = False) -> logging.LogRecord:
    return record(LogEvent.JOB_ERROR, level=logging.ERROR, jobid=jobid, log=list(logs), indent=indent)


def told(*records: Any, is_dry: bool = False, shows_steps: bool = True) -> list[str]:
    telling = Telling(is_dry=is_dry, shows_steps=shows_steps)
    return [line for one in (read(), *records) for line in telling.lines(one)]


CORRECT = ("correct_motion", BASELINE)
DELAY = ("map_delay", BASELINE)


def test_a_finished_step_is_a_line_with_patient_session_words_and_count() -> None:
    brain = ("extract_brain", BASELINE | {"datatype": "dwi"})
    patient, study = ("map_delay", {"subject": "01"}), ("report_study", {})
    lines = told(
        plan(CORRECT, brain, patient, study, *[CORRECT] * 8),
        started(1, 2),
        *(finished(number) for number in (2, 1, 3, 4)),
    )
    assert lines == [
        "Steps to do: 12. Each has a line here when it is finished.",
        " 1 of 12  sub-01 ses-baseline  extracting the brain (dwi)",
        f" 2 of 12  sub-01 ses-baseline  {MOTION}",
        " 3 of 12  sub-01               mapping delay",
        " 4 of 12  study                report_study",
    ]


def test_the_time_left_follows_when_it_is_known_but_not_after_the_last() -> None:
    lines = told(
        plan(CORRECT, CORRECT),
        started(1, at_s=100.0),
        finished(1, at_s=280.0),
        started(2, at_s=280.0),
        finished(2, at_s=500.0),
    )
    assert lines[1].endswith(f"{MOTION}  (about 3 min left)")
    assert lines[2].endswith(MOTION)


def test_a_failed_step_says_whose_it_is_and_where_its_log_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    command = "RuleException:\nCalledProcessError in file x.smk, line 9:\nCommand ..."
    lines = told(
        plan(DELAY, CORRECT),
        started(2),
        failed(2, "logs/x.log"),
        record(LogEvent.ERROR, command, level=logging.ERROR, exception="RuleException"),
        started(2),
        finished(2),
    )
    assert lines[1:] == [
        f"FAILED  sub-01 ses-baseline  {MOTION}; see {tmp_path}/logs/x.log",
        f"trying again  sub-01 ses-baseline  {MOTION}",
        f"1 of 2  sub-01 ses-baseline  {MOTION}",
    ]


def test_a_job_of_the_cluster_is_told_once_and_its_steps_when_they_are_finished() -> None:
    group = plan(CORRECT, DELAY, group="a5f0")
    info = [{"jobid": 1, "log": ["/a"]}, {"jobid": 2, "log": ["/b"]}]
    error = record(LogEvent.GROUP_ERROR, level=logging.ERROR, groupid="x", aux_logs=["/slurm.log"], job_error_info=info)
    failures = (error, failed(1, "/a", indent=True), failed(2, "/b", indent=True))
    assert told(group, started("a5f0"), *failures, started("a5f0"), finished(1), finished(2))[1:] == [
        "submitted  sub-01 ses-baseline  2 steps as one job of the cluster",
        "FAILED  sub-01 ses-baseline  2 steps as one job of the cluster; see /slurm.log",
        "trying again  sub-01 ses-baseline  2 steps as one job of the cluster",
        f"1 of 2  sub-01 ses-baseline  {MOTION}",
        "2 of 2  sub-01 ses-baseline  mapping delay",
    ]


def test_a_stop_is_no_failure() -> None:
    lines = told(
        plan(CORRECT),
        started(1),
        record(None, "Terminating processes on user request, this might take some time."),
        record(LogEvent.ERROR, "RuleException:\nx", level=logging.ERROR, exception="RuleException"),
        failed(1, "logs/x.log"),
        record(LogEvent.ERROR, "WorkflowError:\nAt least one job did not complete successfully.", level=logging.ERROR),
    )
    assert lines[1:] == ["Stopping ..."]


@pytest.mark.parametrize(
    ("one", "is_told"),
    [
        (record(LogEvent.ERROR, "MissingInputException in rule x:\nMissing input files", level=logging.ERROR), True),
        (record(LogEvent.ERROR, "WorkflowError:\nbids_dir: there is no folder", level=logging.ERROR), True),
        (record(None, "something is odd", level=logging.WARNING), True),
        (record(None, "Nothing to be done (all requested files are present and up to date)."), True),
        (record(None, "Finished in 2 min.", path="/home/me/snakemake/Snakefile"), True),
        (record(None, "a word of the rules", path="/home/me/workflow/rules/common.smk"), True),
        (record(None, "Select jobs to execute..."), False),
        (record(LogEvent.RESOURCES_INFO, "Provided cores: 2"), False),
        (record(LogEvent.SHELLCMD, "Shell command: None"), False),
        (record(LogEvent.PROGRESS, None, done=1, total=2), False),
    ],
)
def test_errors_warnings_and_the_workflows_words_are_told_whole(one: logging.LogRecord, is_told: bool) -> None:
    assert told(one) == ([one.getMessage()] if is_told else [])


def test_a_dry_run_is_a_table_of_steps_in_words_and_the_number_of_patients() -> None:
    text = "\n".join(told(read(patients=2), counted(correct_motion=2, all=1), is_dry=True))
    assert [line.split(maxsplit=2) for line in text.splitlines()[2:6] if line] == [
        ["correct_motion", "2", MOTION],
        ["all", "1"],
        ["total", "3"],
    ]
    assert text.endswith("Steps that would run: 3. Patients of the study: 2.")


def test_a_dry_run_is_not_listed_job_by_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    for given, asked in (({Quietness.RULES}, {Quietness.RULES, Quietness.PROGRESS}), ({Quietness.HOST},) * 2):
        settings = OutputSettings(dryrun=True, quiet=given)
        LogHandler(settings, None)
        assert settings.quiet == asked


def test_a_quiet_run_tells_failures_only_and_a_quiet_dry_run_still_counts() -> None:
    assert told(plan(CORRECT), started(1), finished(1), shows_steps=False) == []
    assert len(told(plan(CORRECT), started(1), failed(1), shows_steps=False)) == 1
    assert "correct_motion" in told(counted(correct_motion=1), is_dry=True, shows_steps=False)[0]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "no_colour", "is_red"), [(Terminal, False, True), (Terminal, True, False), (io.StringIO, False, False)]
)
def test_a_failure_is_red_on_a_terminal_and_plain_in_a_log(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], no_colour: bool, is_red: bool
) -> None:
    out = stream()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    handler = LogHandler(OutputSettings(quiet={Quietness.RULES}, nocolor=no_colour), None)
    for one in (plan(CORRECT), started(1), failed(1), started(1)):
        handler.emit(one)
    assert out.getvalue().count("\033[31mFAILED") == is_red
    assert out.getvalue().count("\033") == 2 * is_red


JOB = {name: ["a/file"] for name in ("input", "output", "log")} | {
    "local": False,
    "is_checkpoint": False,
    "resources": {},
}
JOB |= {"benchmark": None, "reason": "because", "priority": 0, "threads": 1}


@pytest.mark.parametrize(
    ("settings", "said", "unsaid"),
    [
        ({"quiet": {Quietness.RULES}}, ["1 of 1", MOTION, "a warning"], ["rule x:"]),
        ({"quiet": {Quietness.RULES, Quietness.PROGRESS}}, ["a warning"], [MOTION, "rule x:"]),
        ({"quiet": {Quietness.ALL}}, [], [MOTION, "rule x:", "a warning"]),
        ({"quiet": {Quietness.HOST}}, ["rule x:", "input: a/file", "a warning"], ["1 of 1", MOTION]),
        ({"quiet": {Quietness.REASON}, "verbose": True}, ["rule x:", "input: a/file", "a warning"], ["1 of 1", MOTION]),
    ],
)
def test_how_much_is_said_is_chosen_as_in_snakemake(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], said: list[str], unsaid: list[str]
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    chosen = OutputSettings(**settings, log_handler_settings={"reperfuse": LogHandlerSettingsBase()})
    manager = LoggerManager(logging.Logger("a run"), chosen)
    job = record(LogEvent.JOB_INFO, jobid=1, rule_name="x", rule_msg=MOTION, wildcards=BASELINE, **JOB)
    warning = record(None, "a warning", level=logging.WARNING)
    for one in (read(), plan(CORRECT), started(1), job, finished(1), warning):
        manager.logger.handle(one)
    manager.stop()
    assert [words for words in said if words not in out.getvalue()] == []
    assert [words for words in unsaid if words in out.getvalue()] == []
