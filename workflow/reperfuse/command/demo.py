"""``reperfuse demo``: simulate the demo study and compute it."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from reperfuse.command.running import add_running, run_study


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(), help="where the folder demo is made; if none is named, here"
    )
    add_running(parser)


def run(arguments: Namespace) -> int:
    """Simulate the study if it is not there, compute it, and return the exit status."""
    folder = arguments.folder
    if arguments.dry_run and not folder.is_dir():
        print(f"there is no folder {folder}, and a dry run makes none", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    return run_study(arguments, folder=folder.resolve())
