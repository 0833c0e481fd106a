"""Mismatch and trial profiles of patients of every kind, found by the whole workflow, beside the truth.

``python benchmarks/mismatch.py <folder>`` simulates the patients of `reperfuse.simulation.profiles` in a new
folder, runs the workflow on them and prints two tables: volumes found / true (mL), with * beyond 15 % and 5 mL,
and the class by every criterion, with the true one in brackets where it is another.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import yaml
from reperfuse.simulation.profiles import PROFILE_PATIENTS, true_classes
from reperfuse.simulation.study import CLINICAL, DEMO, TINY, simulate_study

ROOT = Path(__file__).parents[1]
PROTOCOLS = {"tiny": TINY, "demo": DEMO, "clinical": CLINICAL}
VOLUMES = ("core_ml", "tmax6_ml", "mismatch_ml", "mismatch_coreg_ml")

Rows = dict[tuple[str, str], dict[str, str]]


def read_sessions(path: Path) -> Rows:
    """Return the rows of a table of sessions by participant and role."""
    with path.open(encoding="utf-8") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return {(row["participant_id"].removeprefix("sub-"), row["role"]): row for row in rows}


def run_workflow(study: Path, cores: int) -> Path:
    """Run the workflow on a study; return its results."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--quiet", "all"]
    command += ["--cores", str(cores), "--directory", str(study.parent), "--config", f"bids_dir={study}"]
    subprocess.run(command, check=True)
    return study / "derivatives" / "reperfuse"


def compare(found: str, true: str) -> str:
    """Return found / true, marked where they differ by more than 15 % and 5 mL."""
    difference = abs(float(found) - float(true))
    return f"{float(found):.0f} / {float(true):.0f}{' *' if difference > max(0.15 * abs(float(true)), 5) else ''}"


def print_table(header: list[str], rows: list[list[str]]) -> None:
    for row in (header, ["---"] * len(header), *rows):
        print("| " + " | ".join(row) + " |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--protocol", choices=PROTOCOLS, default="demo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cores", type=int, default=1)
    wanted = parser.parse_args()
    study = wanted.folder.resolve() / "study"
    patients = list(PROFILE_PATIENTS.values())
    if not study.exists():
        simulate_study(study, patients, PROTOCOLS[wanted.protocol], wanted.seed, wanted.cores)
    found = read_sessions(run_workflow(study, wanted.cores) / "group" / "sessions.tsv")
    true = read_sessions(study / "derivatives" / "truth" / "sessions.tsv")
    catalogue = yaml.safe_load((ROOT / "config" / "criteria.yaml").read_text(encoding="utf-8"))
    kinds = [patient.label for patient in patients]
    sessions = {kind: {role: row for (label, role), row in true.items() if label == kind} for kind in kinds}
    classes = {patient.label: true_classes(catalogue, patient, sessions[patient.label]) for patient in patients}
    volumes = [
        [kind, *(compare(found[kind, "baseline"][name], true[kind, "baseline"][name]) for name in VOLUMES)]
        for kind in kinds
    ]
    print_table(["patient", *VOLUMES], volumes)
    lines = []
    for name in catalogue:
        cells = [(found[kind, "baseline"][name], classes[kind][name] or "n/a") for kind in kinds]
        lines.append([name, *(is_ if is_ == should else f"{is_} ({should})" for is_, should in cells)])
    print_table(["criterion", *kinds], lines)


if __name__ == "__main__":
    main()
