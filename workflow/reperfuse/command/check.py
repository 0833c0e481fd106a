"""``reperfuse check``: what was found of a study, what was not, and what can be computed of it. Nothing is written."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from reperfuse.command.settings_file import existing_file, read_settings, refuse_unnamed

#: The exit status: something can be computed, nothing can, or the command, the config or the study cannot be used.
_OK, _NOTHING, _UNUSABLE = 0, 1, 2


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("bids_dir", nargs="?", type=Path, help="the study, a BIDS folder; or that of the config file")
    parser.add_argument("--config-file", type=existing_file, metavar="FILE", help="settings of the study (YAML)")


def run(arguments: Namespace) -> int:
    """Print what is known of the study, and return the exit status."""
    from reperfuse.study.manifest import StudyError
    from reperfuse.study.settings import ConfigError

    try:
        refuse_unnamed(arguments.bids_dir, arguments.config_file)
        return _check(arguments.bids_dir, arguments.config_file)
    except (ConfigError, StudyError) as fault:
        print(fault, file=sys.stderr)
        return _UNUSABLE


def _check(bids_dir: Path | None, file: Path | None) -> int:
    from reperfuse.study.index import index_configured
    from reperfuse.study.names import Names
    from reperfuse.study.overview import look
    from reperfuse.study.settings import complete
    from reperfuse.study.setup import set_up
    from reperfuse.study.start import refuse_missing_tables

    files = [file] if file else []
    config = read_settings(file)
    config |= {"bids_dir": str(bids_dir)} if bids_dir else {}
    complete(config, files, Path.cwd())
    setup = set_up(config, files)
    if tables := config["group_tables"]:
        refuse_missing_tables(Path(tables))
        print(f"only the analysis is made, of the tables in {tables}; no scan is read")
        return _OK
    overview = look(setup.plan(index_configured(config), Names(config["output_dir"])))
    print("\n".join(overview.lines()))
    if absent := setup.absent_columns():
        print("\n".join(absent), file=sys.stderr)
        return _UNUSABLE
    return _OK if overview.is_computable else _NOTHING
