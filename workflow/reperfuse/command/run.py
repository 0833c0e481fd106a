"""``reperfuse run``: compute a study."""

import sys
from argparse import ArgumentParser, Namespace

from reperfuse.command.running import add_study, run_study
from reperfuse.command.settings_file import refuse_unnamed


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "bids_dir", nargs="?", help="the study, a BIDS folder, which is only read; or that of the config file"
    )
    parser.add_argument(
        "output_dir", nargs="?", help="folder of the results; if none is named, <bids_dir>/derivatives/reperfuse"
    )
    add_study(parser)


def run(arguments: Namespace) -> int:
    """Compute the study, and return the exit status."""
    from reperfuse.study.settings import ConfigError

    try:
        refuse_unnamed(arguments.bids_dir, arguments.config_file)
    except ConfigError as fault:
        print(fault, file=sys.stderr)
        return 2
    return run_study(arguments)
