"""The start of a run: the study it works on, and the folder that its results and their records lie in."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from reperfuse.study import results
from reperfuse.study.demo import planned_demo
from reperfuse.study.manifest import Manifest, StudyError
from reperfuse.study.summary import STOPPED

#: Options of Snakemake that ask something of the workflow, and run no job.
_QUESTIONS = {
    "-n",
    "--dry-run",
    "--dryrun",
    "-l",
    "--lt",
    "--dag",
    "--rulegraph",
    "--filegraph",
    "--d3dag",
    "--lint",
    "--summary",
    "-S",
    "--detailed-summary",
    "-D",
    "--report",
    "--archive",
    "--containerize",
    "--generate-unit-tests",
    "--unlock",
    "--cleanup-metadata",
}
#: The tables of a study that its analysis is made from.
TABLES = ("sessions", "patients", "reflow", "failures")
#: Below the results: the folder that the run was started in.
_STARTED_IN = Path("logs", "started_in.txt")
#: Where Snakemake keeps the records of how each result was made, below the folder a run is in.
_RECORDS = ".snakemake"
#: Signals that are read at a time.
_MANY = 4096


def only_asks(arguments: Sequence[str]) -> bool:
    """Tell whether a command line of Snakemake asks something, so that nothing may be written."""
    words = [argument.partition("=")[0] for argument in arguments]
    return any(word in _QUESTIONS or word.startswith("--list") for word in words)


def begin(config: Mapping[str, Any], *, is_demo: bool, cores: int, asks: bool, has_records: bool) -> Manifest:
    """Find the study, and make the results' folder ready unless a run only asks.

    Parameters
    ----------
    config : mapping
        The checked configuration, its paths absolute.
    is_demo : bool
        The study is the demo, which is simulated if it is not there.
    cores : int
        That simulating may use.
    asks : bool
        The run only asks: nothing is simulated or written.
    has_records : bool
        Snakemake's records lie in the results' folder.

    Raises
    ------
    StudyError
        If the study cannot be worked on, another run is at work in the folder, it cannot be written, or it holds
        results without records.
    """
    study, output_dir = Path(config["bids_dir"]), Path(config["output_dir"])
    if is_demo and not study.exists():
        if asks:
            manifest = planned_demo(study)
            people = f"{len(manifest.sessions)} patients"
            _say(
                f"the demo study {study} does not exist yet: a run simulates it first ({people}, about a minute); "
                "this command writes nothing, and shows what would be computed of it"
            )
            return manifest
        from reperfuse.simulation.study import simulate_demo

        simulate_demo(study, cores)
    from reperfuse.study.index import index_configured  # a job of a cluster reads the manifest, and no scan

    only_tables = config["group_tables"] is not None
    if only_tables:
        refuse_missing_tables(Path(config["group_tables"]))
    manifest = Manifest([]) if only_tables else index_configured(config)
    if has_records:
        _refuse_unrecorded(output_dir)
    if not asks:
        try:
            results.claim(output_dir)
            for label in results.crashed(output_dir):
                results.forget(output_dir, label)
            for place in results.put_aside(output_dir, study) if not only_tables else ():
                _say(f"{place} is no longer in the study; its earlier results are in {output_dir}/removed")
            results.describe_results(output_dir, study)
            manifest.write(output_dir / "logs" / "manifest.tsv")
            (output_dir / _STARTED_IN).write_text(str(Path.cwd()), encoding="utf-8")
        except (StudyError, OSError) as fault:
            raise StudyError(f"output_dir: {fault}") from None
    return manifest


def watch_for_stop() -> Callable[[], bool]:
    """Return what tells whether the user has pressed Ctrl-C since: steps that this ends have not failed.

    Python's own handler stays in place, for asyncio replaces that one alone by one that ends a loop in order. Where
    Snakemake lets the interrupt through, as while it builds its graph, it is told in a sentence.
    """
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    sys.excepthook = _tell_stop
    stops: list[int] = []

    def was_stopped() -> bool:
        with suppress(BlockingIOError):
            stops.extend(number for number in os.read(reading, _MANY) if number == signal.SIGINT)
        return bool(stops)

    return was_stopped


def _tell_stop(kind: type[BaseException], fault: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        _say(STOPPED)
    else:
        sys.__excepthook__(kind, fault, traceback)


def started_in() -> Path:
    """Return the folder that the run was started in, to a job of a cluster.

    The job itself is in that folder; the steps that it starts are in that of the results, where it is written down.
    """
    return Path(_STARTED_IN.read_text(encoding="utf-8")) if _STARTED_IN.is_file() else Path.cwd()


def enter(output_dir: Path, elsewhere: Path, *, is_dry: bool) -> None:
    """Go to the folder of the results, so that Snakemake's records lie there and name results as they lie in it.

    A result moved with its records is then the same result. Where there is nothing yet, as where a run only asks, go
    to an empty folder.

    Parameters
    ----------
    output_dir : Path
    elsewhere : Path
        A folder that is deleted when the run ends.
    is_dry : bool
        The run is a dry one. Snakemake writes its records even then, so it is sent to a folder of links.
    """
    if is_dry:
        os.chdir(_linked(output_dir, elsewhere / "results"))
    else:
        os.chdir(output_dir if (output_dir / "logs").is_dir() else elsewhere)


def _linked(output_dir: Path, folder: Path) -> Path:
    """Make a folder of links to the results and to the records of how they were made, as old as these."""
    (folder / _RECORDS).mkdir(parents=True)
    entries = [path for path in output_dir.iterdir() if path.name != _RECORDS] if output_dir.is_dir() else []
    entries += [path for name in ("metadata", "incomplete") if (path := output_dir / _RECORDS / name).is_dir()]
    for entry in entries:
        link, status = folder / entry.relative_to(output_dir), entry.lstat()
        link.symlink_to(entry)
        os.utime(link, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
    return folder


def refuse_missing_tables(folder: Path) -> None:
    """Make sure that a folder holds the tables of an earlier run.

    Raises
    ------
    StudyError
        Naming those that are not there.
    """
    missing = [f"{name}.tsv" for name in TABLES if not (folder / f"{name}.tsv").is_file()]
    if missing:
        raise StudyError(
            f"group_tables: {folder} has no {', '.join(missing)}; name the folder group of an earlier run's results"
        )


def _refuse_unrecorded(output_dir: Path) -> None:
    has_results = any(output_dir.glob("sub-*.html")) or any(output_dir.glob("sub-*/*/"))
    if has_results and not (output_dir / _RECORDS).is_dir():
        raise StudyError(
            f"output_dir: {output_dir} holds results without the records of how they were made (its folder "
            f"{_RECORDS}): they are from an earlier version, or a copy without hidden files. A changed setting "
            "would go unnoticed; name another output_dir, or delete these results"
        )


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
