# Needs: a session's core and hypoperfusion masks, its quality figures, and its reflow after treatment.
# Gives: the session's row of the tables with every trial's profile.


rule measure_session:
    input:
        ask_all(
            core=ask(Plan.own, "core"),
            flow_core=ask(Plan.own, "flow_core"),
            core_mirror=ask(Plan.own, "mirror", datatype="dwi"),
            core_curves=ask(Plan.own, "core_curves"),
            core_dscref=ask(Plan.own, "core_dscref"),
            tmax4=ask(Plan.own, "tmax4"),
            tmax6=ask(Plan.own, "tmax6"),
            tmax8=ask(Plan.own, "tmax8"),
            tmax10=ask(Plan.own, "tmax10"),
            delay3=ask(Plan.own, "delay3"),
            delay6=ask(Plan.own, "delay6"),
            delay_curves=ask(Plan.own, "delay_curves"),
            rttp45=ask(Plan.own, "rttp45"),
            penumbra=ask(Plan.own, "penumbra"),
            lowflow30=ask(Plan.own, "lowflow30"),
            lowflow40=ask(Plan.own, "lowflow40"),
            lowflow50=ask(Plan.own, "lowflow50"),
            deficit_mirror=ask(Plan.own, "mirror", datatype="perf"),
            deficit_curves=ask(Plan.own, "deficit_curves"),
            deficit_draws=ask(Plan.resampled, "deficit_draws"),
            motion=ask(Plan.own, "motion"),
            curves=ask(Plan.own, "aif"),
            transform=ask(Plan.own, "dwi_to_dscref"),
            reflow=ask(Plan.own, "reflow"),
            post=ask(Plan.if_role, "baseline", "post", "measures"),
        ),
    output:
        measures=result("measures"),
    log:
        session_log("measure_session"),
    conda:
        CONDA
    params:
        **step(
            "MeasureSession",
            criteria=CATALOGUE,
            half_widths=config["stability"],
            core_threshold=config["core"]["adc_threshold"],
            limits=config["quality"],
            participant=lambda wildcards: wildcards.subject,
            session=lambda wildcards: wildcards.session,
            role=ask(Plan.role),
            perfusion=ask(Plan.perfusion),
            side=ask(facts.side),
            is_oriented=ask(facts.is_oriented),
            clinical=ask(facts.asked_by_criteria),
            absences=ask(absences.absent_scans),
        ),
    message:
        "measuring the session and judging mismatch"
    script:
        "../scripts/run_interface.py"
