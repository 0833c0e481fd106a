"""The environments are one: conda, Docker and Apptainer install the versions of the pip constraints.

And the cluster's profile names every rule.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import reperfuse
import yaml

ENVS = Path(__file__).parents[2] / "envs"


def pins() -> dict[str, str]:
    lines = (ENVS / "constraints.txt").read_text().splitlines()
    return {name.lower(): version for name, _, version in (line.partition("==") for line in lines) if version}


def test_conda_has_the_same_versions() -> None:
    environment = yaml.safe_load((ENVS / "reperfuse.yaml").read_text())
    wanted = dict(item.split("==") for item in environment["dependencies"][-1]["pip"])
    assert wanted == {name: pins()[name] for name in wanted}


@pytest.mark.parametrize("recipe", ["Dockerfile", "reperfuse.def"])
def test_containers_install_by_the_constraints(recipe: str) -> None:
    text = (ENVS / recipe).read_text()
    assert 'pip install --no-cache-dir -c /opt/reperfuse/envs/constraints.txt -e "/opt/reperfuse[cluster]"' in text
    assert "python:3.11-slim-bookworm" in text


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = [*project["dependencies"], *(item for extra in ("cluster", "docs", "test") for item in extras[extra])]
    names = {re.split(r"[<>=\[]", item)[0].lower() for item in named}
    assert names - set(pins()) == {"reperfuse"}


def test_the_hooks_have_the_same_versions() -> None:
    hooks = yaml.safe_load((ENVS.parent / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    named = dict(item.split("==") for hook in hooks for item in hook["additional_dependencies"])
    assert {"ruff", "snakefmt"} <= set(named) & set(pins())
    assert all(pins().get(name, version) == version for name, version in named.items())


def test_every_dependency_is_used() -> None:
    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text())["project"]
    called = {"antspyx": "ants", "pybids": "bids", "pyyaml": "yaml"}
    names = [re.split(r"[<>=]", item)[0] for item in project["dependencies"]]
    files = [path for ending in ("py", "smk") for path in (ENVS.parent / "workflow").rglob(f"*.{ending}")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    used = set(re.findall(r"^ *(?:from|import) (\w+)", text, flags=re.MULTILINE))
    assert {called.get(name, name) for name in names} <= used


def test_snakemake_is_asked_for_in_one_version() -> None:
    project = tomllib.loads((ENVS.parent / "pyproject.toml").read_text())["project"]
    (least,) = re.findall(r'min_version\("(.*)"\)', (ENVS.parent / "Snakefile").read_text())
    assert f"snakemake>={least}" in project["dependencies"]


def test_the_tests_and_what_they_start_run_this_tree() -> None:
    here = ENVS.parent / "workflow" / "reperfuse" / "__init__.py"
    ask = [sys.executable, "-c", "import reperfuse; print(reperfuse.__file__)"]
    assert Path(str(reperfuse.__file__)) == here
    assert Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()) == here


def test_every_rule_is_in_a_group_of_the_profile() -> None:
    profile = yaml.safe_load((ENVS.parent / "profiles" / "slurm" / "profile.yaml").read_text())
    rules = sorted((ENVS.parent / "workflow" / "rules").glob("*.smk"))
    text = "".join(path.read_text(encoding="utf-8") for path in rules)
    named = set(re.findall(r"^ *(?:use )?rule (?:\w+ as )?(\w+)(?: with)?:", text, re.MULTILINE))
    assert named - {"simulate_demo"} == set(profile["groups"])  # which only a dry run has
    assert set(profile["set-resources"]) <= set(profile["groups"])
