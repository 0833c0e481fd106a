"""The table of faults, docs/validation/faults.md, from the declarations of the corpus.

To write it anew: ``PYTHONPATH=workflow:tests python -m damages.faults_page > docs/validation/faults.md``.
"""

import sys

from damages import SUBJECTS, Damage, corpus

_HEAD = """\
# Faults, and what becomes of them

What can be wrong with a study, where it is found, what is said of it, and what is still computed. Each line is a test.
Reasons stand in `group/failures.tsv` and on the pages. Where something is lost, what is compared with it is lost too.

| found at | when |
|---|---|
| start | the run stops before its first job and says why |
| indexing | in names, headers, sidecars and tables, before the first job |
| step | when the data are read |

This page is made by `PYTHONPATH=workflow:tests python -m damages.faults_page > docs/validation/faults.md`.
"""
_REST = {
    "dsc": "all but perfusion",
    "dwi": "all but diffusion",
    "adc": "all but diffusion",
    "flair": "all but what is drawn on FLAIR",
    "patient": "every other patient",
    "session": "every other session",
    "all": "nothing",
}


def _still_computed(damage: Damage) -> str:
    if damage.costs == "lesion":
        return "all but what needs the lesion" if damage.found == "step" else "all, by an automatic lesion"
    return _REST.get(damage.costs, f"all but `{damage.costs}`" if damage.costs else "all")


def _row(damage: Damage) -> str:
    quoted = damage.says.replace("|", "\\|")
    words = f"… {quoted} …" if damage.says else ("a reason" if damage.costs else "nothing: it is understood")
    name = damage.name.replace("|", "\\|").replace("<", "&lt;")
    return f"| {name} | {damage.found} | {words.replace('<', '&lt;')} | {_still_computed(damage)} |"


def page() -> str:
    """Return the page."""
    lines = [_HEAD]
    for subject, title in SUBJECTS.items():
        rows = [_row(damage) for name, damage in corpus().items() if name.startswith(f"{subject}: ")]
        lines += [
            f"## {title}\n",
            "| fault | found at | what is said | still computed |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())
