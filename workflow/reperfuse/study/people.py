"""A table of people or of sessions as anyone may have written it: which row is whose, and what it holds."""

import errno
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from reperfuse.faults import DataFault
from reperfuse.files.tables import read_cells
from reperfuse.study.phenotype import phenotype_files, read_phenotype
from reperfuse.study.vocabulary import tidy


class Table:
    """A table of people or sessions, by the label in its first column.

    Parameters
    ----------
    path : Path
        There need be no such file. In place of participants.tsv a study may keep a file a patient.
    """

    def __init__(self, path: Path) -> None:
        self.note, self.columns = "", []
        self._folder = path.parent
        self._rows: list[tuple[str, list[str]]] = []
        #: The rows of each label that was asked for: a large study asks for the same ones a hundred times.
        self._found: dict[str, list[list[str]]] = {}
        self._ragged: dict[str, str] = {}
        #: No row of it belongs to anyone.
        self._is_lost = False
        single = phenotype_files(path.parent) if path.name == "participants.tsv" else []
        if _is_absent(path) and not single:
            return
        try:
            cells, self.note = read_phenotype(single) if _is_absent(path) else read_cells(path)
        except DataFault as fault:
            self.note = str(fault)
            return
        if not cells:
            return
        self.columns = [tidy(name) for name in cells[0]]
        wanted = "session_id" if path.name.endswith("_sessions.tsv") else "participant_id"
        places = self.places(wanted)
        if not places:
            self._is_lost, self.note = True, _without_key(path.name, wanted, self.columns)
            return
        for row in cells[1:]:
            label = tidy(row[places[0]]) if len(row) > places[0] else ""
            surplus = len(row) - len(self.columns)
            if surplus > 0 and not any(map(tidy, row[-surplus:])):
                row = row[:-surplus]
            elif surplus:  # nothing says which cell is missing or one too many
                self._ragged[label] = f"has {'more' if surplus > 0 else 'fewer'} cells than columns in the row of"
                continue
            self._rows.append((label, row))

    def places(self, column: str) -> list[int]:
        """Return where a column stands, in capitals or not."""
        exact = [number for number, name in enumerate(self.columns) if name == column]
        folded = column.casefold()
        return exact or [number for number, name in enumerate(self.columns) if name.casefold() == folded]

    def _of(self, label: str) -> list[list[str]]:
        """Return the rows of a label: as it is written, without its prefix, or as the same number."""
        if label not in self._found:
            names = self._matching(label, [name for name, _ in self._rows])
            self._found[label] = [row for name, row in self._rows if name in names]
        return self._found[label]

    def rows(self, columns: Collection[str]) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield the label of each row, and what it holds in each column; a column that is not there is left out."""
        places = {column: found[0] for column in columns if (found := self.places(column))}
        for label, row in self._rows:
            yield label, {column: tidy(row[place]) for column, place in places.items()}

    @property
    def is_ragged(self) -> bool:
        """Whether a row has another number of cells than there are columns."""
        return bool(self._ragged)

    def fault_of(self, label: str) -> str:
        """Say why a label has no row; empty if it has one, and where there is no table or no row is anyone's."""
        if not self.columns or self._is_lost or self._of(label):
            return ""
        ragged = self._matching(label, [*self._ragged])
        return f"{self._ragged[next(iter(ragged))]} {label}" if ragged else f"has no row for {label}"

    def others(self, labels: Collection[str]) -> list[str]:
        """Return what the rows of nobody in `labels` are called."""
        names = [name for name, _ in self._rows if name]
        theirs = {name for label in labels for name in self._matching(label, names)}
        return [name for name in dict.fromkeys(names) if name not in theirs]

    def values(self, label: str, column: str) -> set[str]:
        """Return what the rows of a label hold in a column: one value, unless they contradict each other."""
        cells = (row[place] for row in self._of(label) for place in self.places(column))
        return {text for cell in cells if (text := tidy(cell))}

    def _matching(self, label: str, names: list[str]) -> set[str]:
        """Return the names that stand for a label: as it is written, without its prefix, or as the same number.

        A number that has a folder of its own, as 1 has where there are sub-01 and sub-1, stands for that one only.
        """
        prefix, _, bare = label.rpartition("-")
        same = {name for name in names if name in (label, bare)}
        if same or not bare.isdecimal():
            return same
        numbered = {name for name in names if _number(name, prefix) == int(bare)}
        others = {name for name in numbered if (self._folder / f"{prefix}-{name.removeprefix(f'{prefix}-')}").is_dir()}
        return numbered if len(numbered) == 1 and not others else set()


def _is_absent(path: Path) -> bool:
    """Tell whether there is no such file, not even one that may not be seen or a link to nowhere."""
    try:
        path.lstat()
    except OSError as error:
        # no file can have a name that is too long; a table may hold such a label
        return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
    return False


def _without_key(name: str, wanted: str, columns: list[str]) -> str:
    """Say why no row of a table belongs to anyone."""
    for mark, called in ((",", "commas"), (";", "semicolons")):
        if len(columns) == 1 and mark in columns[0]:
            return f"{name} is separated by {called}, and a .tsv needs tabs; save it with tabs"
    return f"{name} has no column {wanted}, so its rows belong to no patient; add it"


def owner(name: str, prefix: str, labels: Collection[str]) -> str | None:
    """Return the one of some labels that a name stands for: as written, with its prefix or not, or as the same number.

    ``prefix`` is sub or ses; None if it stands for none.
    """
    if (bare := name.removeprefix(f"{prefix}-")) in labels:
        return bare
    number = _number(name, prefix)
    same = [label for label in labels if number is not None and label.isdecimal() and int(label) == number]
    return same[0] if len(same) == 1 else None


def _number(name: str, prefix: str) -> int | None:
    bare = name.removeprefix(f"{prefix}-").removesuffix(".0")
    return int(bare) if re.fullmatch("[0-9]{1,18}", bare) else None
