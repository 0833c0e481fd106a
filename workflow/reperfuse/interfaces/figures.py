"""The step that draws a patient's figures."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from nipype.interfaces.base import File, InputMultiObject, TraitedSpec, isdefined, traits

from reperfuse.faults import DataFault
from reperfuse.files import nifti
from reperfuse.files.itk import read_itk
from reperfuse.files.mirrors import load_mirror
from reperfuse.files.sidecars import read_sidecar, sidecar_path, write_json
from reperfuse.files.tables import read_columns
from reperfuse.head.mirror import reflect_mask
from reperfuse.interfaces.base import Step, StepInputSpec, folder
from reperfuse.interfaces.slices import cut_sessions
from reperfuse.interfaces.viewer import gather
from reperfuse.interfaces.visits import Visit, draw_overview
from reperfuse.reports import checks, figures
from reperfuse.volumes.transforms import resample

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _each_session(desc: str) -> InputMultiObject:
    return InputMultiObject(File(exists=True), desc=f"{desc}; a file a session that has one")


class PlotPatientInputSpec(StepInputSpec):
    """Inputs of `PlotPatient`: files named ``…_ses-<session>_…``, each on the grid of its group."""

    participant = traits.Str(mandatory=True, desc="label")
    sessions = traits.List(traits.Str(), mandatory=True, desc="labels")
    roles = traits.Dict(desc="role of each session that has one")
    # on the grid of diffusion
    trace = _each_session("trace-weighted image (a.u.)")
    adc = _each_session("ADC (mm²/s)")
    dwiref = _each_session("image without diffusion weighting (a.u.)")
    diffusion_brain = _each_session("brain mask")
    core = _each_session("diffusion lesion")
    adc_sweep = _each_session("diffusion lesion at every threshold of the ADC, as bits")
    lesion = _each_session("follow-up lesion, on the grid of FLAIR where it is drawn on that")
    growth = _each_session("core and follow-up lesion: 1 in both, 2 grown, 3 reversed")
    # on the grid of FLAIR
    flair = _each_session("FLAIR image the follow-up lesion is drawn on (a.u.)")
    flair_brain = _each_session("brain mask")
    # in perfusion space
    reference = _each_session("perfusion reference (a.u.)")
    perfusion_brain = _each_session("brain mask")
    cbf = _each_session("CBF (mL/100 g/min)")
    cbv = _each_session("CBV (mL/100 g)")
    rcbf = _each_session("relative CBF (1)")
    rcbv = _each_session("relative CBV (1)")
    att = _each_session("arterial transit time by ASL (s)")
    lowflow40 = _each_session("tissue with CBF below 40 % of that of the other side, by ASL")
    mtt = _each_session("MTT (s)")
    tmax = _each_session("Tmax (s)")
    tmax6 = _each_session("tissue with Tmax above 6 s")
    tmax_sweep = _each_session("tissue with Tmax above every threshold, as bits")
    rcbf_sweep = _each_session("tissue with relative CBF below every threshold, as bits")
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
    asymmetry_sweep = _each_session("tissue of the lesion below its mirror by every threshold, as bits")
    imr = _each_session("lesion voxels with impaired microvascular reperfusion")
    # from one space to another
    swelling = _each_session("how far diffusion's tissue has moved by the follow-up (mm)")
    to_diffusion = _each_session("transform that takes a point of perfusion space to diffusion")
    to_baseline = _each_session("transform that takes a point of perfusion space to that of the baseline")
    to_followup = _each_session(
        "transform that takes a point of diffusion (else of CT perfusion) to the image of the follow-up lesion"
    )


class PlotPatientOutputSpec(TraitedSpec):
    """Outputs of `PlotPatient`."""

    figures = folder("figures of the sessions (PNG) with their sidecars, and what the interactive viewer shows (JSON)")


def draw_diffusion(title: str, visit: Visit) -> "Figure":
    """Draw trace and ADC with the core of acute diffusion, or with the follow-up lesion."""
    maps = {name: visit.load(name).data for name in ("trace", "adc")}
    if reference := visit.given("dwiref", "Brain mask"):
        maps["reference"] = nifti.load(reference).data
    brain = visit.load("diffusion_brain")
    # what is outlined at follow-up is the lesion
    masks = visit.masks(lesion="Follow-up lesion") if visit.role == "followup" else visit.lesions("core")
    slices = visit.slices("trace")
    return figures.plot_diffusion(title, maps, brain.affine, brain.mask, masks, visit.notes, slices)


def draw_flair(title: str, visit: Visit) -> "Figure":
    """Draw FLAIR with the follow-up lesion."""
    flair, brain = visit.load("flair"), visit.load("flair_brain")
    masks = visit.masks(lesion="Follow-up lesion")
    slices = visit.slices("flair")
    return figures.plot_flair(title, flair.data, flair.affine, brain.mask, masks, visit.notes, slices)


def draw_perfusion(title: str, visit: Visit) -> "Figure":
    """Draw the perfusion maps with deficit, core and penumbra."""
    reference, brain = visit.load("reference"), visit.load("perfusion_brain")
    maps = {name: visit.load(name).data for name in ("mtt", "tmax")}
    relative = {name: visit.given(name, what) for name, what in (("rcbf", "Relative CBF"), ("rcbv", "Relative CBV"))}
    maps |= {name: nifti.load(path).data for name, path in relative.items() if path}
    masks = visit.lesions("core_dscref", tmax6="Tmax > 6 s", **({"penumbra": "Penumbra"} if visit.is_acute else {}))
    trace = visit.given("trace_dscref", "Trace")
    below = nifti.load(trace) if trace else reference
    slices = visit.slices("reference")
    return figures.plot_perfusion(title, below.data, maps, reference.affine, brain.mask, masks, visit.notes, slices)


def draw_flow(title: str, visit: Visit) -> "Figure":
    """Draw absolute CBF and CBV, and where relative CBF is below 30 %."""
    maps = {name: visit.load(name).data for name in ("cbf", "cbv")}
    relative = visit.given("rcbf", "Relative CBF")
    maps |= {"rcbf": nifti.load(relative).data} if relative else {}
    brain, masks = visit.load("perfusion_brain"), visit.masks(tmax6="Tmax > 6 s")
    slices = visit.slices("reference")
    return checks.plot_flow(title, maps, brain.affine, brain.mask, masks, visit.notes, slices)


def draw_labelling(title: str, visit: Visit) -> "Figure":
    """Draw CBF and transit time of arterial spin labelling, with the tissue of low flow."""
    maps, brain = {"cbf": visit.load("cbf").data}, visit.load("perfusion_brain")
    paths = {"rcbf": visit.given("rcbf", "Relative CBF"), "att": visit.given("att", "Transit time")}
    maps |= {name: nifti.load(path).data for name, path in paths.items() if path}
    masks = visit.lesions("core_dscref", lowflow40="Low flow")
    slices = visit.slices("reference")
    return checks.plot_labelling(title, maps, brain.affine, brain.mask, masks, visit.notes, slices)


def draw_alignment(title: str, visit: Visit) -> "Figure":
    """Draw tiles of the perfusion reference with diffusion, and with the reference before treatment."""
    reference, brain = visit.load("reference"), visit.load("perfusion_brain")
    others = {}
    for name, source, image, way in (
        ("Tiles with\ndiffusion", visit, "dwiref", "to_diffusion"),
        ("Tiles with\nbaseline", visit.other("baseline"), "reference", "to_baseline"),
    ):
        what = name.replace("\n", " ")
        path, link = source and source.given(image, what), visit.given(way, what)
        if path and link:
            others[name] = resample(nifti.load(path), reference, read_itk(link))
    slices = visit.slices("reference")
    return checks.plot_alignment(title, reference.data, others, reference.affine, brain.mask, visit.notes, slices)


def draw_followup_alignment(title: str, visit: Visit) -> "Figure":
    """Draw tiles of the session's diffusion, unweighted, or of its CT, with the image of the follow-up lesion."""
    is_ct = "dwiref" not in visit.files
    image = visit.load("reference" if is_ct else "dwiref")
    brain = visit.load("perfusion_brain" if is_ct else "diffusion_brain")
    way = visit.way("to_followup")
    followup = visit.other("followup") or visit
    later = followup.load("flair" if "flair" in followup.files else "dwiref")
    others = {"Tiles with\nfollow-up": resample(later, image, way)}
    slices = visit.slices("reference" if is_ct else "trace")
    return checks.plot_alignment(title, image.data, others, image.affine, brain.mask, visit.notes, slices)


