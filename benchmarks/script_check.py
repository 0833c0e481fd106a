"""What Snakemake's check of `script:` costs: dry runs of jobs that name one script, and of as many that name none.

Run: ``python benchmarks/script_check.py [--jobs 2000 8000]``. The two graphs differ in nothing else. Shown is the CPU
time (s) of each dry run, the smaller of two, and what the check costs a job (ms). docs/validation/performance.md says
where the time goes, and how it could be saved.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

RULES = """
rule all:
    input:
        expand("{{number}}.txt", number=range({jobs})),

rule one:
    output:
        "{{number}}.txt",
    {how}
"""
HOW = {"shell": 'shell: "touch {output}"', "script": 'script: "touch.py"'}


def cpu_s(folder: Path) -> float:
    """CPU time of a dry run in a folder."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "all", "--cores=1"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the dry run in {folder} failed")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print a row a number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[2000, 8000])
    options = parser.parse_args()
    print("| jobs | without a script, s | with a script, s | the check, ms a job |\n|---|---|---|---|")
    for jobs in options.jobs:
        costs = {}
        for name, how in HOW.items():
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "Snakefile").write_text(RULES.format(jobs=jobs, how=how), encoding="utf-8")
                (Path(folder) / "touch.py").write_text("open(snakemake.output[0], 'w')\n", encoding="utf-8")
                costs[name] = min(cpu_s(Path(folder)) for _ in range(2))
        more_ms = 1000 * (costs["script"] - costs["shell"]) / jobs
        print(f"| {jobs} | {costs['shell']:.1f} | {costs['script']:.1f} | {more_ms:.2f} |")


if __name__ == "__main__":
    main()
