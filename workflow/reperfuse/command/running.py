"""Start Snakemake on the workflow that lies beside this package."""

import json
import os
import shutil
import signal
import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from reperfuse.command.settings_file import existing_file, read_settings
from reperfuse.study.options import CONFIG, ROOT

_PROFILES = ROOT / "profiles"
#: The profiles of a cluster that ship: the one of the cluster, and the one of the workflow that is laid over it.
_SHIPPED = {"slurm": ("slurm", "default"), "cluster-generic": ("slurm", "cluster-generic")}
#: At most so many failed sessions are named at the end.
_NAMED = 10
#: The keys of the configuration that options give.
_KEYS = ("bids_dir", "output_dir", "participants", "exclude_participants", "include_sessions")


def add_running(parser: ArgumentParser) -> None:
    """Add the options of how a run is made."""
    parser.add_argument(
        "--cores", "--n-cpus", type=_cores, metavar="N", help="processor cores to use; all, if no profile is named"
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="say what would be computed; nothing is written")
    parser.set_defaults(options=[], config_file=None, profile=None, **dict.fromkeys(_KEYS))


def add_study(parser: ArgumentParser) -> None:
    """Add the options of which part of a study is computed, by which settings and where."""
    add_running(parser)
    for flag, key, what in (
        ("--participant-label", "participants", "compute these participants only"),
        ("--exclude-participant-label", "exclude_participants", "leave these participants out"),
        ("--session-label", "include_sessions", "use these sessions only"),
    ):
        help_text = f"{what}; labels with or without {'ses-' if 'session' in flag else 'sub-'}"
        parser.add_argument(flag, dest=key, nargs="+", action="extend", metavar="LABEL", help=help_text)
    parser.add_argument(
        "--config-file", type=existing_file, metavar="FILE", help="settings of the study, see below (YAML)"
    )
    parser.add_argument(
        "--profile", help="slurm, cluster-generic, or a Snakemake profile of your own: where the jobs are computed"
    )
    parser.epilog = (
        "Flags may be written with underscores too. What follows -- is given to Snakemake.\n\n"
        "The settings, with their defaults; a file of your own needs only what it changes:\n\n"
        + CONFIG.read_text(encoding="utf-8")
    )


def run_study(arguments: Namespace, *targets: str, folder: Path | None = None) -> int:
    """Run the workflow, and return the exit status, see `reperfuse.command.main`.

    Parameters
    ----------
    arguments : Namespace
        As `add_running` or `add_study` give it.
    *targets : str
        Rules; none for everything.
    folder : Path, optional
        The folder to run in.
    """
    from reperfuse.study.settings import ConfigError, complete
    from reperfuse.study.start import only_asks

    files = [arguments.config_file] if arguments.config_file else []
    folder = folder or Path.cwd()
    try:
        config = read_settings(arguments.config_file) | given(arguments)
        complete(config, files, folder)
    except ConfigError as fault:
        print(fault, file=sys.stderr)
        return 2
    study, output_dir = Path(config["bids_dir"]), Path(config["output_dir"])
    earlier = _logs(folder, study)
    status = _start(snakemake_words(arguments, *targets), folder)
    _take_out(_logs(folder, study) - earlier, output_dir)
    asks = arguments.dry_run or only_asks(arguments.options)
    if status == 0 and not asks and (failed := failed_sessions(output_dir)):
        more = ", …" if len(failed) > _NAMED else ""
        names = ", ".join(failed[:_NAMED]) + more
        print(f"failed ({len(failed)}): {names}; the pages and group/failures.tsv say why", file=sys.stderr)
        return 1
    return status


def given(arguments: Namespace) -> dict[str, Any]:
    """Return what the options say of the configuration."""
    return {key: value for key in _KEYS if (value := getattr(arguments, key)) is not None}


def snakemake_words(arguments: Namespace, *targets: str) -> list[str]:
    """Return the words of the call of Snakemake."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-C", "--config", nargs="*", action="extend", default=[])
    theirs, options = parser.parse_known_args(arguments.options)
    # as JSON between spaces: Snakemake strips quotes at the ends and reads the rest as YAML, where 01 is a number and
    # a path with a colon a mapping
    pairs = [f"{key}= {json.dumps(value, ensure_ascii=False)} " for key, value in given(arguments).items()]
    pairs += theirs.config
    cores = arguments.cores or (None if arguments.profile else "all")
    words = [sys.executable, "-P", "-m", "snakemake", *targets, "--snakefile", str(ROOT / "Snakefile")]
    words += [*_profiles(arguments.profile), *(["--cores", cores] if cores else [])]
    words += ["--dry-run"] if arguments.dry_run else []
    words += ["--configfile", str(arguments.config_file)] if arguments.config_file else []
    return [*words, *options, *(["--config", *pairs] if pairs else [])]


def failed_sessions(output_dir: Path) -> list[str]:
    """Return the names of the sessions of the latest run that have the status ``failed``; none if there was no run."""
    from reperfuse.files.sidecars import read_sidecar
    from reperfuse.study.manifest import Manifest
    from reperfuse.study.names import Names

    listed, names, found = output_dir / "logs" / "manifest.tsv", Names(str(output_dir)), []
    manifest = Manifest.read(listed) if listed.is_file() else Manifest([])
    for subject, sessions in manifest.sessions.items():
        for session in sessions:
            path = Path(names.path("measures", subject, session))
            if path.is_file() and read_sidecar(path).get("Row", {}).get("status") == "failed":
                found.append(f"sub-{subject} ses-{session}")
    return found


def _profiles(name: str | None) -> list[str]:
    # named, for Snakemake would take a folder `default` of the user's for the profile of the workflow
    shipped = _SHIPPED.get(name or "")
    cluster = str(_PROFILES / shipped[0]) if shipped else name
    workflow = shipped[1] if shipped else "default"
    return [*(["--profile", cluster] if cluster else []), "--workflow-profile", str(_PROFILES / workflow)]


def _start(words: Sequence[str], folder: Path) -> int:
    """Start Snakemake and wait for it; pass on what is to stop it.

    It has a process group of its own. A terminal sends Ctrl-C to this command alone, and the jobs get it once:
    Snakemake takes a second one for a crash.
    """
    child = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, process_group=0)
    stopped: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        stopped.append(number)
        if number == signal.SIGTERM:  # Snakemake then lets the running jobs finish
            child.terminate()
        else:
            os.killpg(child.pid, number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        status = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 + stopped[0] if stopped and status else status


def _logs(folder: Path, study: Path) -> set[Path]:
    """Return the logs that Snakemake keeps in the folder a run is started in, if that is in the study."""
    return set((folder / ".snakemake" / "log").glob("*.log")) if folder.is_relative_to(study) else set()


def _take_out(logs: set[Path], output_dir: Path) -> None:
    """Move logs to the records in the results, and delete the folders that they leave empty."""
    records = output_dir / ".snakemake"
    for log in logs:
        if records.is_dir():
            (records / "log").mkdir(exist_ok=True)
            shutil.move(log, records / "log" / log.name)
        else:
            log.unlink()
        for folder in log.parents[:2]:
            with suppress(OSError):
                folder.rmdir()


def _cores(word: str) -> str:
    if word != "all" and not (word.isdecimal() and int(word) > 0):
        raise ArgumentTypeError(f"{word} is no number of cores, nor all")
    return word
