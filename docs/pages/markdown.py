"""Markdown of words that are not written in Markdown, in lines of 120 characters."""

import re
import textwrap

WIDTH = 120
_SPECIAL = re.compile(r"([*\[\\~$]|<(?=[a-z/!])|\b_|_\b)")
_CODE = re.compile(r"(`[^`]+`)")


def escape(text: str) -> str:
    """Return text that reads the same in Markdown; what stands in backquotes stays as it is."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if part.startswith("`") else _SPECIAL.sub(r"\\\1", part) for part in parts)


def item(text: str, indent: str = "") -> str:
    """Return an entry of a list, in lines of 120 characters."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=f"{indent}- ",
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
