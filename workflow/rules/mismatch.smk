# Needs: a session's core and hypoperfusion masks, and its quality figures.
# Gives: the penumbra, and the session's row of the tables with every trial's profile.


rule segment_penumbra:
    input:
        deficit=session_file("perf", "desc-tmax6_mask.nii.gz"),
        core=session_file("dwi", "space-dscref_desc-core_mask.nii.gz"),
    output:
        penumbra=session_file("perf", "desc-penumbra_mask.nii.gz"),
    params:
        interface="SegmentPenumbra",
        fingerprint=fingerprint("mismatch"),
    log:
        session_log("segment_penumbra"),
    conda:
        CONDA
    script:
        "../scripts/run_interface.py"


rule measure_session:
    input:
        core=if_has(session_file("dwi", "desc-core_mask.nii.gz"), "dwi|adc"),
        tmax4=if_has(session_file("perf", "desc-tmax4_mask.nii.gz"), "dsc"),
        tmax6=if_has(session_file("perf", "desc-tmax6_mask.nii.gz"), "dsc"),
        tmax8=if_has(session_file("perf", "desc-tmax8_mask.nii.gz"), "dsc"),
        tmax10=if_has(session_file("perf", "desc-tmax10_mask.nii.gz"), "dsc"),
        penumbra=if_has(session_file("perf", "desc-penumbra_mask.nii.gz"), "dsc", "dwi|adc"),
        rcbf=if_has(session_file("perf", "desc-rel_cbf.nii.gz"), "dsc"),
        motion=if_has(session_file("perf", "desc-motion_timeseries.tsv"), "dsc"),
        curves=if_has(session_file("perf", "desc-aif_timeseries.tsv"), "dsc"),
        transform=if_has(session_file("dwi", "from-dwi_to-dscref_mode-image_xfm.txt"), "dsc", "dwi|adc"),
    output:
        measures=SESSION_MEASURES,
    params:
        interface="MeasureSession",
        participant="{subject}",
        session="{session}",
        role=lambda wildcards: MANIFEST.role(wildcards.subject, wildcards.session),
        absences=absent_scans,
        criteria=CATALOGUE,
        limits=config["quality"],
        fingerprint=fingerprint("mismatch"),
    log:
        session_log("measure_session"),
    conda:
        CONDA
    script:
        "../scripts/run_interface.py"
