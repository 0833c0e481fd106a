"""A rule's fingerprint follows the source of its step, wherever a decision lives."""

import ast
import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from reperfuse import interfaces
from reperfuse.study.fingerprint import _file, _uses, fingerprint

PACKAGE = Path(__file__).parents[3] / "workflow" / "reperfuse"
FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.fixture
def copied(tmp_path: Path) -> ModuleType:
    """The module of fingerprints in a copy of the package, whose files can be changed."""
    shutil.copytree(PACKAGE, tmp_path / "reperfuse", ignore=shutil.ignore_patterns("__pycache__"))
    (own,) = (tmp_path / "reperfuse").rglob("fingerprint.py")
    spec = importlib.util.spec_from_file_location("copied_fingerprint", own)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("step", "changed"),
    [
        ("MeasureSession", "interfaces/session.py"),
        ("MeasureSession", "mismatch/criteria.py"),
        ("CorrectMotion", "perfusion/bolus.py"),
        ("SegmentHypoperfusion", "volumes/morphology.py"),
        ("ReportPatient", "reports/templates/base.html"),
        ("ReportPatient", "reports/patient.py"),
        ("ReportStudy", "reports/templates/tables.js"),
        ("ReportStudy", "reports/templates/study.css"),
        ("TabulateStudy", "interfaces/base.py"),
    ],
)
def test_a_change_of_what_a_step_uses_changes_it(copied: ModuleType, step: str, changed: str) -> None:
    module = interfaces.module_of(step)
    before = copied.fingerprint(module)
    assert before == fingerprint(module)
    path = copied._PACKAGE / changed
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    copied._uses.cache_clear()
    assert copied.fingerprint(module) != before


def test_a_change_of_anything_else_does_not(copied: ModuleType) -> None:
    module = interfaces.module_of("SegmentHypoperfusion")
    before = copied.fingerprint(module)
    for name in ("interfaces/growth.py", "serial/swelling.py", "reports/patient.py", "__init__.py"):
        path = copied._PACKAGE / name
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert copied.fingerprint(module) == before


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_import_is_followed(path: Path) -> None:
    imports = [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)
    ]
    named = {
        f"{node.module}{dot}{name}"
        for node in imports
        for dot, name in [("", ""), *((".", alias.name) for alias in node.names)]
        if node.module and node.module.split(".")[0] == "reperfuse"
    }
    expected = {_file(name) for name in named} - {None}
    assert {file for file in _uses(path) if file.suffix == ".py"} == expected


def test_a_step_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no module reperfuse\.interfaces\.nowhere"):
        fingerprint("reperfuse.interfaces.nowhere")
