"""The parts of the documentation that are made from the code.

A page holds prose and, between two comments, what is made: ``<!-- made: files -->`` … ``<!-- end -->``. To write all of
them anew: ``PYTHONPATH=workflow:tests:docs python -m pages``. A test holds the pages equal to what the code says.
"""

import re
from collections.abc import Callable
from pathlib import Path

from pages import faults, files, reasons

DOCS = Path(__file__).parents[1]

#: What stands between the comments, by page and by what the first of them names.
MADE: dict[str, Callable[[str], str]] = {
    "outputs.md": files.part,
    "troubleshooting.md": reasons.part,
    "validation/faults.md": faults.part,
}

_PART = re.compile(r"(<!-- made: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(name: str) -> str:
    """Return a page with its parts made anew."""
    text = (DOCS / name).read_text(encoding="utf-8")
    return _PART.sub(lambda found: f"{found[1]}\n{MADE[name](found[2])}\n\n{found[3]}", text)


def parts(name: str) -> list[str]:
    """Return which parts a page has."""
    return [found[2] for found in _PART.finditer((DOCS / name).read_text(encoding="utf-8"))]
