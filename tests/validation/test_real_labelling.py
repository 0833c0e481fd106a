"""A real scan of arterial spin labelling, of a healthy volunteer (testing data outside the repository).

It has no sidecar and no M0: order and sign are those of its README, and labelling and delay are made up.
"""

from pathlib import Path

import numpy as np
import pytest
from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.sidecars import read_sidecar, reasons
from reperfuse.head.brain import brain_mask
from reperfuse.interfaces import PrepareLabelling, QuantifyAsl
from reperfuse.perfusion.label_pairs import check_sign, subtract
from reperfuse.perfusion.label_quality import cortex_of

pytestmark = pytest.mark.external
#: Label first; the volumes with the higher mean are controls.
ORDER = ["label", "control"] * 5


@pytest.fixture(scope="module")
def scan(external_data: Path) -> str:
    path = external_data / "real-asl" / "pcasl.nii.gz"
    if not path.is_file():
        pytest.skip(f"needs {path.name}, which is not part of this repository")
    return str(path)


def test_the_difference_is_positive_in_cortex_and_swapped_labels_are_refused(scan: str) -> None:
    image = nifti.load(scan)
    brain = brain_mask(image.data.mean(axis=-1), image.voxel_size_mm)
    pairs = subtract(image.data, ORDER, [1.8] * 10, [1.8] * 10)
    share = check_sign(pairs.images, brain)
    cortex = cortex_of(brain, brain, image.voxel_size_mm)
    mean = pairs.images.mean(axis=-1)
    percent = 100 * mean[cortex].mean() / image.data.mean(axis=-1)[cortex].mean()
    print("positive in", share, "of the brain; control less label in cortex", percent, "%")
    assert 0.3 < percent < 1.5
    assert share > 0.65
    swapped = subtract(image.data, ORDER[::-1], [1.8] * 10, [1.8] * 10)
    with pytest.raises(DataFault, match="probably swapped"):
        check_sign(swapped.images, brain)


def test_the_steps_give_a_map_with_the_flow_of_a_brain(scan: str, tmp_path: Path) -> None:
    labelling = {"labeling": "PCASL", "volume_types": ORDER, "efficiency": 0.85}
    ready = PrepareLabelling(
        **labelling, asl=scan, m0_form="control", repetition_times_s=[4.0] * 10
    ).run(cwd=tmp_path / "a").outputs  # fmt: skip
    found = QuantifyAsl(
        **labelling, series=ready.series, m0=ready.m0, brain=ready.brain, timeseries=ready.timeseries,
        delays_s=[1.8] * 10, durations_s=[1.8] * 10,
    ).run(cwd=tmp_path / "b").outputs  # fmt: skip
    assert not reasons(found.cbf)
    flow, brain = nifti.load(found.cbf), nifti.load(ready.brain).mask
    cortex = cortex_of(brain, brain, flow.voxel_size_mm)
    print(read_sidecar(found.cbf)["Quality"], np.nanmean(flow.data[cortex]))
    assert 25 < np.nanmean(flow.data[cortex]) < 90
