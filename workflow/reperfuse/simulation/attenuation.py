"""What a head looks like to X-rays: Hounsfield units of every point, before voxels and noise.

Iodine raises the attenuation in proportion to its concentration, so the curves of
:mod:`reperfuse.simulation.hemodynamics` are enhancement in HU here.
"""

from collections.abc import Sequence

import numpy as np

from reperfuse.simulation import anatomy
from reperfuse.simulation.anatomy import SCALP_MM, Array, Tissues
from reperfuse.simulation.hemodynamics import arterial_curve, disperse, tissue_curves
from reperfuse.simulation.physiology import Flow, Injury
from reperfuse.simulation.scene import perfusion_states

AIR_HU = -1000.0


# Grey and white matter, fluid and vessels as in Manhart's digital brain perfusion phantom (create_phantom.m, University
# of Erlangen, 2013); skull: mean of normal adults, 935 to 987 HU; scalp: fat of −100 to −50 HU and skin, mixed.
HOUNSFIELD = {"grey": 35.0, "white": 29.0, "csf": 12.0, "blood": 40.0, "bone": 960.0, "scalp": 0.0}


INJURY_HU = -3.0  # hours after onset the tissue has taken up some water; a choice within what a reader just sees


SCALP_LEAK = 0.02  # enhancement of scalp relative to that of arteries, which it follows slowly


class CtScene:
    """Attenuation of every point of the head at stated times.

    Parameters
    ----------
    points : (n, 3) array
        Template coordinates, mm.
    flow : Flow
        Perfusion; the peak of its bolus is in HU.
    times_s : (t,) array
        Times, s, from the first frame on.
    injuries : sequence of Injury
        Injured tissue, which is darker.
    venous_ratio : float
        Enhancement of veins and sinuses relative to what arrives by the arteries.
    """

    def __init__(
        self, points: Array, flow: Flow, times_s: Array, injuries: Sequence[Injury] = (), venous_ratio: float = 1.0
    ) -> None:
        shares = self.tissues = anatomy.tissues(points)
        self.still = _unenhanced(points, shares, injuries)
        ratios = (1.0, 1.0, 1.0, venous_ratio, venous_ratio)
        vessels = zip(flow.vessel_curves(times_s, shares), ratios, strict=True)
        self.parts = [(*_held(share), ratio * curve) for (share, curve), ratio in vessels]
        fine = np.arange(0.0, float(times_s.max()) + 0.5, 0.5)
        leak = disperse(arterial_curve(fine, flow.bolus), 0.5, 12.0)
        self.parts.append((*_held(shares.scalp), SCALP_LEAK * np.interp(times_s, fine, leak)))
        self.tables = []
        for kind in ("grey", "white"):
            here, share = _held(getattr(shares, kind))
            perfusion, state = perfusion_states(points[here], kind, flow)
            self.tables.append((here, share, state, tissue_curves(times_s, *perfusion, bolus=flow.bolus).T.copy()))

    def image(self, number: int) -> Array:
        """Attenuation of every point at one of the times.

        Parameters
        ----------
        number : int
            Index of the time.

        Returns
        -------
        (n,) array
            HU, float32.
        """
        image = self.still.copy()
        for here, share, state, curves in self.tables:
            image[here] += share * curves[number][state]
        for here, share, curve in self.parts:
            image[here] += share * np.float32(curve[number])
        return image


def _held(share: Array) -> tuple[Array, Array]:
    """Points that hold a kind of tissue, and its share there."""
    here = np.flatnonzero(share > 0)
    return here, share[here]


def _unenhanced(points: Array, shares: Tissues, injuries: Sequence[Injury]) -> Array:
    """HU without contrast: what is no tissue is bone inside the scalp and air outside it."""
    soft = {kind: getattr(shares, kind) for kind in ("grey", "white", "csf", "blood")}
    within = np.clip(0.5 + (SCALP_MM[0] - anatomy.outside_mm(points)) / 2.0, 0.0, 1.0)
    soft["bone"] = np.maximum(within - sum(soft.values()), 0.0)
    soft["scalp"] = shares.scalp
    image = np.full(len(points), AIR_HU, dtype=np.float32)
    for kind, share in soft.items():
        image += share * np.float32(HOUNSFIELD[kind] - AIR_HU)
    injured = np.zeros(len(points), dtype=bool)
    for injury in injuries:
        injured |= injury.region.radius(points) < 1
    image[injured] += np.float32(INJURY_HU) * (shares.grey + shares.white)[injured]
    return image
