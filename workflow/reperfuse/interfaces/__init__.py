"""Every step of the workflow as a Nipype interface.

``from reperfuse.interfaces import CorrectMotion`` imports that step's stage and nothing else, since
a job must not pay for what it does not use.
"""

from importlib import import_module
from typing import Any

_STAGES = {
    "head": ("ExtractBrain",),
    "motion": ("CorrectMotion", "PreparePerfusion"),
    "ct": ("CorrectCtMotion", "PrepareCtPerfusion", "NormalizeCtPerfusion", "SegmentFlowCore", "MeasureCtMismatch"),
    "arteries": ("SelectArterialInput",),
    "perfusion": ("DeconvolvePerfusion", "NormalizePerfusion"),
    "hypoperfusion": ("SegmentHypoperfusion", "SweepPerfusion", "SegmentPenumbra"),
    "delay": ("MapDelay", "SegmentDelay"),
    "peak": ("MapTimeToPeak",),
    "resampling": ("ResamplePerfusion",),
    "maps": ("MapPerfusion",),
    "deficit": ("MeasurePerfusion",),
    "labelling": ("CorrectAslMotion", "PrepareLabelling", "QuantifyAsl"),
    "low_flow": ("SegmentLowFlow", "MeasureLabelling"),
    "diffusion": ("ComputeADC", "PrepareDiffusion", "SegmentCore", "SweepCore", "MeasureCore"),
    "registration": ("RegisterImages", "ResampleDiffusion", "AlignDiffusion", "ResampleCore"),
    "session": ("MeasureSession",),
    "lesion": ("SegmentLesion", "ProjectLesion"),
    "growth": ("MeasureSwelling", "AlignFollowup", "QuantifyGrowth"),
    "reperfusion": ("CompareDeficits", "CompareWithBaseline"),
    "reflow": ("MapReflow",),
    "patient": ("MeasurePatient",),
    "group": ("TabulateStudy",),
    "analysis": ("AnalyzeStudy",),
    "figures": ("PlotPatient",),
    "pages": ("ReportPatient", "ReportStudy"),
}
_STAGE_OF = {name: stage for stage, names in _STAGES.items() for name in names}
__all__ = sorted(_STAGE_OF)


def module_of(name: str) -> str:
    """Return the dotted name of the module that holds a step."""
    return f"{__name__}.{_STAGE_OF[name]}"


def __getattr__(name: str) -> Any:
    if name not in _STAGE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(module_of(name)), name)
