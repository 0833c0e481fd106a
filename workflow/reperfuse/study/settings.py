"""Check a configuration and a catalogue of criteria, in sentences a user can act on."""

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reperfuse.mismatch.criteria import VOLUMES, parse_rule
from reperfuse.study.given import GIVEN
from reperfuse.study.options import CONFIG, CONFIG_SCHEMA
from reperfuse.study.yaml_lines import Keys, circles, doubles, find_line, line_of_value, read_yaml, text_at

_UNUSABLE = "the config cannot be used:"


class ConfigError(ValueError):
    """The configuration is wrong; the message names each key, what is wrong and what is allowed."""


def complete(config: dict[str, Any], written_in: Sequence[Path], folder: Path = Path()) -> bool:
    """Complete a user's configuration with the defaults, and check it; tell whether it is that of the demo study.

    Parameters
    ----------
    config : dict
        Changed in place: labels are as they are written, paths absolute.
    written_in : sequence of Path
        The user's config files.
    folder : Path
        That relative paths start from.

    Raises
    ------
    ConfigError
        Naming every fault, a line each.
    """
    lines = [fault for file in written_in for fault in circles(file)]
    if lines:
        raise ConfigError("\n  ".join([_UNUSABLE, *lines]))
    config.update(_merged(read_yaml(CONFIG), config))
    keep_labels_as_written(config, written_in)
    config.update(check_config(config, CONFIG_SCHEMA, written_in=written_in))
    return fill_in_paths(config, written_in, folder)


def _merged(defaults: Any, given: Any) -> Any:
    if not (isinstance(defaults, dict) and isinstance(given, dict)):
        return given
    return defaults | {key: _merged(defaults.get(key), value) for key, value in given.items()}


def check_config(config: Mapping[str, Any], schema_path: Path, *, written_in: Iterable[Path] = ()) -> dict[str, Any]:
    """Check a configuration.

    Parameters
    ----------
    config : mapping
        On the command line every value inside braces is text; what reads as the number, truth value or null
        that the schema asks for is taken as that.
    schema_path : Path
        JSON Schema, as YAML.
    written_in : iterable of Path
        Config files it comes from, a later one overriding, searched for the line of a fault.

    Returns
    -------
    dict
        The configuration with values of the types of the schema.

    Raises
    ------
    ConfigError
        Naming every fault, a line each.
    """
    schema = read_yaml(schema_path)
    typed: dict[str, Any] = _typed(config, schema, schema.get("$defs", {}))
    files = list(written_in)
    lines = [fault for file in files for fault in doubles(file)]
    faults = [*_schema_faults(typed, schema), *_endless(typed)]
    lines += [line_of_value(files, keys, typed) + sentence for keys, sentence in faults]
    if lines:
        raise ConfigError("\n  ".join([_UNUSABLE, *lines]))
    return typed


#: Where a configuration holds paths, beside those of what is given for single scans.
_PATHS = ("bids_dir", "output_dir", "benchmarks", "group_tables", "ratings")
#: Where a configuration holds labels.
_LABELS = (("participants",), ("exclude_participants",), ("include_sessions",), ("sessions",))


def keep_labels_as_written(config: dict[str, Any], written_in: Sequence[Path]) -> None:
    """Put labels back as they stand in the config files: YAML takes 010 for the number 8, and 01 for 1.

    Parameters
    ----------
    config : dict
        Changed in place. What the command line gave stays as it is.
    written_in : sequence of Path
        Config files, a later one overriding.
    """
    for keys in _LABELS:
        for file in written_in:
            said = read_yaml(file)
            if isinstance(said, dict) and keys[0] in said:
                config[keys[0]] = _restored(config.get(keys[0]), said[keys[0]], text_at(file, keys))


def _restored(value: Any, read: Any, text: Any) -> Any:
    """Return a value with what YAML read from text replaced by the text itself."""
    if isinstance(value, dict) and isinstance(read, dict):
        return {key: _restored(item, read[key], text[key]) if key in read else item for key, item in value.items()}
    if isinstance(value, list) and isinstance(read, list) and value == read:
        return list(text)
    is_label = isinstance(value, int | float) and not isinstance(value, bool)
    return text if is_label and value == read else value


def fill_in_paths(config: dict[str, Any], written_in: Sequence[Path] = (), folder: Path = Path()) -> bool:
    """Fill in the paths that a checked configuration leaves open, and make all absolute; tell whether it is the demo's.

    Parameters
    ----------
    config : dict
        Changed in place.
    written_in : sequence of Path
        The user's own config files.
    folder : Path
        That relative paths start from.

    Raises
    ------
    ConfigError
        If results would be written over the study, or a config file names no study.
    """
    is_demo = config["bids_dir"] is None
    if is_demo:
        if written_in and not any("bids_dir" in (read_yaml(file) or {}) for file in written_in):
            raise ConfigError(
                f"bids_dir: {written_in[-1]} names no study; add `bids_dir: <folder>`, or `bids_dir: null` for the "
                "demo study"
            )
        config["bids_dir"], config["lesion_masks"] = "demo", "demo/derivatives/lesions"
    if config["output_dir"] is None:
        config["output_dir"] = str(Path(config["bids_dir"]) / "derivatives" / "reperfuse")
    for key in (*_PATHS, *(given.key for given in GIVEN.values())):
        given = config.get(key)
        if isinstance(given, list):
            config[key] = [_resolved(path, folder) for path in given]
        elif given is not None:
            config[key] = _resolved(given, folder)
    study, results = (Path(config[key]) for key in ("bids_dir", "output_dir"))
    if study.is_relative_to(results):
        raise ConfigError(
            f"output_dir: {config['output_dir']} holds the study itself, and results must not be written over it; name "
            "another folder, such as derivatives/reperfuse in the study"
        )
    return is_demo


