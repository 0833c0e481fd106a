"""Steps of the report stage: finished files become figures and pages."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, traits
from numpy.typing import NDArray

from reperfuse import __version__, images, mirror
from reperfuse.faults import DataFault
from reperfuse.interfaces.base import Step, StepInputSpec, isdefined, page, picture, read_columns
from reperfuse.interfaces.head import load_mirror

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PlotInputSpec(StepInputSpec):
    """What every figure names: whose it is."""

    participant = traits.Str(mandatory=True, desc="label")
    session = traits.Str(mandatory=True, desc="label")


class PlotOutputSpec(TraitedSpec):
    """Outputs of a figure's step."""

    figure = picture("figure of a session")


class Plot(Step):
    """Draw a figure; what it cannot show for a fault of the data, it says in words."""

    output_spec = PlotOutputSpec
    tolerates_faults = True
    #: What the figure shows, in its title.
    subject_matter = ""

    def _draw(self) -> "Figure":
        raise NotImplementedError

    def _compute(self) -> None:
        from reperfuse.reports import figures

        self._notes: list[str] = []
        with figures.house_style():
            self._save("figure", self._draw())

    def save_fault(self, name: str, reasons: list[str]) -> None:
        """Save a figure that says in words why there is none."""
        from reperfuse.reports import figures

        with figures.house_style():
            self._save(name, figures.notice(self._title, reasons), Reasons=reasons)

    def _save(self, name: str, figure: "Figure", **extra: Any) -> None:
        from reperfuse.reports import figures

        path = self._path(name)
        figures.save(figure, path)
        images.write_json(images.sidecar_path(path), self._sidecar(name, {"Description": self._title} | extra))

    @property
    def _title(self) -> str:
        return f"sub-{self.inputs.participant} · ses-{self.inputs.session} · {self.subject_matter}"

    def _load(self, name: str) -> images.Image:
        """Load an image without which there is no figure."""
        path = getattr(self.inputs, name)
        if reasons := images.reasons(path):
            raise DataFault("; ".join(reasons))
        return images.load(path)

    def _given(self, name: str, what: str) -> str | None:
        """Return a file the figure can do without, leaving a note when it carries a reason."""
        path = getattr(self.inputs, name)
        if not isdefined(path):
            return None
        if reasons := images.reasons(path):
            self._notes.append(f"{what} not shown: {'; '.join(reasons)}")
            return None
        return str(path)

    def _masks(self, **names: str) -> dict[str, NDArray[np.bool_]]:
        """Load the masks the figure can do without, by the name of their input."""
        paths = {name: self._given(name, what) for name, what in names.items()}
        return {name: images.load(path).mask for name, path in paths.items() if path}


