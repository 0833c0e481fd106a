"""Infarct growth and reversal between baseline and follow-up, and what the tissue was before."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reperfuse.volumes.arrays import Array


@dataclass(frozen=True)
class Growth:
    """What became of the tissue between baseline and follow-up, voxel by voxel, in mL.

    Attributes
    ----------
    growth_ml : float
        Follow-up lesion outside the baseline core.
    reversal_ml : float
        Baseline core outside the follow-up lesion.
    """

    growth_ml: float
    reversal_ml: float


#: What became of the core: the values of `lesion_change`.
STAYED, GROWN, REVERSED = 1, 2, 3


def lesion_change(core: NDArray[np.bool_], lesion: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Label each voxel: 1 in both lesions, 2 grown, 3 reversed, 0 never injured; all (x, y, z) on one grid."""
    labels = np.zeros(core.shape, np.float32)
    labels[core & lesion], labels[lesion & ~core], labels[core & ~lesion] = STAYED, GROWN, REVERSED
    return labels


def voxelwise_growth(change: Array, voxel_ml: float) -> Growth:
    """Measure growth and reversal of a lesion whose voxels are labelled as by `lesion_change`, (x, y, z)."""
    return Growth(float((change == GROWN).sum() * voxel_ml), float((change == REVERSED).sum() * voxel_ml))


@dataclass(frozen=True)
class GrowthInto:
    """Where the grown part of the lesion was at baseline, in mL, as far as perfusion saw it.

    Attributes
    ----------
    penumbra_ml : float
        Tmax above 6 s.
    oligaemia_ml : float
        Tmax above 4 and not above 6 s: benign oligaemia.
    beyond_ml : float
        Neither.
    unseen_ml : float
        Outside the perfusion slab.
    """

    penumbra_ml: float
    oligaemia_ml: float
    beyond_ml: float
    unseen_ml: float


def growth_into(
    grown: NDArray[np.bool_],
    tmax6: NDArray[np.bool_],
    tmax4: NDArray[np.bool_],
    seen: NDArray[np.bool_],
    voxel_ml: float,
) -> GrowthInto:
    """Tell by the baseline's perfusion what tissue was lost; all (x, y, z) on one grid."""
    parts = (grown & seen & tmax6, grown & seen & tmax4 & ~tmax6, grown & seen & ~tmax4 & ~tmax6, grown & ~seen)
    return GrowthInto(*(float(part.sum() * voxel_ml) for part in parts))


def growth_ml(core_ml: float, followup_ml: float) -> float:
    """Return the infarct's growth in mL: the follow-up lesion's volume less the baseline core's; negative if it shrank.

    NaN where either is.
    """
    return followup_ml - core_ml


def initial_growth_rate(core_ml: float, hours_from_onset: float) -> float:
    """Return the core's mean growth from onset to the first scan, in mL/h; NaN where the time is unknown."""
    return core_ml / hours_from_onset if hours_from_onset > 0 else math.nan


def salvage_fraction(penumbra: NDArray[np.bool_], lesion: NDArray[np.bool_]) -> float:
    """Return the share of the baseline penumbra that is not in the follow-up lesion; NaN without penumbra."""
    total = int(penumbra.sum())
    return float((penumbra & ~lesion).sum() / total) if total else math.nan
