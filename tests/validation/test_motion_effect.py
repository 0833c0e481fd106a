"""What motion does to the volume of the deficit, and what is left of that after correction."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nb
import numpy as np
import pytest
import yaml
from reperfuse.files import nifti
from reperfuse.interfaces import (
    CorrectMotion,
    DeconvolvePerfusion,
    ExtractBrain,
    SegmentHypoperfusion,
    SelectArterialInput,
)
from reperfuse.simulation.geometry import draw_motion
from reperfuse.simulation.patients import DEMO_PATIENTS
from reperfuse.simulation.protocols import DEMO, plan_session
from reperfuse.simulation.scanner import acquire_dsc
from reperfuse.volumes.image import volume_ml

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text(encoding="utf-8"))
PATIENT, SESSION = DEMO_PATIENTS[0], "baseline"
JUMP = 1.5  # mm and degrees, as in the demo study
TIMES = {"repetition_time_s": DEMO.dsc.tr_s, "echo_time_s": DEMO.dsc.te_s}
PLAN = plan_session(PATIENT, SESSION, DEMO, 4)
GRID = PLAN.grids["dsc"]


def scan(folder: Path, moving: bool, seed: int) -> Path:
    """Record the session with two jumps, the first at the peak of the bolus, or at rest."""
    folder.mkdir()
    frames = DEMO.dsc.frames
    motion: np.ndarray = np.tile(np.eye(4), (frames, 1, 1))
    if moving:
        arrival_s = PLAN.flow.bolus.arrival_s
        peak = round((arrival_s + 5.0) / DEMO.dsc.tr_s)
        motion = draw_motion(
            frames, slice(3, int(arrival_s / DEMO.dsc.tr_s)), (peak, 2 * peak), JUMP, JUMP, GRID.centre, seed
        )
    series = acquire_dsc(PATIENT.head(SESSION), PLAN.flow, GRID, PLAN.poses["dsc"], DEMO.dsc, motion, seed=seed).series
    nb.save(nb.Nifti1Image(np.round(series).astype(np.int16), GRID.affine), folder / "dsc.nii.gz")
    return folder / "dsc.nii.gz"


@dataclass(frozen=True)
class Series:
    """Files of a series, its mean before the bolus, and the motion that was found, if it was looked for."""

    series: str
    reference: str
    transforms: str | None = None


def correct(raw: Path) -> Series:
    step = CorrectMotion(dsc=str(raw), repetition_time_s=DEMO.dsc.tr_s, **CONFIG["motion"])
    done = step.run(cwd=str(raw.parent)).outputs
    return Series(done.series, done.reference, done.transforms)


def leave(raw: Path) -> Series:
    """Return the series as it is, and its mean before the bolus."""
    series = nifti.load(raw)
    first = int(PLAN.flow.bolus.arrival_s / DEMO.dsc.tr_s)
    nifti.save(raw.with_name("dscref.nii.gz"), series.data[..., 3:first].mean(axis=3), series.affine, sidecar={})
    return Series(str(raw), str(raw.with_name("dscref.nii.gz")))


def deficit_ml(scan: Series) -> float:
    """Volume of Tmax > 6 s on either side, by the steps and settings of the workflow."""
    folder, reference = str(Path(scan.reference).parent), scan.reference
    brain = ExtractBrain(reference=reference).run(cwd=folder).outputs.brain
    given = {"series": scan.series, "brain": brain} | TIMES
    select = SelectArterialInput(side=PATIENT.side, **given, **CONFIG["aif"])
    given["curves"] = select.run(cwd=folder).outputs.curves
    if scan.transforms:
        given["transforms"] = scan.transforms
    maps = DeconvolvePerfusion(**given, **CONFIG["concentration"], **CONFIG["deconvolution"]).run(cwd=folder).outputs
    cleaning = CONFIG["hypoperfusion"] | {"symptomatic_side_only": False}
    step = SegmentHypoperfusion(tmax=maps.tmax, brain=brain, reference=reference, cbv=maps.cbv, **cleaning)
    mask = nifti.load(step.run(cwd=folder).outputs.tmax6)
    return volume_ml(mask.mask, mask.affine)


@pytest.mark.parametrize("seed", [14, pytest.param(15, marks=pytest.mark.nightly)])
def test_correction_undoes_what_motion_does_to_the_deficit(seed: int, tmp_path: Path) -> None:
    """Within 5 % or 3 mL of the head at rest with the same noise, and without correction not."""
    at_rest_ml = deficit_ml(correct(scan(tmp_path / "still", moving=False, seed=seed)))
    moving = scan(tmp_path / "moving", moving=True, seed=seed)
    corrected_ml, uncorrected_ml = deficit_ml(correct(moving)), deficit_ml(leave(moving))
    print(f"Tmax > 6 s: at rest {at_rest_ml:.1f}, corrected {corrected_ml:.1f}, not corrected {uncorrected_ml:.1f} mL")
    close_ml = max(0.05 * at_rest_ml, 3.0)
    assert abs(corrected_ml - at_rest_ml) <= close_ml
    assert abs(uncorrected_ml - at_rest_ml) > close_ml