class PlotDiffusionInputSpec(PlotInputSpec):
    """Inputs of `PlotDiffusion`."""

    trace = File(exists=True, mandatory=True, desc="trace-weighted image (a.u.)")
    adc = File(exists=True, mandatory=True, desc="ADC (mm²/s)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    core = File(exists=True, mandatory=True, desc="diffusion lesion")
    lesion = File(exists=True, desc="follow-up lesion, in the follow-up session")


class PlotDiffusion(Plot):
    """Draw trace and ADC with the core, and with the follow-up lesion in its session."""

    input_spec = PlotDiffusionInputSpec
    subject_matter = "Diffusion"

    def _draw(self) -> "Figure":
        from reperfuse.reports import figures

        trace, adc, brain = (self._load(name) for name in ("trace", "adc", "brain"))
        masks = self._masks(core="Core", lesion="Follow-up lesion")
        return figures.plot_diffusion(self._title, trace.data, adc.data, trace.affine, brain.mask, masks, self._notes)


class PlotPerfusionInputSpec(PlotInputSpec):
    """Inputs of `PlotPerfusion`; all in perfusion space."""

    reference = File(exists=True, mandatory=True, desc="perfusion reference (a.u.)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    rcbf = File(exists=True, mandatory=True, desc="relative CBF (1)")
    rcbv = File(exists=True, mandatory=True, desc="relative CBV (1)")
    mtt = File(exists=True, mandatory=True, desc="MTT (s)")
    tmax = File(exists=True, mandatory=True, desc="Tmax (s)")
    tmax6 = File(exists=True, mandatory=True, desc="tissue with Tmax above 6 s")
    trace = File(exists=True, desc="trace-weighted image (a.u.)")
    core = File(exists=True, desc="diffusion lesion")
    penumbra = File(exists=True, desc="tissue with Tmax above 6 s that is not core")


class PlotPerfusion(Plot):
    """Draw the perfusion maps with deficit, core and penumbra."""

    input_spec = PlotPerfusionInputSpec
    subject_matter = "Perfusion"

    def _draw(self) -> "Figure":
        from reperfuse.reports import figures

        reference, brain = self._load("reference"), self._load("brain")
        maps = {name: self._load(name).data for name in ("rcbf", "rcbv", "mtt", "tmax")}
        masks = self._masks(tmax6="Tmax > 6 s", core="Core", penumbra="Penumbra")
        trace = self._given("trace", "Trace")
        below = images.load(trace) if trace else reference
        return figures.plot_perfusion(self._title, below.data, maps, reference.affine, brain.mask, masks, self._notes)


class PlotQualityInputSpec(PlotInputSpec):
    """Inputs of `PlotQuality`."""

    reference = File(exists=True, mandatory=True, desc="perfusion reference (a.u.)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    motion = File(exists=True, mandatory=True, desc="motion of each frame (mm, rad)")
    curves = File(exists=True, mandatory=True, desc="arterial input and venous output (ΔR2*, s⁻¹)")


class PlotQuality(Plot):
    """Draw the motion, the arterial input, and where it was taken."""

    input_spec = PlotQualityInputSpec
    subject_matter = "Quality of the perfusion scan"

    def _draw(self) -> "Figure":
        from reperfuse.reports.quality import plot_quality

        reference, brain = self._load("reference"), self._load("brain")
        motion, curves = self._given("motion", "Motion"), self._given("curves", "Arterial input")
        taken = images.read_sidecar(curves) if curves else {}
        voxels = {
            name: np.reshape(np.array(taken.get(key, []), int), (-1, 3))
            for name, key in (("artery", "ArterialVoxels"), ("vein", "VenousVoxels"))
        }
        return plot_quality(
            self._title,
            reference.data,
            reference.affine,
            brain.mask,
            read_columns(motion) if motion else {},
            read_columns(curves) if curves else {},
            voxels,
            self._notes,
        )


class PlotGrowthInputSpec(PlotInputSpec):
    """Inputs of `PlotGrowth`; all on the baseline's diffusion grid."""

    trace = File(exists=True, mandatory=True, desc="trace-weighted image at baseline (a.u.)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    change = File(exists=True, mandatory=True, desc="core and follow-up lesion: 1 in both, 2 grown, 3 reversed")


class PlotGrowth(Plot):
    """Draw what became of the core: what stayed, what grew and what was reversed."""

    input_spec = PlotGrowthInputSpec
    subject_matter = "Growth of the infarct until follow-up"

    def _draw(self) -> "Figure":
        from reperfuse.reports import figures

        trace, brain, change = (self._load(name) for name in ("trace", "brain", "change"))
        return figures.plot_growth(self._title, trace.data, change.data, trace.affine, brain.mask, self._notes)


class PlotReperfusionInputSpec(PlotInputSpec):
    """Inputs of `PlotReperfusion`; all in the perfusion space after treatment."""

    reference = File(exists=True, mandatory=True, desc="perfusion reference (a.u.)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    before = File(exists=True, mandatory=True, desc="Tmax at baseline (s)")
    after = File(exists=True, mandatory=True, desc="Tmax after treatment (s)")
    change = File(exists=True, mandatory=True, desc="deficit: 1 recovered, 2 persistent, 3 new")


class PlotReperfusion(Plot):
    """Draw Tmax before and after treatment, and what became of the deficit."""

    input_spec = PlotReperfusionInputSpec
    subject_matter = "Reperfusion since baseline"

    def _draw(self) -> "Figure":
        from reperfuse.reports import figures

        reference, brain, before, after, change = (
            self._load(name) for name in ("reference", "brain", "before", "after", "change")
        )
        maps = {"before": before.data, "after": after.data}
        return figures.plot_reperfusion(
            self._title, reference.data, maps, change.data, reference.affine, brain.mask, self._notes
        )


class PlotReflowInputSpec(PlotInputSpec):
    """Inputs of `PlotReflow`; all in the perfusion space after treatment."""

    reference = File(exists=True, mandatory=True, desc="perfusion reference (a.u.)")
    brain = File(exists=True, mandatory=True, desc="brain mask")
    lesion = File(exists=True, mandatory=True, desc="follow-up lesion")
    rcbv = File(exists=True, mandatory=True, desc="relative CBV (1)")
    mirrored = File(exists=True, mandatory=True, desc="relative CBV of the homologous point (1)")
    asymmetry = File(exists=True, mandatory=True, desc="(rCBV - mirror)/mirror (1)")
    imr = File(exists=True, mandatory=True, desc="lesion voxels with impaired microvascular reperfusion")
    mirror = File(exists=True, mandatory=True, desc="the head's mirror plane")


class PlotReflow(Plot):
    """Draw rCBV after treatment, its mirror and their asymmetry, with the lesion and the IMR voxels."""

    input_spec = PlotReflowInputSpec
    subject_matter = "Microvascular reflow"

    def _draw(self) -> "Figure":
        from reperfuse.reports import figures

        reference, brain, lesion = (self._load(name) for name in ("reference", "brain", "lesion"))
        maps = {name: self._load(name).data for name in ("rcbv", "mirrored", "asymmetry")}
        plane = load_mirror(self.inputs.mirror)
        homologue = mirror.reflect(lesion.mask.astype(np.float32), lesion.affine, plane) > 0.5
        masks = {"lesion": lesion.mask, "homologue": homologue, "imr": self._load("imr").mask}
        return figures.plot_reflow(self._title, reference.data, maps, reference.affine, brain.mask, masks, self._notes)


class ReportPatientInputSpec(StepInputSpec):
    """Inputs of `ReportPatient`."""

    patient = File(exists=True, mandatory=True, desc="measures of the patient")
    sessions = InputMultiObject(File(exists=True), desc="measures of each session, in the order they are shown")
    figures = InputMultiObject(File(exists=True), desc="figures of the sessions")
    dictionaries = traits.Dict(mandatory=True, desc="data dictionary of each table")
    criteria = traits.Dict(desc="title of each criterion in the tables")


class PageOutputSpec(TraitedSpec):
    """Outputs of `ReportPatient` and `ReportStudy`."""

    page = page("a page that needs no other file")


class ReportPatient(Step):
    """Write the page of a patient."""

    input_spec = ReportPatientInputSpec
    output_spec = PageOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        from reperfuse.reports.page import render_patient

        text = render_patient(
            Path(self.inputs.patient),
            [Path(path) for path in self.inputs.sessions] if isdefined(self.inputs.sessions) else [],
            [Path(path) for path in self.inputs.figures] if isdefined(self.inputs.figures) else [],
            dictionaries=self.inputs.dictionaries,
            criteria=self.inputs.criteria if isdefined(self.inputs.criteria) else {},
            version=__version__,
        )
        self._path("page").write_text(text, encoding="utf-8")


class ReportStudyInputSpec(StepInputSpec):
    """Inputs of `ReportStudy`."""

    sessions = File(exists=True, mandatory=True, desc="table of the sessions")
    patients = File(exists=True, mandatory=True, desc="table of the patients")
    failures = File(exists=True, mandatory=True, desc="table of what was not computed")
    dictionaries = traits.Dict(mandatory=True, desc="data dictionary of each table")


class ReportStudy(Step):
    """Write the page of the study, with a link to each patient's."""

    input_spec = ReportStudyInputSpec
    output_spec = PageOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        from reperfuse.reports.page import render_study

        text = render_study(
            Path(self.inputs.sessions),
            Path(self.inputs.patients),
            Path(self.inputs.failures),
            dictionaries=self.inputs.dictionaries,
            version=__version__,
        )
        self._path("page").write_text(text, encoding="utf-8")
