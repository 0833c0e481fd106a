"""A session's files as the figures ask for them, and what became of a stroke over its sessions, in one space."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reperfuse.faults import DataFault
from reperfuse.files import nifti, sidecars
from reperfuse.files.itk import read_itk
from reperfuse.files.references import load_reference
from reperfuse.reports import figures
from reperfuse.reports.captions import ACUTE_ROLES
from reperfuse.reports.slices import Cut, Slices
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import Displacement, Transform, resample, resample_mask

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class Visit:
    """A session's files, by the name of the input; ``notes`` says what its figure cannot show.

    ``others`` holds the files of the patient's sessions, by their role; ``cuts`` the slices to show, by the image of
    whose grid they are.
    """

    files: Mapping[str, str]
    role: str = ""
    others: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    cuts: Mapping[str, Cut] = field(default_factory=dict)

    def slices(self, name: str) -> Slices | None:
        """Return the slices to show on the grid of an image, with a note if other figures do not share them."""
        cut = self.cuts.get(name)
        if cut is None:
            return None
        if not cut.is_shared:
            self.notes.append("Slices and heights are of this scan; it is not aligned with the patient's first scan")
        return cut.of(self.load(name))

    def other(self, role: str) -> "Visit | None":
        """Return the session of another role, which leaves its notes here."""
        is_another = role in self.others and role != self.role
        return Visit(self.others[role], role, self.others, self.notes) if is_another else None

    def load(self, name: str) -> Image:
        """Load an image without which there is no figure."""
        return load_reference(self._need(name))

    def way(self, name: str) -> Transform:
        """Read a transform without which there is no figure."""
        return read_itk(self._need(name))

    def _need(self, name: str) -> str:
        if reasons := sidecars.reasons(self.files[name]):
            raise DataFault("; ".join(reasons))
        return self.files[name]

    def given(self, name: str, what: str) -> str | None:
        """Return a file the figure can do without, leaving a note when it carries a reason."""
        path = self.files.get(name)
        if path and (reasons := sidecars.reasons(path)):
            self.notes.append(f"{what} not shown: {'; '.join(reasons)}")
            return None
        return path

    def good(self, *names: str) -> str | None:
        """Return the first of some inputs that is there and carries no reason."""
        return next((name for name in names if name in self.files and not sidecars.reasons(self.files[name])), None)

    def masks(self, **names: str) -> dict[str, NDArray[np.bool_]]:
        """Load the masks the figure can do without, by the name of their input."""
        paths = {name: self.given(name, what) for name, what in names.items()}
        return {name: nifti.load(path).mask for name, path in paths.items() if path}

    @property
    def is_acute(self) -> bool:
        """Whether there is a core: diffusion is acute, as that of a session without a role is taken to be."""
        return self.role in ("", *ACUTE_ROLES)

    def lesions(self, core: str, **names: str) -> dict[str, NDArray[np.bool_]]:
        """Load masks of which one is the lesion of diffusion: the core only while that is acute."""
        found = self.masks(**{core: "Core" if self.is_acute else "Diffusion lesion"}, **names)
        if core in found:
            found["core" if self.is_acute else "late_lesion"] = found.pop(core)
        return found


#: What may stand for a session: an image, and the brain on its grid.
IMAGES = {"reference": "perfusion_brain", "trace": "diffusion_brain", "flair": "flair_brain"}


_TITLES = {
    "baseline": "Before\ntreatment",
    "post": "After\ntreatment",
    "late": "A day after\ntreatment",
    "followup": "Follow-up",
}


#: In the order of their time.
ROLES = tuple(_TITLES)


def draw_overview(title: str, visits: Mapping[str, Visit]) -> "Figure | None":
    """Draw the sessions on the slices of the first that has an image; None if none has.

    Parameters
    ----------
    title : str
    visits : mapping of Visit
        By role.
    """
    images = {role: image for role in _TITLES if role in visits and (image := visits[role].good(*IMAGES))}
    if not images:
        return None
    for missing in (visits[role] for role in _TITLES if role in visits and role not in images):
        for name in IMAGES:
            missing.given(name, _in_line(missing.role))
    role, image = next(iter(images.items()))
    first = visits[role]
    frame = _Frame(first, image == "reference", first.load(image))
    moments = []
    for other in images:
        try:
            moments.append(_MOMENTS[other](frame, visits[other]))
        except DataFault as fault:
            first.notes.append(f"{_in_line(other)} not shown: {fault}")
    brain, slices = first.load(IMAGES[image]).mask, first.slices(image)
    notes = [note for visit in visits.values() for note in visit.notes]
    return figures.plot_overview(title, moments, frame.grid.affine, brain, notes, slices)


def _in_line(role: str) -> str:
    return _TITLES[role].replace("\n", " ")


@dataclass
class _Frame:
    """The grid of the overview: that of the ``first`` session's perfusion, or of another image of it."""

    first: Visit
    is_perfusion: bool
    grid: Image

    def bring(self, path: str | None, way: Transform, label: int | None = None) -> NDArray[np.bool_] | None:
        """Bring a mask, or a label of a map, onto the grid."""
        if path is None:
            return None
        found = nifti.load(path)
        mask = found.mask if label is None else found.data == label
        return resample_mask(Image(mask.astype(np.float32), found.affine), self.grid, way)

    def to(self, visit: Visit, name: str) -> Transform:
        """Return the way from the grid to an image of a session, be it by way of others."""
        cut = visit.cuts.get(name)
        if cut is None or not cut.is_shared:
            raise DataFault("it is not aligned with this scan")
        return cut.way


