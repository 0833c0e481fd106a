"""The steps of CT perfusion, on a head whose perfusion is known, and on series that are damaged."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ct_head
import nibabel as nb
import numpy as np
import pytest
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.files.tables import read_columns
from reperfuse.interfaces import (
    CorrectCtMotion,
    CorrectMotion,
    DeconvolvePerfusion,
    MapDelay,
    MapPerfusion,
    MeasureCtMismatch,
    PrepareCtPerfusion,
)
from reperfuse.perfusion.attenuation import widened
from reperfuse.perfusion.deconvolution import deconvolve
from reperfuse.simulation.hemodynamics import Bolus, arterial_curve, tissue_curves, venous_curve
from reperfuse.volumes.image import dice
from reperfuse.volumes.likeness import alike_means
from reperfuse.volumes.smoothing import smoothed_curves

pytestmark = pytest.mark.xdist_group("ct steps")
DT_S, FRAMES, VOXEL = 2.0, 32, (2.0, 2.0, 5.0)
BOLUS = Bolus(arrival_s=10.0, peak=350.0, beta_s=2.0)
AFFINE, SIZE = ct_head.grid(VOXEL, -15.0), ct_head.shape(VOXEL, 8)
TIMES = DT_S * np.arange(FRAMES)


@dataclass(frozen=True)
class Head:
    """A series, and where its deficit and core are."""

    series: np.ndarray
    deficit: np.ndarray
    core: np.ndarray


def make(times: np.ndarray = TIMES, noise_hu: float = 2.5) -> Head:
    """A left hemisphere with a late region, in which the core has a sixth of the normal flow."""
    rest, brain = ct_head.draw(SIZE, AFFINE), ct_head.brain(SIZE, AFFINE)
    x, y, _ = np.indices(SIZE)
    deficit = brain & (np.hypot((x - 40) * 2, (y - 55) * 2) < 26)
    core = brain & (np.hypot((x - 40) * 2, (y - 55) * 2) < 15)
    kinds = {"normal": (45.0, 4.5, 0.5), "late": (26.0, 8.0, 7.0), "core": (6.0, 11.0, 8.0)}
    normal, late, dead = (tissue_curves(times, [f], [m], [d], bolus=BOLUS)[0] for f, m, d in kinds.values())
    added = np.where(core[..., None], dead, np.where(deficit[..., None], late, normal)) * brain[..., None]
    added[60:63, 84:88, 3:5] = arterial_curve(times, BOLUS)
    added[59:62, 18:22, 1:7] = venous_curve(times, bolus=BOLUS)
    added[rest == ct_head.BONE / 3] = 0
    noise = np.random.default_rng(6).normal(0, noise_hu, added.shape)
    return Head(np.maximum(rest[..., None] + added + noise, -1024).astype(np.float32), deficit, core)


def save(folder: Path, series: np.ndarray, kind: str = "ctp") -> str:
    path = folder / f"sub-01_ses-1_{kind}.nii.gz"
    nb.save(nb.Nifti1Image(np.rint(series).astype(np.int16), AFFINE), path)
    return str(path)


def correct(folder: Path, series: np.ndarray, **inputs: Any) -> Any:
    step = CorrectCtMotion(ctp=save(folder, series), repetition_time_s=DT_S, **inputs)
    return step.run(cwd=folder / "out").outputs


@pytest.fixture(scope="module")
def head() -> Head:
    return make()


@pytest.fixture(scope="module")
def done(head: Head, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Everything that is made of the series."""
    folder = tmp_path_factory.mktemp("ct")
    times = {"repetition_time_s": DT_S}
    first = PrepareCtPerfusion(ctp=save(folder, head.series), **times).run(cwd=folder / "1").outputs.get()
    given = {name: first[name] for name in ("series", "brain", "transforms")} | times | {"modality": "ctp"}
    maps = MapPerfusion(**given).run(cwd=folder / "2").outputs.get()
    found = {name: maps[name] for name in ("curves", "cbf", "cbv", "tmax", "delay")}
    more = {name: first[name] for name in ("reference", "mirror")}
    last = MeasureCtMismatch(**given, **found, **more, resamples=0).run(cwd=folder / "3").outputs.get()
    return {name: path for name, path in (first | maps | last).items() if isinstance(path, str)}


