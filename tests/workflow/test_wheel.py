"""The wheel runs by itself: nothing of the repository is needed beside it."""

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from running import ROOT, Run, Small

pytestmark = pytest.mark.xdist_group("small")
#: What the workflow is made of beside the package.
SHIPPED = ("Snakefile", "config", "envs/reperfuse.yaml", "profiles", *(f"workflow/{name}" for name in (
    "report", "rules", "schemas", "scripts")))  # fmt: skip
MODULE = """from reperfuse.study.options import ROOT
module reperfuse:
    snakefile: str(ROOT / "Snakefile")
    config: config
use rule * from reperfuse
"""


@dataclass(frozen=True)
class Installed:
    """The wheel, and the folder it is installed in."""

    wheel: Path
    folder: Path

    @property
    def shipped(self) -> Path:
        """Where the workflow lies."""
        return self.folder / "reperfuse" / "shipped"

    def call(self, folder: Path, *words: str) -> Run:
        """Call a program of the environment, which finds this package and not the repository's."""
        environment = os.environ | {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-P", *words],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Run(done.returncode, done.stdout, folder)

    def reperfuse(self, folder: Path, *words: str) -> Run:
        """Call the command."""
        return self.call(folder, str(self.folder / "bin" / "reperfuse"), *words)

    def snakemake(self, folder: Path, *words: str) -> Run:
        """Call Snakemake."""
        return self.call(folder, "-m", "snakemake", "--cores=1", *words)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel of this tree, built and installed; some seconds."""
    folder = tmp_path_factory.mktemp("the wheel")
    source = folder / "source"  # a build leaves nothing here, but reads all that lies here
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "demo", "dist", "tests"))
    pip = [sys.executable, "-m", "pip", "--quiet"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "dist"), str(source)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    target = folder / "site packages"
    subprocess.run([*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel)], check=True)
    shutil.rmtree(source)
    return Installed(wheel, target)


def files_below(*places: Path) -> set[Path]:
    """Return the files at some places."""
    found = (path for place in places for path in ([place] if place.is_file() else place.rglob("*")))
    return {path for path in found if path.is_file() and "__pycache__" not in path.parts}


def test_it_holds_the_package_the_workflow_and_nothing_else(installed: Installed) -> None:
    workflow = ROOT / "workflow"
    packages = [folder for folder in workflow.iterdir() if (folder / "__init__.py").is_file()]
    wanted = {path.relative_to(workflow).as_posix() for path in files_below(*packages)}
    places = [ROOT / name for name in SHIPPED]
    wanted |= {f"reperfuse/shipped/{path.relative_to(ROOT).as_posix()}" for path in files_below(*places)}
    assert {"reperfuse/py.typed", "reperfuse/shipped/config/examples/cohort.yaml"} < wanted
    with zipfile.ZipFile(installed.wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert names == wanted
        texts = {name: archive.read(name) for name in archive.namelist()}
    machine = (str(ROOT).encode(), str(installed.folder.parent).encode(), str(Path.home()).encode() + b"/")
    assert [name for name, text in texts.items() if any(place in text for place in machine)] == []


def test_the_command_answers(installed: Installed, tmp_path: Path) -> None:
    where = installed.call(tmp_path, "-c", "import reperfuse.study.options as o; print(o.ROOT)").output.strip()
    assert Path(where) == installed.shipped
    asked = installed.reperfuse(tmp_path, "--help")
    assert asked.status == 0
    assert "simulate three patients and compute them" in asked.output
    refused = installed.reperfuse(tmp_path, "run", "nowhere")
    assert refused.status == 2
    assert f"bids_dir: there is no folder {tmp_path}/nowhere" in refused.output
    assert "Traceback" not in refused.output


def test_a_dry_run_plans_and_leaves_nothing(installed: Installed, tiny: Path, tmp_path: Path) -> None:
    before = files_below(installed.folder, tiny)
    for level in ("participant", "group"):
        run = installed.reperfuse(tmp_path, str(tiny), "the results", level, "--participant_label", "01", "-n")
        assert run.status == 0, run.output[-3000:]
        assert {"prepare_diffusion", "measure_session"} <= run.jobs
        assert ("tabulate_study" in run.jobs) is (level == "group")
    assert files_below(installed.folder, tiny) == before
    assert list(tmp_path.iterdir()) == []


def test_it_computes_what_the_repository_does(installed: Installed, small: Small, tmp_path: Path) -> None:
    before = files_below(installed.folder, small.study)
    words = ("run", str(small.study), "out", "--cores=1", "--", "--until", "prepare_diffusion")
    run = installed.reperfuse(tmp_path, *words)
    assert run.status == 0, run.output[-3000:]
    made = {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in (tmp_path / "out").rglob("*_ADC.*")}
    assert len(made) == 4  # an image and its sidecar a session
    assert made == {name: small.results[name] for name in made}
    assert files_below(installed.folder, small.study) == before


def test_it_takes_the_repositorys_results_for_its_own(installed: Installed, small: Small, tmp_path: Path) -> None:
    results = shutil.copytree(small.study.parent / "whole" / "out", tmp_path / "the results")
    (tmp_path / "study.yaml").write_text(f"bids_dir: null\nlesion_masks: {small.study}/derivatives/lesions\n")
    run = installed.reperfuse(tmp_path, "run", str(small.study), str(results), "--config-file", "study.yaml", "-n")
    assert run.status == 0
    assert "Nothing to be done" in run.output, run.output[-3000:]


def test_plain_snakemake_runs_it_from_any_folder(installed: Installed, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    words = ("--snakefile", str(installed.shipped / "Snakefile"), "-n")
    for more in ([], ["--directory", "elsewhere"]):
        run = installed.snakemake(tmp_path, *words, *more, "--config", f"bids_dir={tiny}")
        assert run.status == 0, run.output[-3000:]
        assert {"prepare_diffusion", "tabulate_study"} <= run.jobs


def test_another_workflow_uses_it_as_a_module(installed: Installed, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(MODULE)
    run = installed.snakemake(tmp_path, "-n", "all", "--config", f"bids_dir={tiny}", "output_dir=the results")
    assert run.status == 0, run.output[-3000:]
    assert {"prepare_diffusion", "tabulate_study"} <= run.jobs
    done = installed.snakemake(
        tmp_path, "--until", "prepare_diffusion", "--config", f"bids_dir={tiny}", "output_dir=out"
    )
    assert done.status == 0, done.output[-3000:]
    assert len(list((tmp_path / "out").rglob("*_ADC.nii.gz"))) == 2
