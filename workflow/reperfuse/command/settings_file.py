"""A study's own file of settings, and whether it names the study."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any


def read_settings(file: Path | None) -> dict[str, Any]:
    """Return what a file of settings says; nothing if none is named.

    Raises
    ------
    ConfigError
        If it is not one.
    """
    import yaml

    from reperfuse.study.settings import ConfigError
    from reperfuse.study.yaml_lines import read_yaml

    if file is None:
        return {}
    try:
        said = read_yaml(file)
    except OSError:
        raise ConfigError(f"there is no file {file} that can be read") from None
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{file} cannot be read as YAML: {' '.join(str(fault).split())}") from None
    if not isinstance(said, dict | None):
        raise ConfigError(f"{file} holds no settings; each line should be a key, a colon and its value")
    return said or {}


def refuse_unnamed(bids_dir: str | Path | None, file: Path | None) -> None:
    """Make sure that a study is named, by a folder or in a file of settings.

    Raises
    ------
    ConfigError
        If neither names one.
    """
    from reperfuse.study.settings import ConfigError

    if bids_dir is None and not read_settings(file).get("bids_dir"):
        raise ConfigError("name the folder of the study, or a --config-file that holds its bids_dir")


def existing_file(word: str) -> Path:
    """Return the path that an option names, if there is such a file."""
    if not Path(word).is_file():
        raise ArgumentTypeError(f"there is no file {word}")
    return Path(word)
