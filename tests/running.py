"""Run the workflow as a user would."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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
    # one stream, in the order a terminal shows
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return Run(done.returncode, done.stdout, folder)


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
