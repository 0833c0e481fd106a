"""Imports go one way, by folder, and science knows no file and no framework."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "workflow" / "reperfuse"
#: From the ground up: a folder imports of its own storey and of those below. `deconvolution` is the public door to one.
STOREYS = (
    {"faults", "volumes"},
    {"head"},
    {"diffusion", "perfusion", "serial", "mismatch", "files"},
    {"study", "registration", "simulation", "analysis"},
    {"interfaces", "reports", "deconvolution"},
    {"command"},
)
SCIENCE = ("volumes", "head", "perfusion", "diffusion", "registration", "serial", "mismatch")
FORBIDDEN_IN_SCIENCE = {"nibabel", "bids", "nipype", "matplotlib", "pandas", "pathlib", "json", "logging"}
ONLY_IMPORTER = {"bids": "study/layout.py", "ants": "registration/ants.py", "nibabel": "files/nifti.py"}
ONLY_FOLDER = {"pandas": "analysis", "statsmodels": "analysis"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


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


def folder(path: Path) -> str:
    """Return the folder of the package a module lies in, or the module's own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def used_folders(path: Path) -> set[str]:
    """Return the folders whose modules a module imports."""
    names = (name.split(".") for name in imported(path))
    return {name[1] for name in names if name[0] == "reperfuse" and name[1] != "__version__"} - {folder(path)}


def storey(name: str) -> int:
    (number,) = (number for number, folders in enumerate(STOREYS) if name in folders)
    return number


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_import_goes_up(path: Path) -> None:
    above = {used for used in used_folders(path) if storey(used) > storey(folder(path))}
    assert not above


def test_the_command_reads_no_image_and_runs_no_step() -> None:
    roots = {name.split(".")[0] for path in (PACKAGE / "command").glob("*.py") for name in imported(path)}
    used = {name for path in (PACKAGE / "command").glob("*.py") for name in used_folders(path)}
    assert not roots & {"nibabel", "nipype", "ants", "pandas", "matplotlib", "snakemake"}
    assert used <= {"study", "simulation", "files", "faults"}


def _assert_acyclic(uses: dict[str, set[str]]) -> None:
    while uses:
        leaves = {name for name, used in uses.items() if not used & uses.keys()}
        assert leaves, f"a circle among {sorted(uses)}"
        uses = {name: used for name, used in uses.items() if name not in leaves}


def test_folders_form_no_circle() -> None:
    uses: dict[str, set[str]] = {}
    for path in MODULES:
        uses.setdefault(folder(path), set()).update(used_folders(path))
    _assert_acyclic(uses)


def test_modules_form_no_circle() -> None:
    names = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES
    }
    uses = {}
    for name, path in names.items():
        dotted = {one.removeprefix("reperfuse.") for one in imported(path)}
        uses[name] = {used for one in dotted for used in (one, one.rpartition(".")[0]) if used in names} - {name}
    _assert_acyclic(uses)


@pytest.mark.parametrize("name", SCIENCE)
def test_science_knows_no_file_and_no_framework(name: str) -> None:
    for path in (PACKAGE / name).glob("*.py"):
        allowed = {"pathlib"} if path.name == "ants.py" else set()  # ANTs answers with a file
        roots = {module.split(".")[0] for module in imported(path)}
        assert not roots & FORBIDDEN_IN_SCIENCE - allowed, path.name
        assert "files" not in used_folders(path) or path.name == "ants.py"


@pytest.mark.parametrize(("library", "module"), ONLY_IMPORTER.items())
def test_a_library_has_one_importer(library: str, module: str) -> None:
    importers = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        if library in {name.split(".")[0] for name in imported(path)} and folder(path) != "simulation"
    }
    assert importers == {module}


@pytest.mark.parametrize(("library", "room"), ONLY_FOLDER.items())
def test_a_library_has_one_folder(library: str, room: str) -> None:
    importers = {folder(path) for path in MODULES if library in {name.split(".")[0] for name in imported(path)}}
    assert importers == {room}


@pytest.mark.parametrize("path", list(PACKAGE.rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_a_folder_is_light_to_open(path: Path) -> None:
    assert not {name for name in imported(path) if name.split(".")[0] not in ("importlib", "typing")}
