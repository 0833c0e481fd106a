"""A head of another make than the simulator's: its sulci are the zero sheets of a random field.

Fluid, grey and white matter lie on a grid of 1 mm, and a voxel of a scan is a mean over them: in the cortex nearly
every voxel holds some fluid.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from reperfuse.simulation.geometry import rigid
from scipy import ndimage

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]

SHAPE = (150, 186, 120)
#: World coordinates of the grid, mm, x from the patient's left to the right.
X, Y, Z = np.meshgrid(*[np.arange(n) - n / 2 + 0.5 for n in SHAPE], indexing="ij", sparse=True)
#: ADC, mm²/s, of fluid, grey and white matter.
FLUID, GREY, WHITE = 3.0e-3, 0.82e-3, 0.73e-3
CORE_ADC = 620e-6


@dataclass(frozen=True)
class Head:
    """Which millimetre is what; ``brightness`` of fluid and white matter, without diffusion weighting, against grey."""

    inside: Mask
    fluid: Mask
    grey: Mask
    brightness: tuple[float, float]

    @property
    def tissue(self) -> Mask:
        return self.inside & ~self.fluid


@dataclass(frozen=True)
class Scan:
    """What a scanner gives of it (x, y, z); ``true_ml`` is the tissue whose ADC is below the core's threshold.

    ``series`` holds an image at b = 0 and three at b = 1000 s/mm²; ``affine`` leads to the head's own frame.
    """

    adc: Array
    trace: Array
    mirrored: Array
    brain: Mask
    true_ml: float
    series: Array
    affine: Array


def random_field(rng: np.random.Generator, fwhm_mm: float) -> NDArray[np.float32]:
    """Return a smooth field of mean 0 and SD 1."""
    field = ndimage.gaussian_filter(rng.standard_normal(SHAPE, dtype=np.float32), fwhm_mm / 2.355)
    return field / field.std()


def make_head(seed: int) -> Head:
    """Make a head whose halves are alike, not equal."""
    rng = np.random.default_rng(seed)
    inside = np.sqrt((X / 66) ** 2 + (Y / 84) ** 2 + (Z / 54) ** 2) < 1 + 0.015 * random_field(rng, 40)
    depth = ndimage.distance_transform_edt(inside)
    folds = random_field(rng, 11)
    folds = np.where(X > 0, folds, 0.8 * folds[::-1] + 0.6 * random_field(rng, 11))
    steepness = np.sqrt(sum(slope**2 for slope in np.gradient(folds)))
    width = rng.uniform(0.5, 0.8) * np.clip(1 + 0.4 * random_field(rng, 30), 0.3, 2)
    sulci = (np.abs(folds) < width * steepness) & (depth < 14 + 3 * random_field(rng, 25))
    ventricles = ((np.abs(X) - 11) / 5.5) ** 2 + ((Y + 3) / 28) ** 2 + ((Z - 8) / 9) ** 2 < 1
    outer = sulci | (depth <= 1) | ((np.abs(X) < 1) & (Z > 5))
    fluid = inside & (outer | ventricles)
    ribbon = ndimage.distance_transform_edt(~outer) <= 2.8
    nuclei = ((np.abs(X) - 25) / 6) ** 2 + ((Y - 2) / 18) ** 2 + ((Z - 2) / 12) ** 2 < 1
    return Head(inside, fluid, inside & ~fluid & (ribbon | nuclei), (rng.uniform(2.2, 3.6), rng.uniform(0.66, 0.86)))


def injure(head: Head, ml: float, adc: float, edge_mm: float, seed: int) -> tuple[Array, Array]:
    """Return how injured the tissue is, 0 to 1, and its ADC: a lesion on the left that fades at its edge."""
    rng = np.random.default_rng(seed)
    radii = (3000 * ml / 4 / np.pi) ** (1 / 3) * np.array([0.9, 1.25, 0.95])
    place = -rng.uniform(36, 46), rng.uniform(-15, 20), rng.uniform(-5, 20)
    away = np.sqrt(sum(((axis - at) / r) ** 2 for axis, at, r in zip((X, Y, Z), place, radii, strict=True)))
    away = np.where(X < -3, away + 0.12 * random_field(rng, 25), np.inf)
    injury = head.tissue / (1 + np.exp(np.clip((away - 1) * radii.mean() / (edge_mm / 2), -50, 50)))
    return injury, np.where(head.grey, GREY, WHITE) * (1 - injury) + adc * injury


def scan(
    head: Head, injury: Array, adc: Array, voxel: tuple[float, float, float], *, snr: float, t2_ratio: float, seed: int
) -> Scan:
    """Scan the head in a random pose, with three directions of b = 1000 s/mm² and a coil's shading."""
    rng = np.random.default_rng(seed)
    before = np.where(head.fluid, head.brightness[0], np.where(head.grey, 1.0, head.brightness[1])) * head.inside
    before = before * (1 + (t2_ratio - 1) * injury) * (1 + 0.25 * np.sin(X / 60 + seed) * np.cos(Y / 70))
    after = before * np.exp(-1000 * np.where(head.fluid, FLUID, adc))
    core = head.tissue & (adc < CORE_ADC)
    means, affine = _sample([before, after, head.inside.astype(np.float32)], voxel, draw_pose(rng))

    def measure(mean: Array) -> Array:
        blurred = ndimage.gaussian_filter(mean, (0.35, 0.35, 0))
        real, imaginary = rng.standard_normal((2, *mean.shape)) / snr
        return np.hypot(blurred + real, imaginary)

    series = np.stack([measure(means[0]), *(measure(means[1]) for _ in range(3))], axis=-1)
    trace = np.exp(np.log(series[..., 1:]).mean(axis=-1))
    adc = np.log(series[..., 0] / trace) / 1000
    return Scan(adc, trace, _mirror(trace, affine), means[2] > 0.5, core.sum() / 1000, series, affine)


