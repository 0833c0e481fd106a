"""An expert's follow-up lesion beside the automatic one: what is measured of both, and that the expert's stays."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons, write_json
from reperfuse.head.brain import brain_mask
from reperfuse.interfaces import MeasurePatient, SegmentLesion
from reperfuse.simulation.anatomy import Head, Region
from reperfuse.simulation.geometry import sample_points
from reperfuse.simulation.physiology import Injury
from reperfuse.simulation.protocols import Matrix, make_grid
from reperfuse.simulation.scanner import FlairProtocol, acquire_flair
from reperfuse.simulation.truth import is_inside
from reperfuse.volumes.image import volume_ml

GRID = make_grid(Matrix((80, 96, 24), (2.5, 2.5, 5.0)))
NO_MIRROR = "no mirror plane: the head does not match its own reflection (correlation 0.21)"


@pytest.fixture(scope="module")
def scan() -> dict[str, np.ndarray]:
    """A simulated patient's FLAIR image, brain, and true infarct of 40 mL on the left."""
    region = Region("left", (36.0, -10.0, 18.0), (1.0, 1.45, 1.15), 40.0)
    image = acquire_flair(
        Head(), (Injury(region, adc=0.52e-3, t2_ratio=1.45),), GRID, np.eye(4), FlairProtocol(), seed=1
    )
    infarct = is_inside(sample_points(GRID, np.eye(4), Head(), (1, 1, 1)), region).reshape(GRID.shape)
    return {"reference": image, "brain": brain_mask(image, GRID.voxel_mm), "infarct": infarct}


class Followup:
    """The files of a follow-up session, and what is made of them."""

    def __init__(self, folder: Path, scan: dict[str, np.ndarray]) -> None:
        self.folder, self.scan = folder, scan
        self.files = {name: self.save(name, scan[name]) for name in ("reference", "brain")}
        self.files["mirror"] = str(folder / "mirror.json")
        self.mirror(Normal=[1.0, 0.0, 0.0], OffsetMm=0.0, Quality=0.9)

    def save(self, name: str, data: np.ndarray, affine: np.ndarray = GRID.affine) -> str:
        path = str(self.folder / f"{name}.nii.gz")
        nifti.save(path, data, affine, sidecar={})
        return path

    def mirror(self, **content: Any) -> None:
        write_json(self.files["mirror"], content)

    def lesion(self, **more: str) -> str:
        return str(SegmentLesion(**self.files | more).run(cwd=str(self.folder)).outputs.lesion)

    def drawn(self, mask: np.ndarray, **more: str) -> str:
        return self.lesion(expert=self.save("label-L_mask", mask), **more)

    def measures(self, lesion: str) -> dict[str, Any]:
        nothing: dict[str, Any] = {"absences": [], "exclusions": [], "hours": [1.0, ""], "hours_allowed": [0.0, 2.0]}
        step = MeasurePatient(participant="01", lesion=lesion, **nothing)
        return read_sidecar(step.run(cwd=str(self.folder)).outputs.measures)


@pytest.fixture
def followup(tmp_path: Path, scan: dict[str, np.ndarray]) -> Followup:
    return Followup(tmp_path, scan)


def test_a_true_outline_agrees_with_what_is_found(followup: Followup) -> None:
    infarct = followup.scan["infarct"]
    row = followup.measures(followup.drawn(infarct))["Row"]
    assert row["lesion_source"] == "expert"
    assert row["infarct_followup_ml"] == pytest.approx(volume_ml(infarct, GRID.affine))
    assert row["lesion_automatic_ml"] == pytest.approx(row["infarct_followup_ml"], rel=0.1)
    assert 0.9 < row["lesion_dice"] < 1


def test_the_overlap_is_that_of_the_two_masks(followup: Followup) -> None:
    """The expert's mask is what was found, less its lower half: 2 h / (1 + h) for a share h."""
    found = nifti.load(followup.lesion())
    outlined = found.mask & (np.arange(GRID.shape[2]) > np.median(np.argwhere(found.mask)[:, 2]))
    share = outlined.sum() / found.mask.sum()
    assert 0.2 < share < 0.8
    row = followup.measures(followup.drawn(outlined))["Row"]
    assert row["lesion_dice"] == pytest.approx(2 * share / (1 + share))
    assert row["lesion_automatic_ml"] == pytest.approx(volume_ml(found.mask, GRID.affine))
    assert row["infarct_followup_ml"] == pytest.approx(share * row["lesion_automatic_ml"])


def test_an_empty_outline_overlaps_nothing(followup: Followup) -> None:
    row = followup.measures(followup.drawn(followup.scan["infarct"] & False))["Row"]
    assert (row["infarct_followup_ml"], row["lesion_dice"]) == (0, 0)
    assert row["lesion_automatic_ml"] > 30


def test_an_automatic_lesion_is_compared_with_none(followup: Followup) -> None:
    measures = followup.measures(followup.lesion())
    row = measures["Row"]
    assert (row["lesion_source"], row["lesion_automatic_ml"], row["lesion_dice"]) == ("automatic", "n/a", "n/a")
    assert "lesion_automatic" not in dict(measures["Failures"])


@pytest.mark.parametrize("fault", ["no mirror", "clipped", "another grid"])
def test_what_forbids_the_automatic_lesion_leaves_the_outline_as_it_is(followup: Followup, fault: str) -> None:
    infarct, image = followup.scan["infarct"], followup.scan["reference"]
    whole, more = Path(followup.drawn(infarct)).read_bytes(), {}
    if fault == "no mirror":
        followup.mirror(Reasons=[NO_MIRROR])
        said = NO_MIRROR
    elif fault == "clipped":
        followup.save("reference", np.minimum(image, np.percentile(image[followup.scan["brain"]], 40)))
        said = "export the scan again without clipping"
    else:
        more = {"adc": followup.save("adc", np.ones((3, 3, 3)))}
        said = "internal error (ValueError) in the automatic lesion"
    lesion = followup.drawn(infarct, **more)
    assert Path(lesion).read_bytes() == whole
    assert reasons(lesion) == []
    measures = followup.measures(lesion)
    row = measures["Row"]
    assert row["infarct_followup_ml"] == pytest.approx(volume_ml(infarct, GRID.affine))
    assert (row["lesion_automatic_ml"], row["lesion_dice"]) == ("n/a", "n/a")
    assert said in dict(measures["Failures"])["lesion_automatic"]


def test_an_automatic_lesion_has_draws_and_an_experts_none(scan: dict[str, np.ndarray], tmp_path: Path) -> None:
    """The volume of a sharp infarct of 40 mL moves by tenths of a millilitre; the same image gives the same draws."""
    followup = Followup(tmp_path, scan)
    found = followup.lesion()
    draws = read_sidecar(found)["Draws"]["infarct_followup_ml"]
    assert len(draws) == 19
    assert np.mean(draws) == pytest.approx(volume_ml(nifti.load(found).mask, GRID.affine), rel=0.05)
    assert 0 < np.std(draws) < 1.0
    assert read_sidecar(followup.lesion())["Draws"]["infarct_followup_ml"] == draws
    measures = followup.measures(found)["Row"]
    assert measures["infarct_followup_ml_low"] < measures["infarct_followup_ml"] < measures["infarct_followup_ml_high"]
    drawn = followup.drawn(scan["infarct"])
    assert "Draws" not in read_sidecar(drawn)
    assert followup.measures(drawn)["Row"]["infarct_followup_ml_low"] == "n/a"
