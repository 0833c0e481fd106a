"""What a run tells: Snakemake's log records in, lines for a person out.

Snakemake tells of jobs by number. What they are the workflow says in two records of its own: when it is read, one with
the attributes ``words``, what each rule does, and ``patients``, how many the study has; before the first step, one with
``steps``: (number, rule, wildcards, number of the cluster's job that it is part of) for each.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from logging import ERROR, INFO, WARNING, LogRecord
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_reperfuse.pace import Pace, in_words

#: What Snakemake says of itself and a user asks for.
_TOLD_AS_IT_IS = ("Nothing to be done",)
#: Errors that only say what the line of a failed step says.
_TOLD_OTHERWISE = (
    "At least one job did not complete successfully",
    "Exiting because a job execution failed",
    "CalledProcessError in file",
)
#: How Snakemake begins to say that it was interrupted, or told to end.
_STOPPING = ("Terminating processes on user request", "Will exit after finishing currently running jobs")
#: Said where the workflow cannot: before the first step, and when it is interrupted again.
STOPPED = "Stopped."
_LABELS = {"subject": "sub", "session": "ses"}


@dataclass(frozen=True)
class Step:
    """A step of a run: its rule, what it does in words, and of whom."""

    rule: str
    words: str
    whose: str


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
        self._shows_steps = shows_steps
        self._is_stopping = False
        self._steps: dict[int, Step] = {}
        self._groups: dict[str, list[int]] = {}
        self._start_s: dict[int, float] = {}
        self._failed: set[int] = set()
        self._done, self._width = 0, 0
        self._pace = Pace({})
        self._words: dict[str, str] = {}
        self._patients = 0
        self._told: dict[LogEvent | None, Callable[[Any], Iterator[str]]] = {
            LogEvent.ERROR: self._message,
            None: self._message,
        }
        if is_dry:
            self._told[LogEvent.RUN_INFO] = self._counted
        else:
            self._told[LogEvent.JOB_STARTED] = self._started
            self._told[LogEvent.JOB_FINISHED] = self._finished
            self._told[LogEvent.JOB_ERROR] = self._failed_step
            self._told[LogEvent.GROUP_ERROR] = self._failed_group

    def lines(self, record: LogRecord) -> Iterable[str]:
        """Return what a record tells, a text a line; a message of several lines is one text."""
        told = self._told.get(getattr(record, "event", None))
        return told(record) if told else ()

    def _counted(self, record: Any) -> Iterator[str]:
        counts = {rule: number for rule, number in record.stats.items() if rule != "total"}
        yield table(counts, self._words)
        yield f"Steps that would run: {sum(counts.values())}. Patients of the study: {self._patients}."

    def _planned(self, steps: Any) -> Iterator[str]:
        for number, rule, wildcards, group in steps:
            self._steps[number] = Step(rule, what(self._words.get(rule, rule), wildcards), whose(wildcards))
            if group is not None:
                self._groups.setdefault(group, []).append(number)
        self._pace = Pace(Counter(step.rule for step in self._steps.values()))
        self._width = max(len(step.whose) for step in self._steps.values())
        if self._shows_steps:
            yield f"Steps to do: {len(self._steps)}. Each has a line here when it is finished."

    def _started(self, record: Any) -> Iterator[str]:
        for job in record.jobs:
            numbers = self._groups.get(job, [job])
            self._start_s |= dict.fromkeys(numbers, record.created)
            if self._failed & set(numbers):
                self._failed -= set(numbers)
                yield f"trying again  {self._name(numbers)}"
            elif job in self._groups and self._shows_steps:
                yield f"submitted  {self._name(numbers)}"

    def _finished(self, record: Any) -> Iterator[str]:
        step = self._steps.get(record.job_id)
        if step is None or not self._shows_steps:
            return
        self._done += 1
        now, total = record.created, len(self._steps)
        self._pace.add(step.rule, self._start_s.pop(record.job_id, now), now)
        left = self._pace.left_s(now) if self._done < total else None
        time = "" if left is None else f"  ({in_words(left)} left)"
        yield f"{self._done:>{len(str(total))}} of {total}  {step.whose:<{self._width}}  {step.words}{time}"

    def _failed_step(self, record: Any) -> Iterator[str]:
        # a step that is ended by a stop has not failed; one of a cluster's job is told with that
        if not self._is_stopping and not record.indent:
            yield self._failure([record.jobid], record.log)

    def _failed_group(self, record: Any) -> Iterator[str]:
        if not self._is_stopping:
            logs = record.aux_logs or [log for job in record.job_error_info for log in job["log"]]
            yield self._failure([job["jobid"] for job in record.job_error_info], logs)

    def _failure(self, numbers: list[int], logs: Iterable[str]) -> str:
        self._failed |= set(numbers)
        paths = ", ".join(os.path.abspath(log) for log in logs)  # noqa: PTH100 (no link is to be followed)
        return f"FAILED  {self._name(numbers)}{f'; see {paths}' if paths else ''}"

    def _name(self, numbers: list[int]) -> str:
        """Name a step, or the steps of one job of the cluster."""
        steps = [self._steps[number] for number in numbers if number in self._steps]
        if len(steps) == 1:
            return f"{steps[0].whose}  {steps[0].words}"
        return f"{common([step.whose for step in steps])}  {len(steps)} steps as one job of the cluster"

    def _message(self, record: Any) -> Iterator[str]:
        text = record.getMessage()
        if hasattr(record, "words"):
            self._words, self._patients = record.words, record.patients
        elif hasattr(record, "steps"):
            yield from self._planned(record.steps)
        elif text.startswith(_STOPPING):
            self._is_stopping = True
            yield "Stopping ..."
        elif record.levelno >= ERROR:
            is_of_ended_step = self._is_stopping and getattr(record, "exception", "") == "RuleException"
            if not is_of_ended_step and not any(said in text for said in _TOLD_OTHERWISE):
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


def what(words: str, wildcards: Mapping[str, str]) -> str:
    """Say what a step does: the rule's words, and what tells two steps of a rule and session apart."""
    more = [value for name, value in wildcards.items() if name not in _LABELS]
    return words + (f" ({', '.join(more)})" if more else "")


def common(names: Iterable[str]) -> str:
    """Name what all of several names begin with, word by word."""
    words = [name.split() for name in names]
    shared = [group[0] for group in zip(*words, strict=False) if len(set(group)) == 1]
    return " ".join(shared) or "study"


def table(counts: Mapping[str, int], words: Mapping[str, str]) -> str:
    """Return a table of how many steps of each rule there are, and what they do."""
    width = max(len(rule) for rule in ("total", *counts))
    head = [f"{'job':<{width}}  count  what it does", f"{'-' * width}  -----  ------------"]
    rows = [f"{rule:<{width}}  {number:>5}  {words.get(rule, '')}".rstrip() for rule, number in counts.items()]
    return "\n".join([*head, *rows, f"{'total':<{width}}  {sum(counts.values()):>5}", ""])
