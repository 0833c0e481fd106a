"""Perfusion–diffusion mismatch: volumes, overlap and side."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Share of normal blood flow below which tissue of the deficit is core, where there is no diffusion.
FLOW_CORE = 0.3


@dataclass(frozen=True)
class Mismatch:
    """Volumetric mismatch of a session.

    Attributes
    ----------
    difference_ml : float
        Deficit minus core, in mL.
    ratio : float
        Deficit over core; infinite where there is a deficit and no core, NaN where there is neither.
    """

    difference_ml: float
    ratio: float


def volumetric_mismatch(deficit_ml: float, core_ml: float) -> Mismatch:
    """Return deficit − core (mL) and deficit ÷ core of two volumes in mL, NaN where either is unknown.

    The volumes are those of Tmax > 6 s and of the diffusion core unless a criterion names others.
    """
    if math.isnan(deficit_ml) or math.isnan(core_ml):
        return Mismatch(math.nan, math.nan)
    without_core = math.inf if deficit_ml > 0 else math.nan
    ratio = deficit_ml / core_ml if core_ml > 0 else without_core
    return Mismatch(deficit_ml - core_ml, ratio)


def hypoperfusion_intensity_ratio(tmax10_ml: float, tmax6_ml: float) -> float:
    """Return the volume of Tmax > 10 s over that of Tmax > 6 s; NaN without a deficit.

    References
    ----------
    Olivot et al. 2014, doi:10.1161/STROKEAHA.113.003857
    """
    return tmax10_ml / tmax6_ml if tmax6_ml > 0 else math.nan


def flow_core_mask(
    relative_flow: NDArray[Any], deficit: NDArray[np.bool_], limit: float = FLOW_CORE
) -> NDArray[np.bool_]:
    """Find the core by its blood flow: the tissue of the deficit that has less than a share of normal tissue's.

    30 % is the limit of DEFUSE 3, EXTEND-IA and SWIFT PRIME on CT (Campbell et al. 2011,
    doi:10.1161/STROKEAHA.111.618355).

    Parameters
    ----------
    relative_flow : (x, y, z) array
        CBF over that of normal tissue; NaN where unknown.
    deficit : (x, y, z) bool array
        Tissue with Tmax above 6 s: fluid and noise lie below the limit as well, elsewhere.
    limit : float

    Returns
    -------
    (x, y, z) bool array
    """
    with np.errstate(invalid="ignore"):
        return np.asarray((relative_flow < limit) & deficit)


def penumbra_mask(deficit: NDArray[np.bool_], core: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return hypoperfused tissue that is not core; both masks (x, y, z) on one grid."""
    return deficit & ~core


def covered_share(core: NDArray[np.bool_], deficit: NDArray[np.bool_]) -> float:
    """Return the share of the core (x, y, z) that the deficit covers; NaN without a core."""
    return float((core & deficit).sum() / core.sum()) if core.any() else math.nan


def laterality(lesion: NDArray[np.bool_], right: NDArray[np.bool_]) -> float:
    """Tell how one-sided a lesion is.

    Parameters
    ----------
    lesion : (x, y, z) bool array
    right : (x, y, z) bool array
        The patient's right of the mirror plane.

    Returns
    -------
    float
        (right - left)/(right + left), from -1 (all left) to 1 (all right); NaN without a lesion.
    """
    return float(2 * (lesion & right).sum() / lesion.sum() - 1) if lesion.any() else math.nan


def side(one_sidedness: float, unilateral_share: float = 0.8) -> str | None:
    """Name the side of a lesion from its laterality.

    Parameters
    ----------
    one_sidedness : float
        As :func:`laterality` gives it.
    unilateral_share : float
        Least share of a lesion on one side for it to be that side's.

    Returns
    -------
    str or None
        left, right or bilateral; None without a lesion.
    """
    if math.isnan(one_sidedness):
        return None
    if (1 + abs(one_sidedness)) / 2 < unilateral_share:
        return "bilateral"
    return "right" if one_sidedness > 0 else "left"
