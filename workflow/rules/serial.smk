# Needs: the baseline, post and follow-up sessions of a patient, as far as they exist.
# Gives: the follow-up lesion on its own grid and in the perfusion space after treatment, growth,
#        reperfusion and reflow, and the patient's row of the tables.


rule register_flair:
    input:
        fixed=session_file("dwi", "dwiref.nii.gz"),
        fixed_brain=session_file("dwi", "desc-brain_mask.nii.gz"),
        moving=raw("flair"),
        moving_brain=session_file("anat", "desc-brain_mask.nii.gz"),
    output:
        transform=session_file("anat", "from-flair_to-dwi_mode-image_xfm.txt"),
    log:
        session_log("register_flair"),
    conda:
        CONDA
    params:
        **FIT_LIMITS,
        **step("RegisterImages"),
    script:
        "../scripts/run_interface.py"


rule segment_lesion:
    input:
        reference=lesion_reference,
        brain=session_file("{datatype}", "desc-brain_mask.nii.gz"),
        mirror=session_file("{datatype}", "desc-mirror_xfm.json"),
        adc=if_has(session_file("dwi", "ADC.nii.gz"), "dwi|adc"),
        expert=raw("lesion"),
        expert_transform=expert_transform,
    output:
        lesion=session_file("{datatype}", "desc-lesion_mask.nii.gz"),
    log:
        session_log("segment_lesion_{datatype}"),
    conda:
        CONDA
    params:
        **step("SegmentLesion"),
        csf_adc=config["hypoperfusion"]["csf_adc"],
        expert_datatype=expert_datatype,
    script:
        "../scripts/run_interface.py"


rule register_followup:
    input:
        fixed=reference,
        fixed_brain=session_file("{datatype}", "desc-brain_mask.nii.gz"),
        moving=followup_reference,
        moving_brain=followup_file("desc-brain_mask.nii.gz"),
        lesion=followup_lesion,
    output:
        transform=session_file("{datatype}", "from-followup_to-anchor_mode-image_xfm.txt"),
    log:
        session_log("register_followup_{datatype}"),
    conda:
        CONDA
    params:
        **FIT_LIMITS,
        **step("RegisterImages"),
    script:
        "../scripts/run_interface.py"


rule project_lesion:
    input:
        lesion=followup_lesion,
        reference=session_file("perf", "dscref.nii.gz"),
        transforms=chain_to_followup,
    output:
        lesion=session_file("perf", "space-dscref_desc-lesion_mask.nii.gz"),
    log:
        session_log("project_lesion"),
    conda:
        CONDA
    params:
        **step("ProjectLesion"),
    script:
        "../scripts/run_interface.py"


rule measure_swelling:
    input:
        fixed=role_file("baseline", "dwi", "dwiref.nii.gz"),
        fixed_brain=role_file("baseline", "dwi", "desc-brain_mask.nii.gz"),
        moving=followup_reference,
        lesion=followup_lesion,
        transform=role_file("baseline", "dwi", "from-followup_to-anchor_mode-image_xfm.txt"),
    output:
        displacement=BASELINE_SWELLING,
    log:
        subject_log("measure_swelling"),
    conda:
        CONDA
    params:
        **step("MeasureSwelling"),
    script:
        "../scripts/run_interface.py"


rule quantify_growth:
    input:
        core=role_file("baseline", "dwi", "desc-core_mask.nii.gz"),
        lesion=followup_lesion,
        transform=role_file("baseline", "dwi", "from-followup_to-anchor_mode-image_xfm.txt"),
        displacement=swelling_file,
        penumbra=role_file("baseline", "perf", "desc-penumbra_mask.nii.gz", "dsc"),
        tmax6=role_file("baseline", "perf", "desc-tmax6_mask.nii.gz", "dsc"),
        tmax4=role_file("baseline", "perf", "desc-tmax4_mask.nii.gz", "dsc"),
        penumbra_transform=role_file("baseline", "dwi", "from-dwi_to-dscref_mode-image_xfm.txt", "dsc"),
    output:
        growth=subject_file("growth.json"),
        change=BASELINE_GROWTH,
    log:
        subject_log("quantify_growth"),
    conda:
        CONDA
    params:
        **step("QuantifyGrowth"),
    script:
        "../scripts/run_interface.py"


