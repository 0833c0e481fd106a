"""Imports go one way: rules → interfaces → {images, registration, science}; reports → images."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "workflow" / "reperfuse"
SCIENCE = {
    "aif",
    "alignment",
    "apparent_motion",
    "circulant",
    "concentration",
    "criteria",
    "deconvolution",
    "diffusion",
    "distortion",
    "mirror",
    "mismatch",
    "motion",
    "nuisance",
    "outliers",
    "quality",
    "segmentation",
    "serial",
    "shading",
    "swelling",
}
FORBIDDEN_IN_SCIENCE = {
    "nibabel",
    "bids",
    "ants",
    "nipype",
    "matplotlib",
    "pathlib",
    "json",
    "logging",
    "pandas",
}
ONLY_IMPORTER = {"bids": "dataset", "ants": "registration"}
#: Which parts of the package a part may import.
ALLOWED = {
    "science": {"science", "faults"},
    "faults": set(),
    "fingerprint": set(),
    "yaml_lines": set(),
    "options": {"yaml_lines"},
    "settings": {"yaml_lines", "science"},
    "images": {"faults"},
    "dataset": {"images", "faults"},
    "transforms": {"images"},
    "registration": {"transforms", "images", "science", "faults"},
    "cohort": set(),
    "reports": {"reports", "images"},
    "simulation": {"simulation", "science", "images", "faults"},
    "interfaces": {
        "interfaces",
        "options",
        "images",
        "transforms",
        "registration",
        "science",
        "reports",
        "cohort",
        "faults",
    },
}


def imported(path: Path) -> set[str]:
    """Return the dotted names a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def part_of(name: str) -> str | None:
    """Return the part of the package a dotted name belongs to, None for what any part may use."""
    pieces = name.split(".")
    if pieces[0] != "reperfuse" or len(pieces) == 1 or pieces[1] == "__version__":
        return None
    return "science" if pieces[1] in SCIENCE else pieces[1]


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    own = part_of(".".join(["reperfuse", *path.relative_to(PACKAGE).with_suffix("").parts]))
    assert own is not None
    used = {part_of(name) for name in imported(path)} - {None}
    assert used <= ALLOWED[own] | {own}, f"{path.name} imports {sorted(used - ALLOWED[own])}"


@pytest.mark.parametrize("name", sorted(SCIENCE))
def test_science_knows_no_file_and_no_framework(name: str) -> None:
    roots = {module.split(".")[0] for module in imported(PACKAGE / f"{name}.py")}
    assert not roots & FORBIDDEN_IN_SCIENCE


@pytest.mark.parametrize(("library", "module"), ONLY_IMPORTER.items())
def test_a_library_has_one_importer(library: str, module: str) -> None:
    importers = {path.stem for path in MODULES if library in {name.split(".")[0] for name in imported(path)}}
    assert importers == {module}


def test_science_is_acyclic() -> None:
    uses = {
        name: {part.split(".")[1] for part in imported(PACKAGE / f"{name}.py") if part_of(part) == "science"}
        for name in SCIENCE
    }
    while uses:
        leaves = {name for name, used in uses.items() if not used & uses.keys()}
        assert leaves, f"a cycle among {sorted(uses)}"
        uses = {name: used for name, used in uses.items() if name not in leaves}
