"""Run the workflow as a user would."""

import os
import shutil
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
        """Rules that would run."""
        lines = self.output.splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("job ")]
        if not starts:
            return set()
        table = lines[starts[0] + 2 :]
        names = [line.split()[0] for line in table[: table.index("") if "" in table else None]]
        return set(names) - {"total", "all"}


def command(*arguments: str, config: tuple[str, ...] = (), cores: int = 2, root: Path = ROOT) -> list[str]:
    """Return the words of a call of Snakemake."""
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), f"--cores={cores}"]
    return [*words, *arguments, *(["--config", *config] if config else [])]


def snakemake(
    folder: Path,
    *arguments: str,
    config: tuple[str, ...] = (),
    cores: int = 2,
    environment: dict[str, str] | None = None,
    root: Path = ROOT,
) -> Run:
    """Call Snakemake as a user would, in a folder of its own; with another checkout than this one, if that is named."""
    if root != ROOT and (root / "workflow").is_dir():
        environment = (environment or dict(os.environ)) | {"PYTHONPATH": str(root / "workflow")}
    done = subprocess.run(
        command(*arguments, config=config, cores=cores, root=root),
        cwd=folder,
        env=environment,
        # one stream, in the order a terminal shows
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout, folder)


def checkout(folder: Path) -> Path:
    """Return another checkout of what a run needs of this repository."""
    folder.mkdir()
    for name in ("Snakefile", "workflow", "config", "profiles", "envs"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copy
            )
        else:
            shutil.copy(source, folder / name)
    return folder


def contents(results: Path) -> dict[str, bytes]:
    """Return the bytes of every result, by its path; logs and Snakemake's records, which hold times, are left out."""
    without = {"logs", ".snakemake"}
    files = (
        path for path in results.rglob("*") if path.is_file() and path.relative_to(results).parts[0] not in without
    )
    return {str(path.relative_to(results)): path.read_bytes() for path in files}


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Name the files that are not the same in two results."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def study_config(study: Path) -> tuple[str, ...]:
    """Return the configuration of a run of a simulated study, with results in the folder of the run."""
    return f"bids_dir={study}", f"lesion_masks={study}/derivatives/lesions", "output_dir=out"


@dataclass(frozen=True)
class Small:
    """A small study, the configuration of its runs, and what one run without interruption made of it and said."""

    study: Path
    config: tuple[str, ...]
    results: dict[str, bytes]
    said: str


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
