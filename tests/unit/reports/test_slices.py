"""The slices that a patient's figures share: the same heights of the same head, whatever grids and poses it has."""

from pathlib import Path

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.itk import write_itk
from reperfuse.interfaces import PlotPatient
from reperfuse.interfaces.slices import cut_sessions
from reperfuse.interfaces.visits import Visit
from reperfuse.reports import checks, figures, montage
from reperfuse.reports.slices import Slices, choose_points
from reperfuse.volumes.geometry import apply_matrix, rigid_matrix
from reperfuse.volumes.image import Image

#: Grid of each image, and the pose of the head in it: where a point of the head lies in the image's world.
GRIDS = {"perf": ((30, 34, 14), (6.0, 6.0, 9.0)), "dwi": ((45, 51, 26), (4.0, 4.0, 5.0))}
CENTRE_MM = np.array([3.0, -8.0, 12.0])
DISEASE_MM, RADIUS_MM = np.array([35.0, -5.0, 20.0]), 22.0
POSES = {
    (label, kind): np.random.default_rng(number).uniform(-1, 1, (2, 3)) * [[9.0], [0.15]]  # mm, rad
    for number, (label, kind) in enumerate((label, kind) for label in "abc" for kind in GRIDS)
}
SPACES = {place: rigid_matrix(*pose, CENTRE_MM) for place, pose in POSES.items()}
ROLES = {"a": "baseline", "b": "post", "c": "followup"}


def affine_of(kind: str) -> np.ndarray:
    shape, size = GRIDS[kind]
    affine = np.diag([*size, 1.0])
    affine[:3, :3] = rigid_matrix(np.zeros(3), np.array([0.12, 0, 0]), np.zeros(3))[:3, :3] @ affine[:3, :3]
    affine[:3, 3] = CENTRE_MM - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def of_head(label: str, kind: str) -> np.ndarray:
    """Return where in the head each voxel lies, (x, y, z, 3)."""
    points = np.moveaxis(np.indices(GRIDS[kind][0]), 0, -1)
    return apply_matrix(np.linalg.inv(SPACES[label, kind]) @ affine_of(kind), points)


