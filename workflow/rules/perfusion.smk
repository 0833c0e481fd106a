# Needs: a session's raw DSC series, an arterial input chosen by hand where there is one, and the core in
#        perfusion space where there is diffusion.
# Gives: the corrected series, its reference and brain, the AIF, CBF, CBV, MTT, Tmax, TTP, arterial delay,
#        relative CBF and CBV, and the masks of hypoperfused and of late tissue, all in perfusion space (dscref).


rule correct_motion:
    input:
        dsc=ask(Plan.raw, "dsc"),
    output:
        series=result("moco"),
        reference=result("dscref"),
        timeseries=result("motion"),
        transforms=result("poses"),
    log:
        session_log("correct_motion"),
    conda:
        CONDA
    params:
        **config["motion"],
        **step("CorrectMotion"),
        repetition_time_s=ask(Plan.setting, "dsc", "repetition_time_s"),
    message:
        "correcting head motion of the DSC series"
    script:
        "../scripts/run_interface.py"


rule extract_brain:
    input:
        reference=ask(Plan.reference),
        given=ask(Plan.given_brain),
    output:
        brain=result("brain"),
        mirror=result("mirror"),
    log:
        session_log("extract_brain_{datatype}"),
    conda:
        CONDA
    params:
        **step("ExtractBrain"),
        unreadable=ask(Plan.unreadable_brain),
    message:
        "extracting the brain"
    script:
        "../scripts/run_interface.py"


rule select_arterial_input:
    input:
        series=result("moco"),
        brain=result("brain", datatype="perf"),
        manual=ask(Plan.raw, "aif"),
    output:
        curves=result("aif"),
    log:
        session_log("select_arterial_input"),
    conda:
        CONDA
    params:
        **config["aif"],
        **step("SelectArterialInput"),
        unreadable=ask(Plan.unreadable, "aif"),
        repetition_time_s=ask(Plan.setting, "dsc", "repetition_time_s"),
        echo_time_s=ask(Plan.setting, "dsc", "echo_time_s"),
        slice_times_s=ask(Plan.setting, "dsc", "slice_times_s", default=[]),
        slice_axis=ask(Plan.setting, "dsc", "slice_axis", default=2),
        side=ask(facts.side),
    message:
        "finding the arteries and their curve"
    script:
        "../scripts/run_interface.py"


UNCORRECTED_CBV = (
    {"uncorrected_cbv": result("uncorrected_cbv")} if config["concentration"]["leakage_correction"] else {}
)


rule deconvolve_perfusion:
    input:
        series=result("moco"),
        brain=result("brain", datatype="perf"),
        curves=result("aif"),
        transforms=result("poses"),
    output:
        **UNCORRECTED_CBV,
        cbf=result("cbf"),
        cbv=result("cbv"),
        mtt=result("mtt"),
        tmax=result("tmax"),
    log:
        session_log("deconvolve_perfusion"),
    conda:
        CONDA
    params:
        **config["concentration"],
        **config["deconvolution"],
        **step("DeconvolvePerfusion"),
        repetition_time_s=ask(Plan.setting, "dsc", "repetition_time_s"),
        echo_time_s=ask(Plan.setting, "dsc", "echo_time_s"),
        slice_times_s=ask(Plan.setting, "dsc", "slice_times_s", default=[]),
        slice_axis=ask(Plan.setting, "dsc", "slice_axis", default=2),
    message:
        "computing CBF, CBV, MTT and Tmax"
    script:
        "../scripts/run_interface.py"


rule map_delay:
    input:
        series=result("moco"),
        brain=result("brain", datatype="perf"),
        curves=result("aif"),
        transforms=result("poses"),
    output:
        delay=result("delay"),
        delaysd=result("delaysd"),
    log:
        session_log("map_delay"),
    conda:
        CONDA
    params:
        **config["delay"],
        **step("MapDelay"),
        motion_signal_per_mm=config["concentration"]["motion_signal_per_mm"],
        window_s=config["concentration"]["window_s"],
        repetition_time_s=ask(Plan.setting, "dsc", "repetition_time_s"),
        echo_time_s=ask(Plan.setting, "dsc", "echo_time_s"),
        slice_times_s=ask(Plan.setting, "dsc", "slice_times_s", default=[]),
        slice_axis=ask(Plan.setting, "dsc", "slice_axis", default=2),
    message:
        "mapping the arterial delay"
    script:
        "../scripts/run_interface.py"


rule map_time_to_peak:
    input:
        series=result("moco"),
        brain=result("brain", datatype="perf"),
        reference=result("dscref"),
        adc=ask(Plan.own, "adc_dscref"),
        mirror=ask(facts.mirror_of_known_side),
    output:
        ttp=result("ttp"),
        rttp45=result("rttp45"),
    log:
        session_log("map_time_to_peak"),
    conda:
        CONDA
    params:
        **config["hypoperfusion"],
        **step("MapTimeToPeak"),
        smoothing_fwhm_mm=config["concentration"]["smoothing_fwhm_mm"],
        window_s=config["concentration"]["window_s"],
        side=ask(facts.side),
        repetition_time_s=ask(Plan.setting, "dsc", "repetition_time_s"),
        echo_time_s=ask(Plan.setting, "dsc", "echo_time_s"),
        slice_times_s=ask(Plan.setting, "dsc", "slice_times_s", default=[]),
        slice_axis=ask(Plan.setting, "dsc", "slice_axis", default=2),
    message:
        "mapping the time to peak"
    script:
        "../scripts/run_interface.py"


