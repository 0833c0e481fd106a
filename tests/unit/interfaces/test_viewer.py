"""What the viewer gathers of a patient's files, and how their grids lie to each other."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.itk import write_itk
from reperfuse.files.sidecars import read_sidecar, write_json
from reperfuse.interfaces import PlotPatient
from reperfuse.interfaces.viewer import gather
from reperfuse.interfaces.visits import Visit
from reperfuse.volumes.bits import bit_field
from reperfuse.volumes.geometry import apply_matrix, rigid_matrix
from reperfuse.volumes.transforms import Displacement, Transform

SHAPE = (16, 18, 10)
PERFUSION = np.array([[-4.0, 0, 0, 30], [0, 4, 0, -34], [0, 0, 6, -27], [0, 0, 0, 1]])
DIFFUSION = np.array([[3.0, 0, 0, -24], [0, 3, 0, -20], [0, 0, 5, -20], [0, 0, 0, 1]])
BRAIN = np.ones(SHAPE, bool)
CORE = np.zeros(SHAPE, bool)
CORE[4:7, 5:9, 3:6] = True
#: From a point of the first grid to the second, of three pairs of grids.
TO_DIFFUSION = rigid_matrix(np.array([3.0, -2, 4]), np.array([0.1, 0.05, -0.08]), np.zeros(3))
TO_BASELINE = rigid_matrix(np.array([-6.0, 1, 2]), np.array([-0.05, 0.1, 0.02]), np.zeros(3))
TO_FOLLOWUP = rigid_matrix(np.array([1.0, 8, -3]), np.array([0.02, -0.03, 0.2]), np.zeros(3))
MAPS = {"reference": 100.0, "tmax": 5.0, "rcbf": 0.8, "rcbv": 0.9, "mtt": 6.0, "cbf": 40.0, "cbv": 3.6}


class Patient:
    """The files of a patient, by session and input."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, dict[str, str]] = {}

    def save(self, session: str, name: str, data: np.ndarray, affine: np.ndarray = PERFUSION, **sidecar: Any) -> None:
        path = self.folder / f"sub-01_ses-{session}_{name}.nii.gz"
        nifti.save(path, data, affine, sidecar=sidecar)
        self.files.setdefault(session, {})[name] = str(path)

    def link(self, session: str, name: str, transform: Any, **sidecar: Any) -> None:
        path = self.folder / f"sub-01_ses-{session}_{name}.txt"
        write_itk(path, transform)
        write_json(path.with_suffix(".json"), sidecar)
        self.files[session][name] = str(path)

    def perfusion(self, session: str) -> None:
        for name, value in MAPS.items():
            self.save(session, name, np.full(SHAPE, value, np.float32))
        for name, mask in {"perfusion_brain": BRAIN, "tmax6": CORE, "core_dscref": CORE, "penumbra": ~CORE}.items():
            self.save(session, name, mask)
        bits = bit_field([BRAIN, CORE])
        self.save(session, "tmax_sweep", bits, Thresholds=[4.0, 6.0], ThresholdUnits="s", OwnThreshold=6.0)

    def diffusion(self, session: str) -> None:
        for name, value in {"trace": 200.0, "adc": 0.8e-3}.items():
            self.save(session, name, np.full(SHAPE, value, np.float32), DIFFUSION)
        for name, mask in {"diffusion_brain": BRAIN, "core": CORE}.items():
            self.save(session, name, mask, DIFFUSION)

    def fail(self, session: str, name: str) -> None:
        self.save(session, name, np.full((1, 1, 1), np.nan), np.eye(4), Reasons=["it failed"])

    def gather(self, **roles: str) -> dict[str, Any]:
        found = gather({session: Visit(own, roles.get(session, session)) for session, own in self.files.items()})
        assert found is not None
        return found


@pytest.fixture
def patient(tmp_path: Path) -> Patient:
    return Patient(tmp_path)


def grids(found: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(one["label"], grid["title"]): grid for one in found["sessions"] for grid in one["grids"]}


def names(grid: dict[str, Any], key: str = "maps") -> list[str]:
    return [one["name"] for one in grid[key]]


def outlines(grid: dict[str, Any]) -> list[str]:
    return [one["title"] for one in grid["regions"]["named"]]