def _moment(visit: Visit, image: NDArray[np.float32], **masks: NDArray[np.bool_] | None) -> figures.Moment:
    there = {name: mask for name, mask in masks.items() if mask is not None}
    return figures.Moment(_TITLES[visit.role], image, there)


def _before(frame: _Frame, visit: Visit) -> figures.Moment:
    if not frame.is_perfusion:
        return _moment(visit, frame.grid.data, **visit.masks(core="Core"))
    found = visit.masks(core_dscref="Core", tmax6="Tmax > 6 s", lowflow40="Low flow")
    trace = visit.given("trace_dscref", "Trace")
    image = nifti.load(trace).data if trace else frame.grid.data
    return _moment(
        visit, image, core=found.get("core_dscref"), tmax6=found.get("tmax6"), lowflow40=found.get("lowflow40")
    )


def _after(frame: _Frame, visit: Visit) -> figures.Moment:
    name = visit.good(*(("reference", "trace") if frame.is_perfusion else ("trace", "reference")))
    if name is None:
        raise DataFault("it has no usable image")
    image = resample(visit.load(name), frame.grid, frame.to(visit, name))
    if visit.given("reference", "Perfusion") is None:
        return _moment(visit, image)
    way = frame.to(visit, "reference")
    return _moment(
        visit,
        image,
        tmax6=frame.bring(visit.given("tmax6", "Tmax > 6 s"), way),
        lowflow40=frame.bring(visit.given("lowflow40", "Low flow"), way),
        persistent=frame.bring(visit.given("deficits", "Persistent deficit"), way, _PERSISTENT),
        imr=frame.bring(visit.given("imr", "Impaired reflow"), way),
    )


def _later(frame: _Frame, visit: Visit) -> figures.Moment:
    image, first = visit.good("flair", "trace"), frame.first
    if image is None:
        raise DataFault("it has no usable image")
    way, grown = frame.to(visit, image), None
    if first is not visit and (growth := first.given("growth", "Growth")):
        grown = frame.bring(growth, frame.to(first, "trace"), _GROWN)
    if first is not visit and (swelling := first.given("swelling", "Swelling undone")):
        # growth is measured so, and shown on the lesion as it is measured
        moved = nifti.load(swelling)
        undone = Transform((Displacement(moved.data, moved.affine),))
        way = frame.to(first, "trace").then(undone).then(first.way("to_followup"))
    lesion = frame.bring(visit.given("lesion", "Follow-up lesion"), way)
    if grown is not None and lesion is not None:
        grown &= lesion  # each was interpolated by itself, and their edges differ by a voxel
    return _moment(visit, resample(visit.load(image), frame.grid, way), lesion=lesion, grown=grown)


#: Labels of the maps of change.
_PERSISTENT, _GROWN = 2, 2


_MOMENTS = {"baseline": _before, "post": _after, "late": _after, "followup": _later}


__all__ = ["IMAGES", "ROLES", "Visit", "draw_overview"]
