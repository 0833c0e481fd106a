"""Differences of control and label volumes, whatever their order, and whether their sign can be right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from reperfuse.faults import DataFault
from reperfuse.volumes.arrays import Array, Mask

#: Share of the brain's voxels with a positive difference: below the first the sign is wrong, below the second there is
#: no label. Noise alone gives one half.
_SWAPPED_SHARE, _NO_LABEL_SHARE = 0.45, 0.55


@dataclass(frozen=True)
class Differences:
    """Control less label of p pairs.

    Attributes
    ----------
    images : (x, y, z, p) array
    delays_s, durations_s : (p,) array
        From the end of labelling to the readout, and the labelled bolus, s.
    """

    images: Array
    delays_s: Array
    durations_s: Array

    @property
    def conditions(self) -> list[tuple[float, float]]:
        """The delays and durations there are, in order."""
        return sorted(set(zip(self.delays_s.tolist(), self.durations_s.tolist(), strict=True)))

    def at(self, condition: tuple[float, float]) -> Mask:
        """Tell which pairs have a delay and a duration, (p,)."""
        return (self.delays_s == condition[0]) & (self.durations_s == condition[1])

    def of(self, pairs: Mask) -> "Differences":
        """Return some of the pairs."""
        return Differences(self.images[..., pairs], self.delays_s[pairs], self.durations_s[pairs])


def subtract(
    series: Array,
    types: Sequence[str],
    delays_s: Sequence[float],
    durations_s: Sequence[float],
    *,
    usable: Mask | None = None,
    subtraction: Literal["pairwise", "surround"] = "pairwise",
) -> Differences:
    """Subtract the labels of a series from its controls, or take the differences it holds.

    Parameters
    ----------
    series : (x, y, z, t) array
        Realigned volumes.
    types : sequence of str
        ``control``, ``label``, ``deltam`` or another, of each volume.
    delays_s, durations_s : sequence of float
        Of each volume, s. Only volumes of one delay and duration are subtracted from each other.
    usable : (t,) bool array, optional
        Volumes that may be used; a pair without its partner is left out.
    subtraction : {"pairwise", "surround"}
        Each label from the control of its pair; or from the control that lies, in time, between those around it, which
        removes slow drift.

    Returns
    -------
    Differences

    Raises
    ------
    DataFault
        If no pair is left.
    """
    kinds = np.asarray(types)
    fit = np.ones(len(kinds), dtype=bool) if usable is None else usable
    found: list[tuple[int, Array]] = [(int(one), series[..., one]) for one in np.flatnonzero((kinds == "deltam") & fit)]
    volumes: Mapping[str, list[int]] = {kind: np.flatnonzero(kinds == kind).tolist() for kind in ("control", "label")}
    conditions = list(zip(delays_s, durations_s, strict=True))
    for condition in dict.fromkeys(conditions[one] for one in volumes["label"]):
        controls, labels = ([one for one in volumes[kind] if conditions[one] == condition] for kind in volumes)
        if subtraction == "pairwise":
            pairs = zip(controls, labels, strict=True)
            found += [(label, series[..., c] - series[..., label]) for c, label in pairs if fit[c] and fit[label]]
        elif around := [one for one in controls if fit[one]]:
            found += [(one, _between(series, around, one) - series[..., one]) for one in labels if fit[one]]
    if not found:
        raise DataFault("no pair of control and label is left; check the series for motion and artefacts")
    order = sorted(range(len(found)), key=lambda one: found[one][0])
    return Differences(
        np.stack([found[one][1] for one in order], axis=-1),
        np.array([delays_s[found[one][0]] for one in order], float),
        np.array([durations_s[found[one][0]] for one in order], float),
    )


def _between(series: Array, controls: Sequence[int], time: int) -> Array:
    """Return the control at a time, between the last before and the first after it."""
    after = int(np.searchsorted(controls, time))
    if after in (0, len(controls)):
        return np.asarray(series[..., controls[min(after, len(controls) - 1)]])
    first, second = controls[after - 1], controls[after]
    share = (time - first) / (second - first)
    return np.asarray((1 - share) * series[..., first] + share * series[..., second])


def check_sign(differences: Array, tissue: Mask) -> float:
    """Make sure that labelled blood makes the difference positive; return the share of the brain where it does.

    Parameters
    ----------
    differences : (x, y, z, p) array
        Control less label.
    tissue : (x, y, z) bool array
        Brain without fluid.

    Raises
    ------
    DataFault
        If it is negative, as where control and label are swapped, or neither, as where nothing was labelled.
    """
    mean = differences[tissue].mean(axis=-1)
    mean = mean[np.isfinite(mean)]
    positive = float((mean > 0).mean()) if mean.size else 0.5
    if positive < _SWAPPED_SHARE:
        raise DataFault(
            f"control less label is negative in {100 * (1 - positive):.0f} % of the brain, so control and label are "
            "probably swapped; check the order in aslcontext.tsv"
        )
    if positive < _NO_LABEL_SHARE:
        raise DataFault(
            f"control less label is positive in only {100 * positive:.0f} % of the brain, as in noise, so no labelled "
            "blood is seen; check the labelling and the order in aslcontext.tsv"
        )
    return positive
