# Needs: a session's raw CT perfusion series.
# Gives: the corrected series, its reference and brain, as perfusion.smk gives those of DSC; and where there is no
#        diffusion, the core by blood flow and the penumbra around it.


rule prepare_ct_perfusion:
    input:
        ctp=ask(Plan.needed, "ctp"),
        given=ask(Plan.given_brain, datatype="perf"),
    output:
        series=result("moco_ctp"),
        reference=result("dscref"),
        timeseries=result("motion"),
        transforms=result("poses"),
        brain=result("brain", datatype="perf"),
        mirror=result("mirror", datatype="perf"),
    log:
        session_log("prepare_ct_perfusion"),
    priority: LONGEST_CHAIN
    conda:
        CONDA
    params:
        **step(
            "PrepareCtPerfusion",
            repetition_time_s=ask(Plan.setting, "ctp", "repetition_time_s"),
            frame_times_s=ask(Plan.setting, "ctp", "frame_times_s", default=[]),
            slice_times_s=ask(Plan.setting, "ctp", "slice_times_s", default=[]),
            slice_axis=ask(Plan.setting, "ctp", "slice_axis", default=2),
            unreadable=ask(Plan.unreadable_brain, datatype="perf"),
        ),
    message:
        "correcting head motion on CT and extracting the brain"
    script:
        "../scripts/run_interface.py"


ruleorder: prepare_perfusion > prepare_ct_perfusion


if PLAN.has_bolus_alone:

    # as measure_perfusion, and the core by blood flow
    rule measure_ct_mismatch:
        input:
            ask(Plan.where_made, "flow_core"),
            **MAPS,
        output:
            **DEFICIT,
            core=result("flow_core"),
            penumbra=result("penumbra"),
        log:
            session_log("measure_ct_mismatch"),
        priority: LONGEST_CHAIN
        conda:
            CONDA
        params:
            **step(
                "MeasureCtMismatch",
                **config["concentration"],
                **config["deconvolution"],
                **config["hypoperfusion"],
                **config["intervals"],
                half_widths=config["stability"],
                modality=ask(Plan.perfusion),
                repetition_time_s=ask(Plan.setting, "ctp", "repetition_time_s"),
                side=ask(facts.side),
            ),
        message:
            "measuring hypoperfused tissue, core and penumbra on CT"
        script:
            "../scripts/run_interface.py"

    ruleorder: measure_mismatch > measure_ct_mismatch > measure_perfusion
