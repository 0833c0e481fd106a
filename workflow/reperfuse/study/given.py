"""What a study gives for its scans: lesions, brains and arteries drawn by hand or by another program."""

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from reperfuse.faults import DataFault
from reperfuse.files.originals import begin
from reperfuse.study.layout import File
from reperfuse.study.manifest import Scan, StudyError
from reperfuse.study.visits import Visits


@dataclass(frozen=True)
class Given:
    """A kind of file that may be given.

    Attributes
    ----------
    key : str
        Of the configuration, which names its folder.
    endings : tuple of str
        How its name ends.
    places : tuple of str
        Datatypes it may lie in, in the order in which one is used before another.
    """

    key: str
    endings: tuple[str, ...]
    places: tuple[str, ...]


GIVEN = {
    "lesion": Given("lesion_masks", ("label-L_mask.nii.gz", "label-L_mask.nii"), ("dwi", "anat", "perf")),
    "aif": Given(
        "arterial_inputs",
        ("label-AIF_mask.nii.gz", "label-AIF_mask.nii", "desc-manual_timeseries.tsv"),
        ("perf",),
    ),
    "brain": Given("brain_masks", ("desc-brain_mask.nii.gz", "desc-brain_mask.nii"), ("dwi", "anat", "perf")),
}
#: What the settings of a given file call the reason why it cannot be read.
UNREADABLE = "unreadable"
#: The infarct as ISLES gives it, beside the images it was drawn on; other masks of theirs are of arteries.
_ISLES = re.compile(
    r"sub-(?P<subject>[a-zA-Z0-9]+)_ses-(?P<session>[a-zA-Z0-9]+)_(space-[a-zA-Z0-9]+_)?(lesion-)?msk\.nii(\.gz)?"
)
_NAME = re.compile(r"sub-(?P<subject>[a-zA-Z0-9]+)_(ses-(?P<session>[a-zA-Z0-9]+)_)?(.*_)?(?P<ending>[^_]+_[^_]+)$")


#: Files of a folder that are looked at to tell what it holds.
_LOOKED_AT = 2000
#: A name of which no part can be that of a person.
_HARMLESS = re.compile(
    r"(sub-[a-zA-Z0-9]+_)?([a-z]+-[a-zA-Z0-9]+_)*(mask|msk|roi|seg|dseg|probseg|lesion|timeseries)\.(nii|nii\.gz|tsv)"
)


def find_given(kind: str, folder: Path, visits: Visits, subjects: Collection[str]) -> list[Scan]:
    """Find what is given for the scans of a study; what lies in the folder and is not used is named.

    Parameters
    ----------
    kind : str
        Of `GIVEN`.
    folder : Path
    visits : Visits
    subjects : collection of str
        Labels of the study's patients.

    Returns
    -------
    list of Scan
        A brain mask's kind is ``brain_<datatype>``.

    Raises
    ------
    StudyError
        If there is no such folder, it or a folder in it may not be read, or no file in it is named as it should be.
    """
    what = GIVEN[kind]
    if not folder.is_dir():
        raise StudyError(f"{what.key}: there is no folder {folder}; check the path")
    files = _files(kind, folder)
    scans = [_read(kind, path, folder, visits) for path in files]
    if scans and all(scan.reason.endswith(_expected(what)) for scan in scans):
        # on the terminal alone, so the name may be given
        named = files[0].name
        raise StudyError(f"{what.key}: no file in {folder} can be used, for example {named}; {_expected(what)}")
    return [_of_study(scan, subjects) for scan in _first_of_each(what, scans)]


def find_folders(bids_dir: Path, output_dir: Path) -> dict[str, list[Path]]:
    """Return the folders of the study's derivatives that hold files named as what may be given, by kind.

    A brain mask is not looked for: other programs write one for each scan, on grids of their own.
    """
    found: dict[str, list[Path]] = {"lesion": [], "aif": []}
    for folder in sorted((bids_dir / "derivatives").glob("*/")):
        if folder.resolve() == output_dir.resolve():
            continue
        named = islice((name for _, _, names in os.walk(folder) for name in names), _LOOKED_AT)
        endings = {kind for name in named for kind in found if name.endswith(GIVEN[kind].endings)}
        for kind in endings:
            found[kind].append(folder)
    return found


def _of_study(scan: Scan, subjects: Collection[str]) -> Scan:
    """Return a row, without a session where it is of nobody in the study: it makes no patient."""
    if scan.participant in subjects:
        return scan
    return replace(scan, session="", role="", reason=scan.reason or _nobody(scan))


