"""The chain that makes the maps of a realigned DSC series."""

from reperfuse.interfaces.arteries import SelectArterialInput
from reperfuse.interfaces.chain import Chain, Link
from reperfuse.interfaces.delay import MapDelay
from reperfuse.interfaces.perfusion import DeconvolvePerfusion
from reperfuse.study.options import defaults


class MapPerfusion(Chain):
    """Choose the arterial input, deconvolve with it, and measure the arterial delay.

    An option of the delay is called ``delay_<option>``, as the maps have one of the same name.
    """

    links = (
        Link(SelectArterialInput),
        Link(DeconvolvePerfusion),
        Link(MapDelay, takes={name: f"delay_{name}" for name in defaults("delay")}),
    )
