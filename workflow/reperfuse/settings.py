"""Check a configuration and a catalogue of criteria, in sentences a user can act on."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reperfuse import criteria

Keys = Sequence[str | int]


class ConfigError(ValueError):
    """The configuration is wrong; the message names each key, what is wrong and what is allowed."""


def check_config(config: Mapping[str, Any], schema_path: Path) -> None:
    """Check a configuration.

    Parameters
    ----------
    config : mapping
    schema_path : Path
        JSON Schema, as YAML.

    Raises
    ------
    ConfigError
        Naming every fault, a line each.
    """
    lines = [sentence for _, sentence in _schema_faults(config, schema_path)]
    if lines:
        raise ConfigError("the config cannot be used:\n  " + "\n  ".join(lines))


def read_criteria(
    catalogue_path: Path,
    own: Mapping[str, Any],
    schema_path: Path,
    *,
    taken: Iterable[str] = (),
    written_in: Iterable[Path] = (),
) -> dict[str, Any]:
    """Read the catalogue of criteria and add a study's own; one of the same name replaces it.

    Parameters
    ----------
    catalogue_path : Path
    own : mapping
        The study's criteria.
    schema_path : Path
        JSON Schema of a catalogue, as YAML.
    taken : iterable of str
        Names of columns that a criterion must not take.
    written_in : iterable of Path
        Config files `own` may come from, searched for the line of a fault.

    Returns
    -------
    dict

    Raises
    ------
    ConfigError
        Naming every fault with its key, the file and line where it is found, and the reason.
    """
    import yaml

    catalogue = yaml.safe_load(catalogue_path.read_text(encoding="utf-8")) | dict(own)
    faults = [*_schema_faults(catalogue, schema_path)]
    # a rule can only be read where the entry's form is right
    broken = {str(keys[0]) for keys, _ in faults if keys}
    for name, criterion in catalogue.items():
        if name in taken:
            faults.append(((name,), f"{name}: a column of the tables has this name already"))
        elif name not in broken:
            faults += _rule_faults(name, criterion)
    lines = []
    for keys, sentence in faults:
        of_study = not keys or keys[0] in own
        files = written_in if of_study else [catalogue_path]
        inside = ("criteria", *keys) if of_study else tuple(keys)
        lines.append(f"{_find_line(files, inside)}{'criteria.' if of_study else ''}{sentence}")
    if lines:
        raise ConfigError("the criteria cannot be used:\n  " + "\n  ".join(lines))
    return catalogue


def _schema_faults(content: Mapping[str, Any], schema_path: Path) -> Iterator[tuple[Keys, str]]:
    import jsonschema
    import yaml

    schema = yaml.safe_load(schema_path.read_text(encoding="utf-8"))
    errors = jsonschema.Draft202012Validator(schema).iter_errors(content)
    for error in sorted(errors, key=lambda error: list(map(str, error.absolute_path))):
        yield tuple(error.absolute_path), _sentence(error)


def _rule_faults(name: str, criterion: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    for key in ("deficit", "core"):
        volume = criterion.get(key)
        if volume is not None and volume not in criteria.VOLUMES:
            yield (
                (name, key),
                f"{name}.{key}: {volume} is no volume known here ({', '.join(criteria.VOLUMES)})",
            )
    for number, candidate in enumerate(criterion["classes"]):
        kind = "all" if "all" in candidate else "any"
        for place, rule in enumerate(candidate[kind]):
            try:
                criteria.parse_rule(rule)
            except ValueError as error:
                keys = (name, "classes", number, kind, place)
                yield keys, f"{'.'.join(map(str, keys))}: {error}"


def _find_line(files: Iterable[Path], keys: Keys) -> str:
    """Return "file, line n: " of the deepest key in the first YAML file that holds the entry, or nothing."""
    import yaml

    for file in files:
        node, marks = yaml.compose(file.read_text(encoding="utf-8")), []
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                pairs = {name.value: (name, value) for name, value in node.value}
                if str(key) not in pairs:
                    break
                name, node = pairs[str(key)]
                marks.append(name.start_mark)
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
                marks.append(node.start_mark)
            else:
                break
        # the section alone says nothing of the entry, which may come from another file or the command line
        if len(marks) >= min(2, len(keys)):
            return f"{file.name}, line {marks[-1].line + 1}: "
    return ""


def _sentence(error: Any) -> str:
    key = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = [name for name in error.instance if name not in known]
        return "; ".join(_unknown_key(f"{key}.{name}".lstrip("."), name, known) for name in unknown)
    if error.validator == "required":
        return f"{key or 'top level'}: {error.message}"
    expected = {
        "type": lambda: f"should be of type {_or(error.validator_value)}",
        "enum": lambda: f"should be one of {_or(error.validator_value)}",
    }
    if error.validator not in expected and "explanation" in error.schema:
        return f"{key}: {error.instance!r} {error.schema['explanation']}"
    said = expected.get(error.validator, lambda: f"should have {error.validator} {error.validator_value}")()
    return f"{key}: {error.instance!r} {said}".removeprefix(": ")


def _unknown_key(key: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"{key}: unknown key; " + (f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}")


def _or(values: Any) -> str:
    return " or ".join(map(str, values)) if isinstance(values, list) else str(values)
