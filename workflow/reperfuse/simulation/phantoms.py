"""Published digital phantoms of brain perfusion, built anew as arrays: what their values should be is known exactly.

The tiles are those of Kudo et al. 2013 (doi:10.1148/radiol.12112618), the tissue classes those of the four-dimensional
phantom of Manhart et al. (create_phantom.m, University of Erlangen-Nuremberg, 2013).
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from reperfuse.simulation.anatomy import Array
from reperfuse.simulation.attenuation import HOUNSFIELD
from reperfuse.simulation.ct import CT_BOLUS, CtProtocol, correlated_noise
from reperfuse.simulation.geometry import Grid
from reperfuse.simulation.hemodynamics import Residue, arterial_curve, tissue_curves

TILE_CBV = (1.0, 2.0, 3.0, 4.0, 5.0)  # mL/100 g; a section of 7 × 7 tiles each
TILE_MTT_S = (24.0, 12.0, 8.0, 6.0, 4.8, 4.0, 24 / 7)
TILE_DELAY_S = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


@dataclass(frozen=True)
class Phantom:
    """Uniform pieces of tissue, n of them.

    Attributes
    ----------
    names : tuple of str
        Name of each piece.
    cbf, cbv, mtt, delay : (n,) array
        mL/100 g/min, mL/100 g, s, s. CBV is CBF times the area of the residue function.
    hu : (n,) array
        Attenuation before the bolus.
    curves : (n, t) array
        Enhancement, HU.
    arterial : (t,) array
        Arterial input, HU.
    """

    names: tuple[str, ...]
    cbf: Array
    cbv: Array
    mtt: Array
    delay: Array
    hu: Array
    curves: Array
    arterial: Array


def kudo_tiles(shape: Residue, times_s: Array | None = None) -> Phantom:
    """Build the tiles of CBV, MTT and delay, with one of the three residue functions.

    Parameters
    ----------
    shape : {"exponential", "linear", "box"}
        Residue function.
    times_s : (t,) array, optional
        Times of the frames; by default 60 s every second.

    Returns
    -------
    Phantom
        CBF from 2.5 to 87.5 mL/100 g/min.
    """
    times = np.arange(60.0) if times_s is None else np.asarray(times_s, dtype=float)
    cbv, mtt, delay = (grid.ravel() for grid in np.meshgrid(TILE_CBV, TILE_MTT_S, TILE_DELAY_S, indexing="ij"))
    cbf = 60 * cbv / mtt
    curves = tissue_curves(times, cbf, mtt, delay, bolus=CT_BOLUS, shape=shape)
    names = tuple(f"CBV {v:g} MTT {m:.1f} delay {d:g}" for v, m, d in zip(cbv, mtt, delay, strict=True))
    hu = np.full(len(cbf), HOUNSFIELD["grey"])
    return Phantom(names, cbf, cbv, mtt, delay, hu, curves, arterial_curve(times, CT_BOLUS))


# CBF (mL/100 mL/min), CBV (mL/100 mL), half range of CBF, half range of the plateau (s), attenuation (HU).
_CLASSES = {
    "grey": (53.0, 3.3, 14.0, 0.7, "grey"),
    "grey, reduced": (16.0, 3.0, 4.25, 0.75, "grey"),
    "grey, severely reduced": (5.3, 0.71, 1.4, 1.0, "grey"),
    "white": (25.0, 1.9, 14.0, 0.7, "white"),
    "white, reduced": (7.5, 1.7, 4.25, 0.75, "white"),
    "white, severely reduced": (2.5, 0.42, 1.4, 1.0, "white"),
}


# Arterial input at 1, 3, … 49 s, HU.
_ARTERIAL_HU = (
    0, 0, 0, 0, 25, 105, 220, 350, 440, 485, 430, 300, 180, 110, 104, 108, 115, 125, 115, 108, 98, 90, 98, 108, 112
)  # fmt: skip


_FALL_S = 1.0  # time constant by which the residue function falls after its plateau


def manhart_classes(times_s: Array | None = None, per_class: int = 21) -> Phantom:
    """Build the six classes of tissue, each over its range of flow and transit.

    The published CBV is flow times plateau. The residue function falls exponentially after the plateau, in 1 s, so its
    area, and with it the true CBV and MTT, are larger: by 27 % in grey matter.

    Parameters
    ----------
    times_s : (t,) array, optional
        Times of the frames; by default 0 to 49 s every second.
    per_class : int
        Pieces a class, evenly over its range: high flow with a short plateau to low flow with a long one.

    Returns
    -------
    Phantom
        The names are those of the classes. Volumes are per 100 mL of tissue, without a correction for haematocrit:
        to deconvolve with ``haematocrit_factor=1, density_g_ml=1``.
    """
    times = np.arange(50.0) if times_s is None else np.asarray(times_s, dtype=float)
    place = np.linspace(-1, 1, per_class) if per_class > 1 else np.zeros(1)
    cbf = np.concatenate([flow - place * spread for flow, _, spread, _, _ in _CLASSES.values()])
    plateau = np.concatenate([60 * cbv / cbf + place * by for cbf, cbv, _, by, _ in _CLASSES.values()])
    hu = np.repeat([HOUNSFIELD[kind] for *_, kind in _CLASSES.values()], per_class)
    step = 0.05
    fine = np.arange(0.0, float(times.max()) + step, step)
    arterial = CubicSpline(np.arange(1.0, 50.0, 2.0), _ARTERIAL_HU)(np.clip(fine, 1.0, 49.0))
    edges = np.concatenate([[0.0], fine + step / 2])
    curves = np.stack(
        [
            flow / 6000 * np.convolve(arterial, np.diff(_plateau_area(edges, until)))[: len(fine)]
            for flow, until in zip(cbf, plateau, strict=True)
        ]
    )
    at_frames = np.rint(times / step).astype(int)
    mtt = plateau + _FALL_S
    names = tuple(np.repeat(list(_CLASSES), per_class))
    zero = np.zeros_like(cbf)
    return Phantom(names, cbf, cbf * mtt / 60, mtt, zero, hu, curves[:, at_frames], arterial[at_frames])


def record(phantom: Phantom, protocol: CtProtocol, seed: int, side: int = 16) -> tuple[Array, Grid]:
    """Record a phantom as a CT series, each piece a slice of side × side voxels of 2 × 2 × 5 mm.

    Parameters
    ----------
    phantom : Phantom
        What to record.
    protocol : CtProtocol
        Dose; the times are those of the phantom.
    seed : int
        Seed of the noise.
    side : int
        Voxels along a side of a piece.

    Returns
    -------
    series : (side, side, n, t) array
        HU.
    grid : Grid
        Its voxel grid.
    """
    shape = (side, side, len(phantom.cbf))
    grid = Grid(shape, np.diag([2.0, 2.0, 5.0, 1.0]))
    levels = (phantom.hu[:, None] + phantom.curves).astype(np.float32)
    series = np.broadcast_to(levels, (side, side, *levels.shape))
    return series + correlated_noise(series.shape, grid, protocol.sigma_hu(tuple(grid.voxel_mm)), seed), grid


def _plateau_area(time_s: Array, until_s: float) -> Array:
    """Integral from entry to a time of a residue that is 1 until a time and then falls exponentially."""
    return np.minimum(time_s, until_s) + _FALL_S * -np.expm1(-np.maximum(time_s - until_s, 0) / _FALL_S)