def voxel(grid: dict[str, Any], head: np.ndarray) -> np.ndarray:
    return apply_matrix(np.vstack([grid["fromHead"], [0, 0, 0, 1]]), head)


def world(grid: dict[str, Any], affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return where points of a grid's world lie on its place in the head."""
    # the stack turns LAS to RAS order: slice up, row to the back, column to the left
    to_head = np.vstack([grid["toHead"], [0, 0, 0, 1]])
    corner = {-1: SHAPE[0] - 1, 1: 0}
    first = [corner[int(np.sign(-affine[0, 0]))], SHAPE[1] - 1, 0]
    step = np.sign(-affine[0, 0])
    indices = apply_matrix(np.linalg.inv(affine), points)
    stack = np.stack([indices[:, 2], first[1] - indices[:, 1], (indices[:, 0] - first[0]) * step], axis=1)
    return apply_matrix(to_head, stack)


def test_a_session_shows_what_it_has(patient: Patient) -> None:
    patient.perfusion("baseline")
    patient.diffusion("baseline")
    patient.fail("baseline", "rcbf")
    patient.fail("baseline", "rcbf_sweep")
    found = grids(patient.gather())
    perfusion, diffusion = (found["ses-baseline", title] for title in ("Perfusion", "Diffusion"))
    assert names(perfusion) == ["reference", "tmax", "rcbv", "mtt", "cbf", "cbv"]
    assert names(perfusion, "sweeps") == ["tmax"]
    assert outlines(perfusion) == ["Tmax > 6 s", "Penumbra", "Core"]
    assert (names(diffusion), outlines(diffusion), diffusion["sweeps"]) == (["trace", "adc"], ["Core"], [])


def test_a_map_that_is_a_multiple_of_another_shares_its_numbers(patient: Patient) -> None:
    patient.perfusion("baseline")
    relative = np.random.default_rng(0).uniform(0, 2, SHAPE).astype(np.float32)
    relative[0, 0, 0] = np.nan
    patient.save("baseline", "rcbf", relative)
    patient.save("baseline", "cbf", 50 * relative)
    patient.save("baseline", "rcbv", relative)
    patient.save("baseline", "cbv", 4 * relative + 0.5)
    maps = {one["name"]: one for one in grids(patient.gather())["ses-baseline", "Perfusion"]["maps"]}
    assert (maps["cbf"]["like"], "data" in maps["cbf"]) == ("rcbf", False)
    assert maps["cbf"]["step"] == pytest.approx(50 * maps["rcbf"]["step"])
    assert maps["cbf"]["step"] <= 100 / 256
    assert ("like" in maps["cbv"], "data" in maps["cbv"]) == (False, True)


def test_numbers_are_not_shared_where_they_would_be_too_coarse(patient: Patient) -> None:
    patient.perfusion("baseline")
    patient.save("baseline", "cbf", np.full(SHAPE, 100 * MAPS["rcbf"], np.float32))
    maps = {one["name"]: one for one in grids(patient.gather())["ses-baseline", "Perfusion"]["maps"]}
    assert "like" not in maps["cbf"]


def test_there_may_be_no_perfusion_or_no_image_at_all(patient: Patient) -> None:
    patient.diffusion("baseline")
    patient.fail("baseline", "reference")
    patient.fail("post", "trace")
    assert grids(patient.gather()).keys() == {("ses-baseline", "Diffusion")}
    patient.fail("baseline", "diffusion_brain")
    assert gather({session: Visit(own, session) for session, own in patient.files.items()}) is None
    assert gather({}) is None


def test_only_acute_diffusion_has_a_core(patient: Patient) -> None:
    for session in ("baseline", "late", "followup"):
        patient.diffusion(session)
    patient.save("followup", "lesion", CORE, DIFFUSION)
    found = {label: outlines(grid) for (label, _), grid in grids(patient.gather()).items()}
    assert found == {
        "ses-baseline": ["Core"],
        "ses-late": ["Diffusion lesion"],
        "ses-followup": ["Follow-up lesion"],
    }


def test_the_lesion_is_outlined_on_the_image_it_is_drawn_on(patient: Patient) -> None:
    patient.diffusion("baseline")
    patient.save("followup", "flair", np.ones(SHAPE), PERFUSION)
    patient.save("followup", "flair_brain", BRAIN)
    patient.save("followup", "lesion", CORE)
    patient.link("baseline", "to_followup", TO_FOLLOWUP)
    found = grids(patient.gather())
    assert outlines(found["ses-followup", "FLAIR"]) == ["Follow-up lesion"]
    assert {grid["aligned"] for grid in found.values()} == {0}


def test_a_point_is_at_one_place_of_the_head_on_every_grid(patient: Patient) -> None:
    for session in ("baseline", "post"):
        patient.perfusion(session)
        patient.diffusion(session)
    patient.diffusion("followup")
    for session in ("baseline", "post"):
        patient.link(session, "to_diffusion", TO_DIFFUSION)
    patient.link("post", "to_baseline", TO_BASELINE)
    patient.link("baseline", "to_followup", TO_FOLLOWUP)
    found = grids(patient.gather())
    assert {grid["aligned"] for grid in found.values()} == {0}
    points = np.random.default_rng(0).uniform(-15, 15, (20, 3))
    for (source, affine), (target, other), way in (
        ((("ses-baseline", "Perfusion"), PERFUSION), (("ses-baseline", "Diffusion"), DIFFUSION), TO_DIFFUSION),
        ((("ses-post", "Perfusion"), PERFUSION), (("ses-post", "Diffusion"), DIFFUSION), TO_DIFFUSION),
        ((("ses-post", "Perfusion"), PERFUSION), (("ses-baseline", "Perfusion"), PERFUSION), TO_BASELINE),
        ((("ses-baseline", "Diffusion"), DIFFUSION), (("ses-followup", "Diffusion"), DIFFUSION), TO_FOLLOWUP),
    ):
        here = world(found[source], affine, points)
        there = world(found[target], other, apply_matrix(way, points))
        np.testing.assert_allclose(here, there, atol=1e-9)
        np.testing.assert_allclose(voxel(found[source], here), voxel(found[source], there), atol=1e-9)


def test_grids_that_are_not_aligned_are_told_apart(patient: Patient) -> None:
    for session in ("baseline", "post"):
        patient.perfusion(session)
        patient.diffusion(session)
    patient.link("baseline", "to_diffusion", TO_DIFFUSION)
    patient.link("post", "to_baseline", TO_BASELINE, Reasons=["the fit is poor"])
    found = grids(patient.gather())
    assert [grid["aligned"] for grid in found.values()] == [0, 0, 2, 3]


def test_a_distortion_is_followed_as_closely_as_a_matrix_can(patient: Patient) -> None:
    patient.perfusion("baseline")
    patient.diffusion("baseline")
    vectors = np.zeros((3, 3, 3, 3))
    vectors[..., 1] = np.linspace(-4, 4, 3)[:, None, None]
    field = Displacement(vectors, np.array([[40.0, 0, 0, -40], [0, 40, 0, -40], [0, 0, 40, -40], [0, 0, 0, 1]]))
    way = Transform((TO_DIFFUSION, field))
    patient.link("baseline", "to_diffusion", way)
    found = grids(patient.gather())
    points = np.random.default_rng(0).uniform(-15, 15, (20, 3))
    here = world(found["ses-baseline", "Perfusion"], PERFUSION, points)
    there = world(found["ses-baseline", "Diffusion"], DIFFUSION, way(points))
    assert np.linalg.norm(here - there, axis=1).max() < 0.5


def test_the_step_writes_it_for_a_patient_with_an_image(patient: Patient, tmp_path: Path) -> None:
    patient.diffusion("baseline")
    given = {"participant": "01", "sessions": ["baseline"], "roles": {"baseline": "baseline"}}
    written = []
    for number in range(2):
        done = PlotPatient(**given, **patient.files["baseline"]).run(cwd=str(tmp_path / f"out{number}")).outputs
        (path,) = Path(done.figures).glob("*_maps.json")
        assert path.name == "sub-01_desc-viewer_maps.json"
        written.append(path.read_bytes())
    assert written[0] == written[1]
    session = read_sidecar(path)["sessions"][0]
    assert (session["label"], session["role"]) == ("ses-baseline", "Before treatment")
    patient.fail("baseline", "trace")
    done = PlotPatient(**given, **patient.files["baseline"]).run(cwd=str(tmp_path / "none")).outputs
    assert not list(Path(done.figures).glob("*_maps.json"))
