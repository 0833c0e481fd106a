"""The overview: every session's regions lie where the tissue is, whatever grids and poses they came in."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.itk import write_itk
from reperfuse.interfaces import visits
from reperfuse.interfaces.slices import cut_sessions
from reperfuse.interfaces.visits import Visit, draw_overview
from reperfuse.reports.figures import Moment, plot_overview

AFFINE = np.array([[-3.0, 0, 0, 24], [0, 3, 0, -24], [0, 0, 5, -20], [0, 0, 0, 1]])
SHAPE = (16, 16, 8)
BRAIN = np.linalg.norm((np.indices(SHAPE).T - [7.5, 7.5, 3.5]) / [7, 7, 5], axis=-1).T < 1
SPOT = np.zeros(SHAPE, bool)
SPOT[3:6, 6:9, 3:5] = True
BESIDE = np.roll(SPOT, 3, axis=1)
#: How many voxels each later image lies off, along the first axis, from the one before.
STEPS = {"diffusion": 1, "post": 2, "followup": 3}


def moved(mask: np.ndarray, by: int) -> np.ndarray:
    return np.roll(mask, by, axis=0)


def shift(by: int) -> np.ndarray:
    """Take a point to where it lies in an image whose content is moved by so many voxels."""
    matrix = np.eye(4)
    matrix[:3, 3] = AFFINE[:3, 0] * by
    return matrix


class Scans:
    """Files of a patient, by role and by the name of the input."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, {}

    def add(self, role: str, name: str, data: Any, **sidecar: Any) -> None:
        path = self.folder / f"sub-01_ses-{role}_{name}.nii.gz"
        nifti.save(path, np.asarray(data, np.float32), AFFINE, sidecar=sidecar)
        self.files.setdefault(role, {})[name] = str(path)

    def link(self, role: str, name: str, matrix: np.ndarray) -> None:
        path = self.folder / f"sub-01_ses-{role}_{name}.txt"
        write_itk(path, matrix)
        self.files.setdefault(role, {})[name] = str(path)

    def visits(self, *roles: str) -> dict[str, Visit]:
        found = {role: Visit(self.files[role], role, self.files) for role in roles}
        for role, cuts in cut_sessions(found).items():
            found[role].cuts = cuts
        return found


@pytest.fixture
def scans(tmp_path) -> Scans:
    found, (dwi, post, late) = Scans(tmp_path), STEPS.values()
    grey = 100.0 * BRAIN
    for name, data in (
        *(("reference", grey), ("perfusion_brain", BRAIN), ("trace_dscref", grey + 1), ("core_dscref", SPOT)),
        *(("tmax6", SPOT | BESIDE), ("trace", moved(grey, dwi)), ("diffusion_brain", moved(BRAIN, dwi))),
        *(("core", moved(SPOT, dwi)), ("growth", moved(SPOT + 2 * BESIDE, dwi))),
    ):
        found.add("baseline", name, data)
    found.link("baseline", "to_diffusion", shift(dwi))
    found.link("baseline", "to_followup", shift(late))
    for name, data in (
        *(("reference", moved(grey, post)), ("perfusion_brain", moved(BRAIN, post)), ("tmax6", moved(BESIDE, post))),
        *(("deficits", moved(SPOT + 2 * BESIDE, post)), ("imr", moved(SPOT, post))),
    ):
        found.add("post", name, data)
    found.link("post", "to_baseline", shift(-post))
    for name, data in (
        ("trace", moved(grey + 50 * SPOT, dwi + late)),
        ("diffusion_brain", moved(BRAIN, dwi + late)),
        ("lesion", moved(SPOT | BESIDE, dwi + late)),
    ):
        found.add("followup", name, data)
    return found


def drawn(monkeypatch: pytest.MonkeyPatch, given: dict[str, Visit]) -> tuple[dict[str, Moment], list[str]]:
    """What the overview is given to draw, by the title of its rows, and its notes."""
    taken: list[Any] = []

    def take(*arguments: Any) -> Any:
        taken.append(arguments)
        return plot_overview(*arguments)

    monkeypatch.setattr(visits.figures, "plot_overview", take)
    assert draw_overview("", given) is not None
    ((_, moments, _, _, notes, _),) = taken
    return {one.title.replace("\n", " "): one for one in moments}, notes


def assert_same(found: dict[str, np.ndarray], **wanted: np.ndarray) -> None:
    assert set(found) == set(wanted)
    for name, mask in wanted.items():
        np.testing.assert_array_equal(found[name], mask, err_msg=name)


def test_tissue_lies_in_the_same_place_in_every_row(scans, monkeypatch) -> None:
    rows, notes = drawn(monkeypatch, scans.visits("post", "baseline", "followup"))
    assert list(rows) == ["Before treatment", "After treatment", "Follow-up"]
    assert_same(rows["Before treatment"].masks, core=SPOT, tmax6=SPOT | BESIDE)
    assert_same(rows["After treatment"].masks, tmax6=BESIDE, persistent=BESIDE, imr=SPOT)
    assert_same(rows["Follow-up"].masks, lesion=SPOT | BESIDE, grown=BESIDE)
    np.testing.assert_allclose(rows["Follow-up"].image[SPOT], 150)
    assert not notes


