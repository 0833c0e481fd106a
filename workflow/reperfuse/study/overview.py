"""What was found of a study, what was not, and what can be computed of it for how many: a screen of plain text."""

import shlex
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reperfuse.study import absences
from reperfuse.study.given import GIVEN, find_folders
from reperfuse.study.guesses import Roles, dated, guess_columns, guess_roles
from reperfuse.study.plan import Plan
from reperfuse.study.possible import INSTEAD, Share, numbered, shares, split

#: What a line calls each kind of scan, and of what is given.
_SCANS = {
    **{"dsc": "DSC", "ctp": "CT perfusion", "asl": "ASL"},
    **{"dwi": "diffusion series", "adc": "ADC maps", "trace": "trace images", "flair": "FLAIR"},
}
_GIVEN = {"lesion": "lesion masks", "brain": "brain masks", "aif": "arterial inputs"}
#: Reasons of scans that are not used, and names in a list, that fit on a screen.
_MOST_REASONS, _MOST_NAMES = 4, 8


@dataclass(frozen=True)
class Overview:
    """What is known of a study before anything is computed.

    Attributes
    ----------
    study : str
        Its folder.
    patients, sessions : int
    roles : mapping
        How many patients have a session of each role, and its labels.
    without_role : mapping of str to int
        Patients who have a session of each label without a role.
    scans, given : mapping of str to int
        Usable scans of each kind, and what was drawn by hand.
    columns : list of str
        The clinical columns that the tables have.
    missing : list of str
        Sentences of what was not found, or is not used.
    guess : Roles or None
        Where sessions have no role: which they may have.
    shares : list of Share
        What can be computed.
    """

    study: str
    patients: int
    sessions: int
    roles: Mapping[str, tuple[int, list[str]]]
    without_role: Mapping[str, int]
    scans: Mapping[str, int]
    given: Mapping[str, int]
    columns: list[str]
    missing: list[str]
    guess: Roles | None
    shares: list[Share]

    @property
    def is_computable(self) -> bool:
        """Whether anything can be computed."""
        return any(share.able for share in self.shares)

    def lines(self) -> list[str]:
        """Return what is to be printed."""
        roles = [f"{role} {number} ({', '.join(labels)})" for role, (number, labels) in self.roles.items()]
        others = ", ".join(f"{label} ({number})" for label, number in list(self.without_role.items())[:_MOST_NAMES])
        scans = [f"{self.scans[kind]} {called}" for kind, called in _SCANS.items() if self.scans[kind]]
        given = [f"{self.given[kind]} {called}" for kind, called in _GIVEN.items() if self.given[kind]]
        found = {
            "study": f"{self.study}: {numbered(self.patients, 'patient')}, {numbered(self.sessions, 'session')}",
            "sessions": f"{', '.join(roles) or 'none has a role'}" + (f"; without a role: {others}" if others else ""),
            "scans": ", ".join(scans) or "none that can be used",
            "given": ", ".join(given) or "no lesion or brain mask, no arterial input",
            "clinical": f"{numbered(len(self.columns), 'known column')}: {_shortened(self.columns)}",
        }
        lines = [f"{name:<10}{text}" for name, text in found.items()]
        lines += [f"{'not found' if not number else '':<10}{text}" for number, text in enumerate(self.missing)]
        lines += [
            f"can be computed, of {numbered(self.patients, 'patient')}:",
            *(share.line() for share in self.shares),
        ]
        if self.guess:
            lines += [f"the roles of the sessions, guessed by {self.guess.basis}; check, and put into study.yaml:"]
            lines += self.guess.block()
        if self.guess or any("into the config" in sentence for sentence in self.missing):
            command = shlex.join(["reperfuse", "init", str(self.study)])
            lines.append(f"`{command}` writes a study.yaml with what can be guessed of this")
        return lines


