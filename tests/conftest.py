"""Fixtures that more than one test module uses."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Run:
    """A finished call of Snakemake."""

    status: int
    output: str
    folder: Path

    @property
    def jobs(self) -> set[str]:
        """Rules that ran, or would run."""
        lines = self.output.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("job ")]
        if not starts:
            return set()
        table = lines[starts[0] + 2 :]
        names = [line.split()[0] for line in table[: table.index("") if "" in table else None]]
        return set(names) - {"total", "all"}


def snakemake(folder: Path, *arguments: str, config: tuple[str, ...] = (), cores: int = 2) -> Run:
    """Call Snakemake as a user would, in a folder of its own."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), f"--cores={cores}"]
    command += [*arguments, *(["--config", *config] if config else [])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return Run(done.returncode, done.stdout + done.stderr, folder)


@dataclass(frozen=True)
class Demo:
    """The demo study and what the workflow made of it."""

    folder: Path
    first_run: Run

    @property
    def study(self) -> Path:
        """The simulated BIDS study."""
        return self.folder / "demo"

    @property
    def truth(self) -> Path:
        """What is known of it."""
        return self.study / "derivatives" / "truth"

    @property
    def results(self) -> Path:
        """What the workflow found."""
        return self.study / "derivatives" / "reperfuse"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo study, run by the command of the README; takes some minutes.

    Tests that use it carry ``pytest.mark.xdist_group("demo")``, so that one worker runs them all.
    """
    folder = tmp_path_factory.mktemp("demo run")
    return Demo(folder, snakemake(folder))


@pytest.fixture(scope="session")
def external_data() -> Path:
    """Folder of the testing data that is not part of this repository."""
    folder = Path(os.environ.get("REPERFUSE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs testing data that is not part of this repository ({folder}); see REPERFUSE_TEST_DATA")
    return folder