def draw_growth(title: str, visit: Visit) -> "Figure":
    """Draw what became of the core: what stayed, what grew and what was reversed."""
    trace, brain, change = (visit.load(name) for name in ("trace", "diffusion_brain", "growth"))
    slices = visit.slices("trace")
    return figures.plot_growth(title, trace.data, change.data, trace.affine, brain.mask, visit.notes, slices)


def draw_reperfusion(title: str, visit: Visit) -> "Figure":
    """Draw Tmax before and after treatment, and what became of the deficit."""
    reference, brain, before, after, change = (
        visit.load(name) for name in ("reference", "perfusion_brain", "earlier_tmax", "tmax", "deficits")
    )
    maps = {"before": before.data, "after": after.data}
    slices = visit.slices("reference")
    return figures.plot_reperfusion(
        title, reference.data, maps, change.data, reference.affine, brain.mask, visit.notes, slices
    )


def draw_reflow(title: str, visit: Visit) -> "Figure":
    """Draw rCBV after treatment, its mirror and their asymmetry, with the lesion and the IMR voxels."""
    reference, brain, lesion = (visit.load(name) for name in ("reference", "perfusion_brain", "reflow_lesion"))
    maps = {name: visit.load(name).data for name in ("rcbv", "mirrored", "asymmetry")}
    plane = load_mirror(visit.files["mirror"])
    homologue = reflect_mask(lesion.mask, lesion.affine, plane)
    masks = {"lesion": lesion.mask, "homologue": homologue, "imr": visit.load("imr").mask}
    slices = visit.slices("reference")
    return figures.plot_reflow(title, reference.data, maps, reference.affine, brain.mask, masks, visit.notes, slices)