def test_core_and_deficit_are_found(done: dict[str, str], head: Head) -> None:
    def mask(name: str) -> np.ndarray:
        return np.asarray(nb.load(done[name]).dataobj) > 0

    assert not any(reasons(path) for path in done.values())
    assert dice(mask("tmax6"), head.deficit) > 0.85
    assert dice(mask("core"), head.core) > 0.965
    assert not (mask("core") & ~mask("tmax6")).any()
    np.testing.assert_array_equal(mask("penumbra"), mask("tmax6") & ~mask("core"))
    curves = dict(map(tuple, read_sidecar(done["deficit_curves"])["Curves"]["rcbf"]))
    assert curves[0.3] == pytest.approx(mask("core").sum() * 0.02)


def test_maps_are_those_of_the_tissue(done: dict[str, str], head: Head) -> None:
    normal = ct_head.brain(SIZE, AFFINE) & ~head.deficit & (np.arange(120) > 66)[:, None, None]
    cbv, rcbf = (np.asarray(nb.load(done[name]).dataobj)[normal] for name in ("cbv", "rcbf"))
    assert np.nanmedian(cbv) == pytest.approx(45 * 4.5 / 60, rel=0.1)
    # noise lowers the flow of voxels, not that of mean curves
    assert 0.88 < np.nanmedian(rcbf) < 1.0
    curve = tissue_curves(TIMES, [45.0], [4.5], [0.5], bolus=BOLUS)
    arterial = arterial_curve(TIMES, BOLUS)
    flow, plain = (deconvolve(curve, one, DT_S).cbf[0] for one in (widened(arterial, DT_S), arterial))
    found = read_sidecar(done["rcbf"])["NormalTissueMean"]
    assert found == pytest.approx(flow, rel=0.1)
    assert found > 1.05 * plain
    cbf, volume, mtt = (np.asarray(nb.load(done[name]).dataobj) for name in ("cbf", "cbv", "mtt"))
    np.testing.assert_allclose(mtt, 60 * volume / cbf, rtol=1e-3)


def test_the_delay_is_that_of_curves_smoothed_by_a_gaussian() -> None:
    """What alike neighbours leave of the noise is not independent from frame to frame."""
    series = np.random.default_rng(2).normal(size=(9, 9, 5, 30)).astype(np.float32)
    mask, voxel = np.ones(series.shape[:3], bool), (2.0, 2.0, 5.0)
    gaussian, alike = smoothed_curves(series, mask, voxel, 6.0), alike_means(series, mask, voxel)
    for step, curves in ((MapDelay, gaussian), (DeconvolvePerfusion, alike)):
        np.testing.assert_array_equal(step(modality="ctp")._smoothed(series, mask, voxel), curves)


def test_sidecars_say_what_the_scan_is_and_how_it_was_prepared(done: dict[str, str]) -> None:
    for name in ("series", "reference", "curves", "cbf", "tmax", "delay", "core"):
        assert read_sidecar(done[name])["Modality"] == "CT"
        assert "echo_time_s" not in read_sidecar(done[name])["Parameters"]
    about = read_sidecar(done["series"])
    assert about["Units"] == "HU"
    assert about["AveragedVoxels"] == [1, 1, 1]
    assert about["OffsetHU"] == 0
    stored = np.asarray(nb.load(done["series"]).dataobj)
    bone = np.asarray(nb.load(done["reference"]).dataobj) > 100
    np.testing.assert_allclose(stored[bone], -1024, atol=0.1)


