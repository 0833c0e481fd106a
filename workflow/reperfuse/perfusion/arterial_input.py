"""What an arterial curve is worth: its vein, its area, its quality and its warnings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import grey_opening, rank_filter

from reperfuse.faults import DataFault
from reperfuse.perfusion.bolus import Baseline
from reperfuse.perfusion.curves import Curves, Scan, measure_curve
from reperfuse.volumes.arrays import Array, Indices, Mask

#: Signal of a vein over S0 below which what else is in its voxels decides it: a tenth of tissue is often there.
_DARK_VEIN = 0.1


#: And before it is worth a warning.
_MUCH_LOST = 0.05


#: Least share of the arterial signal that comes from blood: below it, what is not blood decides the curve.
_LEAST_BLOOD = 0.1


#: Width of a large vein, mm.
_VEIN_MM = 4.0


@dataclass(frozen=True)
class ArterialInput:
    """Arterial input and venous output.

    Attributes
    ----------
    aif : (t,) array
        Arterial input, ΔR2*, s⁻¹; scaled to the venous area if that was asked for.
    vof : (t,) array
        Venous output, s⁻¹; NaN where no vein was found.
    aif_voxels, vof_voxels : (k, 3) array of int
        Voxels whose mean they are; none for a given curve.
    quality : dict of str to float
        See :func:`measure_curve`, for the arterial curve before it is scaled; ``n_voxels``, ``lead_s`` (rise
        before the brain's mean), ``vof_area`` and ``area_ratio``, venous over arterial area; ``blood_share``, the
        share of the arterial signal that comes from blood; ``SaturatedShare``, ``VenousSaturatedShare``
        and ``BrainSaturatedShare``, the share of the arterial voxels, the venous ones and the brain's whose signal, a
        little smoothed in time, falls below twice the noise in the first passage; a vein's also below a tenth of S0.
    warnings : tuple of str
        What a reader should know, a sentence each.
    score : float
        0 (not arterial) to 1: the worst of contrast to noise, lead, narrowness and smoothness.
    weakness : str
        Which of them that is: ``contrast``, ``lead``, ``width`` or ``smoothness``.
    """

    aif: Array
    vof: Array
    aif_voxels: Indices
    vof_voxels: Indices
    quality: dict[str, float]
    warnings: tuple[str, ...]
    score: float
    weakness: str


def aif_from_voxels(
    concentration: ArrayLike,
    voxels: ArrayLike,
    mask: ArrayLike,
    dt_s: float,
    baseline: Baseline,
    *,
    echo_time_s: float,
    noise: ArrayLike,
    voxel_size_mm: ArrayLike,
    scale_to_vof: bool = True,
    vof_voxels: int = 6,
) -> ArterialInput:
    """Take the arterial input from given voxels.

    Parameters
    ----------
    concentration : (x, y, z, t) array
        ΔR2*, s⁻¹.
    voxels : (x, y, z) array
        The arterial voxels.
    mask : (x, y, z) array
        The brain, of which the venous output is taken and with which the curve is compared.
    dt_s : float
        Frame spacing, s.
    baseline : Baseline
        Frames before the bolus.
    echo_time_s, noise, voxel_size_mm, scale_to_vof
        As for :func:`select_aif`.
    vof_voxels : int
        Voxels averaged for the venous output.

    Returns
    -------
    ArterialInput
        Curves, voxels and quality.

    Raises
    ------
    DataFault
        When no given voxel has a curve.
    """
    chosen = np.asarray(voxels, dtype=bool)
    scan = Scan(dt_s, baseline, echo_time_s, np.asarray(voxel_size_mm, dtype=float))
    brain = Curves.within(concentration, np.asarray(mask, dtype=bool) | chosen, noise, scan)
    taken = np.flatnonzero(chosen[tuple(brain.voxels.T)])
    if len(taken) == 0:
        raise DataFault("the given arterial voxels hold no valid curve")
    return describe(brain, brain.values[taken].mean(axis=0), taken, scale_to_vof, vof_voxels)


def aif_from_curve(
    curve: ArrayLike,
    concentration: ArrayLike,
    mask: ArrayLike,
    dt_s: float,
    baseline: Baseline,
    *,
    echo_time_s: float,
    noise: ArrayLike,
    voxel_size_mm: ArrayLike,
    vof_voxels: int = 6,
) -> ArterialInput:
    """Use a given curve as the arterial input, as it is.

    Parameters
    ----------
    curve : (t,) array
        ΔR2* on the frames of the series, s⁻¹.
    concentration, mask, dt_s, baseline, echo_time_s, noise, voxel_size_mm, vof_voxels
        As for :func:`aif_from_voxels`.

    Returns
    -------
    ArterialInput
        Curves and quality; no arterial voxels.

    Raises
    ------
    DataFault
        When the curve does not have a finite value for each frame.
    """
    given = np.asarray(curve, dtype=float)
    scan = Scan(dt_s, baseline, echo_time_s, np.asarray(voxel_size_mm, dtype=float))
    brain = Curves.within(concentration, mask, noise, scan)
    if given.shape != brain.values.shape[1:] or not np.isfinite(given).all():
        raise DataFault(
            f"the given arterial curve has {given.size} values, or some that are not finite; "
            f"the series has {brain.values.shape[1]} frames"
        )
    return describe(brain, given, np.empty(0, dtype=np.intp), False, vof_voxels)


def remove_tissue(
    signal: ArrayLike, tissue: ArrayLike, total: float, noise: float, echo_time_s: float
) -> tuple[Array, float]:
    """Arterial curve of larger area, without the signal of the tissue that shares the voxels.

    Signals add, not curves: S/S0 = f · exp(−TE · C) + (1 − f) · T, so that a curve of voxels with tissue is cut
    off at its peak, the more so the stronger the bolus, and no factor brings its shape back (Chen, Smith and
    Frayne 2005, doi:10.1002/jmri.20393). The share f of blood is the one at which C has the area asked for.

    Parameters
    ----------
    signal : (t,) array
        Mean signal of arterial voxels over the signal before the bolus.
    tissue : (t,) array
        The same of tissue, T.
    total : float
        Sum of the curve over all frames, s⁻¹; more than that of −ln(signal)/TE.
    noise : float
        Standard deviation of ``signal``; less of it cannot be told from no signal.
    echo_time_s : float
        Echo time TE, s.

    Returns
    -------
    curve : (t,) array
        C, s⁻¹. What no share of 0.1 or more explains of the area is made up for by a factor.
    share : float
        f.
    """
    mixed, rest = np.asarray(signal, dtype=float), np.asarray(tissue, dtype=float)
    shares = np.linspace(1, _LEAST_BLOOD, 901)[:, np.newaxis]
    blood = (mixed - (1 - shares) * rest) / shares
    curves = -np.log(np.maximum(blood, np.maximum(noise, 1e-6) / shares)) / echo_time_s
    areas = curves.sum(axis=1)
    enough = areas >= total
    best = int(enough.argmax()) if enough.any() else int(areas.argmax())
    return curves[best] * (total / areas[best]), float(shares[best, 0])


def _find_vein(brain: Curves, after_s: float, count: int) -> Indices:
    """Curves of the largest first-passage area that rise after the arterial input and pass again, in large veins.

    A sinus is wide in every direction, a vein of the cortex or of the fissure between the hemispheres is not: a
    candidate counts only in a block of candidates ``_VEIN_MM`` wide, and there for no more than the eighth largest
    area among its 26 neighbours and itself (the third largest of 9 in a single slice). Where a vein's signal is nearly
    gone, interpolation between frames of different poses can double the area of a single voxel; it does not lift eight
    together.
    """
    shape, mean = brain.shape, brain.mean_shape
    venous = (
        (shape.peak > 2 * mean.peak)
        & (shape.peak > 6 * brain.noise)
        & (brain.signal_noise < 3 * np.median(brain.signal_noise[brain.inside]))  # bone is dark
        & (shape.rise_s > after_s)
        & shape.has_passed
        & (shape.fwhm_s < 1.6 * mean.fwhm_s)
    )
    candidates = np.flatnonzero(venous)
    area, places = shape.area[candidates], tuple(brain.voxels[candidates].T)
    volume = np.zeros(brain.voxels.max(axis=0) + 2)  # the border holds no vein
    volume[places] = area
    block = tuple(np.ceil(_VEIN_MM / brain.scan.voxel_size_mm).astype(int))
    is_wide = grey_opening(volume, size=block, mode="constant")[places] > 0
    around = np.where(np.ptp(brain.voxels, axis=0) > 0, 3, 1)
    shared = rank_filter(volume, -round(0.3 * around.prod()), size=tuple(around), mode="constant")[places]
    order = np.lexsort((-area, -np.minimum(shared, area)))
    return candidates[order[is_wide[order]][:count]]


def _area_ratio(vof: Array, curve: Array, scan: Scan) -> float:
    """Venous over arterial area of the same part of the passage: veins see the end of a series later."""
    if np.isnan(vof).any():
        return float("nan")
    rises = [measure_curve(c, scan.dt_s, scan.baseline)["rise_s"] for c in (curve, vof)]
    late = int(np.clip(round((rises[1] - rises[0]) / scan.dt_s), 0, len(curve) - 1))
    return float(vof.sum() / curve[: len(curve) - late].sum())


def describe(brain: Curves, curve: Array, taken: Indices, scale_to_vof: bool, vof_count: int) -> ArterialInput:
    """Venous output, quality, warnings and score for an arterial curve."""
    curve, scan = np.asarray(curve, dtype=float), brain.scan
    quality = measure_curve(curve, scan.dt_s, scan.baseline)
    veins = _find_vein(brain, quality["rise_s"] + 1.0, vof_count)
    vof = brain.values[veins].mean(axis=0, dtype=float) if len(veins) else np.full(len(curve), np.nan)
    quality |= {
        "n_voxels": float(len(taken)),
        "lead_s": float(brain.mean_shape.rise_s[0]) - quality["rise_s"],
        "vof_area": float(vof.sum() * scan.dt_s),
        "area_ratio": _area_ratio(vof, curve, scan),
        "blood_share": 1.0,
        "SaturatedShare": _share(brain.saturated[taken]),
        "VenousSaturatedShare": _share(
            brain.saturated[veins] | (np.exp(-scan.echo_time_s * brain.shape.peak[veins]) < _DARK_VEIN)
        ),
        "BrainSaturatedShare": _share(brain.saturated[brain.inside]),
    }
    parts = {
        "contrast": quality["contrast"] / 20,
        "lead": quality["lead_s"] / 1.0,
        "width": 2 * (1 - quality["fwhm_s"] / float(brain.mean_shape.fwhm_s[0])) + 0.5,  # of endless curves: NaN
        "smoothness": 1.5 - 5 * quality["roughness"],
    }
    parts = {name: float(np.nan_to_num(part, nan=0.0)) for name, part in parts.items()}
    weakness = min(parts, key=lambda name: parts[name])
    if scale_to_vof and quality["area_ratio"] > 1:
        curve, quality["blood_share"] = remove_tissue(
            _mean_signal(brain, taken),
            np.exp(-scan.echo_time_s * brain.mean),
            quality["area_ratio"] * float(curve.sum()),
            float(brain.signal_noise[taken].mean() / np.sqrt(len(taken))),
            scan.echo_time_s,
        )
    return ArterialInput(
        curve,
        vof,
        brain.voxels[taken],
        brain.voxels[veins],
        quality,
        _warnings(quality),
        float(np.clip(parts[weakness], 0, 1)),
        weakness,
    )


def _mean_signal(brain: Curves, taken: Indices) -> Array:
    """Mean signal of voxels over S0, without what noise adds to a magnitude: S² is ν² + σ² near enough."""
    signal = np.exp(-brain.scan.echo_time_s * brain.values[taken].astype(float))
    variance = brain.signal_noise[taken, np.newaxis] ** 2
    return np.asarray(np.sqrt(np.maximum(signal**2 - variance, 0)).mean(axis=0))


def _share(saturated: Mask) -> float:
    return float(saturated.mean()) if len(saturated) else float("nan")


def _warnings(quality: dict[str, float]) -> tuple[str, ...]:
    """Say what a reader should know of voxels that are few, missing or saturated."""
    said = []
    if np.isnan(quality["area_ratio"]):
        said.append("no large vein in the slab: the area of the arterial input could not be checked")
    if 0 < quality["n_voxels"] < 4:
        said.append(f"the arterial input is the mean of {quality['n_voxels']:.0f} voxels only")
    if quality["SaturatedShare"] > 0:
        said.append(
            f"the signal falls to the noise in {quality['SaturatedShare']:.0%} of the arterial voxels: "
            "the peak of the arterial input is cut off, CBF may be too high"
        )
    if quality["VenousSaturatedShare"] > 0:
        said.append(
            f"hardly any signal is left in {quality['VenousSaturatedShare']:.0%} of the venous voxels: their area is "
            "too small, CBF and CBV may be two times too high (relative CBF and CBV are not affected)"
        )
    if quality["BrainSaturatedShare"] > _MUCH_LOST:
        said.append(
            f"the signal falls to the noise in {quality['BrainSaturatedShare']:.0%} of the brain: "
            "CBF and CBV are too low there"
        )
    return tuple(said)
