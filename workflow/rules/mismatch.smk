# Needs: a session's core and hypoperfusion masks, its quality figures, and its reflow after treatment.
# Gives: the penumbra, and the session's row of the tables with every trial's profile.


rule segment_penumbra:
    input:
        deficit=session_file("perf", "desc-tmax6_mask.nii.gz"),
        core=session_file("dwi", "space-dscref_desc-core_mask.nii.gz"),
    output:
        penumbra=session_file("perf", "desc-penumbra_mask.nii.gz"),
    log:
        session_log("segment_penumbra"),
    conda:
        CONDA
    params:
        **step("SegmentPenumbra"),
    script:
        "../scripts/run_interface.py"


rule measure_session:
    input:
        core=if_has(session_file("dwi", "desc-core_mask.nii.gz"), "dwi|adc"),
        core_mirror=if_has(session_file("dwi", "desc-mirror_xfm.json"), "dwi|adc"),
        core_curves=if_has(session_file("dwi", "desc-thresholds_measures.json"), "dwi|adc"),
        core_dscref=if_has(session_file("dwi", "space-dscref_desc-core_mask.nii.gz"), "dsc", "dwi|adc"),
        tmax4=if_has(session_file("perf", "desc-tmax4_mask.nii.gz"), "dsc"),
        tmax6=if_has(session_file("perf", "desc-tmax6_mask.nii.gz"), "dsc"),
        tmax8=if_has(session_file("perf", "desc-tmax8_mask.nii.gz"), "dsc"),
        tmax10=if_has(session_file("perf", "desc-tmax10_mask.nii.gz"), "dsc"),
        penumbra=if_has(session_file("perf", "desc-penumbra_mask.nii.gz"), "dsc", "dwi|adc"),
        deficit_mirror=if_has(session_file("perf", "desc-mirror_xfm.json"), "dsc"),
        deficit_curves=if_has(session_file("perf", "desc-thresholds_measures.json"), "dsc"),
        motion=if_has(session_file("perf", "desc-motion_timeseries.tsv"), "dsc"),
        curves=if_has(session_file("perf", "desc-aif_timeseries.tsv"), "dsc"),
        transform=if_has(session_file("dwi", "from-dwi_to-dscref_mode-image_xfm.txt"), "dsc", "dwi|adc"),
        reflow=own_reflow,
        post=post_measures,
    output:
        measures=SESSION_MEASURES,
    log:
        session_log("measure_session"),
    conda:
        CONDA
    params:
        **step("MeasureSession"),
        participant="{subject}",
        session="{session}",
        role=lambda wildcards: MANIFEST.role(wildcards.subject, wildcards.session),
        side=lesion_side,
        clinical=clinical_values,
        absences=absent_scans,
        criteria=CATALOGUE,
        half_widths=config["stability"],
        core_threshold=config["core"]["adc_threshold"],
        limits=config["quality"],
    script:
        "../scripts/run_interface.py"
