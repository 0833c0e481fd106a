# Needs: a session's diffusion-weighted series or the scanner's ADC map, and the perfusion reference.
# Gives: ADC, trace, brain and core on the diffusion grid; ADC and trace in perfusion space where there is perfusion.


rule prepare_diffusion:
    input:
        ask_all(
            dwi=ask(Plan.raw, "dwi"),
            bvals=ask(Plan.setting, "dwi", "bvals", default=[]),
            bvecs=ask(Plan.setting, "dwi", "bvecs", default=[]),
            adc=ask(Plan.raw, "adc", unless="dwi"),
            trace=ask(Plan.raw, "trace", unless="dwi"),
            given=ask(Plan.given_brain, datatype="dwi"),
        ),
    output:
        adc=result("adc"),
        trace=result("trace"),
        reference=result("dwiref"),
        brain=result("brain", datatype="dwi"),
        mirror=result("mirror", datatype="dwi"),
    log:
        session_log("prepare_diffusion"),
    priority: LONGEST_CHAIN
    conda:
        CONDA
    params:
        **step(
            "PrepareDiffusion",
            units=ask(Plan.setting, "adc", "units", default=""),
            unreadable=ask(Plan.unreadable_brain, datatype="dwi"),
        ),
    message:
        "computing ADC and trace image, and extracting the brain"
    script:
        "../scripts/run_interface.py"


rule measure_core:
    input:
        adc=result("adc"),
        trace=result("trace"),
        brain=result("brain", datatype="dwi"),
        mirror=result("mirror", datatype="dwi"),
    output:
        core=result("core"),
        curves=result("core_curves"),
        adc_sweep=result("adc_sweep"),
    log:
        session_log("measure_core"),
    priority: LONGEST_CHAIN
    conda:
        CONDA
    params:
        **step(
            "MeasureCore",
            **config["core"],
            **config["intervals"],
            csf_adc=config["hypoperfusion"]["csf_adc"],
            half_width=config["stability"]["adc"],
        ),
    message:
        "measuring the diffusion lesion"
    script:
        "../scripts/run_interface.py"


rule align_diffusion:
    input:
        fixed=result("dscref"),
        fixed_brain=result("brain", datatype="perf"),
        moving=result("dwiref"),
        moving_brain=result("brain", datatype="dwi"),
        adc=result("adc"),
        trace=result("trace"),
    output:
        transform=result("dwi_to_dscref"),
        adc=result("adc_dscref"),
        trace=result("trace_dscref"),
    log:
        session_log("align_diffusion"),
    priority: LONGEST_CHAIN
    conda:
        CONDA
    params:
        **step(
            "AlignDiffusion",
            **FIT_LIMITS,
            distortion_axis=ask(Plan.distortion_axis),
        ),
    message:
        "aligning diffusion with perfusion"
    script:
        "../scripts/run_interface.py"
