"""The step that chooses the arterial input."""

from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import File, TraitedSpec, traits

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.tables import read_columns
from reperfuse.head.given import read_mask
from reperfuse.interfaces.base import isdefined, table, takes
from reperfuse.interfaces.perfusion import CurvesInputSpec, CurvesStep
from reperfuse.perfusion.arterial_input import ArterialInput, aif_from_curve, aif_from_voxels
from reperfuse.perfusion.arteries import healthy_side, select_aif
from reperfuse.perfusion.attenuation import attenuation_noise, truncation
from reperfuse.perfusion.bolus import Baseline, contrast_to_noise
from reperfuse.perfusion.concentration import relative_noise
from reperfuse.volumes.image import Image, is_same_grid


@takes("aif")
class SelectArterialInputInputSpec(CurvesInputSpec):
    """Inputs of `SelectArterialInput`."""

    side = traits.Enum(
        "unknown", "left", "right", usedefault=True, desc="side of the lesion, arteries are taken opposite"
    )
    manual = File(
        exists=True,
        of_study=True,
        desc="arterial input chosen by hand: a mask on the grid of the series, or a table of time (s) and aif (s⁻¹)",
    )


class SelectArterialInputOutputSpec(TraitedSpec):
    """Outputs of `SelectArterialInput`."""

    curves = table("time (s), arterial input and venous output (ΔR2*, s⁻¹)")


class SelectArterialInput(CurvesStep):
    """Choose the arterial input and venous output functions."""

    input_spec = SelectArterialInputInputSpec
    output_spec = SelectArterialInputOutputSpec
    takes_given = True

    def _compute(self) -> None:
        self._check_times()
        series, brain = self._series(), nifti.load(self.inputs.brain)
        dt_s = self.inputs.repetition_time_s
        baseline = self._find_baseline(series, brain)
        curves = self._curves(series, baseline)
        steady = Baseline(0, baseline.arrival - baseline.first)
        measure = attenuation_noise if self._is_ct() else relative_noise
        noise = measure(series.data, brain.mask, baseline)
        found = self._choose(curves, noise, brain, steady, baseline.first)
        self.save_table(
            "curves",
            {
                "time": np.arange(series.data.shape[-1]) * dt_s,
                "aif": np.pad(found.aif, (baseline.first, 0), constant_values=np.nan),
                "vof": np.pad(found.vof, (baseline.first, 0), constant_values=np.nan),
            },
            Baseline={"First": baseline.first, "Arrival": baseline.arrival},
            Selection=self._selection(),
            ArterialVoxels=found.aif_voxels,
            VenousVoxels=found.vof_voxels,
            Quality=found.quality,
            BolusCNR=contrast_to_noise(curves[brain.mask], steady),
            Score=found.score,
            Weakness=found.weakness,
            Warnings=[*found.warnings, *(truncation(found.vof) if self._is_ct() else [])],
        )

    def _selection(self) -> str:
        """Say how the arterial input is chosen: automatic, manual voxels or manual curve."""
        if not isdefined(self.inputs.manual):
            return "automatic"
        return "manual curve" if self.inputs.manual.endswith(".tsv") else "manual voxels"

    def _choose(
        self,
        curves: np.ndarray,
        noise: np.ndarray,
        brain: Image,
        steady: Baseline,
        first: int,
    ) -> ArterialInput:
        """Return the arterial input of curves whose first frame is frame ``first`` of the series."""
        dt_s = self.inputs.repetition_time_s
        echo_time_s = None if self._is_ct() else self.inputs.echo_time_s
        scan: dict[str, Any] = {"echo_time_s": echo_time_s, "noise": noise, "voxel_size_mm": brain.voxel_size_mm}
        if self._selection() == "manual curve":
            times = (first + np.arange(curves.shape[-1])) * dt_s
            curve = read_arterial_curve(self.inputs.manual, times)
            return aif_from_curve(curve, curves, brain.mask, dt_s, steady, **scan)
        scale = self.inputs.scale_to_vof
        if self._selection() == "manual voxels":
            voxels = nifti.load(self.inputs.manual)
            if not is_same_grid(voxels, brain):
                raise DataFault(
                    "the mask of arterial voxels is not on the grid of the DSC series; draw it on that series"
                )
            marked = read_mask(voxels, Path(self.inputs.manual).name)
            return aif_from_voxels(curves, marked, brain.mask, dt_s, steady, **scan, scale_to_vof=scale)
        return select_aif(
            curves,
            brain.mask,
            dt_s,
            steady,
            **scan,
            search=healthy_side(brain.mask, brain.affine, self.inputs.side),
            scale_to_vof=scale,
            min_score=self.inputs.min_score,
        )


def read_arterial_curve(path: str, times_s: np.ndarray) -> np.ndarray:
    """Read an arterial input given as a curve, at these times.

    Parameters
    ----------
    path : str
        Table with the columns ``time`` (s) and ``aif`` (s⁻¹).
    times_s : (t,) array
        Frame times, s.

    Returns
    -------
    (t,) array
        Linear between the times of the table, s⁻¹.

    Raises
    ------
    DataFault
        If the table cannot be read, lacks a column, or does not reach over all frames.
    """
    name = path.rpartition("/")[2]
    try:
        columns = read_columns(path)
    except (ValueError, IndexError) as error:
        raise DataFault(f"{name}: not a table of numbers ({error}); write it again") from error
    if not {"time", "aif"} <= set(columns):
        raise DataFault(f"{name}: the columns time (s) and aif (s⁻¹) are needed; add them")
    known = np.isfinite(columns["time"]) & np.isfinite(columns["aif"])
    time, curve = columns["time"][known], columns["aif"][known]
    slack = 0.5 * (times_s[1] - times_s[0])
    if len(time) == 0 or (np.diff(time) <= 0).any() or time[0] > times_s[0] + slack or time[-1] < times_s[-1] - slack:
        raise DataFault(
            f"{name}: the times should increase and reach from {times_s[0]:g} to {times_s[-1]:g} s, as the series "
            "does; correct them"
        )
    return np.interp(times_s, time, curve)
