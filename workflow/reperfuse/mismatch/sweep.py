"""How volumes hang on the threshold: the deficit by Tmax, delay, relative CBF and relative MTT."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from reperfuse.mismatch.stability import thresholds
from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.image import volume_ml

#: From a map to what finds its cleaned mask above any threshold (`reperfuse.perfusion.hypoperfusion`).
Finder = Callable[[Array], Callable[[float], Mask]]


@dataclass(frozen=True)
class Sweep:
    """A deficit at every threshold.

    Attributes
    ----------
    curves : dict
        [threshold, mL] for ``tmax``, ``delay``, ``coreg_tmax``, ``rcbf`` and ``rmtt``, as far as they are known.
    masks : dict
        (x, y, z) bool array by threshold, for ``tmax`` and, where it is known, ``rcbf``.
    """

    curves: dict[str, list[list[float]]]
    masks: dict[str, dict[float, Mask]]


#: A long MTT counts where Tmax is later than normal tissue's by this, s.
LATE_S = 2.0


def normal_tmax_s(tmax: Array, brain: Mask, deficit: Mask) -> float:
    """Return the median Tmax outside the deficit, s: deconvolution gives normal tissue a Tmax of its own, near 3 s."""
    return float(np.nanmedian(tmax[brain & ~deficit]))


def sweep_perfusion(
    tmax: Array,
    brain: Mask,
    deficit: Mask,
    affine: Array,
    finder: Finder,
    half_widths: Mapping[str, float],
    *,
    relative: tuple[Array, Array] | None = None,
    core: Mask | None = None,
) -> Sweep:
    """Measure the volumes of a deficit at every threshold in use and around it.

    Delay is Tmax less `normal_tmax_s`: the earliest trials counted from normal tissue. Low CBF counts inside
    Tmax > 6 s only, since fluid and noise lie below as well. Relative MTT is relative CBV over relative CBF: MTT
    over normal tissue's, by the central volume theorem.

    Parameters
    ----------
    tmax : (x, y, z) array
        s.
    brain, deficit : (x, y, z) bool array
        The brain, and tissue with Tmax above 6 s.
    affine : (4, 4) array
        Voxel index to world (mm).
    finder : callable
    half_widths : mapping of str to float
        How far the thresholds of ``tmax``, ``delay`` (s), ``rcbf`` and ``rmtt`` are moved either way.
    relative : (x, y, z) arrays, optional
        Relative CBF and CBV; without them neither CBF nor MTT is swept.
    core : (x, y, z) bool array, optional
        For the mismatch outside it.

    Returns
    -------
    Sweep
    """

    def swept(name: str, find: Callable[[float], Mask]) -> dict[float, Mask]:
        return {limit: find(limit) for limit in thresholds(name, half_widths[name])}

    def curve(found: Mapping[float, Mask]) -> list[list[float]]:
        return [[limit, volume_ml(mask, affine)] for limit, mask in found.items()]

    find, normal_s = finder(tmax), normal_tmax_s(tmax, brain, deficit)
    masks = {"tmax": swept("tmax", find)}
    later = swept("delay", lambda limit: find(normal_s + limit))
    curves = {"tmax": curve(masks["tmax"]), "delay": curve(later)}
    if core is not None:
        curves["coreg_tmax"] = curve({limit: mask & ~core for limit, mask in masks["tmax"].items()})
    if relative is not None:
        flow, volume = relative
        with np.errstate(divide="ignore", invalid="ignore"):
            transit = np.where(flow > 0, volume / flow, np.nan)
            masks["rcbf"] = swept("rcbf", lambda limit: (flow < limit) & deficit)
        late, find_slow = find(normal_s + LATE_S), finder(transit)
        curves["rcbf"] = curve(masks["rcbf"])
        curves["rmtt"] = curve(swept("rmtt", lambda limit: find_slow(limit) & late))
    return Sweep(curves, masks)
