"""The slices that all figures of a patient share: chosen once, and carried from image to image."""

from collections.abc import Iterator, Mapping

import numpy as np

from reperfuse.files import nifti
from reperfuse.interfaces.visits import IMAGES, ROLES, Visit
from reperfuse.reports.slices import Cut, choose_points
from reperfuse.volumes.arrays import Array
from reperfuse.volumes.geometry import apply_matrix
from reperfuse.volumes.image import Image
from reperfuse.volumes.transforms import Transform

#: A session, and the image that stands for the space of some of its files.
Space = tuple[str, str]


#: Regions of disease in the space of each image.
_DISEASE = {"reference": ("tmax6", "lowflow40"), "trace": ("core", "lesion"), "flair": ("lesion",)}


def cut_sessions(visits: Mapping[str, Visit]) -> dict[str, dict[str, Cut]]:
    """Say where the figures of each session are cut.

    Images that are aligned with each other, be it by way of others, share their slices.

    Parameters
    ----------
    visits : mapping of Visit
        By session.

    Returns
    -------
    dict
        By session, and by the image whose grid is cut.
    """
    ordered = dict(sorted(visits.items(), key=lambda one: (_rank(one[1]), one[0])))
    spaces = [(label, image) for label, visit in ordered.items() for image in IMAGES if _is_usable(visit, image)]
    links, first, cuts = _links(ordered), spaces[:1], {label: dict[str, Cut]() for label in visits}
    while spaces:
        ways = _ways_from(spaces[0], links)
        points = _choose(spaces[0], ways, ordered)
        for label, image in ways:
            cuts[label][image] = Cut(points, ways[label, image], is_shared=first[0] in ways)
        spaces = [space for space in spaces if space not in ways]
    return cuts


def _rank(visit: Visit) -> int:
    return ROLES.index(visit.role) if visit.role in ROLES else len(ROLES)


def _is_usable(visit: Visit, image: str) -> bool:
    return bool(visit.good(image) and visit.good(IMAGES[image]))


def _links(visits: Mapping[str, Visit]) -> dict[Space, list[tuple[Space, Transform]]]:
    """Return the transforms from each space, of a point in it, to others."""
    links: dict[Space, list[tuple[Space, Transform]]] = {}
    for here, there, way in _alignments(visits):
        links.setdefault(here, []).append((there, way))
        links.setdefault(there, []).append((here, way.inverse()))
    return links


def _alignments(visits: Mapping[str, Visit]) -> Iterator[tuple[Space, Space, Transform]]:
    by_role = {visit.role: label for label, visit in visits.items() if visit.role}
    for label, visit in visits.items():
        others = [("reference", "to_diffusion", label, "trace")]
        if "baseline" in by_role:
            others.append(("reference", "to_baseline", by_role["baseline"], "reference"))
        if "followup" in by_role:
            drawn_on = "flair" if "flair" in visits[by_role["followup"]].files else "trace"
            anchor = "trace" if "trace" in visit.files else "reference"
            others.append((anchor, "to_followup", by_role["followup"], drawn_on))
        for image, name, other, other_image in others:
            if visit.good(name):
                yield (label, image), (other, other_image), visit.way(name)


def _ways_from(start: Space, links: Mapping[Space, list[tuple[Space, Transform]]]) -> dict[Space, Transform]:
    """Return the shortest chain of transforms to each space that there is a way to."""
    ways = {start: Transform(())}
    for here in (queue := [start]):
        for there, way in links.get(here, []):
            if there not in ways:
                ways[there] = ways[here].then(way)
                queue.append(there)
    return ways


def _choose(start: Space, ways: Mapping[Space, Transform], visits: Mapping[str, Visit]) -> Array:
    """Choose slices by the disease in all spaces there is a way to."""
    points: list[Array] = [np.empty((0, 3))]
    volumes: list[Array] = [np.empty(0)]
    for (label, image), way in ways.items():
        visit = visits[label]
        for name in _DISEASE[image]:
            # what is dark on ADC days later is no lesion of its own, and one on FLAIR is not on the grid of diffusion
            is_other = (visit.role, name) == ("followup", "core") or (image == "trace" and "flair" in visit.files)
            path = None if is_other or not visit.good(name) else visit.files[name]
            if path:
                mask = nifti.load(path)
                voxels = np.argwhere(mask.mask)
                points.append(way.inverse()(apply_matrix(mask.affine, voxels)))
                volumes.append(np.full(len(voxels), np.prod(mask.voxel_size_mm) / 1000))
    brain = nifti.load(visits[start[0]].files[IMAGES[start[1]]])
    return choose_points(Image(brain.mask, brain.affine), np.concatenate(points), np.concatenate(volumes))


__all__ = ["cut_sessions"]
