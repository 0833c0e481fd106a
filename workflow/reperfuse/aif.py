"""Arterial input and venous output of the brain.

Arteries are high, narrow and early. Height and width of a curve are compared with the mean curve of the
brain, and time is the moment at which a curve rises through half its peak: where half a voxel is brain and
half is artery, the height is lost, the rise is not.

A voxel is saturated where the logarithm of its signal says nothing any more: below twice the noise. At a true
signal ν and noise σ in both channels the mean of ln S is ln ν + E₁(ν²/2σ²)/2 (Gudbjartsson and Patz 1995,
doi:10.1002/mrm.1910340618, for the distribution): too high by 0.02 at ν = 2σ and by 0.28 at σ, and noise alone
lies at 1.06 σ.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import convolve1d, distance_transform_edt, grey_opening, rank_filter

from reperfuse.concentration import Baseline, first_passage_end
from reperfuse.faults import DataFault

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]

#: Arterial voxels without which there is no artery: one among thousands is chance.
_FEWEST = 2
#: What a curve does that is not arterial, by what its score is low for.
_WEAKNESSES = {
    "contrast": "hardly stand out of the noise",
    "lead": "rise too late",
    "width": "are too wide",
    "smoothness": "are too rough",
}
#: Signal, in standard deviations of the noise, below which a voxel is saturated.
_FLOOR = 2.0
#: Signal of a vein over S0 below which what else is in its voxels decides it: a tenth of tissue is often there.
_DARK_VEIN = 0.1
#: Share of the brain that may be saturated before perfusion is not known.
_MOST_LOST = 0.5
#: And before it is worth a warning.
_MUCH_LOST = 0.05
#: Least share of the arterial signal that comes from blood: below it, what is not blood decides the curve.
_LEAST_BLOOD = 0.1
#: Width of a large vein, mm.
_VEIN_MM = 4.0
#: How far from the brain mask, which may leave the sinuses out, veins are sought, mm.
_VEIN_REACH_MM = 6.0


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

    aif: FloatArray
    vof: FloatArray
    aif_voxels: IndexArray
    vof_voxels: IndexArray
    quality: dict[str, float]
    warnings: tuple[str, ...]
    score: float
    weakness: str


def select_aif(
    concentration: ArrayLike,
    mask: ArrayLike,
    dt_s: float,
    baseline: Baseline,
    *,
    echo_time_s: float,
    noise: ArrayLike,
    voxel_size_mm: ArrayLike,
    search: ArrayLike | None = None,
    scale_to_vof: bool = True,
    volume_ml: float = 0.25,
    min_voxels: int = 4,
    max_voxels: int = 6,
    min_height: float = 2.5,
    min_lead_s: float = 0.5,
    max_width: float = 1.0,
    min_excess: float = 3.0,
    min_score: float = 0.2,
) -> ArterialInput:
    """Take the arterial input from the voxels whose curves are highest, narrowest and earliest.

    Voxels that are ``min_height`` times as high as the mean curve of the brain, narrower, earlier, and not
    among the roughest are ranked by height / width × lead, and the first of them averaged; saturated ones only
    where there are too few others. Mouridsen et al. 2006 (doi:10.1002/mrm.20759) seek the same curves by clustering.

    Parameters
    ----------
    concentration : (x, y, z, t) array
        ΔR2*, s⁻¹, not smoothed in space.
    mask : (x, y, z) array
        The brain.
    dt_s : float
        Frame spacing, s.
    baseline : Baseline
        Frames before the bolus.
    echo_time_s : float
        Echo time, s.
    noise : (x, y, z) array
        Standard deviation of a voxel's noise over its signal before the bolus, see
        :func:`reperfuse.concentration.relative_noise`.
    voxel_size_mm : (3,) array
        Voxel size, mm.
    search : (x, y, z) array, optional
        Where arteries are taken if there are any, the hemisphere away from the lesion; without any there, and by
        default, they are taken from the whole brain.
    scale_to_vof : bool
        Give the arterial input the area of the venous output if that is larger (partial volume), see
        :func:`remove_tissue`.
    volume_ml : float
        Volume of the voxels averaged, mL, within ``min_voxels`` and ``max_voxels``.
    min_voxels, max_voxels : int
        Fewest and most voxels averaged; fewer if there are no more.
    min_height : float
        Least peak over that of the brain's mean curve, by which it must be exceeded beyond doubt.
    min_lead_s : float
        Least time by which an artery rises before the brain's mean, s.
    max_width : float
        Largest FWHM over that of the brain's mean curve.
    min_excess : float
        Least excess of the peak over ``min_height``, in standard deviations of the voxel's baseline: of tens
        of thousands of voxels, some look arterial by chance.
    min_score : float
        Least score of an arterial input that is used at all.

    Returns
    -------
    ArterialInput
        Curves, voxels and quality.

    Raises
    ------
    DataFault
        When no curve looks arterial, those that do score too low, or half the brain is saturated.
    """
    scan = _Scan(dt_s, baseline, echo_time_s, np.asarray(voxel_size_mm, dtype=float))
    brain = _Curves.within(concentration, mask, noise, scan)
    shape, mean = brain.shape, brain.mean_shape
    lead = mean.rise_s - shape.rise_s
    # half blood, half tissue: however strong the bolus, its signal falls to half that of the tissue
    height = np.minimum(min_height * mean.peak, mean.peak + np.log(2) / echo_time_s)
    arterial = (
        brain.inside
        & (shape.peak > height + min_excess * brain.noise)
        & (lead > min_lead_s)
        & (shape.fwhm_s < max_width * mean.fwhm_s)
        & (shape.rise_s >= (baseline.arrival - 1) * dt_s)
        & shape.has_passed
    )
    if arterial.sum() < _FEWEST:
        raise DataFault("no artery in the field of view: no curve is high, narrow and early enough")
    elsewhere: tuple[str, ...] = ()
    if search is not None:
        preferred = arterial & np.asarray(search, dtype=bool)[tuple(brain.voxels.T)]
        if preferred.sum() >= _FEWEST:
            arterial = preferred
        else:
            elsewhere = ("no artery was found on the side away from the lesion; those of both sides were used",)
    clear = arterial & ~brain.saturated
    candidates = np.flatnonzero(clear if clear.sum() >= min_voxels else arterial)
    if len(candidates) > 2 * max_voxels:  # leave out the roughest quarter where there are enough
        rough = shape.roughness[candidates]
        candidates = candidates[rough <= np.quantile(rough, 0.75)]
    merit = shape.peak[candidates] / shape.fwhm_s[candidates] * lead[candidates]
    voxel_ml = float(scan.voxel_size_mm.prod()) / 1000
    count = int(np.clip(round(volume_ml / voxel_ml), min_voxels, max_voxels))
    order = np.argsort(-merit, kind="stable")[:count]
    taken = candidates[order]
    found = _describe(brain, brain.values[taken].mean(axis=0), taken, scale_to_vof, max_voxels)
    if found.score < min_score:
        raise DataFault(
            f"no usable arterial input: the best candidates {_WEAKNESSES[found.weakness]} "
            f"(score {found.score:.2f}, at least {min_score:.2f} needed)"
        )
    return replace(found, warnings=(*found.warnings, *elsewhere))


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
    scan = _Scan(dt_s, baseline, echo_time_s, np.asarray(voxel_size_mm, dtype=float))
    brain = _Curves.within(concentration, np.asarray(mask, dtype=bool) | chosen, noise, scan)
    taken = np.flatnonzero(chosen[tuple(brain.voxels.T)])
    if len(taken) == 0:
        raise DataFault("the given arterial voxels hold no valid curve")
    return _describe(brain, brain.values[taken].mean(axis=0), taken, scale_to_vof, vof_voxels)


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
    scan = _Scan(dt_s, baseline, echo_time_s, np.asarray(voxel_size_mm, dtype=float))
    brain = _Curves.within(concentration, mask, noise, scan)
    if given.shape != brain.values.shape[1:] or not np.isfinite(given).all():
        raise DataFault(
            f"the given arterial curve has {given.size} values, or some that are not finite; "
            f"the series has {brain.values.shape[1]} frames"
        )
    return _describe(brain, given, np.empty(0, dtype=np.intp), False, vof_voxels)


def measure_curve(curve: ArrayLike, dt_s: float, baseline: Baseline) -> dict[str, float]:
    """Quality of an arterial curve.

    Parameters
    ----------
    curve : (t,) array
        ΔR2*, s⁻¹.
    dt_s : float
        Frame spacing, s.
    baseline : Baseline
        Frames before the bolus.

    Returns
    -------
    dict of str to float
        ``peak`` (s⁻¹), ``fwhm_s``, ``rise_s`` (through half the peak) and ``arrival_s`` (where the slope at
        that moment, continued down, meets the baseline) after the first frame, ``area`` of the whole curve,
        ``roughness`` (residual of smoothing over the peak) and ``contrast`` (peak over baseline noise).
    """
    values = np.asarray(curve, dtype=float)
    shape = _Shape.of(values[np.newaxis], dt_s, baseline, len(values))
    rest = float(values[baseline.frames].std())
    return {
        "peak": float(shape.peak[0]),
        "fwhm_s": float(shape.fwhm_s[0]),
        "rise_s": float(shape.rise_s[0]),
        "arrival_s": float(shape.arrival_s[0]),
        "area": float(values.sum() * dt_s),
        "roughness": float(shape.roughness[0]),
        "contrast": float(shape.peak[0]) / rest if rest > 0 else float("inf"),
    }


def remove_tissue(
    signal: ArrayLike, tissue: ArrayLike, total: float, noise: float, echo_time_s: float
) -> tuple[FloatArray, float]:
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


@dataclass(frozen=True)
class _Scan:
    """How a series was acquired: frame spacing (s), frames before the bolus, echo time (s), voxel size (mm)."""

    dt_s: float
    baseline: Baseline
    echo_time_s: float
    voxel_size_mm: FloatArray


@dataclass(frozen=True)
class _Shape:
    """Height and times of the first passage of n curves, each (n,); widths that do not end are infinite."""

    peak: FloatArray
    rise_s: FloatArray
    fwhm_s: FloatArray
    arrival_s: FloatArray
    roughness: FloatArray
    area: FloatArray
    has_passed: BoolArray

    @classmethod
    def of(cls, values: FloatArray, dt_s: float, baseline: Baseline, end: int) -> "_Shape":
        """Measure curves (n, t) whose first passage lies before frame ``end``."""
        start = max(baseline.arrival - 1, 1)
        rows, frames = np.arange(len(values)), np.arange(values.shape[1])
        calm = convolve1d(values, [0.25, 0.5, 0.25], axis=1, mode="nearest")
        top = calm[:, start:end].argmax(axis=1) + start
        peak = calm[rows, top]
        below = calm < 0.5 * peak[:, np.newaxis]
        left = np.where(below & (frames < top[:, np.newaxis]), frames, 0).max(axis=1)
        right = np.where(below & (frames > top[:, np.newaxis]), frames, len(frames)).min(axis=1)
        last = np.minimum(right, len(frames) - 1)

        def crossing(low: IndexArray, high: IndexArray) -> FloatArray:
            step = calm[rows, high] - calm[rows, low]
            share = (0.5 * peak - calm[rows, low]) / np.where(step > 0, step, np.inf)
            return low + np.clip(share, 0, 1) * (high - low)

        rise = crossing(left, left + 1)
        fall = np.where(right < len(frames), crossing(last, last - 1), np.inf)
        slope = calm[rows, left + 1] - calm[rows, left]
        arrival = rise - 0.5 * peak / np.where(slope > 0, slope, np.inf)
        residual = np.sqrt(np.mean((values - calm)[:, start:end] ** 2, axis=1))
        return cls(
            peak,
            rise * dt_s,
            (fall - rise) * dt_s,
            arrival * dt_s,
            residual / np.where(peak > 0, peak, np.nan),
            values[:, start:end].sum(axis=1) * dt_s,
            np.abs(values[:, -max(len(frames) // 8, 1) :].mean(axis=1)) < 0.5 * peak,
        )


@dataclass(frozen=True)
class _Curves:
    """Curves (n, t) in and around the brain, where they were taken (n, 3), and their shapes.

    ``inside`` (n,) are those of the brain, ``mean`` is their mean. ``noise`` (n,) is the standard deviation of ΔR2*
    before the bolus, ``signal_noise`` (n,) that of the signal over S0, and ``saturated`` (n,) tells where the signal
    falls below twice that.
    """

    values: FloatArray
    voxels: IndexArray
    inside: BoolArray
    scan: _Scan
    shape: _Shape
    mean: FloatArray
    mean_shape: _Shape
    noise: FloatArray
    signal_noise: FloatArray
    saturated: BoolArray

    @classmethod
    def within(cls, concentration: ArrayLike, mask: ArrayLike, noise: ArrayLike, scan: _Scan) -> "_Curves":
        """Curves of a mask and of what lies so near to it that it may be a sinus."""
        series, brain = np.asarray(concentration), np.asarray(mask, dtype=bool)
        voxels = np.argwhere(distance_transform_edt(~brain, sampling=scan.voxel_size_mm) <= _VEIN_REACH_MM)
        signal_noise = np.asarray(noise, dtype=float)[tuple(voxels.T)]
        values = series[tuple(voxels.T)]
        valid = np.isfinite(values).all(axis=1) & np.isfinite(signal_noise)
        values, voxels, signal_noise = values[valid], voxels[valid], signal_noise[valid]
        inside = brain[tuple(voxels.T)]
        if not inside.any():
            raise DataFault("no voxel of the brain has a valid curve")
        deviation = values[:, scan.baseline.frames].std(axis=1)
        mean = values[inside].mean(axis=0)
        end = first_passage_end(mean, scan.baseline)
        shape = _Shape.of(values, scan.dt_s, scan.baseline, end)
        saturated = np.exp(-scan.echo_time_s * shape.peak) < _FLOOR * signal_noise
        lost = saturated[inside].mean()
        if lost > _MOST_LOST:
            raise DataFault(f"the signal falls to the noise in {lost:.0%} of the brain, where ΔR2* is not known")
        return cls(
            values,
            voxels,
            inside,
            scan,
            shape,
            mean,
            _Shape.of(mean[np.newaxis], scan.dt_s, scan.baseline, end),
            np.maximum(deviation, np.median(deviation[inside])),  # few frames: a voxel may look quiet by chance
            signal_noise,
            saturated,
        )


def _find_vein(brain: _Curves, after_s: float, count: int) -> IndexArray:
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


def _area_ratio(vof: FloatArray, curve: FloatArray, scan: _Scan) -> float:
    """Venous over arterial area of the same part of the passage: veins see the end of a series later."""
    if np.isnan(vof).any():
        return float("nan")
    rises = [measure_curve(c, scan.dt_s, scan.baseline)["rise_s"] for c in (curve, vof)]
    late = int(np.clip(round((rises[1] - rises[0]) / scan.dt_s), 0, len(curve) - 1))
    return float(vof.sum() / curve[: len(curve) - late].sum())


def _describe(
    brain: _Curves, curve: FloatArray, taken: IndexArray, scale_to_vof: bool, vof_count: int
) -> ArterialInput:
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


def _mean_signal(brain: _Curves, taken: IndexArray) -> FloatArray:
    """Mean signal of voxels over S0, without what noise adds to a magnitude: S² is ν² + σ² near enough."""
    signal = np.exp(-brain.scan.echo_time_s * brain.values[taken].astype(float))
    variance = brain.signal_noise[taken, np.newaxis] ** 2
    return np.asarray(np.sqrt(np.maximum(signal**2 - variance, 0)).mean(axis=0))


def _share(saturated: BoolArray) -> float:
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
