"""What becomes of damaged scans and tables, for docs/validation/faults.md, as the corpus declares it."""

from damages import Damage, corpus

_REST = {
    "dsc": "all but perfusion",
    "dwi": "all but diffusion",
    "adc": "all but diffusion",
    "flair": "all but what is drawn on FLAIR",
    "patient": "every other patient",
    "session": "every other session",
    "all": "nothing",
}


def part(subject: str) -> str:
    """Return the damages of a subject, a row each."""
    rows = [_row(damage) for name, damage in corpus().items() if name.startswith(f"{subject}: ")]
    return "\n".join(["| fault | found at | what is said | still computed |", "|---|---|---|---|", *rows])


def _row(damage: Damage) -> str:
    quoted = damage.says.replace("|", "\\|")
    words = f"… {quoted} …" if damage.says else ("a reason" if damage.costs else "nothing: it is understood")
    name = damage.name.replace("|", "\\|").replace("<", "&lt;")
    return f"| {name} | {damage.found} | {words.replace('<', '&lt;')} | {_still_computed(damage)} |"


def _still_computed(damage: Damage) -> str:
    if damage.costs == "lesion":
        return "all but what needs the lesion" if damage.found == "step" else "all, by an automatic lesion"
    return _REST.get(damage.costs, f"all but `{damage.costs}`" if damage.costs else "all")
