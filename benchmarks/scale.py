"""What a large study costs Snakemake before the first job: a dry run, beside an empty graph of as many jobs.

Run: ``python benchmarks/scale.py [--patients 100 1000] [--folder DIR]``. Every patient is a hard-linked copy of one
simulated patient with three sessions. The empty graph has as many jobs with nothing to compute, linked once by as
many files and once by a single one. Shown are wall time, CPU time (s) and peak memory (GB) of each call, the ratio
of the two, how the dry run grows from the first number of patients to the last, and what one job pays to parse the
workflow of the largest study.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import yaml
from reperfuse.simulation.study import DEMO_PATIENTS, TINY, simulate_study
from reperfuse.study.index import index_study

ROOT = Path(__file__).parents[1]
DEFAULTS = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
INPUTS, ROLES = DEFAULTS["inputs"], DEFAULTS["sessions"]
EMPTY = """
rule all:
    input:
        expand("chain{chain}/{step}.0", chain=range(CHAINS), step=STEPS - 1),

for step in range(STEPS):
    rule:
        input:
            [f"chain{{chain}}/{before}.0" for before in range(max(0, step - INPUTS), step)],
        output:
            [f"chain{{chain}}/{step}.{number}" for number in range(OUTPUTS)],
"""


@dataclass(frozen=True)
class Cost:
    """What a process cost."""

    wall_s: float
    cpu_s: float
    peak_gb: float
    output: str


def measured(command: list[str], folder: Path) -> Cost:
    """Run a command and measure it, from a small process: a command's peak counts the memory of who starts it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        return apart.submit(_measure, command, folder).result()


def _measure(command: list[str], folder: Path) -> Cost:
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        output = said.read()
    if process.returncode:
        raise SystemExit(output)
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20, output)


def dry_run(snakefile: Path, *arguments: str) -> list[str]:
    """Return the command of a dry run."""
    return [sys.executable, "-m", "snakemake", "-s", str(snakefile), "-n", "--cores=2", *arguments]


def count_jobs(output: str) -> int:
    """Read the number of jobs from what a dry run says."""
    found = re.search(r"^total\s+(\d+)$", output, re.MULTILINE)
    if found is None:
        raise SystemExit(output)
    return int(found[1])


def multiply(patient: Path, study: Path, number: int) -> None:
    """Make a study of hard-linked copies of one patient."""
    names = [f"{index:04d}" for index in range(1, number + 1)]
    for file in sorted(path for path in patient.rglob("*") if path.is_file() and "truth" not in path.parts):
        place = file.relative_to(patient)
        if place.parts[0].startswith("sub-") or "lesions" in place.parts:
            for name in names if "sub-01" in str(place) else []:
                copy = study / str(place).replace("sub-01", f"sub-{name}")
                copy.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, copy)
        elif place.name != "participants.tsv":
            (study / place).parent.mkdir(parents=True, exist_ok=True)
            os.link(file, study / place)
    header, row = (patient / "participants.tsv").read_text(encoding="utf-8").splitlines()[:2]
    rows = [header, *(row.replace("sub-01", f"sub-{name}") for name in names)]
    (study / "participants.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def count_files(output: str) -> tuple[int, int]:
    """Read from the full text of a dry run how many inputs and outputs a job has, on average."""
    inputs, outputs = (re.findall(rf"^    {kind}: (.*)$", output, re.MULTILINE) for kind in ("input", "output"))
    return tuple(round(sum(line.count(", ") + 1 for line in lines) / len(outputs)) for lines in (inputs, outputs))


def empty_graph(folder: Path, jobs: int, inputs: int, outputs: int, steps: int = 20) -> Path:
    """Write a Snakefile of chains that compute nothing, each job needing the ``inputs`` jobs before it."""
    folder.mkdir()
    path = folder / "Snakefile"
    numbers = {"STEPS": steps, "CHAINS": round(jobs / steps), "INPUTS": inputs, "OUTPUTS": outputs}
    path.write_text("".join(f"{name} = {number}\n" for name, number in numbers.items()) + EMPTY, encoding="utf-8")
    return path


def main() -> None:
    """Print a row a call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--folder", type=Path, help="where the studies are made; a temporary folder by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name).resolve()
        simulate_study(folder / "one", DEMO_PATIENTS[:1], TINY)
        walls = {}
        density: tuple[int, int] | None = None
        print(f"{'':28s}{'jobs':>8s}{'wall s':>8s}{'CPU s':>8s}{'GB':>6s}")

        def show(what: str, jobs: int, cost: Cost) -> None:
            print(f"{what:28s}{jobs:8d}{cost.wall_s:8.1f}{cost.cpu_s:8.1f}{cost.peak_gb:6.2f}", flush=True)

        for number in options.patients:
            study = folder / f"of{number}"
            study.mkdir()
            multiply(folder / "one", study, number)
            config = ["--config", f"bids_dir={study}", f"lesion_masks={study}/derivatives/lesions"]
            ours = measured(dry_run(ROOT / "Snakefile", "--quiet=rules", *config), folder)
            jobs = count_jobs(ours.output)
            show(f"dry run, {number} patients", jobs, ours)
            if density is None:
                wordy = measured(dry_run(ROOT / "Snakefile", *config, "--quiet=host"), folder)
                density = count_files(wordy.output)
            for what, files in (("as many files", density), ("one file a job", (1, 1))):
                graph = empty_graph(folder / f"empty{number}of{files[0]}", jobs, *files)
                empty = measured(dry_run(graph, "--quiet=rules"), graph.parent)
                show(f"empty graph, {what}", count_jobs(empty.output), empty)
                print(f"{'':28s}ratio {ours.wall_s / empty.wall_s:.2f} (inputs, outputs a job: {files[0]}, {files[1]})")
            walls[number] = ours.wall_s
        # a cluster's job reads the manifest, which the first job's main process has written
        manifest = study / "derivatives" / "reperfuse" / "logs" / "manifest.tsv"
        index_study(study, inputs=INPUTS, roles=ROLES).write(manifest)
        job = [
            "--mode=remote",
            "--allowed-rules=prepare_diffusion",
            "--target-jobs",
            "prepare_diffusion:subject=0001,session=post",
        ]
        show("parsing in a job", 1, measured(dry_run(ROOT / "Snakefile", *config, *job), folder))
        few, many = options.patients[0], options.patients[-1]
        if few != many:
            print(f"growth from {few} to {many}: {walls[many] / walls[few] / (many / few):.2f} x linear")


if __name__ == "__main__":
    main()
