"""What an arterial curve is worth: its vein, its area, its quality and its warnings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from reperfuse.faults import DataFault
from reperfuse.perfusion.bolus import Baseline
from reperfuse.perfusion.curves import Curves, Scan, measure_curve
from reperfuse.perfusion.deconvolution import DENSITY_G_ML, HAEMATOCRIT_FACTOR
from reperfuse.perfusion.partial_volume import DARK, remove_tissue, remove_tissue_hu
from reperfuse.perfusion.veins import find_veins, venous_output
from reperfuse.volumes.arrays import Array, Indices, Mask

#: And before it is worth a warning.
_MUCH_LOST = 0.05


#: Blood in the brain beyond which the arterial input must be too small, mL/100 g: grey matter alone holds 5.2 ± 1.4,
#: white matter half of that (Leenders et al. 1990, doi:10.1093/brain/113.1.27).
_MOST_BLOOD = 7.0


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
        Voxels whose mean they are, but for what :mod:`reperfuse.perfusion.partial_volume` does; none for a given curve.
    quality : dict of str to float
        See :func:`measure_curve`, for the arterial curve before it is scaled; ``n_voxels``, ``lead_s`` (rise
        before the brain's mean), ``vof_area`` and ``area_ratio``, venous over arterial area; ``blood_share``,
        the share of the arterial signal that comes from blood; ``restored``, 1 where the venous area is fitted, see
        :func:`reperfuse.perfusion.veins.venous_output`; ``brain_cbv``, blood volume of tissue, mL/100 g;
        ``SaturatedShare``, ``VenousSaturatedShare`` and ``BrainSaturatedShare``, the share of the arterial voxels, the
        venous ones and the brain's whose signal, a little smoothed in time, falls below twice the noise in the first
        passage; a vein's also below a tenth of S0.
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
    echo_time_s: float | None,
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
        raise DataFault("the given arterial voxels hold no valid curve; mark other voxels in the mask")
    return describe(brain, brain.values[taken].mean(axis=0), taken, scale_to_vof, vof_voxels)


def aif_from_curve(
    curve: ArrayLike,
    concentration: ArrayLike,
    mask: ArrayLike,
    dt_s: float,
    baseline: Baseline,
    *,
    echo_time_s: float | None,
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
            f"the given arterial curve has {given.size} values, or some that are not finite, and the series has "
            f"{brain.values.shape[1]} frames; give one value for each frame"
        )
    return describe(brain, given, np.empty(0, dtype=np.intp), False, vof_voxels)


def _area_ratio(vof: Array, curve: Array, scan: Scan) -> float:
    """Venous over arterial area of the same part of the passage: veins see the end of a series later."""
    if np.isnan(vof).any():
        return float("nan")
    rises = [measure_curve(c, scan.dt_s, scan.baseline)["rise_s"] for c in (curve, vof)]
    late = int(np.clip(round((rises[1] - rises[0]) / scan.dt_s), 0, len(curve) - 1))
    return float(vof.sum() / curve[: len(curve) - late].sum())


def describe(brain: Curves, curve: Array, taken: Indices, scale_to_vof: bool, vof_count: int) -> ArterialInput:
    """Venous output, quality, warnings and score for an arterial curve."""
    curve, scan = np.array(curve, dtype=float), brain.scan
    quality = measure_curve(curve, scan.dt_s, scan.baseline)
    veins, venous = find_veins(brain, quality["rise_s"] + 1.0, vof_count)
    measured, vof = venous_output(brain, veins, venous)
    is_restored = vof is not measured
    # its area belongs to the arterial input, but the shape of that is what the veins show by themselves
    seen = _area_ratio(measured, curve, scan)
    is_dark = brain.saturated | (scan.signal_left(brain.shape.peak) < DARK)
    quality |= {
        "n_voxels": float(len(taken)),
        "lead_s": float(brain.mean_shape.rise_s[0]) - quality["rise_s"],
        "vof_area": float(vof.sum() * scan.dt_s),
        "area_ratio": _area_ratio(vof, curve, scan),
        "blood_share": 1.0,
        "SaturatedShare": _share(brain.saturated[taken]),
        "VenousSaturatedShare": _share(is_dark[veins]),
        "BrainSaturatedShare": _share(brain.saturated[brain.inside]),
    }
    score, weakness = _score(quality, float(brain.mean_shape.fwhm_s[0]))
    if scale_to_vof and seen > 1:
        curve[brain.steady], quality["blood_share"] = _without_tissue(brain, taken, seen * curve[brain.steady].sum())
    if scale_to_vof and is_restored:
        curve *= max(quality["area_ratio"] / (seen if seen > 1 else 1), 1)
    quality["restored"] = float(is_restored)
    quality["brain_cbv"] = _blood_volume(brain.typical[brain.steady], curve[brain.steady])
    voxels, vein_voxels = brain.voxels[taken], brain.voxels[veins]
    return ArterialInput(curve, vof, voxels, vein_voxels, quality, _warnings(quality), score, weakness)


def _without_tissue(brain: Curves, taken: Indices, total: float) -> tuple[Array, float]:
    """Arterial curve of a given sum (s⁻¹ or HU) without the tissue in its voxels, and its share of blood."""
    scan = brain.scan
    if scan.echo_time_s is None:
        return remove_tissue_hu(brain.values[taken].mean(axis=0)[brain.steady], brain.mean[brain.steady], total)
    signal = brain.signals(taken).mean(axis=0)
    noise = float(brain.signal_noise[taken].mean() / np.sqrt(len(taken)))
    tissue = np.exp(-scan.echo_time_s * brain.mean[brain.steady])
    return remove_tissue(signal, tissue, total, noise, scan.echo_time_s)


def _score(quality: dict[str, float], brain_fwhm_s: float) -> tuple[float, str]:
    """Score of an arterial curve, 0 to 1, and what it is low for."""
    parts = {
        "contrast": quality["contrast"] / 20,
        "lead": quality["lead_s"] / 1.0,
        "width": 2 * (1 - quality["fwhm_s"] / brain_fwhm_s) + 0.5,  # of endless curves: NaN
        "smoothness": 1.5 - 5 * quality["roughness"],
    }
    parts = {name: float(np.nan_to_num(part, nan=0.0)) for name, part in parts.items()}
    weakness = min(parts, key=lambda name: parts[name])
    return float(np.clip(parts[weakness], 0, 1)), weakness


def _blood_volume(tissue: Array, arterial: Array) -> float:
    """Blood volume of tissue, mL/100 g."""
    area = float(arterial.sum())
    return 100 * HAEMATOCRIT_FACTOR / DENSITY_G_ML * float(tissue.sum()) / area if area > 0 else float("nan")


def _share(saturated: Mask) -> float:
    return float(saturated.mean()) if len(saturated) else float("nan")


def _warnings(quality: dict[str, float]) -> tuple[str, ...]:
    """Say what a reader should know of voxels that are few, missing or saturated."""
    said = []
    if np.isnan(quality["area_ratio"]):
        said.append("no large vein in the slab, so the area of the arterial input could not be checked")
    if 0 < quality["n_voxels"] < 4:
        said.append(f"the arterial input is the mean of only {quality['n_voxels']:.0f} voxels")
    if quality["SaturatedShare"] > 0:
        said.append(
            f"the signal falls to the noise in {quality['SaturatedShare']:.0%} of the arterial voxels: "
            "the peak of the arterial input is cut off, and CBF may be too high"
        )
    if quality["restored"]:
        said.append(
            "hardly any signal is left in large veins, so their area is fitted; if the head moved, CBF and CBV may be "
            "a third too low or half too high (relative maps are not affected)"
        )
    elif quality["VenousSaturatedShare"] > 0:
        said.append(
            f"hardly any signal is left in {quality['VenousSaturatedShare']:.0%} of the venous voxels, so their area "
            "may be too small; CBF and CBV may be up to two times too high (relative maps are not affected)"
        )
    if quality["brain_cbv"] > _MOST_BLOOD:
        said.append(
            f"CBV of the brain is {quality['brain_cbv']:.0f} mL/100 g, which no brain has, so the area of the arterial "
            "input is too small; do not use absolute CBF and CBV (relative maps are not affected)"
        )
    if quality["BrainSaturatedShare"] > _MUCH_LOST:
        said.append(
            f"the signal falls to the noise in {quality['BrainSaturatedShare']:.0%} of the brain: "
            "CBF and CBV are too low there"
        )
    return tuple(said)
