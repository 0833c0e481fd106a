# Needs: the baseline, post, late and follow-up sessions of a patient, as far as they exist.
# Gives: the follow-up lesion on its own grid and in the perfusion spaces after treatment, growth,
#        reperfusion and reflow, and the patient's row of the tables.

REFLOW = PLAN.reflow_settings
#: What of them the step itself takes.
REFLOW_PARAMETERS = """map lesion_source asymmetry_threshold rule noise_limit min_volume_ml min_covered_share
    min_one_sided_share""".split()


rule extract_brain:
    input:
        reference=ask(Plan.reference, datatype="anat"),
        given=ask(Plan.given_brain, datatype="anat"),
    output:
        brain=result("brain", datatype="anat"),
        mirror=result("mirror", datatype="anat"),
    log:
        session_log("extract_brain"),
    conda:
        CONDA
    params:
        **step(
            "ExtractBrain",
            unreadable=ask(Plan.unreadable_brain, datatype="anat"),
        ),
    message:
        "extracting the brain of the FLAIR image"
    script:
        "../scripts/run_interface.py"


rule register_flair:
    input:
        fixed=result("dwiref"),
        fixed_brain=result("brain", datatype="dwi"),
        moving=ask(Plan.raw, "flair"),
        moving_brain=result("brain", datatype="anat"),
    output:
        transform=result("flair_to_dwi"),
    log:
        session_log("register_flair"),
    conda:
        CONDA
    params:
        **step("RegisterImages", **FIT_LIMITS),
    message:
        "aligning FLAIR with diffusion"
    script:
        "../scripts/run_interface.py"


rule segment_lesion:
    input:
        reference=ask(Plan.lesion_image),
        brain=result("brain"),
        mirror=result("mirror"),
        adc=ask(Plan.own, "adc"),
        expert=ask(Plan.raw, "lesion"),
        expert_transform=ask(Plan.expert_transform),
    output:
        lesion=result("lesion"),
    log:
        session_log("segment_lesion_{datatype}"),
    conda:
        CONDA
    params:
        **step(
            "SegmentLesion",
            **config["intervals"],
            csf_adc=config["hypoperfusion"]["csf_adc"],
            unreadable=ask(Plan.unreadable, "lesion"),
            expert_datatype=ask(Plan.expert_datatype),
            side=ask(facts.side),
        ),
    message:
        "preparing the follow-up lesion"
    script:
        "../scripts/run_interface.py"


rule register_followup:
    input:
        fixed=ask(Plan.reference),
        fixed_brain=result("brain"),
        moving=ask(Plan.followup_reference),
        moving_brain=ask(Plan.with_lesion, "brain"),
        lesion=ask(Plan.with_lesion, "lesion"),
    output:
        transform=result("to_followup"),
    log:
        session_log("register_followup_{datatype}"),
    conda:
        CONDA
    params:
        **step("RegisterImages", **FIT_LIMITS),
    message:
        "aligning with the follow-up scan"
    script:
        "../scripts/run_interface.py"


# the same, where the swelling of the lesion is undone
rule align_followup:
    input:
        ask(Plan.where_made, "swelling"),
        fixed=result("dwiref"),
        fixed_brain=result("brain", datatype="dwi"),
        moving=ask(Plan.followup_reference),
        moving_brain=ask(Plan.with_lesion, "brain"),
        lesion=ask(Plan.with_lesion, "lesion"),
    output:
        transform=result("to_followup", datatype="dwi"),
        displacement=result("swelling"),
    log:
        session_log("align_followup"),
    conda:
        CONDA
    params:
        **step("AlignFollowup", **FIT_LIMITS),
    message:
        "aligning with the follow-up scan, and measuring swelling"
    script:
        "../scripts/run_interface.py"


ruleorder: align_followup > register_followup


rule project_lesion:
    input:
        lesion=ask(Plan.with_lesion, "lesion"),
        reference=result("dscref"),
        transforms=ask(Plan.chain_to_followup),
    output:
        lesion=result("lesion_dscref"),
    log:
        session_log("project_lesion"),
    conda:
        CONDA
    params:
        **step("ProjectLesion"),
    message:
        "bringing the follow-up lesion into perfusion space"
    script:
        "../scripts/run_interface.py"


rule quantify_growth:
    input:
        core=result("core"),
        lesion=ask(Plan.with_lesion, "lesion"),
        transform=result("to_followup", datatype="dwi"),
        displacement=ask(Plan.own, "swelling"),
        penumbra=ask(Plan.own, "penumbra"),
        tmax6=ask(Plan.own, "tmax6"),
        tmax4=ask(Plan.own, "tmax4"),
        penumbra_transform=ask(Plan.own, "dwi_to_dscref"),
    output:
        growth=result("growth"),
        change=result("change"),
    log:
        session_log("quantify_growth"),
    conda:
        CONDA
    params:
        **step("QuantifyGrowth"),
    message:
        "measuring infarct growth"
    script:
        "../scripts/run_interface.py"


