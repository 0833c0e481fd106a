# Needs: a session's raw DSC series, an arterial input chosen by hand where there is one, and the core in
#        perfusion space where there is diffusion.
# Gives: the corrected series, its reference and brain, the AIF, CBF, CBV, MTT, Tmax, TTP, relative
#        CBF and CBV, and the hypoperfusion masks, all in perfusion space (dscref).


rule correct_motion:
    input:
        dsc=raw("dsc"),
    output:
        series=session_file("perf", "desc-moco_dsc.nii.gz"),
        reference=session_file("perf", "dscref.nii.gz"),
        timeseries=session_file("perf", "desc-motion_timeseries.tsv"),
        transforms=session_file("perf", "from-dscref_to-dsc_mode-points_xfm.tsv"),
    log:
        session_log("correct_motion"),
    conda:
        CONDA
    params:
        **config["motion"],
        **step("CorrectMotion"),
        repetition_time_s=setting("dsc", "repetition_time_s"),
    script:
        "../scripts/run_interface.py"


rule extract_brain:
    input:
        reference=reference,
        given=given_brain,
    output:
        brain=session_file("{datatype}", "desc-brain_mask.nii.gz"),
        mirror=session_file("{datatype}", "desc-mirror_xfm.json"),
    log:
        session_log("extract_brain_{datatype}"),
    conda:
        CONDA
    params:
        **step("ExtractBrain"),
    script:
        "../scripts/run_interface.py"


rule select_arterial_input:
    input:
        series=session_file("perf", "desc-moco_dsc.nii.gz"),
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        manual=raw("aif"),
    output:
        curves=session_file("perf", "desc-aif_timeseries.tsv"),
    log:
        session_log("select_arterial_input"),
    conda:
        CONDA
    params:
        **config["aif"],
        **step("SelectArterialInput"),
        repetition_time_s=setting("dsc", "repetition_time_s"),
        echo_time_s=setting("dsc", "echo_time_s"),
        slice_times_s=setting("dsc", "slice_times_s", []),
        slice_axis=setting("dsc", "slice_axis", 2),
        side=lesion_side,
    script:
        "../scripts/run_interface.py"


UNCORRECTED_CBV = (
    {"uncorrected_cbv": session_file("perf", "desc-uncorrected_cbv.nii.gz")}
    if config["concentration"]["leakage_correction"]
    else {}
)


rule deconvolve_perfusion:
    input:
        series=session_file("perf", "desc-moco_dsc.nii.gz"),
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        curves=session_file("perf", "desc-aif_timeseries.tsv"),
        transforms=session_file("perf", "from-dscref_to-dsc_mode-points_xfm.tsv"),
    output:
        **UNCORRECTED_CBV,
        cbf=session_file("perf", "cbf.nii.gz"),
        cbv=session_file("perf", "cbv.nii.gz"),
        mtt=session_file("perf", "mtt.nii.gz"),
        tmax=session_file("perf", "tmax.nii.gz"),
        ttp=session_file("perf", "ttp.nii.gz"),
    log:
        session_log("deconvolve_perfusion"),
    conda:
        CONDA
    params:
        **config["concentration"],
        **config["deconvolution"],
        **step("DeconvolvePerfusion"),
        repetition_time_s=setting("dsc", "repetition_time_s"),
        echo_time_s=setting("dsc", "echo_time_s"),
        slice_times_s=setting("dsc", "slice_times_s", []),
        slice_axis=setting("dsc", "slice_axis", 2),
    script:
        "../scripts/run_interface.py"


rule segment_hypoperfusion:
    input:
        tmax=session_file("perf", "tmax.nii.gz"),
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        reference=session_file("perf", "dscref.nii.gz"),
        adc=if_has(session_file("dwi", "space-dscref_ADC.nii.gz"), "dwi|adc"),
        cbv=session_file("perf", "cbv.nii.gz"),
        mirror=mirror_of_known_side,
    output:
        tmax4=session_file("perf", "desc-tmax4_mask.nii.gz"),
        tmax6=session_file("perf", "desc-tmax6_mask.nii.gz"),
        tmax8=session_file("perf", "desc-tmax8_mask.nii.gz"),
        tmax10=session_file("perf", "desc-tmax10_mask.nii.gz"),
    log:
        session_log("segment_hypoperfusion"),
    conda:
        CONDA
    params:
        **config["hypoperfusion"],
        **step("SegmentHypoperfusion"),
        side=lesion_side,
    script:
        "../scripts/run_interface.py"


rule normalize_perfusion:
    input:
        cbf=session_file("perf", "cbf.nii.gz"),
        cbv=session_file("perf", "cbv.nii.gz"),
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        reference=session_file("perf", "dscref.nii.gz"),
        deficit=session_file("perf", "desc-tmax6_mask.nii.gz"),
        mirror=session_file("perf", "desc-mirror_xfm.json"),
        core=if_has(session_file("dwi", "space-dscref_desc-core_mask.nii.gz"), "dwi|adc"),
    output:
        rcbf=session_file("perf", "desc-rel_cbf.nii.gz"),
        rcbv=session_file("perf", "desc-rel_cbv.nii.gz"),
    log:
        session_log("normalize_perfusion"),
    conda:
        CONDA
    params:
        **step("NormalizePerfusion"),
        csf_ratio=config["hypoperfusion"]["csf_ratio"],
        vessel_ratio=config["hypoperfusion"]["vessel_ratio"],
    script:
        "../scripts/run_interface.py"


rule sweep_perfusion:
    input:
        tmax=session_file("perf", "tmax.nii.gz"),
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        reference=session_file("perf", "dscref.nii.gz"),
        adc=if_has(session_file("dwi", "space-dscref_ADC.nii.gz"), "dwi|adc"),
        cbv=session_file("perf", "cbv.nii.gz"),
        mirror=mirror_of_known_side,
        deficit=session_file("perf", "desc-tmax6_mask.nii.gz"),
        rcbf=session_file("perf", "desc-rel_cbf.nii.gz"),
        rcbv=session_file("perf", "desc-rel_cbv.nii.gz"),
        core=if_has(session_file("dwi", "space-dscref_desc-core_mask.nii.gz"), "dwi|adc"),
    output:
        curves=session_file("perf", "desc-thresholds_measures.json"),
    log:
        session_log("sweep_perfusion"),
    conda:
        CONDA
    params:
        **config["hypoperfusion"],
        **step("SweepPerfusion"),
        side=lesion_side,
        half_widths=config["stability"],
    script:
        "../scripts/run_interface.py"
