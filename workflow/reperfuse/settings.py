"""Check a configuration against its schema, in sentences a user can act on."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


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
    import jsonschema
    import yaml

    schema = yaml.safe_load(schema_path.read_text(encoding="utf-8"))
    errors = jsonschema.Draft202012Validator(schema).iter_errors(config)
    lines = [_sentence(error) for error in sorted(errors, key=lambda error: list(map(str, error.absolute_path)))]
    if lines:
        raise ConfigError("the config cannot be used:\n  " + "\n  ".join(lines))


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
        "pattern": lambda: "should be a BIDS label: letters and digits only",
    }.get(error.validator, lambda: f"should have {error.validator} {error.validator_value}")()
    return f"{key}: {error.instance!r} {expected}"


def _unknown_key(key: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"{key}: unknown key; " + (f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}")


def _or(values: Any) -> str:
    return " or ".join(map(str, values)) if isinstance(values, list) else str(values)
