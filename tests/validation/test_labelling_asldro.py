"""ASL of a simulator that others wrote, ASLDRO: blood flow of its digital reference object."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from reperfuse.perfusion.label_arrival import flow_and_arrival
from reperfuse.perfusion.labelling import Labelling, consensus_flow

pytestmark = [pytest.mark.external, pytest.mark.xdist_group("asldro")]

#: A Python that has asldro, which wants numpy 1.19 and is best installed (--no-deps) in a place of its own.
PYTHON = os.environ.get("REPERFUSE_ASLDRO", sys.executable)
CONTINUOUS, PULSED = (0.5, 1.0, 1.5, 1.8, 2.5), (0.6, 1.0, 1.4, 1.8, 2.2)
EFFICIENCY = {"pcasl": 0.85, "pasl": 0.98}
DURATION = {"pcasl": 1.8, "pasl": 0.8}
PIPELINE = (
    "import json, sys; from asldro.examples import run_full_pipeline as run; run(json.loads(sys.argv[1]), sys.argv[2])"
)


def series(kind: str, read_s: float) -> dict:
    still = {f"{motion}_{axis}": [0.0] * 3 for motion in ("rot", "transl") for axis in "xyz"}
    asked = {
        "asl_context": "m0scan control label",
        "label_type": kind,
        "label_duration": DURATION[kind],
        "label_efficiency": EFFICIENCY[kind],
        "signal_time": read_s,
        "echo_time": [0.01] * 3,
        "repetition_time": [10.0, 5.0, 5.0],
        "desired_snr": 0.0,
        "acq_matrix": [64, 64, 12],
    }
    return {"series_type": "asl", "series_description": "asl", "series_parameters": asked | still}


@pytest.fixture(scope="module")
def dro(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    if subprocess.run([PYTHON, "-c", "import asldro"], capture_output=True, check=False).returncode:
        pytest.skip(f"{PYTHON} has no asldro; install it with pip install --no-deps, see REPERFUSE_ASLDRO")
    folder = tmp_path_factory.mktemp("asldro")
    truth = {
        "series_type": "ground_truth",
        "series_description": "truth",
        "series_parameters": {"acq_matrix": [64, 64, 12]},
    }
    asked = [series("pcasl", DURATION["pcasl"] + one) for one in CONTINUOUS] + [series("pasl", one) for one in PULSED]
    config = {"global_configuration": {"ground_truth": "hrgt_icbm_2009a_nls_3t"}, "image_series": [*asked, truth]}
    archive = folder / "dro.zip"
    subprocess.run([PYTHON, "-c", PIPELINE, json.dumps(config), str(archive)], check=True, capture_output=True)
    zipfile.ZipFile(archive).extractall(folder)
    images = [load(folder / f"asl/{one:03d}_asl.nii.gz") for one in range(1, 11)]
    return SimpleNamespace(
        m0=images[0][..., 0],
        difference={
            "pcasl": np.stack([image[..., 1] - image[..., 2] for image in images[:5]], axis=-1),
            "pasl": np.stack([image[..., 1] - image[..., 2] for image in images[5:]], axis=-1),
        },
        **{
            name: load(folder / f"ground_truth/011_ground_truth_{file}.nii.gz")
            for name, file in (("cbf", "perfusion_rate"), ("att", "transit_time"), ("label", "seg_label"))
        },
    )


def load(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj, dtype=float).squeeze()


def pure(dro: SimpleNamespace, cbf: float, att: float) -> np.ndarray:
    """Voxels of one tissue: where it borders on fluid, whose transit time is 1000 s, the truth itself is blurred."""
    return (np.abs(dro.cbf - cbf) < 0.05) & (np.abs(dro.att - att) < 0.005)


@pytest.mark.parametrize(("kind", "delays"), [("pcasl", CONTINUOUS), ("pasl", PULSED)])
def test_grey_matter_of_several_delays_by_the_kinetic_model(
    dro: SimpleNamespace, kind: str, delays: tuple[float, ...]
) -> None:
    grey = pure(dro, 60.0, 0.8)
    assert grey.sum() > 500
    labelling = Labelling(kind == "pasl", EFFICIENCY[kind])
    found = flow_and_arrival(
        dro.difference[kind][grey], dro.m0[grey], delays, [DURATION[kind]] * 5, [1] * 5, labelling
    )  # fmt: skip
    ratio, late = found.flow / 60.0, found.arrival_s - 0.8
    print(kind, "CBF over truth", np.percentile(ratio, [5, 50, 95]), "ATT error", np.percentile(late, [5, 50, 95]))
    assert np.median(ratio) == pytest.approx(1.0, abs=0.05)
    assert np.median(np.abs(late)) < 0.05


def test_the_consensus_equation_reads_low_for_label_that_relaxes_in_tissue(dro: SimpleNamespace) -> None:
    # a difference of the models, not a fault of either: docs/methods/asl.md
    one = dro.difference["pcasl"][..., CONTINUOUS.index(1.8)]
    with np.errstate(divide="ignore", invalid="ignore"):
        flow = consensus_flow(one, dro.m0, 1.8, DURATION["pcasl"], Labelling(False, EFFICIENCY["pcasl"]))
    whole = {name: np.abs(dro.label - label) < 0.01 for name, label in (("grey", 1), ("white", 2))}
    alone = {"grey": pure(dro, 60.0, 0.8), "white": pure(dro, 20.0, 1.2)}
    read = {
        (name, how): float(np.median(flow[mask] / dro.cbf[mask]))
        for how, masks in (("as segmented", whole), ("pure", alone))
        for name, mask in ((one, chosen & (dro.cbf > 1)) for one, chosen in masks.items())
    }
    print("consensus equation over truth:", read)
    assert read["grey", "as segmented"] == pytest.approx(0.76, abs=0.02)
    assert read["white", "as segmented"] == pytest.approx(0.61, abs=0.02)
    # the label that is left of what the equation expects, with T1 of 1.33 and 0.83 s in tissue and 1.65 s in blood
    assert read["grey", "pure"] == pytest.approx(0.764, abs=0.02)
    assert read["white", "pure"] == pytest.approx(0.464, abs=0.02)