def _resolved(path: str, folder: Path) -> str:
    return str((folder / Path(path).expanduser()).resolve())


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
    catalogue = read_yaml(catalogue_path) | dict(own)
    schema = read_yaml(schema_path)
    faults = [*_schema_faults(catalogue, schema)]
    # a rule can only be read where the entry's form is right
    broken = {str(keys[0]) for keys, _ in faults if keys}
    for name, criterion in catalogue.items():
        if name in taken:
            faults.append(((name,), f"{name}: a column of the tables already has this name; choose another"))
        elif name not in broken:
            faults += _rule_faults(name, criterion)
    lines = []
    for keys, sentence in faults:
        of_study = not keys or keys[0] in own
        files = written_in if of_study else [catalogue_path]
        inside = ("criteria", *keys) if of_study else tuple(keys)
        lines.append(f"{find_line(files, inside)}{'criteria.' if of_study else ''}{sentence}")
    if lines:
        raise ConfigError("the criteria cannot be used:\n  " + "\n  ".join(lines))
    return catalogue


def _schema_faults(content: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    import jsonschema

    errors = jsonschema.Draft202012Validator(schema).iter_errors(content)
    for error in sorted(errors, key=lambda error: list(map(str, error.absolute_path))):
        place = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            known = list(error.schema["properties"])
            for name in (name for name in error.instance if name not in known):
                yield (*place, name), _unknown_key(".".join(map(str, (*place, name))), name, known)
        else:
            yield place, _sentence(error)


def _endless(content: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[Keys, str]]:
    """Yield a sentence for each number that is none: infinite or not known."""
    if isinstance(content, float) and not math.isfinite(content):
        yield place, f"{'.'.join(map(str, place))}: {content} is not a finite number"
    parts = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, item in parts:
        yield from _endless(item, (*place, key))


def _typed(value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    """Return a value with text read as the type that its schema asks for, where it can be."""
    schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if isinstance(value, Mapping):
        parts = schema.get("properties", {})
        return {key: _typed(item, parts.get(key, {}), definitions) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, schema.get("items", {}), definitions) for item in value]
    types = schema.get("type", "string")
    if not isinstance(value, str) or "string" in types:
        return value
    word = {"true": True, "false": False, "null": None}.get(value.lower(), value)
    if word is not value:
        return word if ("null" if word is None else "boolean") in types else value
    read = float if "number" in types else int if "integer" in types else str
    try:
        return read(value)
    except ValueError:
        return value


def _rule_faults(name: str, criterion: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    for key in ("deficit", "core"):
        volume = criterion.get(key)
        if volume is not None and volume not in VOLUMES:
            yield (
                (name, key),
                f"{name}.{key}: {volume} is not a known volume (use {', '.join(VOLUMES)})",
            )
    for number, candidate in enumerate(criterion["classes"]):
        kind = "all" if "all" in candidate else "any"
        for place, rule in enumerate(candidate[kind]):
            try:
                parse_rule(rule)
            except ValueError as error:
                keys = (name, "classes", number, kind, place)
                yield keys, f"{'.'.join(map(str, keys))}: {error}"


def _sentence(error: Any) -> str:
    key = ".".join(map(str, error.absolute_path))
    if error.validator == "required":
        return f"{key or 'top level'}: {error.message}"
    expected = {
        "type": lambda: f"should be of type {_or(error.validator_value)}",
        "enum": lambda: f"should be one of {_or(error.validator_value)}",
        "minimum": lambda: f"should be {error.validator_value} or more",
        "maximum": lambda: f"should be {error.validator_value} or less",
        "exclusiveMinimum": lambda: f"should be above {error.validator_value}",
        "exclusiveMaximum": lambda: f"should be below {error.validator_value}",
    }
    if error.validator not in expected and "explanation" in error.schema:
        return f"{key}: {error.instance!r} {error.schema['explanation']}"
    said = expected.get(error.validator, lambda: f"should have {error.validator} {error.validator_value}")()
    return f"{key}: {error.instance!r} {said}".removeprefix(": ")


def _unknown_key(key: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"{key}: unknown key; " + (f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}")


def _or(values: Any) -> str:
    return " or ".join(dict.fromkeys(map(str, values))) if isinstance(values, list) else str(values)
