"""The results of a study: one table of what each is called, what it is made from, and whether it is delivered."""

from collections.abc import Mapping
from dataclasses import dataclass

#: Kinds of perfusion scans; the first that a session has is used. Of the first two, a bolus of contrast is followed.
PERFUSION = ("dsc", "ctp", "asl")
#: Needs: a bolus, any perfusion scan, diffusion, and what a core is found in: diffusion, else CT.
_BOLUS, _FLOW, _DIFFUSION, _CORE = ("dsc|ctp",), ("|".join(PERFUSION),), ("dwi|adc",), ("dwi|adc|ctp",)


_BOTH = (*_FLOW, *_DIFFUSION)


#: Kinds of scans that the image of a datatype is made from.
KINDS: Mapping[str, tuple[str, ...]] = {"dwi": ("dwi", "adc"), "perf": PERFUSION, "anat": ("flair",)}


#: Roles of sessions in which reflow is judged: hours after treatment, and a day after it.
AFTER = ("post", "late")


#: Comparisons that a patient's scans may allow, or not (`reperfuse.study.plan.Plan.compares`).
COMPARISONS = ("lesion", "growth", "swelling", "deficits", "reflow")


@dataclass(frozen=True)
class Result:
    """A result of a session, or of a patient.

    Attributes
    ----------
    folder : str
        Datatype; ``{datatype}`` for a result that each may have, ``session`` or ``patient`` for their own folder.
    ending : str
        What follows the entities in the file's name.
    needs : tuple of str
        Kinds of scans the session must have, alternatives with a bar; or one of `COMPARISONS`.
    roles : tuple of str
        The roles of the only sessions that have it; empty where any may.
    delivered : bool
        Asked for although nothing else may need it.
    unless : str
        Kinds of scans of which a session that has one does not have the result.
    """

    folder: str
    ending: str
    needs: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    delivered: bool = False
    unless: str = ""


def _perf(ending: str, *needs: str, roles: tuple[str, ...] = (), delivered: bool = True, unless: str = "") -> Result:
    return Result("perf", ending, needs or _BOLUS, roles, delivered, unless)


def _dwi(ending: str, *needs: str, roles: tuple[str, ...] = (), delivered: bool = True) -> Result:
    return Result("dwi", ending, needs or _DIFFUSION, roles, delivered)


