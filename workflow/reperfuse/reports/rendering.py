"""Templates filled in: whatever a table says is escaped, and no script runs but ours, known by its hash."""

import base64
import hashlib
from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, *, script: str = "", **content: Any) -> str:
    """Fill in a template.

    Parameters
    ----------
    template : str
        Name of its file.
    script : str
        Name of the file of the page's script; none runs without one.
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
    source = (_TEMPLATES / script).read_text(encoding="utf-8") if script else ""
    # the browser compares this with what stands between the script's tags
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")
    return environment.get_template(template).render(
        script=markupsafe.Markup(source), script_hash=f"sha256-{digest}", **content
    )


def embedded(png: bytes) -> str:
    """Return a picture as an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
