"""An option is one thing: in config.yaml, in a step used by itself, in the rule that runs it, and in the equations."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from reperfuse import interfaces
from reperfuse.study.options import REFLOW_PRESETS, measured_by, read_definitions, read_reflow

ROOT = Path(__file__).parents[3]
CONFIG = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
IMR = read_reflow(ROOT / "config" / "reflow.yaml", CONFIG["imr"])
RULES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
#: Which steps a chain consists of.
CHAINS = {
    name: {link.step.__name__ for link in links}
    for name in interfaces.__all__
    if (links := getattr(getattr(interfaces, name), "links", ()))
}
OPTIONS = [
    (step, name, trait.section)
    for step in interfaces.__all__
    if step not in CHAINS
    for name, trait in getattr(interfaces, step).input_spec().traits(section=lambda section: section).items()
]


@pytest.mark.parametrize(("step", "name", "section"), OPTIONS)
def test_a_step_by_itself_is_the_step_of_the_workflow(step: str, name: str, section: str) -> None:
    inputs = getattr(interfaces, step)().inputs
    assert getattr(inputs, name) == (IMR if section == "imr" else CONFIG[section])[name]
    assert inputs.trait(name).usedefault  # else Nipype takes it for not given


@pytest.mark.parametrize(("step", "name", "section"), OPTIONS)
def test_the_rule_gives_what_the_study_says(step: str, name: str, section: str) -> None:
    named = "|".join((step, *(chain for chain, steps in CHAINS.items() if step in steps)))
    rules = [rule for rule in re.split(r"^ *rule ", RULES, flags=re.M) if re.search(rf'step\(\s*"({named})"', rule)]
    given = {
        "delay": 'value for key, value in config["delay"].items()',
        "registration": "**FIT_LIMITS",
        "imr": f'{name}=REFLOW["{name}"]' if name == "significant_ml" else "for key in REFLOW_PARAMETERS",
    }
    one = f'{name}=config["{section}"]["{name}"]'
    assert rules
    for rule in rules:
        assert any(text in rule for text in (f'**config["{section}"]', one, given.get(section, one)))


def _functions() -> list[Any]:
    package = ROOT / "workflow" / "reperfuse"
    science = [path for name in ("head", "perfusion", "diffusion", "serial") for path in (package / name).glob("*.py")]
    modules = [import_module(f"reperfuse.{path.parent.name}.{path.stem}") for path in science]
    return [
        function
        for module in modules
        for function in vars(module).values()
        if inspect.isfunction(function) and function.__module__ == module.__name__
    ]


@pytest.mark.parametrize("name", ["csf_adc", "csf_ratio", "vessel_ratio"])
def test_fluid_and_vessels_are_told_alike_everywhere(name: str) -> None:
    found = [inspect.signature(function).parameters.get(name) for function in _functions()]
    values = {parameter.default for parameter in found if parameter is not None}
    assert values == {CONFIG["hypoperfusion"][name]}


def test_every_preset_is_a_definition_and_the_studys_own_where_it_changes_one() -> None:
    presets = yaml.safe_load(REFLOW_PRESETS.read_text(encoding="utf-8"))
    for name in presets:
        found = read_definitions(REFLOW_PRESETS, CONFIG["imr"] | {"preset": name, "asymmetry_threshold": None})
        assert list(found) == list(presets)
        assert found["schiphorst2021"]["asymmetry_threshold"] == 0.40
    same = CONFIG["imr"] | {"preset": "ng2022", "rule": "regional", "significant_ml": 0}
    assert "study" not in read_definitions(REFLOW_PRESETS, same)
    own = CONFIG["imr"] | {"preset": "ng2022", "asymmetry_threshold": 0.12, "min_mtici": 3}
    found = read_definitions(REFLOW_PRESETS, own)
    assert list(found) == [*presets, "study"]
    assert found["study"]["title"] == "ng2022 with asymmetry_threshold 0.12, min_mtici 3"
    assert found["ng2022"] == read_reflow(REFLOW_PRESETS, CONFIG["imr"] | {"preset": "ng2022"})
    assert measured_by(found)["study"] == {
        "map": "rcbv",
        "lesion_source": "followup",
        "rule": "regional",
        "asymmetry_threshold": 0.12,
    }
