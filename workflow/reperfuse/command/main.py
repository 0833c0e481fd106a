"""The command ``reperfuse``.

Its exit status is

- 0: everything was computed, or the question was answered;
- 1: a job failed, the program failed in one, or a session has the status ``failed``: ``group/failures.tsv`` and the
  pages say why, and every other session is there;
- 2: the command, the settings or the study cannot be used; nothing was computed;
- 130: it was stopped by Ctrl-C; the same command resumes.
"""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from reperfuse import __version__

#: What can be asked for, each a module of this folder, and what it does.
COMMANDS = {
    "run": "compute a study",
    "check": "say what a study holds, and what can be computed of it",
    "init": "write a commented study.yaml from what a study holds",
    "demo": "simulate three patients and compute them",
    "simulate": "write a simulated study, with its truth",
}
#: The same as a BIDS App: a study, the folder of the results, and the level.
_APP = "app"
_DESCRIPTION = (
    "Serial stroke MRI from raw BIDS scans to mismatch, infarct growth, reperfusion and microvascular reflow. "
    "Research software, not a medical device."
)
_EPILOG = """\
'reperfuse <command> --help' lists the options of a command; that of run lists the settings of a study too.
As a BIDS App: reperfuse <bids_dir> <output_dir> {participant,group} [options]

exit status: 0 all computed; 1 a job or a session failed, with reasons; 2 the command, the settings or the study
cannot be used; 130 stopped by Ctrl-C
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what a command line asks for, and return the exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        Words after ``reperfuse``; those of this process if not given. What follows ``--`` is for Snakemake.

    Raises
    ------
    SystemExit
        With status 2 if the words cannot be understood, 0 after ``--help`` and ``--version``.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    words, for_snakemake = _parted(words)
    if not words or words[0] in COMMANDS or words[0] in ("-h", "--help", "--version"):
        parser = _parser()
        name = parser.parse_args(words[:1]).command
        module, words = name, words[1:]
    else:
        name, module = None, _APP
        if not words[0].startswith("-") and not Path(words[0]).is_dir():
            _parser().error(f"there is no command and no folder {words[0]}; the commands are {', '.join(COMMANDS)}")
    door = import_module(f"reperfuse.command.{module}")
    parser = ArgumentParser(
        prog=" ".join(filter(None, ("reperfuse", name))),
        description=COMMANDS.get(module, "Compute a study, as a BIDS App."),
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,  # else Snakemake's --config is taken for --config-file
    )
    door.add_arguments(parser)
    arguments, unknown = parser.parse_known_args([_hyphened(word) for word in words])
    if unknown:
        hint = "; --help lists the options" + (", and those of Snakemake follow --" if "options" in arguments else "")
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    if "options" in arguments:
        arguments.options = for_snakemake
    elif for_snakemake:
        parser.error(f"{name} does not start Snakemake, so it takes nothing after --")
    return int(door.run(arguments))


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="reperfuse",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        add_help=True,
    )
    parser.add_argument("--version", action="version", version=f"reperfuse {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="<command>", required=True)
    for name, what in COMMANDS.items():
        commands.add_parser(name, help=what, add_help=False)
    return parser


def _parted(words: list[str]) -> tuple[list[str], list[str]]:
    """Return the words before and after a first ``--``."""
    place = words.index("--") if "--" in words else len(words)
    return words[:place], words[place + 1 :]


def _hyphened(word: str) -> str:
    """Return a flag with hyphens, for one may be written with underscores too, as in ``--participant_label``."""
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value if flag.startswith("--") else word


if __name__ == "__main__":
    sys.exit(main())