rule segment_delay:
    input:
        delay=result("delay"),
        brain=result("brain", datatype="perf"),
        reference=result("dscref"),
        adc=ask(Plan.own, "adc_dscref"),
        cbv=result("cbv"),
        mirror=ask(facts.mirror_of_known_side),
    output:
        delay3=result("delay3"),
        delay6=result("delay6"),
        curves=result("delay_curves"),
    log:
        session_log("segment_delay"),
    conda:
        CONDA
    params:
        **config["hypoperfusion"],
        **step("SegmentDelay"),
        side=ask(facts.side),
    message:
        "segmenting tissue that the bolus reaches late"
    script:
        "../scripts/run_interface.py"


rule segment_hypoperfusion:
    input:
        tmax=result("tmax"),
        brain=result("brain", datatype="perf"),
        reference=result("dscref"),
        adc=ask(Plan.own, "adc_dscref"),
        cbv=result("cbv"),
        mirror=ask(facts.mirror_of_known_side),
    output:
        tmax4=result("tmax4"),
        tmax6=result("tmax6"),
        tmax8=result("tmax8"),
        tmax10=result("tmax10"),
    log:
        session_log("segment_hypoperfusion"),
    conda:
        CONDA
    params:
        **config["hypoperfusion"],
        **step("SegmentHypoperfusion"),
        side=ask(facts.side),
    message:
        "segmenting hypoperfused tissue"
    script:
        "../scripts/run_interface.py"


rule normalize_perfusion:
    input:
        cbf=result("cbf"),
        cbv=result("cbv"),
        brain=result("brain", datatype="perf"),
        reference=result("dscref"),
        deficit=result("tmax6"),
        mirror=result("mirror", datatype="perf"),
        core=ask(Plan.own, "core_dscref"),
    output:
        rcbf=result("rcbf"),
        rcbv=result("rcbv"),
    log:
        session_log("normalize_perfusion"),
    conda:
        CONDA
    params:
        **step("NormalizePerfusion"),
        csf_ratio=config["hypoperfusion"]["csf_ratio"],
        vessel_ratio=config["hypoperfusion"]["vessel_ratio"],
    message:
        "computing relative CBF and CBV"
    script:
        "../scripts/run_interface.py"


rule resample_perfusion:
    input:
        series=result("moco"),
        brain=result("brain", datatype="perf"),
        curves=result("aif"),
        transforms=result("poses"),
        tmax=result("tmax"),
        reference=result("dscref"),
        adc=ask(Plan.own, "adc_dscref"),
        cbv=result("cbv"),
        mirror=ask(facts.mirror_of_known_side),
        rcbf=result("rcbf"),
        rcbv=result("rcbv"),
    output:
        draws=result("deficit_draws"),
        rcbv_sd=result("rcbv_sd"),
    log:
        session_log("resample_perfusion"),
    conda:
        CONDA
    params:
        **config["concentration"],
        **config["deconvolution"],
        **config["hypoperfusion"],
        **config["intervals"],
        **step("ResamplePerfusion"),
        repetition_time_s=ask(Plan.setting, "dsc", "repetition_time_s"),
        echo_time_s=ask(Plan.setting, "dsc", "echo_time_s"),
        slice_times_s=ask(Plan.setting, "dsc", "slice_times_s", default=[]),
        slice_axis=ask(Plan.setting, "dsc", "slice_axis", default=2),
        side=ask(facts.side),
    message:
        "measuring the late tissue again with noise added"
    script:
        "../scripts/run_interface.py"


rule sweep_perfusion:
    input:
        tmax=result("tmax"),
        brain=result("brain", datatype="perf"),
        reference=result("dscref"),
        adc=ask(Plan.own, "adc_dscref"),
        cbv=result("cbv"),
        mirror=ask(facts.mirror_of_known_side),
        deficit=result("tmax6"),
        rcbf=result("rcbf"),
        rcbv=result("rcbv"),
        core=ask(Plan.own, "core_dscref"),
    output:
        curves=result("deficit_curves"),
        tmax_sweep=result("tmax_sweep"),
        rcbf_sweep=result("rcbf_sweep"),
    log:
        session_log("sweep_perfusion"),
    conda:
        CONDA
    params:
        **config["hypoperfusion"],
        **step("SweepPerfusion"),
        side=ask(facts.side),
        half_widths=config["stability"],
    message:
        "measuring perfusion volumes at every threshold"
    script:
        "../scripts/run_interface.py"
