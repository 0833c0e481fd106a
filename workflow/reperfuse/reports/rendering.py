"""Templates filled in: whatever a table says is escaped, and no script runs but ours, known by its hash."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, *, scripts: Sequence[str] = (), **content: Any) -> str:
    """Fill in a template.

    Parameters
    ----------
    template : str
        Name of its file.
    scripts : sequence of str
        Names of the files of the page's scripts; no other runs.
    **content
        What the template asks for.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    import jinja2
    import markupsafe

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    sources = [(_TEMPLATES / script).read_text(encoding="utf-8") for script in scripts]
    return environment.get_template(template).render(
        scripts=[markupsafe.Markup(source) for source in sources],
        script_hashes=[_policy_hash(source) for source in sources],
        **content,
    )


def _policy_hash(source: str) -> str:
    """Return what a browser compares with the text between a script's tags, before it runs it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")


def embedded(png: bytes) -> str:
    """Return a picture as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
