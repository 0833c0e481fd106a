"""One good patient among damaged ones: each damage is said, nothing else changes, and nobody's name comes out."""

import base64
import csv
import gzip
import hashlib
import json
import math
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import pytest
from damages import SUBJECTS, Damage, corpus
from damages.patient import Patient
from running import Run, Small, contents, differences, snakemake, study_config

pytestmark = pytest.mark.xdist_group("small")
CORPUS = corpus()
#: Damages of the quick run, with the only scan that a patient keeps: perfusion, diffusion at baseline or at follow-up.
QUICK = {
    "streams: cut off after half": "dsc",
    "streams: bit flipped in the data, at a third": "dsc",
    "content: perfusion of NaN": "dsc",
    "content: diffusion of NaN": "dwi",
    "masks: probabilities": "followup",
    "masks: geometry lost: identity": "followup",
    "masks: link to nowhere": "followup",
    "sidecars: EchoTime missing": "dsc",
    "headers: qform mirrors the sform": "dsc",
    "gradients: b-values in s/m²": "dwi",
    "layout: session with a line break": "dsc",
    "masks: named after another patient": "followup",
    "people: identifier of 5,000 digits": "dwi",
}
#: The table and column whose value a scan costs.
COSTLY = {
    "dsc": ("sessions", "tmax6_ml"),
    "dwi": ("sessions", "core_ml"),
    "adc": ("sessions", "core_ml"),
    "lesion": ("patients", "infarct_followup_ml"),
}
#: Volumes differ by less where nothing is lost.
SAME = 0.02
SECRET = "Erika"
PRIVATE = {
    "PatientName": f"Mustermann^{SECRET}",
    "PatientBirthDate": f"1953-04-02 {SECRET}",
    "InstitutionName": f"{SECRET} hospital",
    "DeviceSerialNumber": f"{SECRET}-4711",
    "Units": f"of {SECRET}",
    "SliceEncodingDirection": f"k of {SECRET}",
}


@dataclass(frozen=True)
class Damaged:
    """A run of a study with damaged patients."""

    run: Run
    labels: dict[str, str]
    seconds: float

    @property
    def out(self) -> Path:
        return self.run.folder / "out"

    def said_of(self, name: str) -> list[str]:
        """Return the rows of the tables that tell of the patient with a damage."""
        label = f"sub-{self.labels[name]}"
        files = [self.out / "group" / f"{table}.tsv" for table in ("failures", "sessions", "patients")]
        return [line for file in files for line in file.read_text().splitlines() if line.startswith(label)]

    def row_of(self, label: str, table: str) -> dict[str, str]:
        """Return a patient's row, empty if there is none; of sessions, that of the baseline."""
        with (self.out / "group" / f"{table}.tsv").open() as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        own = (row for row in rows if row["participant_id"] == f"sub-{label}")
        return next((row for row in own if row.get("session_id", "ses-baseline") == "ses-baseline"), {})

    def other_numbers(self, label: str) -> list[str]:
        """Return the volumes that are not those of the good patient, of the scans that this one has."""
        found = []
        for table, column in (("sessions", "core_ml"), ("sessions", "tmax6_ml"), ("patients", "infarct_followup_ml")):
            good = self.row_of("01", table)[column]
            value = self.row_of(label, table).get(column, good)
            if value != good and ("n/a" in (value, good) or not math.isclose(float(value), float(good), rel_tol=SAME)):
                found.append(f"{column} is {value}, not {good}")
        return found


def _only(patient: Patient, kept: str) -> None:
    """Leave a patient one scan, so that the run is quick."""
    gone = {"dsc": ["ses-baseline/dwi", "ses-followup"], "dwi": ["ses-baseline/perf", "ses-followup"]}
    for folder in gone.get(kept, ["ses-baseline"]):
        shutil.rmtree(patient.folder / folder)
    if kept != "followup":
        shutil.rmtree(patient.masks / patient.folder.name)


def plant(patient: Patient) -> None:
    """Write a name wherever a study can hold one and no result depends on it."""
    for kind in ("dsc", "dwi"):
        patient.say(
            kind, **{key: text for key, text in PRIVATE.items() if key not in ("Units", "SliceEncodingDirection")}
        )
        image = nib.load(patient.scan(kind))
        for field in ("descrip", "aux_file", "intent_name", "db_name"):
            image.header[field] = f"{SECRET} M."[:16]
        image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", f"{SECRET} M.".encode()))
        nib.save(nib.Nifti1Image(image.dataobj.get_unscaled(), None, image.header), patient.scan(kind))


def _run(small: Small, folder: Path, damages: dict[str, tuple[Damage, str]]) -> Damaged:
    study = folder / "the study"
    shutil.copytree(small.study, study)
    head, row = (study / "participants.tsv").read_text().splitlines()
    labels = {name: f"D{number:03}" for number, name in enumerate(damages)}
    rows = [row, *(row.replace("sub-01", f"sub-{label}") for label in labels.values())]
    (study / "participants.tsv").write_text("\n".join([head, *rows]) + "\n")
    for name, (damage, kept) in damages.items():
        patient = Patient.copied(small.study, study, labels[name])
        if kept:
            _only(patient, kept)
        damage.do(patient)
    plant(Patient(study, "01"))
    table = (study / "participants.tsv").read_text().splitlines()
    comments = ["comment", *(f"{SECRET} was here" for _ in table[1:])]
    rows = [f"{line}\t{comment}" for line, comment in zip(table, comments, strict=True)]
    (study / "participants.tsv").write_text("\n".join(rows) + "\n")
    begun = time.monotonic()
    run = snakemake(folder, config=study_config(study), cores=min(2, os.cpu_count() or 1))
    assert run.status == 0, run.output[-3000:]
    return Damaged(run, labels, time.monotonic() - begun)


