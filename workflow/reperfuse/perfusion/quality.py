"""Figures of how steady a realigned series is before the bolus, and of how much of the brain it keeps."""

import numpy as np

from reperfuse.volumes.arrays import Array


def temporal_snr(curves: Array) -> float:
    """Temporal signal-to-noise ratio: mean over standard deviation in time, the median of all voxels.

    Parameters
    ----------
    curves : (n, t) array
        Signal of the brain's voxels in frames without contrast, a.u.; a voxel with a NaN is left out.

    Returns
    -------
    float
        NaN when there are fewer than three frames or no voxel; infinite when nothing varies.
    """
    whole = curves[np.isfinite(curves).all(axis=1)]
    if len(whole) == 0 or whole.shape[1] < 3:
        return float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = whole.mean(axis=1, dtype=float) / whole.std(axis=1, ddof=1, dtype=float)
    return float(np.nanmedian(ratio)) if not np.isnan(ratio).all() else float("nan")


def dvars_percent(curves: Array) -> Array:
    """Change from frame to frame: root mean square over the brain, in percent of the brain's mean.

    The definition is Power's (2012, doi:10.1016/j.neuroimage.2011.10.018).

    Parameters
    ----------
    curves : (n, t) array
        Signal of the brain's voxels, a.u.; a voxel with a NaN is left out.

    Returns
    -------
    (t − 1,) array
        Percent; NaN when no voxel is left.
    """
    whole = curves[np.isfinite(curves).all(axis=1)].astype(float)
    if len(whole) == 0:
        return np.full(max(curves.shape[1] - 1, 0), np.nan)
    return 100 * np.sqrt((np.diff(whole, axis=1) ** 2).mean(axis=0)) / whole.mean()


def lost_share(curves: Array) -> float:
    """Share of voxels that have no value in some frame, as at the edges of the field of view.

    Parameters
    ----------
    curves : (n, t) array
        Signal of the brain's voxels in the frames that count; NaN where a frame has none.

    Returns
    -------
    float
        0 to 1; NaN when there is no voxel.
    """
    return float(np.isnan(curves).any(axis=1).mean()) if len(curves) else float("nan")
