"""A continuous model of a head: tissues, vessels and lesions at any point.

Head frame: MNI152 millimetres, RAS+. A head is a smooth warp of a template that is exactly mirror-symmetric
about x = 0; without the warp the head is its own mirror. Everything is evaluated in *template* coordinates,
which :meth:`Head.to_template` gives for a point of the head.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from reperfuse.simulation.vessels import SINUS_RADIUS_MM, VESSELS, Array, tubes

Side = Literal["left", "right"]


SCALP_MM = (6.0, 11.0)  # distance outside the brain hull: dark skull up to the first, scalp up to the second


SUBARACHNOID_MM = 1.5  # fluid between brain hull and skull


@dataclass(frozen=True)
class Tissues:
    """Volume fractions at n points; what is left to one is air or bone.

    Attributes
    ----------
    grey, white, csf, scalp : (n,) array
        Grey and white matter, cerebrospinal fluid, scalp.
    left_mca, right_mca, arteries, veins, sinuses : (n,) array
        Blood in the middle cerebral arteries, in all other arteries, in deep veins, in sinuses.
    """

    grey: Array
    white: Array
    csf: Array
    scalp: Array
    left_mca: Array
    right_mca: Array
    arteries: Array
    veins: Array
    sinuses: Array

    @property
    def blood(self) -> Array:
        """Blood in any vessel, (n,)."""
        return self.left_mca + self.right_mca + self.arteries + self.veins + self.sinuses


@dataclass(frozen=True)
class Head:
    """A head, possibly one whose halves differ, possibly swollen.

    Attributes
    ----------
    asymmetry_mm : float
        Largest displacement of the warp that makes the halves differ; 0 gives an exactly symmetric head.
    swelling : float
        Relative linear stretch of the tissue at ``swelling_centre_mm`` (0.1 = 10 %), fading over
        ``swelling_reach_mm``; 0 for none.
    swelling_centre_mm : tuple of float
        Centre of the swelling, head frame.
    swelling_reach_mm : float
        Standard deviation of the Gaussian by which swelling fades.
    """

    asymmetry_mm: float = 0.0
    swelling: float = 0.0
    swelling_centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    swelling_reach_mm: float = 20.0

    def to_template(self, points: ArrayLike) -> Array:
        """Template coordinates of points of the head.

        Parameters
        ----------
        points : (n, 3) array
            Head frame, mm.

        Returns
        -------
        (n, 3) array
            Template coordinates, mm.
        """
        moved = np.array(points, dtype=np.float32)
        if self.swelling:
            arm = moved - np.asarray(self.swelling_centre_mm, dtype=np.float32)
            fade = np.exp(-0.5 * (arm**2).sum(axis=1) / self.swelling_reach_mm**2)
            moved -= (self.swelling / (1 + self.swelling)) * fade[:, None] * arm
        if self.asymmetry_mm:
            moved += np.float32(self.asymmetry_mm) * _warp(moved)
        return moved

    def from_template(self, points: ArrayLike, iterations: int = 30) -> Array:
        """Points of the head at given template coordinates (fixed-point inverse of :meth:`to_template`).

        Parameters
        ----------
        points : (n, 3) array
            Template coordinates, mm.
        iterations : int
            Fixed-point steps; the default leaves less than 1e-3 mm.

        Returns
        -------
        (n, 3) array
            Head frame, mm.
        """
        target = np.asarray(points, dtype=np.float32)
        guess = target.copy()
        for _ in range(iterations):
            guess += target - self.to_template(guess)
        return guess

    def homologue(self, points: ArrayLike) -> Array:
        """Find the same place in the other half of the head.

        Parameters
        ----------
        points : (n, 3) array
            Head frame, mm.

        Returns
        -------
        (n, 3) array
            Head frame, mm.
        """
        return self.from_template(self.to_template(points) * np.array([-1, 1, 1], dtype=np.float32))


@dataclass(frozen=True)
class Region:
    """A lumpy ellipsoid of brain tissue with a stated volume.

    Attributes
    ----------
    side : {"left", "right", "both"}
        Half of the brain it lies in, or both: then it is mirrored. It never crosses the midline.
    centre_mm : tuple of float
        Distance from the midline, y, z of the centre, template frame.
    proportions : tuple of float
        Relative semi-axes along x, y, z.
    volume_ml : float
        Volume of tissue (grey + white fraction of at least one half) inside, in an unwarped head; of both sides
        together.
    """

    side: Side | Literal["both"]
    centre_mm: tuple[float, float, float]
    proportions: tuple[float, float, float]
    volume_ml: float

    def radius(self, template_points: Array) -> Array:
        """Radius of points relative to the region's surface: below 1 inside.

        Parameters
        ----------
        template_points : (n, 3) array
            Template coordinates, mm.

        Returns
        -------
        (n,) array
            Relative radius; infinite on the side it does not lie on.
        """
        return _relative_radius(self, template_points) / _surface_radius(self)


def midplane(pose: Array) -> tuple[Array, float]:
    """Mirror plane of a symmetric head in world coordinates.

    Parameters
    ----------
    pose : (4, 4) array
        Head frame to world, mm.

    Returns
    -------
    normal : (3,) array
        Unit normal, towards the right of the head.
    offset : float
        Points p of the plane satisfy ``normal @ p == offset`` (mm).
    """
    normal = pose[:3, 0] / np.linalg.norm(pose[:3, 0])
    return normal, float(normal @ pose[:3, 3])


def tissues(template_points: Array) -> Tissues:
    """Fractions of tissue and blood at points.

    Parameters
    ----------
    template_points : (n, 3) array
        Template coordinates, mm.

    Returns
    -------
    Tissues
        Fractions, each (n,), float32.
    """
    grey, white = (_look_up(template_points, number) for number in (0, 1))
    outside = outside_mm(template_points)
    (veins, width), (left, _), (right, _), (arteries, _) = (tubes(name, template_points, outside) for name in VESSELS)
    blood = veins + left + right + arteries
    crowded = np.maximum(blood, 1.0)
    veins, left, right, arteries = veins / crowded, left / crowded, right / crowded, arteries / crowded
    room = 1.0 - np.minimum(blood, 1.0)
    # Averaging 152 people blurred the template; squared shares are crisp again, as one person's brain is.
    fluid = np.clip(1.0 - grey - white, 0.0, 1.0)
    total = grey**2 + white**2 + fluid**2
    inside = np.clip(0.5 + (SUBARACHNOID_MM - outside) / 2.0, 0.0, 1.0) * room / total
    near, far = SCALP_MM
    shell = np.clip(0.5 + (outside - near) / 2.0, 0, 1) * np.clip(0.5 + (far - outside) / 2.0, 0, 1)
    sinuses = np.where(width >= SINUS_RADIUS_MM, veins, np.float32(0))
    brain = (grey**2 * inside, white**2 * inside, fluid**2 * inside)
    return Tissues(*brain, shell * room, left, right, arteries, veins - sinuses, sinuses)


def outside_mm(template_points: Array) -> Array:
    """Distance of points (n, 3) outside the brain hull, (n,), mm; negative inside, 99 far away."""
    return _look_up(template_points, 2, beyond=99.0)


def brain_points(spacing_mm: float = 2.0) -> tuple[Array, float]:
    """Lay a regular grid of points over the brain.

    Parameters
    ----------
    spacing_mm : float
        Distance between points.

    Returns
    -------
    points : (n, 3) array
        mm; the grid has points on both sides of x = 0 and none on it.
    volume_ml : float
        Volume that one point stands for.
    """
    half = spacing_mm / 2
    axes = [np.arange(lo + half, hi, spacing_mm, dtype=np.float32) for lo, hi in ((-80, 80), (-114, 82), (-78, 92))]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return points, spacing_mm**3 / 1000


def _look_up(template_points: Array, number: int, beyond: float = 0.0) -> Array:
    """Values of one of the template's maps at points."""
    maps, affine = _template()
    index = (template_points - affine[:3, 3].astype(np.float32)) / np.float32(affine[0, 0])
    return ndimage.map_coordinates(maps[number], np.ascontiguousarray(index.T), order=1, cval=beyond)