def test_a_stored_offset_is_undone_and_said(head: Head, tmp_path: Path) -> None:
    found = correct(tmp_path, head.series + 1024)
    (said,) = read_sidecar(found.timeseries)["Warnings"]
    assert said.startswith("the values lay 1024 above Hounsfield units")
    reference = np.asarray(nb.load(found.reference).dataobj)
    assert np.median(reference[ct_head.brain(SIZE, AFFINE)]) == pytest.approx(ct_head.BRAIN, abs=1)


def test_uneven_frames_are_brought_to_even_times(tmp_path: Path) -> None:
    times = np.r_[np.arange(0, 40, 2.0), np.arange(40, 65, 4.0)]
    found = correct(tmp_path, make(times).series, frame_times_s=list(times))
    series, even = nb.load(found.series), np.arange(0, 64.1, DT_S)
    assert series.shape[3] == len(even)
    assert series.header.get_zooms()[3] == DT_S
    expected = make(even, noise_hu=0.0).series
    brain = ct_head.brain(SIZE, AFFINE) & (ct_head.draw(SIZE, AFFINE) == ct_head.BRAIN)
    mean = np.asarray(series.dataobj)[brain].mean(axis=0)
    np.testing.assert_allclose(mean, expected[brain].mean(axis=0), atol=0.25)
    assert len(read_columns(found.transforms)["m00"]) == len(even)
    assert len(read_columns(found.timeseries)["trans_x"]) == len(times)
    assert any("not evenly spaced" in said for said in read_sidecar(found.timeseries)["Warnings"])


def bolus_in_bone(series: np.ndarray) -> np.ndarray:
    rest = ct_head.draw(SIZE, AFFINE)
    still = np.random.default_rng(8).normal(rest[..., None], 2.5, series.shape)
    return np.asarray(still + (rest == ct_head.BONE)[..., None] * arterial_curve(TIMES, BOLUS))


def metal(series: np.ndarray) -> np.ndarray:
    series = series.copy()
    for x in range(30, 100, 12):
        series[x, 40:90:8, 3:5] = 3000
    return series


def dsc(series: np.ndarray) -> np.ndarray:
    inside = series[..., :4].mean(axis=3, keepdims=True) > -300
    return np.asarray(np.where(inside, 400 * np.exp(-0.05 * np.clip(series - series[..., :1], -20, 60)), 8.0))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda s: s[..., [*range(5), *range(11)]], "ends before the bolus has passed"),
        (lambda s: np.tile(s[..., :4], 8), "no bolus: the brain does not enhance"),
        (bolus_in_bone, "no bolus: the brain does not enhance"),
        (lambda s: s[:, :, 3:4], "too little to measure a lesion's volume"),
        (metal, "metal, such as a clip or a coil"),
        (lambda s: s + 500, "not Hounsfield units"),
        (dsc, "not Hounsfield units"),
        (lambda s: 66 + np.where(np.abs(s) < 90, -s, s - 66), "as on DSC-MRI"),
        (lambda s: s[..., :1], "frames, at least 15 needed|single frame"),
    ],
    ids=["truncated", "no bolus", "in bone", "one slice", "metal", "offset", "dsc", "falling", "one frame"],
)
def test_what_cannot_be_used_has_a_reason(head: Head, damage: Any, reason: str, tmp_path: Path) -> None:
    found = correct(tmp_path, damage(head.series))
    (said,) = reasons(found.series)
    assert re.search(reason, said), said
    assert reasons(found.reference) == [said]


@pytest.mark.parametrize("offset", [0, 1024])
def test_ct_named_as_dsc_is_refused(head: Head, tmp_path: Path, offset: int) -> None:
    step = CorrectMotion(dsc=save(tmp_path, head.series + offset, "dsc"), repetition_time_s=DT_S)
    (said,) = reasons(step.run(cwd=tmp_path / "out").outputs.series)
    assert said == "the values are Hounsfield units, as of CT; name the series as what it is (_ctp)"
