"""Time and memory of each rule, for one patient with three sessions at clinical matrices.

Run: ``python benchmarks/patient.py [--cores 2] [--folder DIR] [--plain] [--profile]``. A patient is simulated (DSC
128 × 128 × 22 × 80, DWI 192 × 192 × 24, FLAIR 256 × 256 × 24), the workflow runs from raw scans to tables and pages,
and Snakemake's benchmark files become a table (Markdown, as in docs/how-to/cluster.md). The start-up of a job is what a
process costs that imports the job's interface and does nothing. ``--plain`` leaves the 90 % intervals out.
``--profile`` runs it under Python's profiler, which takes longer, and shows where the CPU time of the five dearest
rules goes.
"""

import argparse
import csv
import os
import pstats
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from reperfuse.simulation.protocols import Matrix
from reperfuse.simulation.scanner import DscProtocol, DwiProtocol
from reperfuse.simulation.study import DEMO_PATIENTS, Protocol, simulate_study

ROOT = Path(__file__).parents[1]
CLINICAL = Protocol(
    Matrix((128, 128, 22), (1.75, 1.75, 6.0), tilt_deg=10.0),
    Matrix((192, 192, 24), (1.2, 1.2, 5.5), axes="RAS", tilt_deg=-6.0),
    Matrix((256, 256, 24), (0.9, 0.9, 5.5), axes="LPS", tilt_deg=4.0),
    dsc=DscProtocol(frames=80, tr_s=1.2, flip_deg=60.0),
    dwi=DwiProtocol(shells=((0.0, 2), (1000.0, 12))),
)


def children_cpu_s() -> float:
    """CPU time of the processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def interfaces_of_rules() -> dict[str, str]:
    """Return the interface each rule names."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    rules = re.split(r"^ *rule (?=\w+:)", text, flags=re.MULTILINE)
    steps = {rule.partition(":")[0]: re.search(r'step\(\s*"(\w+)"', rule) for rule in rules}
    return {name: step[1] for name, step in steps.items() if step}


def start_up_cpu_s(interface: str) -> float:
    """CPU time of a process that imports what a job needs."""
    statement = f"import snakemake.script; from reperfuse.interfaces import {interface}"
    costs = []
    for _ in range(3):
        before = children_cpu_s()
        alone = {"NO_ET": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # as run_interface.py sets them
        subprocess.run([sys.executable, "-c", statement], check=True, env=os.environ | alone)
        costs.append(children_cpu_s() - before)
    return min(costs)


def read_benchmarks(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Return what Snakemake measured of each rule's jobs."""
    jobs: dict[str, list[dict[str, str]]] = defaultdict(list)
    rules = sorted(interfaces_of_rules(), key=len, reverse=True)
    for path in sorted(folder.rglob("*.tsv")):
        place = path.relative_to(folder).parts[0].removesuffix(".tsv")
        with path.open(encoding="utf-8", newline="") as lines:
            jobs[next(rule for rule in rules if place.startswith(rule))] += csv.DictReader(lines, delimiter="\t")
    return jobs


#: Python runs this at the start of every process below the run: its steps are profiled.
PROFILER = """
import atexit, cProfile, os, sys, time
if sys.orig_argv[-1].endswith("run_interface.py"):
    profile = cProfile.Profile(time.process_time)

    def dump():
        profile.disable()
        profile.dump_stats(os.path.join({folder!r}, f"{{sys.modules['__main__'].snakemake.rule}}.{{os.getpid()}}"))

    atexit.register(dump)
    profile.enable()
"""
#: How many rules, and how many functions of each, the profile shows.
RULES, FUNCTIONS = 5, 8


def number(text: str) -> float:
    """Read a figure; a job that ended before it was looked at has none."""
    return float(text) if text not in ("NA", "-") else 0.0


def print_profile(folder: Path) -> None:
    """Print the functions in which the dearest rules spend most time, all jobs of a rule together."""
    rules = {path.name.partition(".")[0] for path in folder.iterdir()}
    sums = {rule: pstats.Stats(*map(str, sorted(folder.glob(f"{rule}.*")))).strip_dirs() for rule in rules}
    print("\n| rule | its jobs, s | where | s |\n|---|---|---|---|")
    for rule, sum_ in sorted(sums.items(), key=lambda item: -item[1].total_tt)[:RULES]:
        spent = {place: figures[2] for place, figures in sum_.stats.items()}
        for (file, _, name), seconds in sorted(spent.items(), key=lambda item: -item[1])[:FUNCTIONS]:
            where = name if file == "~" else f"{file}: {name}"
            print(f"| `{rule}` | {sum_.total_tt:.1f} | {where.strip('<>')} | {seconds:.1f} |")


def main() -> None:
    """Print the table and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where it works; a temporary folder by default")
    parser.add_argument("--plain", action="store_true", help="without the 90 %% intervals")
    parser.add_argument("--profile", action="store_true", help="show where the dearest rules spend their time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name).resolve()
        study = simulate_study(folder / "study", DEMO_PATIENTS[:1], CLINICAL, processes=options.cores)
        command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), f"--cores={options.cores}"]
        command += ["--config", f"bids_dir={study}", f"benchmarks={folder}/benchmarks"]
        command += ["intervals={resamples: 0}"] if options.plain else []
        environment = dict(os.environ)
        if options.profile:
            (profiles := folder / "profiles").mkdir()
            (folder / "sitecustomize.py").write_text(PROFILER.format(folder=str(profiles)), encoding="utf-8")
            environment["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
        cpu, start = children_cpu_s(), time.perf_counter()
        with (folder / "said.txt").open("w") as said:
            done = subprocess.run(
                command, cwd=folder, check=False, env=environment, stdout=said, stderr=subprocess.STDOUT
            )
        if done.returncode:
            raise SystemExit((folder / "said.txt").read_text())
        wall, cpu = time.perf_counter() - start, children_cpu_s() - cpu
        jobs = read_benchmarks(folder / "benchmarks")
        if options.profile:
            print_profile(profiles)
            print()
    interfaces = interfaces_of_rules()
    start_up = {interface: start_up_cpu_s(interface) for interface in set(interfaces.values())}
    print("| rule | jobs | longest, s | CPU a job, s | peak memory, MB |\n|---|---|---|---|---|")
    for rule, rows in sorted(jobs.items(), key=lambda item: -sum(number(row["s"]) for row in item[1])):
        longest, memory = (max(number(row[key]) for row in rows) for key in ("s", "max_rss"))
        mean = sum(number(row["cpu_time"]) for row in rows) / len(rows)
        print(f"| `{rule}` | {len(rows)} | {longest:.1f} | {mean:.1f} | {memory:.0f} |")
    starting = sum(start_up[interfaces[rule]] * len(rows) for rule, rows in jobs.items())
    peak = max(number(row["max_rss"]) for rows in jobs.values() for row in rows)
    print(f"\n{sum(map(len, jobs.values()))} jobs on {options.cores} cores: {wall:.0f} s, {cpu:.0f} s of CPU time, of")
    print(f"which start-up {starting:.0f} s ({100 * starting / cpu:.0f} %); largest job {peak:.0f} MB")


if __name__ == "__main__":
    main()
