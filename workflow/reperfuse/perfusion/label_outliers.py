"""Pairs of control and label that motion or artefacts have spoilt, found by a published rule (SCORE)."""

from collections.abc import Sequence

import numpy as np

from reperfuse.volumes.arrays import Array, Mask
from reperfuse.volumes.robust import robust_sd

#: A pair whose mean lies so many robust standard deviations off the median is out.
_FAR_SD = 2.5
#: Of fewer pairs none can be told to be the outlier.
_FEWEST_PAIRS = 5


def outlying_pairs(differences: Array, tissues: Sequence[Mask]) -> Mask:
    """Find pairs that do not belong, by structural correlation (Dolui et al. 2017, doi:10.1002/jmri.25436).

    First those whose mean over the first tissue lies far from the median of all. Then, as long as the variance within
    tissues of the mean over pairs becomes less, the pair that resembles that mean most: a pair with a large artefact
    dominates the mean.

    Parameters
    ----------
    differences : (n, p) array
        Of n voxels and p pairs at one delay.
    tissues : sequence of (n,) bool array
        Kinds of tissue within which flow is much the same; the first is that of most flow.

    Returns
    -------
    (p,) bool array
    """
    pairs = differences.shape[1]
    if pairs < _FEWEST_PAIRS:
        return np.zeros(pairs, dtype=bool)
    means = differences[tissues[0]].mean(axis=0)
    kept = np.abs(means - np.median(means)) <= _FAR_SD * robust_sd(means)
    anywhere = np.logical_or.reduce(list(tissues))
    inside = differences[anywhere]
    labels = [tissue[anywhere] for tissue in tissues]
    variance = _variance_within(inside[:, kept].mean(axis=1), labels)
    while kept.sum() > 2:
        mean = inside[:, kept].mean(axis=1)
        candidates = np.flatnonzero(kept)
        alike = [float(np.corrcoef(inside[:, one], mean)[0, 1]) for one in candidates]
        without = kept.copy()
        without[candidates[int(np.argmax(alike))]] = False
        left = _variance_within(inside[:, without].mean(axis=1), labels)
        if left >= variance:
            break
        kept, variance = without, left
    return ~kept


def _variance_within(values: Array, tissues: Sequence[Mask]) -> float:
    """Variance within tissues, each counted by its size."""
    sizes = [max(int(tissue.sum()) - 1, 0) for tissue in tissues]
    spread = [float(values[tissue].var(ddof=1)) * size for tissue, size in zip(tissues, sizes, strict=True) if size > 0]
    return sum(spread) / sum(sizes)
