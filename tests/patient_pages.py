"""A patient's page from measures and figures made up."""

import json
from pathlib import Path

import yaml
from html_pages import Reader
from PIL import Image
from reperfuse.files.sidecars import sidecar_path, write_json
from reperfuse.reports.patient import Study, render_patient

TABLES = yaml.safe_load((Path(__file__).parents[1] / "workflow/schemas/tables.yaml").read_text(encoding="utf-8"))
TABLES["analysis"] = TABLES["clinical"]
TABLES["sessions"]["defuse2"] = {"Description": "Profile by DEFUSE 2", "Levels": {"target": "class target"}}
CRITERIA = {"defuse2": "DEFUSE 2"}


def write(path: Path, content: dict) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def session(folder: Path, label: str, failures=(), warnings=(), **row) -> Path:
    content = dict.fromkeys(TABLES["sessions"], "n/a") | {"status": "ok", "reasons": ""} | row
    return write(
        folder / f"{label}.json",
        {
            "participant_id": "sub-01",
            "session_id": f"ses-{label}",
            "Row": content,
            "Failures": list(failures),
            "Warnings": list(warnings),
        },
    )


def patient(folder: Path, failures=(), **row) -> Path:
    content = dict.fromkeys(TABLES["patients"], "n/a") | row
    return write(folder / "patient.json", {"participant_id": "sub-01", "Row": content, "Failures": list(failures)})


def figure(folder: Path, label: str, what: str, **sidecar) -> Path:
    path = folder / f"sub-01_ses-{label}_desc-{what}_figure.png"
    Image.new("RGB", (4, 4)).save(path)
    write_json(sidecar_path(path), sidecar)
    return path


def overview(folder: Path) -> Path:
    path = folder / "sub-01_desc-overview_figure.png"
    Image.new("RGB", (4, 4)).save(path)
    write_json(sidecar_path(path), {})
    return path


def render(patient_file, sessions=(), figures=(), clinical=None, made=(), viewer=None, ratings=()) -> str:
    study = Study(TABLES, CRITERIA, "defuse2", clinical or {}, ratings)
    return render_patient(patient_file, sessions, figures, study, made=made, viewer=viewer, version="0.1.0")


def read(*given, **more) -> Reader:
    return Reader(render(*given, **more))
