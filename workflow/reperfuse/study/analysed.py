"""What a study wants analysed, checked before anything is computed."""

from collections.abc import Mapping
from typing import Any

from reperfuse.study.dictionaries import is_numeric
from reperfuse.study.settings import ConfigError


def own_columns(
    choices: Mapping[str, Any], dictionary: Mapping[str, Mapping[str, Any]], catalogue: Mapping[str, Any]
) -> list[str]:
    """Return the columns that an analysis asks for and the study itself must have.

    Parameters
    ----------
    choices : mapping
        The section ``analysis`` of the configuration.
    dictionary : mapping
        The columns of the analysis table.
    catalogue : mapping
        The criteria.

    Raises
    ------
    ConfigError
        If a criterion or class is not known, or an outcome or exposure holds text.
    """
    profile, target = choices["profile"], choices["target"]
    if profile not in catalogue:
        raise ConfigError(f"analysis.profile: there is no criterion {profile}; there are {', '.join(catalogue)}")
    classes = [*(one["name"] for one in catalogue[profile]["classes"]), catalogue[profile]["otherwise"]]
    if target not in classes:
        raise ConfigError(f"analysis.target: {profile} has no class {target}; it has {', '.join(classes)}")
    for key in ("outcomes", "exposures"):
        for name in choices[key]:
            if name in dictionary and not is_numeric(dictionary[name]):
                raise ConfigError(
                    f"analysis.{key}: {name} holds text; a model needs a column of numbers, or of yes and no"
                )
    names = [
        *(name for key in ("outcomes", "exposures", "factors") for name in choices[key]),
        *(name for names in choices["covariates"].values() for name in names),
        *(name for pair in choices["compared"].items() for name in pair),
    ]
    return [name for name in dict.fromkeys(names) if name not in dictionary]
