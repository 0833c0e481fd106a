"""Snakemake's logger plugin ``reperfuse``: a run tells patient, session and step in words, in place of job numbers.

The profiles choose it (``logger: reperfuse``). ``--verbose``, ``--printshellcmds`` and a ``--quiet`` that does not name
``rules`` bring Snakemake's own text back. Without the workflow's record of its steps (`telling`) none has a line.
"""

import os
import sys
from logging import CRITICAL, ERROR, WARNING, LogRecord
from types import TracebackType

from snakemake.logging import ColorizingTextHandler
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.base import LogHandlerBase

from snakemake_logger_plugin_reperfuse.telling import STOPPED, Telling

_COLOURS = {ERROR: "\033[31m", WARNING: "\033[33m"}
_PLAIN = "\033[0m"


def _tell_interrupt(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say that a run was stopped where Snakemake would not: before its first step."""
    if issubclass(kind, KeyboardInterrupt):
        print(STOPPED, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


class LogHandler(LogHandlerBase):
    """Writes what `Telling` makes of Snakemake's records; each line as soon as it is known."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        quiet = set(settings.quiet or ())
        self._in_full = (
            settings.verbose
            or settings.debug_dag
            or settings.printshellcmds
            or not quiet & {Quietness.RULES, Quietness.ALL}
        )
        if Quietness.ALL in quiet and not settings.dryrun:
            self.setLevel(CRITICAL + 1)
        self._stream = sys.stdout if settings.stdout else sys.stderr
        self._has_colour = (
            self._stream.isatty()
            and not settings.nocolor
            and os.environ.get("TERM") != "dumb"
            and "NO_COLOR" not in os.environ
        )
        self._snakemake = ColorizingTextHandler(nocolor=settings.nocolor, stream=self._stream)
        if settings.dryrun and quiet == {Quietness.RULES}:
            # Snakemake then counts the steps and does not list them one by one, a sixth of a large study's dry run
            settings.quiet = {Quietness.RULES, Quietness.PROGRESS}  # type: ignore[assignment]
        sys.excepthook = _tell_interrupt
        self._telling = Telling(is_dry=settings.dryrun, shows_steps=Quietness.PROGRESS not in quiet)

    def emit(self, record: LogRecord) -> None:
        """Write the lines of a record, if it has any."""
        if self._in_full:
            self._emit_in_full(record)
            return
        try:
            for line in self._telling.lines(record):
                self._write(line, record.levelno)
        except BrokenPipeError:  # who read them has gone
            pass
        except Exception:
            self.handleError(record)

    def _emit_in_full(self, record: LogRecord) -> None:
        """Let Snakemake write, who leaves out a job's files where there are words for it."""
        record.__dict__ |= {"rule_msg": None}
        self._snakemake.setFormatter(self.formatter)
        self._snakemake.emit(record)

    def _write(self, line: str, level: int) -> None:
        colour = _COLOURS.get(level, "") if self._has_colour else ""
        self._stream.write(f"{colour}{line}{_PLAIN if colour else ''}\n")
        self._stream.flush()

    @property
    def writes_to_stream(self) -> bool:
        """It does."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake's own log file holds its own text."""
        return False

    @property
    def has_filter(self) -> bool:
        """What is left out is decided here, unless Snakemake's own text is asked for."""
        return not self._in_full

    @property
    def has_formatter(self) -> bool:
        """The text is made here, unless Snakemake's own is asked for."""
        return not self._in_full

    @property
    def needs_rulegraph(self) -> bool:
        """Steps are told one by one."""
        return False
