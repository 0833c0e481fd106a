"""Clinical values that a study keeps a file a patient, in ``phenotype/`` beside its folder of raw scans."""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from reperfuse.faults import DataFault
from reperfuse.files.originals import read_text
from reperfuse.files.workbooks import read_sheet
from reperfuse.study.layout import RAW

_OWN = re.compile(r"sub-[a-zA-Z0-9]+_")


def phenotype_files(bids_dir: Path) -> list[Path]:
    """Return the CSV files and workbooks of single patients in ``phenotype/``, beside a folder of raw scans."""
    if bids_dir.name not in RAW:
        return []
    found = (bids_dir.parent / "phenotype").rglob("sub-*_*")
    return sorted(path for path in found if _OWN.match(path.name) and path.suffix.lower() in (".csv", ".xlsx"))


def read_phenotype(files: Iterable[Path]) -> tuple[list[list[str]], str]:
    """Read the files of single patients as one table, the head first, and a note on what was not read.

    A file holds a row of names and a row of values. Its name begins with the patient's label.
    """
    people: dict[str, dict[str, str]] = {}
    notes = []
    for path in files:
        try:
            rows = [row for row in _rows(path) if any(cell.strip() for cell in row)]
        except DataFault as fault:
            notes.append(str(fault))
            continue
        known = people.setdefault(path.name.removeprefix("sub-").partition("_")[0], {})
        for name, value in zip(*rows[:2], strict=False) if len(rows) > 1 else ():
            if name.strip() and not known.get(name.strip()):
                known[name.strip()] = value.strip()
    columns = list(dict.fromkeys(name for known in people.values() for name in known))
    table = [["participant_id", *columns]]
    table += [[f"sub-{label}", *(known.get(name, "") for name in columns)] for label, known in people.items()]
    more = f", and {len(notes) - 1} more" if len(notes) > 1 else ""
    return table, f"{notes[0]}{more}" if notes else ""


def _rows(path: Path) -> Iterator[list[str]]:
    if path.suffix.lower() == ".xlsx":
        yield from read_sheet(path)
        return
    lines = read_text(path).splitlines()
    head = lines[0] if lines else ""
    yield from csv.reader(lines, delimiter=";" if head.count(";") > head.count(",") else ",")
