"""The step that draws a patient's figures."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, traits
from numpy.typing import NDArray

from reperfuse.faults import DataFault
from reperfuse.files import nifti, sidecars
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.sidecars import read_sidecar, sidecar_path, write_json
from reperfuse.files.tables import read_columns
from reperfuse.head.mirror import reflect_mask
from reperfuse.interfaces.base import Step, StepInputSpec, folder
from reperfuse.reports import figures
from reperfuse.volumes.image import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _each_session(desc: str) -> InputMultiObject:
    return InputMultiObject(File(exists=True), desc=f"{desc}; a file a session that has one")


class PlotPatientInputSpec(StepInputSpec):
    """Inputs of `PlotPatient`: files named ``…_ses-<session>_…``, each on the grid of its group."""

    participant = traits.Str(mandatory=True, desc="label")
    sessions = traits.List(traits.Str(), mandatory=True, desc="labels")
    # on the grid of diffusion
    trace = _each_session("trace-weighted image (a.u.)")
    adc = _each_session("ADC (mm²/s)")
    diffusion_brain = _each_session("brain mask")
    core = _each_session("diffusion lesion")
    lesion = _each_session("follow-up lesion, on the grid of FLAIR where it is drawn on that")
    growth = _each_session("core and follow-up lesion: 1 in both, 2 grown, 3 reversed")
    # on the grid of FLAIR
    flair = _each_session("FLAIR image the follow-up lesion is drawn on (a.u.)")
    flair_brain = _each_session("brain mask")
    # in perfusion space
    reference = _each_session("perfusion reference (a.u.)")
    perfusion_brain = _each_session("brain mask")
    rcbf = _each_session("relative CBF (1)")
    rcbv = _each_session("relative CBV (1)")
    mtt = _each_session("MTT (s)")
    tmax = _each_session("Tmax (s)")
    tmax6 = _each_session("tissue with Tmax above 6 s")
    trace_dscref = _each_session("trace-weighted image (a.u.)")
    core_dscref = _each_session("diffusion lesion")
    penumbra = _each_session("tissue with Tmax above 6 s that is not core")
    motion = _each_session("motion of each frame (mm, rad)")
    curves = _each_session("arterial input and venous output (ΔR2*, s⁻¹)")
    earlier_tmax = _each_session("Tmax at baseline (s)")
    deficits = _each_session("deficit since baseline: 1 recovered, 2 persistent, 3 new")
    mirror = _each_session("the head's mirror plane")
    reflow_lesion = _each_session("lesion in which reflow is judged")
    mirrored = _each_session("relative CBV of the homologous point (1)")
    asymmetry = _each_session("(rCBV - mirror)/mirror (1)")
    imr = _each_session("lesion voxels with impaired microvascular reperfusion")


class PlotPatientOutputSpec(TraitedSpec):
    """Outputs of `PlotPatient`."""

    figures = folder("figures of the sessions (PNG) with their sidecars")


@dataclass
class Visit:
    """A session's files, by the name of the input; ``notes`` says what its figure cannot show."""

    files: dict[str, str]
    notes: list[str] = field(default_factory=list)

    def load(self, name: str) -> Image:
        """Load an image without which there is no figure."""
        if reasons := sidecars.reasons(self.files[name]):
            raise DataFault("; ".join(reasons))
        return nifti.load(self.files[name])

    def given(self, name: str, what: str) -> str | None:
        """Return a file the figure can do without, leaving a note when it carries a reason."""
        path = self.files.get(name)
        if path and (reasons := sidecars.reasons(path)):
            self.notes.append(f"{what} not shown: {'; '.join(reasons)}")
            return None
        return path

    def masks(self, **names: str) -> dict[str, NDArray[np.bool_]]:
        """Load the masks the figure can do without, by the name of their input."""
        paths = {name: self.given(name, what) for name, what in names.items()}
        return {name: nifti.load(path).mask for name, path in paths.items() if path}


def draw_diffusion(title: str, visit: Visit) -> "Figure":
    """Draw trace and ADC with the core, and with the follow-up lesion in its session."""
    trace, adc, brain = (visit.load(name) for name in ("trace", "adc", "diffusion_brain"))
    masks = visit.masks(core="Core", lesion="Follow-up lesion")
    return figures.plot_diffusion(title, trace.data, adc.data, trace.affine, brain.mask, masks, visit.notes)


def draw_flair(title: str, visit: Visit) -> "Figure":
    """Draw FLAIR with the follow-up lesion."""
    flair, brain = visit.load("flair"), visit.load("flair_brain")
    masks = visit.masks(lesion="Follow-up lesion")
    return figures.plot_flair(title, flair.data, flair.affine, brain.mask, masks, visit.notes)


