# Needs: a session's diffusion-weighted series or the scanner's ADC map, and the perfusion reference.
# Gives: ADC, trace and core on the diffusion grid, and in perfusion space where there is perfusion.


rule compute_adc:
    input:
        dwi=raw("dwi"),
        bvals=setting("dwi", "bvals", default=[]),
        bvecs=setting("dwi", "bvecs", default=[]),
        adc=raw("adc", unless="dwi"),
        trace=raw("trace", unless="dwi"),
    output:
        adc=session_file("dwi", "ADC.nii.gz"),
        trace=session_file("dwi", "trace.nii.gz"),
        reference=session_file("dwi", "dwiref.nii.gz"),
    log:
        session_log("compute_adc"),
    conda:
        CONDA
    params:
        **step("ComputeADC"),
        units=setting("adc", "units", default=""),
    script:
        "../scripts/run_interface.py"


rule segment_core:
    input:
        adc=session_file("dwi", "ADC.nii.gz"),
        trace=session_file("dwi", "trace.nii.gz"),
        brain=session_file("dwi", "desc-brain_mask.nii.gz"),
        mirror=session_file("dwi", "desc-mirror_xfm.json"),
    output:
        core=session_file("dwi", "desc-core_mask.nii.gz"),
    log:
        session_log("segment_core"),
    conda:
        CONDA
    params:
        **config["core"],
        **step("SegmentCore"),
        csf_adc=config["hypoperfusion"]["csf_adc"],
    script:
        "../scripts/run_interface.py"


rule sweep_core:
    input:
        adc=session_file("dwi", "ADC.nii.gz"),
        trace=session_file("dwi", "trace.nii.gz"),
        brain=session_file("dwi", "desc-brain_mask.nii.gz"),
        mirror=session_file("dwi", "desc-mirror_xfm.json"),
        deficit=if_has(session_file("perf", "desc-tmax6_mask.nii.gz"), "dsc"),
        transform=if_has(session_file("dwi", "from-dwi_to-dscref_mode-image_xfm.txt"), "dsc"),
    output:
        curves=session_file("dwi", "desc-thresholds_measures.json"),
    log:
        session_log("sweep_core"),
    conda:
        CONDA
    params:
        **config["core"],
        **step("SweepCore"),
        csf_adc=config["hypoperfusion"]["csf_adc"],
        half_width=config["stability"]["adc"],
    script:
        "../scripts/run_interface.py"


rule register_diffusion:
    input:
        fixed=session_file("perf", "dscref.nii.gz"),
        fixed_brain=session_file("perf", "desc-brain_mask.nii.gz"),
        moving=session_file("dwi", "dwiref.nii.gz"),
        moving_brain=session_file("dwi", "desc-brain_mask.nii.gz"),
    output:
        transform=session_file("dwi", "from-dwi_to-dscref_mode-image_xfm.txt"),
    log:
        session_log("register_diffusion"),
    conda:
        CONDA
    params:
        **FIT_LIMITS,
        **step("RegisterImages"),
        distortion_axis=distortion_axis,
    script:
        "../scripts/run_interface.py"


rule resample_diffusion:
    input:
        adc=session_file("dwi", "ADC.nii.gz"),
        trace=session_file("dwi", "trace.nii.gz"),
        core=session_file("dwi", "desc-core_mask.nii.gz"),
        reference=session_file("perf", "dscref.nii.gz"),
        transform=session_file("dwi", "from-dwi_to-dscref_mode-image_xfm.txt"),
    output:
        adc=session_file("dwi", "space-dscref_ADC.nii.gz"),
        trace=session_file("dwi", "space-dscref_trace.nii.gz"),
        core=session_file("dwi", "space-dscref_desc-core_mask.nii.gz"),
    log:
        session_log("resample_diffusion"),
    conda:
        CONDA
    params:
        **step("ResampleDiffusion"),
    script:
        "../scripts/run_interface.py"
