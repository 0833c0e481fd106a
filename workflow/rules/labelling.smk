# Needs: a session's raw labelled series (ASL) with its M0, and the session's diffusion in perfusion space where there is
#        diffusion. Of a session with DSC and ASL, only DSC is used.
# Gives: the corrected series, its reference and brain, CBF, transit time, relative CBF and the masks of low flow, in
#        perfusion space (dscref, whatever scan it is made of).

LABELLING = {
    "labeling": ask(Plan.setting, "asl", "labeling"),
    "volume_types": ask(Plan.setting, "asl", "volume_types"),
    "efficiency": ask(Plan.setting, "asl", "efficiency"),
    "field_strength_t": ask(Plan.setting, "asl", "field_strength_t"),
}


rule prepare_labelling:
    input:
        asl=ask(Plan.needed, "asl"),
        m0scan=ask(Plan.raw, "m0scan"),
        given=ask(Plan.given_brain, datatype="perf"),
    output:
        series=result("moco_asl"),
        reference=result("dscref"),
        m0=result("m0"),
        timeseries=result("motion"),
        brain=result("brain", datatype="perf"),
        mirror=result("mirror", datatype="perf"),
    log:
        session_log("prepare_labelling"),
    priority: LONGEST_CHAIN
    conda:
        CONDA
    params:
        **step(
            "PrepareLabelling",
            **LABELLING,
            m0_form=ask(Plan.setting, "asl", "m0"),
            m0_estimate=ask(Plan.setting, "asl", "m0_estimate", default=1.0),
            repetition_times_s=ask(Plan.setting, "asl", "repetition_times_s"),
            m0_repetition_times_s=ask(Plan.setting, "m0scan", "repetition_times_s", default=[]),
            unreadable=ask(Plan.unreadable_brain, datatype="perf"),
        ),
    message:
        "correcting head motion of ASL and extracting the brain"
    script:
        "../scripts/run_interface.py"


LABELLED = {
    "series": result("moco_asl"),
    "m0": result("m0"),
    "reference": result("dscref"),
    "timeseries": result("motion"),
    "brain": result("brain", datatype="perf"),
    "mirror": result("mirror", datatype="perf"),
}
LOW_FLOW = {
    "cbf": result("cbf"),
    "att": result("att"),
    "lowflow30": result("lowflow30"),
    "lowflow40": result("lowflow40"),
    "lowflow50": result("lowflow50"),
    "rcbf": result("rcbf"),
}


rule measure_labelling:
    input:
        **LABELLED,
    output:
        **LOW_FLOW,
    log:
        session_log("measure_labelling"),
    priority: LONGEST_CHAIN
    conda:
        CONDA
    params:
        **step(
            "MeasureLabelling",
            **config["labelling"],
            opening_mm=config["hypoperfusion"]["opening_mm"],
            min_volume_ml=config["hypoperfusion"]["min_volume_ml"],
            csf_adc=config["hypoperfusion"]["csf_adc"],
            csf_ratio=config["hypoperfusion"]["csf_ratio"],
            vessel_ratio=config["hypoperfusion"]["vessel_ratio"],
            symptomatic_side_only=config["hypoperfusion"]["symptomatic_side_only"],
            **LABELLING,
            delays_s=ask(Plan.setting, "asl", "delays_s"),
            durations_s=ask(Plan.setting, "asl", "durations_s"),
            slice_times_s=ask(Plan.setting, "asl", "slice_times_s", default=[]),
            slice_axis=ask(Plan.setting, "asl", "slice_axis", default=2),
            notes=ask(Plan.setting, "asl", "notes", default=[]),
            side=ask(facts.side),
        ),
    message:
        "computing blood flow, and measuring low flow"
    script:
        "../scripts/run_interface.py"


# the same, in a session with diffusion
use rule measure_labelling as measure_labelling_and_core with:
    input:
        ask(Plan.where_made, "core_dscref"),
        **LABELLED,
        adc=result("adc_dscref"),
        core=result("core"),
        transform=result("dwi_to_dscref"),
    output:
        **LOW_FLOW,
        core_dscref=result("core_dscref"),
    message:
        "computing blood flow, and measuring low flow and core"


ruleorder: prepare_perfusion > prepare_labelling
ruleorder: map_perfusion > measure_labelling_and_core > measure_labelling
ruleorder: measure_mismatch > measure_labelling_and_core