def draw_quality(title: str, visit: Visit) -> "Figure":
    """Draw the motion, the arterial input, and where it was taken."""
    from reperfuse.reports.quality import input_in_words, motion_in_words, plot_quality

    reference, brain = visit.load("reference"), visit.load("perfusion_brain")
    motion, curves = visit.given("motion", "Motion"), visit.given("curves", "Arterial input")
    taken, frames = read_sidecar(curves) if curves else {}, read_columns(motion) if motion else {}
    voxels = {
        name: np.reshape(np.array(taken.get(key, []), int), (-1, 3))
        for name, key in (("artery", "ArterialVoxels"), ("vein", "VenousVoxels"))
    }
    return plot_quality(
        title,
        reference.data,
        reference.affine,
        brain.mask,
        frames,
        read_columns(curves) if curves else {},
        voxels,
        visit.notes,
        motion_in_words(frames, read_sidecar(motion) if motion else {}) + input_in_words(taken),
        "enhancement (HU)" if taken.get("Modality") == "CT" else "ΔR2* (s⁻¹)",
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
    "flow": Drawing("Absolute flow and volume", "cbv", draw_flow),
    "labelling": Drawing("Perfusion by arterial spin labelling", "lowflow40", draw_labelling),
    "growth": Drawing("Growth of the infarct until follow-up", "growth", draw_growth),
    "reperfusion": Drawing("Reperfusion since baseline", "deficits", draw_reperfusion),
    "reflow": Drawing("Microvascular reflow", "mirrored", draw_reflow),
    "alignment": Drawing("Brain mask and alignment", "reference", draw_alignment),
    "followupalignment": Drawing("Alignment with the follow-up", "to_followup", draw_followup_alignment),
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
        roles = self.inputs.roles if isdefined(self.inputs.roles) else {}
        files = {session: self._files_of(session) for session in self.inputs.sessions}
        others = {role: files[session] for session, role in roles.items()}
        cuts = cut_sessions({session: Visit(own, roles.get(session, "")) for session, own in files.items()})

        def visit(session: str) -> Visit:
            return Visit(files[session], roles.get(session, ""), others, cuts=cuts[session])

        with figures.house_style():
            for session, own in files.items():
                for what, drawing in _DRAWINGS.items():
                    if drawing.shows in own:
                        self._draw(drawing, visit(session), session, place / self._name(session, what))
            if shown := gather({session: visit(session) for session in files}):
                write_json(place / f"sub-{self.inputs.participant}_desc-viewer_maps.json", shown)
            self._draw_overview({role: visit(session) for session, role in roles.items()}, place)

    def _draw_overview(self, visits: dict[str, Visit], place: Path) -> None:
        title = f"sub-{self.inputs.participant} · From session to session"
        path = place / f"sub-{self.inputs.participant}_desc-overview_figure.png"
        self._save(title, path, lambda: draw_overview(title, visits))

    def _files_of(self, session: str) -> dict[str, str]:
        given = self._input_files().items()
        return {name: path for name, paths in given for path in paths if f"_ses-{session}_" in Path(path).name}

    def _name(self, session: str, what: str) -> str:
        return f"sub-{self.inputs.participant}_ses-{session}_desc-{what}_figure.png"

    def _draw(self, drawing: Drawing, visit: Visit, session: str, path: Path) -> None:
        title = f"sub-{self.inputs.participant} · ses-{session} · {drawing.title}"
        self._save(title, path, lambda: drawing.draw(title, visit))

    def _save(self, title: str, path: Path, draw: Callable[[], "Figure | None"]) -> None:
        """Save a figure, or the reason why there is none; nothing where there is nothing to draw."""
        said: dict[str, Any] = {"Description": title}
        try:
            figure = draw()
        except DataFault as fault:
            said["Reasons"] = [str(fault)]
            figure = figures.notice(title, said["Reasons"])
        if figure is not None:
            figures.save(figure, path)
            write_json(sidecar_path(path), self._sidecar("figures", said))
