"""Deconvolution for notebooks and other packages: ``from reperfuse.deconvolution import deconvolve``."""

from reperfuse.perfusion.deconvolution import PerfusionMaps, deconvolve

__all__ = ["PerfusionMaps", "deconvolve"]
