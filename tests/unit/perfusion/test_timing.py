"""Times in milliseconds are refused where they are given."""

from pathlib import Path

import numpy as np
import pytest
from reperfuse.files import nifti
from reperfuse.interfaces import CorrectMotion, DeconvolvePerfusion, SelectArterialInput
from reperfuse.perfusion.timing import check_times


@pytest.mark.parametrize("spacing_s", [0.3, 1.5, 5.0])
@pytest.mark.parametrize("echo_s", [None, 0.001, 0.03, 0.1])
def test_plausible_times_are_taken(spacing_s: float, echo_s: float | None) -> None:
    check_times(spacing_s, echo_s)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ((2000.0, 0.03), r"repetition_time_s is 2000, and should be 0.3 to 5 s; check that it is not in ms"),
        ((0.0, 0.03), "repetition_time_s is 0,"),
        ((float("nan"), 0.03), "repetition_time_s is nan"),
        ((2.0, 30.0), "echo_time_s is 30, and should be 0.001 to 0.5 s"),
        ((2.0, -0.03), "echo_time_s"),
    ],
)
def test_others_are_refused(times: tuple[float, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_times(*times)


def test_a_step_refuses_them(tmp_path: Path) -> None:
    series = str(tmp_path / "x.nii.gz")
    noise = np.random.default_rng(0).normal(100, 5, (6, 6, 4, 30))
    nifti.save(series, noise, np.diag([5.0, 5.0, 8.0, 1.0]), sidecar={}, frame_spacing_s=2.0)
    with pytest.raises(ValueError, match="repetition_time_s is 2000"):
        CorrectMotion(dsc=series, repetition_time_s=2000.0).run(cwd=str(tmp_path))
    brain, table = str(tmp_path / "brain.nii.gz"), str(tmp_path / "x.tsv")
    nifti.save(brain, np.ones((6, 6, 4), bool), np.diag([5.0, 5.0, 8.0, 1.0]), sidecar={})
    Path(table).write_text("time\taif\n" + "".join(f"{2 * n}\t1\n" for n in range(30)))
    Path(table).with_suffix(".json").write_text('{"Baseline": {"First": 0, "Arrival": 5}}')
    times = {"repetition_time_s": 2.0, "echo_time_s": 30.0}
    with pytest.raises(ValueError, match="echo_time_s is 30"):
        DeconvolvePerfusion(series=series, brain=brain, curves=table, **times).run(cwd=str(tmp_path))
    with pytest.raises(ValueError, match="repetition_time_s is 2000"):
        SelectArterialInput(series=series, brain=brain, repetition_time_s=2000.0, echo_time_s=0.03).run(
            cwd=str(tmp_path)
        )