def _odd(patient: Patient) -> None:
    """A patient whose cells, sidecars and mask name somebody, each in a place that is refused."""
    patient.say("dsc", **PRIVATE, SliceTiming=[0.0], RepetitionTime=f"2 s for {SECRET}")
    patient.mask().parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(patient.scan("dsc"), patient.mask().with_name(f"{SECRET}_label-L_mask.nii.gz"))
    patient.row(side=f"left of {SECRET}", age=SECRET, mtici=SECRET, onset_time=SECRET, ica_occlusion=SECRET)


@pytest.fixture(scope="module")
def quick(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Damaged:
    chosen = {name: (CORPUS[name], kept) for name, kept in QUICK.items()}
    chosen["private"] = (Damage("private", _odd), "dsc")
    return _run(small, tmp_path_factory.mktemp("damaged"), chosen)


def _check_that_all_is_said(damaged: Damaged, names: list[str]) -> None:
    logs = (path for path in (damaged.out / "logs").rglob("*.log"))
    traced = [path.name for path in logs if "Traceback" in path.read_text(errors="replace")]
    assert not traced
    assert "Traceback" not in damaged.run.output
    silent = [name for name in names if not any(CORPUS[name].says in line for line in damaged.said_of(name))]
    assert not silent, {name: damaged.said_of(name) for name in silent}


def _check_what_it_costs(damaged: Damaged, names: list[str]) -> None:
    """What a damage costs is n/a; what a step finds harmless, and tells nothing of, leaves every number."""
    wrong = {}
    for name in names:
        damage, label = CORPUS[name], damaged.labels[name]
        # where indexing leaves a series or a mask out, the scanner's map or an automatic lesion stands in for it
        if damage.costs in COSTLY and (damage.found == "step" or damage.costs == "dsc"):
            table, column = COSTLY[damage.costs]
            value = damaged.row_of(label, table).get(column, "n/a")
            wrong[name] = f"{column} is {value}" if value != "n/a" else ""
        elif damage.found == "step" and not damage.costs and not damage.says:
            wrong[name] = "; ".join(damaged.other_numbers(label))
    assert not any(wrong.values()), wrong


def _check_that_the_good_one_is_untouched(damaged: Damaged, small: Small) -> None:
    def of_good(results: dict[str, bytes]) -> dict[str, bytes]:
        return {name: content for name, content in results.items() if name.startswith("sub-01")}

    assert differences(of_good(small.results), of_good(contents(damaged.out))) == []


def test_every_damage_is_said(quick: Damaged) -> None:
    _check_that_all_is_said(quick, list(QUICK))


def test_every_damage_costs_what_it_must(quick: Damaged) -> None:
    _check_what_it_costs(quick, list(QUICK))


def test_the_good_patient_is_untouched(quick: Damaged, small: Small) -> None:
    _check_that_the_good_one_is_untouched(quick, small)


def test_no_byte_of_the_results_names_anybody(quick: Damaged) -> None:
    for path in (path for path in quick.out.rglob("*") if path.is_file()):
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert SECRET.encode() not in content, path
        assert SECRET.encode("utf-16-le") not in content, path
        assert SECRET not in path.name
    assert SECRET not in quick.run.output


def test_sidecars_hold_no_absolute_path(quick: Damaged) -> None:
    for path in (path for path in quick.out.rglob("*.json") if path.relative_to(quick.out).parts[0] != "logs"):
        assert str(quick.run.folder) not in json.dumps(json.loads(path.read_text())), path


def test_pages_forbid_what_they_do_not_hold(quick: Damaged) -> None:
    for page in quick.out.glob("*.html"):
        text = page.read_text()
        policy = text.partition("<style>")[0]
        assert "default-src 'none'" in policy
        scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
        assert 1 <= len(scripts) <= 2
        # the rest is what the viewer shows, which is not run
        assert text.count("<script") == len(scripts) + text.count('<script type="application/json"')
        for script in scripts:  # none but those whose hashes the policy names
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
        assert policy.count("'sha256-") == len(scripts)


def _kept(name: str, damage: Damage) -> str:
    """Return the scan that a patient keeps: what is harmless must leave every number, and keeps all."""
    if name.startswith("masks: "):
        return "followup"
    return {"dsc": "dsc", "dwi": "dwi", "adc": "dwi"}.get(damage.costs, "") if damage.found == "step" else ""


@pytest.mark.nightly
@pytest.mark.parametrize("found", ["step", "indexing"])
@pytest.mark.parametrize("subject", [subject for subject in SUBJECTS if subject != "config"])
def test_all_damages_of_a_subject(subject: str, found: str, small: Small, tmp_path: Path) -> None:
    """One patient each; see docs/validation/faults.md. On one core one scan takes 15 s, all of a patient longer."""
    chosen = {
        name: (damage, _kept(name, damage))
        for name, damage in CORPUS.items()
        if name.startswith(f"{subject}: ") and damage.found == found and not damage.alone
    }
    if not chosen:
        pytest.skip(f"no damage of {subject} is found in this way")
    damaged = _run(small, tmp_path, chosen)
    _check_that_all_is_said(damaged, list(chosen))
    _check_that_the_good_one_is_untouched(damaged, small)
    _check_what_it_costs(damaged, list(chosen))