@lru_cache(maxsize=1)
def _template() -> tuple[tuple[Array, Array, Array], Array]:
    """Grey matter, white matter and distance outside the brain hull, with their affine."""
    from nilearn import datasets

    grey_image = datasets.load_mni152_gm_template(resolution=2)
    grey = np.asarray(grey_image.dataobj, dtype=np.float32)
    white = np.asarray(datasets.load_mni152_wm_template(resolution=2).dataobj, dtype=np.float32)
    white, grey = (0.5 * (m + m[::-1]) for m in (np.clip(white, 0, 1), np.clip(grey, 0, 1)))
    hull = ndimage.binary_closing(np.pad(grey + white > 0.3, 10), iterations=6)
    hull = ndimage.binary_fill_holes(hull)[10:-10, 10:-10, 10:-10]
    spacing = float(abs(grey_image.affine[0, 0]))
    distance = ndimage.distance_transform_edt(~hull, sampling=spacing)
    distance -= ndimage.distance_transform_edt(hull, sampling=spacing)
    distance = ndimage.gaussian_filter(distance, 1.0)
    return (grey, white, (0.5 * (distance + distance[::-1])).astype(np.float32)), grey_image.affine


def _warp(points: Array) -> Array:
    """Smooth displacement, at most one long, that treats left and right differently."""
    x, y, z = points.T / np.float32(40.0)
    right = 0.5 * (1 + np.tanh(1.5 * x))
    return np.stack(
        [
            0.7 * right * np.cos(0.8 * y + 0.4) * np.cos(0.6 * z - 0.3) - 0.2,
            0.8 * right * np.sin(0.9 * y - 0.5 * z + 1.0) - 0.3 * (1 - right) * np.cos(0.8 * z),
            0.5 * right * np.cos(0.7 * y - 0.6) * np.sin(0.8 * z + 0.7) + 0.2 * (1 - right) * np.sin(0.7 * y),
        ],
        axis=1,
    )


