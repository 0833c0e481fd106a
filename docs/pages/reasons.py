"""Every reason that may be given, for docs/troubleshooting.md: the sentences in the code, … where a value stands.

A sentence is a text of three words or more that is neither documentation nor an entry of a sidecar. Of the modules that
draw figures, or are a command, only what they raise is one. Which module speaks of which subject is told once, in
`SUBJECTS`; a module that raises a fault must be there.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pages.markdown import escape, item

PACKAGE = Path(__file__).parents[2] / "workflow" / "reperfuse"

#: Subject to the modules that speak of it.
SUBJECTS = {
    "names and folders": ("study/index", "study/layout", "study/given", "files/originals"),
    "sessions": ("study/absences", "study/visits"),
    "images": ("files/nifti",),
    "sidecars": ("study/acquisition", "study/series", "study/labelling", "files/sidecars"),
    "tables": ("study/people", "study/clinical", "files/tables", "files/workbooks"),
    "content": ("head/brain", "head/content", "head/coverage", "head/mirror", "head/alignment"),
    "masks": ("head/given", "interfaces/lesion"),
    "series": (
        "interfaces/motion",
        "perfusion/motion",
        "perfusion/passage",
        "perfusion/bolus",
        "perfusion/arrival",
        "perfusion/curves",
    ),
    "CT series": (
        "head/bone",
        "interfaces/ct",
        "perfusion/attenuation",
        "perfusion/ct_motion",
        "perfusion/sampling",
    ),
    "arterial input": (
        "interfaces/arteries",
        "perfusion/arteries",
        "perfusion/arterial_input",
        "perfusion/deconvolution",
        "perfusion/delay",
    ),
    "maps": ("perfusion/hypoperfusion", "perfusion/leakage", "interfaces/perfusion", "interfaces/hypoperfusion"),
    "labelling": (
        "interfaces/labelling",
        "interfaces/low_flow",
        "perfusion/label_pairs",
        "perfusion/label_motion",
        "perfusion/low_flow",
    ),
    "diffusion": ("diffusion/adc", "diffusion/plausible", "diffusion/units", "interfaces/diffusion"),
    "registration": (
        "registration/ants",
        "registration/rigid",
        "interfaces/registration",
        "serial/swelling",
        "interfaces/growth",
    ),
    "reflow": ("serial/imr", "serial/verdict", "serial/definitions", "interfaces/reflow", "interfaces/patient"),
    "criteria": ("mismatch/session", "mismatch/doubts"),
    "ratings": ("study/ratings",),
    "figures": (
        "analysis/figures/effects",
        "analysis/figures/flow",
        "analysis/figures/growth",
        "analysis/figures/imr_by_mtici",
        "analysis/figures/mrs",
        "analysis/figures/nihss_imr",
        "analysis/figures/profile_outcome",
        "analysis/figures/specification_curve",
    ),
    "config": (
        "command/check",
        "command/init",
        "command/settings_file",
        "study/folder",
        "study/settings",
        "study/start",
        "study/yaml_lines",
        "study/analysed",
        "study/results",
    ),
}
#: Modules that only hand on the reasons of others.
HANDED_ON = ("interfaces/base", "interfaces/visits")
_WORDS = 3
_LONG = 9  # characters of a sentence that is not found anywhere
_GAP = "…"


def part(subject: str) -> str:
    """Return the sentences of a subject, an entry each."""
    found = dict.fromkeys(text for module in SUBJECTS[subject] for text in sentences(PACKAGE / f"{module}.py"))
    return "\n".join(item(escape(text)) for text in found)


@cache
def _patterns() -> list[re.Pattern[str]]:
    """Return what finds each sentence, whatever values stand in it."""
    files = [PACKAGE / f"{module}.py" for modules in SUBJECTS.values() for module in modules]
    found = {text for file in files for text in sentences(file)}
    return [re.compile(".*".join(map(re.escape, text.split(_GAP))), re.DOTALL) for text in found if len(text) > _LONG]


def is_listed(said: str) -> bool:
    """Tell whether one of the sentences stands in what is said."""
    return any(pattern.search(said) for pattern in _patterns())


def faulty_modules() -> set[str]:
    """Return the modules that raise a fault of the data, the study or the config."""
    return {
        str(path.relative_to(PACKAGE).with_suffix(""))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"(?<!class )(DataFault|StudyError|ConfigError)\(", path.read_text(encoding="utf-8"))
    }


def sentences(path: Path) -> Iterator[str]:
    """Yield what a module may say, in the order of its lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.parent.name in ("figures", "command"):
        raised = (node for node in ast.walk(tree) if isinstance(node, ast.Raise))
        return (text for node in raised for text in _said(node, within_class=False))
    return _said(tree, within_class=False)


def _said(node: ast.AST, *, within_class: bool) -> Iterator[str]:
    if isinstance(node, ast.Constant | ast.JoinedStr):
        text = _text(node)
        if len(text.split()) >= _WORDS and re.match(r"(?![,(])(?=.*[a-z]{2}.* .*[a-z]{2})", text):
            yield text
    if _is_silent(node, within_class=within_class):
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant):
            continue  # a part of what is yielded above
        yield from _said(child, within_class=isinstance(node, ast.ClassDef))


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else _GAP for part in node.values)
    return node.value.replace("{}", _GAP) if isinstance(node.value, str) else ""


def _is_silent(node: ast.AST, *, within_class: bool) -> bool:
    """Tell whether the texts below a node are no sentences to a user."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True  # documentation
    if within_class and isinstance(node, ast.Assign | ast.AnnAssign):
        return True  # files and options of a step
    if isinstance(node, ast.keyword):
        return bool(node.arg and node.arg[0].isupper())  # an entry of a sidecar
    if isinstance(node, ast.Dict):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        return bool(keys) and all(str(key)[:1].isupper() for key in keys)  # the same
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", "") in ("filterwarnings", "simplefilter")
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        return getattr(node.exc.func, "id", "") in ("TypeError", "ValueError", "RuntimeError")
    return False
