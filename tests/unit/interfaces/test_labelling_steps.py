"""The steps of ASL on files: what they compute of a simulated stroke, and what they say of a fault."""

from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.interfaces import CorrectAslMotion, NormalizePerfusion, PrepareLabelling, QuantifyAsl, SegmentLowFlow
from reperfuse.simulation.anatomy import Head, Region
from reperfuse.simulation.geometry import rigid
from reperfuse.simulation.labelling import AslProtocol, acquire_asl
from reperfuse.simulation.patients import DEFICIT_CENTRE, PROPORTIONS
from reperfuse.simulation.physiology import Flow, Zone
from reperfuse.simulation.protocols import Matrix, make_grid

pytestmark = pytest.mark.slow
GRID = make_grid(Matrix((56, 64, 20), (3.5, 3.5, 6.0)))
STROKE = Flow((Zone(Region("left", DEFICIT_CENTRE, PROPORTIONS, 90.0), (0.15, 0.2), (1.0, 1.0), (1.0, 0.8)),))
FIVE = AslProtocol(delays_s=(0.7, 1.3, 1.9, 2.5, 3.1), pairs=2, model="kinetic", snr=300.0)
ONE = AslProtocol(pairs=6, snr=300.0)


def scan(folder: Path, protocol: AslProtocol, motion: np.ndarray | None = None) -> SimpleNamespace:
    """Files of a scan, and what its sidecar would say, as inputs of the steps."""
    volumes = protocol.volumes
    moved = np.tile(np.eye(4), (len(volumes), 1, 1)) if motion is None else motion
    made = acquire_asl(Head(), STROKE, GRID, np.eye(4), protocol, moved, 3)
    nifti.save(folder / "sub-01_asl.nii.gz", made.series, GRID.affine, sidecar={})
    nifti.save(folder / "sub-01_m0scan.nii.gz", made.m0, GRID.affine, sidecar={})
    kinds = [kind for kind, _ in volumes]
    labelling = {"labeling": protocol.labeling, "volume_types": kinds, "efficiency": protocol.label.efficiency}
    times = [protocol.m0_tr_s if kind == "m0scan" else protocol.tr_s for kind in kinds]
    motion_inputs = labelling | {
        "asl": str(folder / "sub-01_asl.nii.gz"),
        "repetition_times_s": times,
        "m0_repetition_times_s": [protocol.m0_tr_s],
    }
    delays = {"delays_s": [delay for _, delay in volumes], "durations_s": [protocol.duration_s] * len(volumes)}
    return SimpleNamespace(made=made, prepare=motion_inputs, quantify=labelling | delays, folder=folder)


def run(one: SimpleNamespace, **changed: Any) -> SimpleNamespace:
    """Run all steps of a scan; `changed` replaces inputs of the first two."""
    place = Path(mkdtemp(dir=one.folder))
    prepare = one.prepare | {"m0scan": str(one.folder / "sub-01_m0scan.nii.gz")}
    prepare |= {key: value for key, value in changed.items() if key in CorrectAslMotion.input_spec().trait_get()}
    ready = PrepareLabelling(**{k: v for k, v in prepare.items() if v is not None}).run(cwd=place / "a").outputs
    quantify = one.quantify | {k: v for k, v in changed.items() if k in one.quantify}
    flow = QuantifyAsl(
        **quantify, series=ready.series, m0=ready.m0, brain=ready.brain, timeseries=ready.timeseries
    ).run(cwd=place / "b").outputs  # fmt: skip
    low = SegmentLowFlow(
        cbf=flow.cbf, brain=ready.brain, reference=ready.reference, mirror=ready.mirror, side="left"
    ).run(cwd=place / "c").outputs  # fmt: skip
    return SimpleNamespace(ready=ready, flow=flow, low=low)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    return scan(tmp_path_factory.mktemp("five"), FIVE)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    return scan(tmp_path_factory.mktemp("one"), ONE)


def grey_ratio(made: SimpleNamespace, path: str) -> float:
    flow = nifti.load(path).data
    grey = (made.grey > 0.6) & np.isfinite(flow)
    return float(np.median(flow[grey] / made.cbf[grey]))


