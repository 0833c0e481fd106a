"""Lesions of a head without a mirror plane: the core and an expert's lesion stay, what is told by asymmetry is not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons, write_json
from reperfuse.interfaces import SegmentCore, SegmentLesion, SweepCore
from swept import mask_at, volumes_of_bits

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
    assert warning == f"found without its mirror image, so tissue that is bright on both sides may count ({NO_MIRROR})"


def test_another_fault_than_the_mirrors_is_inherited(head: dict[str, str], tmp_path: Path) -> None:
    nifti.save(head["adc"], np.full((1, 1, 1), np.nan), np.eye(4), sidecar={"Reasons": ["no b-values"]})
    given = {name: head[name] for name in ("adc", "trace", "brain", "mirror")}
    core = SegmentCore(**given, **OPTIONS).run(cwd=str(tmp_path)).outputs.core
    assert reasons(core) == ["no b-values"]


def with_mirror(head: dict[str, str]) -> dict[str, str]:
    """Give the head its plane of symmetry."""
    write_json(head["mirror"], {"Normal": [1.0, 0.0, 0.0], "OffsetMm": 0.0, "Quality": 0.9})
    return {name: head[name] for name in ("brain", "mirror")}


@pytest.mark.parametrize("side", ["left", "right", "unknown"])
def test_a_lesion_on_the_other_side_is_told(head: dict[str, str], tmp_path: Path, side: str) -> None:
    given = with_mirror(head) | {"reference": head["trace"], "side": side}
    said = (
        ["the lesion lies on the left, and the study says right; check the column and the header"]
        if side == ("right")
        else []
    )
    for more in ({"expert": head["injured"]}, {"adc": head["adc"]}):
        lesion = SegmentLesion(**given, **more).run(cwd=str(tmp_path)).outputs.lesion
        assert nifti.load(lesion).mask.any()
        assert read_sidecar(lesion).get("Warnings", []) == said


def test_what_is_doubtful_of_the_adc_is_said_of_its_lesions(head: dict[str, str], tmp_path: Path) -> None:
    adc = nifti.load(head["adc"])
    nifti.save(head["adc"], adc.data, adc.affine, sidecar={"Warnings": ["the unit is odd"]})
    given = with_mirror(head) | {"adc": head["adc"]}
    core = SegmentCore(**given, trace=head["trace"], **OPTIONS).run(cwd=str(tmp_path)).outputs.core
    lesion = SegmentLesion(**given, reference=head["trace"]).run(cwd=str(tmp_path)).outputs.lesion
    assert read_sidecar(core)["Warnings"] == read_sidecar(lesion)["Warnings"] == ["the unit is odd"]


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (
            slice(5, 7),
            "the image shows 2 slices of the brain (10 mm), too little to measure a lesion's volume (at least 3 slices "
            "and 30 mm needed); use a scan of the whole brain",
        ),
        (slice(4, 11), ""),
    ],
)
def test_a_part_of_a_lesion_is_refused_or_told(head: dict[str, str], tmp_path: Path, kept: slice, said: str) -> None:
    given = with_mirror(head) | {name: head[name] for name in ("adc", "trace", "injured")}
    for name, path in given.items():
        if name != "mirror":
            image = nifti.load(path)
            nifti.save(path, image.data[..., kept], AFFINE, sidecar={})
    expert = {name: given[name] for name in ("brain", "mirror")} | {"reference": given["trace"]}
    done = [
        SegmentCore(**{name: given[name] for name in ("adc", "trace", "brain", "mirror")}, **OPTIONS)
        .run(cwd=str(tmp_path))
        .outputs.core,
        SegmentLesion(**expert, expert=given["injured"]).run(cwd=str(tmp_path)).outputs.lesion,
        SweepCore(**{name: given[name] for name in ("adc", "trace", "brain", "mirror")})
        .run(cwd=str(tmp_path))
        .outputs.curves,
    ]
    for path in done:
        assert reasons(path) == ([said] if said else [])
    if not said:
        for path in done[:2]:
            assert "the image shows 35 mm of the brain, cut off below" in read_sidecar(path)["Warnings"][0]


def test_no_core_is_larger_than_a_lesion_can_be(head: dict[str, str], tmp_path: Path) -> None:
    given = {name: head[name] for name in ("adc", "trace", "brain", "mirror")}
    brain = nifti.load(head["brain"])
    nifti.save(
        head["adc"], np.where(np.arange(24) < 18, 550e-6, 800e-6)[:, None, None] * np.ones(SHAPE), AFFINE, sidecar={}
    )
    nifti.save(head["trace"], np.where(brain.mask, 900.0, 5.0), AFFINE, sidecar={})
    core = SegmentCore(**given, **OPTIONS | {"peak_intensity": 0.9}).run(cwd=str(tmp_path)).outputs.core
    assert "is too much for a lesion in a brain of" in reasons(core)[0]


def test_only_an_experts_followup_lesion_does_without(head: dict[str, str], tmp_path: Path) -> None:
    given = {"reference": head["trace"], "brain": head["brain"], "mirror": head["mirror"]}
    automatic = SegmentLesion(**given).run(cwd=str(tmp_path)).outputs.lesion
    assert reasons(automatic) == [NO_MIRROR]
    drawn = SegmentLesion(**given, expert=head["injured"]).run(cwd=str(tmp_path)).outputs.lesion
    assert dice(drawn, head["injured"]) == 1.0


def test_the_volumes_of_the_bits_are_those_of_the_sweep(head: dict[str, str], tmp_path: Path) -> None:
    adc = nifti.load(head["adc"])
    values = np.where(nifti.load(head["injured"]).mask, 520e-6 + 8e-6 * np.arange(SHAPE[1])[:, None], adc.data)
    nifti.save(head["adc"], values, AFFINE, sidecar={})
    given = with_mirror(head) | {name: head[name] for name in ("adc", "trace")}
    done = SweepCore(**given, **OPTIONS).run(cwd=str(tmp_path)).outputs
    core = SegmentCore(**given, **OPTIONS).run(cwd=str(tmp_path)).outputs.core
    found = volumes_of_bits(done.adc_sweep)
    assert found == read_sidecar(done.curves)["Curves"]["adc"]
    assert len({ml for _, ml in found}) > 3
    np.testing.assert_array_equal(mask_at(done.adc_sweep, OPTIONS["adc_threshold"]), nifti.load(core).mask)


def test_the_core_has_draws_where_the_noise_of_its_images_is_known(head: dict[str, str], tmp_path: Path) -> None:
    """Noise of 0 moves no voxel; where it is not known, or none are asked for, there are no draws."""
    given = with_mirror(head) | {name: head[name] for name in ("adc", "trace")}

    def draws(sd: float | None, resamples: int = 5) -> Any:
        trace, noise = nifti.load(head["trace"]), {"sd": sd, "correlation": [0.0, 0.0, 0.0]}
        about = {} if sd is None else {"Noise": {"trace": noise, "b0": noise, "b_value": 1000.0}}
        nifti.save(head["trace"], trace.data, trace.affine, sidecar=about)
        done = SweepCore(**given, **OPTIONS, resamples=resamples).run(cwd=str(tmp_path)).outputs
        found = read_sidecar(done.curves)
        return found["Draws"], dict(map(tuple, found["Curves"]["adc"]))[620e-6]

    assert draws(None)[0] == {}
    assert draws(80.0, resamples=0)[0] == {"core_ml": []}
    quiet, core_ml = draws(0.0)
    assert quiet["core_ml"] == pytest.approx([core_ml] * 5)
    noisy, _ = draws(80.0)
    assert len(set(noisy["core_ml"])) > 1
    assert draws(80.0)[0] == noisy
