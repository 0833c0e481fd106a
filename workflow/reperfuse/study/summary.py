"""What a run says at its end: how the sessions fared, the most frequent reasons, and where the results are."""

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from reperfuse.files.tables import read_rows
from reperfuse.study import results

_KEPT = "What was finished is kept: the same command resumes where it stopped."
#: How a run ends that was stopped.
STOPPED = f"Stopped. {_KEPT}"

_STATUS = {"ok": "ok", "warn": "with a warning", "failed": "failed"}
#: Reasons told at the end, and how much of each; all of them are in the tables.
_REASONS, _WIDTH = 3, 110
#: What differs between two reasons that are the same: whose file it is, and how much.
_PARTICULAR = re.compile(r"\bsub-[\w-]+(?:\.\w+)*|[-+]?\d+(?:\.\d+)?")


def finished(output_dir: Path, tables: Path | None, took: timedelta, *, has_pages: bool) -> str:
    """Say how a run that went through ended.

    Parameters
    ----------
    output_dir : Path
    tables : Path or None
        Folder of the study's tables; None where this run asks for none.
    took : timedelta
    has_pages : bool
        Patients have pages.
    """
    said, places = [], {}
    if tables is not None:
        sessions, failures = read_rows(tables / "sessions.tsv"), read_rows(tables / "failures.tsv")
        said.append(f"Sessions: {outcomes(sessions)}.")
        if frequent := most_frequent(sessions, failures):
            said.append("The most frequent reasons (sessions.tsv and failures.tsv hold all):")
            said += [f"  {number} x  {reason}" for reason, number in frequent]
        places = {"study": output_dir / "group.html", "tables": output_dir / "group"}
    if has_pages:
        places["patients"] = output_dir / "sub-<label>.html"
    said.append(f"Finished in {duration(took)}. The results are in {output_dir}")
    said += [f"  {name:<8}  {place}" for name, place in places.items()]
    return "\n".join(said)


def unfinished(output_dir: Path, *, has_failed: bool) -> str:
    """Say how a run that did not go through ended: steps failed, or it was stopped."""
    if not has_failed:
        return STOPPED
    said = [f"Some steps failed; a line above names each. Their logs are in {output_dir / 'logs'}."]
    return "\n".join([*said, *(f"  {crash}" for crash in results.crashes(output_dir)), _KEPT])


def outcomes(sessions: Iterable[Mapping[str, str]]) -> str:
    """Count the sessions of each status, such as ``6 ok, 2 with a warning, 1 failed``."""
    counts = Counter(row["status"] for row in sessions)
    return ", ".join(f"{counts[status]} {words}" for status, words in _STATUS.items())


def most_frequent(
    sessions: Iterable[Mapping[str, str]], failures: Iterable[Mapping[str, str]]
) -> list[tuple[str, int]]:
    """Return the most frequent reasons why sessions are not ok and patients lack a result, and how many have each.

    Numbers and names of files are left out, so that the same reason is one.
    """
    counts: Counter[str] = Counter()  # of two that are as frequent, the one that is met first comes first
    for row in sessions:
        if row["status"] != "ok" and row["reasons"] != "n/a":
            counts.update(list(dict.fromkeys(_general(reason) for reason in _apart(row["reasons"]))))
    # those of a session are among its reasons
    of_patients = dict.fromkeys(
        (row["participant_id"], _general(f"{row['what']}: {row['reason']}"))
        for row in failures
        if row["session_id"] == "n/a"
    )
    counts.update(reason for _, reason in of_patients)
    return [(textwrap.shorten(reason, _WIDTH, placeholder=" …"), n) for reason, n in counts.most_common(_REASONS)]


def _apart(reasons: str) -> Iterator[str]:
    """Take a session's reasons apart, of which each begins with what it is about."""
    yield from re.split(r"; (?=\w+: )", reasons)


def _general(reason: str) -> str:
    return _PARTICULAR.sub("…", reason)


def duration(took: timedelta) -> str:
    """Say how long something took, such as ``48 s``, ``8 min`` or ``2 h 10 min``."""
    seconds = round(took.total_seconds())
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
