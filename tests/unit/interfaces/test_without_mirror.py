"""Lesions of a head without a mirror plane: the core and an expert's lesion stay, what is told by asymmetry is not."""

from pathlib import Path

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons, write_json
from reperfuse.interfaces import SegmentCore, SegmentLesion

SHAPE = (24, 28, 12)
AFFINE = np.diag([4.0, 4.0, 5.0, 1.0])
AFFINE[:3, 3] = [-46.0, -54.0, -27.5]
INJURED = (slice(3, 9), slice(10, 18), slice(3, 9))
NO_MIRROR = "no mirror plane: the head does not match its own reflection (correlation 0.21)"
OPTIONS = {"adc_threshold": 620e-6, "relative_intensity": 0.9, "peak_intensity": 1.25, "min_volume_ml": 0.1}


@pytest.fixture
def head(tmp_path: Path) -> dict[str, str]:
    """A head injured on the left (bright on the trace image, of low ADC), and why it has no mirror plane."""
    x, y, z = (AFFINE[:3, :3] @ np.indices(SHAPE).reshape(3, -1) + AFFINE[:3, 3:]).reshape(3, *SHAPE)
    brain = (x / 46) ** 2 + (y / 54) ** 2 + (z / 28) ** 2 < 1
    injured = np.zeros(SHAPE, bool)
    injured[INJURED] = brain[INJURED]
    data = {
        "brain": brain,
        "adc": np.where(injured, 450e-6, 800e-6),
        "trace": np.where(brain, np.where(injured, 900.0, 500.0), 5.0),
        "injured": injured,
    }
    files = {name: str(tmp_path / f"{name}.nii.gz") for name in data}
    for name, path in files.items():
        nifti.save(path, data[name], AFFINE, sidecar={})
    files["mirror"] = str(tmp_path / "mirror.json")
    write_json(files["mirror"], {"Reasons": [NO_MIRROR]})
    return files


def dice(path: str, expected: str) -> float:
    one, other = nifti.load(path).mask, nifti.load(expected).mask
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_the_core_is_kept_and_says_what_it_lacks(head: dict[str, str], tmp_path: Path) -> None:
    given = {name: head[name] for name in ("adc", "trace", "brain", "mirror")}
    core = SegmentCore(**given, **OPTIONS).run(cwd=str(tmp_path)).outputs.core
    assert dice(core, head["injured"]) > 0.9
    [warning] = read_sidecar(core)["Warnings"]
    assert warning == f"found without its mirror image, so what is bright on both sides may count ({NO_MIRROR})"


def test_another_fault_than_the_mirrors_is_inherited(head: dict[str, str], tmp_path: Path) -> None:
    nifti.save(head["adc"], np.full((1, 1, 1), np.nan), np.eye(4), sidecar={"Reasons": ["no b-values"]})
    given = {name: head[name] for name in ("adc", "trace", "brain", "mirror")}
    core = SegmentCore(**given, **OPTIONS).run(cwd=str(tmp_path)).outputs.core
    assert reasons(core) == ["no b-values"]


def test_only_an_experts_followup_lesion_does_without(head: dict[str, str], tmp_path: Path) -> None:
    given = {"reference": head["trace"], "brain": head["brain"], "mirror": head["mirror"]}
    automatic = SegmentLesion(**given).run(cwd=str(tmp_path)).outputs.lesion
    assert reasons(automatic) == [NO_MIRROR]
    drawn = SegmentLesion(**given, expert=head["injured"]).run(cwd=str(tmp_path)).outputs.lesion
    assert dice(drawn, head["injured"]) == 1.0
