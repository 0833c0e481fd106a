"""What a checked configuration chooses: criteria, definitions, tables; and the plan of the study that it names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reperfuse.study import analysed, options
from reperfuse.study.clinical import ClinicalData
from reperfuse.study.dictionaries import table_dictionaries
from reperfuse.study.manifest import Manifest
from reperfuse.study.names import Names
from reperfuse.study.plan import Plan
from reperfuse.study.ratings import Ratings
from reperfuse.study.settings import read_criteria
from reperfuse.study.yaml_lines import read_yaml


@dataclass(frozen=True)
class Setup:
    """What a configuration chooses.

    Attributes
    ----------
    config : mapping
        The checked configuration, its paths absolute.
    catalogue : mapping
        The criteria.
    definitions : mapping
        Those of impaired reflow.
    dictionaries : mapping
        What the columns of each table mean.
    clinical : ClinicalData
    """

    config: Mapping[str, Any]
    catalogue: dict[str, Any]
    definitions: dict[str, dict[str, Any]]
    dictionaries: dict[str, dict[str, Any]]
    clinical: ClinicalData

    def absent_columns(self) -> list[str]:
        """Return a sentence for each column that the configuration names and the study's tables lack.

        Raises
        ------
        ConfigError
            If the analysis asks for a criterion or class that is not known, or for text as a number.
        """
        own = analysed.own_columns(self.config["analysis"], self.dictionaries["analysis"], self.catalogue)
        return self.clinical.absent(options.defaults("columns"), own)

    def plan(self, manifest: Manifest, names: Names) -> Plan:
        """Return the plan of a study with these scans."""
        reflow = options.read_reflow(options.REFLOW_PRESETS, self.config["imr"])
        ratings = Ratings.of_study(self.config, manifest)
        return Plan(manifest, names, self.clinical, self.config, reflow, self.definitions, ratings)


def set_up(config: Mapping[str, Any], written_in: Sequence[Path] = ()) -> Setup:
    """Return what a checked configuration chooses.

    Parameters
    ----------
    config : mapping
    written_in : sequence of Path
        The user's config files.

    Raises
    ------
    ConfigError
        If a criterion cannot be used.
    """
    taken = read_yaml(options.TABLES)["sessions"]
    catalogue = read_criteria(
        options.CRITERIA, config["criteria"], options.CRITERIA_SCHEMA, taken=taken, written_in=written_in
    )
    definitions = options.read_definitions(options.REFLOW_PRESETS, config["imr"])
    has_late = config["sessions"]["late"] is not None
    dictionaries = table_dictionaries(options.TABLES, catalogue, definitions, has_late=has_late)
    return Setup(
        config, catalogue, definitions, dictionaries, ClinicalData(Path(config["bids_dir"]), config["columns"])
    )
