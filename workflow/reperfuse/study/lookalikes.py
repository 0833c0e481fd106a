"""Images that look like a scan the workflow needs, but are not named so, such as a DSC series called ``_bold``."""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.originals import read_text
from reperfuse.study.layout import TABLES, File, Inherited, select
from reperfuse.study.manifest import Scan
from reperfuse.study.visits import Visits

#: What else people call each kind of scan, at the end of the name.
_CALLED: Mapping[str, re.Pattern[str]] = {
    "dsc": re.compile(r"dsc|pwi|perf|perfusion", re.IGNORECASE),
    "ctp": re.compile(r"ctp|ctperf|ctperfusion|pct", re.IGNORECASE),
    "asl": re.compile(r"asl|pcasl|pasl|casl", re.IGNORECASE),
    "m0scan": re.compile(r"m0scan|m0", re.IGNORECASE),
    "dwi": re.compile(r"dwi|dti", re.IGNORECASE),
    "adc": re.compile(r"adc|adcmap", re.IGNORECASE),
    "trace": re.compile(r"trace|tracew|isodwi", re.IGNORECASE),
    "flair": re.compile(r"flair|t2flair", re.IGNORECASE),
}
#: What a sentence calls it.
SPOKEN = {
    "dsc": "a DSC series",
    "ctp": "a CT perfusion series",
    "asl": "an ASL series",
    "m0scan": "an M0 image of ASL",
    "dwi": "a diffusion series",
    "adc": "an ADC map",
    "trace": "a trace image",
    "flair": "a FLAIR image",
}
#: Words in a name that say that a series follows a bolus.
_BOLUS = re.compile(r"dsc|pwi|perf|bolus|gad|contrast", re.IGNORECASE)
#: Of a first passage: the number of frames, the time between them, the echo time and the whole, s.
_FEWEST_FRAMES, _LONGEST_SPACING_S, _SHORTEST_ECHO_S, _LASTS_S = 20, 3.5, 0.012, (30.0, 180.0)
#: Entities that tell the series of a session apart.
_TOLD_APART = ("task", "ceagent", "acquisition", "reconstruction")


@dataclass(frozen=True)
class Lookalike:
    """Images of one naming that look like a scan of some kind.

    Attributes
    ----------
    kind : str
    filters : mapping
        What finds them: the entry of ``inputs``.
    files : tuple of File
    """

    kind: str
    filters: Mapping[str, str]
    files: tuple[File, ...]

    @property
    def entry(self) -> str:
        """The entry of the config that finds them."""
        return inputs_entry(self.kind, self.filters)


def inputs_entry(kind: str, filters: Mapping[str, str]) -> str:
    """Return the entry of the config that finds a kind of scan by filters."""
    said = ", ".join(f"{name}: {value}" for name, value in filters.items())
    return f"inputs: {{{kind}: {{{said}}}}}"


def misnamed(
    kind: str,
    filters: Mapping[str, Any],
    files: Sequence[File],
    found: Sequence[File],
    visits: Visits,
    taken: Collection[Path],
) -> Iterator[Scan]:
    """Yield the files that are a scan of a kind but for their name or their folder, or that look like one.

    Parameters
    ----------
    kind : str
    filters : mapping
        What finds the scans of the kind.
    files : sequence of File
        Of the study.
    found : sequence of File
        The scans of the kind.
    visits : Visits
    taken : collection of Path
        The scans of all kinds: none of them is a misnamed one of another.
    """
    near = list(near_misses(kind, filters, files, taken))
    for file, problem in near:
        yield visits.scan(file, kind, reason=file.fault or f"{file.path.name} is not used: {problem}")
    # one of the right ending was left out by the study's own filters
    others = [file for file in files if file.entities.get("suffix") != filters["suffix"]]
    for similar in find_lookalikes(kind, others, [*found, *(file for file, _ in near)]):
        what = f"it looks like {SPOKEN[kind]}; if it is, write `{similar.entry}` into the config"
        for file in similar.files:
            yield visits.scan(file, kind, reason=f"{file.path.name} is not used: {what}")


