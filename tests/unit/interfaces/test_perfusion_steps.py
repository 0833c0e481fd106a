"""The arterial input chosen by hand and the timing of slices, on a block of brain whose perfusion is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from reperfuse.files import nifti
from reperfuse.files.sidecars import reasons, sidecar_path, write_json
from reperfuse.files.tables import read_columns
from reperfuse.interfaces import DeconvolvePerfusion, MapDelay, MapTimeToPeak, SelectArterialInput
from reperfuse.interfaces.motion import MATRIX_COLUMNS
from reperfuse.simulation.hemodynamics import arterial_curve, tissue_curves, venous_curve

ROOT = Path(__file__).parents[3]
TR_S, TE_S, FRAMES = 1.5, 0.03, 60
SHAPE = (12, 10, 6)
AFFINE = np.diag([4.0, 4.0, 5.0, 1.0])
TIME = np.arange(FRAMES) * TR_S
ARTERIES, VEINS = (slice(1, 3), 2, slice(1, 4)), (slice(9, 11), 7, slice(1, 4))


class Block:
    """Brain of CBF 60 mL/100 g/min, MTT 4 s and a delay of 1 s with arteries and veins, and its files."""

    def __init__(self, folder: Path, slice_times_s: np.ndarray | None = None, axis: int = 2) -> None:
        self.folder = folder
        offsets = np.zeros(SHAPE[axis]) if slice_times_s is None else slice_times_s
        curves = np.empty((*SHAPE, FRAMES))
        for number, offset in enumerate(offsets):
            part = np.moveaxis(curves, axis, 0)[number]
            part[:] = tissue_curves(TIME + offset, 60.0, 4.0, 1.0)
        by_slice = np.moveaxis(np.broadcast_to(offsets, (*np.delete(SHAPE, axis), len(offsets))), -1, axis)
        for where, curve in ((ARTERIES, lambda time: 0.5 * arterial_curve(time)), (VEINS, venous_curve)):
            for voxel in np.argwhere(self.marked(where)):
                curves[tuple(voxel)] = curve(TIME + by_slice[tuple(voxel)])
        noise = np.random.default_rng(1).normal(0, 0.004, curves.shape)
        self.series = self.save("series", 1000 * (np.exp(-TE_S * curves) + noise))
        self.brain = self.save("brain", np.ones(SHAPE, bool))

    @staticmethod
    def marked(where: tuple[Any, ...]) -> np.ndarray:
        mask = np.zeros(SHAPE, bool)
        mask[where] = True
        return mask

    def save(self, name: str, data: np.ndarray, affine: np.ndarray = AFFINE) -> str:
        path = self.folder / f"{name}.nii.gz"
        nifti.save(path, data, affine, sidecar={}, frame_spacing_s=TR_S)
        return str(path)

    def table(self, columns: dict[str, np.ndarray]) -> str:
        path = self.folder / "sub-01_ses-x_desc-manual_timeseries.tsv"
        rows = zip(*columns.values(), strict=True)
        path.write_text("\n".join(["\t".join(columns), *("\t".join(map(str, row)) for row in rows)]) + "\n")
        return str(path)

    def given(self) -> dict[str, Any]:
        return {"series": self.series, "brain": self.brain, "repetition_time_s": TR_S, "echo_time_s": TE_S}

    def select(self, **inputs: Any) -> Path:
        return Path(SelectArterialInput(**self.given(), **inputs).run(cwd=str(self.folder)).outputs.curves)

    def deconvolve(self, **inputs: Any) -> dict[str, np.ndarray]:
        done = (
            DeconvolvePerfusion(**self.given() | {"smoothing_fwhm_mm": 0.0} | inputs)
            .run(cwd=str(self.folder))
            .outputs.get()
        )
        return {name: nifti.load(path).data for name, path in done.items() if isinstance(path, str)}

    def peak(self, **inputs: Any) -> dict[str, np.ndarray]:
        given = self.given() | {"reference": self.brain, "smoothing_fwhm_mm": 0.0} | inputs
        done = MapTimeToPeak(**given).run(cwd=str(self.folder)).outputs.get()
        return {name: nifti.load(path).data for name, path in done.items()}


@pytest.fixture
def block(tmp_path: Path) -> Block:
    return Block(tmp_path)


def sidecar(curves: Path) -> dict[str, Any]:
    return dict(json.loads(sidecar_path(curves).read_text(encoding="utf-8")))


def aif(curves: Path) -> np.ndarray:
    return read_columns(curves)["aif"]


def test_arteries_are_found_without_help(block: Block) -> None:
    stated = sidecar(block.select(scale_to_vof=False))
    assert stated["Selection"] == "automatic"
    found = np.array(stated["ArterialVoxels"])
    assert block.marked(ARTERIES)[tuple(found.T)].all()


def test_a_border_that_comes_and_goes_with_motion_moves_no_mean(block: Block) -> None:
    whole = sidecar(block.select())
    series = nifti.load(block.series).data.copy()
    series[:, :, -1, 12::3] = 0  # as motion leaves the last slice
    block.series = block.save("series", series)
    assert sidecar(block.select())["Baseline"] == whole["Baseline"]


def test_a_mask_of_arterial_voxels_overrides(block: Block) -> None:
    chosen = (slice(1, 2), 2, slice(1, 4))
    mask = block.save("sub-01_ses-x_label-AIF_mask", block.marked(chosen))
    curves = block.select(manual=mask, scale_to_vof=False)
    stated = sidecar(curves)
    assert stated["Selection"] == "manual voxels"
    np.testing.assert_array_equal(stated["ArterialVoxels"], np.argwhere(block.marked(chosen)))
    first = stated["Baseline"]["First"]
    np.testing.assert_allclose(aif(curves)[first:], 0.5 * arterial_curve(TIME)[first:], atol=0.5)


def test_a_mask_is_scaled_to_the_vein_like_an_automatic_choice(block: Block) -> None:
    mask = block.save("mask", block.marked(ARTERIES))
    plain, scaled = (aif(block.select(manual=mask, scale_to_vof=scale)) for scale in (False, True))
    ratio = np.nansum(scaled) / np.nansum(plain)
    assert ratio > 1.5  # the arteries hold half the amplitude of the veins
    assert ratio == pytest.approx(sidecar(block.select(manual=mask))["Quality"]["area_ratio"], rel=1e-3)


def test_a_curve_overrides_at_any_spacing_and_is_not_scaled(block: Block) -> None:
    fine = np.arange(0, 95, 0.25)
    curves = block.select(manual=block.table({"aif": arterial_curve(fine), "time": fine}))
    stated = sidecar(curves)
    assert stated["Selection"] == "manual curve"
    assert stated["ArterialVoxels"] == []
    first = stated["Baseline"]["First"]
    np.testing.assert_allclose(aif(curves)[first:], arterial_curve(TIME)[first:], rtol=1e-4, atol=1e-4)
    maps = block.deconvolve(curves=str(curves))
    tissue = ~(block.marked(ARTERIES) | block.marked(VEINS))
    assert np.nanmean(maps["cbv"][tissue]) == pytest.approx(4, rel=0.06)  # 60 mL/100 g/min for 4 s


def test_the_workflows_own_curve_can_be_given_back(block: Block) -> None:
    automatic = block.select()
    expected = aif(automatic)
    given = automatic.rename(block.folder / "edited.tsv")
    np.testing.assert_array_equal(aif(block.select(manual=str(given))), expected)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"time": TIME[:30], "aif": TIME[:30]}, "should increase and reach from"),
        ({"time": TIME[::-1], "aif": TIME}, "should increase and reach from"),
        ({"time": TIME, "artery": TIME}, "the columns time (s) and aif (s⁻¹) are needed"),
        ({"time": TIME, "aif": np.full(FRAMES, "much")}, "not a table of numbers"),
        ({"time": TIME, "aif": np.full(FRAMES, "n/a")}, "should increase and reach from"),
    ],
)
def test_a_curve_that_does_not_fit_is_a_stated_reason(block: Block, columns: dict[str, Any], said: str) -> None:
    (reason,) = reasons(block.select(manual=block.table(columns)))
    assert said in reason
    assert "desc-manual_timeseries.tsv" in reason


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ((np.ones((3, 3, 3), bool), np.eye(4)), "not on the grid"),
        ((np.ones(SHAPE, bool), np.diag([2.0, 1, 1, 1])), "not on the grid"),
        ((np.zeros(SHAPE, bool), AFFINE), "hold no valid curve"),
    ],
)
def test_a_mask_that_does_not_fit_is_a_stated_reason(block: Block, mask: tuple[Any, Any], said: str) -> None:
    (reason,) = reasons(block.select(manual=block.save("mask", *mask)))
    assert said in reason


@pytest.mark.parametrize("axis", [2, 0])
def test_slices_are_brought_to_the_same_time(tmp_path: Path, axis: int) -> None:
    """Interleaved slices: uncorrected, Tmax differs by what lies between their acquisitions."""
    count = SHAPE[axis]
    times = np.argsort(np.r_[0:count:2, 1:count:2]) * TR_S / count
    block = Block(tmp_path, times, axis)
    mask = block.save("mask", block.marked(ARTERIES))
    tissue = ~(block.marked(ARTERIES) | block.marked(VEINS))
    spread = {}
    for name, timing in (("raw", {}), ("aligned", {"slice_times_s": list(times), "slice_axis": axis})):
        curves = block.select(manual=mask, scale_to_vof=False, **timing)
        tmax = np.where(tissue, block.deconvolve(curves=str(curves), **timing)["tmax"], np.nan)
        by_slice = np.nanmedian(np.moveaxis(tmax, axis, 0).reshape(count, -1), axis=1)
        spread[name] = np.ptp(by_slice)
    assert spread["raw"] > 0.8 * np.ptp(times)
    assert spread["aligned"] < 0.15


def test_the_delay_of_each_voxel_and_how_sure_it_is(block: Block) -> None:
    curves = block.select(manual=block.table({"time": TIME, "aif": arterial_curve(TIME)}))
    done = MapDelay(**block.given(), curves=str(curves)).run(cwd=str(block.folder)).outputs
    delay, sd = nifti.load(done.delay).data, nifti.load(done.delaysd).data
    tissue = ~(block.marked(ARTERIES) | block.marked(VEINS))
    assert np.nanmedian(delay[tissue]) == pytest.approx(1, abs=0.5)
    assert (np.abs(delay - 1) < 1.645 * sd)[tissue].mean() > 0.85
    for path, said in ((done.delay, "arrival of the bolus in tissue"), (done.delaysd, "standard deviation")):
        stated = sidecar(Path(path))
        assert said in stated["Description"]
        assert stated["Units"] == "s"
        assert stated["Parameters"]["smoothing_fwhm_mm"] == 2
    (quantity,) = sidecar(Path(done.delay))["OSIPICAPLEX"]
    assert quantity == {"Code": "Q.PH1.007", "Name": "Arterial delay time"}


def test_slice_timing_is_used_by_both_steps_alike(tmp_path: Path) -> None:
    """All slices late by the same time: corrected, time starts earlier, and no map changes but TTP."""
    late = np.full(SHAPE[2], 0.75)
    block = Block(tmp_path, late)
    mask = block.save("mask", block.marked(ARTERIES))
    maps, peaks = [], []
    for timing in ({}, {"slice_times_s": list(late)}):
        curves = block.select(manual=mask, scale_to_vof=False, **timing)
        maps.append(block.deconvolve(curves=str(curves), **timing))
        peaks.append(block.peak(**timing)["ttp"])
    assert np.nanmedian(np.abs(maps[1]["tmax"] - maps[0]["tmax"])) < 0.1
    assert np.nanmedian(peaks[1] - peaks[0]) == pytest.approx(0.75, abs=0.1)


@pytest.mark.parametrize(("later_s", "late"), [(6.0, 1.0), (3.5, 0.0)])
def test_a_half_that_peaks_later_is_found_without_an_artery(tmp_path: Path, later_s: float, late: float) -> None:
    """Of the block's 12 planes, the last 5 are later; their mean is in the block's, and not in normal tissue's."""
    block = Block(tmp_path)
    signal = nifti.load(block.series).data.copy()
    shift = tissue_curves(TIME, 60.0, 4.0, 1.0 + later_s)[0] - tissue_curves(TIME, 60.0, 4.0, 1.0)[0]
    tissue = ~(block.marked(ARTERIES) | block.marked(VEINS))
    half = tissue & (np.arange(SHAPE[0])[:, np.newaxis, np.newaxis] >= 7)
    signal[half] *= np.exp(-TE_S * shift).astype(np.float32)
    block.series = block.save("series", signal)
    cleaning = {"smoothing_mm": 0.0, "opening_mm": 0.0, "min_volume_ml": 0.0}
    found = block.peak(**cleaning)["rttp45"] > 0
    assert found[half].mean() == pytest.approx(late, abs=0.01)
    assert not found[~half].any()


