"""A first config file for a study: its own names, as far as they can be guessed, in YAML with comments."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reperfuse.study import options
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.folder import check_study
from reperfuse.study.given import GIVEN, find_folders
from reperfuse.study.guesses import dated, guess_columns, guess_roles
from reperfuse.study.layout import File, Layout, select, walk
from reperfuse.study.lookalikes import SPOKEN, find_lookalikes, inputs_entry, near_misses
from reperfuse.study.visits import Visits

_HEAD = """\
# Settings of this study, written by `reperfuse init` from the names that it found.
# Check what is called a guess. Every other setting keeps its default; add only what you change.
"""


def propose(bids_dir: Path) -> str:
    """Return a config file for a study.

    Parameters
    ----------
    bids_dir : Path

    Raises
    ------
    StudyError
        If the folder is no study.
    """
    check_study(bids_dir)
    study = bids_dir.resolve()
    output_dir = study / "derivatives" / "reperfuse"
    layout = walk(study, output_dir)
    sections = [
        [f"bids_dir: {_quoted(str(study))}", "# output_dir: results go into derivatives/reperfuse of the study"],
        _sessions(layout, ClinicalData(study)),
        _inputs(layout.files),
        _columns(ClinicalData(study).columns),
        _given(find_folders(study, output_dir)),
    ]
    return _HEAD + "\n" + "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _sessions(layout: Layout, clinical: ClinicalData) -> list[str]:
    """Return the roles of the sessions, nothing where the labels are those of the default."""
    roles = Visits(options.defaults("sessions"), "baseline").roles
    labels: dict[str, set[str]] = defaultdict(set)
    for file in layout.files:
        if file.is_image and not file.fault and "session" in file.entities:
            labels[file.entities["subject"]].add(str(file.entities["session"]))
    if not labels:
        taken = options.read_yaml(options.CONFIG)["role_without_session"]
        return [
            "# the study has no ses- folders: baseline, post or followup?",
            f"role_without_session: {taken}  # a guess",
        ]
    if {label for own in labels.values() for label in own} <= roles.keys():
        return []

    guess = guess_roles(dated(clinical, labels))
    number = Counter(label for own in labels.values() for label in own)
    head, *lines = guess.block()
    found = ", ".join(f"{label} in {count}" for label, count in sorted(number.items()))
    lines = [f"# sessions found, and in how many patients: {found}", f"{head}  # a guess by {guess.basis}", *lines]
    return lines + [f"  # no role was guessed for {', '.join(guess.others)}"] * bool(guess.others)


def _inputs(files: Sequence[File]) -> list[str]:
    """Return the names of the kinds of scans that the default ones do not find."""
    lines = []
    for kind, filters in options.defaults("inputs").items():
        found = select((file for file in files if file.is_image), kind, filters)
        other = None if found else _largest(kind, filters, files)
        if other:
            entry = inputs_entry(kind, other[0]).removeprefix("inputs: {").removesuffix("}")
            lines.append(f"  {entry}  # a guess: {other[1]} images of this name look like {SPOKEN[kind]}")
    return ["inputs:", *lines] if lines else []


def _largest(kind: str, filters: Mapping[str, Any], files: Sequence[File]) -> tuple[Mapping[str, str], int] | None:
    """Return what finds most of the images that are, or look like, a kind of scan under another name."""
    near = [file for file, _ in near_misses(kind, filters, files, ()) if file.is_image]
    named = Counter((file.entities.get("datatype"), file.entities.get("suffix")) for file in near)
    groups: list[tuple[Mapping[str, str], int]] = [
        ({"datatype": str(datatype), "suffix": str(suffix)}, number)
        for (datatype, suffix), number in named.items()
        if datatype and suffix
    ]
    groups += [(similar.filters, len(similar.files)) for similar in find_lookalikes(kind, files, near)]
    return max(groups, key=lambda group: group[1], default=None)


def _columns(there: Iterable[str]) -> list[str]:
    """Return the clinical columns that have a name of the study's own; what is not certain is a comment."""
    sure, unsure = guess_columns(sorted(there), options.defaults("columns"))
    lines = [f"  {key}: {_quoted(name)}" for key, name in sure.items()]
    asked = [f"# {key}: {_quoted(name)}  # is it this one?" for key, names in unsure.items() for name in names]
    head = ["columns:  # of participants.tsv and sessions.tsv"] if lines else ["# columns:"] if asked else []
    return [*head, *lines, *(f"  {line}" if lines else f"#   {line.removeprefix('# ')}" for line in asked)]


def _given(folders: Mapping[str, Sequence[Path]]) -> list[str]:
    return [line for kind, found in folders.items() for line in _folder_lines(GIVEN[kind].key, found)]


def _folder_lines(key: str, found: Sequence[Path]) -> Iterator[str]:
    for number, folder in enumerate(found):
        yield f"{'# or ' if number else ''}{key}: {_quoted(str(folder))}"