def test_several_delays_give_flow_transit_time_and_low_flow(five: SimpleNamespace) -> None:
    found = run(five)
    assert grey_ratio(five.made, found.flow.cbf) == pytest.approx(1.0, abs=0.12)  # smoothed, with fluid beside it
    arrival = nifti.load(found.flow.att).data
    grey = (five.made.grey > 0.6) & (five.made.arrival < 1.6)
    assert np.nanmedian(np.abs(arrival - five.made.arrival)[grey]) < 0.15
    volumes = [
        float(nifti.load(getattr(found.low, f"lowflow{share}")).mask.sum()) * GRID.voxel_ml for share in (30, 40, 50)
    ]
    assert volumes == sorted(volumes)
    assert volumes[1] == pytest.approx(90.0, rel=0.25)
    relative = NormalizePerfusion(
        cbf=found.flow.cbf, brain=found.ready.brain, reference=found.ready.reference, deficit=found.low.lowflow40,
        mirror=found.ready.mirror,
    ).run(cwd=five.folder / "d").outputs  # fmt: skip
    assert 0.1 < np.nanmedian(nifti.load(relative.rcbf).data[nifti.load(found.low.lowflow40).mask]) < 0.5
    assert read_sidecar(found.flow.cbf)["Modality"] == "ASL"


def test_a_single_delay_has_no_transit_time_and_says_why(one: SimpleNamespace) -> None:
    found = run(one)
    assert reasons(found.flow.att) == ["a single delay does not tell the transit time; scan several delays for it"]
    assert not reasons(found.flow.cbf)
    assert read_sidecar(found.flow.cbf)["Model"] == "consensus equation"


def test_swapped_labels_have_no_flow_and_no_deficit(one: SimpleNamespace) -> None:
    swapped = [{"control": "label", "label": "control"}[kind] for kind in one.quantify["volume_types"]]
    found = run(one, volume_types=swapped)
    (said,) = reasons(found.flow.cbf)
    assert "probably swapped" in said
    assert reasons(found.low.lowflow40) == [said]
    assert np.isnan(nifti.load(found.flow.cbf).data).all()


def test_without_the_m0_scan_there_is_a_series_and_no_flow(one: SimpleNamespace) -> None:
    found = run(one, m0scan=None)
    assert not reasons(found.ready.series)
    assert "M0Type is Separate, and the session has no usable m0scan" in reasons(found.flow.cbf)[0]


@pytest.mark.parametrize(
    ("form", "more"), [("control", {}), ("estimate", {"m0_estimate": 9100.0}), ("separate", {})], ids=str
)
def test_forms_of_m0_give_the_same_flow(one: SimpleNamespace, form: str, more: dict[str, float]) -> None:
    usual = nifti.load(run(one).flow.cbf).data
    other = nifti.load(run(one, m0_form=form, **more).flow.cbf).data
    grey = (one.made.grey > 0.6) & np.isfinite(usual) & np.isfinite(other)
    # an estimate knows nothing of the receive field
    assert np.median(other[grey] / usual[grey]) == pytest.approx(1.0, abs=0.2 if form == "estimate" else 0.05)


def test_an_included_m0_is_aligned_and_none_of_the_pairs(tmp_path: Path) -> None:
    found = scan(tmp_path, replace(ONE, m0="included last"))
    flow = run(found, m0_form="included").flow
    assert read_sidecar(flow.cbf)["Quality"]["Pairs"] == 6
    assert grey_ratio(found.made, flow.cbf) == pytest.approx(0.77, abs=0.1)  # of the kinetic model, see docs


def test_motion_is_found_and_the_label_is_none(tmp_path: Path) -> None:
    count = len(ONE.volumes)
    motion = np.tile(np.eye(4), (count, 1, 1))
    motion[count // 2 :] = rigid((2.0, 0.0, 3.0), (1.0, 2.0, 0.0), GRID.centre)
    found = scan(tmp_path, replace(ONE, suppressions=2), motion)
    outputs = CorrectAslMotion(**found.prepare, m0scan=str(tmp_path / "sub-01_m0scan.nii.gz")).run(cwd=tmp_path / "a")
    series = nifti.load(outputs.outputs.series).data
    lines = Path(outputs.outputs.timeseries).read_text().splitlines()
    rows = np.array([[float(value) for value in line.split("\t")[:7]] for line in lines[1:]])
    jump = rows[count // 2, 6]
    assert jump == pytest.approx(
        np.abs(rows[count // 2, :6] - rows[count // 2 - 1, :6]) @ [1, 1, 1, 50, 50, 50], rel=0.01
    )
    turned = rows[count // 2 :, 3:6].mean(axis=0) - rows[: count // 2, 3:6].mean(axis=0)
    np.testing.assert_allclose(np.rad2deg(turned), [2.0, 0.0, 3.0], atol=0.25)
    # controls and labels rest alike
    still = rows[: count // 2, :3]
    assert np.abs(still[0::2].mean(axis=0) - still[1::2].mean(axis=0)).max() < 0.05
    assert np.isfinite(series[26:30, 28:36, 8:12]).all()
