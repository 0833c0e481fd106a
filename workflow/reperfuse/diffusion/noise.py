"""Noise of diffusion images, and ADC and trace maps with more of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.diffusion.adc import trace_shell
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.noise import Noise, image_noise


@dataclass(frozen=True)
class DiffusionNoise:
    """Noise of the two images that an ADC map is made of.

    Attributes
    ----------
    trace, b0 : Noise
        Of the trace image and of the image without diffusion weighting, a.u.
    b_value : float
        Between the two, s/mm².
    """

    trace: Noise
    b0: Noise
    b_value: float

    def add(self, adc: Array, trace: Array, rng: np.random.Generator, max_adc: float = 5e-3) -> tuple[Array, Array]:
        """Return ADC (mm²/s) and trace (a.u.), both (x, y, z), with noise added to the images they are made of."""
        noisy_trace = trace + self.trace.draw(trace.shape, rng)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            unweighted = trace * np.exp(self.b_value * adc)
            noisy = unweighted + self.b0.draw(trace.shape, rng)
            moved = adc + (np.log(noisy / unweighted) - np.log(noisy_trace / trace)) / self.b_value
            moved = np.where((moved > 0) & (moved <= max_adc), moved, np.nan)
        return moved.astype(np.float32), np.maximum(noisy_trace, 0)


def series_noise(signal: Array, bvals: ArrayLike, brain: Mask) -> DiffusionNoise:
    """Measure the noise of a diffusion-weighted series, the same in all of its images.

    Parameters
    ----------
    signal : (x, y, z, n) array
    bvals : (n,) array
        s/mm².
    brain : (x, y, z) bool array

    Returns
    -------
    DiffusionNoise
        From the differences of the images of the trace's shell, which share their anatomy; with one image only, from
        that itself.
    """
    b = np.asarray(bvals, float).ravel()
    shell, unweighted = trace_shell(b), b <= 50.0
    images: Array = np.asarray(signal[..., shell], np.float32)
    if shell.sum() > 1:
        images = np.diff(images, axis=-1) / np.float32(np.sqrt(2))
    one = image_noise(images, brain)
    trace, b0 = (Noise(one.sd / float(np.sqrt(of.sum())), one.correlation) for of in (shell, unweighted))
    return DiffusionNoise(trace, b0, float(b[shell].mean() - b[unweighted].mean()))


def map_noise(trace: Array, brain: Mask, b_value: float, *, is_alone: bool = False) -> DiffusionNoise:
    """Measure the noise of a scanner's trace image.

    Parameters
    ----------
    trace : (x, y, z) array
        a.u.
    brain : (x, y, z) bool array
    b_value : float
        s/mm².
    is_alone : bool
        The unweighted image has no noise; otherwise its noise, which cannot be seen, is taken for the same.
    """
    noise = image_noise(trace, brain)
    return DiffusionNoise(noise, Noise(0.0) if is_alone else noise, b_value)
