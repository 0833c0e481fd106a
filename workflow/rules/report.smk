# Needs: finished maps, masks, curves and measures.
# Gives: the figures of every patient, a page for each and one for the study.

PAGES = expand(f"{OUTPUT_DIR}/sub-{{subject}}.html", subject=SUBJECTS)
STUDY_PAGE = f"{OUTPUT_DIR}/group.html"
FIGURES = f"{OUTPUT_DIR}/sub-{{subject}}/figures"


rule plot_patient:
    input:
        trace=of_sessions(session_file("dwi", "trace.nii.gz"), "dwi|adc"),
        adc=of_sessions(session_file("dwi", "ADC.nii.gz"), "dwi|adc"),
        diffusion_brain=of_sessions(session_file("dwi", "desc-brain_mask.nii.gz"), "dwi|adc"),
        core=of_sessions(session_file("dwi", "desc-core_mask.nii.gz"), "dwi|adc"),
        lesion=followup_lesion,
        growth=growth_result(BASELINE_GROWTH),
        flair=if_drawn_on_flair(followup_reference),
        flair_brain=if_drawn_on_flair(role_file("followup", "anat", "desc-brain_mask.nii.gz")),
        reference=of_sessions(session_file("perf", "dscref.nii.gz"), "dsc"),
        perfusion_brain=of_sessions(session_file("perf", "desc-brain_mask.nii.gz"), "dsc"),
        rcbf=of_sessions(session_file("perf", "desc-rel_cbf.nii.gz"), "dsc"),
        rcbv=of_sessions(session_file("perf", "desc-rel_cbv.nii.gz"), "dsc"),
        mtt=of_sessions(session_file("perf", "mtt.nii.gz"), "dsc"),
        tmax=of_sessions(session_file("perf", "tmax.nii.gz"), "dsc"),
        tmax6=of_sessions(session_file("perf", "desc-tmax6_mask.nii.gz"), "dsc"),
        trace_dscref=of_sessions(session_file("dwi", "space-dscref_trace.nii.gz"), "dsc", "dwi|adc"),
        core_dscref=of_sessions(session_file("dwi", "space-dscref_desc-core_mask.nii.gz"), "dsc", "dwi|adc"),
        penumbra=of_sessions(session_file("perf", "desc-penumbra_mask.nii.gz"), "dsc", "dwi|adc"),
        motion=of_sessions(session_file("perf", "desc-motion_timeseries.tsv"), "dsc"),
        curves=of_sessions(session_file("perf", "desc-aif_timeseries.tsv"), "dsc"),
        earlier_tmax=deficits_result("space-dscref_desc-baseline_tmax.nii.gz"),
        deficits=deficits_result("desc-reperfusion_dseg.nii.gz"),
        mirror=of_sessions(session_file("perf", "desc-mirror_xfm.json"), "dsc"),
        reflow_lesion=reflow_result(REFLOW_LESION),
        mirrored=reflow_result("desc-mirror_cbv.nii.gz"),
        asymmetry=reflow_result("desc-asymmetry_cbv.nii.gz"),
        imr=reflow_result("desc-imr_mask.nii.gz"),
    output:
        figures=directory(FIGURES),
    log:
        subject_log("plot_patient"),
    conda:
        CONDA
    params:
        **step("PlotPatient"),
        participant="{subject}",
        sessions=lambda wildcards: list(MANIFEST.sessions[wildcards.subject]),
    script:
        "../scripts/run_interface.py"


rule report_patient:
    input:
        patient=subject_file("measures.json"),
        sessions=patient_measures,
        figures=FIGURES,
    output:
        page=f"{OUTPUT_DIR}/sub-{{subject}}.html",
    log:
        subject_log("report_patient"),
    conda:
        CONDA
    params:
        **step("ReportPatient"),
        dictionaries=DICTIONARIES,
        criteria={name: entry["title"] for name, entry in CATALOGUE.items()},
    script:
        "../scripts/run_interface.py"


rule report_study:
    input:
        sessions=f"{OUTPUT_DIR}/group/sessions.tsv",
        patients=f"{OUTPUT_DIR}/group/patients.tsv",
        failures=f"{OUTPUT_DIR}/group/failures.tsv",
    output:
        page=STUDY_PAGE,
    log:
        f"{OUTPUT_DIR}/logs/report_study.log",
    conda:
        CONDA
    params:
        **step("ReportStudy"),
        dictionaries=DICTIONARIES,
    script:
        "../scripts/run_interface.py"