def test_a_day_after_treatment_has_a_row_of_its_own(scans, monkeypatch) -> None:
    by = 4
    for name, data in (
        *(("reference", moved(100.0 * BRAIN, by)), ("perfusion_brain", moved(BRAIN, by))),
        *(("tmax6", moved(BESIDE, by)), ("imr", moved(SPOT, by)), ("core_dscref", moved(SPOT, by))),
    ):
        scans.add("late", name, data)
    scans.link("late", "to_baseline", shift(-by))
    rows, notes = drawn(monkeypatch, scans.visits("baseline", "post", "followup", "late"))
    assert list(rows) == ["Before treatment", "After treatment", "A day after treatment", "Follow-up"]
    # no core: diffusion is no longer acute
    assert_same(rows["A day after treatment"].masks, tmax6=BESIDE, imr=SPOT)
    assert not notes


def test_the_legend_names_every_region(scans) -> None:
    figure = draw_overview("A title", scans.visits("baseline", "post", "followup"))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("Tmax > 6 s", "Core", "Persistent deficit", "Impaired reflow (IMR)", "Grown", "Follow-up lesion")
    ]
    titles = [text.get_text() for text in figure.texts]
    assert {"A title", "Before\ntreatment", "After\ntreatment", "Follow-up"} <= set(titles)


def test_baseline_only(scans, monkeypatch) -> None:
    rows, _ = drawn(monkeypatch, scans.visits("baseline"))
    assert list(rows) == ["Before treatment"]


def test_without_perfusion_diffusion_is_the_frame(scans, monkeypatch) -> None:
    for name in ("reference", "perfusion_brain", "trace_dscref", "core_dscref", "tmax6", "to_diffusion"):
        del scans.files["baseline"][name]
    rows, notes = drawn(monkeypatch, scans.visits("baseline", "post", "followup"))
    by = STEPS["diffusion"]
    assert_same(rows["Before treatment"].masks, core=moved(SPOT, by))
    assert_same(rows["Follow-up"].masks, lesion=moved(SPOT | BESIDE, by), grown=moved(BESIDE, by))
    assert notes == ["After treatment not shown: it is not aligned with this scan"]


def test_without_perfusion_before_it_is_aligned_by_way_of_the_follow_up(scans, monkeypatch) -> None:
    for name in ("reference", "perfusion_brain", "trace_dscref", "core_dscref", "tmax6", "to_diffusion"):
        del scans.files["baseline"][name]
    by, after = STEPS["diffusion"], STEPS["post"]
    for name, data in (("trace", moved(100.0 * BRAIN, after)), ("diffusion_brain", moved(BRAIN, after))):
        scans.add("post", name, data)
    scans.link("post", "to_diffusion", np.eye(4))
    scans.link("post", "to_followup", shift(STEPS["diffusion"] + STEPS["followup"] - after))
    rows, notes = drawn(monkeypatch, scans.visits("baseline", "post", "followup"))
    assert_same(
        rows["After treatment"].masks,
        **{name: moved(mask, by) for name, mask in (("tmax6", BESIDE), ("persistent", BESIDE), ("imr", SPOT))},
    )
    assert not notes


def test_the_first_session_after_treatment_is_the_frame_without_one_before(scans, monkeypatch) -> None:
    del scans.files["baseline"]
    rows, notes = drawn(monkeypatch, scans.visits("post", "followup"))
    assert list(rows) == ["After treatment"]
    assert notes == ["Follow-up not shown: it is not aligned with this scan"]


def test_a_region_that_failed_is_named_with_its_reason(scans, monkeypatch) -> None:
    scans.add("baseline", "tmax6", np.full((1, 1, 1), np.nan), Reasons=["no bolus was found"])
    rows, notes = drawn(monkeypatch, scans.visits("baseline", "post", "followup"))
    assert set(rows["Before treatment"].masks) == {"core"}
    assert notes == ["Tmax > 6 s not shown: no bolus was found"]


def test_a_session_whose_image_failed_is_left_out(scans, monkeypatch) -> None:
    scans.add("post", "reference", np.full((1, 1, 1), np.nan), Reasons=["the stream is cut off"])
    rows, notes = drawn(monkeypatch, scans.visits("baseline", "post", "followup"))
    assert list(rows) == ["Before treatment", "Follow-up"]
    assert notes == ["After treatment not shown: the stream is cut off"]


def test_there_is_none_without_an_image() -> None:
    assert draw_overview("", {"baseline": Visit({}, "baseline")}) is None


def test_a_region_it_does_not_know_is_refused() -> None:
    with pytest.raises(KeyError, match="penumbra"):
        plot_overview("", [Moment("", 1.0 * BRAIN, {"penumbra": SPOT})], AFFINE, BRAIN)


@pytest.mark.parametrize("label", ["sub-01", "sub-" + "long" * 14, "sub-" + "W" * 60])
def test_a_long_label_leaves_room_for_the_legend(scans, label: str) -> None:
    figure = draw_overview(f"{label} · From session to session", scans.visits("baseline", "post", "followup"))
    figure.draw_without_rendering()
    (title,) = [text for text in figure.texts if text.get_text().endswith("From session to session")]
    assert (label == "sub-01") is title.get_text().startswith("sub-01 ·")
    assert title.get_window_extent().x1 < figure.legends[0].get_window_extent().x0