def draw_pose(rng: np.random.Generator) -> Array:
    """Draw how the head lies in a scanner."""
    return rigid(rng.uniform(-4, 4, 3), rng.uniform(-6, 6, 3), (0.0, 0.0, 0.0))


def places_in(voxel: tuple[float, float, float], pose: Array) -> tuple[Array, list[int], Array]:
    """Return where the points of a scan's voxels lie on the head's grid (3, n).

    Points are in the order of an array of the second result's shape, whose odd axes run within a voxel. The third
    result is the scan's affine.
    """
    size = np.array(voxel)
    shape, parts = np.ceil(np.array(SHAPE) / size).astype(int), np.ceil(size / 0.95).astype(int)
    axes = [((np.arange(n * m) + 0.5) / m - n / 2) * v for n, m, v in zip(shape, parts, size, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    places = pose[:3, :3] @ points + pose[:3, 3:] + np.array(SHAPE)[:, None] / 2 - 0.5
    affine = np.eye(4)
    affine[:3, :3] = pose[:3, :3] * size
    affine[:3, 3] = pose[:3, 3] - affine[:3, :3] @ ((shape - 1) / 2)
    return places, [int(n) for pair in zip(shape, parts, strict=True) for n in pair], affine


def _sample(images: list[Array], voxel: tuple[float, float, float], pose: Array) -> tuple[list[Array], Array]:
    """Return the means of images over each voxel of a grid, and its affine."""
    places, split, affine = places_in(voxel, pose)
    means = [ndimage.map_coordinates(np.float32(one), places, order=1).reshape(split).mean((1, 3, 5)) for one in images]
    return means, affine


def _mirror(image: Array, affine: Array) -> Array:
    """Return an image reflected at x = 0, NaN outside the field of view."""
    flip = np.diag([-1.0, 1, 1, 1])
    matrix = np.linalg.inv(affine) @ flip @ affine
    return ndimage.affine_transform(image, matrix[:3, :3], matrix[:3, 3], order=1, cval=np.nan)