def _nobody(scan: Scan) -> str:
    return f"{Path(scan.path).name} is not used: the study has no patient sub-{scan.participant}; check the label"


def _files(kind: str, folder: Path) -> list[Path]:
    endings = (".nii", ".nii.gz", ".tsv") if kind == "aif" else (".nii", ".nii.gz")

    def refuse(error: OSError) -> None:
        # what it holds would be taken for what nobody has given
        raise StudyError(f"{GIVEN[kind].key}: the folder {error.filename} may not be read; correct its permissions")

    inside = ((Path(place), (*names, *files)) for place, names, files in os.walk(folder, onerror=refuse))
    found = (place / name for place, names in inside for name in names)
    files = sorted(path for path in found if path.name.endswith(endings) and not path.name.startswith("."))
    isles = [path for path in files if kind == "lesion" and _is_isles(path)]
    return isles or files  # they lie among images that nobody takes for masks


def _is_isles(path: Path) -> bool:
    return path.parent.name.startswith("ses-") and _ISLES.fullmatch(path.name) is not None


def _expected(what: Given) -> str:
    return f"a file should lie in {' or '.join(what.places)} and be named sub-<label>_ses-<label>_{what.endings[0]}"


def _read(kind: str, path: Path, folder: Path, visits: Visits) -> Scan:
    what, datatype, named = GIVEN[kind], path.parent.name, _NAME.match(path.name)
    if kind == "lesion" and _is_isles(path):
        datatype, named = "dwi", _ISLES.fullmatch(path.name)
    elif not named or named["ending"] not in what.endings or datatype not in what.places:
        inside = path.relative_to(folder).parts
        own = next((part.removeprefix("sub-") for part in inside if re.match(r"sub-[a-zA-Z0-9]+$", part)), "n/a")
        # a name of another kind may be a patient's, and is not repeated
        is_harmless = _HARMLESS.fullmatch(path.name) is not None
        shown, place = (path.name, path) if is_harmless else (f"a file in {_place(inside)}", path.parent)
        return visits.scan(File(place, {"subject": own}), kind, reason=f"{shown} is not used: {_expected(what)}")
    assert named
    entities = {"subject": named["subject"]} | ({"session": named["session"]} if named["session"] else {})
    fault = ""
    for part in path.relative_to(folder).parts[:-1]:
        for prefix, entity in (("sub-", "subject"), ("ses-", "session")):
            label = part.removeprefix(prefix)
            if part.startswith(prefix) and label != entities.setdefault(entity, label):
                fault = f"{path.name} lies in the folder {part}; correct the name that is wrong"
                entities[entity] = label  # who looks for it looks there
    called = f"brain_{datatype}" if kind == "brain" else kind
    settings = {"datatype": datatype} | ({} if fault else _unreadable(path))
    return visits.scan(File(path.absolute(), entities), called, settings, fault)


def _unreadable(path: Path) -> dict[str, str]:
    """Return why a file cannot be read, if so: it was meant to be used, so nothing else may stand in for it."""
    try:
        begin(path)
    except DataFault as fault:
        return {UNREADABLE: str(fault)}
    return {}


def _place(inside: Sequence[str]) -> str:
    """Return the folders of a file as far as they are labels of BIDS."""
    labels = [part for part in inside[:-1] if re.fullmatch(r"(sub|ses)-[a-zA-Z0-9]+", part)]
    return "/".join(labels) or "the folder named in the config"


def _first_of_each(what: Given, scans: list[Scan]) -> Iterator[Scan]:
    """Yield all, the second and later of one kind of a session with the reason that another is used.

    One that cannot be read comes last, and its own reason is given.
    """

    def rank(scan: Scan) -> tuple[bool, int, int, str]:
        settings = json.loads(scan.settings)
        datatype, name = settings.get("datatype", ""), Path(scan.path).name
        order = next((number for number, ending in enumerate(what.endings) if name.endswith(ending)), 9)
        place = what.places.index(datatype) if datatype in what.places else 9
        return UNREADABLE in settings, place, order, name

    used: dict[tuple[str, str, str], str] = {}
    for scan in sorted(scans, key=rank):
        place, name = (scan.participant, scan.session, scan.kind), Path(scan.path).name
        if not scan.reason and place in used:
            instead = f"{name}: {used[place]} of the same session is used instead"
            yield replace(scan, reason=json.loads(scan.settings).get(UNREADABLE, instead))
            continue
        if not scan.reason:
            used[place] = name
        yield scan
