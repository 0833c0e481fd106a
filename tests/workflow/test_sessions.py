"""Sessions may have any name and order, and a patient any number of them."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from reperfuse.simulation.study import DEMO_PATIENTS, TINY, simulate_study
from running import snakemake

pytestmark = pytest.mark.xdist_group("sessions")
NAMES = {"baseline": "t9", "post": "m0", "followup": "a5"}


def rename(study: Path, old: str, new: str) -> None:
    """Give a session another label, in every file and folder name and in the tables."""
    for path in sorted(study.rglob(f"*ses-{old}*"), key=lambda path: len(path.parts), reverse=True):
        path.rename(path.with_name(path.name.replace(f"ses-{old}", f"ses-{new}")))
    for table in study.rglob("*_sessions.tsv"):
        table.write_text(table.read_text().replace(f"ses-{old}\t", f"ses-{new}\t"))


def rows(path: Path, *keys: str) -> dict[tuple[str, ...], dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return {tuple(row[key] for key in keys): row for row in csv.DictReader(lines, delimiter="\t")}


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of a patient with two follow-ups and of one without any, whose sessions are dated the wrong way round."""
    folder = tmp_path_factory.mktemp("sessions")
    scans: tuple[dict[str, tuple[str, ...]], ...] = (
        {"baseline": ("dwi",), "post": ("dwi",)},
        {"baseline": ("dsc", "dwi"), "post": ("dsc", "dwi"), "followup": ("dwi",)},
    )
    patients = [replace(patient, scans=wanted) for patient, wanted in zip(DEMO_PATIENTS, scans, strict=False)]
    study = simulate_study(folder / "study", patients, TINY)
    for old, new in NAMES.items():
        rename(study, old, new)
    for root in (study, study / "derivatives" / "lesions"):
        shutil.copytree(root / "sub-02" / "ses-a5", root / "sub-02" / "ses-b90")
        rename(root / "sub-02" / "ses-b90", "a5", "b90")
    table = study / "sub-01" / "sub-01_sessions.tsv"
    table.write_text(table.read_text().replace("ses-m0\t2025", "ses-m0\t2024"))
    sessions = f"sessions={{{', '.join(f'{role}: {name}' for role, name in NAMES.items())}}}"
    run = snakemake(
        folder,
        "group/patients.tsv",
        config=("bids_dir=study", "output_dir=out", "lesion_masks=study/derivatives/lesions", sessions),
    )
    assert run.status == 0, run.output[-3000:]
    return folder / "out" / "group"


def test_the_named_followup_counts(group: Path) -> None:
    sessions = rows(group / "sessions.tsv", "participant_id", "session_id")
    assert sessions["sub-02", "ses-t9"]["role"] == "baseline"
    assert sessions["sub-02", "ses-b90"]["role"] == "n/a"
    patient = rows(group / "patients.tsv", "participant_id")["sub-02",]
    for column in ("growth_ml", "growth_voxelwise_ml", "reperfusion_fraction", "imr_ml", "deficit_recovered_ml"):
        assert patient[column] != "n/a", column
    assert patient["imr_evaluable"] == "1"


def test_without_a_followup_there_is_a_reason(group: Path) -> None:
    patient = rows(group / "patients.tsv", "participant_id")["sub-01",]
    assert patient["growth_ml"] == patient["imr_ml"] == "n/a"
    assert float(patient["core_baseline_ml"]) > 0
    assert (patient["imr_evaluable"], patient["imr_exclusion"]) == (
        "0",
        "no perfusion scan in session m0; no session a5",
    )


def test_sessions_dated_the_wrong_way_round_are_named(group: Path) -> None:
    failures = rows(group / "failures.tsv", "participant_id", "what")
    reason = failures["sub-01", "order of sessions"]["reason"]
    assert reason.startswith("session m0 (post) is dated before session t9 (baseline)")
    assert ("sub-02", "order of sessions") not in failures