rule register_baseline:
    input:
        fixed=session_file("perf", "dscref.nii.gz"),
        fixed_brain=session_file("perf", "desc-brain_mask.nii.gz"),
        moving=role_file("baseline", "perf", "dscref.nii.gz"),
        moving_brain=role_file("baseline", "perf", "desc-brain_mask.nii.gz"),
    output:
        transform=session_file("perf", "from-baseline_to-dscref_mode-image_xfm.txt"),
    log:
        session_log("register_baseline"),
    conda:
        CONDA
    params:
        **FIT_LIMITS,
        **step("RegisterImages"),
    script:
        "../scripts/run_interface.py"


rule project_baseline:
    input:
        lesion=baseline_mask,
        reference=session_file("perf", "dscref.nii.gz"),
        transforms=session_file("perf", "from-baseline_to-dscref_mode-image_xfm.txt"),
    output:
        lesion=session_file("perf", "space-dscref_desc-baseline{source}_mask.nii.gz"),
    log:
        session_log("project_baseline_{source}"),
    wildcard_constraints:
        source="core|tmax6",
    conda:
        CONDA
    params:
        **step("ProjectLesion"),
    script:
        "../scripts/run_interface.py"


rule compare_deficits:
    input:
        before=session_file("perf", "space-dscref_desc-baselinetmax6_mask.nii.gz"),
        after=session_file("perf", "desc-tmax6_mask.nii.gz"),
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        tmax=role_file("baseline", "perf", "tmax.nii.gz"),
        transform=session_file("perf", "from-baseline_to-dscref_mode-image_xfm.txt"),
    output:
        change=session_file("perf", "desc-reperfusion_dseg.nii.gz"),
        earlier_tmax=session_file("perf", "space-dscref_desc-baseline_tmax.nii.gz"),
    log:
        session_log("compare_deficits"),
    conda:
        CONDA
    params:
        **step("CompareDeficits"),
    script:
        "../scripts/run_interface.py"


rule map_reflow:
    input:
        rcbv=session_file("perf", "desc-rel_cbv.nii.gz"),
        rcbf=session_file("perf", "desc-rel_cbf.nii.gz") if REFLOW["map"] == "rcbf" else [],
        delayed=session_file("perf", f"desc-{REFLOW['map']}_mask.nii.gz") if REFLOW["map"].startswith("tmax") else [],
        brain=session_file("perf", "desc-brain_mask.nii.gz"),
        deficit=session_file("perf", "desc-tmax6_mask.nii.gz"),
        lesion=session_file("perf", REFLOW_LESION),
        early=if_has(session_file("dwi", "space-dscref_desc-core_mask.nii.gz"), "dwi|adc"),
        adc=if_has(session_file("dwi", "space-dscref_ADC.nii.gz"), "dwi|adc"),
        mirror=session_file("perf", "desc-mirror_xfm.json"),
    output:
        mirrored=session_file("perf", "desc-mirror_cbv.nii.gz"),
        asymmetry=session_file("perf", "desc-asymmetry_cbv.nii.gz"),
        imr=session_file("perf", "desc-imr_mask.nii.gz"),
        measures=session_file("perf", "desc-imr_measures.json"),
    log:
        session_log("map_reflow"),
    conda:
        CONDA
    params:
        **{key: REFLOW[key] for key in REFLOW_PARAMETERS},
        **step("MapReflow"),
        csf_adc=config["hypoperfusion"]["csf_adc"],
        vessel_ratio=config["hypoperfusion"]["vessel_ratio"],
    script:
        "../scripts/run_interface.py"


rule measure_patient:
    input:
        baseline=measures("baseline"),
        post=measures("post"),
        lesion=followup_lesion,
        growth=growth_result(subject_file("growth.json")),
        deficits=deficits_result("desc-reperfusion_dseg.nii.gz"),
        reflow=reflow_document,
    output:
        measures=subject_file("measures.json"),
    log:
        subject_log("measure_patient"),
    conda:
        CONDA
    params:
        **step("MeasurePatient"),
        participant="{subject}",
        absences=absent_comparisons,
        exclusions=imr_exclusions,
        hours=hours_from_treatment,
        hours_allowed=REFLOW["hours_after_treatment"],
        significant_ml=REFLOW["significant_ml"],
    script:
        "../scripts/run_interface.py"
