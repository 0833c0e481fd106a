"""What the interactive viewer shows of a patient: the files of the sessions, and how their grids lie to each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reperfuse.files import nifti
from reperfuse.files.itk import read_itk
from reperfuse.files.sidecars import read_sidecar
from reperfuse.interfaces.visits import Visit
from reperfuse.reports.captions import ROLE_TITLES
from reperfuse.reports.viewer import KINDS, Grid, Swept, colour_table, pack_grid
from reperfuse.volumes.arrays import Array
from reperfuse.volumes.geometry import apply_matrix
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import Transform


@dataclass(frozen=True)
class _Space:
    """A grid that a session may have, by the names of the inputs of `PlotPatient`.

    The first of the maps is the image without which it is not shown.
    """

    title: str
    brain: str
    maps: tuple[str, ...]
    sweeps: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    core: str = ""


_SPACES = {
    "perfusion": _Space(
        "Perfusion",
        "perfusion_brain",
        ("reference", "tmax", "rcbf", "rcbv", "mtt", "cbf", "cbv", "att", "asymmetry"),
        ("tmax", "rcbf", "asymmetry"),
        ("tmax6", "lowflow40", "penumbra", "reflow_lesion", "imr"),
        "core_dscref",
    ),
    "diffusion": _Space("Diffusion", "diffusion_brain", ("trace", "adc"), ("adc",), ("lesion",), "core"),
    "flair": _Space("FLAIR", "flair_brain", ("flair",), (), ("lesion",)),
}


#: A grid of the patient: the label of its session, and its name.
_Place = tuple[str, str]


def gather(visits: Mapping[str, Visit]) -> dict[str, Any] | None:
    """Return all that the viewer of a patient shows, as JSON; None where no session has an image.

    Parameters
    ----------
    visits : mapping of Visit
        By the session's label, in order.
    """
    there = [
        (label, name)
        for label, visit in visits.items()
        for name, space in _SPACES.items()
        if visit.good(space.maps[0]) and visit.good(space.brain)
    ]
    if not there:
        return None
    heads = _heads(there, dict(_links(visits, there)))
    sessions = []
    for label, visit in visits.items():
        grids = [
            pack_grid(_grid(visit, name, heads[label, name][1])) | {"aligned": heads[label, name][0]}
            for name in _SPACES
            if (label, name) in heads
        ]
        if grids:
            sessions.append({"label": f"ses-{label}", "role": ROLE_TITLES.get(visit.role, ""), "grids": grids})
    colours = {name: colour_table(name) for name in ("gray", *sorted({kind.colours for kind in KINDS.values()}))}
    return {"sessions": sessions, "colours": colours}


def _grid(visit: Visit, name: str, head: Array) -> Grid:
    space = _SPACES[name]
    brain = visit.load(space.brain)
    # at follow-up diffusion's own lesion is what is drawn, on FLAIR where it is drawn on that
    is_elsewhere = name == "diffusion" and "flair" in visit.files
    regions = visit.masks(**{region: region for region in space.regions if not (region == "lesion" and is_elsewhere)})
    if space.core and visit.role != "followup":
        regions |= visit.lesions(space.core)
    sweeps = {one: visit.good(f"{one}_sweep") for one in space.sweeps}
    return Grid(
        space.title,
        brain.affine,
        brain.mask,
        {one: visit.load(one).data for one in space.maps if visit.good(one)},
        {one: _swept(visit.files[given]) for one, given in sweeps.items() if given},
        regions,
        head,
    )


def _swept(path: str) -> Swept:
    said = read_sidecar(path)
    return Swept(nifti.load(path, np.uint32).data, tuple(said["Thresholds"]), said["OwnThreshold"])


def _links(visits: Mapping[str, Visit], there: list[_Place]) -> Iterator[tuple[tuple[_Place, _Place], Array]]:
    """Yield pairs of grids with the matrix that takes a point of the first to the second."""
    label_of = {visit.role: label for label, visit in visits.items() if visit.role}
    lesion_on = next((name for name in ("flair", "diffusion") if (label_of.get("followup"), name) in there), "")
    for label, visit in visits.items():
        anchor = "diffusion" if (label, "diffusion") in there else "perfusion"
        for way, source, target in (
            ("to_diffusion", "perfusion", (label, "diffusion")),
            ("to_baseline", "perfusion", (label_of.get("baseline"), "perfusion")),
            ("to_followup", anchor, (label_of.get("followup"), lesion_on)),
        ):
            if visit.good(way) and (label, source) in there and target in there:
                found, brain = read_itk(visit.files[way]), visit.load(_SPACES[source].brain)
                yield ((label, source), (str(target[0]), target[1])), _as_matrix(found, brain)


def _heads(there: list[_Place], links: Mapping[tuple[_Place, _Place], Array]) -> dict[_Place, tuple[int, Array]]:
    """Return for each grid which of them it is aligned with, by its number, and the matrix of its points to that."""
    ways = {**links, **{(target, source): np.linalg.inv(matrix) for (source, target), matrix in links.items()}}
    heads: dict[_Place, tuple[int, Array]] = {}
    for number, first in enumerate(there):
        if first in heads:
            continue
        heads[first], reached = (number, np.eye(4)), [first]
        for place in reached:  # grows
            for (source, target), matrix in ways.items():
                if target == place and source not in heads:
                    heads[source] = (number, heads[place][1] @ matrix)
                    reached.append(source)
    return heads


def _as_matrix(way: Transform, brain: Image) -> Array:
    """Return a transform as a matrix; one that displaces as the affine that comes closest to it in the brain."""
    if way.matrix is not None:
        return way.matrix
    points = apply_matrix(brain.affine, np.argwhere(brain.mask))
    fitted = np.linalg.lstsq(np.c_[points, np.ones(len(points))], way(points), rcond=None)[0]
    return np.vstack([fitted.T, [0.0, 0.0, 0.0, 1.0]])


__all__ = ["gather"]