def _relative_radius(region: Region, points: Array) -> Array:
    sign = {"left": -1.0, "right": 1.0, "both": np.sign(points[:, 0])}[region.side]
    side = points[:, 0] * np.asarray(sign, dtype=np.float32)
    centre, axes = np.array(region.centre_mm, np.float32), np.array(region.proportions, np.float32)
    dx, dy, dz = (
        (side - centre[0]) / axes[0],
        (points[:, 1] - centre[1]) / axes[1],
        (points[:, 2] - centre[2]) / axes[2],
    )
    radius = np.sqrt(dx**2 + dy**2 + dz**2)
    lumps = 1 + 0.06 * np.sin(side / 6 + 1) * np.cos(points[:, 1] / 7) + 0.05 * np.sin(points[:, 2] / 6 + 2)
    return np.where(side > 0, radius * lumps, np.inf).astype(np.float32)


@lru_cache(maxsize=64)
def _surface_radius(region: Region) -> float:
    """Relative radius inside which the region's volume of tissue lies."""
    points, volume = _tissue_points()
    radius = _relative_radius(region, points)
    rank = round(region.volume_ml / volume)
    if not 0 < rank < np.isfinite(radius).sum():
        raise ValueError(f"a region of {region.volume_ml} mL does not fit into half a brain")
    return float(np.partition(radius, rank)[rank])


@lru_cache(maxsize=1)
def _tissue_points() -> tuple[Array, float]:
    points, volume = brain_points(2.0)
    fractions = tissues(points)
    return points[fractions.grey + fractions.white >= 0.5], volume
