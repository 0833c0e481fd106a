# Needs: a session's diffusion-weighted series or the scanner's ADC map, and the perfusion reference.
# Gives: ADC, trace and core on the diffusion grid, and in perfusion space where there is perfusion.


rule compute_adc:
    input:
        dwi=ask(Plan.raw, "dwi"),
        bvals=ask(Plan.setting, "dwi", "bvals", default=[]),
        bvecs=ask(Plan.setting, "dwi", "bvecs", default=[]),
        adc=ask(Plan.raw, "adc", unless="dwi"),
        trace=ask(Plan.raw, "trace", unless="dwi"),
    output:
        adc=result("adc"),
        trace=result("trace"),
        reference=result("dwiref"),
    log:
        session_log("compute_adc"),
    conda:
        CONDA
    params:
        **step("ComputeADC"),
        units=ask(Plan.setting, "adc", "units", default=""),
    message:
        "computing ADC and trace image"
    script:
        "../scripts/run_interface.py"


rule segment_core:
    input:
        adc=result("adc"),
        trace=result("trace"),
        brain=result("brain", datatype="dwi"),
        mirror=result("mirror", datatype="dwi"),
    output:
        core=result("core"),
    log:
        session_log("segment_core"),
    conda:
        CONDA
    params:
        **config["core"],
        **step("SegmentCore"),
        csf_adc=config["hypoperfusion"]["csf_adc"],
    message:
        "segmenting the diffusion lesion"
    script:
        "../scripts/run_interface.py"


rule sweep_core:
    input:
        adc=result("adc"),
        trace=result("trace"),
        brain=result("brain", datatype="dwi"),
        mirror=result("mirror", datatype="dwi"),
        deficit=ask(Plan.own, "tmax6"),
        transform=ask(Plan.own, "dwi_to_dscref"),
    output:
        curves=result("core_curves"),
        adc_sweep=result("adc_sweep"),
    log:
        session_log("sweep_core"),
    conda:
        CONDA
    params:
        **config["core"],
        **step("SweepCore"),
        **config["intervals"],
        csf_adc=config["hypoperfusion"]["csf_adc"],
        half_width=config["stability"]["adc"],
    message:
        "measuring the diffusion lesion at every threshold"
    script:
        "../scripts/run_interface.py"


rule register_diffusion:
    input:
        fixed=result("dscref"),
        fixed_brain=result("brain", datatype="perf"),
        moving=result("dwiref"),
        moving_brain=result("brain", datatype="dwi"),
    output:
        transform=result("dwi_to_dscref"),
    log:
        session_log("register_diffusion"),
    conda:
        CONDA
    params:
        **FIT_LIMITS,
        **step("RegisterImages"),
        distortion_axis=ask(Plan.distortion_axis),
    message:
        "aligning diffusion with perfusion"
    script:
        "../scripts/run_interface.py"


rule resample_diffusion:
    input:
        adc=result("adc"),
        trace=result("trace"),
        core=result("core"),
        reference=result("dscref"),
        transform=result("dwi_to_dscref"),
    output:
        adc=result("adc_dscref"),
        trace=result("trace_dscref"),
        core=result("core_dscref"),
    log:
        session_log("resample_diffusion"),
    conda:
        CONDA
    params:
        **step("ResampleDiffusion"),
    message:
        "bringing diffusion maps into perfusion space"
    script:
        "../scripts/run_interface.py"
