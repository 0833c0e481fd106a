"""Serial stroke MRI: perfusion, mismatch, infarct growth, reperfusion and microvascular reflow."""

__version__ = "0.10.2"
