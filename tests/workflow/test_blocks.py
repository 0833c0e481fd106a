"""Every command and every piece of Python in the documentation runs, and every configuration in it can be used.

Words are put in the place of others (`SUBSTITUTED`), so that a command finds a study, and a long run is only planned.
The notebook of the how-to pages is run when the site is built (.ci/run).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import DONE, NOT_RUN, Block, blocks
from reperfuse.study import options, settings
from reperfuse.study.yaml_lines import read_yaml
from running import ROOT, checkout

pytestmark = pytest.mark.xdist_group("small")

#: An installation takes minutes: .ci/run does it, by the command of the README, word for word.
_INSTALLS = re.compile(
    r'python3 -m venv \.venv && \. \.venv/bin/activate && pip install -c \S+ -e (\.|"\.\[\w+\]") && '
)
#: What a command says, what is put there instead, and why.
SUBSTITUTED = (
    (_INSTALLS, "", "an installation takes minutes: .ci/run does it, by the command of the README, word for word"),
    (re.compile(r"^snakemake --cores all$", re.MULTILINE), "snakemake --version", "the tests of the demo run it"),
    (re.compile(r"^\. \.venv/bin/activate$", re.MULTILINE), ":", "the tests have an environment"),
    (
        re.compile(r"^snakemake(?! .*-n\b| --version)", re.MULTILINE),
        "snakemake -n",
        "a run takes minutes",
    ),
    (re.compile(r"^reperfuse run(?! .*-n\b)", re.MULTILINE), "reperfuse run -n", "the same"),
    (re.compile(r"^reperfuse init", re.MULTILINE), "rm study.yaml; reperfuse init", "there are settings already"),
    (re.compile(r"^pytest$", re.MULTILINE), "pytest --collect-only -q tests/unit/volumes", "all tests take an hour"),
    (re.compile(r"^pre-commit install$", re.MULTILINE), ":", "it would change the repository; .ci/run runs the hooks"),
    (re.compile(r"/data/study"), "{study}", "a tiny simulated study"),
    (re.compile(r"participants=01,02"), "participants=01", "it has one patient"),
)
#: Those of several pages that are the same are one.
COMMANDS = list({block.text: block for block in reversed(blocks("bash"))}.values())


def _named(block: Block) -> str:
    return block.name


@pytest.fixture(scope="module")
def desk(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader has it: a checkout with the settings of a study and the results of a demo."""
    folder = checkout(tmp_path_factory.mktemp("desk") / "reperfuse")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("_build"))
    for name in ("tests", "pyproject.toml", ".pre-commit-config.yaml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "study.yaml").write_text(f"bids_dir: {json.dumps(str(tiny))}\n", encoding="utf-8")
    bin = folder / "bin"
    bin.mkdir()
    modules = {
        "snakemake": "-m snakemake",
        "pytest": "-m pytest",
        "reperfuse": "-m reperfuse.command.main",
        "python": "",
    }
    for name, module in modules.items():
        (bin / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n', encoding="utf-8")
        (bin / name).chmod(0o755)
    return folder


def _run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("block", COMMANDS, ids=_named)
def test_a_command_runs(block: Block, desk: Path, tiny: Path) -> None:
    text = block.text
    for said, instead, _ in SUBSTITUTED:
        text = said.sub(lambda _, instead=instead: instead, text)
    text = text.replace("{study}", f"'{tiny}'")
    done = _run(["bash", "-euo", "pipefail", "-c", text], desk)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize("block", blocks("python"), ids=_named)
def test_python_runs(block: Block, tmp_path: Path) -> None:
    """In a folder with a demo, whose tables are those of the example of a cohort."""
    tables = ROOT / "config" / "examples" / "cohort" / "derivatives" / "reperfuse" / "group"
    shutil.copytree(tables, tmp_path / "demo" / "derivatives" / "reperfuse" / "group")
    done = _run([sys.executable, "-W", "error", "-c", block.text], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout


@pytest.mark.parametrize("block", blocks("yaml"), ids=_named)
def test_a_configuration_can_be_used(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(block.text, encoding="utf-8")
    config = {"bids_dir": "/data/study"} | read_yaml(file)
    file.write_text(json.dumps(config), encoding="utf-8")
    settings.complete(config, [file])
    taken = read_yaml(options.TABLES)["sessions"]
    settings.read_criteria(
        options.CRITERIA, config["criteria"], options.CRITERIA_SCHEMA, taken=taken, written_in=[file]
    )


@pytest.mark.parametrize("block", blocks("json"), ids=_named)
def test_json_can_be_read(block: Block) -> None:
    assert json.loads(block.text)


def test_every_block_says_what_is_done_with_it() -> None:
    assert {block.language for block in blocks()} <= set(DONE)
    assert len(COMMANDS) > 10


def test_what_is_not_run_is_named_with_its_reason() -> None:
    assert {block.key for block in blocks("console")} == set(NOT_RUN)


def test_text_holds_no_command() -> None:
    words = re.compile(r"^\$? ?(snakemake|reperfuse|pip|pytest|python3?|bash|conda|docker) ", re.MULTILINE)
    assert not [block.name for block in blocks("text") if words.search(block.text)]