def _shortened(names: Sequence[str]) -> str:
    """Return names as a list that fits on a line."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "") or "none"


def look(plan: Plan) -> Overview:
    """Return what is known of a study."""
    manifest = plan.manifest
    people = {scan.participant for scan in manifest.scans} - {"n/a"}
    roles: dict[str, tuple[int, list[str]]] = {}
    visits = [(subject, session, plan.role(subject, session)) for subject, session in _visits(plan)]
    for role in absences.labels_of_roles(plan):
        own = [(subject, session) for subject, session, one in visits if one == role]
        if own:
            roles[role] = len({subject for subject, _ in own}), sorted({session for _, session in own})
    without = Counter(session for _, session, role in visits if not role)
    usable = Counter(scan.kind.partition("_")[0] for scan in manifest.scans if not scan.reason)
    guess = _guessed(plan) if without and len(roles) < len(absences.labels_of_roles(plan)) else None
    return Overview(
        study=str(plan.config["bids_dir"]),
        patients=len(people),
        sessions=len(visits),
        roles=roles,
        without_role=dict(sorted(without.items())),
        scans={kind: usable[kind] for kind in _SCANS},
        given={kind: usable[kind] for kind in _GIVEN},
        columns=[name for name, called in plan.config["columns"].items() if plan.clinical.has(called)],
        missing=[*_missing_roles(plan, roles), *_unused(plan), *_missing_tables(plan), *_not_given(plan)],
        guess=guess,
        shares=shares(plan, sorted(people)),
    )


def _visits(plan: Plan) -> Iterator[tuple[str, str]]:
    return ((subject, session) for subject in plan.subjects for session in plan.sessions(subject))


def tell(plan: Plan) -> None:
    """Print what is known of a study, beside what Snakemake prints."""
    print("\n".join(look(plan).lines()), file=sys.stderr, flush=True)


def _guessed(plan: Plan) -> Roles | None:
    guess = guess_roles(dated(plan.clinical, {subject: plan.sessions(subject) for subject in plan.subjects}))
    return guess if guess.labels else None


def _missing_roles(plan: Plan, roles: Mapping[str, object]) -> Iterator[str]:
    """Yield which roles no session has."""
    absent = {role: called for role, called in absences.labels_of_roles(plan).items() if role not in roles}
    if not absent or not plan.subjects:
        return
    *others, last = [role if role == called else f"{role} ({called})" for role, called in absent.items()]
    wanted = f"{', '.join(others)} or {last}" if others else last
    labels = ", ".join(sorted({session for _, session in _visits(plan)})[:20])
    if any("_ses-" in Path(scan.path).name for scan in plan.manifest.scans if scan.session):
        yield f"no session has the role {wanted}; the study has {labels}; see `sessions` in the config"
    else:
        yield (
            f"no session has the role {wanted}: the study has no ses- folders, and its scans are taken as {labels} "
            "(`role_without_session` in the config)"
        )


def _unused(plan: Plan) -> Iterator[str]:
    """Yield why scans are not used, the most frequent reasons."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for scan in plan.manifest.scans:
        if scan.reason and INSTEAD not in scan.reason:
            name, problem = split(scan.reason)
            reasons[problem].append(name)
    by_number = sorted(reasons.items(), key=lambda pair: -len(pair[1]))
    for problem, names in by_number[:_MOST_REASONS]:
        named = f" ({names[0]})" if names[0] and len(names) == 1 else f" (such as {names[0]})" if names[0] else ""
        yield f"{len(names)} not used{named}: {problem}"
    if rest := sum(len(names) for _, names in by_number[_MOST_REASONS:]):
        yield f"{rest} not used for {len(by_number) - _MOST_REASONS} other reasons"


def _missing_tables(plan: Plan) -> Iterator[str]:
    """Yield what is wrong with the tables, and the columns that may be one under another name."""
    for table, note in plan.clinical.notes():
        yield note if note.startswith(table) else f"{table}: {note}"
    noted = {subject: dict(plan.clinical.notes_of(subject)) for subject in plan.subjects}
    without = [subject for subject, notes in noted.items() if "participants.tsv" in notes]
    if without:
        yield f"participants.tsv has no row that can be used for {len(without)} patients, such as sub-{without[0]}"
    if misread := [f"{column} ({number})" for column, number in plan.clinical.misread().items()]:
        yield f"values of participants.tsv that are not understood, and count as unknown: {', '.join(misread)}"
    sure, unsure = guess_columns(sorted(plan.clinical.columns), plan.config["columns"])
    similar = [f"{name} ({key}?)" for key, name in sure.items()]
    similar += [f"{', '.join(names)} ({key}?)" for key, names in unsure.items()]
    if similar:
        yield f"columns that may be known ones: {', '.join(similar[:_MOST_NAMES])}; see `columns` in the config"


def _not_given(plan: Plan) -> Iterator[str]:
    """Yield the folders in the study that hold masks and that the config does not name."""
    folders = find_folders(Path(plan.config["bids_dir"]), Path(plan.config["output_dir"]))
    for kind, found in folders.items():
        if found and not plan.config[GIVEN[kind].key]:
            yield f"{GIVEN[kind].key} is not set, and {found[0]} holds {_GIVEN[kind]}"
