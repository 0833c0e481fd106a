"""``reperfuse simulate``: write a simulated study."""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("folder", type=Path, help="folder of the study, new or empty")


def run(arguments: Namespace) -> int:
    """Write the study, and return the exit status."""
    from reperfuse.simulation.study import simulate_study

    try:
        study = simulate_study(arguments.folder, processes=os.cpu_count() or 1)
    except OSError as fault:
        print(fault, file=sys.stderr)
        return 2
    print(f"The study is in {study}, what is true of it in {study / 'derivatives' / 'truth'}")
    return 0
