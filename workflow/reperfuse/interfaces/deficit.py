"""The chain that measures the tissue that blood reaches late, on finished maps."""

from reperfuse.interfaces.chain import Chain, Link
from reperfuse.interfaces.delay import SegmentDelay
from reperfuse.interfaces.hypoperfusion import SegmentHypoperfusion, SegmentPenumbra, SweepPerfusion
from reperfuse.interfaces.peak import MapTimeToPeak
from reperfuse.interfaces.perfusion import NormalizePerfusion
from reperfuse.interfaces.registration import ResampleCore
from reperfuse.interfaces.resampling import ResamplePerfusion


class MeasurePerfusion(Chain):
    """Find hypoperfused tissue by each map, its relative blood flow and volume, and how firm all of that is.

    With the core there is the penumbra, too; without ``resamples`` nothing is measured again with noise added.
    """

    links = (
        Link(ResampleCore, gives={"core": "core_dscref"}, wants="core"),
        Link(SegmentHypoperfusion),
        Link(SegmentDelay, gives={"curves": "delay_curves"}),
        Link(MapTimeToPeak, takes={"cbv": None}),  # it works without an arterial input
        Link(NormalizePerfusion, takes={"deficit": "tmax6", "core": "core_dscref"}),
        Link(SweepPerfusion, takes={"deficit": "tmax6", "core": "core_dscref"}, gives={"curves": "deficit_curves"}),
        Link(SegmentPenumbra, takes={"deficit": "tmax6", "core": "core_dscref"}, wants="core"),
        Link(ResamplePerfusion, wants="resamples"),
    )
