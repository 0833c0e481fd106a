"""What a run tells: Snakemake's log records in, lines for a person out."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from logging import ERROR, INFO, WARNING, LogRecord
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_reperfuse.pace import Pace, in_words

#: What Snakemake says of itself and a user asks for.
_TOLD_AS_IT_IS = ("Nothing to be done",)
#: Errors that only say what the line of a failed step has said.
_SAID_BEFORE = ("At least one job did not complete successfully", "Exiting because a job execution failed")
#: How Snakemake begins to say that it was interrupted, or told to end.
_STOPPING = ("Terminating processes on user request", "Will exit after finishing currently running jobs")
#: Said where the workflow cannot: before the first step, and when it is interrupted again.
STOPPED = "Stopped."


@dataclass(frozen=True)
class Step:
    """A step of a run: the rule, what it does in words, of whom, and when it began (s)."""

    rule: str
    words: str
    whose: str
    start_s: float


class Telling:
    """Tells a run.

    Parameters
    ----------
    is_dry : bool
        Nothing is computed: the steps are counted.
    shows_steps : bool
        Each finished step has its line; else failures and the end are told only.
    """

    def __init__(self, *, is_dry: bool, shows_steps: bool) -> None:
        self._is_dry, self._shows_steps = is_dry, shows_steps
        self._counts: dict[str, int] = {}
        self._pace = Pace({})
        self._running: dict[int, Step] = {}
        self._failed: set[int] = set()
        self._done, self._width = 0, 0
        self._is_stopping = False
        self._words: dict[str, str] = {}
        self._patients: set[str] = set()

    def lines(self, record: LogRecord) -> Iterable[str]:
        """Return what a record tells, a text a line; a message of several lines is one text."""
        told = {
            LogEvent.RUN_INFO: self._planned,
            LogEvent.JOB_INFO: self._counted if self._is_dry else self._started,
            LogEvent.GROUP_INFO: self._submitted,
            LogEvent.JOB_FINISHED: self._finished,
            LogEvent.JOB_ERROR: self._failed_step,
            LogEvent.GROUP_ERROR: self._failed_group,
            LogEvent.ERROR: self._message,
            None: self._message,
        }.get(getattr(record, "event", None))
        return told(record) if told else ()

    def _planned(self, record: Any) -> Iterator[str]:
        counts = {rule: number for rule, number in record.stats.items() if rule != "total"}
        if self._is_dry:
            # Snakemake counts before it lists the steps and after; where it is told to be quiet, before only
            if self._counts or not self._shows_steps:
                yield table(counts, self._words)
                yield f"Steps that would run: {sum(counts.values())}{self._of_patients()}. Nothing was computed."
            self._counts = counts
        elif self._shows_steps:
            self._counts, self._pace = counts, Pace(counts)
            yield f"Steps to do: {sum(counts.values())}. Each has a line here when it is finished."

    def _of_patients(self) -> str:
        return f", patients: {len(self._patients)}" if self._patients else ""

    def _counted(self, record: Any) -> Iterable[str]:
        self._words.setdefault(record.rule_name, record.rule_msg or "")
        if subject := record.wildcards.get("subject"):
            self._patients.add(subject)
        return ()

    def _started(self, record: Any) -> Iterator[str]:
        step = Step(record.rule_name, in_full(record), whose(record.wildcards), record.created)
        self._running[record.jobid] = step
        self._width = max(self._width, len(step.whose))
        if record.jobid in self._failed:
            self._failed.discard(record.jobid)
            yield f"trying again  {step.whose}  {step.words}"

    def _submitted(self, record: Any) -> Iterator[str]:
        if self._shows_steps and not self._is_dry:
            names = {whose(job.wildcards_dict) for job in record.jobs}
            yield f"submitted  {common(names)}  {len(record.jobs)} steps as one job of the cluster"

    def _finished(self, record: Any) -> Iterator[str]:
        step = self._running.pop(record.job_id, None)
        if step is None or not self._shows_steps:
            return
        self._done += 1
        self._pace.add(step.rule, step.start_s, record.created)
        total = sum(self._counts.values())
        left = self._pace.left_s(record.created) if self._done < total else None
        time = "" if left is None else f"  ({in_words(left)} left)"
        yield f"{self._done:>{len(str(total))}} of {total}  {step.whose:<{self._width}}  {step.words}{time}"

    def _failed_step(self, record: Any) -> Iterator[str]:
        step = self._running.pop(record.jobid, None)
        self._failed.add(record.jobid)
        # a step that is ended by a stop has not failed; one of a group is told with the group
        if step is not None and not record.indent and not self._is_stopping:
            yield f"FAILED  {step.whose}  {step.words}{where(record.log)}"

    def _failed_group(self, record: Any) -> Iterator[str]:
        steps = [step for job in record.job_error_info if (step := self._running.get(job["jobid"]))]
        if self._is_stopping:
            return
        logs = record.aux_logs or [log for job in record.job_error_info for log in job["log"]]
        yield f"FAILED  {common({step.whose for step in steps})}  a cluster's job of {len(steps)} steps{where(logs)}"

    def _message(self, record: Any) -> Iterator[str]:
        text, exception = record.getMessage(), getattr(record, "exception", "")
        if text.startswith(_STOPPING):
            self._is_stopping = True
            yield "Stopping ..."
        elif record.levelno >= ERROR:
            is_told = any(said in text for said in _SAID_BEFORE) or "CalledProcessError in file" in text
            if not is_told and not (self._is_stopping and exception == "RuleException"):
                yield text
        elif record.levelno >= WARNING or text.startswith(_TOLD_AS_IT_IS) or is_of_workflow(record):
            yield text


def is_of_workflow(record: LogRecord) -> bool:
    """Tell whether a workflow's own files say something, not Snakemake or a plugin of it."""
    return record.levelno == INFO and record.pathname.endswith(("Snakefile", ".smk"))


def whose(wildcards: Mapping[str, str]) -> str:
    """Name the patient and session of a step, or the study."""
    names = [f"{prefix}-{wildcards[name]}" for name, prefix in _LABELS.items() if name in wildcards]
    return " ".join(names) or "study"


_LABELS = {"subject": "sub", "session": "ses"}


def in_full(record: Any) -> str:
    """Say what a step does: the rule's message, and what tells two steps of a rule and session apart."""
    more = [value for name, value in record.wildcards.items() if name not in _LABELS]
    return (record.rule_msg or record.rule_name) + (f" ({', '.join(more)})" if more else "")


def common(names: set[str]) -> str:
    """Name what all of several names begin with, word by word."""
    words = [name.split() for name in names]
    shared = [group[0] for group in zip(*words, strict=False) if len(set(group)) == 1]
    return " ".join(shared) or "study"


def where(logs: Iterable[str]) -> str:
    """Say where the logs of a failed step are."""
    paths = ", ".join(os.path.abspath(log) for log in logs)  # noqa: PTH100 (no link is to be followed)
    return f"; see {paths}" if paths else ""


def table(counts: Mapping[str, int], words: Mapping[str, str]) -> str:
    """Return a table of how many steps of each rule there are, and what they do."""
    width = max(len(rule) for rule in ("total", *counts))
    head = [f"{'job':<{width}}  count  what it does", f"{'-' * width}  -----  ------------"]
    rows = [f"{rule:<{width}}  {number:>5}  {words.get(rule, '')}".rstrip() for rule, number in counts.items()]
    return "\n".join([*head, *rows, f"{'total':<{width}}  {sum(counts.values()):>5}", ""])