def draw_perfusion(title: str, visit: Visit) -> "Figure":
    """Draw the perfusion maps with deficit, core and penumbra."""
    reference, brain = visit.load("reference"), visit.load("perfusion_brain")
    maps = {name: visit.load(name).data for name in ("mtt", "tmax")}
    relative = {name: visit.given(name, what) for name, what in (("rcbf", "Relative CBF"), ("rcbv", "Relative CBV"))}
    maps |= {name: nifti.load(path).data for name, path in relative.items() if path}
    masks = visit.masks(tmax6="Tmax > 6 s", core_dscref="Core", penumbra="Penumbra")
    if "core_dscref" in masks:
        masks["core"] = masks.pop("core_dscref")
    trace = visit.given("trace_dscref", "Trace")
    below = nifti.load(trace) if trace else reference
    return figures.plot_perfusion(title, below.data, maps, reference.affine, brain.mask, masks, visit.notes)


def draw_growth(title: str, visit: Visit) -> "Figure":
    """Draw what became of the core: what stayed, what grew and what was reversed."""
    trace, brain, change = (visit.load(name) for name in ("trace", "diffusion_brain", "growth"))
    return figures.plot_growth(title, trace.data, change.data, trace.affine, brain.mask, visit.notes)


def draw_reperfusion(title: str, visit: Visit) -> "Figure":
    """Draw Tmax before and after treatment, and what became of the deficit."""
    reference, brain, before, after, change = (
        visit.load(name) for name in ("reference", "perfusion_brain", "earlier_tmax", "tmax", "deficits")
    )
    maps = {"before": before.data, "after": after.data}
    return figures.plot_reperfusion(title, reference.data, maps, change.data, reference.affine, brain.mask, visit.notes)


def draw_reflow(title: str, visit: Visit) -> "Figure":
    """Draw rCBV after treatment, its mirror and their asymmetry, with the lesion and the IMR voxels."""
    reference, brain, lesion = (visit.load(name) for name in ("reference", "perfusion_brain", "reflow_lesion"))
    maps = {name: visit.load(name).data for name in ("rcbv", "mirrored", "asymmetry")}
    plane = load_mirror(visit.files["mirror"])
    homologue = reflect_mask(lesion.mask, lesion.affine, plane)
    masks = {"lesion": lesion.mask, "homologue": homologue, "imr": visit.load("imr").mask}
    return figures.plot_reflow(title, reference.data, maps, reference.affine, brain.mask, masks, visit.notes)


def draw_quality(title: str, visit: Visit) -> "Figure":
    """Draw the motion, the arterial input, and where it was taken."""
    from reperfuse.reports.quality import plot_quality

    reference, brain = visit.load("reference"), visit.load("perfusion_brain")
    motion, curves = visit.given("motion", "Motion"), visit.given("curves", "Arterial input")
    taken = read_sidecar(curves) if curves else {}
    voxels = {
        name: np.reshape(np.array(taken.get(key, []), int), (-1, 3))
        for name, key in (("artery", "ArterialVoxels"), ("vein", "VenousVoxels"))
    }
    return plot_quality(
        title,
        reference.data,
        reference.affine,
        brain.mask,
        read_columns(motion) if motion else {},
        read_columns(curves) if curves else {},
        voxels,
        visit.notes,
    )


class Drawing(NamedTuple):
    """A figure: its title, the input that a session it can be drawn of has, and what draws it."""

    title: str
    shows: str
    draw: Callable[[str, Visit], "Figure"]


_DRAWINGS = {
    "diffusion": Drawing("Diffusion", "trace", draw_diffusion),
    "flair": Drawing("FLAIR", "flair", draw_flair),
    "perfusion": Drawing("Perfusion", "tmax", draw_perfusion),
    "growth": Drawing("Growth of the infarct until follow-up", "growth", draw_growth),
    "reperfusion": Drawing("Reperfusion since baseline", "deficits", draw_reperfusion),
    "reflow": Drawing("Microvascular reflow", "imr", draw_reflow),
    "quality": Drawing("Quality of the perfusion scan", "curves", draw_quality),
}


class PlotPatient(Step):
    """Draw the figures that a patient's sessions allow; what one cannot show for a fault of the data, it says in words.

    All in one step, for a figure takes less time than the start of a process that can draw.
    """

    input_spec = PlotPatientInputSpec
    output_spec = PlotPatientOutputSpec
    tolerates_faults = True

    def _compute(self) -> None:
        place = self._path("figures")
        place.mkdir()
        with figures.house_style():
            for session in self.inputs.sessions:
                files = self._files_of(session)
                for what, drawing in _DRAWINGS.items():
                    if drawing.shows in files:
                        self._draw(drawing, Visit(files), session, place / self._name(session, what))

    def _files_of(self, session: str) -> dict[str, str]:
        given = self._input_files().items()
        return {name: path for name, paths in given for path in paths if f"_ses-{session}_" in Path(path).name}

    def _name(self, session: str, what: str) -> str:
        return f"sub-{self.inputs.participant}_ses-{session}_desc-{what}_figure.png"

    def _draw(self, drawing: Drawing, visit: Visit, session: str, path: Path) -> None:
        title = f"sub-{self.inputs.participant} · ses-{session} · {drawing.title}"
        said: dict[str, Any] = {"Description": title}
        try:
            figure = drawing.draw(title, visit)
        except DataFault as fault:
            said["Reasons"] = [str(fault)]
            figure = figures.notice(title, said["Reasons"])
        figures.save(figure, path)
        write_json(sidecar_path(path), self._sidecar("figures", said))