def near_misses(
    kind: str, filters: Mapping[str, Any], files: Iterable[File], taken: Collection[Path]
) -> Iterator[tuple[File, str]]:
    """Yield the files that would be a scan of a kind but for their name's ending or their folder, and which it is.

    Parameters
    ----------
    kind, filters, files
        See `misnamed`.
    taken : collection of Path
        What is a scan already.
    """
    wanted = str(filters["suffix"])
    named = re.compile(rf"_({re.escape(wanted)})(?![a-zA-Z0-9]).*\.", flags=re.IGNORECASE)
    elsewhere = {name: values for name, values in filters.items() if name != "datatype"}
    for file in files:
        if file.path in taken or file.path.name.endswith(TABLES) or not named.search(file.path.name):
            continue
        has = {name: str(file.entities[name]) for name in ("datatype", "suffix") if name in file.entities}
        remedy = f", or write `{inputs_entry(kind, has)}` into the config" if len(has) == 2 and file.is_image else ""
        if file.is_image and has.get("suffix") != wanted:
            yield file, f"the name should end in _{wanted}{remedy}"
        elif not file.is_image:
            yield file, f"the name should end in _{wanted}.nii.gz, and the file should be a NIfTI image"
        elif "datatype" in filters and select([file], kind, elsewhere):
            yield file, f"it should lie in a folder {filters['datatype']}{remedy}"


def find_lookalikes(kind: str, files: Sequence[File], found: Iterable[File]) -> Iterator[Lookalike]:
    """Find what looks like a kind of scan in sessions where none of that kind was found.

    Parameters
    ----------
    kind : str
        Of the kinds of scans.
    files : sequence of File
        Of the study; one of each naming is looked into.
    found : iterable of File
        What is, or nearly is, a scan of the kind.
    """
    has_it = {_visit(file) for file in found}
    named: dict[tuple[Any, ...], list[File]] = defaultdict(list)
    for file in files:
        entities = file.entities
        if not file.is_image or file.fault or not {"datatype", "suffix"} <= entities.keys():
            continue
        if (kind == "dsc" or _CALLED[kind].fullmatch(entities["suffix"])) and _visit(file) not in has_it:
            named[tuple(entities.get(name) for name in ("datatype", "suffix", *_TOLD_APART))].append(file)
    similar = {key: group for key, group in named.items() if kind != "dsc" or _is_series(group[0], files)}
    for key, group in similar.items():
        filters = {"datatype": str(key[0]), "suffix": str(key[1])}
        others = [other for other in named if other[:2] == key[:2] and other not in similar]
        for number, name in enumerate(_TOLD_APART, start=2):
            # only what tells them from a series that is none, such as one at rest
            if key[number] and any(other[number] != key[number] for other in others):
                filters[name] = str(key[number])
        yield Lookalike(kind, filters, tuple(group))


def _visit(file: File) -> tuple[str, str]:
    return str(file.entities.get("subject", "")), str(file.entities.get("session", ""))


def _is_series(file: File, files: Sequence[File]) -> bool:
    """Tell whether an image looks like a DSC series: by the words of its name, or by its timing."""
    suffix = str(file.entities["suffix"])
    try:
        header = nifti.read_header(file.path)
    except DataFault:
        return False
    frames = header.shape[3] if len(header.shape) > 3 else 1
    if frames < _FEWEST_FRAMES or suffix in ("dwi", "asl", "ctp"):
        return False
    said = _sidecar(file, files)
    words = " ".join(str(file.entities.get(name, "")) for name in _TOLD_APART)
    if "ContrastBolusIngredient" in said or _BOLUS.search(words) or _CALLED["dsc"].fullmatch(suffix):
        return True
    spacing, echo = said.get("RepetitionTime", header.frame_spacing_s), said.get("EchoTime")
    if not isinstance(spacing, int | float) or not 0 < spacing <= _LONGEST_SPACING_S or "rest" in words.lower():
        return False
    is_weighted = isinstance(echo, int | float) and echo >= _SHORTEST_ECHO_S
    return is_weighted and _LASTS_S[0] <= frames * spacing <= _LASTS_S[1]


def _sidecar(file: File, files: Iterable[File]) -> dict[str, Any]:
    """Return what the sidecars of an image say, as far as they can be read."""
    tables = Inherited(other for other in files if other.entities.get("suffix") == file.entities["suffix"])
    said: dict[str, Any] = {}
    for path in tables.of(file, ".json"):
        try:
            content = json.loads(read_text(path))
        except (DataFault, ValueError, RecursionError):
            continue
        said |= content if isinstance(content, dict) else {}
    return said