RESULTS: Mapping[str, Result] = {
    # perfusion
    "moco": _perf("desc-moco_dsc.nii.gz", "dsc"),
    "moco_ctp": _perf("desc-moco_ctp.nii.gz", "ctp"),
    "dscref": _perf("dscref.nii.gz", *_FLOW),
    "motion": _perf("desc-motion_timeseries.tsv", *_FLOW),
    "poses": _perf("from-dscref_to-dsc_mode-points_xfm.tsv"),
    "aif": _perf("desc-aif_timeseries.tsv"),
    "cbf": _perf("cbf.nii.gz", *_FLOW),
    "cbv": _perf("cbv.nii.gz"),
    "uncorrected_cbv": _perf("desc-uncorrected_cbv.nii.gz", delivered=False),
    "mtt": _perf("mtt.nii.gz"),
    "tmax": _perf("tmax.nii.gz"),
    "ttp": _perf("ttp.nii.gz"),
    "rcbf": _perf("desc-rel_cbf.nii.gz", *_FLOW),
    "rcbv": _perf("desc-rel_cbv.nii.gz"),
    "tmax4": _perf("desc-tmax4_mask.nii.gz"),
    "tmax6": _perf("desc-tmax6_mask.nii.gz"),
    "tmax8": _perf("desc-tmax8_mask.nii.gz"),
    "tmax10": _perf("desc-tmax10_mask.nii.gz"),
    "delay": _perf("delay.nii.gz"),
    "delaysd": _perf("desc-delaysd.nii.gz"),
    "delay3": _perf("desc-delay3_mask.nii.gz"),
    "delay6": _perf("desc-delay6_mask.nii.gz"),
    "delay_curves": _perf("desc-delay_measures.json", delivered=False),
    "rttp45": _perf("desc-rttp45_mask.nii.gz"),
    "deficit_curves": _perf("desc-thresholds_measures.json", delivered=False),
    "deficit_draws": _perf("desc-resampled_measures.json", delivered=False),
    "rcbv_sd": _perf("desc-relsd_cbv.nii.gz", delivered=False),
    "tmax_sweep": _perf("desc-tmaxsweep_dseg.nii.gz", delivered=False),
    "rcbf_sweep": _perf("desc-rcbfsweep_dseg.nii.gz", delivered=False),
    # labelling
    "moco_asl": _perf("desc-moco_asl.nii.gz", "asl"),
    "m0": _perf("desc-relaxed_m0scan.nii.gz", "asl", delivered=False),
    "att": _perf("att.nii.gz", "asl"),
    "lowflow30": _perf("desc-lowflow30_mask.nii.gz", "asl"),
    "lowflow40": _perf("desc-lowflow40_mask.nii.gz", "asl"),
    "lowflow50": _perf("desc-lowflow50_mask.nii.gz", "asl"),
    # diffusion
    "adc": _dwi("ADC.nii.gz"),
    "trace": _dwi("trace.nii.gz"),
    "dwiref": _dwi("dwiref.nii.gz", delivered=False),
    "core": _dwi("desc-core_mask.nii.gz"),
    "core_curves": _dwi("desc-thresholds_measures.json", delivered=False),
    "adc_sweep": _dwi("desc-adcsweep_dseg.nii.gz", delivered=False),
    # both
    "dwi_to_dscref": _dwi("from-dwi_to-dscref_mode-image_xfm.txt", *_BOTH),
    "adc_dscref": _dwi("space-dscref_ADC.nii.gz", *_BOTH),
    "trace_dscref": _dwi("space-dscref_trace.nii.gz", *_BOTH),
    "core_dscref": _dwi("space-dscref_desc-core_mask.nii.gz", *_BOTH),
    "penumbra": _perf("desc-penumbra_mask.nii.gz", *_BOLUS, *_CORE),
    "flow_core": _perf("desc-core_mask.nii.gz", "ctp", unless="dwi|adc"),
    # of each datatype
    "brain": Result("{datatype}", "desc-brain_mask.nii.gz"),
    "mirror": Result("{datatype}", "desc-mirror_xfm.json"),
    "to_followup": Result("{datatype}", "from-followup_to-anchor_mode-image_xfm.txt", ("lesion",)),
    "lesion": Result("{datatype}", "desc-lesion_mask.nii.gz", ("lesion",), ("followup",), delivered=True),
    "flair_to_dwi": Result("anat", "from-flair_to-dwi_mode-image_xfm.txt", ("flair", *_DIFFUSION)),
    # sessions compared
    "swelling": _dwi("desc-swelling_xfm.nii.gz", "swelling", roles=("baseline",), delivered=False),
    "change": _dwi("desc-growth_dseg.nii.gz", "growth", *_DIFFUSION, roles=("baseline",), delivered=False),
    "flow_change": _perf(
        "desc-growth_dseg.nii.gz", "growth", "ctp", roles=("baseline",), delivered=False, unless="dwi|adc"
    ),
    "baseline_to_dscref": _perf("from-baseline_to-dscref_mode-image_xfm.txt", "deficits", roles=AFTER, delivered=False),
    "baseline_core": _perf("space-dscref_desc-baselinecore_mask.nii.gz", "deficits", roles=AFTER, delivered=False),
    "baseline_tmax6": _perf("space-dscref_desc-baselinetmax6_mask.nii.gz", "deficits", roles=AFTER, delivered=False),
    "deficits": _perf("desc-reperfusion_dseg.nii.gz", "deficits", roles=AFTER, delivered=False),
    "earlier_tmax": _perf("space-dscref_desc-baseline_tmax.nii.gz", "deficits", roles=AFTER, delivered=False),
    "lesion_dscref": _perf("space-dscref_desc-lesion_mask.nii.gz", *_FLOW, "lesion", roles=AFTER),
    "mirrored": _perf("desc-mirror_cbv.nii.gz", *_BOLUS, "reflow", roles=AFTER),
    "asymmetry": _perf("desc-asymmetry_cbv.nii.gz", *_BOLUS, "reflow", roles=AFTER),
    "mirrored_cbf": _perf("desc-mirror_cbf.nii.gz", "asl", "reflow", roles=AFTER),
    "asymmetry_cbf": _perf("desc-asymmetry_cbf.nii.gz", "asl", "reflow", roles=AFTER),
    "imr": _perf("desc-imr_mask.nii.gz", "reflow", roles=AFTER),
    "asymmetry_sweep": _perf("desc-asymmetrysweep_dseg.nii.gz", "reflow", roles=AFTER, delivered=False),
    "reflow": _perf("desc-imr_measures.json", "reflow", roles=AFTER, delivered=False),
    # rows of the tables, and pages
    "measures": Result("session", "measures.json"),
    "growth": Result("session", "growth.json", ("growth",), ("baseline",)),
    "patient": Result("patient", "measures.json"),
}


#: A result of each step whose settings and inputs a patient's page tells, beside the follow-up lesion.
TOLD = (
    *("moco", "moco_ctp", "aif", "tmax", "rcbf", "tmax6", "penumbra", "flow_core", "adc", "core", "dwi_to_dscref"),
    *("change", "flow_change", "deficits", "imr"),
)


@dataclass(frozen=True)
class Names:
    """Where each result lies.

    Attributes
    ----------
    output_dir : str
        Empty for paths below the folder of the results.
    """

    output_dir: str = ""

    @property
    def root(self) -> str:
        """What the path of each result begins with."""
        return f"{self.output_dir}/" if self.output_dir else ""

    def pattern(self, name: str, **known: str) -> str:
        """Return the path of a result with its wildcards, such as ``{subject}``, left open but for those known."""
        result = RESULTS[name]
        folder, entities = f"{self.root}sub-{{subject}}", "sub-{subject}"
        if result.folder != "patient":
            folder, entities = f"{folder}/ses-{{session}}", f"{entities}_ses-{{session}}"
        if result.folder not in ("patient", "session"):
            folder = f"{folder}/{result.folder}"
        path = f"{folder}/{entities}_{result.ending}"
        for wildcard, value in known.items():
            path = path.replace(f"{{{wildcard}}}", value)
        return path

    def path(self, name: str, subject: str, session: str | None = None, **wildcards: str | None) -> str:
        """Return the path of a result."""
        return self.pattern(name).format(subject=subject, session=session, **wildcards)
