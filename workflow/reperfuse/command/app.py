"""``reperfuse <bids_dir> <output_dir> {participant,group}``: compute a study as a BIDS App."""

from argparse import ArgumentParser, Namespace

from reperfuse.command.running import add_study, run_study

#: The rule of each level.
_RULES = {"participant": "participants", "group": "group"}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("bids_dir", help="the study, a BIDS folder; it is only read")
    parser.add_argument("output_dir", help="folder of the results")
    parser.add_argument(
        "level",
        choices=_RULES,
        help="participant: each patient's results and page; group: tables and their analysis",
    )
    add_study(parser)
    parser.add_argument(
        "--skip-bids-validator",
        "--skip-bids-validation",
        action="store_true",
        help="taken from launchers of BIDS Apps; no validator is run",
    )


def run(arguments: Namespace) -> int:
    """Compute a level of the study, and return the exit status."""
    return run_study(arguments, _RULES[arguments.level])
