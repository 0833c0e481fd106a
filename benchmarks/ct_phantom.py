"""CT perfusion against published digital phantoms, through the workflow's own smoothing and deconvolution.

    python benchmarks/ct_phantom.py

Tiles as in Kudo et al. 2013 (CBV 1–5 mL/100 g, MTT 3.4–24 s, delay 0–3 s, three residue functions, 60 s every second)
and the six tissue classes of Manhart's phantom (49 s every second). A piece is 32 × 32 mm in a slice of 5 mm, at rest;
the arterial input is exact. Of a piece, the mean CBF and CBV and the median MTT over its voxels are compared with the
truth. Noise is that of 80 kVp in voxels of 2 × 2 × 5 mm, correlated within the slice, at three doses a frame; 400 mAs
in 5 mm are as 200 mAs in 10 mm. "Alike" are the workflow's means over neighbours with like curves; the pieces are too
far apart to be neighbours of each other. One row is the mean curve of each piece: no smoothing within it can remove
more noise.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from reperfuse.perfusion.deconvolution import PerfusionMaps, deconvolve
from reperfuse.simulation.ct import CtProtocol
from reperfuse.simulation.hemodynamics import Residue
from reperfuse.simulation.phantoms import Phantom, kudo_tiles, manhart_classes, record
from reperfuse.volumes.likeness import alike_means
from reperfuse.volumes.smoothing import smooth_inside

Array = NDArray[np.floating]
SHAPES: tuple[Residue, ...] = ("exponential", "linear", "box")
BASELINE_FRAMES = 8
WHOLE, ALIKE = np.inf, -1.0  # full widths that stand for the mean of a piece, and for means of alike neighbours
FAR_MM = 1000.0  # between the pieces
CONDITIONS = (
    ("no noise", 0.0, 0.0),
    ("200 mAs, 4 mm", 200.0, 4.0),
    ("200 mAs, 8 mm", 200.0, 8.0),
    ("400 mAs, 4 mm", 400.0, 4.0),
    ("400 mAs, 8 mm", 400.0, 8.0),
    ("100 mAs, 4 mm", 100.0, 4.0),
    ("50 mAs, 4 mm", 50.0, 4.0),
    ("200 mAs, whole piece", 200.0, WHOLE),
    ("200 mAs, alike", 200.0, ALIKE),
    ("50 mAs, alike", 50.0, ALIKE),
)


def enhancement(phantom: Phantom, mas: float, fwhm_mm: float, seed: int) -> Array:
    """Return the smoothed enhancement of a recorded phantom, (voxels of a piece, n, t), HU."""
    series, grid = record(phantom, CtProtocol(mas=mas), seed, side=16 if mas else 1)
    rise = series - series[..., :BASELINE_FRAMES].mean(axis=-1, keepdims=True)
    if fwhm_mm == WHOLE:
        return rise.mean(axis=(0, 1))[None]
    if fwhm_mm == ALIKE:
        curves = alike_means(rise, np.ones(rise.shape[:3], dtype=bool), (*grid.voxel_mm[:2], FAR_MM))
        return curves.reshape(-1, *rise.shape[2:])
    alone = np.ones((*rise.shape[:2], 1), dtype=bool)
    pieces = [smooth_inside(rise[:, :, [n]], alone, grid.voxel_mm, fwhm_mm) for n in range(rise.shape[2])]
    return np.concatenate(pieces, axis=2).reshape(-1, *rise.shape[2:])


def measure(phantom: Phantom, mas: float, fwhm_mm: float, seed: int = 3, **options: float) -> dict[str, Array]:
    """Return the CBF, CBV, MTT and Tmax of each piece."""
    curves = enhancement(phantom, mas, fwhm_mm, seed)
    maps: PerfusionMaps = deconvolve(curves.reshape(-1, curves.shape[-1]), phantom.arterial, 1.0, **options)
    middle: dict[str, Callable[..., Array]] = {"cbf": np.nanmean, "cbv": np.nanmean, "mtt": np.nanmedian}
    middle["tmax"] = np.nanmedian
    return {name: take(getattr(maps, name).reshape(len(curves), -1), axis=0) for name, take in middle.items()}


def agreement(found: Array, true: Array) -> tuple[float, float]:
    """Return Pearson's r with the truth, and the mean ratio to it."""
    return float(np.corrcoef(found, true)[0, 1]), float(np.mean(found / true))


def main() -> None:
    print("Tiles: r over all (each residue function alone; mean ratio to the truth)\n")
    print("| noise and smoothing | CBF | CBV | MTT |\n|---|---|---|---|")
    phantoms = [kudo_tiles(shape) for shape in SHAPES]
    for title, mas, fwhm_mm in CONDITIONS:
        found = [measure(phantom, mas, fwhm_mm, seed) for seed, phantom in enumerate(phantoms)]
        cells = []
        for name in ("cbf", "cbv", "mtt"):
            pairs = [(one[name], getattr(phantom, name)) for one, phantom in zip(found, phantoms, strict=True)]
            r, ratio = agreement(*(np.concatenate(values) for values in zip(*pairs, strict=True)))
            alone = ", ".join(f"{agreement(*pair)[0]:.3f}" for pair in pairs)
            cells.append(f"{r:.3f} ({alone}; {ratio:.2f})")
        print(f"| {title} | {' | '.join(cells)} |")
    phantom = manhart_classes()
    names = np.array(phantom.names)
    for title, mas, fwhm_mm in (CONDITIONS[0], CONDITIONS[1], CONDITIONS[-2]):
        maps = measure(phantom, mas, fwhm_mm, haematocrit_factor=1.0, density_g_ml=1.0)
        print(f"\nTissue classes, {title}: true, measured (bias)\n\n| class | CBF | CBV | MTT |\n|---|---|---|---|")
        for name in dict.fromkeys(phantom.names):
            cells = []
            for quantity in ("cbf", "cbv", "mtt"):
                true, got = (np.mean(values[names == name]) for values in (getattr(phantom, quantity), maps[quantity]))
                cells.append(f"{true:.3g}, {got:.3g} ({100 * (got / true - 1):+.0f} %)")
            print(f"| {name} | {' | '.join(cells)} |")
        cells = [f"{agreement(maps[name], getattr(phantom, name))[0]:.3f}" for name in ("cbf", "cbv", "mtt")]
        print(f"| r over all | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