def test_leaking_tissue_gets_its_blood_volume_back(tmp_path: Path) -> None:
    """A quarter of the block leaks, half of that with T1 and half with T2* effects; a part of it is delayed by 6 s."""
    block = Block(tmp_path)
    signal = nifti.load(block.series).data.astype(float)
    clean = tissue_curves(TIME, 60.0, 4.0, 1.0)[0]
    late = tissue_curves(TIME, 60.0, 4.0, 7.0)[0]
    places = {"t1": np.s_[6, :, 4:], "t2*": np.s_[7, :, 4:], "late": np.s_[8, :5, 4:], "late t1": np.s_[8, 5:, 4:]}
    for name, leak in (("t1", 0.01), ("t2*", -0.01), ("late", 0.0), ("late t1", 0.01)):
        curve = late if "late" in name else clean
        added = curve - clean - leak * TR_S * (np.cumsum(curve) - curve / 2)
        signal[places[name]] *= np.exp(-TE_S * added)
    block.series = block.save("series", signal)
    curves = str(block.select(manual=block.save("mask", block.marked(ARTERIES)), scale_to_vof=False))
    plain, corrected = (block.deconvolve(curves=curves, leakage_correction=on) for on in (False, True))
    assert "uncorrected_cbv" not in plain
    np.testing.assert_array_equal(corrected["uncorrected_cbv"], plain["cbv"])
    for name in ("cbf", "mtt", "tmax"):
        np.testing.assert_array_equal(corrected[name], plain[name])
    normal = np.median(plain["cbv"][3:6])
    ratio = {name: np.median(plain["cbv"][where]) / normal for name, where in places.items()}
    assert ratio["t1"] < 0.8
    assert ratio["t2*"] > 1.2
    for where in places.values():
        assert np.median(corrected["cbv"][where]) / normal == pytest.approx(1, abs=0.1)
    assert np.median(corrected["cbv"][3:6]) / normal == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("replaced", [True, False])
