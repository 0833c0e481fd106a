"""``reperfuse run``: compute a study."""

from argparse import ArgumentParser, Namespace

from reperfuse.command.running import add_study, run_study


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("bids_dir", help="the study, a BIDS folder; it is only read")
    parser.add_argument(
        "output_dir", nargs="?", help="folder of the results; if none is named, <bids_dir>/derivatives/reperfuse"
    )
    add_study(parser)


def run(arguments: Namespace) -> int:
    """Compute the study, and return the exit status."""
    return run_study(arguments)
