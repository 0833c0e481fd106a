# Needs: finished maps, masks, curves and measures.
# Gives: the figures of every session, a page for each patient and one for the study.

PAGES = expand(f"{OUTPUT_DIR}/sub-{{subject}}.html", subject=SUBJECTS)
STUDY_PAGE = f"{OUTPUT_DIR}/group.html"


rule plot_diffusion:
    input:
        trace=session_file("dwi", "trace.nii.gz"),
        adc=session_file("dwi", "ADC.nii.gz"),
        brain=session_file("dwi", "desc-brain_mask.nii.gz"),
        core=session_file("dwi", "desc-core_mask.nii.gz"),
        lesion=own_lesion,
    output:
        figure=session_figure("diffusion"),
    log:
        session_log("plot_diffusion"),
    conda:
        CONDA
    params:
        interface="PlotDiffusion",
        participant="{subject}",
        session="{session}",
        fingerprint=fingerprint("reports/figures"),
    script:
        "../scripts/run_interface.py"


rule plot_perfusion:
    input:
        reference=session_file("perf", "dscref.nii.gz"),
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        rcbf=session_file("perf", "desc-rel_cbf.nii.gz"),
        rcbv=session_file("perf", "desc-rel_cbv.nii.gz"),
        mtt=session_file("perf", "mtt.nii.gz"),
        tmax=session_file("perf", "tmax.nii.gz"),
        tmax6=session_file("perf", "desc-tmax6_mask.nii.gz"),
        trace=if_has(session_file("dwi", "space-dscref_trace.nii.gz"), "dwi|adc"),
        core=if_has(session_file("dwi", "space-dscref_desc-core_mask.nii.gz"), "dwi|adc"),
        penumbra=if_has(session_file("perf", "desc-penumbra_mask.nii.gz"), "dwi|adc"),
    output:
        figure=session_figure("perfusion"),
    log:
        session_log("plot_perfusion"),
    conda:
        CONDA
    params:
        interface="PlotPerfusion",
        participant="{subject}",
        session="{session}",
        fingerprint=fingerprint("reports/figures"),
    script:
        "../scripts/run_interface.py"


rule plot_quality:
    input:
        reference=session_file("perf", "dscref.nii.gz"),
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        motion=session_file("perf", "desc-motion_timeseries.tsv"),
        curves=session_file("perf", "desc-aif_timeseries.tsv"),
    output:
        figure=session_figure("quality"),
    log:
        session_log("plot_quality"),
    conda:
        CONDA
    params:
        interface="PlotQuality",
        participant="{subject}",
        session="{session}",
        fingerprint=fingerprint("reports/figures", "reports/quality"),
    script:
        "../scripts/run_interface.py"


rule plot_growth:
    input:
        trace=session_file("dwi", "trace.nii.gz"),
        brain=session_file("dwi", "desc-brain_mask.nii.gz"),
        change=session_file("dwi", "desc-growth_dseg.nii.gz"),
    output:
        figure=session_figure("growth"),
    log:
        session_log("plot_growth"),
    conda:
        CONDA
    params:
        interface="PlotGrowth",
        participant="{subject}",
        session="{session}",
        fingerprint=fingerprint("reports/figures"),
    script:
        "../scripts/run_interface.py"


rule plot_reperfusion:
    input:
        reference=session_file("perf", "dscref.nii.gz"),
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        before=session_file("perf", "space-dscref_desc-baseline_tmax.nii.gz"),
        after=session_file("perf", "tmax.nii.gz"),
        change=session_file("perf", "desc-reperfusion_dseg.nii.gz"),
    output:
        figure=session_figure("reperfusion"),
    log:
        session_log("plot_reperfusion"),
    conda:
        CONDA
    params:
        interface="PlotReperfusion",
        participant="{subject}",
        session="{session}",
        fingerprint=fingerprint("reports/figures"),
    script:
        "../scripts/run_interface.py"


rule plot_reflow:
    input:
        reference=session_file("perf", "dscref.nii.gz"),
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        lesion=REFLOW_LESION,
        mirror=session_file("perf", "desc-mirror_xfm.json"),
        rcbv=session_file("perf", "desc-rel_cbv.nii.gz"),
        mirrored=session_file("perf", "desc-mirror_cbv.nii.gz"),
        asymmetry=session_file("perf", "desc-asymmetry_cbv.nii.gz"),
        imr=session_file("perf", "desc-imr_mask.nii.gz"),
    output:
        figure=session_figure("reflow"),
    log:
        session_log("plot_reflow"),
    conda:
        CONDA
    params:
        interface="PlotReflow",
        participant="{subject}",
        session="{session}",
        fingerprint=fingerprint("reports/figures"),
    script:
        "../scripts/run_interface.py"


rule report_patient:
    input:
        patient=subject_file("measures.json"),
        sessions=patient_measures,
        figures=patient_figures,
    output:
        page=f"{OUTPUT_DIR}/sub-{{subject}}.html",
    log:
        subject_log("report_patient"),
    conda:
        CONDA
    params:
        interface="ReportPatient",
        dictionaries=DICTIONARIES,
        criteria={name: entry["title"] for name, entry in CATALOGUE.items()},
        fingerprint=fingerprint(
            "reports/page",
            "reports/templates/base.html",
            "reports/templates/parts.html",
            "reports/templates/patient.html",
        ),
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
        interface="ReportStudy",
        dictionaries=DICTIONARIES,
        fingerprint=fingerprint(
            "reports/page",
            "reports/templates/base.html",
            "reports/templates/parts.html",
            "reports/templates/study.html",
        ),
    script:
        "../scripts/run_interface.py"
