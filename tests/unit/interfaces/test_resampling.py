"""A series with noise added again: how its volumes and maps spread, and that only its values decide."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons, sidecar_path, write_json
from reperfuse.interfaces import DeconvolvePerfusion, ResamplePerfusion, SegmentHypoperfusion
from reperfuse.simulation.hemodynamics import arterial_curve, tissue_curves
from reperfuse.volumes.image import volume_ml

TR_S, TE_S, FRAMES, NOISE = 1.5, 0.03, 48, 0.02
SHAPE, AFFINE = (24, 20, 8), np.diag([4.0, 4.0, 5.0, 1.0])
TIME = np.arange(FRAMES) * TR_S
#: Blood comes the later the farther along x: 0 to 11.5 s.
DELAY_S = 0.5 * np.broadcast_to(np.arange(SHAPE[0])[:, None, None], SHAPE)
DELAYED = DELAY_S > 4


class Block:
    """Brain of CBV 4 mL/100 g, which blood reaches late along one axis."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        along_x = np.stack([np.ravel(tissue_curves(TIME, 40.0, 6.0, delay)) for delay in DELAY_S[:, 0, 0]])
        curves = np.broadcast_to(along_x[:, None, None], (*SHAPE, FRAMES))
        self.clean = 1000 * np.exp(-TE_S * curves)
        path = folder / "curves.tsv"
        aif = arterial_curve(TIME)
        lines = [f"{time}\t{value}" for time, value in zip(TIME, aif, strict=True)]
        path.write_text("\n".join(["time\taif", *lines]) + "\n", encoding="utf-8")
        write_json(sidecar_path(path), {"Baseline": {"First": 0, "Arrival": 10}})
        self.given: dict[str, Any] = {
            "brain": self.save("brain", np.ones(SHAPE, bool)),
            "curves": str(path),
            "repetition_time_s": TR_S,
            "echo_time_s": TE_S,
        }

    def save(self, name: str, data: np.ndarray, **sidecar: Any) -> str:
        path = self.folder / f"{name}.nii.gz"
        nifti.save(path, data, AFFINE, sidecar=sidecar)
        return str(path)

    def scan(self, seed: int, noise: float = NOISE) -> dict[str, str]:
        """Return the maps of a scan, and what they were made of."""
        series = self.clean + np.random.default_rng(seed).normal(0, 1000 * noise, self.clean.shape)
        files = {"series": self.save("series", series), "reference": self.save("reference", series[..., :10].mean(-1))}
        done = DeconvolvePerfusion(series=files["series"], **self.given).run(cwd=str(self.folder)).outputs
        files |= {name: str(getattr(done, name)) for name in ("tmax", "cbf", "cbv")}
        normal = ~DELAYED
        for name in ("cbf", "cbv"):
            data = nifti.load(files[name]).data
            mean = float(np.nanmean(data[normal]))
            files[f"r{name}"] = self.save(f"r{name}", data / mean, NormalTissueMean=mean)
        return files

    def resample(self, files: dict[str, str], folder: Path, **more: Any) -> Any:
        inputs = {name: path for name, path in files.items() if name != "cbf"}
        return ResamplePerfusion(**inputs, **self.given, **more).run(cwd=str(folder)).outputs

    def late_ml(self, files: dict[str, str]) -> float:
        inputs = {name: files[name] for name in ("tmax", "reference", "cbv")}
        step = SegmentHypoperfusion(**inputs, brain=self.given["brain"])
        mask = nifti.load(step.run(cwd=str(self.folder)).outputs.tmax8)
        return volume_ml(mask.mask, mask.affine)


@pytest.fixture
def block(tmp_path: Path) -> Block:
    return Block(tmp_path)


def test_volumes_spread_as_those_of_other_scans_do(block: Block, tmp_path: Path) -> None:
    volumes = np.array([block.late_ml(block.scan(seed)) for seed in range(12)])
    draws = read_sidecar(block.resample(block.scan(1), tmp_path).draws)
    assert draws["NoiseSD"] == pytest.approx(1000 * NOISE, rel=0.03)
    drawn = np.array(draws["Draws"]["tmax8_ml"])
    assert len(drawn) == 19
    assert 0.5 < drawn.std(ddof=1) / volumes.std(ddof=1) < 2
    assert drawn.mean() == pytest.approx(volumes.mean(), rel=0.1)


def test_the_spread_of_blood_volume_is_that_of_other_scans(block: Block, tmp_path: Path) -> None:
    maps = [nifti.load(block.scan(seed)["rcbv"]).data for seed in range(16)]
    found = block.resample(block.scan(1), tmp_path).rcbv_sd
    spread = nifti.load(found).data
    for tissue in (DELAYED, ~DELAYED):
        assert spread[tissue].mean() == pytest.approx(np.std(maps, axis=0, ddof=1)[tissue].mean(), rel=0.1)
    assert read_sidecar(found)["SmoothingFWHMMm"] == 4.0


def test_a_quiet_scan_has_hardly_a_spread(block: Block, tmp_path: Path) -> None:
    draws = read_sidecar(block.resample(block.scan(1, noise=0.0005), tmp_path, resamples=5).draws)["Draws"]
    slab_ml = volume_ml(DELAY_S == 0, AFFINE)
    assert np.ptp(draws["tmax6_ml"]) < 0.2 * slab_ml
    assert min(draws["tmax6_ml"]) > 5 * slab_ml


def test_the_same_series_gives_the_same_bytes(block: Block, tmp_path: Path) -> None:
    files = block.scan(1)
    found = [block.resample(files, tmp_path / name, resamples=3) for name in ("one", "other")]
    for name in ("draws", "rcbv_sd"):
        first, second = (Path(getattr(outputs, name)).read_bytes() for outputs in found)
        assert first == second
    other = block.resample(block.scan(2), tmp_path / "third", resamples=3)
    assert Path(other.draws).read_bytes() != Path(found[0].draws).read_bytes()


def test_without_relative_flow_the_rest_stays(block: Block, tmp_path: Path) -> None:
    files = block.scan(1)
    files["rcbf"] = block.save("rcbf", np.full((1, 1, 1), np.nan), Reasons=["no normal tissue"])
    done = block.resample(files, tmp_path, resamples=2)
    draws = read_sidecar(done.draws)["Draws"]
    assert {"tmax4_ml", "tmax6_ml", "tmax10_ml", "delay2_ml"} <= set(draws)
    assert not any(name.startswith("r") for name in draws)


def test_a_failed_map_is_the_reason(block: Block, tmp_path: Path) -> None:
    files = block.scan(1)
    files["tmax"] = block.save("tmax", np.full((1, 1, 1), np.nan), Reasons=["no bolus"])
    done = block.resample(files, tmp_path, resamples=2)
    assert reasons(done.draws) == reasons(done.rcbv_sd) == ["no bolus"]
