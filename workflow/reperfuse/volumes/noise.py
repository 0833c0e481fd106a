"""Noise of an image: how large it is, how far it reaches, and more of the same kind."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.robust import sd_about_zero

#: The correlation of neighbours that a filter of three voxels can give is a little less than this.
_MOST_CORRELATED = 0.7


@dataclass(frozen=True)
class Noise:
    """Normal noise, the same in all voxels.

    Attributes
    ----------
    sd : float
        In the image's unit.
    correlation : (float, float, float)
        Of neighbours along each axis: what was interpolated shares its noise with its neighbours.
    """

    sd: float
    correlation: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
        """Draw the noise of a volume (x, y, z), or of a series (x, y, z, t) whose frames share nothing; float32."""
        drawn = rng.standard_normal(shape, dtype=np.float32)
        for axis, correlation in enumerate(self.correlation):
            if correlation > 0:
                beside = (1 - np.sqrt(1 - 2 * correlation**2)) / (2 * correlation)
                kernel = np.array([beside, 1, beside]) / np.sqrt(1 + 2 * beside**2)
                ndimage.correlate1d(drawn, kernel, axis=axis, output=drawn, mode="reflect")
        drawn *= np.float32(self.sd)
        return drawn


def generator(data: Array) -> np.random.Generator:
    """Return random numbers that hang on nothing but an image's values: the same image gives the same."""
    return np.random.default_rng(zlib.crc32(np.ascontiguousarray(data).tobytes()))


def series_noise(series: Array, mask: Mask) -> Noise:
    """Measure the noise of a series in which nothing but noise changes from frame to frame.

    Parameters
    ----------
    series : (x, y, z, t) array
        At least two frames; a slow drift does not count.
    mask : (x, y, z) bool array
        Where.

    Returns
    -------
    Noise
        Of a frame.
    """
    change = np.diff(np.where(mask[..., np.newaxis], series, np.nan), axis=-1)
    correlation = []
    for axis in range(3):
        moved = np.moveaxis(change, axis, 0)
        one, other = moved[1:], moved[:-1]
        both = np.isfinite(one) & np.isfinite(other)
        apart, together = sd_about_zero((one - other)[both]), sd_about_zero((one + other)[both])
        ratio = (together**2 - apart**2) / (together**2 + apart**2) if together > 0 else 0.0
        correlation.append(float(np.clip(ratio, 0, _MOST_CORRELATED)))
    x, y, z = correlation
    return Noise(float(sd_about_zero(change[np.isfinite(change)]) / np.sqrt(2)), (x, y, z))


def image_noise(images: Array, mask: Mask) -> Noise:
    """Measure the noise of images by what differs between neighbours along two axes at once.

    What changes evenly, and an edge along either axis, leaves (a − b) − (c − d) of the corners of a square as it is;
    finer anatomy does not, and counts as noise. Voxels of an interpolated image share their noise with the next one,
    hardly with the next but one: squares of two voxels measure the noise, those of one how much of it is shared.

    Parameters
    ----------
    images : (x, y, z) or (x, y, z, n) array
        Of one kind of noise; differences of images of the same anatomy hold little else.
    mask : (x, y, z) bool array
        Where; the squares lie in the plane of the first two axes.

    Returns
    -------
    Noise
        Of an image.
    """
    values = np.where(mask if images.ndim == 3 else mask[..., np.newaxis], images, np.float32(np.nan))

    def sd(step: int) -> float:
        across = values[step:] - values[:-step]
        corners = across[:, step:] - across[:, :-step]
        return sd_about_zero(corners[np.isfinite(corners)]) / 2

    near, far = sd(1), sd(2)
    shared = float(np.clip(1 - near / far, 0, _MOST_CORRELATED)) if far > 0 else 0.0
    return Noise(float(far), (shared, shared, 0.0))
