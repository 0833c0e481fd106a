"""The site: sphinx-build -W docs docs/_build/html. Nothing is fetched while it is built."""

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow"))

import reperfuse  # noqa: E402
from docutils.nodes import SkipNode  # noqa: E402
from latex2mathml.converter import convert  # noqa: E402

project = "reperfuse"
author = "The reperfuse developers"
copyright = author
version = release = reperfuse.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "paper", "**/.ipynb_checkpoints"]
html_theme = "furo"
html_title = f"reperfuse {release}"
html_show_sphinx = False
smartquotes = False  # quotes and dashes are pasted into a terminal
html_static_path = ["_static"]
html_css_files = ["formulas.css"]
html_math_renderer = "mathml"  # drawn by the browser: no script, no network

# a link to a page, a heading or a file that is not there is a warning, and so an error; anchors are those of GitHub
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]

# the notebook is computed anew each time
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300

napoleon_google_docstring = False
napoleon_use_param = False  # types are words, not links
napoleon_use_rtype = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
default_role = "literal"


#: Pages whose text is a file outside of this folder.
OUTSIDE = {"changelog": "CHANGELOG.md", "configuration": "config/README.md", "contributing": "CONTRIBUTING.md"}
_LINK = re.compile(r"\]\((?!\w+:|#|/)([^)#\s]+)")


def take_outside(_app: Any, page: str, source: list[str]) -> None:
    """Take the text of a page from the file it stands for, and let links to such files lead to their pages."""
    here = ROOT / OUTSIDE.get(page, f"docs/{page}.md")
    if page in OUTSIDE:
        source[0] = here.read_text(encoding="utf-8")
    pages = {ROOT / name: f"/{page}.md" for page, name in OUTSIDE.items()}

    def leads(link: re.Match[str]) -> str:
        meant = (here.parent / link[1]).resolve()
        if page not in OUTSIDE and meant not in pages:
            return link[0]
        return f"]({pages.get(meant) or Path(os.path.relpath(meant, (ROOT / 'docs' / page).parent))}"

    source[0] = _LINK.sub(leads, source[0])


def describe_files(_app: Any, what: str, name: str, _step: Any, _options: Any, lines: list[str]) -> None:
    """Append the files and options of a step to its description: they are declared as traits."""
    module, _, called = name.rpartition(".")
    if what != "class" or not module.startswith("reperfuse.interfaces"):
        return
    step = getattr(importlib.import_module(module), called)
    for title, traits in (("Inputs", step.input_spec().traits()), ("Outputs", step.output_spec().traits())):
        told = {name: trait for name, trait in traits.items() if trait.desc}
        lines += ["", f"**{title}**", ""]
        for name, trait in sorted(told.items(), key=lambda item: (not item[1].mandatory, item[0])):
            lines.append(
                f"- ``{name}``{' (required)' if trait.mandatory else ''}: {trait.desc.replace('*', chr(92) + '*')}"
            )
    lines.append("")


def inline_math(writer: Any, node: Any) -> None:
    """Write a formula as MathML."""
    writer.body.append(convert(node.astext()))
    raise SkipNode


def block_math(writer: Any, node: Any) -> None:
    """Write a formula on a line of its own."""
    text = re.sub(r"\\(begin|end)\{aligned\}", r"\\\1{align*}", node.astext())  # which the converter knows
    writer.body.append(f"<div>{convert(text, display='block')}</div>")
    raise SkipNode


def setup(app: Any) -> None:
    """Let Sphinx take pages from outside, describe the steps, and write formulas."""
    app.connect("source-read", take_outside)
    app.connect("autodoc-process-docstring", describe_files)
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
