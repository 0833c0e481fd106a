"""``reperfuse init``: write a commented study.yaml from what was found of a study."""

import shlex
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("bids_dir", type=Path, help="the study, a BIDS folder; it is only read")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("study.yaml"),
        metavar="FILE",
        help="the file to write; study.yaml by default",
    )


def run(arguments: Namespace) -> int:
    """Write the file, and return the exit status: 0, or 2 if nothing was written."""
    from reperfuse.study.manifest import StudyError
    from reperfuse.study.proposal import propose

    output: Path = arguments.output
    try:
        if output.exists():
            raise StudyError(f"{output} is there already, and is not overwritten; name another with --output")
        text = propose(arguments.bids_dir)
        with output.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except StudyError as fault:
        print(fault, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{output} cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    command = shlex.join(["reperfuse", "check", "--config-file", str(output)])
    print(f"{output} is written; check it, then: {command}")
    return 0