def test_poses_of_replaced_frames_do_not_count(block: Block, replaced: bool) -> None:
    """A head at rest keeps its maps; so does one that was far away only in a frame that was replaced."""
    curves = str(block.select())
    matrices = np.tile(np.eye(4)[:3].ravel(), (FRAMES, 1))
    matrices[25, 3] = 30.0  # mm
    path = block.folder / "transforms.tsv"
    lines = ["\t".join(MATRIX_COLUMNS), *("\t".join(map(str, row)) for row in matrices)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(sidecar_path(path), {"FramesReplaced": [25] if replaced else []})
    plain, cleaned = block.deconvolve(curves=curves), block.deconvolve(curves=curves, transforms=str(path))
    assert all(np.array_equal(plain[name], cleaned[name], equal_nan=True) for name in plain) == replaced


@pytest.mark.parametrize(("method", "threshold"), [("csvd", 0.1), ("ssvd", 0.2)])
def test_a_method_runs_at_its_own_threshold(block: Block, method: str, threshold: float) -> None:
    shipped = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["deconvolution"]
    curves = str(block.select())
    own = block.deconvolve(curves=curves, **shipped | {"method": method})["cbf"]
    same = block.deconvolve(curves=curves, method=method, svd_threshold=threshold)["cbf"]
    np.testing.assert_array_equal(own, same)
    other = block.deconvolve(curves=curves, method=method, svd_threshold=0.3 - threshold)["cbf"]
    assert not np.allclose(own, other, rtol=1e-3, equal_nan=True)
