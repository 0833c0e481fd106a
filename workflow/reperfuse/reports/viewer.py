"""What the interactive viewer shows of a grid, packed for a browser: maps, masks at every threshold, and outlines.

A volume is turned as the figures are (`montage.radiological`), cropped, and stored as whole numbers: their lowest
bytes, then the next, deflated, in base64. 0 is a voxel without a value; code k stands for offset + step·(k − 1).
"""

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reperfuse.mismatch.stability import TABULATED
from reperfuse.reports.montage import CORE, DEFICIT, GROWN, IMPAIRED, LESION, PENUMBRA, crop, radiological
from reperfuse.reports.regions import Masks, Volume, grey_window
from reperfuse.serial.reflow import THRESHOLDS
from reperfuse.volumes.arrays import Array
from reperfuse.volumes.bits import bit_field

#: Steps between two values that a screen can show apart.
_DISPLAY_STEPS = 256


@dataclass(frozen=True)
class Kind:
    """How a map is shown: values are multiplied by ``factor`` into ``unit``, and told apart by ``step`` of that.

    ``window`` holds the values of the first and last colour; ``shown`` is the place a value is rounded to in words.
    """

    title: str
    unit: str
    window: tuple[float, float]
    colours: str
    step: float
    shown: float
    factor: float = 1.0


#: Maps with a unit, by the name of the input; all others are grey images, whose window is made of the brain's median.
KINDS = {
    "tmax": Kind("Tmax", "s", (0.0, 12.0), "viridis", 0.04, 0.1),
    "mtt": Kind("MTT", "s", (0.0, 15.0), "viridis", 0.05, 0.1),
    "rcbf": Kind("rCBF", "× normal", (0.0, 2.0), "cividis", 0.004, 0.01),
    "rcbv": Kind("rCBV", "× normal", (0.0, 2.0), "cividis", 0.004, 0.01),
    "cbf": Kind("CBF", "mL/100 g/min", (0.0, 100.0), "cividis", 0.35, 1.0),
    "cbv": Kind("CBV", "mL/100 g", (0.0, 8.0), "cividis", 0.025, 0.1),
    "att": Kind("Transit time", "s", (0.0, 4.0), "viridis", 0.015, 0.1),
    "asymmetry": Kind("Asymmetry of rCBV", "%", (-50.0, 50.0), "RdBu", 0.25, 1.0, 100.0),
    "adc": Kind("ADC", "×10⁻⁶ mm²/s", (0.0, 2000.0), "gray", 5.0, 10.0, 1e6),
}


#: Maps that are a multiple of another, and share its numbers where they are.
_RELATIVE = {"cbf": "rcbf", "cbv": "rcbv"}


_IMAGES = {"reference": "Perfusion reference", "trace": "Trace", "flair": "FLAIR"}


#: Turns and crops a volume.
View = Callable[[Volume], Volume]


@dataclass(frozen=True)
class Sweep:
    """How masks at several thresholds are named (a threshold in place of ``{}``), tinted, and marked on the slider."""

    says: str
    unit: str
    colour: str
    marks: tuple[float, ...]
    factor: float = 1.0


#: By the map that is thresholded.
SWEEPS = {
    "tmax": Sweep("Tmax > {} s", "s", GROWN, TABULATED["tmax"]),
    "rcbf": Sweep("rCBF < {} % where Tmax > 6 s", "%", GROWN, TABULATED["rcbf"], 100.0),
    "adc": Sweep("ADC < {} ×10⁻⁶ mm²/s", "×10⁻⁶ mm²/s", CORE, TABULATED["adc"], 1e6),
    "asymmetry": Sweep("More than {} % below the mirror image, in the lesion", "%", IMPAIRED, THRESHOLDS, 100.0),
}


#: Name and colour of what is outlined, in the order of the bits.
REGIONS = {
    "tmax6": ("Tmax > 6 s", DEFICIT),
    "lowflow40": ("CBF < 40 % of the other side (ASL)", DEFICIT),
    "penumbra": ("Penumbra", PENUMBRA),
    "core": ("Core", CORE),
    "late_lesion": ("Diffusion lesion", CORE),
    "reflow_lesion": ("Lesion", LESION),
    "lesion": ("Follow-up lesion", LESION),
    "imr": ("Impaired reflow (IMR)", IMPAIRED),
}


@dataclass(frozen=True)
class Swept:
    """Masks at several thresholds as bits, (x, y, z), and the threshold that the study's tables lead with."""

    bits: NDArray[np.uint32]
    thresholds: tuple[float, ...]
    own: float


@dataclass(frozen=True)
class Grid:
    """What is shown of a session on one grid; every volume is (x, y, z), with ``affine`` to the world (RAS+, mm).

    ``head`` takes a point of the world to where it lies in the head, mm, as the grids aligned with this one have it.
    """

    title: str
    affine: NDArray[np.float64]
    brain: NDArray[np.bool_]
    maps: Mapping[str, Volume]
    sweeps: Mapping[str, Swept]
    regions: Masks
    head: Array


