"""Serial stroke MRI: perfusion, mismatch, infarct growth, reperfusion and microvascular reflow."""

__version__ = "0.9.0"
