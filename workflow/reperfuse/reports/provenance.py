"""How each result was made: from which files, by which step, and with which settings other than the defaults."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from reperfuse.files.sidecars import read_sidecar

#: The settings that a step takes from the configuration, with their defaults.
Defaults = Mapping[str, Mapping[str, Any]]


#: What the numbers and the pictures rest on.
_LIBRARIES = ("antspyx", "matplotlib", "nibabel", "nipype", "numpy", "scipy", "snakemake")


@dataclass(frozen=True)
class Origin:
    """What a step made of a session, or of a patient: ``results`` of ``sources``; ``settings`` are not the defaults.

    ``version`` is that of the program.
    """

    step: str
    results: list[str]
    sources: list[str]
    settings: list[str]
    version: str = ""


def environment() -> list[str]:
    """Return the versions of Python and of the libraries that this process uses."""
    return [f"Python {platform.python_version()}", *(f"{name} {metadata.version(name)}" for name in _LIBRARIES)]


def origins(results: Sequence[Path], defaults: Defaults) -> list[Origin]:
    """Say how results were made, those that a step made together in one entry.

    Parameters
    ----------
    results : sequence of path
        Files with a sidecar that the workflow wrote.
    defaults : mapping
        By the name of the step.

    Returns
    -------
    list of Origin
        Files by their names, which hold patient and session.
    """
    found: dict[tuple[Any, ...], Origin] = {}
    for path in results:
        sidecar = read_sidecar(path)
        maker: Mapping[str, Any] = next(iter(sidecar.get("GeneratedBy", [])), {})
        step, version = str(maker.get("Step", "")), str(maker.get("Version", ""))
        sources = [source.rpartition("/")[2].rpartition(":")[2] for source in sidecar.get("Sources", [])]
        settings = changed(sidecar.get("Parameters", {}), defaults[step]) if step else []
        entry = found.setdefault((step, version, *sources, *settings), Origin(step, [], sources, settings, version))
        entry.results.append(path.name)
    return list(found.values())


def changed(parameters: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Return the settings that are not the defaults, as ``name: value``."""
    found = []
    for name, default in defaults.items():
        value = parameters.get(name, default)
        if isinstance(default, Mapping) and isinstance(value, Mapping):
            found += [f"{name}.{text}" for text in changed(value, default)]
        elif value != default:
            found.append(f"{name}: {value}")
    return found


__all__ = ["Origin", "changed", "environment", "origins"]
