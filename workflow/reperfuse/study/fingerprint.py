"""Tell whether what a step computes may have changed: hash its source and all it imports of this package."""

import hashlib
import re
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_IMPORT = re.compile(r"^ *from (reperfuse[\w.]*) import (\([^)]*\)|.*)", flags=re.MULTILINE)
_TEMPLATE = re.compile(r"[\"'](\w+\.(?:html|css|js))[\"']")


def fingerprint(module: str, *more: Path) -> str:
    """Hash a module, the modules it imports of this package, theirs, and the templates they name.

    Parameters
    ----------
    module : str
        Dotted name, such as ``reperfuse.interfaces.diffusion``.
    *more : Path
        Other files that matter.

    Returns
    -------
    str
        The same for the same source. The package's version is no part of it.

    Raises
    ------
    ValueError
        If there is no such module.
    """
    first = _file(module)
    if first is None:
        raise ValueError(f"no module {module}")
    unseen, seen = [first], set()
    while unseen:
        path = unseen.pop()
        if path not in seen:
            seen.add(path)
            unseen += _uses(path)
    sources = b"".join(path.read_bytes() for path in [*sorted(seen), *more])
    return hashlib.sha256(sources).hexdigest()[:12]


@cache
def _uses(path: Path) -> list[Path]:
    """Return the files of this package that one names."""
    text = path.read_text(encoding="utf-8")
    templates = [_PACKAGE / "reports" / "templates" / name for name in _TEMPLATE.findall(text)]
    found = [template for template in templates if template.is_file()]
    for module, names in _IMPORT.findall(text):
        for name in ["", *re.findall(r"\w+", names)]:
            file = _file(f"{module}.{name}".rstrip("."))
            found += [file] if file else []
    return found


@cache
def _file(module: str) -> Path | None:
    """Return the file of a module of this package; None for a name inside one, and for the package itself."""
    place = _PACKAGE.joinpath(*module.split(".")[1:])
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file() and path != _PACKAGE / "__init__.py"), None)