if PLAN.manifest.has_any("ctp"):

    # the same from CT, on which the core is found by blood flow
    use rule quantify_growth as quantify_flow_growth with:
        input:
            ask(Plan.where_made, "flow_change"),
            core=result("flow_core"),
            lesion=ask(Plan.with_lesion, "lesion"),
            transform=result("to_followup", datatype="perf"),
            penumbra=ask(Plan.own, "penumbra"),
            tmax6=ask(Plan.own, "tmax6"),
            tmax4=ask(Plan.own, "tmax4"),
        output:
            growth=result("growth"),
            change=result("flow_change"),
        message:
            "measuring infarct growth since CT"

    ruleorder: quantify_flow_growth > quantify_growth


rule compare_with_baseline:
    input:
        fixed=result("dscref"),
        fixed_brain=result("brain", datatype="perf"),
        moving=ask(Plan.of_role, "baseline", "dscref"),
        moving_brain=ask(Plan.of_role, "baseline", "brain", datatype="perf"),
        deficit=ask(Plan.of_role, "baseline", "tmax6"),
        after=result("tmax6"),
        tmax=ask(Plan.of_role, "baseline", "tmax"),
    output:
        transform=result("baseline_to_dscref"),
        before=result("baseline_tmax6"),
        change=result("deficits"),
        earlier_tmax=result("earlier_tmax"),
    log:
        session_log("compare_with_baseline"),
    conda:
        CONDA
    params:
        **step("CompareWithBaseline", **FIT_LIMITS),
    message:
        "comparing the perfusion deficit with baseline"
    script:
        "../scripts/run_interface.py"


rule project_baseline:
    input:
        lesion=ask(Plan.of_role, "baseline", "core_dscref"),
        reference=result("dscref"),
        transforms=result("baseline_to_dscref"),
    output:
        lesion=result("baseline_core"),
    log:
        session_log("project_baseline"),
    conda:
        CONDA
    params:
        **step("ProjectLesion"),
    message:
        "bringing the core at baseline into the space of this session"
    script:
        "../scripts/run_interface.py"


rule map_reflow:
    input:
        rcbv=result("rcbv"),
        rcbf=result("rcbf"),
        tmax4=result("tmax4"),
        deficit=result("tmax6"),
        brain=result("brain", datatype="perf"),
        lesion=ask(Plan.lesion_after, "followup"),
        baseline_core=ask(Plan.lesion_after, "core"),
        baseline_deficit=ask(Plan.lesion_after, "deficit"),
        early=ask(Plan.own, "core_dscref"),
        adc=ask(Plan.own, "adc_dscref"),
        rcbv_sd=ask(Plan.resampled, "rcbv_sd"),
        mirror=result("mirror", datatype="perf"),
    output:
        mirrored=result("mirrored"),
        asymmetry=result("asymmetry"),
        imr=result("imr"),
        asymmetry_sweep=result("asymmetry_sweep"),
        measures=result("reflow"),
    log:
        session_log("map_reflow"),
    conda:
        CONDA
    params:
        **step(
            "MapReflow",
            **{key: REFLOW[key] for key in REFLOW_PARAMETERS},
            **config["intervals"],
            csf_adc=config["hypoperfusion"]["csf_adc"],
            vessel_ratio=config["hypoperfusion"]["vessel_ratio"],
            definitions=options.measured_by(PLAN.definitions),
        ),
    message:
        "mapping microvascular reflow"
    script:
        "../scripts/run_interface.py"


if PLAN.manifest.has_any("asl"):

    # the same, of flow by ASL in the follow-up lesion
    use rule map_reflow as map_reflow_by_labelling with:
        input:
            rcbf=result("rcbf"),
            deficit=result("lowflow40"),
            brain=result("brain", datatype="perf"),
            lesion=ask(Plan.lesion_after, "followup"),
            early=ask(Plan.own, "core_dscref"),
            adc=ask(Plan.own, "adc_dscref"),
            mirror=result("mirror", datatype="perf"),
        output:
            mirrored=result("mirrored_cbf"),
            asymmetry=result("asymmetry_cbf"),
            imr=result("imr"),
            asymmetry_sweep=result("asymmetry_sweep"),
            measures=result("reflow"),
        message:
            "mapping microvascular reflow by ASL"

    ruleorder: map_reflow > map_reflow_by_labelling


rule measure_patient:
    input:
        ask_all(
            baseline=ask(Plan.of_role, "baseline", "measures"),
            post=ask(Plan.of_role, "post", "measures"),
            lesion=ask(Plan.with_lesion, "lesion"),
            growth=ask(Plan.of_role, "baseline", "growth"),
            deficits=ask(Plan.of_role, "post", "deficits"),
            reflow=ask(Plan.of_role, "post", "reflow"),
            reflow_late=ask(Plan.of_role, "late", "reflow"),
        ),
    output:
        measures=result("patient"),
    log:
        subject_log("measure_patient"),
    conda:
        CONDA
    params:
        **step(
            "MeasurePatient",
            has_late=config["sessions"]["late"] is not None,
            hours_allowed=REFLOW["hours_after_treatment"],
            significant_ml=REFLOW["significant_ml"],
            participant=lambda wildcards: wildcards.subject,
            absences=ask(absences.absent_comparisons),
            exclusions=ask(facts.reflow_exclusions),
            unknown_exclusions=ask(facts.unknown_exclusions),
            hours=ask(facts.hours_from_treatment),
            exclusions_late=ask(facts.reflow_exclusions, role="late"),
            hours_late=ask(facts.hours_from_treatment, role="late"),
        ),
    message:
        "measuring changes between sessions"
    script:
        "../scripts/run_interface.py"
