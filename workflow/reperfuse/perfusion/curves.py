"""Height, times and width of the first passage of contrast agent: of ΔR2* (s⁻¹), or of enhancement on CT (HU)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import convolve1d, distance_transform_edt

from reperfuse.faults import DataFault
from reperfuse.perfusion.bolus import Baseline, first_passage_end
from reperfuse.volumes.arrays import Array, Indices, Mask

#: Signal, in standard deviations of the noise, below which a voxel is saturated.
FLOOR = 2.0


#: Share of the brain that may be saturated before perfusion is not known.
_MOST_LOST = 0.5


#: How far from the brain mask, which may leave the sinuses out, veins are sought, mm.
_VEIN_REACH_MM = 6.0


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
    shape = Shape.of(values[np.newaxis], dt_s, baseline, len(values))
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


@dataclass(frozen=True)
class Scan:
    """How a series was acquired: frame spacing (s), frames before the bolus, echo time (s), voxel size (mm).

    There is no echo time on CT: curves are enhancement in HU then, which adds up in a voxel of blood and tissue.
    """

    dt_s: float
    baseline: Baseline
    echo_time_s: float | None
    voxel_size_mm: Array

    def signal_left(self, curves: Array) -> Array:
        """Signal over that before the bolus; contrast agent takes none away on CT."""
        return np.ones_like(curves) if self.echo_time_s is None else np.exp(-self.echo_time_s * curves)


@dataclass(frozen=True)
class Shape:
    """Height and times of the first passage of n curves, each (n,); widths that do not end are infinite."""

    peak: Array
    rise_s: Array
    fwhm_s: Array
    arrival_s: Array
    roughness: Array
    area: Array
    has_passed: Mask

    @classmethod
    def of(cls, values: Array, dt_s: float, baseline: Baseline, end: int) -> "Shape":
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

        def crossing(low: Indices, high: Indices) -> Array:
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
class Curves:
    """Curves (n, t) in and around the brain, where they were taken (n, 3), and their shapes.

    ``inside`` (n,) are those of the brain, ``mean`` is their mean and ``typical`` that of tissue: of the middle half by
    the area of the first passage, without vessels, whose peaks may be cut off, and by the level at the end, without the
    edges, which a head that has moved makes brighter or darker for good. ``noise`` (n,) is the standard deviation of
    ΔR2* before the bolus, ``signal_noise`` (n,) that of the signal over S0, and ``saturated`` (n,) tells where the
    signal falls below twice that.
    """

    values: Array
    voxels: Indices
    inside: Mask
    scan: Scan
    shape: Shape
    mean: Array
    typical: Array
    mean_shape: Shape
    noise: Array
    signal_noise: Array
    saturated: Mask

    @property
    def steady(self) -> slice:
        """Frames at steady state: earlier ones say nothing of contrast."""
        return slice(self.scan.baseline.first, None)

    def signals(self, taken: Indices) -> Array:
        """Signals of voxels over S0 at steady state (n, t), without what noise adds: S² is ν² + σ², near enough."""
        signal = self.scan.signal_left(self.values[taken][:, self.steady].astype(float))
        variance = self.signal_noise[taken, np.newaxis] ** 2
        return np.asarray(np.sqrt(np.maximum(signal**2 - variance, 0)))

    @classmethod
    def within(cls, concentration: ArrayLike, mask: ArrayLike, noise: ArrayLike, scan: Scan) -> "Curves":
        """Curves of a mask and of what lies so near to it that it may be a sinus."""
        series, brain = np.asarray(concentration), np.asarray(mask, dtype=bool)
        voxels = np.argwhere(distance_transform_edt(~brain, sampling=scan.voxel_size_mm) <= _VEIN_REACH_MM)
        signal_noise = np.asarray(noise, dtype=float)[tuple(voxels.T)]
        values = series[tuple(voxels.T)]
        valid = np.isfinite(values).all(axis=1) & np.isfinite(signal_noise)
        values, voxels, signal_noise = values[valid], voxels[valid], signal_noise[valid]
        inside = brain[tuple(voxels.T)]
        if not inside.any():
            raise DataFault("no voxel of the brain has a valid curve; export the series again")
        deviation = values[:, scan.baseline.frames].std(axis=1)
        mean = values[inside].mean(axis=0)
        end = first_passage_end(mean, scan.baseline)
        shape = Shape.of(values, scan.dt_s, scan.baseline, end)
        level = values[:, -max(values.shape[1] // 8, 1) :].mean(axis=1)
        saturated = (scan.signal_left(shape.peak) < FLOOR * signal_noise) & (scan.echo_time_s is not None)
        lost = saturated[inside].mean()
        if lost > _MOST_LOST:
            raise DataFault(
                f"the signal falls to the noise in {lost:.0%} of the brain, where ΔR2* is not known; check the echo "
                "time and the dose of contrast agent"
            )
        return cls(
            values,
            voxels,
            inside,
            scan,
            shape,
            mean,
            values[_is_ordinary(shape.area, inside) & _is_ordinary(level, inside)].mean(axis=0, dtype=float),
            Shape.of(mean[np.newaxis], scan.dt_s, scan.baseline, end),
            np.maximum(deviation, np.median(deviation[inside])),  # few frames: a voxel may look quiet by chance
            signal_noise,
            saturated,
        )


def _is_ordinary(measure: Array, inside: Mask) -> Mask:
    """Whether a measure of curves (n,) is in the middle half of the brain's."""
    low, high = np.quantile(measure[inside], [0.25, 0.75])
    return np.asarray(inside & (measure >= low) & (measure <= high))