class Scans:
    """A patient's files by the name of the input; images hold the height in the head's own coordinates."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, {label: {} for label in ROLES}
        for label, kind in SPACES:
            points = of_head(label, kind)
            brain = np.linalg.norm((points - CENTRE_MM) / [70, 85, 60], axis=-1) < 1
            disease = np.linalg.norm(points - DISEASE_MM, axis=-1) < RADIUS_MM
            image = 1000 + points[..., 2]
            images, mask, region = {
                "perf": (("reference", "cbf", "cbv", "rcbf", "rcbv", "mtt", "tmax"), "perfusion_brain", "tmax6"),
                "dwi": (("trace", "adc", "dwiref"), "diffusion_brain", "lesion" if label == "c" else "core"),
            }[kind]
            for name, data in (*((name, image) for name in images), (region, disease), (mask, brain)):
                self.add(label, kind, name, data)
        self.add("a", "dwi", "growth", nifti.load(self.files["a"]["core"]).data)
        for name in ("earlier_tmax", "deficits", "mirrored", "asymmetry", "imr", "reflow_lesion"):
            self.add("b", "perf", name, nifti.load(self.files["b"]["tmax6"]).data)
        for label in "abc":
            self.link(label, "to_diffusion", (label, "perf"), (label, "dwi"))
        self.link("b", "to_baseline", ("b", "perf"), ("a", "perf"))
        for label in "ab":
            self.link(label, "to_followup", (label, "dwi"), ("c", "dwi"))

    def add(self, label: str, kind: str, name: str, data: np.ndarray) -> None:
        path = self.folder / f"sub-01_ses-{label}_{name}.nii.gz"
        nifti.save(path, np.asarray(data, np.float32), affine_of(kind), sidecar={})
        self.files[label][name] = str(path)

    def link(self, label: str, name: str, here: tuple[str, str], there: tuple[str, str]) -> None:
        path = self.folder / f"sub-01_ses-{label}_{name}.txt"
        write_itk(path, SPACES[there] @ np.linalg.inv(SPACES[here]))
        self.files[label][name] = str(path)

    def visits(self) -> dict[str, Visit]:
        return {label: Visit(files, ROLES.get(label, "")) for label, files in self.files.items()}


@pytest.fixture
def scans(tmp_path: Path) -> Scans:
    return Scans(tmp_path)


def cut(visit: Visit, cuts: dict, image: str, first: tuple[str, str] = ("a", "perf")) -> tuple[Slices, np.ndarray]:
    """Return the slices of an image, and the true height of each in the first image at the points of the cut."""
    kind = "perf" if image == "reference" else "dwi"
    label = next(label for label, role in ROLES.items() if role == visit.role)
    visit.cuts = cuts
    slices = visit.slices(image)
    moved = SPACES[label, kind] @ np.linalg.inv(SPACES[first])
    voxels = apply_matrix(np.linalg.inv(affine_of(kind)) @ moved, cuts[image].points_mm)
    voxels[:, 2] = [k for k in slices.numbers if k is not None]
    return slices, apply_matrix(np.linalg.inv(moved) @ affine_of(kind), voxels)[:, 2]


def test_all_images_are_cut_at_the_same_heights_of_the_head(scans: Scans) -> None:
    visits = scans.visits()
    cuts = cut_sessions(visits)
    first, _ = cut(visits["a"], cuts["a"], "reference")
    for label, kind in SPACES:
        slices, true_mm = cut(visits[label], cuts[label], "reference" if kind == "perf" else "trace")
        np.testing.assert_allclose(slices.heights_mm, true_mm, atol=0.01)
        np.testing.assert_allclose(slices.heights_mm, first.heights_mm, atol=GRIDS[kind][1][2] / 2)
        assert not visits[label].notes
    disease_mm = apply_matrix(SPACES["a", "perf"], DISEASE_MM)
    assert min(first.heights_mm) < disease_mm[2] - 0.8 * RADIUS_MM
    assert max(first.heights_mm) > disease_mm[2] + 0.8 * RADIUS_MM
    np.testing.assert_allclose(cuts["a"]["trace"].points_mm.mean(axis=0), disease_mm, atol=9)


def test_slices_hold_the_disease_of_all_sessions_even_beyond_the_first_slab() -> None:
    brain = Image(np.ones((6, 6, 10), bool), np.diag([10.0, 10, 6, 1]))
    beyond = np.array([[20.0, 30, z] for z in np.arange(40, 80, 2.0)])
    points = choose_points(brain, beyond, np.ones(len(beyond)))
    assert points[:, 2].max() >= 76
    assert np.all(np.abs(points[:, 2] - 60) <= 33)
    np.testing.assert_allclose(points[:, :2], [[20, 30]] * len(points))


@pytest.mark.parametrize("is_empty", [False, True])
def test_without_disease_the_brain_is_cut_evenly(is_empty: bool) -> None:
    mask = np.zeros((6, 6, 20), bool)
    mask[2:5, 2:5, 3:18] = not is_empty
    points = choose_points(Image(mask, np.diag([10.0, 10, 6, 1])), np.empty((0, 3)), np.empty(0))
    assert len(points) == 8
    low, high = (0, 19) if is_empty else (3, 17)
    assert (points[0, 2], points[-1, 2]) == (6 * low, 6 * high)
    np.testing.assert_allclose(points[:, :2], 25 if is_empty else 30)


def test_a_slice_that_a_scan_does_not_hold_is_left_empty(scans: Scans) -> None:
    visits = scans.visits()
    cuts = cut_sessions(visits)
    trace = nifti.load(scans.files["a"]["trace"])
    grid = Image(trace.data[:, :, :12], trace.affine)
    whole, part = (cuts["a"]["trace"].of(image) for image in (trace, grid))
    assert None in part.numbers
    assert [k if k is not None and k < 12 else None for k in whole.numbers] == list(part.numbers)
    figure = montage.montage("", [montage.Row("", "", grid.data, (0, 1))], grid.affine, grid.data > 0, slices=part)
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written.count("outside\nthe scan") == part.numbers.count(None)
    assert sum(text.startswith("z ") for text in written) == len(part.numbers)
    assert len(figure.axes[0].images) == len(part.numbers) - part.numbers.count(None)


def test_a_session_that_is_not_aligned_has_slices_of_its_own_and_says_so(scans: Scans) -> None:
    del scans.files["b"]["to_baseline"], scans.files["b"]["to_followup"]
    visits = scans.visits()
    cuts = cut_sessions(visits)
    slices, true_mm = cut(visits["b"], cuts["b"], "reference", first=("b", "perf"))
    other, _ = cut(visits["b"], cuts["b"], "trace", first=("b", "perf"))
    np.testing.assert_allclose(slices.heights_mm, true_mm, atol=0.01)
    np.testing.assert_allclose(slices.heights_mm, other.heights_mm, atol=2.5)
    assert set(visits["b"].notes) == {
        "Slices and heights are of this scan; it is not aligned with the patient's first scan"
    }
    cut(visits["c"], cuts["c"], "trace")
    assert not visits["c"].notes


def test_a_way_round_is_a_way(scans: Scans) -> None:
    del scans.files["b"]["to_baseline"]
    visits = scans.visits()
    assert all(one.is_shared for own in cut_sessions(visits).values() for one in own.values())


def test_every_figure_of_a_patient_shows_them(scans: Scans, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, Slices] = {}

    def take(title: str, *given: object, slices: Slices, **more: object) -> object:
        drawn[title.partition(" · ")[2]] = slices
        return montage.montage(title, *given, slices=slices, **more)

    for module in (figures, checks):
        monkeypatch.setattr(module, "montage", take)
    (tmp_path / "sub-01_ses-b_mirror.json").write_text("{}")
    names = sorted({name for files in scans.files.values() for name in files})
    given = {name: [files[name] for files in scans.files.values() if name in files] for name in names}
    monkeypatch.setattr("reperfuse.interfaces.figures.load_mirror", lambda _: None)
    monkeypatch.setattr("reperfuse.interfaces.figures.reflect_mask", lambda mask, *_: mask)
    given["mirror"] = [str(tmp_path / "sub-01_ses-b_mirror.json")]
    step = PlotPatient(participant="01", sessions=list(ROLES), roles=ROLES, **given)
    (tmp_path / "out").mkdir()
    step.run(cwd=str(tmp_path / "out"))
    assert len(drawn) == 18
    first = drawn["From session to session"].heights_mm
    for slices in drawn.values():
        np.testing.assert_allclose(slices.heights_mm, first, atol=4.5)
