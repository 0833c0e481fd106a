# Needs: a session's raw DSC series, or its corrected CT series (ct.smk), an arterial input chosen by hand where there is one, and the session's diffusion in
#        perfusion space with its core where there is diffusion.
# Gives: the corrected series, its reference and brain, the AIF, CBF, CBV, MTT, Tmax, TTP, arterial delay,
#        relative CBF and CBV, and the masks of hypoperfused and of late tissue, all in perfusion space (dscref);
#        with a core the penumbra, too.


rule prepare_perfusion:
    input:
        dsc=ask(Plan.needed, "dsc"),
        given=ask(Plan.given_brain, datatype="perf"),
    output:
        series=result("moco"),
        reference=result("dscref"),
        timeseries=result("motion"),
        transforms=result("poses"),
        brain=result("brain", datatype="perf"),
        mirror=result("mirror", datatype="perf"),
    log:
        session_log("prepare_perfusion"),
    priority: LONGEST_CHAIN
    conda:
        CONDA
    params:
        **step(
            "PreparePerfusion",
            **config["motion"],
            repetition_time_s=ask(Plan.setting, "dsc", "repetition_time_s"),
            unreadable=ask(Plan.unreadable_brain, datatype="perf"),
        ),
    message:
        "correcting head motion and extracting the brain"
    script:
        "../scripts/run_interface.py"


UNCORRECTED_CBV = (
    {"uncorrected_cbv": result("uncorrected_cbv")} if config["concentration"]["leakage_correction"] else {}
)


rule map_perfusion:
    input:
        series=ask(Plan.moco),
        brain=result("brain", datatype="perf"),
        manual=ask(Plan.raw, "aif"),
        transforms=result("poses"),
    output:
        **UNCORRECTED_CBV,
        curves=result("aif"),
        cbf=result("cbf"),
        cbv=result("cbv"),
        mtt=result("mtt"),
        tmax=result("tmax"),
        delay=result("delay"),
        delaysd=result("delaysd"),
    log:
        session_log("map_perfusion"),
    priority: LONGEST_CHAIN
    conda:
        CONDA
    params:
        **step(
            "MapPerfusion",
            **config["aif"],
            **config["concentration"],
            **config["deconvolution"],
            **{f"delay_{key}": value for key, value in config["delay"].items()},
            unreadable=ask(Plan.unreadable, "aif"),
            modality=ask(Plan.perfusion),
            repetition_time_s=ask(Plan.setting, "dsc|ctp", "repetition_time_s"),
            echo_time_s=ask(Plan.setting, "dsc", "echo_time_s"),
            slice_times_s=ask(Plan.setting, "dsc", "slice_times_s", default=[]),
            slice_axis=ask(Plan.setting, "dsc", "slice_axis", default=2),
            side=ask(facts.side),
        ),
    message:
        "computing CBF, CBV, MTT, Tmax and the arterial delay"
    script:
        "../scripts/run_interface.py"


MAPS = {
    "series": ask(Plan.moco),
    "reference": result("dscref"),
    "brain": result("brain", datatype="perf"),
    "mirror": result("mirror", datatype="perf"),
    "curves": result("aif"),
    "transforms": result("poses"),
    "cbf": result("cbf"),
    "cbv": result("cbv"),
    "tmax": result("tmax"),
    "delay": result("delay"),
}
DRAWS = {"draws": result("deficit_draws"), "rcbv_sd": result("rcbv_sd")} if config["intervals"]["resamples"] else {}
DEFICIT = DRAWS | {
    "tmax4": result("tmax4"),
    "tmax6": result("tmax6"),
    "tmax8": result("tmax8"),
    "tmax10": result("tmax10"),
    "delay3": result("delay3"),
    "delay6": result("delay6"),
    "delay_curves": result("delay_curves"),
    "ttp": result("ttp"),
    "rttp45": result("rttp45"),
    "rcbf": result("rcbf"),
    "rcbv": result("rcbv"),
    "deficit_curves": result("deficit_curves"),
    "tmax_sweep": result("tmax_sweep"),
    "rcbf_sweep": result("rcbf_sweep"),
}


rule measure_mismatch:
    input:
        ask(Plan.where_made, "core_dscref"),
        **MAPS,
        adc=result("adc_dscref"),
        core=result("core"),
        adc_sweep=result("adc_sweep"),
        transform=result("dwi_to_dscref"),
    output:
        **DEFICIT,
        core_dscref=result("core_dscref"),
        penumbra=result("penumbra"),
    log:
        session_log("measure_mismatch"),
    priority: LONGEST_CHAIN
    conda:
        CONDA
    params:
        **step(
            "MeasurePerfusion",
            **config["concentration"],
            **config["deconvolution"],
            **config["hypoperfusion"],
            **config["intervals"],
            half_widths=config["stability"],
            modality=ask(Plan.perfusion),
            repetition_time_s=ask(Plan.setting, "dsc|ctp", "repetition_time_s"),
            echo_time_s=ask(Plan.setting, "dsc", "echo_time_s"),
            slice_times_s=ask(Plan.setting, "dsc", "slice_times_s", default=[]),
            slice_axis=ask(Plan.setting, "dsc", "slice_axis", default=2),
            side=ask(facts.side),
        ),
    message:
        "measuring hypoperfused tissue and penumbra"
    script:
        "../scripts/run_interface.py"


if PLAN.has_bolus_alone:

    # the same, in a session without diffusion
    use rule measure_mismatch as measure_perfusion with:
        input:
            **MAPS,
        output:
            **DEFICIT,
        log:
            session_log("measure_perfusion"),
        message:
            "measuring hypoperfused tissue"

    ruleorder: measure_mismatch > measure_perfusion