def pack_grid(grid: Grid) -> dict[str, Any]:
    """Return what a browser needs to show a grid, as JSON.

    Parameters
    ----------
    grid : Grid

    Returns
    -------
    dict
        ``toHead`` and ``fromHead`` go between the index (slice, row, column) and a point in the head, mm.
    """
    seen = np.logical_or.reduce([grid.brain, *(one.bits > 0 for one in grid.sweeps.values()), *grid.regions.values()])
    stack, turned = radiological(seen if seen.any() else ~seen, grid.affine)
    slices = np.flatnonzero(stack.any(axis=(1, 2)))
    box = (slice(int(slices[0]), int(slices[-1]) + 1), *crop(stack))
    turned = turned.copy()
    turned[:3, 3] += turned[:3, :3] @ [part.start for part in box]

    def view(volume: Volume) -> Volume:
        return radiological(volume, grid.affine)[0][box]

    shape = view(grid.brain).shape
    to_head = grid.head @ turned
    middle = np.c_[np.arange(shape[0]), np.full((shape[0], 2), (np.array(shape[1:]) - 1) / 2)]
    regions = {name: view(grid.regions[name]) for name in REGIONS if name in grid.regions}
    packed: dict[str, Any] = {
        "title": grid.title,
        "shape": list(shape),
        "spacing": np.linalg.norm(turned[:3, :3], axis=0).tolist(),
        "voxelMm3": float(abs(np.linalg.det(grid.affine[:3, :3]))),
        "heights": (middle @ turned[2, :3] + turned[2, 3]).round(1).tolist(),
        "toHead": to_head[:3].tolist(),
        "fromHead": np.linalg.inv(to_head)[:3].tolist(),
        "start": _start(view(grid.brain), *regions.values()),
        "maps": _pack_maps(grid, view),
        "sweeps": [_pack_sweep(name, swept, view) for name, swept in grid.sweeps.items()],
    }
    if regions:
        named = [dict(zip(("title", "colour"), REGIONS[name], strict=True)) for name in regions]
        packed["regions"] = {"named": named, "data": pack(bit_field(list(regions.values())))}
    return packed


def pack(codes: NDArray[Any]) -> str:
    """Return whole numbers below 2**32 as text: byte by byte from the lowest, as many as are used."""
    planes = np.ascontiguousarray(codes, "<u4").reshape(-1, 1).view(np.uint8).T
    used = max((place + 1 for place in range(4) if planes[place].any()), default=1)
    return base64.b64encode(zlib.compress(planes[:used].tobytes(), 6)).decode("ascii")


def colour_table(name: str) -> str:
    """Return 256 colours of a Matplotlib colour map as red, green, blue, in base64."""
    from matplotlib import colormaps

    colours = colormaps[name](np.arange(256), bytes=True)[:, :3]
    return base64.b64encode(colours.tobytes()).decode("ascii")


def _pack_maps(grid: Grid, view: View) -> list[dict[str, Any]]:
    packed: dict[str, dict[str, Any]] = {}
    for name, values in grid.maps.items():
        kind = KINDS.get(name) or _grey(name, values, grid.brain)
        shown = np.where(grid.brain, values * kind.factor, np.nan) if name in KINDS else values
        relative = packed.get(_RELATIVE.get(name, ""), {})
        scale = _scale(values, grid.maps[relative["name"]], grid.brain) if relative else np.inf
        if scale * relative.get("step", 1.0) <= kind.step:
            stored = {"step": scale * relative["step"], "offset": scale * relative["offset"], "like": relative["name"]}
        else:
            offset, codes = _whole(view(shown), kind.step)
            stored = {"step": kind.step, "offset": offset, "data": pack(codes)}
        packed[name] = stored | {
            "name": name,
            "title": kind.title,
            "unit": kind.unit,
            "window": list(kind.window),
            "colours": kind.colours,
            "shown": kind.shown,
        }
    return list(packed.values())


def _scale(values: Volume, relative: Volume, brain: Volume) -> float:
    """Return by what one map is another's multiple in the brain; infinity if it is not."""
    known = brain & np.isfinite(values) & np.isfinite(relative) & (relative != 0)
    scale = float(np.median(values[known] / relative[known])) if known.any() else np.inf
    is_multiple = np.allclose(values[brain], scale * relative[brain], rtol=1e-4, atol=1e-6, equal_nan=True)
    return scale if is_multiple else np.inf


def _whole(values: Volume, step: float) -> tuple[float, NDArray[np.uint32]]:
    """Return values as an offset and whole steps from it, 1 and up; 0 where there is no value."""
    known = np.isfinite(values)
    codes = np.zeros(values.shape, np.uint32)
    there = values[known].astype(float)
    offset = float(step * np.floor(there.min(initial=0.0) / step))
    codes[known] = np.minimum(np.rint((there - offset) / step) + 1, 2**32 - 1)
    return offset, codes


def _grey(name: str, image: Volume, brain: Volume) -> Kind:
    low, high = grey_window(image, brain)
    step = (high - low) / _DISPLAY_STEPS
    return Kind(_IMAGES[name], "", (low, high), "gray", step, float(10.0 ** np.ceil(np.log10(step))))


def _pack_sweep(name: str, swept: Swept, view: View) -> dict[str, Any]:
    about = SWEEPS[name]
    return {
        "name": name,
        "says": about.says,
        "unit": about.unit,
        "colour": about.colour,
        "thresholds": [f"{limit * about.factor:.6g}" for limit in swept.thresholds],
        "marks": [place for place, limit in enumerate(swept.thresholds) if limit in about.marks],
        "own": swept.thresholds.index(swept.own),
        "data": pack(view(swept.bits)),
    }


def _start(brain: Volume, *regions: Volume) -> list[int]:
    """Return the slice, row and column in the middle of what is outlined where there is most of it, or of the brain."""
    marked = np.logical_or.reduce([*regions, np.zeros_like(brain)])
    there = next(mask for mask in (marked, brain, ~brain) if mask.any())
    number = int(there.sum(axis=(1, 2)).argmax())
    return [number, *np.argwhere(there[number]).mean(axis=0).round().astype(int).tolist()]


__all__ = ["KINDS", "REGIONS", "SWEEPS", "Grid", "Kind", "Sweep", "Swept", "colour_table", "pack", "pack_grid"]
